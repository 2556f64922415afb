// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/start.h"

#include <fstream>

#include "testing/fake_binlog.h"

namespace recovery_gate {
namespace {

using testing::IsEmpty;

/* Most of inherit() is tested with the ledger, through many starts. */
class StartFactsTest : public testing::Test {
 protected:
  StartFactsTest() {
    static_cast<void>(ledger.load(false, {}));
    first = inherit(ledger, {}, binlog.paths(), {}, binlog.now(), nullptr,
                    &first_start);
    ledger.decided({}, binlog.now(), true, first);
  }

  /* Is nothing owed from before `start`? */
  bool is_settled(const std::vector<std::string> &logs,
                  const BinlogSample &start, const std::string &unknown = "",
                  const Failure &index_failure = {}) {
    return inherit(ledger, unknown, logs, index_failure, start, nullptr, &facts)
        .settled;
  }

  FakeClock clock;
  FakeJournal journal;
  FaultyFiles files;
  StateFile file{files, "data"};
  Ledger ledger{clock, journal, file};
  FakeBinlog binlog;
  StartFacts first_start, facts;
  Ledger::Inheritance first;
};

TEST_F(StartFactsTest, TellsACrashFromAShutdownByTheNewestLog) {
  binlog.rotate();
  note_last_end(binlog.paths(), &facts);
  EXPECT_TRUE(facts.crashed);
  binlog.shut_down();
  facts = {};
  note_last_end(binlog.paths(), &facts);
  EXPECT_FALSE(facts.crashed);
  EXPECT_THAT(facts.doubt, IsEmpty());
}

TEST_F(StartFactsTest, NotesNothingWithoutLogs) {
  note_last_end({}, &facts);
  note_recovered_end("", &facts);
  EXPECT_FALSE(facts.crashed);
  EXPECT_THAT(facts.doubt, IsEmpty());
  EXPECT_TRUE(facts.recovered_end.empty());
}

TEST_F(StartFactsTest, DoubtsWhatItCannotRead) {
  note_last_end({"no-such-folder/bin.000001"}, &facts);
  EXPECT_THAT(facts.doubt, tells("cannot open", "bin.000001"));
  const std::string first = facts.doubt;
  note_recovered_end("no-such-folder/bin.000002", &facts);
  EXPECT_EQ(facts.doubt, first);
}

TEST_F(StartFactsTest, NotesTheEndOfTheLastCompleteEvent) {
  binlog.write_own();
  const BinlogPosition end = binlog.position();
  const std::string path = binlog.paths().back();
  std::ofstream(path, std::ios::binary | std::ios::app) << "torn";
  note_recovered_end(path, &facts);
  EXPECT_EQ(facts.recovered_end, end);
  EXPECT_EQ(facts.recovered_path, path);
  EXPECT_EQ(facts.recovered_identity, binlog_identity(path, end.offset));
}

/* Numbers that recovery cut off, and no others, may mean two transactions. */
class CutTest : public StartFactsTest {
 protected:
  CutTest() {
    binlog.set_serves(true);
    ledger.look(binlog, true);
    binlog.write_own();
    left = binlog.gtids();
    end = binlog.position().offset;
    binlog.write_own();
    binlog.write_own();
    log = binlog.paths().back();
    note_last_end({log}, &facts);
  }

  History history_after() {
    binlog.truncate(end, left);
    note_recovered_end(log, &facts);
    binlog.start(1);
    const Ledger::Inheritance found =
        inherit(ledger, {}, binlog.paths(), {}, binlog.now(), nullptr, &facts);
    binlog.write_own();  // by recovery: it has a number that was cut off
    ledger.decided({}, binlog.now(), false, found);
    return ledger.record().history;
  }

  GtidState left;
  std::uint64_t end = 0;
  std::string log;
};

TEST_F(CutTest, LeavesTheNumbersInQuestionThatWereThere) {
  note_what_may_be_cut(log, nullptr, &facts);
  const History history = history_after();
  EXPECT_EQ(to_string(history.earlier), "0-1-3");
  EXPECT_EQ(to_string(history.common), "0-1-1");
  EXPECT_FALSE(history.has_unseen);
  EXPECT_TRUE(is_believed(history, {0, 1, 1}));
  EXPECT_FALSE(is_believed(history, {0, 2, 2}));
  EXPECT_FALSE(is_believed(history, {0, 3, 5}));
  EXPECT_TRUE(is_believed(history, {0, 4, 4}));
  EXPECT_TRUE(is_believed(history, {7, 1, 1}));
}

TEST_F(CutTest, LeavesWhatWasTornInQuestionToo) {
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 1);
  note_what_may_be_cut(log, nullptr, &facts);
  EXPECT_EQ(to_string(facts.before_cut.value()), "0-1-2");
}

TEST_F(CutTest, LeavesMoreInQuestionWhenTheLogWasNotRead) {
  const History history = history_after();
  EXPECT_TRUE(history.has_unseen);
  EXPECT_FALSE(is_believed(history, {0, 4, 4}));
  EXPECT_FALSE(is_believed(history, {7, 1, 1}));
  note_what_may_be_cut("no-such-log", nullptr, &facts);
  EXPECT_EQ(facts.before_cut, std::nullopt);
}

TEST_F(StartFactsTest, OwesWhatWasWrittenAfterTheSettledPlace) {
  binlog.write_own();
  binlog.start(1);
  facts.crashed = true;
  EXPECT_FALSE(is_settled(binlog.paths(), binlog.now()));
  EXPECT_EQ(to_string(facts.unsettled), "0-1-1");
  EXPECT_EQ(facts.first_unsettled_log, binlog.paths().front());
  EXPECT_TRUE(facts.unclean);
  EXPECT_THAT(facts.doubt, IsEmpty());
}

TEST_F(StartFactsTest, OwesNothingWhenNothingWasWritten) {
  binlog.start(1);
  facts.crashed = true;
  EXPECT_TRUE(is_settled(binlog.paths(), binlog.now()));
  EXPECT_THAT(facts.unsettled, IsEmpty());
}

TEST_F(StartFactsTest, ForetellsAStartWhoseLogIsNotThereYet) {
  binlog.write_own();
  std::vector<std::string> logs = binlog.paths();
  BinlogSample start = binlog.now();
  start.end = {"bin.000002", 400};
  start.log.path =
      logs.back().substr(0, logs.back().rfind('/')) + "/bin.000002";
  start.log.gtids_before = start.gtids;
  logs.push_back(start.log.path);
  facts.crashed = true;
  EXPECT_FALSE(is_settled(logs, start));
  EXPECT_EQ(to_string(facts.unsettled), "0-1-1");
  EXPECT_THAT(facts.doubt, IsEmpty());
  EXPECT_THAT(facts.unprovable, IsEmpty());
}

/* Between the look at the logs and the decision. */
class FollowUpTest : public StartFactsTest {
 protected:
  FollowUpTest() {
    static_cast<void>(ledger.load(false, {}));
    binlog.write_own();
    binlog.shut_down();
    recovered = binlog.paths();
    gtids = binlog.gtids();
    note_recovered_end(recovered.back(), &facts);
  }

  /* Before this start's log is open. */
  void look() {
    BinlogSample next;
    next.gtids = gtids;
    next.log = {"", 1, gtids};
    std::vector<std::string> logs = recovered;
    logs.push_back("");
    found = inherit(ledger, {}, logs, {}, next, nullptr, &facts);
  }
  std::string follow(const Failure &index_failure = {}) {
    return follow_up(recovered, gtids, binlog.paths(), index_failure,
                     binlog.now(), &found, &facts);
  }

  std::vector<std::string> recovered;
  GtidState gtids;
  Ledger::Inheritance found;
};

TEST_F(FollowUpTest, FindsNothingNewWhenNothingHasHappened) {
  look();
  binlog.start(1);
  EXPECT_THAT(follow(), IsEmpty());
  EXPECT_EQ(to_string(facts.unsettled), "0-1-1");
  EXPECT_FALSE(found.settled);
  EXPECT_THAT(facts.doubt, IsEmpty());
  EXPECT_THAT(facts.unprovable, IsEmpty());
}

TEST_F(FollowUpTest, KnowsWhatTheLogHeldThatHasExpired) {
  look();
  facts.read_owed.emplace();
  binlog.start(1);
  binlog.purge_all_but(1);
  EXPECT_THAT(follow(), tells("bin.000001 has expired", "names its last"));
  EXPECT_EQ(to_string(facts.unsettled), "0-1-1");
  EXPECT_TRUE(found.unsettled.since_settled);
  EXPECT_THAT(facts.unprovable, IsEmpty());
}

TEST_F(FollowUpTest, CanProveNothingOfALogThatExpiredUnread) {
  look();
  facts.read_owed.reset();  // as when there is too much to read
  binlog.start(1);
  binlog.purge_all_but(1);
  EXPECT_THAT(follow(), IsEmpty());
  EXPECT_THAT(facts.unprovable, tells("bin.000001", "could not be read"));
}

TEST_F(FollowUpTest, OwesWhatRecoveryHasWrittenIntoTheNewLog) {
  ledger.decided({}, binlog.now(), true, first);
  look();
  EXPECT_TRUE(found.settled);
  binlog.start(1);
  binlog.write_own();  // a DROP TABLE that was broken off
  facts.crashed = true;
  EXPECT_THAT(follow(), IsEmpty());
  EXPECT_FALSE(found.settled);
  EXPECT_EQ(to_string(facts.unsettled), "0-1-2");
}

TEST_F(FollowUpTest, DoubtsWhenTheIndexCannotBeRead) {
  look();
  binlog.start(1);
  follow("the index is gone");
  EXPECT_EQ(facts.doubt, "the index is gone");
  EXPECT_FALSE(found.settled);
}

TEST_F(StartFactsTest, IsNotSettledInDoubt) {
  binlog.start(1);
  EXPECT_FALSE(
      is_settled(binlog.paths(), binlog.now(), "", "the index is gone"));
  EXPECT_EQ(facts.doubt, "the index is gone");
  facts = {};
  facts.doubt = "first";
  EXPECT_FALSE(is_settled(binlog.paths(), binlog.now(), "second"));
  EXPECT_EQ(facts.doubt, "first; second");
}

TEST_F(StartFactsTest, CanProveNothingWithoutTheLogsOfTheLastRun) {
  binlog.rename_logs_to("other");
  EXPECT_FALSE(is_settled(binlog.paths(), binlog.now()));
  EXPECT_THAT(facts.doubt, tells("bin.000001", "not in the binary log index"));
  EXPECT_THAT(facts.unprovable, tells("need not have"));
}

TEST_F(StartFactsTest, DoesNotForgetThatProofIsLostWhenALogIsMissingToo) {
  binlog.rotate();
  ledger.decided({Debt::CARRIED_OVER, false, {}, std::nullopt, ""},
                 binlog.now(), false, first);
  binlog.start(1);
  const std::vector<std::string> all = binlog.paths();
  is_settled({all[0], all[2]}, binlog.now());
  EXPECT_THAT(facts.doubt, tells("bin.000002", "not in the binary log index"));
  EXPECT_THAT(facts.unprovable, tells("was deleted"));
}

}  // namespace
}  // namespace recovery_gate
