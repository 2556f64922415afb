// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/state_file.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/crc.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "testing/fakes.h"

namespace recovery_gate {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using Fault = FaultyFiles::Fault;

constexpr Debt all_debts[] = {Debt::NONE, Debt::CRASH, Debt::SHUTDOWN,
                              Debt::CARRIED_OVER};

/* Everything that a record can hold. */
Record full() {
  Record record;
  record.obligation = {
      Debt::CARRIED_OVER, true, {"bin.000002", 662}, 0x44cae1ed, "0-1-24"};
  record.running_since = {"bin.000003", 367};
  record.running_identity = 0x9b0f6e2c;
  record.acknowledged = {"bin.000001", 3824};
  record.settled = Settled{{"bin.000002", 336}, 0xa07e887d, {{{0, 1}, 22}}, 1};
  record.other_server_ids = {7, 4294967295};
  return record;
}

/* Nothing is owed. */
Record settled() {
  Record record = full();
  record.obligation = Obligation();
  return record;
}

const Record owing = full();

const std::string state_path = "data/recovery_gate.state";

std::string with_checksum(const std::string &content) {
  boost::crc_32_type crc;
  crc.process_bytes(content.data(), content.size());
  char line[32];
  std::snprintf(line, sizeof line, "crc32 %08x\n",
                static_cast<unsigned>(crc.checksum()));
  return content + line;
}

/* Empty, or what is wrong with the bytes; then the record must be as it was. */
std::string refused(const std::string &content) {
  Record read = full();
  const std::string wrong = decode(content, &read).text();
  if (!wrong.empty()) {
    EXPECT_EQ(read, full());
  }
  return wrong;
}

std::string why_not_loaded(FileLayer &files) {
  std::optional<Record> record = full();
  const std::string why = StateFile(files, "data").load(&record).text();
  if (!why.empty()) {
    EXPECT_FALSE(record) << "what cannot be known must not be taken for known";
  }
  return why;
}

/* Empty files need no room. */
class FilesWithoutRoom final : public FileLayer {
 public:
  int read(const std::string &path, std::string *content) override {
    return files_.read(path, content);
  }
  int write_synced(const std::string &path,
                   const std::string &content) override {
    return content.empty() ? files_.write_synced(path, content) : ENOSPC;
  }
  int rename(const std::string &from, const std::string &to) override {
    return files_.rename(from, to);
  }
  int sync_folder(const std::string &folder) override {
    return files_.sync_folder(folder);
  }

 private:
  FaultyFiles files_;
};

/* Nothing when there is no file or it cannot be read. */
std::optional<Record> loaded(FileLayer &files) {
  std::optional<Record> record;
  EXPECT_THAT(StateFile(files, "data").load(&record).text(), IsEmpty());
  return record;
}

TEST(StateFileBytes, AreReadAsTheyWereWritten) {
  const std::function<void(Record &)> changes[] = {
      [](Record &) {},
      [](Record &record) { record = Record(); },
      [](Record &record) { record.obligation.recovered_end = {}; },
      [](Record &record) { record.obligation.identity.reset(); },
      [](Record &record) { record.obligation.identity = 0; },
      [](Record &record) { record.obligation.identity = 0xffffffff; },
      [](Record &record) { record.obligation.recovered_gtid.clear(); },
      [](Record &record) { record.obligation.recovered_gtid = "0-1-9,1-2-3"; },
      [](Record &record) {
        record.running_since = {};
        record.running_identity = 0;
      },
      [](Record &record) {
        record.running_since.file = "odd log's.name .000001";
      },
      [](Record &record) { record.acknowledged = {}; },
      [](Record &record) {
        record.acknowledged = {"bin.1000000", 18446744073709551615u};
      },
      [](Record &record) { record.settled.reset(); },
      [](Record &record) { record.settled->identity = 0; },
      [](Record &record) { record.settled->gtids.clear(); },
      [](Record &record) {
        record.settled->gtids = {
            {{0, 1}, 1},
            {{0, 2}, 18446744073709551615u},
            {{4294967295u, 4294967295u}, 7},
        };
      },
      [](Record &record) { record.other_server_ids.clear(); },
      [](Record &record) { record.other_server_ids = {0}; },
      [](Record &record) {
        record.other_server_ids = {1, 2, 4294967295u};
      },
      [](Record &record) { record.received = true; },
      [](Record &record) { record.served = false; },
      [](Record &record) { record.history.known = false; },
      [](Record &record) { record.history.has_unseen = true; },
      [](Record &record) {
        record.history.earlier = {{{0, 1}, 100042}};
      },
      [](Record &record) {
        record.history.replica_ids = {2, 3};
        record.history.replicas = {{{0, 2}, 41}, {{7, 2}, 1}};
        record.history.behind = {2, 9};
        record.history.passed_over = {{{0, 9}, 8}};
        record.history.by_file = {2, 4};
        record.history.told = {{{0, 2}, 42}, {{7, 4}, 3}};
        record.newcomers = {{{7, 1}, 4}};
        record.history.cut_off = {{{0, 1, 23}, 0x0123456789abcdef},
                                  {{0, 1, 24}, std::nullopt},
                                  {{7, 2, 9}, 1}};
        record.history.cut_numbers = {
            {{0, 22}, 24}, {{0, 30}, 31}, {{7, 1}, 18446744073709551615u}};
      },
      [](Record &record) {
        record.history.returned = {{{0, 1, 23}, 9}};
        record.cuttable = CuttableEnd{{"bin.000007", 900},
                                      7,
                                      GtidState{{{0, 1}, 25}},
                                      {{{0, 1, 25}, 24, 800, {}, true}},
                                      9};
      },
  };
  for (const auto &change : changes)
    for (const Debt debt : all_debts)
      for (const bool provable : {true, false}) {
        Record written = full();
        change(written);
        written.obligation.debt = debt;
        written.obligation.provable = provable;
        Record read = full();
        EXPECT_THAT(decode(encode(written), &read).text(), IsEmpty());
        EXPECT_EQ(read, written);
      }
}

TEST(StateFileBytes, AreThoseOfTheDocument) {
  Record example = full();
  example.other_server_ids = {7};
  example.history.earlier = {{{0, 1}, 100057}};
  example.history.has_unseen = true;
  example.history.common = {{{0, 1}, 4}};
  example.history.replica_ids = {2, 3};
  example.history.replicas = {{{0, 3}, 11}};
  example.history.behind = {3};
  example.history.passed_over = {{{0, 9}, 8}};
  example.history.by_file = {2};
  example.newcomers = {{{7, 1}, 4}};
  example.history.cut_off = {{{0, 1, 25}, 0x0123456789abcdef},
                             {{0, 1, 26}, std::nullopt},
                             {{0, 1, 26}, 10}};
  example.history.cut_numbers = {{{0, 24}, 26}};
  example.history.returned = {{{0, 1, 25}, 0x0123456789abcdef}};
  example.history.told = {{{0, 3}, 24}};
  example.cuttable = CuttableEnd{
      {"bin.000003", 1284},
      0x9b0f6e2c,
      GtidState{{{0, 1}, 26}},
      {{{0, 1, 25}, 24, 495, 10}, {{0, 1, 26}, 25, 790, std::nullopt, true}},
      0x44cae1ed};
  EXPECT_EQ(
      encode(example),
      "recovery-gate-state 9\n"
      "obligation carried-over\n"
      "provable yes\n"
      "file bin.000002\n"
      "offset 662\n"
      "identity 44cae1ed\n"
      "gtid 0-1-24\n"
      "running-file bin.000003\n"
      "running-offset 367\n"
      "running-identity 9b0f6e2c\n"
      "acknowledged-file bin.000001\n"
      "acknowledged-offset 3824\n"
      "settled-file bin.000002\n"
      "settled-offset 336\n"
      "settled-identity a07e887d\n"
      "settled-server-id 1\n"
      "settled-gtid 0-1-22\n"
      "other-server-ids 7\n"
      "received no\n"
      "served yes\n"
      "history-known yes\n"
      "history-unseen yes\n"
      "earlier-gtid 0-1-100057\n"
      "common-gtid 0-1-4\n"
      "replica-ids 2,3\n"
      "replica-gtid 0-3-11\n"
      "behind-ids 3\n"
      "passed-gtid 0-9-8\n"
      "file-ids 2\n"
      "newcomer-gtid 7-1-4\n"
      "cut-off-gtid 0-1-25=0123456789abcdef,0-1-26=,0-1-26=000000000000000a\n"
      "cut-off-numbers 0/24-26\n"
      "returned-gtid 0-1-25=0123456789abcdef\n"
      "cuttable-file bin.000003\n"
      "cuttable-offset 1284\n"
      "cuttable-identity 9b0f6e2c\n"
      "cuttable-gtid 0-1-26\n"
      "cuttable-transactions "
      "0-1-25/24@495=000000000000000a,0-1-26/25@790*=\n"
      "cuttable-identity-before 44cae1ed\n"
      "told-gtid 0-3-24\n"
      "crc32 d3f9b273\n");
}

TEST(StateFileBytes, AreThoseOfTheDocumentAlsoWhenThereIsNothingToSay) {
  EXPECT_EQ(encode(Record()), with_checksum("recovery-gate-state 9\n"
                                            "obligation none\n"
                                            "provable yes\n"
                                            "file \n"
                                            "offset 0\n"
                                            "identity \n"
                                            "gtid \n"
                                            "running-file \n"
                                            "running-offset 0\n"
                                            "running-identity 00000000\n"
                                            "acknowledged-file \n"
                                            "acknowledged-offset 0\n"
                                            "settled-file \n"
                                            "settled-offset 0\n"
                                            "settled-identity 00000000\n"
                                            "settled-server-id 0\n"
                                            "settled-gtid \n"
                                            "other-server-ids \n"
                                            "received no\n"
                                            "served yes\n"
                                            "history-known yes\n"
                                            "history-unseen no\n"
                                            "earlier-gtid \n"
                                            "common-gtid \n"
                                            "replica-ids \n"
                                            "replica-gtid \n"
                                            "behind-ids \n"
                                            "passed-gtid \n"
                                            "file-ids \n"
                                            "newcomer-gtid \n"
                                            "cut-off-gtid \n"
                                            "cut-off-numbers \n"
                                            "returned-gtid \n"
                                            "cuttable-file \n"
                                            "cuttable-offset 0\n"
                                            "cuttable-identity \n"
                                            "cuttable-gtid \n"
                                            "cuttable-transactions \n"
                                            "cuttable-identity-before \n"
                                            "told-gtid \n"));
}

/* What the version before did not say is in doubt. */
TEST(StateFileBytes, OfTheVersionBeforeAreReadAndLeaveTheHistoryInDoubt) {
  std::string old = encode(full());
  old = old.substr(0, old.find("received "));
  old[old.find('9')] = '2';
  Record read;
  EXPECT_EQ(decode(with_checksum(old), &read).text(), "");
  Record expected = full();
  expected.history.known = false;
  EXPECT_EQ(read, expected);
}

/* Then every history that had ended may have used more than is on record. */
TEST(StateFileBytes, OfVersion3DoNotSayWhetherAllWasSeen) {
  for (const bool had_another : {true, false}) {
    Record expected = full();
    if (had_another) expected.history.earlier = {{{0, 1}, 100057}};
    std::string old = encode(expected);
    old.erase(old.find("history-unseen"), sizeof "history-unseen no");
    old.erase(old.find("file-ids "));
    old[old.find('9')] = '3';
    Record read;
    EXPECT_EQ(decode(with_checksum(old), &read).text(), "");
    expected.history.has_unseen = had_another;
    EXPECT_EQ(read, expected);
  }
}

/* Then no file and position is believed that may hide something. */
TEST(StateFileBytes, OfVersion4DoNotSayWhoCameByFile) {
  std::string old = encode(full());
  old.erase(old.find("file-ids "));
  old[old.find('9')] = '4';
  Record read;
  EXPECT_EQ(decode(with_checksum(old), &read).text(), "");
  EXPECT_EQ(read, full());
}

/* Then what recovery had cut off is among the earlier numbers. */
TEST(StateFileBytes, OfVersion5DoNotSayWhatWasCutOff) {
  std::string old = encode(full());
  old.erase(old.find("cut-off-gtid "));
  old[old.find('9')] = '5';
  Record read;
  EXPECT_EQ(decode(with_checksum(old), &read).text(), "");
  EXPECT_EQ(read, full());
}

/* Then no start was going to cut anything off that has not got to its end. */
TEST(StateFileBytes, OfVersion6DoNotSayWhatMayHaveBeenCut) {
  std::string old = encode(full());
  old.erase(old.find("cut-off-numbers "));
  old[old.find('9')] = '6';
  Record read;
  EXPECT_EQ(decode(with_checksum(old), &read).text(), "");
  EXPECT_EQ(read, full());
}

/* Then all numbers up to those that were cut off may be another transaction's,
   and the log that was going to be cut is not known again. */
TEST(StateFileBytes, OfVersion7DoNotSayWhichNumbersWereBehindACut) {
  Record expected = full();
  expected.history.cut_off = {{{0, 1, 25}, 7}, {{0, 2, 27}, 8}};
  expected.cuttable = CuttableEnd{{"bin.000007", 900},
                                  7,
                                  GtidState{{{0, 1}, 25}},
                                  {{{0, 1, 25}, 24, 800, {}}},
                                  {}};
  std::string old = encode(expected);
  for (const std::string key :
       {"cut-off-numbers ", "cuttable-identity-before ", "told-gtid "}) {
    const auto line = old.find(key);
    old.erase(line, old.find('\n', line) + 1 - line);
  }
  old.erase(old.find("crc32 "));
  old[old.find('9')] = '7';
  Record read;
  EXPECT_EQ(decode(with_checksum(old), &read).text(), "");
  expected.history.cut_numbers = {{{0, 0}, 27}};
  EXPECT_EQ(read, expected);
}

/* Then what a replica names is believed, as it was. */
TEST(StateFileBytes, OfVersion8DoNotSayWhoBeganWithinATransaction) {
  std::string old = encode(full());
  old.erase(old.find("told-gtid "));
  old[old.find('9')] = '8';
  Record read;
  EXPECT_EQ(decode(with_checksum(old), &read).text(), "");
  EXPECT_EQ(read, full());
}

TEST(StateFileBytes, AreRefusedWhenARangeIsNotWhole) {
  for (const char *wrong :
       {"0/24", "0-24", "/24-26", "0/-26", "0/24-", "0/24-x", "0/24-26,", ",",
        "/", "-", "0/24-26-27"}) {
    std::string bytes = encode(full());
    const std::string key = "cut-off-numbers ";
    const bool is_whole = std::string(wrong) == "0/24-26,";
    bytes.insert(bytes.find(key) + key.size(), wrong);
    bytes.erase(bytes.find("crc32 "));
    Record read;
    EXPECT_EQ(!decode(with_checksum(bytes), &read), is_whole) << wrong;
  }
}

TEST(StateFileBytes, AreRefusedWhenATransactionIsNotWhole) {
  for (const char *wrong :
       {"0-1-25", "0-1-25/24@495", "0-1-25/24=", "0-1-25@495=", "x/24@495=",
        "0-1-25/@495=", "0-1-25/24@=", "0-1-25,0-2-3/24@495=", "/24@495=",
        "0-1-25/24@495=x", ",", "=", "@", "/"}) {
    std::string bytes = encode(full());
    const std::string key = "cuttable-transactions ";
    bytes.insert(bytes.find(key) + key.size(), wrong);
    bytes.erase(bytes.find("crc32 "));
    Record read;
    EXPECT_TRUE(decode(with_checksum(bytes), &read)) << wrong;
  }
}

TEST(StateFileBytes, SayWhatIsOwedInTheWordsOfTheDocument) {
  const struct {
    Debt debt;
    bool provable;
    const char *lines;
  } words[] = {
      {Debt::NONE, true, "\nobligation none\nprovable yes\n"},
      {Debt::CRASH, true, "\nobligation crash\nprovable yes\n"},
      {Debt::SHUTDOWN, true, "\nobligation shutdown\nprovable yes\n"},
      {Debt::CARRIED_OVER, false, "\nobligation carried-over\nprovable no\n"},
  };
  for (const auto &word : words) {
    Record record = full();
    record.obligation.debt = word.debt;
    record.obligation.provable = word.provable;
    EXPECT_THAT(encode(record), HasSubstr(word.lines));
  }
}

TEST(StateFileBytes, AreRefusedWhenCutAnywhere) {
  const std::string whole = encode(owing);
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_NE(refused(whole.substr(0, length)), "") << length;
}

TEST(StateFileBytes, AreRefusedWhenAnyByteIsChanged) {
  const std::string whole = encode(owing);
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 1 << bit);
      EXPECT_NE(refused(damaged), "") << at << " bit " << bit;
    }
}

TEST(StateFileBytes, AreRefusedWhenAnyByteIsMissingOrTwiceThere) {
  const std::string whole = encode(owing);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string shorter = whole, longer = whole;
    shorter.erase(at, 1);
    longer.insert(at, 1, whole[at]);
    // Of two same letters side by side, either may be the missing one.
    EXPECT_NE(refused(shorter), "") << at;
    EXPECT_NE(refused(longer), "") << at;
  }
}

TEST(StateFileBytes, AreRefusedWithMoreBehindThem) {
  EXPECT_NE(refused(encode(owing) + "\n"), "");
  EXPECT_NE(refused(encode(owing) + encode(owing)), "");
}

/* What a later version or a person with an editor might write: the checksum is
   right, and the rest is not. */
TEST(StateFileBytes, AreRefusedWhenALineIsNotWhatItShouldBe) {
  const std::string whole = encode(owing);
  const std::string lines = whole.substr(0, whole.rfind("crc32 "));
  ASSERT_EQ(refused(with_checksum(lines)), "");
  const struct {
    const char *from, *to;
  } changes[] = {
      {"obligation carried-over\n", "obligation open\n"},
      {"obligation carried-over\n", "obligation \n"},
      {"obligation carried-over\n", "obligation\n"},
      {"obligation carried-over\n", ""},
      {"provable yes\n", "provable maybe\n"},
      {"provable yes\n", "provable \n"},
      {"provable yes\n", "provable yes\nprovable yes\n"},
      {"offset 662", "offset 66x"},
      {"offset 662", "offset -1"},
      {"offset 662", "offset "},
      {"offset 662", "offset 18446744073709551616"},
      {"identity 44cae1ed", "identity 144cae1ed"},
      {"identity 44cae1ed", "identity xyz"},
      {"gtid 0-1-24\n", "GTID 0-1-24\n"},
      {"running-file bin.000003\n", "running-file\n"},
      {"running-offset 367", "running-offset "},
      {"running-identity 9b0f6e2c", "running-identity "},
      {"acknowledged-offset 3824", "acknowledged-offset 3,824"},
      {"settled-offset 336", "settled-offset +336"},
      {"settled-identity a07e887d", "settled-identity "},
      {"settled-gtid 0-1-22", "settled-gtid 0-1"},
      {"settled-gtid 0-1-22", "settled-gtid 0-1-22,"},
      {"settled-gtid 0-1-22", "settled-gtid none"},
      {"other-server-ids 7,", "other-server-ids seven,"},
      {"other-server-ids 7,", "other-server-ids 7;"},
      {"other-server-ids 7,", "other-server-ids 7,,"},
      {"4294967295\n", "4294967296\n"},
      {"4294967295\n", "4294967295\nsomething-new 1\n"},
      {"4294967295\n", "4294967295\n\n"},
  };
  for (const auto &change : changes) {
    std::string changed = lines;
    const auto at = changed.find(change.from);
    ASSERT_NE(at, std::string::npos) << change.from;
    changed.replace(at, std::string(change.from).size(), change.to);
    EXPECT_NE(refused(with_checksum(changed)), "")
        << change.from << " -> " << change.to;
  }
}

TEST(StateFileBytes, SayWhenTheyAreOfAnotherVersionOrNotOurs) {
  std::string later = encode(owing);
  later.replace(later.find(" 9\n"), 3, " :\n");
  EXPECT_THAT(refused(later), HasSubstr("another version"));
  EXPECT_THAT(refused(with_checksum("recovery-gate-state 1\nobligation open\n"
                                    "file bin.000002\noffset 662\n"
                                    "gtid 0-1-9\n")),
              HasSubstr("another version"));
  for (const char *alien : {"hello\n", "\n", "recovery-gate", "\xfe\x62in"})
    EXPECT_THAT(refused(alien), HasSubstr("not a state file"));
  EXPECT_THAT(refused(""), HasSubstr("empty"));
}

TEST(StateFileBytes, FitIntoWhatIsReadWithThousandsOfSources) {
  Record record = full();
  for (std::uint32_t id = 1; id <= 10000; ++id) {
    record.settled->gtids[{4294967295u - id, 4294967295u}] =
        18446744073709551615u;
    record.other_server_ids.insert(4294967295u - id);
  }
  EXPECT_LT(encode(record).size(), 1u << 20);
}

TEST(Record, DiffersWhenAnyOfItDiffers) {
  EXPECT_TRUE(full() == full());
  const std::function<void(Record &)> changes[] = {
      [](Record &record) { record.obligation.debt = Debt::SHUTDOWN; },
      [](Record &record) { record.obligation.provable = false; },
      [](Record &record) { record.obligation.recovered_end.offset = 1; },
      [](Record &record) { record.obligation.identity = 1; },
      [](Record &record) { record.obligation.recovered_gtid = "0-1-1"; },
      [](Record &record) { record.running_since.offset = 1; },
      [](Record &record) { record.running_identity = 1; },
      [](Record &record) { record.acknowledged.offset = 1; },
      [](Record &record) { record.settled.reset(); },
      [](Record &record) { record.settled->position.offset = 1; },
      [](Record &record) { record.settled->identity = 1; },
      [](Record &record) { record.settled->gtids.clear(); },
      [](Record &record) { record.other_server_ids.clear(); },
  };
  for (const auto &change : changes) {
    Record changed = full();
    change(changed);
    EXPECT_FALSE(changed == full());
    EXPECT_FALSE(full() == changed);
  }
}

TEST(StateFile, HasNoRecordWhenNothingWasEverSaved) {
  FaultyFiles files;
  EXPECT_FALSE(loaded(files));
}

TEST(StateFile, LoadsWhatWasSaved) {
  FaultyFiles files;
  for (const Record &record : {owing, settled(), Record()}) {
    EXPECT_THAT(StateFile(files, "data").save(record).text(), IsEmpty());
    EXPECT_EQ(loaded(files), record);
  }
}

TEST(StateFile, CrashedAtAnyCallHoldsTheOldContentOrTheNew) {
  for (const Fault fault :
       {Fault::CRASH_BEFORE, Fault::CRASH_AFTER, Fault::TORN_WRITE})
    for (const bool unsynced_survived : {false, true})
      for (int call = 0; call < 3; ++call) {
        SCOPED_TRACE(testing::Message() << int(fault) << " at " << call);
        FaultyFiles files;
        ASSERT_THAT(StateFile(files, "data").save(settled()).text(), IsEmpty());
        files.calls = 0;
        files.fault = fault;
        files.faulty_call = call;
        bool returned = false;
        try {
          static_cast<void>(StateFile(files, "data").save(owing));
          returned = true;
        } catch (const FaultyFiles::Crash &) {
        }
        if (fault != Fault::TORN_WRITE) {
          EXPECT_FALSE(returned);
        }
        files.come_back(unsynced_survived);
        EXPECT_THAT(loaded(files), AnyOf(owing, settled()));
        // And what the crash left behind is in nobody's way.
        EXPECT_THAT(StateFile(files, "data").save(owing).text(), IsEmpty());
        files.come_back(false);
        EXPECT_EQ(loaded(files), owing);
      }
}

TEST(StateFile, CrashedAtAnyCallOfItsFirstWriteIsNotThereOrWhole) {
  for (const Fault fault :
       {Fault::CRASH_BEFORE, Fault::CRASH_AFTER, Fault::TORN_WRITE})
    for (const bool unsynced_survived : {false, true})
      for (int call = 0; call < 3; ++call) {
        SCOPED_TRACE(testing::Message() << int(fault) << " at " << call);
        FaultyFiles files;
        files.fault = fault;
        files.faulty_call = call;
        try {
          static_cast<void>(StateFile(files, "data").save(owing));
        } catch (const FaultyFiles::Crash &) {
        }
        files.come_back(unsynced_survived);
        EXPECT_EQ(loaded(files).value_or(owing), owing);
      }
}

TEST(StateFile, IsSafeOnceSaveReturned) {
  FaultyFiles files;
  ASSERT_THAT(StateFile(files, "data").save(owing).text(), IsEmpty());
  files.come_back(false);
  EXPECT_EQ(loaded(files), owing);
}

TEST(StateFile, SaysWhichCallFailedAndKeepsOldOrNew) {
  const char *doing[] = {"cannot write", "cannot replace",
                         "cannot make sure of"};
  for (int call = 0; call < 3; ++call) {
    SCOPED_TRACE(call);
    FaultyFiles files;
    ASSERT_THAT(StateFile(files, "data").save(owing).text(), IsEmpty());
    files.calls = 0;
    files.fault = Fault::ERROR;
    files.faulty_call = call;
    EXPECT_THAT(StateFile(files, "data").save(settled()).text(),
                tells(doing[call], "recovery_gate.state: Input/output error"));
    files.come_back(false);
    EXPECT_THAT(loaded(files), AnyOf(owing, settled()));
  }
}

TEST(StateFile, KeepsTheOldContentWhenTheDiskIsFullOrReadOnly) {
  const struct {
    int error;
    const char *text;
  } errors[] = {{ENOSPC, "No space left on device"},
                {EDQUOT, "quota exceeded"},
                {EROFS, "Read-only file system"},
                {EACCES, "Permission denied"}};
  for (const auto &error : errors) {
    FaultyFiles files;
    StateFile state(files, "data");
    ASSERT_THAT(state.save(owing).text(), IsEmpty());
    files.write_error = error.error;
    EXPECT_THAT(state.save(settled()).text(),
                tells("cannot write", error.text));
    EXPECT_EQ(loaded(files), owing);
    files.come_back(false);
    EXPECT_EQ(loaded(files), owing);
    files.write_error = 0;
    EXPECT_THAT(state.save(settled()).text(), IsEmpty());
    EXPECT_EQ(loaded(files), settled());
  }
}

TEST(StateFile, LeavesAnEmptyOneWhenThereIsNoRoomForTheFirst) {
  // Or the next start would take it that there never was anything to write.
  FilesWithoutRoom full;
  EXPECT_THAT(StateFile(full, "data").save(owing).text(),
              tells("cannot write", "No space left"));
  EXPECT_THAT(why_not_loaded(full), tells("cannot be trusted", "empty"));
  // And does not replace one that is there.
  FaultyFiles files;
  ASSERT_THAT(StateFile(files, "data").save(owing).text(), IsEmpty());
  files.write_error = ENOSPC;
  EXPECT_NE(StateFile(files, "data").save(settled()).text(), "");
  EXPECT_EQ(loaded(files), owing);
}

TEST(StateFile, SaysWhyItCannotBeRead) {
  FaultyFiles files;
  files.fault = Fault::ERROR;
  files.faulty_call = 0;
  EXPECT_THAT(
      why_not_loaded(files),
      tells("data/recovery_gate.state cannot be read", "Input/output error"));
}

TEST(StateFile, SaysWhyItCannotBeTrusted) {
  FaultyFiles files;
  const std::string whole = encode(owing);
  for (const std::string &content :
       {std::string(), std::string("garbage"),
        whole.substr(0, whole.size() / 2),
        with_checksum("recovery-gate-state 1\nobligation none\n")}) {
    files.put(state_path, content);
    EXPECT_THAT(why_not_loaded(files),
                HasSubstr("data/recovery_gate.state cannot be trusted"));
  }
}

TEST(StateFile, KeepsADamagedFileAsideWhenItIsReplaced) {
  FaultyFiles files;
  files.put(state_path, "garbage");
  StateFile state(files, "data");
  std::optional<Record> record;
  EXPECT_THAT(state.load(&record).text(), HasSubstr("cannot be trusted"));
  EXPECT_FALSE(files.has(state_path + ".damaged"));
  EXPECT_THAT(state.save(owing).text(), IsEmpty());
  EXPECT_EQ(files.content(state_path + ".damaged"), "garbage");
  EXPECT_EQ(loaded(files), owing);
}

TEST(StateFile, KeepsADamagedFileAsideOnce) {
  FaultyFiles files;
  files.put(state_path, "garbage");
  StateFile state(files, "data");
  std::optional<Record> record;
  ASSERT_NE(state.load(&record).text(), "");
  ASSERT_THAT(state.save(owing).text(), IsEmpty());
  const int writes = files.writes;
  ASSERT_THAT(state.save(settled()).text(), IsEmpty());
  EXPECT_EQ(files.writes, writes + 1);
}

TEST(StateFile, KeepsADamagedFileAsideAlsoWhenItIsReplacedAtTheSecondTry) {
  FaultyFiles files;
  files.put(state_path, "garbage");
  StateFile state(files, "data");
  std::optional<Record> record;
  ASSERT_NE(state.load(&record).text(), "");
  files.write_error = ENOSPC;
  EXPECT_NE(state.save(owing).text(), "");
  EXPECT_EQ(files.content(state_path), "garbage");
  files.write_error = 0;
  EXPECT_THAT(state.save(owing).text(), IsEmpty());
  EXPECT_EQ(files.content(state_path + ".damaged"), "garbage");
}

TEST(StateFile, IsNeverGoneWhileADamagedOneIsReplaced) {
  for (const Fault fault : {Fault::CRASH_BEFORE, Fault::CRASH_AFTER})
    for (const bool unsynced_survived : {false, true})
      for (int call = 1; call <= 4; ++call) {
        SCOPED_TRACE(testing::Message() << int(fault) << " at " << call);
        FaultyFiles files;
        files.put(state_path, "garbage");
        files.fault = fault;
        files.faulty_call = call;
        StateFile state(files, "data");
        std::optional<Record> record;
        ASSERT_NE(state.load(&record).text(), "");
        EXPECT_THROW((void)state.save(owing), FaultyFiles::Crash);
        files.come_back(unsynced_survived);
        ASSERT_TRUE(files.has(state_path));
        EXPECT_TRUE(files.content(state_path) == "garbage" ||
                    loaded(files) == owing);
      }
}

class StateFileOnDisk : public testing::Test {
 protected:
  StateFileOnDisk() {
    std::string pattern = testing::TempDir() + "/state-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("no folder for the test's files");
    folder_ = pattern;
  }
  ~StateFileOnDisk() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string path() const { return folder_ + "/recovery_gate.state"; }

  std::string load(std::optional<Record> *record) {
    return StateFile(files_, folder_).load(record).text();
  }

  PosixFiles files_;
  std::string folder_;
};

TEST_F(StateFileOnDisk, LoadsWhatWasSaved) {
  for (const Record &saved : {owing, settled()}) {
    ASSERT_THAT(StateFile(files_, folder_).save(saved).text(), IsEmpty());
    std::optional<Record> record;
    EXPECT_THAT(load(&record), IsEmpty());
    EXPECT_EQ(record, saved);
    EXPECT_FALSE(std::filesystem::exists(path() + ".new"));
  }
}

TEST_F(StateFileOnDisk, MissingIsNoRecord) {
  std::optional<Record> record = owing;
  EXPECT_THAT(load(&record), IsEmpty());
  EXPECT_FALSE(record);
}

TEST_F(StateFileOnDisk, IsNotForEverybodyToRead) {
  ASSERT_THAT(StateFile(files_, folder_).save(owing).text(), IsEmpty());
  struct stat status;
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07, 0u);
}

TEST_F(StateFileOnDisk, RefusesAFolderInItsPlaceAndAHugeFile) {
  std::optional<Record> record;
  std::filesystem::create_directory(path());
  EXPECT_NE(load(&record), "");
  EXPECT_NE(StateFile(files_, folder_).save(owing).text(), "");
  std::filesystem::remove(path());
  std::ofstream(path()) << std::string((1 << 20) + 1, 'x');
  EXPECT_THAT(load(&record), tells("cannot be read", "too large"));
  EXPECT_FALSE(record);
}

TEST_F(StateFileOnDisk, KeepsTheStartOfAHugeFileAsideWhenItIsReplaced) {
  std::ofstream(path()) << std::string((1 << 20) + 1, 'x');
  StateFile state(files_, folder_);
  std::optional<Record> record;
  ASSERT_NE(state.load(&record).text(), "");
  EXPECT_THAT(state.save(owing).text(), IsEmpty());
  EXPECT_GE(std::filesystem::file_size(path() + ".damaged"), 1u << 20);
  EXPECT_THAT(load(&record), IsEmpty());
  EXPECT_EQ(record, owing);
}

TEST_F(StateFileOnDisk, IsReadUpToItsLargestSize) {
  std::string content;
  std::ofstream(path()) << std::string(1 << 20, 'x');
  EXPECT_EQ(files_.read(path(), &content), 0);
  EXPECT_EQ(content, std::string(1 << 20, 'x'));
}

TEST_F(StateFileOnDisk, DoesNotWriteIntoAnotherNameOfAFile) {
  std::ofstream(path() + ".new") << "of a crash";
  std::filesystem::create_hard_link(path() + ".new", folder_ + "/backup");
  ASSERT_THAT(StateFile(files_, folder_).save(owing).text(), IsEmpty());
  std::string content;
  EXPECT_EQ(files_.read(folder_ + "/backup", &content), 0);
  EXPECT_EQ(content, "of a crash");
}

/* What was put in the way of a file is neither opened nor gone. */
class StateFileOutOfPlace : public StateFileOnDisk {
 protected:
  StateFileOutOfPlace() { ::alarm(60); }  // instead of a test that hangs
  ~StateFileOutOfPlace() override { ::alarm(0); }

  struct Thing {
    const char *name;
    mode_t type;
    std::function<void(const std::string &)> put;
  };

  std::vector<Thing> things() const {
    const std::string elsewhere = folder_ + "/elsewhere";
    std::ofstream(elsewhere) << encode(settled());
    return {
        {"a named pipe", S_IFIFO,
         [](const std::string &path) {
           ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
         }},
        {"a directory", S_IFDIR,
         [](const std::string &path) {
           ASSERT_TRUE(std::filesystem::create_directory(path));
         }},
        {"a socket", S_IFSOCK, put_socket},
        {"a symbolic link", S_IFLNK,
         [](const std::string &path) {
           std::filesystem::create_symlink("nowhere", path);
         }},
        {"a symbolic link", S_IFLNK,
         [elsewhere](const std::string &path) {
           std::filesystem::create_symlink(elsewhere, path);
         }},
        {"a symbolic link", S_IFLNK,
         [](const std::string &path) {
           std::filesystem::create_symlink("/dev/full", path);
         }},
    };
  }

  static void put_socket(const std::string &path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    ASSERT_LT(path.size(), sizeof address.sun_path);
    path.copy(address.sun_path, path.size());
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_GE(listener, 0);
    EXPECT_EQ(::bind(listener, reinterpret_cast<const sockaddr *>(&address),
                     sizeof address),
              0);
    ::close(listener);
  }

  static void expect_still_there(const Thing &thing, const std::string &path) {
    struct stat status;
    ASSERT_EQ(::lstat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & S_IFMT, thing.type);
  }
};

TEST_F(StateFileOutOfPlace, IsSaidAndNeitherReadNorReplaced) {
  for (const Thing &thing : things()) {
    SCOPED_TRACE(thing.name);
    thing.put(path());
    StateFile state(files_, folder_);
    std::optional<Record> record = owing;
    EXPECT_THAT(state.load(&record).text(),
                tells("recovery_gate.state cannot be read: it is ", thing.name,
                      "move it away"));
    EXPECT_FALSE(record);
    EXPECT_THAT(state.save(owing).text(),
                tells("cannot replace", "recovery_gate.state is ", thing.name,
                      "move it away"));
    expect_still_there(thing, path());
    std::filesystem::remove(path());
    EXPECT_THAT(state.save(owing).text(), IsEmpty());
    std::filesystem::remove(path());
  }
}

TEST_F(StateFileOutOfPlace, IsSaidAndLeftWhereTheNewContentGoes) {
  ASSERT_THAT(StateFile(files_, folder_).save(owing).text(), IsEmpty());
  for (const Thing &thing : things()) {
    SCOPED_TRACE(thing.name);
    const std::string beside = path() + ".new";
    thing.put(beside);
    StateFile state(files_, folder_);
    EXPECT_THAT(state.save(settled()).text(),
                tells("cannot write", "recovery_gate.state.new is ", thing.name,
                      "move it away"));
    expect_still_there(thing, beside);
    std::optional<Record> record;
    EXPECT_THAT(load(&record), IsEmpty());
    EXPECT_EQ(record, owing);
    std::filesystem::remove(beside);
  }
}

TEST_F(StateFileOutOfPlace, IsSaidAndLeftWhereADamagedFileIsKept) {
  for (const Thing &thing : things()) {
    SCOPED_TRACE(thing.name);
    const std::string aside = path() + ".damaged";
    std::ofstream(path()) << "garbage";
    thing.put(aside);
    StateFile state(files_, folder_);
    std::optional<Record> record;
    ASSERT_NE(state.load(&record).text(), "");
    EXPECT_THAT(state.save(owing).text(),
                tells("cannot replace", "recovery_gate.state.damaged is ",
                      thing.name, "move it away"));
    expect_still_there(thing, aside);
    EXPECT_THAT(load(&record), tells("not a state file"))
        << "it is the only one that there is of it";
    std::filesystem::remove(aside);
    EXPECT_THAT(state.save(owing).text(), IsEmpty());
    EXPECT_EQ(std::filesystem::file_size(aside), 7u);
    std::filesystem::remove(aside);
  }
}

TEST_F(StateFileOutOfPlace, DoesNotChangeWhatALinkLeadsTo) {
  const std::string elsewhere = folder_ + "/elsewhere";
  for (const char *name : {"", ".new", ".damaged"}) {
    SCOPED_TRACE(name);
    std::ofstream(path()) << "garbage";
    StateFile state(files_, folder_);
    std::optional<Record> record;
    ASSERT_NE(state.load(&record).text(), "");
    std::ofstream(elsewhere) << "mine";
    std::filesystem::remove(path() + name);
    std::filesystem::create_symlink(elsewhere, path() + name);
    EXPECT_NE(state.save(owing).text(), "");
    EXPECT_EQ(std::filesystem::file_size(elsewhere), 4u);
    std::filesystem::remove(path() + name);
    std::filesystem::remove(path());
  }
}

TEST(StateFile, CallsADeviceByItsName) {
  std::string content;
  EXPECT_EQ(PosixFiles().read("/dev/zero", &content), IS_DEVICE);
  EXPECT_EQ(PosixFiles().write_synced("/dev/null", "content"), IS_DEVICE);
  FaultyFiles files;
  files.write_error = IS_DEVICE;
  EXPECT_THAT(StateFile(files, "data").save(owing).text(),
              tells("recovery_gate.state.new is a device"));
}

TEST_F(StateFileOnDisk, SaysWhenTheFolderIsGone) {
  EXPECT_THAT(StateFile(files_, folder_ + "/gone").save(owing).text(),
              HasSubstr("cannot write"));
}

}  // namespace
}  // namespace recovery_gate
