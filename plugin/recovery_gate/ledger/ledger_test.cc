// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/ledger.h"

#include <random>

#include "recovery_gate/ledger/start.h"
#include "testing/fake_binlog.h"

namespace recovery_gate {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Fault = FaultyFiles::Fault;

const std::string state_path = "data/recovery_gate.state";

GtidState gtid(std::uint32_t server_id, std::uint64_t number) {
  return {{{0, server_id}, number}};
}

/* A server with its binary log and its state file, from one start to the next:
   does with the ledger and a gate what the plugin does. */
class Server {
 public:
  Server() { start(); }

  FakeClock clock;
  FakeJournal journal;
  FaultyFiles files;
  FakeBinlog binlog;
  std::optional<StateFile> file;
  std::optional<Ledger> ledger;
  std::optional<Start> this_start;
  std::optional<Gate> gate;
  Ledger::Inheritance found;  // at the last start

  /* Up to crash recovery. */
  void load() {
    ledger.reset();
    file.emplace(files, "data");
    ledger.emplace(clock, journal, *file);
    this_start.emplace(*ledger).begin(logs_before());
  }

  void decide(Mode mode = Mode::AUTO) {
    this_start->recovered(to_string(binlog.gtids()), binlog.paths());
    const std::vector<std::string> before = logs_before();
    if (!before.empty())
      this_start->inherit(before, {}, binlog.next(), nullptr);
    EXPECT_EQ(this_start->opened(binlog.paths(), {}, binlog.now(), nullptr),
              "");
    found = this_start->found();
    gate.emplace(clock, journal);
    gate->decide(mode, this_start->facts(), replica_connected());
    this_start->decided(gate->obligation(), gate->is_open());
  }

  void start(Mode mode = Mode::AUTO) {
    load();
    decide(mode);
  }

  /* Ends, and opens its next log; start() goes on from there. */
  void crash(bool unsynced_survived = false) {
    files.come_back(unsynced_survived);
    end(true, binlog.server_id());
  }
  void shut_down() {
    ledger->shutting_down(binlog, gate->is_open(), binlog.paths(),
                          to_string(binlog.gtids()), "");
    files.come_back(false);
    end(false, binlog.server_id());
  }
  void end(bool by_crash, std::uint32_t next_server_id) {
    if (!by_crash) binlog.shut_down();
    binlog.start(next_server_id);
  }
  /* By an administrator, behind an open gate. */
  void give_up() {
    const BinlogSample now = binlog.now();
    ledger->give_up({now.end, now.gtids, now.resets});
  }
  /* After recovery, for some other reason; the log is closed properly. */
  void give_up_start() { end(false, binlog.server_id()); }

  void look() {
    const bool open = gate->is_open();
    ledger->look(binlog, open);
    if (!open && gate->snapshot().state == GateState::CLOSED_UNPROVABLE)
      ledger->lost_proof();
  }
  void look_after(milliseconds time) {
    clock.advance(time);
    look();
  }
  /* Everything that can be known is on disk. */
  void settle_down() {
    for (int i = 0; i < 5; ++i) look_after(Ledger::look_interval);
  }

  /* A replica acknowledges all, or up to there. */
  void acknowledge(const BinlogPosition &position) {
    binlog.acknowledge(position);
    if (gate->is_open()) return;
    gate->observe(acknowledged(position, gate->snapshot().awaited));
    if (gate->is_open()) ledger->opened();
  }
  void acknowledge_all() { acknowledge(binlog.position()); }

  void open_manually() {
    if (gate->open_manually("root@localhost")) ledger->opened();
  }

  void reset_binlog(unsigned long to = 1) {
    binlog.reset(to);
    if (!gate->is_open()) gate->observe(proof_lost("the log was deleted"));
  }

  Record on_disk() const {
    Record record;
    EXPECT_EQ(decode(files.content(state_path), &record).text(), "");
    return record;
  }

  /* Those of before this start. */
  std::vector<std::string> logs_before() const {
    std::vector<std::string> logs = binlog.paths();
    logs.pop_back();
    return logs;
  }
};

/* The server has started for the first time, with an empty binary log. */
class LedgerTest : public testing::Test, protected Server {
 protected:
  /* One transaction of its own, acknowledged and taken down. */
  void write_and_settle() {
    binlog.write_own();
    acknowledge_all();
    settle_down();
    ASSERT_EQ(on_disk().settled->gtids, from_servers(binlog.gtids(), {1}));
  }

  void expect_settled_here() {
    const Record record = on_disk();
    ASSERT_TRUE(record.settled);
    EXPECT_EQ(record.settled->position, binlog.position());
    EXPECT_EQ(record.settled->identity, binlog.now().identity);
  }

  int writes_during_looks(int looks) {
    const int before = files.writes;
    for (int i = 0; i < looks; ++i) look_after(Ledger::look_interval);
    return files.writes - before;
  }
};

/* -------------------------------------------------------------------------
   The first start. */

TEST_F(LedgerTest, BeginsWithAnOpenGateAndEverythingSettled) {
  EXPECT_FALSE(found.had_record);
  EXPECT_TRUE(gate->is_open());
  EXPECT_FALSE(on_disk().obligation.open());
  EXPECT_EQ(on_disk().running_since, binlog.position());
  expect_settled_here();
}

TEST(Ledger, WritesNothingWhenItLoadsAndNothingIsOwed) {
  FakeClock clock;
  FakeJournal journal;
  FaultyFiles files;
  StateFile file(files, "data");
  Ledger ledger(clock, journal, file);
  EXPECT_THAT(ledger.load(false, {}).text(), IsEmpty());
  EXPECT_EQ(files.writes, 0);
  EXPECT_EQ(ledger.record(), Record());
}

TEST(Ledger, TakesAServerThatNeverRanWithItForOneThatOwesNothing) {
  FakeClock clock;
  FakeJournal journal;
  FaultyFiles files;
  StateFile file(files, "data");
  FakeBinlog binlog;
  binlog.write_own();
  Ledger ledger(clock, journal, file);
  static_cast<void>(ledger.load(false, binlog.position()));
  const auto found = ledger.recovered(binlog.starts(), binlog.now(), false);
  EXPECT_FALSE(found.had_record);
  EXPECT_FALSE(found.obligation.open());
  EXPECT_THAT(found.lost_track, IsEmpty());
  EXPECT_EQ(found.unsettled.gtids, gtid(1, 1)) << "had it crashed";
  EXPECT_TRUE(found.settled);
  EXPECT_FALSE(ledger.recovered(binlog.starts(), binlog.now(), true).settled);
}

/* -------------------------------------------------------------------------
   A crash, from the first moment. */

TEST_F(LedgerTest, PutsACrashOnRecordBeforeItIsKnownWhatIsOwed) {
  write_and_settle();
  binlog.write_own();
  const std::string log = binlog.position().file;
  crash();
  load();
  EXPECT_EQ(on_disk().obligation,
            (Obligation{Debt::CRASH, true, {log, 0}, std::nullopt, ""}));
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 1)) << "which is still so";
}

TEST_F(LedgerTest, RemembersTheCrashThroughStartsThatAreGivenUp) {
  write_and_settle();
  binlog.write_own();
  crash();
  for (int i = 0; i < 3; ++i) {
    load();
    give_up_start();
  }
  start();
  EXPECT_EQ(found.obligation.debt, Debt::CRASH);
  EXPECT_EQ(gate->snapshot().reason, CloseReason::CRASH);
  EXPECT_EQ(found.unsettled.gtids, gtid(1, 2));
}

TEST_F(LedgerTest, ExaminesAfreshWhatAStartLeftThatWasGivenUp) {
  write_and_settle();
  crash();
  load();
  give_up_start();
  load();
  EXPECT_EQ(ledger->record().obligation.debt, Debt::CRASH);
  decide();
  EXPECT_TRUE(gate->is_open()) << "nothing was unsettled";
  EXPECT_FALSE(on_disk().obligation.open());
}

TEST_F(LedgerTest, RemembersACrashOfAServerThatNeverHadARecord) {
  files.put(state_path, "");
  FaultyFiles fresh;
  files = fresh;
  binlog.write_own();
  crash();
  load();
  EXPECT_EQ(on_disk().obligation.debt, Debt::CRASH);
  give_up_start();
  start();
  EXPECT_EQ(gate->snapshot().reason, CloseReason::CRASH);
  EXPECT_EQ(found.unsettled.gtids, gtid(1, 1));
}

TEST_F(LedgerTest, WritesNothingForACrashThatIsOnRecordAlready) {
  crash();
  load();
  const int before = files.writes;
  give_up_start();
  load();
  EXPECT_EQ(files.writes, before);
}

TEST_F(LedgerTest, CanProveWhatACrashLeftThoughTheLogOfTheRecordIsGone) {
  // What is owed is what is found then.
  write_and_settle();
  binlog.rotate();
  settle_down();
  crash();
  load();
  give_up_start();
  give_up_start();
  binlog.purge_all_but(2);
  start();
  EXPECT_EQ(found.obligation.debt, Debt::CRASH);
  EXPECT_TRUE(found.obligation.provable);
  EXPECT_TRUE(gate->is_open());
}

TEST_F(LedgerTest, ClosesAfterACrashForAGtidThatWasWrittenOnceMore) {
  write_and_settle();
  binlog.write_again(1);
  crash();
  start();
  EXPECT_FALSE(gate->is_open());
  EXPECT_EQ(found.unsettled.gtids, gtid(1, 1));
}

TEST_F(LedgerTest, KeepsWhatIsOwedWhenItCrashesAgain) {
  write_and_settle();
  binlog.write_own();
  crash();
  start();
  const Obligation owed = on_disk().obligation;
  EXPECT_EQ(owed.debt, Debt::CARRIED_OVER);
  for (int i = 0; i < 10; ++i) {
    crash();
    load();
    EXPECT_EQ(on_disk().obligation, owed);
    decide();
    EXPECT_EQ(gate->snapshot().reason, CloseReason::CARRIED_OVER);
    EXPECT_EQ(on_disk().obligation, owed);
  }
}

TEST_F(LedgerTest, OpensAtOnceAfterACrashWhenEverythingWasAcknowledged) {
  for (int i = 0; i < 3; ++i) {
    write_and_settle();
    crash();
    start();
    EXPECT_TRUE(gate->is_open());
    EXPECT_FALSE(on_disk().obligation.open());
    expect_settled_here();
  }
}

TEST_F(LedgerTest, ClosesAfterACrashWhenTheLastWasNotAcknowledged) {
  write_and_settle();
  binlog.write_own();
  settle_down();
  crash();
  start();
  EXPECT_EQ(gate->snapshot().reason, CloseReason::CRASH);
  EXPECT_EQ(on_disk().obligation.debt, Debt::CARRIED_OVER);
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 1));
}

TEST_F(LedgerTest, OwesNothingForWhatRecoveryCutOff) {
  write_and_settle();
  const std::uint64_t size = binlog.position().offset;
  const GtidState gtids = binlog.gtids();
  binlog.write_own();
  settle_down();
  binlog.truncate(size, gtids);
  crash();
  start();
  EXPECT_TRUE(gate->is_open());
}

/* -------------------------------------------------------------------------
   A state file that is not what it should be. */

TEST_F(LedgerTest, ClosesWhenTheStateFileCannotBeTrusted) {
  for (const bool after_a_crash : {false, true})
    for (const std::string &content :
         {std::string(), std::string("alien"),
          files.content(state_path).substr(0, 100),
          std::string("recovery-gate-state 1\nobligation settled\n")}) {
      Server server;
      if (after_a_crash)
        server.crash();
      else
        server.shut_down();
      server.files.put(state_path, content);
      server.start();
      EXPECT_THAT(server.this_start->facts().doubt,
                  HasSubstr("cannot be trusted"));
      EXPECT_TRUE(server.found.had_record);
      EXPECT_FALSE(server.gate->is_open());
      EXPECT_EQ(server.gate->snapshot().reason, CloseReason::CARRIED_OVER);
      EXPECT_EQ(server.on_disk().obligation.debt, Debt::CARRIED_OVER);
      if (!content.empty()) {
        EXPECT_EQ(server.files.content(state_path + ".damaged"), content);
      }
      // Nor at the next start.
      server.crash();
      server.start();
      EXPECT_THAT(server.this_start->facts().doubt, IsEmpty());
      EXPECT_FALSE(server.gate->is_open());
      server.acknowledge_all();
      EXPECT_TRUE(server.gate->is_open());
      server.crash();
      server.start();
      EXPECT_TRUE(server.gate->is_open());
    }
}

TEST_F(LedgerTest, ClosesWhenTheStateFileCannotBeRead) {
  shut_down();
  files.fault = Fault::ERROR;
  files.faulty_call = files.calls;
  start();
  EXPECT_THAT(this_start->facts().doubt, HasSubstr("cannot be read"));
  EXPECT_FALSE(gate->is_open());
  EXPECT_EQ(on_disk().obligation.debt, Debt::CARRIED_OVER);
}

/* -------------------------------------------------------------------------
   While the server runs: what is settled, and when it is on disk. */

TEST_F(LedgerTest, TakesDownWhatIsAcknowledgedWithinALookAndAWriteInterval) {
  settle_down();
  binlog.write_own();
  look_after(Ledger::look_interval);
  acknowledge_all();
  clock.advance(milliseconds(300));
  look();
  expect_settled_here();
  EXPECT_EQ(on_disk().acknowledged, binlog.position());
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 1));
}

TEST_F(LedgerTest, TakesDownWhatWasAcknowledgedBeforeItLooked) {
  settle_down();
  binlog.write_own();
  acknowledge_all();
  look();
  expect_settled_here();
}

TEST_F(LedgerTest, SettlesNothingThatIsNotAcknowledged) {
  binlog.write_own();
  settle_down();
  EXPECT_THAT(on_disk().settled->gtids, IsEmpty());
  EXPECT_TRUE(on_disk().acknowledged.empty());
}

TEST_F(LedgerTest, SettlesASampleOnlyWhenAllOfItIsAcknowledged) {
  binlog.write_own();
  look();  // takes a sample of one
  const BinlogPosition first = binlog.position();
  binlog.write_own();
  acknowledge({first.file, first.offset - 1});
  settle_down();
  EXPECT_THAT(on_disk().settled->gtids, IsEmpty());
  acknowledge(first);
  settle_down();
  EXPECT_EQ(on_disk().settled->position, first);
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 1));
  acknowledge_all();
  settle_down();
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 2));
}

TEST_F(LedgerTest, DoesNotSettleMoreThanItsSampleForALaterAcknowledgement) {
  binlog.write_own();
  look();
  const BinlogPosition first = binlog.position();
  binlog.write_own();
  const BinlogPosition second = binlog.position();
  binlog.write_own();
  acknowledge(second);
  settle_down();
  // What it knows of the second is not enough: only the first sample is sure.
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 1));
  EXPECT_EQ(on_disk().settled->position, first);
}

TEST_F(LedgerTest, SettlesBehindAcknowledgementsThatLagUnderLoad) {
  BinlogPosition lagging = binlog.position();
  for (int i = 0; i < 50; ++i) {
    const BinlogPosition before = binlog.position();
    binlog.write_own();
    acknowledge(lagging);
    lagging = before;
    look_after(Ledger::look_interval);
    ASSERT_TRUE(has_reached(binlog.acknowledged(),
                            ledger->record().settled->position) ||
                binlog.acknowledged().empty() || i < 2);
  }
  acknowledge_all();
  settle_down();
  expect_settled_here();
}

TEST_F(LedgerTest, IsNotAheadOfWhatIsWrittenWhileItTakesASample) {
  // The transaction comes after the acknowledgement was read and before the
  // binary log was asked.
  binlog.write_own();
  acknowledge_all();
  binlog.when_sampled([this] { binlog.write_own(); });
  settle_down();
  EXPECT_THAT(on_disk().settled->gtids, IsEmpty());
  acknowledge_all();
  settle_down();
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 2));
}

TEST_F(LedgerTest, WritesAtMostOnceInThreeHundredMilliseconds) {
  const int before = files.writes;
  for (int i = 0; i < 100; ++i) {
    binlog.write_own();
    acknowledge_all();
    look_after(Ledger::look_interval);
  }
  const int writes = files.writes - before;
  EXPECT_LE(writes, 34);
  EXPECT_GE(writes, 20) << "it does not fall behind";
}

TEST_F(LedgerTest, WritesNothingWhileNothingHappens) {
  write_and_settle();
  const int samples = binlog.samples();
  EXPECT_EQ(writes_during_looks(100), 0);
  EXPECT_EQ(binlog.samples(), samples);
}

TEST_F(LedgerTest, WritesNothingWhileNothingIsAcknowledged) {
  settle_down();
  binlog.write_own();
  look();
  const int before = files.writes;
  for (int i = 0; i < 20; ++i) {
    binlog.write_own();
    look_after(Ledger::look_interval);
  }
  EXPECT_EQ(files.writes, before);
}

/* What a replica has proven is another matter than what was acknowledged. */
TEST_F(LedgerTest, SettlesNothingByAnAcknowledgementThatProvesNothing) {
  settle_down();
  const BinlogPosition settled = on_disk().settled->position;
  binlog.set_proves(false);
  binlog.write_own();
  acknowledge_all();
  settle_down();
  EXPECT_EQ(on_disk().settled->position, settled);
  EXPECT_EQ(binlog.demand().stretch.from, settled);
  EXPECT_EQ(binlog.demand().stretch.to, binlog.position());
  EXPECT_EQ(to_string(binlog.demand().written), "0-1-1");
  EXPECT_TRUE(binlog.demand().acknowledged);
  crash();
  start();
  EXPECT_FALSE(gate->is_open());
}

TEST_F(LedgerTest, KeepsOnRecordThatNumbersWereInUseBeforeAReset) {
  binlog.set_serves(true);
  write_and_settle();
  for (int i = 0; i < 9; ++i) binlog.write_own();
  settle_down();
  reset_binlog();
  settle_down();
  EXPECT_EQ(to_string(on_disk().history.earlier), "0-1-100010");
  EXPECT_TRUE(on_disk().history.known);
  binlog.arrive(2, 10);
  settle_down();
  EXPECT_EQ(on_disk().history.replica_ids, ServerIds{2});
  EXPECT_EQ(to_string(on_disk().history.replicas), "0-2-10");
  // Where it was first is what counts.
  binlog.arrive(2, 19);
  settle_down();
  EXPECT_EQ(to_string(on_disk().history.replicas), "0-2-10");
}

TEST_F(LedgerTest, TakesNoArrivalOfTheHistoryBeforeForOneOfTheNew) {
  binlog.set_serves(true);
  write_and_settle();
  binlog.arrive(2, 1);
  reset_binlog();  // just after replicas were looked at
  settle_down();
  EXPECT_EQ(to_string(on_disk().history.earlier), "0-1-100001");
  EXPECT_THAT(on_disk().history.replica_ids, IsEmpty());
  binlog.arrive(2, 10);
  settle_down();
  EXPECT_EQ(to_string(on_disk().history.replicas), "0-2-10");
}

TEST_F(LedgerTest, KnowsThatNobodyHasTheNumbersOfALogThatNobodyWasSent) {
  binlog.set_serves(false);
  binlog.write_own();
  settle_down();
  reset_binlog();
  settle_down();
  EXPECT_FALSE(is_in_question(on_disk().history));
}

TEST_F(LedgerTest, KnowsThatSomebodyHasTheNumbersOfALogThatWasSentAMomentAgo) {
  binlog.write_own();
  settle_down();
  binlog.serve_once();
  reset_binlog();  // both since the last look
  settle_down();
  EXPECT_TRUE(is_in_question(on_disk().history));
}

TEST_F(LedgerTest, KnowsThatSomebodyHasTheNumbersOfALogThatEndedWithTheServer) {
  binlog.write_own();
  settle_down();
  binlog.serve_once();
  reset_binlog();
  shut_down();
  EXPECT_TRUE(is_in_question(on_disk().history));
}

TEST_F(LedgerTest,
       KnowsThatNobodyHasTheNumbersOfALogThatEndedBeforeAnybodyCame) {
  binlog.write_own();
  settle_down();
  reset_binlog();
  binlog.serve_once();
  settle_down();
  EXPECT_FALSE(is_in_question(on_disk().history));
  EXPECT_TRUE(on_disk().served);
}

TEST_F(LedgerTest, BeginsAHistoryWhenTheLogsAreOthers) {
  binlog.set_serves(true);
  write_and_settle();
  shut_down();
  binlog.rename_logs_to("other");
  start();
  EXPECT_EQ(to_string(on_disk().history.earlier), "0-1-100001");
}

/* With init_rpl_role=SLAVE recovery cuts off what the engine had not flushed,
   though a replica has it. */
TEST_F(LedgerTest, MustNotBeThePrimaryWhenRecoveryCutOffWhatAReplicaHas) {
  binlog.set_serves(true);
  write_and_settle();
  const std::uint64_t end = binlog.position().offset;
  const GtidState left = binlog.gtids();
  write_and_settle();
  binlog.truncate(end, left);
  crash();
  start();
  EXPECT_EQ(gate->snapshot().state, GateState::CLOSED_UNPROVABLE);
  EXPECT_THAT(journal.warnings(),
              Contains(tells("cut", "0-1-2", "must not be the primary")));
  // Its number will be used again. What had the next ones nobody has read.
  EXPECT_EQ(to_string(on_disk().history.earlier), "0-1-100002");
  EXPECT_TRUE(on_disk().history.has_unseen);
  EXPECT_EQ(to_string(on_disk().history.common), "0-1-1");
  shut_down();
  start();
  EXPECT_EQ(gate->snapshot().state, GateState::CLOSED_UNPROVABLE);
}

TEST_F(LedgerTest, OwesWhatWasWrittenTwiceAfterAProperShutdownToo) {
  write_and_settle();
  binlog.write_again(1);
  settle_down();
  shut_down();
  EXPECT_EQ(on_disk().obligation.debt, Debt::SHUTDOWN);
}

/* The list at the start of the log has it. */
TEST_F(LedgerTest, OwesWhatWasWrittenTwiceInALogThatAReplicaBeganAt) {
  write_and_settle();
  const BinlogPosition end_of_last = binlog.position();
  binlog.rotate();
  const BinlogPosition begin{binlog.position().file, start_of_events};
  binlog.write_again(1);
  Owed owed;
  owed.domains[0].writers = {1};
  binlog.set_owed(owed);
  for (const BinlogPosition &acknowledged : {end_of_last, begin}) {
    binlog.acknowledge(acknowledged);
    settle_down();
    EXPECT_EQ(on_disk().settled->position.file, end_of_last.file);
  }
  crash();
  start();
  EXPECT_FALSE(gate->is_open());
}

TEST_F(LedgerTest, OwesWhatStandsTwiceAmongWhatWasReceived) {
  write_and_settle();
  binlog.write_again(1);
  binlog.write(2);
  Owed owed;
  owed.domains[0].writers = {1};
  binlog.set_owed(owed);
  const BinlogPosition settled = on_disk().settled->position;
  settle_down();
  binlog.rotate();
  settle_down();
  EXPECT_EQ(on_disk().settled->position, settled);
}

TEST_F(LedgerTest, StillOwesADomainThatWasDeletedFromTheLog) {
  write_and_settle();
  binlog.write(1, 7);
  settle_down();
  binlog.delete_domain(7);
  settle_down();
  EXPECT_EQ(on_disk().obligation.debt, Debt::CARRIED_OVER);
  EXPECT_EQ(on_disk().obligation.recovered_gtid, "7-1-1");
  EXPECT_THAT(journal.warnings(), Contains(tells("7-1-1", "DELETE_DOMAIN_ID")));
}

TEST_F(LedgerTest, StillOwesADomainWhenTheLogBeforeIsPurgedAtOnce) {
  write_and_settle();
  binlog.write(1, 7);
  binlog.rotate();
  binlog.purge_all_but(1);
  settle_down();
  binlog.delete_domain(7);
  binlog.purge_all_but(1);
  settle_down();
  EXPECT_EQ(on_disk().obligation.debt, Debt::CARRIED_OVER);
  EXPECT_EQ(on_disk().obligation.recovered_gtid, "7-1-1");
}

TEST_F(LedgerTest, WritesNothingForWhatAReplicaReceives) {
  settle_down();
  const int before = files.writes;
  for (int i = 0; i < 30; ++i) {
    binlog.write(2);
    look_after(Ledger::look_interval);
  }
  EXPECT_EQ(files.writes, before);
  EXPECT_EQ(ledger->record().settled->position, binlog.position())
      << "it knows, all the same";
}

TEST_F(LedgerTest, WritesOnceForEachLogThatAReplicaFills) {
  settle_down();
  for (int i = 0; i < 5; ++i) {
    const int before = files.writes;
    binlog.write(2);
    binlog.rotate();
    binlog.write(2);
    settle_down();
    binlog.write(2);
    settle_down();
    EXPECT_EQ(files.writes, before + 1);
    EXPECT_EQ(on_disk().settled->position.file, binlog.position().file);
  }
}

TEST_F(LedgerTest, NeverKeepsAReplicaClosedForWhatItReceived) {
  binlog.write(2);
  settle_down();
  crash();
  start();
  EXPECT_TRUE(gate->is_open());
  binlog.rotate();
  binlog.write(2);
  crash();
  start();
  EXPECT_TRUE(gate->is_open());
  binlog.write(2);
  shut_down();
  start();
  EXPECT_TRUE(gate->is_open());
}

TEST_F(LedgerTest, NeverKeepsAReplicaClosedForWhatItsPurgedLogsHeld) {
  write_and_settle();  // when it was a primary
  binlog.write(2);
  binlog.rotate();
  settle_down();
  for (int i = 0; i < 2; ++i) {
    binlog.write(2);
    crash();
    binlog.rotate();
    binlog.purge_all_but(2);  // by expire_logs_days, while it starts
    start();
    EXPECT_EQ(to_string(found.unsettled.gtids), "");
    EXPECT_TRUE(gate->is_open());
  }
}

TEST_F(LedgerTest, OwesWhatAReplicaWroteItself) {
  binlog.write(2);
  settle_down();
  binlog.write_own();
  binlog.write(2);
  settle_down();
  EXPECT_EQ(on_disk().settled->gtids, gtid(2, 1));
  crash();
  start();
  EXPECT_FALSE(gate->is_open());
  EXPECT_EQ(found.unsettled.gtids, gtid(1, 2));
}

TEST_F(LedgerTest, FollowsIntoTheNextLog) {
  write_and_settle();
  binlog.rotate();
  settle_down();
  expect_settled_here();
  binlog.write_own();
  binlog.rotate();
  settle_down();
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 1));
  acknowledge_all();
  settle_down();
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 2));
  EXPECT_EQ(on_disk().settled->position.file, binlog.position().file);
}

TEST_F(LedgerTest, TakesAnyPlaceInALogThatAddsNothingForProofOfWhatCameBefore) {
  // A replica is not asked to acknowledge the header of a log.
  binlog.write_own();
  binlog.rotate();
  look();
  acknowledge({binlog.position().file, 4});
  settle_down();
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 1));
  expect_settled_here();
}

TEST_F(LedgerTest, SettlesAlsoWhatCameBetweenItsSampleAndTheNextLog) {
  binlog.write_own();
  look();  // a sample of one
  binlog.write_own();
  binlog.rotate();
  look();  // the first is pending still
  acknowledge_all();
  settle_down();
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 2));
  expect_settled_here();
}

TEST_F(LedgerTest, DoesNotTakeTheEndOfTheLastLogForProofOfALaterOne) {
  binlog.write_own();
  const BinlogPosition first = binlog.position();
  binlog.rotate();
  binlog.write_own();
  look();
  acknowledge({first.file, 1000000});
  settle_down();
  EXPECT_THAT(on_disk().settled->gtids, IsEmpty());
}

TEST_F(LedgerTest, KnowsTheOrderOfLogsAroundTheMillionth) {
  reset_binlog(999999);
  settle_down();
  binlog.write_own();
  acknowledge_all();
  settle_down();
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 1));
  binlog.rotate();
  binlog.write_own();
  ASSERT_EQ(binlog.position().file, "bin.1000000");
  settle_down();
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 1));
  acknowledge_all();
  settle_down();
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 2));
  EXPECT_EQ(on_disk().acknowledged, binlog.position());
}

TEST_F(LedgerTest, KeepsTheFurthestAcknowledgement) {
  write_and_settle();
  const BinlogPosition furthest = binlog.acknowledged();
  // Semi-sync was switched off and on, and has no reply yet.
  acknowledge({});
  settle_down();
  EXPECT_EQ(on_disk().acknowledged, furthest);
  acknowledge({furthest.file, furthest.offset - 1});
  settle_down();
  EXPECT_EQ(on_disk().acknowledged, furthest);
}

TEST_F(LedgerTest, ForgetsAnAcknowledgementOfAnotherSeriesAtTheNextStart) {
  write_and_settle();
  shut_down();
  binlog.rename_logs_to("other");
  start();
  EXPECT_TRUE(on_disk().acknowledged.empty());
}

TEST_F(LedgerTest, KeepsTheAcknowledgementOverAProperRestart) {
  write_and_settle();
  const BinlogPosition acknowledged_before = binlog.acknowledged();
  shut_down();
  start();
  EXPECT_EQ(on_disk().acknowledged, acknowledged_before);
}

/* -------------------------------------------------------------------------
   Purged, reset. */

TEST_F(LedgerTest, DoesNotMindPurgedLogs) {
  write_and_settle();
  binlog.rotate();
  binlog.purge_all_but(1);
  crash();
  start();
  EXPECT_TRUE(gate->is_open());
}

TEST_F(LedgerTest, OwesWhatThePurgedLogsHeld) {
  for (const bool something_settled : {false, true})
    for (const bool by_crash : {false, true}) {
      SCOPED_TRACE(something_settled);
      Server server;
      if (something_settled) {
        server.binlog.write_own();
        server.acknowledge_all();
      }
      server.settle_down();
      server.binlog.write_own();
      server.binlog.rotate();
      server.settle_down();
      server.binlog.purge_all_but(1);
      server.settle_down();
      if (by_crash)
        server.crash();
      else
        server.shut_down();
      server.start();
      EXPECT_FALSE(server.gate->is_open());
    }
}

TEST_F(LedgerTest, BeginsANewAccountWithTheBinaryLog) {
  write_and_settle();
  for (const unsigned long to : {1, 1, 7, 3}) {
    SCOPED_TRACE(to);
    reset_binlog(to);
    settle_down();
    EXPECT_TRUE(on_disk().acknowledged.empty());
    EXPECT_EQ(on_disk().running_since.file, binlog.position().file);
    binlog.write_own();
    settle_down();
    if (on_disk().settled) {
      EXPECT_THAT(on_disk().settled->gtids, IsEmpty());
    }
    acknowledge_all();
    settle_down();
    expect_settled_here();
    EXPECT_EQ(on_disk().settled->gtids, gtid(1, 1));
  }
}

TEST_F(LedgerTest, TellsALogThatWasBegunAnewEvenWhenItIsAsLongAsTheLast) {
  write_and_settle();
  const BinlogPosition before = binlog.position();
  reset_binlog();
  binlog.write(1);
  ASSERT_EQ(binlog.position(), before);
  settle_down();
  crash();
  start();
  EXPECT_FALSE(gate->is_open());
  EXPECT_EQ(found.unsettled.gtids, gtid(1, 1));
}

TEST_F(LedgerTest, TakesNoOldAcknowledgementForOneOfTheNewLog) {
  // It was read just before the reset.
  binlog.write_own();
  acknowledge_all();
  const BinlogPosition old = binlog.acknowledged();
  binlog.when_sampled([&] {
    binlog.reset();
    binlog.write_own();
  });
  look();
  ASSERT_EQ(binlog.position(), old);
  settle_down();
  crash();
  start();
  EXPECT_FALSE(gate->is_open());
}

TEST_F(LedgerTest, OwesNothingAfterAResetBeforeAnythingWasWritten) {
  for (const bool by_crash : {false, true}) {
    Server server;
    server.binlog.write_own();
    server.acknowledge_all();
    server.settle_down();
    server.reset_binlog();
    server.settle_down();
    if (by_crash)
      server.crash();
    else
      server.shut_down();
    server.start();
    EXPECT_TRUE(server.gate->is_open());
  }
}

TEST_F(LedgerTest, PutsAResetOnRecordAtTheNextLookHoweverLatelyItWrote) {
  binlog.write_own();
  look();
  acknowledge_all();
  look_after(milliseconds(300));  // has written just now
  binlog.write_own();
  look();
  reset_binlog();
  look();
  ASSERT_TRUE(on_disk().settled.has_value());
  EXPECT_EQ(on_disk().settled->position, binlog.position());
  EXPECT_TRUE(on_disk().settled->gtids.empty());
  EXPECT_TRUE(on_disk().acknowledged.empty());
  EXPECT_EQ(on_disk().running_since, binlog.position());
}

TEST_F(LedgerTest, GivesUpWhatTheBinaryLogHeldThatWasResetAndSaysSo) {
  for (const bool by_crash : {false, true}) {
    Server server;
    server.binlog.write_own();
    server.settle_down();
    server.journal.forget();
    server.reset_binlog();
    server.settle_down();
    EXPECT_THAT(server.journal.warnings(),
                ElementsAre(tells("reset", "given up")));
    EXPECT_FALSE(server.ledger->owes());
    if (by_crash)
      server.crash();
    else
      server.shut_down();
    server.start();
    EXPECT_EQ(server.gate->snapshot().state, GateState::OPEN_NOT_NEEDED);
  }
}

TEST_F(LedgerTest, OwesWhatIsWrittenAfterAReset) {
  binlog.write_own();
  look();
  reset_binlog();
  look();
  binlog.write_own();
  crash();
  start();
  EXPECT_FALSE(gate->is_open());
}

TEST_F(LedgerTest, CanProveNothingOnceTheBinaryLogIsBegunAnew) {
  // Behind a gate that is off: a closed one sees it itself.
  binlog.write_own();
  crash();
  start(Mode::OFF);
  ASSERT_TRUE(gate->is_open());
  reset_binlog();
  settle_down();
  EXPECT_TRUE(on_disk().obligation.open());
  EXPECT_FALSE(on_disk().obligation.provable);
  binlog.write_own();
  acknowledge_all();
  settle_down();
  EXPECT_TRUE(on_disk().obligation.open()) << "no acknowledgement helps";
  crash();
  start();
  EXPECT_EQ(gate->snapshot().state, GateState::CLOSED_UNPROVABLE);
}

TEST_F(LedgerTest, TakesNoAcknowledgementOfTheNewLogForOneOfTheOld) {
  // The log was begun anew, filled and acknowledged between two looks, under
  // the name of the log that was to be acknowledged.
  binlog.write_own();
  crash();
  start(Mode::OFF);
  ASSERT_TRUE(on_disk().obligation.provable);
  ASSERT_EQ(binlog.position().file, "bin.000002");
  reset_binlog(2);
  binlog.write_own();
  acknowledge_all();
  settle_down();
  EXPECT_TRUE(on_disk().obligation.open());
  EXPECT_FALSE(on_disk().obligation.provable);
}

/* -------------------------------------------------------------------------
   The id changes. */

TEST_F(LedgerTest, PutsANewServerIdOnRecordAtOnce) {
  settle_down();
  binlog.write_own();
  acknowledge_all();
  look();  // has written just now
  binlog.set_server_id(5);
  const int before = files.writes;
  look();
  EXPECT_EQ(files.writes, before + 1);
  EXPECT_THAT(on_disk().other_server_ids, ElementsAre(1, 5));
  EXPECT_EQ(writes_during_looks(10), 0);
}

TEST_F(LedgerTest, OwesWhatItWroteUnderAnIdThatItWasGivenMeanwhile) {
  for (const bool by_crash : {false, true}) {
    Server server;
    server.settle_down();
    server.binlog.set_server_id(5);
    server.look();
    server.binlog.write_own();
    server.binlog.set_server_id(1);
    server.settle_down();
    EXPECT_THAT(server.on_disk().settled->gtids, IsEmpty());
    if (by_crash)
      server.crash();
    else
      server.shut_down();
    server.start();
    EXPECT_FALSE(server.gate->is_open());
    EXPECT_EQ(server.found.unsettled.gtids, gtid(5, 1));
  }
}

TEST_F(LedgerTest, SettlesWhatItWroteUnderAnIdThatItWasGivenMeanwhile) {
  binlog.set_server_id(5);
  look();
  binlog.write_own();
  acknowledge_all();
  settle_down();
  EXPECT_EQ(on_disk().settled->gtids, gtid(5, 1));
  crash();
  start();
  EXPECT_TRUE(gate->is_open());
}

TEST_F(LedgerTest, LearnsAnIdFromTheLogThatWasBegunUnderIt) {
  // It was set and set back between two looks.
  settle_down();
  binlog.set_server_id(5);
  binlog.rotate();
  binlog.set_server_id(1);
  look();
  binlog.write(5);
  settle_down();
  EXPECT_THAT(on_disk().settled->gtids, IsEmpty());
  shut_down();
  start();
  EXPECT_FALSE(gate->is_open());
}

TEST_F(LedgerTest, OwesWhatASessionWritesThatStillHasTheIdOfBefore) {
  // A session keeps the id that the server had when it connected.
  binlog.set_server_id(5);
  settle_down();
  binlog.rotate();
  binlog.write_own();
  acknowledge_all();
  settle_down();
  binlog.write(1);
  settle_down();
  EXPECT_EQ(on_disk().settled->gtids, gtid(5, 1));
  crash();
  start();
  EXPECT_FALSE(gate->is_open());
  EXPECT_EQ(found.unsettled.gtids, gtid(1, 2));
}

TEST_F(LedgerTest, OwesWhatSuchASessionWritesToALogThatNobodyHasSeenYet) {
  binlog.set_server_id(5);
  settle_down();
  binlog.rotate();
  binlog.write(1);
  crash();
  start();
  EXPECT_FALSE(gate->is_open());
  EXPECT_EQ(found.unsettled.gtids, gtid(1, 1));
}

TEST_F(LedgerTest, OwesWhatSuchASessionWritesAfterTheLogWasBegunAnew) {
  binlog.set_server_id(5);
  settle_down();
  reset_binlog();
  settle_down();
  binlog.write(1);
  crash();
  start();
  EXPECT_FALSE(gate->is_open());
  EXPECT_EQ(found.unsettled.gtids, gtid(1, 1));
}

TEST_F(LedgerTest, OwesWhatItWroteUnderTheIdThatItHadBeforeTheRestart) {
  for (const bool by_crash : {false, true}) {
    Server server;
    server.binlog.write_own();
    server.settle_down();
    if (!by_crash)
      server.ledger->shutting_down(server.binlog, true, server.binlog.paths(),
                                   "0-1-1", "");
    server.end(by_crash, 9);
    server.start();
    EXPECT_FALSE(server.gate->is_open());
    EXPECT_EQ(server.found.unsettled.gtids, gtid(1, 1));
    server.acknowledge_all();
    EXPECT_TRUE(server.gate->is_open());
    server.end(true, 9);
    server.start();
    EXPECT_TRUE(server.gate->is_open());
  }
}

TEST_F(LedgerTest, OwesNothingNewForAnIdThatItHadLongAgo) {
  write_and_settle();
  end(true, 5);
  start();
  ASSERT_TRUE(gate->is_open());
  binlog.set_server_id(1);
  settle_down();
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 1));
  end(true, 5);
  start();
  EXPECT_TRUE(gate->is_open());
}

TEST_F(LedgerTest, ForgetsAnIdOnceItHasAnotherForGood) {
  binlog.set_server_id(5);
  settle_down();
  EXPECT_THAT(on_disk().other_server_ids, ElementsAre(1, 5));
  shut_down();
  start();
  settle_down();
  EXPECT_THAT(on_disk().other_server_ids, IsEmpty());
  binlog.write(1);  // it is another server's now
  settle_down();
  crash();
  start();
  EXPECT_TRUE(gate->is_open());
}

/* -------------------------------------------------------------------------
   Closed, opened. */

TEST_F(LedgerTest, SettlesNothingWhileTheGateIsClosed) {
  binlog.write_own();
  crash();
  start();
  ASSERT_FALSE(gate->is_open());
  const Record before = on_disk();
  // The plugin opens the gate for it first; until then, nothing is settled.
  binlog.acknowledge_all();
  settle_down();
  EXPECT_EQ(on_disk().settled, before.settled);
  EXPECT_EQ(on_disk().obligation, before.obligation);
  EXPECT_EQ(on_disk().acknowledged, binlog.position());
}

TEST_F(LedgerTest, OwesNothingOnceTheGateIsOpened) {
  for (const bool by_hand : {false, true}) {
    Server server;
    server.binlog.write_own();
    server.crash();
    server.start();
    if (by_hand)
      server.open_manually();
    else
      server.acknowledge_all();
    ASSERT_TRUE(server.gate->is_open());
    EXPECT_FALSE(server.on_disk().obligation.open());
    EXPECT_EQ(server.on_disk().settled->gtids, gtid(1, 1));
    server.crash();
    server.start();
    EXPECT_TRUE(server.gate->is_open());
  }
}

TEST_F(LedgerTest, OwesWhatWasWrittenWhileTheGateWasClosed) {
  for (const bool look_first : {false, true})
    for (const bool by_crash : {false, true}) {
      Server server;
      server.binlog.write_own();
      server.crash();
      server.start();
      const BinlogPosition awaited = server.binlog.position();
      server.binlog.write_own();  // an administrator, or an event
      server.acknowledge(awaited);
      ASSERT_TRUE(server.gate->is_open());
      if (look_first) server.settle_down();
      EXPECT_EQ(server.on_disk().settled->gtids, gtid(1, 1));
      if (by_crash)
        server.crash();
      else
        server.shut_down();
      server.start();
      EXPECT_FALSE(server.gate->is_open());
      EXPECT_EQ(server.found.unsettled.gtids, gtid(1, 2));
    }
}

TEST_F(LedgerTest, GoesOnTakingDownOnceTheGateIsOpened) {
  binlog.write_own();
  crash();
  start();
  acknowledge_all();
  write_and_settle();
}

TEST_F(LedgerTest, RemembersThatProofIsLost) {
  binlog.write_own();
  crash();
  start();
  reset_binlog();
  ASSERT_EQ(gate->snapshot().state, GateState::CLOSED_UNPROVABLE);
  look();
  EXPECT_FALSE(on_disk().obligation.provable);
  EXPECT_EQ(writes_during_looks(20), 0) << "and does so once";
  for (const bool by_crash : {false, true}) {
    if (by_crash)
      crash();
    else
      shut_down();
    start();
    EXPECT_EQ(gate->snapshot().state, GateState::CLOSED_UNPROVABLE);
    EXPECT_EQ(gate->snapshot().reason, CloseReason::CARRIED_OVER);
  }
  open_manually();
  EXPECT_FALSE(on_disk().obligation.open());
  EXPECT_TRUE(on_disk().obligation.provable);
  crash();
  start();
  EXPECT_TRUE(gate->is_open());
}

TEST_F(LedgerTest, LosesNoProofOfWhatIsNotOwed) {
  const Record before = on_disk();
  ledger->lost_proof();
  EXPECT_EQ(on_disk(), before);
}

TEST_F(LedgerTest, OwesNothingForTheSakeOfModeAlways) {
  write_and_settle();
  for (const bool by_crash : {false, true}) {
    if (by_crash)
      crash();
    else
      shut_down();
    start(Mode::ALWAYS);
    ASSERT_FALSE(gate->is_open());
    settle_down();
    EXPECT_FALSE(on_disk().obligation.open());
  }
  crash();
  start();
  EXPECT_TRUE(gate->is_open());
}

/* -------------------------------------------------------------------------
   Behind a gate that is off. */

TEST_F(LedgerTest, DischargesAnObligationBehindAnOpenGateByAnAcknowledgement) {
  binlog.write_own();
  crash();
  start(Mode::OFF);
  ASSERT_TRUE(gate->is_open());
  EXPECT_EQ(on_disk().obligation.debt, Debt::CARRIED_OVER);
  settle_down();
  EXPECT_TRUE(on_disk().obligation.open()) << "nothing new is no proof";
  binlog.rotate();
  binlog.write(2);
  settle_down();
  EXPECT_TRUE(on_disk().obligation.open()) << "nor is a new log";
  acknowledge({binlog.paths().empty() ? "" : "bin.000001", 1000000});
  settle_down();
  EXPECT_TRUE(on_disk().obligation.open())
      << "nor an acknowledgement of what came before recovery";
  acknowledge_all();
  settle_down();
  EXPECT_FALSE(on_disk().obligation.open());
  crash();
  start();
  EXPECT_TRUE(gate->is_open());
}

TEST_F(LedgerTest, DischargesItByTheHeaderOfTheLogThatWasOpened) {
  binlog.write_own();
  crash();
  start(Mode::OFF);
  acknowledge(binlog.position());
  look_after(milliseconds(300));
  EXPECT_FALSE(on_disk().obligation.open());
}

TEST_F(LedgerTest, DischargesItAtTheShutdown) {
  binlog.write_own();
  crash();
  start(Mode::OFF);
  acknowledge_all();
  shut_down();
  EXPECT_FALSE(on_disk().obligation.open());
  start();
  EXPECT_TRUE(gate->is_open());
}

TEST_F(LedgerTest, CarriesAnObligationThroughStartsThatAreOff) {
  binlog.write_own();
  crash();
  for (int i = 0; i < 3; ++i) {
    start(Mode::OFF);
    settle_down();
    if (i == 1)
      crash();
    else
      shut_down();
  }
  start();
  EXPECT_EQ(gate->snapshot().reason, CloseReason::CARRIED_OVER);
}

/* -------------------------------------------------------------------------
   Shut down. */

TEST_F(LedgerTest, OwesNothingAfterAShutdownWithEverythingAcknowledged) {
  binlog.write_own();
  acknowledge_all();
  shut_down();  // before any look
  EXPECT_FALSE(on_disk().obligation.open());
  EXPECT_TRUE(on_disk().running_since.empty());
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 1));
  EXPECT_THAT(journal.warnings(), IsEmpty());
  start();
  EXPECT_TRUE(gate->is_open());
}

TEST_F(LedgerTest, OwesWhatAShutdownLeftUnacknowledged) {
  write_and_settle();
  binlog.write_own();
  const BinlogSample last = binlog.now();
  shut_down();
  EXPECT_EQ(on_disk().obligation, (Obligation{Debt::SHUTDOWN, true, last.end,
                                              last.identity, "0-1-2"}));
  EXPECT_TRUE(on_disk().running_since.empty());
  EXPECT_THAT(journal.warnings(),
              ElementsAre(tells("shutting down", "no replica", "GTID 0-1-2",
                                "next start will be closed")));
  start();
  EXPECT_EQ(gate->snapshot().reason, CloseReason::UNACKED_SHUTDOWN);
  EXPECT_EQ(gate->snapshot().state, GateState::CLOSED_ACK);
  acknowledge_all();
  EXPECT_TRUE(gate->is_open());
  shut_down();
  start();
  EXPECT_TRUE(gate->is_open());
}

TEST_F(LedgerTest, OwesNothingAfterAShutdownWhenOnlyForeignOnesFollowed) {
  write_and_settle();
  binlog.write(2);
  shut_down();
  EXPECT_FALSE(on_disk().obligation.open());
}

TEST_F(LedgerTest, KeepsWhatIsOwedWhenItIsShutDownWhileClosed) {
  binlog.write_own();
  crash();
  start();
  const Obligation owed = on_disk().obligation;
  binlog.acknowledge_all();  // which nobody has seen
  shut_down();
  EXPECT_EQ(on_disk().obligation, owed);
  EXPECT_TRUE(on_disk().running_since.empty());
  start();
  EXPECT_EQ(gate->snapshot().reason, CloseReason::CARRIED_OVER);
}

TEST_F(LedgerTest, IsSettledUpToItsEndAfterAShutdownThatLeftNothingOwn) {
  write_and_settle();
  binlog.write(2);
  const BinlogPosition end = binlog.position();
  shut_down();
  EXPECT_EQ(on_disk().settled->position, end);
}

TEST_F(LedgerTest, OwesWhatWasWrittenBehindAGateClosedByItsMode) {
  shut_down();
  start(Mode::ALWAYS);
  ASSERT_FALSE(gate->is_open());
  binlog.write_own();
  shut_down();
  EXPECT_EQ(on_disk().obligation.debt, Debt::SHUTDOWN);
}

TEST_F(LedgerTest, OwesInDoubtWhenALogCannotBeReadAtTheShutdown) {
  write_and_settle();
  std::vector<std::string> paths = binlog.paths();
  paths.push_back(paths.front() + ".gone");
  ledger->shutting_down(binlog, true, paths, "0-1-1", "");
  EXPECT_EQ(on_disk().obligation.debt, Debt::SHUTDOWN);
  EXPECT_THAT(journal.warnings(), ElementsAre(tells(".gone", "No such file")));
}

TEST_F(LedgerTest, OwesInDoubtWhenTheLogsAreNotKnownAtTheShutdown) {
  write_and_settle();
  ledger->shutting_down(binlog, true, {}, "0-1-1", "the index cannot be read");
  EXPECT_EQ(on_disk().obligation.debt, Debt::SHUTDOWN);
  EXPECT_THAT(journal.warnings(),
              ElementsAre(tells("the index cannot be read")));
}

TEST_F(LedgerTest, NeedsNoLogBeforeTheOneInWhichTheSettledPlaceIs) {
  binlog.rotate();
  write_and_settle();
  binlog.rotate();
  const auto paths = binlog.paths();
  EXPECT_THAT(ledger->relevant_logs(paths), ElementsAre(paths[1], paths[2]));
  // Of another binary log: all are needed.
  reset_binlog();
  EXPECT_EQ(ledger->relevant_logs(binlog.paths()), binlog.paths());
}

/* -------------------------------------------------------------------------
   A server that is no replica. */

TEST_F(LedgerTest, OwesAllThatItWroteWhateverTheIdWhenItIsNoReplica) {
  // As mysqlbinlog and SET SESSION server_id make a session do.
  for (const bool by_crash : {false, true}) {
    Server server;
    server.binlog.set_receives(false);
    server.settle_down();
    server.binlog.write(77);
    server.settle_down();
    if (by_crash)
      server.crash();
    else
      server.shut_down();
    server.start();
    EXPECT_FALSE(server.gate->is_open());
    EXPECT_EQ(server.found.unsettled.gtids, gtid(77, 1));
    server.acknowledge_all();
    server.settle_down();
    server.crash();
    server.start();
    EXPECT_TRUE(server.gate->is_open());
  }
}

TEST_F(LedgerTest, OwesItStillWhenItHasBecomeAReplica) {
  enum class When { WHILE_IT_RUNS, AT_ITS_START };
  for (const When when : {When::WHILE_IT_RUNS, When::AT_ITS_START}) {
    for (const bool by_crash : {false, true}) {
      Server server;
      server.binlog.set_receives(false);
      server.settle_down();
      server.binlog.write(77);
      server.settle_down();
      if (when == When::AT_ITS_START) server.crash();
      server.binlog.set_receives(true);
      if (when == When::AT_ITS_START) server.start();
      server.settle_down();
      server.binlog.write(2);
      Owed owed;
      owed.domains[0].writers = {77};
      server.binlog.set_owed(owed);
      server.settle_down();
      if (by_crash)
        server.crash();
      else
        server.shut_down();
      server.start();
      EXPECT_FALSE(server.gate->is_open());
      EXPECT_EQ(server.found.unsettled.gtids, gtid(77, 1));
      server.acknowledge_all();
      server.binlog.set_owed({});
      server.settle_down();
      server.binlog.write(77);  // received from now on
      server.crash();
      server.start();
      EXPECT_TRUE(server.gate->is_open());
    }
  }
}

TEST_F(LedgerTest, OwesNothingForWhatItReceivedBeforeItWasPromoted) {
  for (const bool look_before : {false, true}) {
    Server server;
    server.settle_down();
    server.binlog.write(2);
    if (look_before) server.settle_down();
    server.binlog.set_receives(false);
    server.settle_down();
    server.crash();
    server.start();
    EXPECT_TRUE(server.gate->is_open());
    server.binlog.write_own();
    server.settle_down();
    server.crash();
    server.start();
    EXPECT_FALSE(server.gate->is_open());
  }
}

/* -------------------------------------------------------------------------
   What a position proves. */

TEST_F(LedgerTest, TakesNoPositionForProofWhereNoEventBegins) {
  // A file/position replica may start from anywhere.
  binlog.write_own();
  look();
  const BinlogPosition first = binlog.position();
  binlog.write_own();
  acknowledge({first.file, first.offset + 1});
  settle_down();
  EXPECT_THAT(on_disk().settled->gtids, IsEmpty());
  acknowledge({first.file, first.offset + 1000000});
  settle_down();
  EXPECT_THAT(on_disk().settled->gtids, IsEmpty());
}

/* One that lost its connection there goes on there. */
TEST_F(LedgerTest, TakesNoPositionWithinATransactionForProof) {
  for (const bool rotates : {false, true}) {
    Server server;
    server.settle_down();
    BinlogPosition within = server.binlog.position();
    server.binlog.write_own();
    within.offset += 42;  // its GTID event
    if (rotates) server.binlog.rotate();
    server.acknowledge(within);
    server.settle_down();
    EXPECT_THAT(server.on_disk().settled->gtids, IsEmpty());
  }
}

/* A crash may come at once. */
TEST_F(LedgerTest, PutsOnRecordWhoBeganWithinATransactionUntilThatIsSettled) {
  settle_down();
  const BinlogPosition before = binlog.position();
  const BinlogPosition within{before.file, before.offset + 42};
  binlog.write_own();
  binlog.begin_at(2, before);
  binlog.begin_at(3, within);
  binlog.begin_at(4, binlog.position());
  binlog.write_own();
  look();
  EXPECT_EQ(on_disk().history.told, (GtidState{{{0, 3}, 1}}));
  EXPECT_THAT(on_disk().history.behind, IsEmpty());
  binlog.arrive_by_gtid(2);
  binlog.arrive_by_gtid(3);
  look();
  EXPECT_THAT(on_disk().history.behind, ElementsAre(3));
  acknowledge_all();
  settle_down();
  EXPECT_EQ(on_disk().history.told, GtidState());
  binlog.begin_at(3, within);
  settle_down();
  EXPECT_EQ(on_disk().history.told, GtidState());
}

/* The rest was in its socket before it was seen; the log may be another one. */
TEST_F(LedgerTest, PutsOnRecordThatWhoWasSentMoreMayHaveBegunAnywhere) {
  settle_down();
  binlog.write_own();
  binlog.write(1, 7);
  binlog.rotate();
  binlog.begin_at(2, binlog.position(), 16 * 1024);
  binlog.begin_at(3, binlog.position(), 16 * 1024 - 1);
  look();
  EXPECT_EQ(on_disk().history.told, (GtidState{{{0, 2}, 1}, {{7, 2}, 1}}));
}

TEST_F(LedgerTest, KnowsWhoBeganWithinATransactionWhenWhatIsBeforeIsSettled) {
  settle_down();
  binlog.write_own();
  look();
  const BinlogPosition first = binlog.position();
  binlog.write_own();
  binlog.begin_at(2, {first.file, first.offset + 42});
  binlog.arrive_by_gtid(2);
  binlog.arrive_by_gtid(3);
  binlog.arrive_behind(4);
  look();
  EXPECT_THAT(on_disk().history.behind, ElementsAre(2, 4));
  acknowledge(first);
  settle_down();
  ASSERT_EQ(on_disk().settled->position, first);
  EXPECT_EQ(on_disk().history.told, (GtidState{{{0, 2}, 2}}));
  EXPECT_THAT(on_disk().history.behind, ElementsAre(2));
  acknowledge_all();
  settle_down();
  EXPECT_THAT(on_disk().history.behind, IsEmpty());
}

TEST_F(LedgerTest, ForgetsWhoBeganWithinATransactionOfAnEarlierHistory) {
  settle_down();
  BinlogPosition within = binlog.position();
  within.offset += 42;
  binlog.write_own();
  binlog.begin_at(3, within);
  look();
  ASSERT_EQ(on_disk().history.told, (GtidState{{{0, 3}, 1}}));
  reset_binlog(2);
  look();
  EXPECT_EQ(on_disk().history.told, GtidState());
}

TEST_F(LedgerTest, NeedsNoAcknowledgementOfEventsThatAreInNoTransaction) {
  settle_down();
  binlog.write_own();
  const BinlogPosition transaction = binlog.position();
  binlog.append_checkpoint();
  acknowledge(transaction);
  settle_down();
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 1));
  shut_down();
  EXPECT_FALSE(on_disk().obligation.open());
}

/* A failover manager takes less than a look for a switchover. */
TEST_F(LedgerTest, SettlesWhatWasAcknowledgedWhenItReceivesAtOnce) {
  for (const bool more : {false, true})
    for (const bool rotates : {false, true}) {
      Server server;
      server.settle_down();
      server.binlog.write_own();
      const BinlogPosition own = server.binlog.position();
      if (more && !rotates) server.binlog.write_own();
      if (rotates) server.binlog.rotate();
      server.binlog.set_receives(true);
      server.binlog.write(2);
      if (more && rotates) server.binlog.write_own();
      server.acknowledge(own);
      server.settle_down();
      EXPECT_EQ(to_string(server.on_disk().settled->gtids),
                more ? "" : "0-1-1,0-2-2")
          << rotates;
    }
}

TEST_F(LedgerTest, TakesTheEndOfTheLastTransactionForProofInTheNextLogToo) {
  for (const bool more : {false, true}) {
    Server server;
    server.settle_down();
    server.binlog.write_own();
    const BinlogPosition transaction = server.binlog.position();
    if (more) server.binlog.write_own();
    server.binlog.append_checkpoint();
    server.binlog.rotate();
    server.acknowledge(transaction);
    server.settle_down();
    EXPECT_EQ(to_string(server.on_disk().settled->gtids), more ? "" : "0-1-1");
    server.binlog.rotate();
    server.binlog.rotate();
    server.acknowledge(transaction);
    server.settle_down();
    EXPECT_EQ(to_string(server.on_disk().settled->gtids), more ? "" : "0-1-1");
  }
}

TEST_F(LedgerTest, CannotTellWhatAnEncryptedLogHoldsAfterAnAcknowledgement) {
  binlog.encrypt_from_now_on();
  binlog.rotate();
  settle_down();
  binlog.write_own();
  const BinlogPosition transaction = binlog.position();
  binlog.append_checkpoint();
  acknowledge(transaction);
  settle_down();
  EXPECT_THAT(on_disk().settled->gtids, IsEmpty());
  acknowledge_all();
  settle_down();
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 1));
}

TEST_F(LedgerTest, KeepsOnlyItsOwnOfVeryManySources) {
  binlog.write_own();
  for (std::uint32_t id = 100; id < 598; ++id) binlog.write(id);
  acknowledge_all();
  settle_down();
  EXPECT_THAT(on_disk().settled->gtids, SizeIs(499));
  for (std::uint32_t id = 600; id < 610; ++id) binlog.write(id);
  binlog.write_own();
  acknowledge_all();
  settle_down();
  EXPECT_EQ(on_disk().settled->gtids, from_servers(binlog.gtids(), {1}));
  crash();
  start();
  EXPECT_TRUE(gate->is_open());
}

TEST_F(LedgerTest, KeepsItsAccountWhenADomainIsDeleted) {
  binlog.write(1, 7);
  binlog.write_own();
  acknowledge_all();
  settle_down();
  const BinlogPosition acknowledged_before = binlog.acknowledged();
  binlog.delete_domain(7);
  settle_down();
  EXPECT_EQ(on_disk().acknowledged, acknowledged_before);
  EXPECT_EQ(on_disk().running_since.file, "bin.000001");
  EXPECT_THAT(journal.warnings(), IsEmpty());
}

TEST_F(LedgerTest, SettlesNoLessWhenTheGateIsOpenedThanWasGivenUpBefore) {
  binlog.write_own();
  crash();
  start();
  binlog.write_own();
  give_up();
  look();
  const auto settled = on_disk().settled;
  EXPECT_EQ(settled->gtids, gtid(1, 2));
  open_manually();
  EXPECT_EQ(on_disk().settled, settled);
}

TEST_F(LedgerTest, GivesUpBehindAnOpenGateAtTheNextLook) {
  binlog.write_own();
  crash();
  start(Mode::OFF);
  EXPECT_TRUE(ledger->owes());
  give_up();
  look();
  EXPECT_FALSE(ledger->owes());
  EXPECT_FALSE(on_disk().obligation.open());
  crash();
  start();
  EXPECT_TRUE(gate->is_open());
}

TEST_F(LedgerTest, GivesUpNothingThatIsWrittenAfterwards) {
  for (const bool rotates : {false, true}) {
    binlog.write_own();
    crash();
    start(Mode::OFF);
    give_up();
    if (rotates) binlog.rotate();
    binlog.write_own();
    look();
    EXPECT_FALSE(ledger->owes());
    crash();
    start();
    EXPECT_FALSE(gate->is_open()) << "rotates: " << rotates;
    open_manually();
  }
}

TEST_F(LedgerTest, GivesUpNoPlaceInALogThatWasBegunAnewSince) {
  binlog.write_own();
  crash();
  start(Mode::OFF);
  give_up();
  reset_binlog();
  binlog.write_own();
  look();
  crash();
  start();
  EXPECT_FALSE(gate->is_open());
}

/* Somebody may empty gtid_slave_pos before a replica comes. */
TEST_F(LedgerTest, TakesDownOnceWhatItHasAppliedAndNotLogged) {
  write_and_settle();
  binlog.write_own();
  crash();
  start();
  look();
  EXPECT_THAT(on_disk().history.passed_over, IsEmpty());
  binlog.set_passed_over(gtid(3, 3));
  look();
  EXPECT_EQ(on_disk().history.passed_over, gtid(3, 3));
  binlog.set_passed_over(gtid(3, 9));
  settle_down();
  EXPECT_EQ(on_disk().history.passed_over, gtid(3, 3));
}

TEST_F(LedgerTest, TakesDownAtTheShutdownWhoCame) {
  write_and_settle();
  binlog.write_own();
  settle_down();
  binlog.arrive_behind(2);
  shut_down();
  EXPECT_EQ(on_disk().history.behind, (ServerIds{2}));
}

/* A session may come with GTIDs, and a crash before the next look. */
TEST_F(LedgerTest, SaysWhoCameByFileOnlyWhenNobodyHasComeForAWhile) {
  ledger->replica_logged_in();
  binlog.arrive_by_file(2);
  settle_down();
  EXPECT_THAT(on_disk().history.by_file, IsEmpty());
  EXPECT_EQ(ledger->record().history.by_file, ServerIds{2});
  look_after(Ledger::quiet_after_login);
  EXPECT_EQ(on_disk().history.by_file, ServerIds{2});
  ledger->replica_logged_in();
  EXPECT_THAT(on_disk().history.by_file, IsEmpty()) << "before it is served";
  const int before = files.writes;
  ledger->replica_logged_in();
  EXPECT_EQ(files.writes, before);
  look_after(Ledger::quiet_after_login);
  crash();
  start();
  EXPECT_EQ(ledger->record().history.by_file, ServerIds{2});
}

/* FLUSH BINARY LOGS DELETE_DOMAIN_ID and a purge, between two looks. */
TEST_F(LedgerTest, StillOwesADomainThatWasDeletedWithItsLogs) {
  for (const bool looks : {true, false}) {
    write_and_settle();
    binlog.write(1, 7);
    settle_down();
    EXPECT_EQ(on_disk().newcomers.size(), 1u);
    binlog.delete_domain(7);
    binlog.purge_all_but(1);
    if (looks) settle_down();
    crash();
    start();
    EXPECT_FALSE(gate->is_open()) << "looks: " << looks;
    EXPECT_FALSE(on_disk().obligation.provable);
    EXPECT_THAT(on_disk().obligation.recovered_gtid, HasSubstr("7-1-"));
    open_manually();
  }
}

TEST_F(LedgerTest,
       StillOwesTheOthersWhenASettledDomainWasDeletedWithTheirLogs) {
  binlog.write(1, 7);
  write_and_settle();
  EXPECT_THAT(on_disk().newcomers, IsEmpty());
  binlog.write_own();
  settle_down();
  binlog.delete_domain(7);
  binlog.purge_all_but(1);
  crash();
  start();
  EXPECT_EQ(found.unsettled.gtids, gtid(1, 2));
  EXPECT_FALSE(gate->is_open());
}

TEST_F(LedgerTest, IsNotFooledByAResetJustBeforeTheShutdown) {
  write_and_settle();
  const BinlogPosition acknowledged_before = binlog.acknowledged();
  reset_binlog();
  binlog.write_own();
  ASSERT_EQ(binlog.position(), acknowledged_before);
  binlog.acknowledge(acknowledged_before);  // read before the reset
  shut_down();
  EXPECT_EQ(on_disk().obligation.debt, Debt::SHUTDOWN);
}

TEST_F(LedgerTest, SettlesAtTheShutdownWhatWasWrittenSinceTheLastLook) {
  write_and_settle();
  for (int i = 0; i < 5; ++i) {
    binlog.write_own();
    if (i % 2) binlog.rotate();
  }
  acknowledge_all();
  shut_down();
  EXPECT_FALSE(on_disk().obligation.open());
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 6));
}

/* -------------------------------------------------------------------------
   Where are the logs? */

TEST_F(LedgerTest, LosesTrackWhenTheLogsOfARunThatCrashedAreElsewhere) {
  write_and_settle();
  crash();
  binlog.rename_logs_to("other");
  start();
  EXPECT_THAT(found.lost_track, tells("bin.000001", "log_bin was changed"));
  EXPECT_FALSE(gate->is_open());
}

TEST_F(LedgerTest, KeepsTrackWhenTheLogsAreElsewhereAfterAProperShutdown) {
  write_and_settle();
  shut_down();
  binlog.rename_logs_to("other");
  start();
  EXPECT_THAT(found.lost_track, IsEmpty());
  EXPECT_TRUE(gate->is_open());
}

TEST_F(LedgerTest, KeepsTrackWhenTheLogsWerePurged) {
  write_and_settle();
  binlog.rotate();
  crash();
  binlog.purge_all_but(2);
  start();
  EXPECT_THAT(found.lost_track, IsEmpty());
  EXPECT_TRUE(gate->is_open());
}

TEST_F(LedgerTest, BeginsANewAccountBelowTheLastLogAlsoWithoutAnyGtid) {
  binlog.rotate();
  binlog.rotate();
  settle_down();
  reset_binlog();
  settle_down();
  EXPECT_EQ(on_disk().running_since.file, "bin.000001");
}

TEST_F(LedgerTest, LosesTrackWhenAllLogsOfARunThatCrashedAreGone) {
  write_and_settle();
  crash();
  binlog.purge_all_but(1);  // which no server does before it was asked
  start();
  EXPECT_THAT(found.lost_track, HasSubstr("bin.000001"));
  EXPECT_FALSE(gate->is_open());
}

TEST_F(LedgerTest, LosesTrackWhenTheLogOfARunThatCrashedWasReplaced) {
  write_and_settle();
  const std::string log = binlog.paths().front();
  crash();
  FakeBinlog other;
  other.reset();
  other.write_own();
  std::filesystem::copy_file(other.paths().front(), log,
                             std::filesystem::copy_options::overwrite_existing);
  start();
  EXPECT_THAT(found.lost_track, HasSubstr("bin.000001"));
}

TEST_F(LedgerTest, LosesTrackWhenTheLogsBeginAnewBelowTheLastOnes) {
  binlog.rotate();
  binlog.rotate();
  shut_down();
  start();
  ASSERT_EQ(on_disk().running_since.file, "bin.000004");
  crash();
  binlog.reset();
  start();
  EXPECT_THAT(found.lost_track, HasSubstr("bin.000004"));
}

TEST_F(LedgerTest, CanProveNothingWhenTheLogThatIsOwedIsGone) {
  for (const bool replaced : {false, true}) {
    Server server;
    server.binlog.write_own();
    server.crash();
    server.start();
    const std::string log = server.binlog.paths().front();
    ASSERT_EQ(server.on_disk().obligation.recovered_end.file,
              without_folder(log));
    server.crash();
    if (replaced) {
      // By another of the same name and length.
      FakeBinlog other;
      other.reset();
      other.write_own();
      std::filesystem::copy_file(
          other.paths().front(), log,
          std::filesystem::copy_options::overwrite_existing);
    } else {
      server.binlog.purge_all_but(2);
    }
    server.start();
    EXPECT_FALSE(server.found.obligation.provable);
    EXPECT_EQ(server.gate->snapshot().state, GateState::CLOSED_UNPROVABLE);
    EXPECT_FALSE(server.on_disk().obligation.provable);
  }
}

TEST_F(LedgerTest, CanProveWhatIsOwedWhenOnlyEarlierLogsWerePurged) {
  write_and_settle();
  binlog.rotate();
  binlog.write_own();
  crash();
  start();
  crash();
  binlog.purge_all_but(3);
  start();
  EXPECT_TRUE(found.obligation.provable);
  EXPECT_EQ(gate->snapshot().state, GateState::CLOSED_ACK);
}

TEST_F(LedgerTest, CanProveWhatIsOwedAlsoWithoutAnIdentity) {
  Record record = on_disk();
  record.obligation = {Debt::CARRIED_OVER, true, binlog.position(),
                       std::nullopt, ""};
  files.put(state_path, encode(record));
  crash();
  start();
  EXPECT_EQ(gate->snapshot().state, GateState::CLOSED_ACK);
}

/* -------------------------------------------------------------------------
   When it cannot be written. */

TEST_F(LedgerTest, TriesAgainAndSaysSoOnceWhenItCannotBeWritten) {
  settle_down();
  for (const int error : {ENOSPC, EROFS, EACCES}) {
    journal.forget();
    const Record before = on_disk();
    files.write_error = error;
    int tries = -files.writes;
    binlog.write_own();
    acknowledge_all();
    const Instant begin = clock.now();
    while (clock.now() < begin + seconds(60)) look_after(Ledger::look_interval);
    tries += files.writes;
    EXPECT_GE(tries, 5);
    EXPECT_LE(tries, 7);
    EXPECT_THAT(journal.errors(),
                ElementsAre(tells("recovery_gate.state", "This is retried")));
    EXPECT_THAT(journal.notes(), IsEmpty());
    EXPECT_EQ(on_disk(), before);

    files.write_error = 0;
    const Instant fixed = clock.now();
    while (clock.now() < fixed + seconds(10)) look_after(Ledger::look_interval);
    expect_settled_here();
    EXPECT_THAT(journal.errors(), SizeIs(1));
    EXPECT_THAT(journal.notes(), ElementsAre(tells("written again")));
  }
}

TEST_F(LedgerTest, SaysSoAgainWhenItFailsAgain) {
  for (int i = 0; i < 2; ++i) {
    files.write_error = ENOSPC;
    binlog.write_own();
    acknowledge_all();
    look_after(seconds(10));
    files.write_error = 0;
    look_after(seconds(10));
  }
  EXPECT_THAT(journal.errors(), SizeIs(2));
}

TEST_F(LedgerTest, WritesAtTheShutdownHoweverLatelyItFailed) {
  settle_down();
  files.write_error = ENOSPC;
  binlog.write_own();
  acknowledge_all();
  look_after(milliseconds(300));
  files.write_error = 0;
  shut_down();
  EXPECT_EQ(on_disk().settled->gtids, gtid(1, 1));
  EXPECT_TRUE(on_disk().running_since.empty());
}

TEST_F(LedgerTest, KeepsTheGateWorkingWhenNothingCanBeWritten) {
  write_and_settle();
  binlog.write_own();
  crash();
  files.write_error = EROFS;
  start();
  EXPECT_FALSE(gate->is_open());
  crash();
  start();
  EXPECT_FALSE(gate->is_open());
  acknowledge_all();
  EXPECT_TRUE(gate->is_open());
  crash();
  start();
  EXPECT_FALSE(gate->is_open()) << "what is on disk says more is owed than is";
}

TEST_F(LedgerTest, WritesWhatItIsNotSureIsOnDisk) {
  // A write whose last step failed may have replaced the file all the same.
  const Obligation owed{Debt::CARRIED_OVER, true, binlog.position(), 1, ""};
  ledger->decided(owed, binlog.now(), true, found);
  files.fault = Fault::ERROR;
  files.faulty_call = files.calls + 2;  // the folder's sync
  ledger->opened();
  files.fault = Fault::NONE;
  ASSERT_FALSE(on_disk().obligation.open());
  ledger->decided(owed, binlog.now(), true, found);
  EXPECT_EQ(on_disk().obligation, owed);
}

/* Whatever call fails at whatever step of a run, and whether or not it crashes
   then, the next start is closed for what is owed. */
TEST(Ledger, NeverSaysOnDiskThatLessIsOwedThanIs) {
  for (const Fault fault : {Fault::ERROR, Fault::CRASH_BEFORE,
                            Fault::CRASH_AFTER, Fault::TORN_WRITE})
    for (const bool unsynced_survived : {false, true})
      for (int call = 0; call < 30; ++call) {
        SCOPED_TRACE(testing::Message() << int(fault) << " at " << call);
        Server server;
        const int before = server.files.calls;
        server.files.fault = fault;
        server.files.faulty_call = before + call;
        bool owed = false;
        try {
          server.binlog.write_own();
          server.settle_down();
          server.acknowledge_all();
          server.settle_down();
          server.binlog.write_own();
          owed = true;
          server.settle_down();
          server.files.come_back(unsynced_survived);
          server.files.fault = fault;
          server.end(true, 1);
          server.start();
          EXPECT_FALSE(server.gate->is_open());
          server.settle_down();
          owed = false;
          server.acknowledge_all();
          server.settle_down();
          server.binlog.write_own();
          owed = true;
          server.shut_down();
          server.files.fault = fault;
          server.start();
          EXPECT_FALSE(server.gate->is_open());
        } catch (const FaultyFiles::Crash &) {
          server.crash(unsynced_survived);
        }
        server.crash(unsynced_survived);
        server.start();
        if (owed) {
          EXPECT_FALSE(server.gate->is_open());
        }
      }
}

/* -------------------------------------------------------------------------
   Anything, in any order. */

/* Knows the truth: which of the server's own transactions nobody acknowledged.
 */
class Truth {
 public:
  explicit Truth(std::uint32_t seed) : random_(seed), seed_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE(testing::Message()
                   << "seed " << seed_ << ", step " << i << ": " << story_);
      step();
    }
  }

 private:
  struct Write {
    BinlogPosition end;
  };

  int draw(int below) {
    return std::uniform_int_distribution<int>(0, below - 1)(random_);
  }

  void step() {
    switch (draw(16)) {
      case 0:
      case 1:
      case 2:
        tell("own");
        write(server_.binlog.server_id());
        break;
      case 3:
        tell("old-session");
        write(ids_[static_cast<std::size_t>(
            draw(static_cast<int>(ids_.size())))]);
        break;
      case 4:
        tell("foreign");
        server_.binlog.write(100 + static_cast<std::uint32_t>(draw(2)));
        break;
      case 5:
        tell("rotate");
        server_.binlog.rotate();
        break;
      case 6:
      case 7:
        tell("ack-some");
        if (!unacknowledged_.empty())
          acknowledge(
              unacknowledged_[static_cast<std::size_t>(draw(
                                  static_cast<int>(unacknowledged_.size())))]
                  .end);
        break;
      case 8:
        tell("ack-all");
        acknowledge(server_.binlog.position());
        break;
      case 9:
      case 10:
      case 11:
        tell("look");
        server_.look_after(Ledger::look_interval);
        break;
      case 12:
        if (draw(4) != 0) break;
        tell("reset");
        reset();
        break;
      case 13:
        if (draw(3) != 0) break;
        tell("server-id");
        set_server_id();
        break;
      case 14:
        if (draw(2) != 0) break;
        tell("purge");
        // What is owed goes with its log, to be proven no more; and without any
        // settled position nobody knows what a log held that is gone.
        if (server_.gate->is_open() && server_.ledger->record().settled &&
            !server_.ledger->record().obligation.open())
          server_.binlog.purge_all_but(1 + static_cast<std::size_t>(draw(2)));
        break;
      case 15:
        restart();
        break;
    }
  }

  void tell(const std::string &what) { story_ += what + " "; }

  void write(std::uint32_t id) {
    server_.binlog.write(id);
    unacknowledged_.push_back({server_.binlog.position()});
  }

  void acknowledge(const BinlogPosition &position) {
    // Semi-sync's last reply only grows.
    if (has_reached(server_.binlog.acknowledged(), position)) return;
    server_.acknowledge(position);
    unacknowledged_.erase(
        std::remove_if(unacknowledged_.begin(), unacknowledged_.end(),
                       [&](const Write &write) {
                         return has_reached(position, write.end);
                       }),
        unacknowledged_.end());
  }

  void reset() {
    server_.look_after(Ledger::look_interval);
    const bool owed = server_.ledger->record().obligation.open();
    server_.reset_binlog();
    unacknowledged_.clear();
    server_.look_after(Ledger::look_interval);
    lost_ = server_.ledger->record().obligation.open();
    EXPECT_TRUE(lost_ || !owed);
  }

  void set_server_id() {
    const auto id = static_cast<std::uint32_t>(1 + draw(3));
    server_.binlog.set_server_id(id);
    if (std::find(ids_.begin(), ids_.end(), id) == ids_.end())
      ids_.push_back(id);
    // A new id is known from the next look on.
    server_.look_after(Ledger::look_interval);
  }

  void restart() {
    if (lost_ && draw(2) == 0) {
      tell("by-hand");
      if (server_.gate->is_open())
        server_.give_up();
      else
        server_.open_manually();
      server_.look_after(Ledger::look_interval);
      unacknowledged_.clear();
      lost_ = false;
    }
    bool settled = false;
    if (draw(3) == 0 && !lost_) {
      tell("all-known");
      acknowledge(server_.binlog.position());
      server_.settle_down();
      settled = true;
    }
    const bool was_closed = !server_.gate->is_open();
    const bool by_crash = draw(2) == 0;
    tell(by_crash ? "crash" : "shutdown");
    const bool all_acknowledged = unacknowledged_.empty() && !was_closed;
    // A shutdown looks for the last time.
    const bool must_open =
        all_acknowledged && !lost_ &&
        (settled || (!by_crash && server_.binlog.acknowledged() ==
                                      server_.binlog.position()));
    const std::uint32_t next_id = draw(4) == 0
                                      ? static_cast<std::uint32_t>(1 + draw(3))
                                      : server_.binlog.server_id();
    if (by_crash)
      server_.files.come_back(draw(2) == 0);
    else
      server_.ledger->shutting_down(server_.binlog, server_.gate->is_open(),
                                    server_.binlog.paths(), "0-1-1", "");
    const Record before = server_.on_disk();
    server_.end(by_crash, next_id);
    ids_ = {next_id};
    if (draw(5) == 0) {
      tell("given-up");
      server_.load();
      server_.give_up_start();
    }
    const Mode mode = draw(6) == 0 ? Mode::OFF : Mode::AUTO;
    server_.start(mode);
    if (mode == Mode::OFF) tell("off");

    if (!unacknowledged_.empty() || lost_) {
      EXPECT_TRUE(server_.on_disk().obligation.open());
      EXPECT_EQ(server_.gate->is_open(), mode == Mode::OFF);
    }
    if (lost_ && mode != Mode::OFF) {
      EXPECT_EQ(server_.gate->snapshot().state, GateState::CLOSED_UNPROVABLE);
    }
    if (must_open && mode != Mode::OFF) {
      EXPECT_TRUE(server_.gate->is_open()) << story_;
      EXPECT_EQ(to_string(server_.found.unsettled.gtids), "") << story_ << "\n"
                                                              << encode(before);
    }
  }

  std::mt19937 random_;
  const std::uint32_t seed_;
  std::string story_;
  Server server_;
  std::vector<std::uint32_t> ids_{1};  // of this run
  std::vector<Write> unacknowledged_;
  bool lost_ = false;  // what was owed can be proven no more
};

TEST(Ledger, NeverForgetsAndNeverKeepsClosedForNothingWhateverHappens) {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    Truth(seed).run(120);
    if (testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace recovery_gate
