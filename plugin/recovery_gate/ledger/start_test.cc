// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/start.h"

#include <fstream>

#include "testing/fake_binlog.h"

namespace recovery_gate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

/* A server that has started once, with an empty binary log. Most of what a
   start finds is tested with the ledger, through many starts. */
class StartTest : public testing::Test {
 protected:
  StartTest() {
    start.emplace(ledger).begin({});
    EXPECT_EQ(open(), "");
    start->decided({}, true);
  }

  /* What follows, in this order. */
  void begin() { start.emplace(ledger).begin(binlog.paths()); }
  void recover() {
    start->recovered(to_string(binlog.gtids()), binlog.paths());
  }
  void inherit() { start->inherit(binlog.paths(), {}, binlog.next(), nullptr); }
  std::string open(const Failure &index_failure = {}) {
    return start->opened(binlog.paths(), index_failure, binlog.now(), nullptr);
  }
  /* All of it, but for expired logs. */
  void start_again() {
    begin();
    recover();
    binlog.start(1);
    EXPECT_EQ(open(), "");
  }

  void look_until_it_is_on_disk() {
    for (int i = 0; i < 5; ++i) {
      ledger.look(binlog, true);
      clock.advance(Ledger::look_interval);
    }
  }
  const StartFacts &facts() const { return start->facts(); }
  bool is_settled() const { return start->found().settled; }

  FakeClock clock;
  FakeJournal journal;
  FaultyFiles files;
  StateFile file{files, "data"};
  Ledger ledger{clock, journal, file};
  FakeBinlog binlog;
  std::optional<Start> start;
};

TEST_F(StartTest, TellsACrashFromAShutdownByTheNewestLog) {
  binlog.rotate();
  begin();
  EXPECT_TRUE(facts().crashed);
  binlog.shut_down();
  begin();
  EXPECT_FALSE(facts().crashed);
  EXPECT_THAT(facts().doubt, IsEmpty());
}

TEST_F(StartTest, NotesNothingWithoutLogs) {
  start.emplace(ledger).begin({});
  start->recovered("", {});
  EXPECT_FALSE(facts().crashed);
  EXPECT_THAT(facts().doubt, IsEmpty());
  EXPECT_TRUE(facts().recovered_end.empty());
}

TEST_F(StartTest, DoubtsWhatItCannotReadAndSaysSoOnce) {
  start.emplace(ledger).begin({"no-such-folder/bin.000001"});
  EXPECT_THAT(facts().doubt, tells("cannot open", "bin.000001"));
  const std::string first = facts().doubt;
  start->recovered("", {});
  EXPECT_EQ(facts().doubt, first);
  EXPECT_EQ(ledger.record().obligation.debt, Debt::CRASH)
      << "which a start that is given up must not forget";
}

TEST_F(StartTest, NotesTheEndOfTheLastCompleteEvent) {
  binlog.write_own();
  const BinlogPosition end = binlog.position();
  const std::string path = binlog.paths().back();
  std::ofstream(path, std::ios::binary | std::ios::app) << "torn";
  begin();
  recover();
  EXPECT_EQ(facts().recovered_end, end);
  EXPECT_EQ(facts().recovered_path, path);
  EXPECT_EQ(facts().recovered_identity, binlog_identity(path, end.offset));
  EXPECT_EQ(facts().recovered_gtid, "0-1-1");
  EXPECT_FALSE(facts().was_cut);
}

TEST_F(StartTest, SeesThatRecoveryHasCutTheEndOff) {
  const BinlogPosition left = binlog.position();
  binlog.write_own();
  begin();
  binlog.truncate(left.offset, {});
  recover();
  EXPECT_TRUE(facts().was_cut);
  EXPECT_EQ(facts().recovered_end, left);
}

TEST_F(StartTest, KnowsItsFirstStart) {
  EXPECT_FALSE(facts().had_record);
  start_again();
  EXPECT_TRUE(facts().had_record);
}

/* A server begins to receive, and crashes before anybody has seen it. */
class SenderTest : public StartTest {
 protected:
  SenderTest() {
    binlog.set_receives(false);
    look_until_it_is_on_disk();
    from = binlog.position().offset;
  }

  void keep_relay_log() {
    relay_logs.push_back(folder.write(
        "relay." + std::to_string(relay_logs.size()), binlog.relay_log(from)));
    from = binlog.position().offset;
  }
  void crash_and_start(bool receives = true) {
    begin();
    start->may_have_received([this] { return relay_logs; });
    recover();
    binlog.start(1);
    binlog.set_receives(receives);
    EXPECT_EQ(open(), "");
    start->decided({}, true);
  }

  TestFolder folder;
  std::uint64_t from = 0;
  std::vector<std::string> relay_logs;
};

TEST_F(SenderTest, OwesNothingOfWhatStandsInItsRelayLogs) {
  binlog.write_statement_of(2, "first");
  keep_relay_log();
  binlog.write_statement_of(2, "second");
  binlog.write_statement_of(3, "third");
  keep_relay_log();
  crash_and_start();
  EXPECT_EQ(facts().unsettled, GtidState());
  EXPECT_TRUE(is_settled());
}

TEST_F(SenderTest, OwesOnlyItsOwn) {
  binlog.write_own();
  from = binlog.position().offset;
  binlog.write_statement_of(2, "sent");
  keep_relay_log();
  crash_and_start(false);
  EXPECT_EQ(to_string(facts().unsettled), "0-1-1");
  EXPECT_TRUE(ledger.record().received) << "or the next start owes it again";
  EXPECT_THAT(ledger.record().other_server_ids, IsEmpty());
  start_again();
  EXPECT_EQ(to_string(facts().unsettled), "0-1-1");
}

TEST_F(SenderTest, OwesAllOfAnIdUnderWhichItMayHaveWrittenItself) {
  binlog.write_statement_of(2, "sent");
  binlog.write_statement_of(3, "sent");
  keep_relay_log();
  binlog.write_statement_of(2, "written here");
  crash_and_start();
  EXPECT_EQ(to_string(facts().unsettled), "0-2-3");
  EXPECT_THAT(ledger.record().other_server_ids, ElementsAre(2));
}

TEST_F(SenderTest, OwesWhatIsAnotherInTheRelayLog) {
  FakeBinlog elsewhere(2);
  const auto begin_of_it = elsewhere.position().offset;
  elsewhere.write_statement("another");
  relay_logs = {folder.write("relay", elsewhere.relay_log(begin_of_it))};
  binlog.write_statement_of(2, "written here");
  crash_and_start();
  EXPECT_EQ(to_string(facts().unsettled), "0-2-1");
}

TEST_F(SenderTest, OwesWhatStandsThereTwice) {
  binlog.write_statement_of(2, "sent");
  keep_relay_log();
  binlog.write_again(2);
  crash_and_start();
  EXPECT_EQ(to_string(facts().unsettled), "0-2-1");
}

/* That it has received says nothing of what sessions write from now on. */
TEST_F(SenderTest, OwesWhatIsWrittenUnderTheIdOfASenderLater) {
  binlog.write_statement_of(2, "sent");
  keep_relay_log();
  crash_and_start(false);
  ASSERT_TRUE(is_settled());
  look_until_it_is_on_disk();
  binlog.write_statement_of(2, "written here");
  start_again();
  EXPECT_EQ(to_string(facts().unsettled), "0-2-2");
}

/* Numbers that recovery cut off, and no others, may mean two transactions. */
class CutTest : public StartTest {
 protected:
  CutTest() {
    binlog.set_serves(true);
    binlog.set_receives(false);
    look_until_it_is_on_disk();
    binlog.write_own();
    left = binlog.gtids();
    end = binlog.position().offset;
    binlog.write_statement("second");
    binlog.write_statement("third");
    begin();
  }

  History history_after() {
    binlog.truncate(end, left);
    recover();
    binlog.start(1);
    open();
    binlog.write_own();  // by recovery: it has a number that was cut off
    ledger.decided({}, binlog.now(), false, start->found());
    return ledger.record().history;
  }

  void cut_and_start(bool settled = false) {
    EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
    binlog.truncate(end, left);
    recover();
    binlog.start(1);
    open();
    ledger.decided({}, binlog.now(), settled, start->found());
  }
  /* With nothing in doubt, as a replica. */
  void cut_and_follow() {
    cut_and_start(true);
    binlog.set_receives(true);
    ledger.look(binlog, true);
  }
  /* What is there cannot be read yet. */
  void look_without_settling() {
    Owed not_read_yet;
    not_read_yet.unknown = "too much";
    binlog.set_owed(not_read_yet);
    ledger.look(binlog, true);
  }
  /* By replication, through a relay log. */
  void come_back() {
    binlog.set_relayed(ledger.record().history.cut_off);
    binlog.write_statement("second");
    binlog.write_statement("third");
    binlog.write(2);
  }
  /* The server crashes once more, and its own claims are asked for. */
  std::vector<Claim> claims_after_crash() {
    begin();
    recover();
    binlog.start(1);
    open();
    start->decided({}, false);
    return read_claims();
  }
  /* FLUSH BINARY LOGS, before the engine has synced what was cut off. */
  void go_on_in_the_next_log() {
    const std::string before = binlog.paths().back();
    binlog.rotate();
    binlog.append_checkpoint(before);
  }
  void open_after_a_cut_in_the_log_before() {
    begin();
    EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
    binlog.truncate_before(end, left);
    recover();
    binlog.start(1);
    open();
  }
  void cut_the_log_before(bool settled = false) {
    open_after_a_cut_in_the_log_before();
    ledger.decided({}, binlog.now(), settled, start->found());
  }
  std::vector<Claim> claims_after_a_cut_in_the_log_before() {
    open_after_a_cut_in_the_log_before();
    start->decided({}, false);
    EXPECT_EQ(to_string(facts().unsettled), "0-1-1");
    return read_claims();
  }
  std::vector<Claim> read_claims() {
    OwedSearch search;
    search.logs = binlog.paths();
    search.writers = start->demand().writers;
    return start->claims(
        read_owed(search, start->demand().stretch, start->demand().before));
  }
  /* What the replica says that has what was cut off. */
  static ServerGtids promoted(std::uint64_t own) {
    ServerGtids server;
    server.server_id = 2;
    server.name = "db2";
    server.logged = {{{0, 1}, own}, {{0, 2}, own + 1}};
    return server;
  }

  GtidState left;
  std::uint64_t end = 0;
};

TEST_F(CutTest, LeavesTheNumbersInQuestionThatWereThere) {
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  const History history = history_after();
  EXPECT_EQ(history.earlier, GtidState());
  EXPECT_FALSE(history.has_unseen);
  ASSERT_EQ(history.cut_off.size(), 2u);
  EXPECT_EQ(to_string(history.cut_off.begin()->first), "0-1-2");
  EXPECT_TRUE(history.cut_off.begin()->second);
  EXPECT_NE(history.cut_off.begin()->second, history.cut_off.rbegin()->second);
  EXPECT_TRUE(is_believed(history, {0, 1, 1}));
  EXPECT_TRUE(is_believed(history, {0, 4, 4}));
  EXPECT_FALSE(is_believed(history, {0, 2, 3, 3}));
}

/* What a replica receives is settled as it comes; recovery cuts it off all the
   same when the engine has not synced it. */
TEST_F(CutTest, LeavesSettledWhatIsLeftBeforeTheSettledPosition) {
  recover();
  binlog.start(1);
  open();
  ledger.decided({}, binlog.now(), true, start->found());
  binlog.set_receives(true);
  binlog.write(2);
  ledger.look(binlog, true);
  const GtidState here = binlog.gtids();
  const std::uint64_t offset = binlog.position().offset;
  binlog.write(2);
  binlog.acknowledge_all();  // which is put on disk
  look_until_it_is_on_disk();
  ASSERT_EQ(ledger.record().settled->position, binlog.position());
  begin();
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  binlog.truncate(offset, here);
  recover();
  EXPECT_EQ(ledger.record().settled->position, facts().recovered_end);
  EXPECT_EQ(ledger.record().settled->gtids, here);
  binlog.start(1);
  open();
  EXPECT_EQ(facts().unsettled, GtidState());
  EXPECT_EQ(facts().cut_off, GtidState());
  EXPECT_TRUE(is_settled());
}

/* Of its own it must not come back as the primary. */
TEST_F(CutTest, TellsWhatWasSettledOfTheServersOwnAndIsCutOff) {
  binlog.acknowledge_all();
  look_until_it_is_on_disk();
  ASSERT_EQ(ledger.record().settled->position, binlog.position());
  begin();
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  binlog.truncate(end, left);
  recover();
  binlog.start(1);
  open();
  EXPECT_EQ(to_string(facts().cut_off), "0-1-3");
  EXPECT_FALSE(is_settled());
}

// A replica had what was cut off, and was promoted; from there it comes back.

TEST_F(CutTest, LeavesNothingInDoubtOfWhatHasComeBack) {
  cut_and_follow();
  come_back();
  look_without_settling();
  EXPECT_THAT(claims_after_crash(), IsEmpty());
  EXPECT_TRUE(is_settled());
}

/* Nobody has seen it in a relay log. */
TEST_F(CutTest, IsInDoubtWhenTheServerCrashesAtOnce) {
  cut_and_follow();
  come_back();
  const auto claims = claims_after_crash();
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(to_string(claims.front().last), "0-1-3");
  const Finding finding = find_among(claims, {promoted(3)});
  EXPECT_EQ(finding.possession, Possession::HAS) << finding.why;
}

/* Then what it writes as the primary is not behind something in doubt. */
TEST_F(CutTest, LeavesOnlyInDoubtWhatIsNewBehindWhatHasComeBack) {
  cut_and_follow();
  come_back();
  binlog.write_own();
  Owed owed;
  owed.domains[0].first = {0, 1, 5};
  binlog.set_owed(owed);
  ledger.look(binlog, true);
  const auto claims = claims_after_crash();
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(to_string(claims.front().last), "0-1-5");
  EXPECT_THAT(claims.front().uncertain, IsEmpty());
}

/* Nobody has looked since the server began to receive. */
TEST_F(CutTest, LeavesNothingInQuestionOfWhatHasComeBackUnseen) {
  cut_and_start();
  binlog.write_statement("second");
  binlog.write_statement("third");
  const auto claims = claims_after_crash();
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(to_string(claims.front().last), "0-1-3");
  const Finding finding = find_among(claims, {promoted(3)});
  EXPECT_EQ(finding.possession, Possession::HAS) << finding.why;
}

/* An open gate's ledger goes on behind it. */
TEST_F(CutTest, SettlesWhatHasComeBack) {
  cut_and_follow();
  come_back();
  ledger.look(binlog, true);
  EXPECT_EQ(ledger.record().settled->position, binlog.position());
}

TEST_F(CutTest, SettlesItAlsoWhenAnotherOneOfItsNumberWasCutOffBefore) {
  Record before = ledger.record();
  before.history.cut_off = {{{0, 1, 2}, 7}, {{0, 1, 3}, std::nullopt}};
  ASSERT_FALSE(file.save(before));
  begin();
  cut_and_start(true);
  EXPECT_EQ(ledger.record().history.cut_off.size(), 4u);
  binlog.set_receives(true);
  ledger.look(binlog, true);
  come_back();
  ledger.look(binlog, true);
  EXPECT_EQ(ledger.record().settled->position, binlog.position());
}

TEST_F(CutTest, DoesNotSettleAnotherOneOfItsNumber) {
  cut_and_start(true);
  const BinlogPosition settled = ledger.record().settled->position;
  binlog.set_receives(true);
  ledger.look(binlog, true);
  binlog.write_statement("another second");
  Owed owed;
  owed.domains[0].first = {0, 1, 2};
  binlog.set_owed(owed);
  ledger.look(binlog, true);
  EXPECT_EQ(ledger.record().settled->position, settled);
}

/* A client runs the same once more, with SET TIMESTAMP. */
TEST_F(CutTest, IsInDoubtWhenItWasWrittenOnceMore) {
  cut_and_follow();
  binlog.write_statement("second");
  binlog.write(2);
  Owed owed;
  owed.domains[0].first = {0, 1, 2};
  binlog.set_owed(owed);
  ledger.look(binlog, true);
  const auto claims = claims_after_crash();
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(to_string(claims.front().last), "0-1-2");
}

TEST_F(CutTest, IsNotKnownByAnotherThatWasRelayedUnderItsNumber) {
  cut_and_follow();
  come_back();
  binlog.set_relayed(
      Contents{{{0, 1, 2}, 7}, {{0, 1, 3}, std::nullopt}, {{0, 2, 4}, 7}});
  ledger.look(binlog, true);
  EXPECT_EQ(ledger.record().history.returned, Contents());
}

/* Another server may have the other one. */
TEST_F(CutTest, ProvesNothingByItsNumberWhenTwoOfItWereCutOff) {
  Record before = ledger.record();
  before.history.cut_off = {{{0, 1, 2}, 7}};
  ASSERT_FALSE(file.save(before));
  begin();
  cut_and_start();
  binlog.write_statement("second");
  const Finding finding = find_among(claims_after_crash(), {promoted(2)});
  EXPECT_EQ(finding.possession, Possession::NOT_SHOWN);
  EXPECT_THAT(finding.why, tells("0-1-2", "another transaction"));
}

/* gtid_seq_no */
TEST_F(CutTest, ComesBackOnce) {
  cut_and_follow();
  come_back();
  look_without_settling();
  EXPECT_EQ(ledger.record().history.returned.size(), 2u);
  binlog.write_statement_again("third", 3);
  const auto claims = claims_after_crash();
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(to_string(claims.front().last), "0-1-3");
  EXPECT_EQ(find_among(claims, {promoted(3)}).possession,
            Possession::NOT_SHOWN);
}

TEST_F(CutTest, HasComeBackUntilItIsSettled) {
  cut_and_follow();
  come_back();
  ledger.look(binlog, true);
  EXPECT_EQ(ledger.record().settled->position, binlog.position());
  EXPECT_EQ(ledger.record().history.returned, Contents());
  EXPECT_EQ(ledger.record().history.cut_off.size(), 2u);
}

/* Somebody is starting or stopping replication. */
TEST_F(CutTest, ComesBackAlsoWhenThatIsSeenAtTheNextLook) {
  cut_and_follow();
  come_back();
  binlog.set_relayed(std::nullopt);
  ledger.look(binlog, true);
  EXPECT_NE(ledger.record().settled->position, binlog.position());
  binlog.set_relayed(ledger.record().history.cut_off);
  ledger.look(binlog, true);
  EXPECT_EQ(ledger.record().settled->position, binlog.position());
}

/* The relay log may be gone when the gate opens. */
TEST_F(CutTest, ComesBackToAClosedGate) {
  cut_and_start();
  binlog.set_receives(true);
  ledger.look(binlog, false);
  come_back();
  ledger.look(binlog, false);
  EXPECT_EQ(ledger.record().history.returned.size(), 2u);
}

/* Whoever had it then need not have what is written in its place. */
TEST_F(CutTest, HasNotComeBackAnyMoreWhenItIsCutOffOnceMore) {
  cut_and_follow();
  const GtidState before = binlog.gtids();
  const std::uint64_t size = binlog.position().offset;
  come_back();
  look_without_settling();
  EXPECT_EQ(ledger.record().history.returned.size(), 2u);
  begin();
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  binlog.truncate(size, before);
  recover();
  binlog.start(1);
  open();
  EXPECT_EQ(start->demand().writers.returned, Contents());
  start->decided({}, false);
  EXPECT_EQ(ledger.record().history.returned, Contents());
  EXPECT_EQ(ledger.record().history.cut_off.size(), 3u);
}

/* DDL recovery has written to the server's own log. */
TEST_F(CutTest, WhatCameBackHidesNothingThatRecoveryHasWritten) {
  cut_and_follow();
  come_back();
  ledger.look(binlog, true);
  begin();
  recover();
  inherit();
  binlog.start(1);
  binlog.write_own();
  EXPECT_EQ(open(), "");
  EXPECT_FALSE(is_settled());
  EXPECT_EQ(to_string(facts().unsettled), "0-1-5");
}

/* Afterwards it is as if it had been cut off by the start that comes next. */
TEST_F(CutTest, IsKnownWhenTheStartThatCutItOffWasGivenUp) {
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  binlog.truncate(end, left);
  recover();
  start_again();
  start->decided({}, false);
  const History history = ledger.record().history;
  ASSERT_EQ(history.cut_off.size(), 2u);
  EXPECT_EQ(to_string(history.cut_off.begin()->first), "0-1-2");
  EXPECT_EQ(ledger.record().cuttable, std::nullopt);
}

TEST_F(CutTest, IsNotKnownWhenTheStartWasGivenUpBefore) {
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  start_again();
  start->decided({}, false);
  EXPECT_EQ(ledger.record().history.cut_off, Contents());
  EXPECT_EQ(ledger.record().cuttable, std::nullopt);
}

/* Recovery has cut the log before, deleted this one, and given its name to
   another. */
TEST_F(CutTest, IsKnownUpToItsLastNumberWhenAnotherLogHasItsName) {
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  const std::string log = binlog.paths().back();
  const auto size = std::filesystem::file_size(log);
  binlog.start(1);
  std::filesystem::rename(binlog.paths().back(), log);
  std::filesystem::resize_file(log, size);
  start.emplace(ledger).begin({log});
  EXPECT_EQ(to_string(ledger.record().history.earlier), "0-1-3");
}

TEST_F(CutTest, IsKnownUpToItsLastNumberWhenItsLogIsGone) {
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  start.emplace(ledger).begin({});
  EXPECT_EQ(to_string(ledger.record().history.earlier), "0-1-3");
}

TEST_F(CutTest, IsKnownInAServerThatRuns) {
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  start.emplace(ledger).begin_unguarded("there are clients already");
  EXPECT_EQ(to_string(ledger.record().history.earlier), "0-1-3");
}

/* Two starts in a row are given up, and each has cut off something. */
TEST_F(CutTest, IsKnownOfEachStartThatWasGivenUp) {
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  const std::string log = binlog.paths().back();
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 1);
  begin();
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  binlog.truncate(end, left);
  begin();
  const History history = ledger.record().history;
  EXPECT_EQ(history.cut_off.size(), 2u);
}

/* The numbers of an earlier history count from where a replica came in. */
TEST_F(CutTest, IsOfAnEarlierHistoryAfterResetMaster) {
  cut_and_start(true);
  binlog.reset();
  ledger.look(binlog, true);
  const History history = ledger.record().history;
  EXPECT_EQ(history.cut_off, Contents());
  EXPECT_FALSE(is_believed(history, {0, 2, 2}));
  EXPECT_FALSE(is_believed(history, {0, 3, 3}));
}

TEST_F(CutTest, MustNotBeginWhenItCannotBePutOnRecord) {
  files.write_error = ENOSPC;
  EXPECT_TRUE(start->note_what_may_be_cut(nullptr));
}

TEST_F(CutTest, LeavesInQuestionWhatHasTheNumberAndIsAnother) {
  cut_and_start();
  binlog.write_statement("second");
  binlog.write_statement("another third");
  ledger.look(binlog, false);
  const Finding finding = find_among(claims_after_crash(), {promoted(3)});
  EXPECT_EQ(finding.possession, Possession::NOT_SHOWN);
  EXPECT_THAT(finding.why, tells("0-1-3", "another transaction"));
}

TEST_F(CutTest, LeavesMoreInQuestionWhenItWasTooMuchToBeNoted) {
  for (std::size_t i = 0; i < most_cut_off_kept; ++i) binlog.write_own();
  begin();
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  const History history = history_after();
  EXPECT_EQ(history.cut_off, Contents());
  EXPECT_EQ(to_string(history.earlier), "0-1-1003");
  EXPECT_EQ(history.common, GtidState());
  EXPECT_FALSE(history.has_unseen);
  EXPECT_FALSE(is_believed(history, {0, 2, 2}));
  EXPECT_FALSE(is_believed(history, {0, 1003, 1005}));
  EXPECT_TRUE(is_believed(history, {0, 1004, 1004}));
  EXPECT_TRUE(is_believed(history, {7, 1, 1}));
}

/* 0-1-2 and 0-2-3 are cut off, and 0-9-2 is written. */
TEST_F(CutTest, LeavesInQuestionWhatHasALowerNumberThanWhatWasCutOff) {
  binlog.truncate(end, left);
  binlog.write_statement("second");
  binlog.write(2);
  begin();
  cut_and_start(true);
  binlog.set_server_id(9);
  binlog.write_statement("another second");
  binlog.set_server_id(1);
  ledger.look(binlog, false);
  ServerGtids server = promoted(2);
  server.logged = {{{0, 1}, 1}, {{0, 2}, 3}, {{0, 9}, 2}};
  const auto claims = claims_after_crash();
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(to_string(claims.front().last), "0-9-2");
  EXPECT_EQ(find_among(claims, {server}).possession, Possession::NOT_SHOWN);
}

/* The shorter log of that name is the start's own, and not what is left. */
TEST_F(CutTest, IsKnownUpToItsLastNumberWhenAShorterLogHasItsName) {
  const std::string before = binlog.paths().back();
  binlog.rotate();
  for (int i = 0; i < 9; ++i) binlog.write_own();
  begin();
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  const std::string log = binlog.paths().back();
  std::filesystem::resize_file(before, end);
  std::filesystem::remove(log);
  binlog.truncate_to_nothing(left);
  start.emplace(ledger).begin({before, log});
  EXPECT_EQ(to_string(ledger.record().history.earlier), "0-1-12");
  EXPECT_EQ(ledger.record().history.cut_off, Contents());
}

/* Up to where its numbers went the next start says. */
TEST_F(CutTest, IsOfAnUnknownHistoryUntilTheLogIsReadWhenItWasNotBefore) {
  const std::string log = binlog.paths().back();
  std::filesystem::resize_file(log, most_read_at_start + 1);
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  EXPECT_EQ(facts().cuttable->last, std::nullopt);
  binlog.truncate(end, left);
  begin();
  EXPECT_FALSE(ledger.record().history.known);
  recover();
  binlog.start(1);
  open();
  start->decided({}, false);
  const History history = ledger.record().history;
  EXPECT_TRUE(history.known);
  EXPECT_EQ(to_string(history.earlier), "0-1-100001");
  EXPECT_TRUE(history.has_unseen);
}

/* Recovery cuts that off, and rolls only a part of it back. */
class KeptTest : public CutTest {
 protected:
  KeptTest() {
    binlog.truncate(end, left);
    binlog.write_mixed();
    binlog.write_own();
    begin();
    EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
    binlog.truncate(end, left);
  }
};

TEST_F(KeptTest, IsInDoubtAlthoughItIsCutOff) {
  recover();
  binlog.start(1);
  open();
  EXPECT_EQ(to_string(facts().cut_off), "0-1-2");
  EXPECT_THAT(facts().doubt, tells("0-1-2", "tables without transactions"));
  EXPECT_FALSE(is_settled());
  start->decided({}, false);
  const auto claims = read_claims();
  EXPECT_EQ(find_among(claims, {promoted(1)}, left).possession,
            Possession::LACKS);
  EXPECT_EQ(find_among(claims, {promoted(2)}, left).possession,
            Possession::HAS);
}

TEST_F(KeptTest, IsOwedWhenTheStartThatCutItOffWasGivenUp) {
  start_again();
  EXPECT_EQ(start->found().obligation.debt, Debt::CARRIED_OVER);
  EXPECT_EQ(start->found().obligation.recovered_gtid, "0-1-2");
  EXPECT_NE(facts().unprovable, "");
}

TEST_F(KeptTest, IsInDoubtWhenItsLogIsGone) {
  std::filesystem::remove(binlog.paths().back());
  recover();
  binlog.start(1);
  open();
  EXPECT_EQ(to_string(facts().cut_off), "0-1-2");
}

/* The log before is cut then, and this one deleted. */
TEST_F(CutTest, IsKnownWhenItWasInTheLogBefore) {
  go_on_in_the_next_log();
  binlog.write_statement("fourth");
  cut_the_log_before();
  EXPECT_EQ(facts().recovered_end.offset, end);
  EXPECT_EQ(facts().doubt, "");
  const History history = ledger.record().history;
  EXPECT_EQ(history.earlier, GtidState());
  ASSERT_EQ(history.cut_off.size(), 3u);
  EXPECT_EQ(to_string(history.cut_off.begin()->first), "0-1-2");
  EXPECT_EQ(to_string(history.cut_off.rbegin()->first), "0-1-4");
  EXPECT_TRUE(is_believed(history, {0, 5, 5}));
}

TEST_F(CutTest, SettlesWhatHasComeBackOfTheLogBefore) {
  go_on_in_the_next_log();
  cut_the_log_before(true);
  binlog.set_receives(true);
  ledger.look(binlog, true);
  come_back();
  ledger.look(binlog, true);
  EXPECT_EQ(ledger.record().settled->gtids, binlog.gtids());
}

TEST_F(CutTest, LeavesSettledWhatIsLeftOfTheLogBefore) {
  go_on_in_the_next_log();
  binlog.write_statement("fourth");
  start.reset();
  binlog.acknowledge_all();
  look_until_it_is_on_disk();
  ASSERT_EQ(ledger.record().settled->position, binlog.position());
  cut_the_log_before();
  EXPECT_EQ(ledger.record().settled->position.offset, end);
  EXPECT_EQ(facts().unsettled, GtidState());
  EXPECT_EQ(to_string(facts().cut_off), "0-1-4");
}

/* Recovery does not read the log before. */
TEST_F(CutTest, IsOfTheNewestLogAloneWhenItsCheckpointIs) {
  binlog.rotate();
  binlog.append_checkpoint();
  EXPECT_THAT(read_cuttable_ends(binlog.paths(), nullptr), SizeIs(1));
}

/* More than that is not kept. */
TEST_F(CutTest, IsOfTheLogsUpToTheOneThatCannotBeRead) {
  const std::string first = binlog.paths().back();
  for (int i = 0; i < 3; ++i) {
    binlog.rotate();
    binlog.append_checkpoint(first);
    binlog.write_own();
  }
  const auto ends = read_cuttable_ends(binlog.paths(), nullptr);
  ASSERT_THAT(ends, SizeIs(4));
  EXPECT_THAT(ends[0].items, SizeIs(1));
  EXPECT_THAT(ends[3].items, SizeIs(6));
  EXPECT_EQ(ends[3].last, binlog.gtids());
  std::filesystem::resize_file(binlog.paths()[1], most_read_at_start + 1);
  EXPECT_THAT(read_cuttable_ends(binlog.paths(), nullptr), SizeIs(2));
}

TEST_F(CutTest, IsOfTheNewestLogAloneWhenThatIsTooMuch) {
  go_on_in_the_next_log();
  for (std::size_t i = 0; i < most_cut_off_kept; ++i) binlog.write_own();
  EXPECT_THAT(read_cuttable_ends(binlog.paths(), nullptr), SizeIs(1));
  binlog.write_own();
  EXPECT_THAT(read_cuttable_ends(binlog.paths(), nullptr), SizeIs(1));
}

TEST_F(CutTest, IsKnownUpToItsLastNumberWhenTheLogBeforeWasNotRead) {
  const std::string before = binlog.paths().back();
  binlog.rotate();
  begin();
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  std::filesystem::remove(binlog.paths().back());
  std::filesystem::resize_file(before, end);
  start->recovered(to_string(left), {before});
  EXPECT_TRUE(facts().was_cut);
  EXPECT_EQ(facts().doubt, "");
  EXPECT_EQ(facts().recovered_end,
            (BinlogPosition{without_folder(before), end}));
  EXPECT_EQ(facts().recovered_path, before);
  start->inherit({before}, {}, binlog.next(), nullptr);
  binlog.start(1);
  ledger.decided({}, binlog.now(), false, start->found());
  EXPECT_EQ(to_string(ledger.record().history.earlier), "0-1-3");
}

TEST_F(CutTest, IsFollowedByWhoHasWhatWasCutOffInTheLogBefore) {
  binlog.rotate();
  const auto claims = claims_after_a_cut_in_the_log_before();
  EXPECT_EQ(find_among(claims, {promoted(3)}, binlog.gtids()).possession,
            Possession::HAS);
  EXPECT_EQ(find_among(claims, {promoted(4)}, binlog.gtids()).possession,
            Possession::NOT_SHOWN);
}

/* What another server has written between them may hide what is in doubt. */
TEST_F(CutTest, IsNotFollowedInTheLogBeforeWhenSomethingWasReceivedBetween) {
  binlog.write(2);
  binlog.rotate();
  EXPECT_EQ(
      find_among(claims_after_a_cut_in_the_log_before(), {promoted(3)}, left)
          .possession,
      Possession::NOT_SHOWN);
}

TEST_F(CutTest, IsNotFollowedWhenItsNumbersWentBack) {
  binlog.write_statement_again("first", 1);
  go_on_in_the_next_log();
  EXPECT_EQ(
      find_among(claims_after_a_cut_in_the_log_before(), {promoted(3)}, left)
          .possession,
      Possession::NOT_SHOWN);
}

/* And if nobody knows which logs are left. */
TEST_F(CutTest, LeavesMoreInQuestionWhenTheNewestLogIsGone) {
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  std::filesystem::remove(binlog.paths().back());
  recover();
  EXPECT_TRUE(facts().was_cut);
  EXPECT_THAT(facts().doubt, tells("cannot open"));
  binlog.start(1);
  open();
  ledger.decided({}, binlog.now(), false, start->found());
  EXPECT_TRUE(ledger.record().history.has_unseen);
  EXPECT_FALSE(is_believed(ledger.record().history, {0, 2, 2}));
}

/* A replica may have come just before the crash. */
TEST_F(CutTest, DoesNotBelieveThatNobodyWasServed) {
  binlog.set_serves(false);
  Record nobody = ledger.record();
  nobody.served = false;
  ASSERT_FALSE(file.save(nobody));
  begin();
  cut_and_start();
  EXPECT_TRUE(ledger.record().served);
  EXPECT_EQ(ledger.record().history.cut_off.size(), 2u);
}

/* Who has what was cut off has what came before it. */
TEST_F(CutTest, IsFollowedByWhoHasWhatWasCutOff) {
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  binlog.truncate(end, left);
  recover();
  binlog.start(1);
  open();
  start->decided({}, false);
  const auto claims = read_claims();
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(to_string(claims.front().last), "0-1-1");
  EXPECT_EQ(find_among(claims, {promoted(3)}, binlog.gtids()).possession,
            Possession::HAS);
  EXPECT_EQ(find_among(claims, {promoted(4)}, binlog.gtids()).possession,
            Possession::NOT_SHOWN);
}

/* It takes the numbers that have just been cut off. */
TEST_F(CutTest, LeavesInQuestionWhatRecoveryHasWritten) {
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  binlog.truncate(end, left);
  recover();
  binlog.start(1);
  binlog.write_statement("DROP TABLE");
  open();
  EXPECT_EQ(to_string(start->demand().writers.cut_off.begin()->first), "0-1-2");
  OwedSearch search;
  search.logs = binlog.paths();
  search.writers = start->demand().writers;
  const Owed owed =
      read_owed(search, start->demand().stretch, start->demand().before);
  EXPECT_EQ(owed.domains.at(0).repeated, 2u);
}

TEST_F(CutTest, IsComparedAlsoWhenItIsTooMuchToBeKept) {
  Record before = ledger.record();
  for (std::uint64_t i = 0; i < most_cut_off_kept; ++i)
    before.history.cut_off.insert({{7, 1, i + 1}, i});
  ASSERT_FALSE(file.save(before));
  begin();
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  binlog.truncate(end, left);
  recover();
  binlog.start(1);
  open();
  EXPECT_EQ(start->demand().writers.cut_off.size(), most_cut_off_kept + 2);
}

TEST_F(CutTest, LeavesWhatWasTornInQuestionToo) {
  const std::string log = binlog.paths().back();
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 1);
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  EXPECT_EQ(to_string(facts().cuttable->last.value()), "0-1-3")
      << "its GTID is there, its end is not";
}

TEST_F(CutTest, LeavesMoreInQuestionWhenTheLogWasNotRead) {
  const History history = history_after();
  EXPECT_TRUE(history.has_unseen);
  EXPECT_FALSE(is_believed(history, {0, 4, 4}));
  EXPECT_FALSE(is_believed(history, {7, 1, 1}));
  start.emplace(ledger).begin({"no-such-log"});
  EXPECT_FALSE(start->note_what_may_be_cut(nullptr));
  EXPECT_EQ(facts().cuttable->last, std::nullopt);
}

TEST_F(StartTest, IsNotGuardedInAServerThatRuns) {
  start.emplace(ledger).begin_unguarded("there are clients already");
  binlog.write_own();
  start->recovered("0-1-1", binlog.paths());
  open();
  EXPECT_EQ(facts().unguarded, "there are clients already");
  EXPECT_FALSE(facts().crashed);
  EXPECT_FALSE(is_settled());
}

TEST_F(StartTest, OwesWhatWasWrittenAfterTheSettledPlace) {
  binlog.write_own();
  start_again();
  EXPECT_FALSE(is_settled());
  EXPECT_EQ(to_string(facts().unsettled), "0-1-1");
  EXPECT_EQ(facts().first_unsettled_log, binlog.paths().front());
  EXPECT_TRUE(facts().unclean);
  EXPECT_THAT(facts().doubt, IsEmpty());
  EXPECT_EQ(facts().awaited, binlog.position());
}

TEST_F(StartTest, OwesNothingWhenNothingWasWritten) {
  start_again();
  EXPECT_TRUE(facts().crashed);
  EXPECT_TRUE(is_settled());
  EXPECT_THAT(facts().unsettled, IsEmpty());
}

TEST_F(StartTest, ForetellsAStartWhoseLogIsNotThereYet) {
  binlog.write_own();
  begin();
  recover();
  BinlogSample next = binlog.next();
  next.end = {"bin.000002", 400};
  const std::string newest = binlog.paths().back();
  next.log.path = newest.substr(0, newest.rfind('/')) + "/bin.000002";
  start->inherit(binlog.paths(), {}, next, nullptr);
  EXPECT_FALSE(is_settled());
  EXPECT_EQ(to_string(facts().unsettled), "0-1-1");
  EXPECT_EQ(facts().awaited, next.end);
  EXPECT_THAT(facts().doubt, IsEmpty());
  EXPECT_THAT(facts().unprovable, IsEmpty());
}

/* Between the look at the logs and the decision. */
class ExpiryTest : public StartTest {
 protected:
  /* Up to where expired logs are deleted. */
  void come_so_far() {
    begin();
    recover();
    inherit();
    binlog.start(1);
  }
};

TEST_F(ExpiryTest, FindsNothingNewWhenNothingHasHappened) {
  binlog.write_own();
  come_so_far();
  EXPECT_THAT(open(), IsEmpty());
  EXPECT_EQ(to_string(facts().unsettled), "0-1-1");
  EXPECT_FALSE(is_settled());
  EXPECT_THAT(facts().doubt, IsEmpty());
  EXPECT_THAT(facts().unprovable, IsEmpty());
  EXPECT_EQ(facts().awaited, binlog.position());
}

TEST_F(ExpiryTest, KnowsWhatTheLogHeldThatHasExpired) {
  binlog.write_own();
  come_so_far();
  binlog.purge_all_but(1);
  EXPECT_THAT(open(), tells("bin.000001 has expired", "names its last"));
  EXPECT_EQ(to_string(facts().unsettled), "0-1-1");
  EXPECT_TRUE(start->found().unsettled.since_settled);
  EXPECT_THAT(facts().unprovable, IsEmpty());
  EXPECT_THAT(start->needed_logs(), ElementsAre(binlog.paths().back()))
      << "what was read and is gone is not waited for";
}

TEST_F(ExpiryTest, CanProveNothingOfALogThatExpiredUnread) {
  binlog.encrypt_from_now_on();
  binlog.rotate();
  binlog.write_own();
  come_so_far();
  ASSERT_FALSE(facts().read_owed);
  binlog.purge_all_but(1);
  EXPECT_THAT(open(), IsEmpty());
  EXPECT_THAT(facts().unprovable, tells("bin.000001", "could not be read"));
}

TEST_F(ExpiryTest, OwesWhatRecoveryHasWrittenIntoTheNewLog) {
  come_so_far();
  EXPECT_TRUE(is_settled());
  binlog.write_own();  // a DROP TABLE that was broken off
  EXPECT_THAT(open(), IsEmpty());
  EXPECT_FALSE(is_settled());
  EXPECT_EQ(to_string(facts().unsettled), "0-1-1");
}

TEST_F(ExpiryTest, DoubtsWhenTheIndexCannotBeRead) {
  come_so_far();
  open("the index is gone");
  EXPECT_EQ(facts().doubt, "the index is gone");
  EXPECT_FALSE(is_settled());
}

TEST_F(StartTest, IsNotSettledInDoubt) {
  begin();
  binlog.start(1);
  open("the index is gone");
  EXPECT_FALSE(is_settled());
  EXPECT_EQ(facts().doubt, "the index is gone");
}

TEST_F(StartTest, KeepsAllDoubts) {
  files.put("data/recovery_gate.state", "not a record");
  begin();
  start->doubt("the engines cannot be asked");
  binlog.start(1);
  open();
  EXPECT_FALSE(is_settled());
  EXPECT_THAT(facts().doubt,
              tells("the engines cannot be asked; ", "recovery_gate.state"));
}

TEST_F(StartTest, CanProveNothingWithoutTheLogsOfTheLastRun) {
  binlog.rename_logs_to("other");
  start.emplace(ledger).begin({});
  open();
  EXPECT_FALSE(is_settled());
  EXPECT_THAT(facts().doubt,
              tells("bin.000001", "not in the binary log index"));
  EXPECT_THAT(facts().unprovable, tells("need not have"));
}

TEST_F(StartTest, DoesNotForgetThatProofIsLostWhenALogIsMissingToo) {
  binlog.rotate();
  ledger.decided({Debt::CARRIED_OVER, false, {}, std::nullopt, ""},
                 binlog.now(), false, start->found());
  binlog.start(1);
  const std::vector<std::string> all = binlog.paths();
  start.emplace(ledger).begin({all[0]});
  start->opened({all[0], all[2]}, {}, binlog.now(), nullptr);
  EXPECT_THAT(facts().doubt,
              tells("bin.000002", "not in the binary log index"));
  EXPECT_THAT(facts().unprovable, tells("was deleted"));
}

/* What follows from it for replicas. */

TEST_F(StartTest, NeedsItsOwnLogAndTheOneThatWhatIsOwedBeginsIn) {
  binlog.rotate();
  binlog.write_own();
  start_again();
  const std::vector<std::string> all = binlog.paths();
  EXPECT_THAT(start->needed_logs(), ElementsAre(all[2], all[1]));
}

TEST_F(StartTest, NeedsOnlyItsOwnLogWhenNothingIsOwed) {
  start_again();
  EXPECT_THAT(start->needed_logs(), ElementsAre(binlog.paths().back()));
}

TEST_F(StartTest, DemandsWhatComesAfterTheSettledPlace) {
  const BinlogPosition settled = binlog.position();
  binlog.write_own();
  start_again();
  const Demand demand = start->demand();
  EXPECT_EQ(demand.stretch.from, settled);
  EXPECT_EQ(demand.stretch.to, binlog.position());
  EXPECT_THAT(demand.before, IsEmpty());
  EXPECT_EQ(to_string(demand.written), "0-1-1");
}

TEST_F(StartTest, ClaimsWhatIsOwed) {
  binlog.write_own();
  start_again();
  start->decided({Debt::CRASH, true, {}, std::nullopt, ""}, false);
  Owed owed = OwedCollector(GtidState()).take();
  std::vector<Claim> claims = start->claims(owed);
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_THAT(claims[0].uncertain, tells("0-1-1", "not found"));
  ASSERT_TRUE(facts().read_owed);
  owed = ReadOwed(*facts().read_owed).collector.take();
  claims = start->claims(owed);
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(to_string(claims[0].last), "0-1-1");
  EXPECT_THAT(claims[0].uncertain, IsEmpty());
}

TEST_F(StartTest, ClaimsThatMoreMayBeOwedWhenInDoubt) {
  binlog.write_own();
  begin();
  start->doubt("the engines cannot be asked");
  binlog.start(1);
  open();
  start->decided({Debt::CRASH, true, {}, std::nullopt, ""}, false);
  const std::vector<Claim> claims = start->claims(Owed());
  ASSERT_THAT(claims, SizeIs(2));
  EXPECT_EQ(claims[0].uncertain, "the engines cannot be asked");
}

}  // namespace
}  // namespace recovery_gate
