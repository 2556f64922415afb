// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/owed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "testing/test_log.h"

namespace recovery_gate {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class OwedCollectorTest : public testing::Test {
 protected:
  /* One transaction behind the others. */
  void add(Gtid gtid, Origin origin, bool marked = false,
           TransactionKind kind = TransactionKind::COMMIT_XID) {
    Transaction transaction;
    transaction.gtid = gtid;
    transaction.kind = kind;
    transaction.marked = marked;
    transaction.begin = offset_;
    transaction.end = offset_ += 100;
    collector.add(transaction, origin, "bin.000001");
  }

  OwedCollector collector{{{{0, 1}, 4}, {{0, 2}, 3}}};

 private:
  std::uint64_t offset_ = 4;
};

TEST_F(OwedCollectorTest, FindsNothingInWhatWasReceived) {
  add({0, 2, 5}, Origin::RECEIVED);
  add({0, 2, 6}, Origin::RECEIVED);
  EXPECT_TRUE(collector.take().empty());
}

TEST_F(OwedCollectorTest, KnowsTheFirstAndTheLastOfASeries) {
  add({0, 2, 5}, Origin::RECEIVED);
  add({0, 1, 6}, Origin::OWN);
  add({0, 1, 7}, Origin::OWN);
  const Owed owed = collector.take();
  const OwedDomain &domain = owed.domains.at(0);
  EXPECT_EQ(to_string(domain.first), "0-1-6");
  EXPECT_EQ(to_string(domain.last), "0-1-7");
  EXPECT_EQ(domain.begin, (BinlogPosition{"bin.000001", 104}));
  EXPECT_EQ(domain.before.at(1), 4u);
  EXPECT_EQ(domain.before.at(2), 5u);
  EXPECT_EQ(domain.lowest.at(1), 6u);
  EXPECT_EQ(domain.highest.at(1), 7u);
  EXPECT_THAT(domain.broken, IsEmpty());
  EXPECT_EQ(to_string(owed.gtids()), "0-1-7");
}

TEST_F(OwedCollectorTest, SaysThatAReceivedOneHidesWhatComesBefore) {
  add({0, 1, 5}, Origin::OWN);
  add({0, 2, 6}, Origin::RECEIVED);
  const OwedDomain domain = collector.take().domains.at(0);
  EXPECT_THAT(domain.broken, IsEmpty()) << "up to the last owed one";
  EXPECT_THAT(domain.followed,
              testing::AllOf(HasSubstr("0-2-6"), HasSubstr("0-1-5")));
  EXPECT_EQ(domain.hidden(), domain.followed);
}

TEST_F(OwedCollectorTest, SaysThatAReceivedOneStandsBetweenItsOwn) {
  add({0, 1, 5}, Origin::OWN);
  add({0, 2, 6}, Origin::RECEIVED);
  add({0, 1, 7}, Origin::OWN);
  EXPECT_THAT(collector.take().domains.at(0).broken,
              testing::AllOf(HasSubstr("0-2-6"), HasSubstr("0-1-5")));
}

TEST_F(OwedCollectorTest, KeepsDomainsApart) {
  add({0, 1, 5}, Origin::OWN);
  add({7, 2, 6}, Origin::RECEIVED);
  add({8, 1, 1}, Origin::OWN);
  const Owed owed = collector.take();
  EXPECT_THAT(owed.domains.at(0).broken, IsEmpty());
  EXPECT_EQ(owed.domains.count(7), 0u);
  EXPECT_EQ(to_string(owed.gtids()), "0-1-5,8-1-1");
}

TEST_F(OwedCollectorTest, SeesANumberThatStandsTwice) {
  add({0, 1, 4}, Origin::OWN);
  EXPECT_THAT(collector.take().domains.at(0).broken, HasSubstr("twice"));
}

TEST_F(OwedCollectorTest, SeesNumbersThatGoBack) {
  add({0, 1, 9}, Origin::OWN);
  add({0, 1, 6}, Origin::OWN);
  const Owed owed = collector.take();
  EXPECT_THAT(owed.domains.at(0).broken, HasSubstr("go back to GTID 0-1-6"));
  EXPECT_EQ(owed.domains.at(0).lowest.at(1), 6u);
  EXPECT_EQ(owed.domains.at(0).highest.at(1), 9u);
}

TEST_F(OwedCollectorTest, SeesWhatReplicasMayHaveLeftOut) {
  add({0, 1, 5}, Origin::OWN, true);
  const Owed owed = collector.take();
  EXPECT_TRUE(owed.marked());
  EXPECT_THAT(owed.domains.at(0).broken, HasSubstr("skip_replication"));
}

TEST_F(OwedCollectorTest, DoesNotCountWhatRecoveryDiscarded) {
  add({0, 1, 5}, Origin::OWN, false, TransactionKind::UNFINISHED);
  EXPECT_TRUE(collector.take().empty());
}

TEST_F(OwedCollectorTest, SeesWhereSomethingWasAppliedAndNotLogged) {
  add({0, 1, 5}, Origin::OWN);
  add({0, 1, 9}, Origin::OWN);
  EXPECT_THAT(collector.take().domains.at(0).broken,
              HasSubstr("before GTID 0-1-9"));
}

TEST_F(OwedCollectorTest, TakesTheFirstNumberAsItComes) {
  add({0, 1, 900}, Origin::OWN);
  add({0, 1, 901}, Origin::OWN);
  EXPECT_THAT(collector.take().domains.at(0).broken, IsEmpty());
}

TEST_F(OwedCollectorTest, CountsOnUnderAnotherIdOfItsOwn) {
  add({0, 1, 5}, Origin::OWN);
  add({0, 7, 6}, Origin::OWN);
  const Owed owed = collector.take();
  EXPECT_EQ(owed.domains.at(0).writers, (ServerIds{1, 7}));
  EXPECT_THAT(owed.domains.at(0).broken, IsEmpty());
  EXPECT_EQ(to_string(owed.gtids()), "0-1-5,0-7-6");
}

TEST_F(OwedCollectorTest, TakesWhatMayHaveBeenReceivedForOwed) {
  add({0, 2, 5}, Origin::ASSUMED);
  add({0, 2, 6}, Origin::ASSUMED);
  add({0, 1, 7}, Origin::OWN);
  const Owed owed = collector.take();
  EXPECT_EQ(to_string(owed.gtids()), "0-1-7,0-2-6");
  EXPECT_THAT(owed.domains.at(0).broken, IsEmpty())
      << "only this server gives what it wrote itself last";
}

TEST_F(OwedCollectorTest, SeesThatWhatMayHaveBeenReceivedHidesWhatComesBefore) {
  for (const Origin before : {Origin::OWN, Origin::ASSUMED}) {
    collector = OwedCollector({});
    add({0, 1, 5}, before);
    add({0, 2, 6}, Origin::ASSUMED);
    const Owed owed = collector.take();
    EXPECT_EQ(to_string(owed.gtids()), "0-1-5,0-2-6");
    EXPECT_THAT(owed.domains.at(0).broken,
                testing::AllOf(HasSubstr("0-2-6"), HasSubstr("0-1-5"),
                               HasSubstr("may have received")));
  }
}

/* Two logs, with 0-1-1 to 0-1-3 and 0-1-4 to 0-1-5. */
class ReadOwedTest : public testing::Test {
 protected:
  ReadOwedTest() {
    first.gtid_list({}).transaction(1).transaction(2).transaction(3).rotate(
        "bin.000002");
    second.gtid_list({{{0, 1}, 3}}).transaction(4).transaction(5);
    write();
  }
  void write() {
    search.logs = {folder.write("bin.000001", first.bytes()),
                   folder.write("bin.000002", second.bytes())};
  }
  Owed read(const BinlogPosition &from) {
    return read_owed(search, {from, {"bin.000002", second.size()}}, {});
  }

  TestFolder folder;
  TestLog first, second;
  OwedSearch search;
};

TEST_F(ReadOwedTest, ReadsAStretchOverSeveralLogs) {
  const OwedDomain domain = read({}).domains.at(0);
  EXPECT_EQ(to_string(domain.first), "0-1-1");
  EXPECT_EQ(to_string(domain.last), "0-1-5");
  EXPECT_EQ(domain.begin, (BinlogPosition{"bin.000001", first.offset(2)}));
  EXPECT_THAT(domain.broken, IsEmpty());
}

TEST_F(ReadOwedTest, BeginsInsideALogAndEndsInsideAnother) {
  const Owed owed = read_owed(
      search,
      {{"bin.000001", first.offset(5)}, {"bin.000002", second.offset(5)}}, {});
  EXPECT_EQ(to_string(owed.domains.at(0).first), "0-1-2");
  EXPECT_EQ(to_string(owed.domains.at(0).last), "0-1-4");
}

TEST_F(ReadOwedTest, FindsNothingAtTheEnd) {
  EXPECT_TRUE(read({"bin.000002", second.size()}).empty());
}

TEST_F(ReadOwedTest, ReadsNoMoreThanItMay) {
  search.most = second.size() - second.offset(2);
  EXPECT_THAT(read({"bin.000002", second.offset(2)}).unknown, IsEmpty());
  search.most -= 1;
  EXPECT_THAT(read({"bin.000002", second.offset(2)}).unknown,
              HasSubstr("too much"));
}

TEST_F(ReadOwedTest, IsBrokenOffOnDemand) {
  for (int number = 6; number < 5000; ++number)
    second.transaction(static_cast<std::uint64_t>(number), 1);
  write();
  search.cancelled = [] { return true; };
  EXPECT_THAT(read({}).unknown, HasSubstr("interrupted"));
}

TEST_F(ReadOwedTest, DoesNotCountATransactionWithoutItsEnd) {
  second.gtid(6).rows();
  write();
  EXPECT_EQ(to_string(read({}).domains.at(0).last), "0-1-5");
}

TEST_F(ReadOwedTest, KnowsNothingOfWhatIsNotThere) {
  const BinlogPosition end{"bin.000002", second.size() + 100};
  EXPECT_THAT(read_owed(search, {{}, end}, {}).unknown,
              HasSubstr("bin.000002"));
  std::filesystem::remove(search.logs[0]);
  EXPECT_THAT(read({}).unknown, HasSubstr("bin.000001"));
}

/* What is in the first log is read while that is there. */
class ReadOnTest : public ReadOwedTest {
 protected:
  void read_first(const BinlogPosition &from = {}) {
    read_owed(search, {from, {"bin.000001", first.size()}}, {}, &known);
    ASSERT_TRUE(known);
    search.known = &*known;
  }
  void delete_first() { search.logs.erase(search.logs.begin()); }

  std::optional<ReadOwed> known;
};

TEST_F(ReadOnTest, FindsTheSameWhenALogHasGone) {
  read_first();
  const OwedDomain all = read({}).domains.at(0);
  delete_first();
  const OwedDomain domain = read({}).domains.at(0);
  EXPECT_EQ(domain.begin, all.begin);
  EXPECT_EQ(to_string(domain.first), "0-1-1");
  EXPECT_EQ(to_string(domain.last), "0-1-5");
  EXPECT_THAT(domain.broken, IsEmpty());
}

TEST_F(ReadOnTest, SeesInTheNextLogWhatBreaksTheSeries) {
  second.transaction(5);
  write();
  read_first();
  delete_first();
  EXPECT_THAT(read({}).domains.at(0).broken, HasSubstr("twice"));
}

TEST_F(ReadOnTest, ReadsWhatFollowsOnly) {
  read_first();
  search.most = second.size();
  EXPECT_THAT(read({}).unknown, IsEmpty());
}

TEST_F(ReadOnTest, KnowsNothingOfAnotherStretch) {
  const BinlogPosition from{"bin.000001", first.offset(5)};
  read_first(from);
  delete_first();
  EXPECT_THAT(read({"bin.000001", first.offset(2)}).unknown,
              HasSubstr("bin.000001 no longer exists"));
  EXPECT_THAT(
      read_owed(search, {from, {"bin.000002", second.size()}}, {{{0, 1}, 1}})
          .unknown,
      HasSubstr("bin.000001 no longer exists"));
}

TEST_F(ReadOnTest, KnowsNothingWhenTheNextLogHasGoneToo) {
  read_first();
  search.logs = {folder.write("bin.000003", second.bytes())};
  EXPECT_THAT(
      read_owed(search, {{}, {"bin.000003", second.size()}}, {}).unknown,
      HasSubstr("bin.000001 no longer exists"));
}

TEST_F(ReadOnTest, ReadsAgainWhenOthersAreTheServersOwn) {
  TestLog log;
  log.gtid_list({}).transaction(1);
  log.server_id = 7;
  log.transaction(2);
  search.logs[0] = folder.write("bin.000001", log.bytes());
  const auto read_log = [&] {
    read_owed(search, {{}, {"bin.000001", log.size()}}, {}, &known);
    search.known = &*known;
  };
  search.writers.own = {7};
  read_log();
  search.writers = {};
  EXPECT_THAT(read({}).domains.at(0).broken, HasSubstr("0-7-2"));
  read_log();
  search.writers.assumed = {7};
  EXPECT_THAT(read({}).domains.at(0).broken, HasSubstr("may have received"));
  read_log();
  search.writers.own = {7};
  EXPECT_EQ(read({}).domains.at(0).writers, (ServerIds{1, 7}));
}

TEST_F(ReadOnTest, KeepsNothingThatCouldNotBeRead) {
  read_owed(search, {{}, {"bin.000001", first.size() + 1}}, {}, &known);
  EXPECT_FALSE(known);
}

TEST(ReadOwed, SaysThatItKnowsNothingWhenALogIsMissing) {
  OwedSearch search;
  search.logs = {"folder/bin.000002"};
  EXPECT_THAT(
      read_owed(search, {{"bin.000001", 4}, {"bin.000002", 4}}, {}).unknown,
      HasSubstr("bin.000001 no longer exists"));
  EXPECT_THAT(read_owed(search, {{}, {"bin.000003", 4}}, {}).unknown,
              HasSubstr("bin.000003"));
  EXPECT_FALSE(read_owed(search, {{}, {"bin.000002", 4}}, {}).empty());
}

}  // namespace
}  // namespace recovery_gate
