// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/in_doubt.h"

#include "recovery_gate/binlog/binlog_file.h"
#include "testing/fakes.h"
#include "testing/test_log.h"

namespace recovery_gate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const GtidState from_server_1 = {{{0, 1}, 0}};

std::vector<std::uint64_t> shown(const InDoubt &found) {
  std::vector<std::uint64_t> numbers;
  for (const InDoubt::Item &item : found.last)
    numbers.push_back(item.transaction.gtid->sequence);
  return numbers;
}

class InDoubtTest : public testing::Test {
 protected:
  std::string write(const std::string &name, const TestLog &log) {
    return folder.write(name, log.bytes());
  }

  TestFolder folder;
};

TEST_F(InDoubtTest, AreNoneWhereNobodyIsAskedFor) {
  TestLog log;
  log.transaction(1);
  const InDoubt found = find_in_doubt(
      {{write("bin.000001", log)}, 0, 0, {}, {}, {}}, 10, nullptr);
  EXPECT_EQ(found.count, 0u);
  EXPECT_THAT(found.reservation, IsEmpty());
}

TEST_F(InDoubtTest, AreThoseOfTheServersThatAreAskedFor) {
  TestLog log;
  log.transaction(1);
  log.server_id = 2;
  log.transaction(2);
  log.server_id = 1;
  log.domain = 7;
  log.transaction(3);
  log.domain = 0;
  log.transaction(4);
  const InDoubt found = find_in_doubt(
      {{write("bin.000001", log)}, 0, 0, {}, from_server_1, {}}, 10, nullptr);
  EXPECT_THAT(shown(found), ElementsAre(1, 4));
  EXPECT_EQ(found.count, 2u);
}

TEST_F(InDoubtTest, AreCountedWithTheBytesThatTheyTake) {
  TestLog log;
  const std::uint64_t before = log.size();
  log.transaction(1).transaction(2, 5000);
  const InDoubt found = find_in_doubt(
      {{write("bin.000001", log)}, 0, 0, {}, from_server_1, {}}, 1, nullptr);
  EXPECT_EQ(found.count, 2u);
  EXPECT_EQ(found.bytes, log.size() - before);
  EXPECT_THAT(shown(found), ElementsAre(2));
  EXPECT_EQ(found.last[0].end, (BinlogPosition{"bin.000001", log.size()}));
}

TEST_F(InDoubtTest, BeginAndEndInsideALog) {
  TestLog log;
  log.transaction(1);
  const std::uint64_t from = log.size();
  log.transaction(2);
  const std::uint64_t to = log.size();
  log.transaction(3);
  const InDoubt found = find_in_doubt(
      {{write("bin.000001", log)}, from, to, {}, from_server_1, {}}, 10,
      nullptr);
  EXPECT_THAT(shown(found), ElementsAre(2));
}

TEST_F(InDoubtTest, AreInAllLogsOfTheStretch) {
  TestLog first, second, third;
  first.transaction(1);
  const std::uint64_t from = first.size();
  first.transaction(2);
  second.transaction(3);
  third.transaction(4);
  const std::uint64_t to = third.size();
  third.transaction(5);
  const InDoubt found =
      find_in_doubt({{write("bin.000001", first), write("bin.000002", second),
                      write("bin.000003", third)},
                     from,
                     to,
                     {},
                     from_server_1,
                     {}},
                    10, nullptr);
  EXPECT_THAT(shown(found), ElementsAre(2, 3, 4));
  EXPECT_EQ(found.last[1].end.file, "bin.000002");
}

TEST_F(InDoubtTest, OfTheOldestLogsAreNotLookedForWhenThatIsTooMuch) {
  TestLog first, second, third;
  first.transaction(1);
  second.transaction(2);
  third.transaction(3, 5000);
  const InDoubtStretch stretch{
      {write("bin.000001", first), write("bin.000002", second),
       write("bin.000003", third)},
      0,
      0,
      {},
      from_server_1,
      {}};
  const std::uint64_t all = first.size() + second.size() + third.size();
  EXPECT_THAT(shown(find_in_doubt(stretch, 10, nullptr, {}, all)),
              ElementsAre(1, 2, 3));
  EXPECT_THAT(find_in_doubt(stretch, 10, nullptr, {}, all).reservation,
              IsEmpty());
  const InDoubt without_first =
      find_in_doubt(stretch, 10, nullptr, {}, all - 1);
  EXPECT_THAT(shown(without_first), ElementsAre(2, 3));
  EXPECT_THAT(without_first.reservation,
              testing::HasSubstr("before bin.000002 were not read"));
  EXPECT_THAT(shown(find_in_doubt(stretch, 10, nullptr, {}, 1)),
              ElementsAre(3));
}

TEST_F(InDoubtTest, KeepTheReservationThatTheSearchBeganWith) {
  TestLog log;
  log.transaction(1);
  const std::string path = write("bin.000001", log);
  for (const GtidState &sources : {GtidState(), from_server_1}) {
    const InDoubt found = find_in_doubt(
        {{path, folder.file("bin.000002")}, 0, 0, {}, sources, "who knows"}, 10,
        nullptr);
    EXPECT_EQ(found.reservation, "who knows");
    EXPECT_TRUE(found.is_final);
  }
}

TEST_F(InDoubtTest, SayWhenALogIsGone) {
  TestLog second;
  second.transaction(3);
  const InDoubt found =
      find_in_doubt({{folder.file("bin.000001"), write("bin.000002", second)},
                     0,
                     0,
                     {},
                     from_server_1,
                     {}},
                    10, nullptr);
  EXPECT_THAT(shown(found), ElementsAre(3));
  EXPECT_THAT(found.reservation, testing::HasSubstr("bin.000001"));
}

TEST_F(InDoubtTest, SayWhenTheLogIsAnother) {
  TestLog log;
  log.transaction(1).transaction(2);
  const std::string path = write("bin.000001", log);
  const auto identity = binlog_identity(path, log.size());
  const InDoubtStretch stretch{{path},        0, log.size(), identity,
                               from_server_1, {}};
  EXPECT_EQ(find_in_doubt(stretch, 10, nullptr).count, 2u);
  TestLog other;
  other.transaction(1).transaction(7);
  write("bin.000001", other);
  const InDoubt found = find_in_doubt(stretch, 10, nullptr);
  EXPECT_EQ(found.count, 0u);
  EXPECT_THAT(found.reservation, testing::HasSubstr("not the log"));
}

TEST_F(InDoubtTest, SayWhenABitOfATransactionIsWrong) {
  TestLog log;
  log.transaction(1);
  const std::uint64_t begin = log.size();
  log.transaction(2, 500);
  std::string bytes = log.bytes();
  bytes[begin + 200] ^= 1;  // in a row
  const InDoubt found = find_in_doubt(
      {{folder.write("bin.000001", bytes)}, 0, 0, {}, from_server_1, {}}, 10,
      nullptr);
  EXPECT_EQ(found.count, 2u);
  EXPECT_THAT(found.reservation, testing::HasSubstr("checksum"));
}

TEST_F(InDoubtTest, OfAnEncryptedLogTakeTheKey) {
  TestLog log;
  log.encrypt().transaction(1);
  const InDoubtStretch stretch{
      {write("bin.000001", log)}, 0, 0, {}, from_server_1, {}};
  ToyDecryptor decryptor;
  EXPECT_THAT(shown(find_in_doubt(stretch, 10, &decryptor)), ElementsAre(1));
  const InDoubt found = find_in_doubt(stretch, 10, nullptr);
  EXPECT_EQ(found.count, 0u);
  EXPECT_THAT(found.reservation, testing::HasSubstr("encrypted"));
}

TEST_F(InDoubtTest, AreNotLookedForLongerThanAnybodyWantsToKnow) {
  TestLog log;
  log.transaction(1).transaction(2).transaction(3);
  int asked = 0;
  const InDoubt found =
      find_in_doubt({{write("bin.000001", log)}, 0, 0, {}, from_server_1, {}},
                    10, nullptr, [&] { return ++asked == 2; });
  EXPECT_THAT(shown(found), ElementsAre(1, 2));
  EXPECT_THAT(found.reservation, testing::HasSubstr("interrupted"));
  EXPECT_FALSE(found.is_final);
}

/* -------------------------------------------------------------------------
   Where they are. */

const std::vector<std::string> three_logs = {"./bin.000001", "./bin.000002",
                                             "./bin.000003"};

StartFacts facts_of_a_start() {
  StartFacts facts;
  facts.unsettled = {{{0, 1}, 42}};
  facts.first_unsettled_log = "./bin.000001";
  facts.recovered_end = {"bin.000002", 700};
  facts.recovered_identity = 99;
  return facts;
}

Settled settled_at(const BinlogPosition &position) {
  Settled settled;
  settled.position = position;
  return settled;
}

TEST(InDoubtStretch, GoesFromTheSettledPlaceToTheEndOfWhatWasRecovered) {
  const InDoubtStretch stretch = find_stretch(
      facts_of_a_start(), settled_at({"bin.000001", 300}), three_logs);
  EXPECT_THAT(stretch.logs, ElementsAre("./bin.000001", "./bin.000002"));
  EXPECT_EQ(stretch.from, 300u);
  EXPECT_EQ(stretch.to, 700u);
  EXPECT_EQ(stretch.identity, 99u);
  EXPECT_EQ(stretch.sources, facts_of_a_start().unsettled);
}

TEST(InDoubtStretch, BeginsWithTheFirstLogThatHoldsAnyOfIt) {
  StartFacts facts = facts_of_a_start();
  facts.first_unsettled_log = "./bin.000002";
  const InDoubtStretch stretch =
      find_stretch(facts, settled_at({"bin.000001", 300}), three_logs);
  EXPECT_THAT(stretch.logs, ElementsAre("./bin.000002"));
  EXPECT_EQ(stretch.from, 0u);
}

TEST(InDoubtStretch, IsAllLogsWhenNoPlaceIsSettled) {
  StartFacts facts = facts_of_a_start();
  facts.first_unsettled_log.clear();
  for (const auto &settled :
       {std::optional<Settled>(),
        std::optional<Settled>(settled_at({"bin.000001", 300}))}) {
    const InDoubtStretch stretch = find_stretch(facts, settled, three_logs);
    EXPECT_THAT(stretch.logs, ElementsAre("./bin.000001", "./bin.000002"));
    EXPECT_EQ(stretch.from, 0u);
    EXPECT_THAT(stretch.reservation, testing::HasSubstr("perhaps fewer"));
  }
}

TEST(InDoubtStretch, IsWhatIsLeftWhenLogsHaveExpired) {
  const InDoubtStretch second =
      find_stretch(facts_of_a_start(), settled_at({"bin.000001", 300}),
                   {"./bin.000002", "./bin.000003"});
  EXPECT_THAT(second.logs, ElementsAre("./bin.000002"));
  EXPECT_EQ(second.from, 0u);
  EXPECT_EQ(second.to, 700u);
  EXPECT_EQ(second.reservation, "perhaps more: bin.000001 no longer exists");
  const InDoubtStretch none = find_stretch(
      facts_of_a_start(), settled_at({"bin.000001", 300}), {"./bin.000003"});
  EXPECT_THAT(none.logs, IsEmpty());
  EXPECT_EQ(none.reservation, second.reservation);
}

TEST(InDoubtStretch, IsUnderTheReservationsOfTheStart) {
  StartFacts facts = facts_of_a_start();
  EXPECT_THAT(find_stretch(facts, {}, three_logs).reservation, IsEmpty());
  facts.unprovable = "a log was deleted";
  EXPECT_EQ(find_stretch(facts, {}, three_logs).reservation,
            "perhaps more: a log was deleted");
  facts.doubt = "nobody knows";
  facts.first_unsettled_log.clear();
  EXPECT_EQ(find_stretch(facts, {}, three_logs).reservation,
            "perhaps more: nobody knows");
}

}  // namespace
}  // namespace recovery_gate
