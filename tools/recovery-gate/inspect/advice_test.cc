// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/advice.h"

#include "inspect/fakes.h"
#include "inspect/start_command.h"

namespace recovery_gate::tool {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/* Server 1 crashed; 0-1-11 and 0-1-12 are in its log and nobody acknowledged
   them. Its replicas have 0-1-10. */
class VerdictTest : public testing::Test {
 protected:
  VerdictTest() {
    f.directory.path = "/data";
    f.options.file = "/etc/my.cnf";
    f.options.datadir = "/data";
    f.options.has_user = true;
    f.server = {1, gtids("0-1-12")};
    f.survey.crashed = true;
    f.survey.gtids = f.forecast.gtids = f.server.gtids;
    f.survey.logs = {log_facts()};
    f.forecast.closed = f.forecast.owes = true;
    f.forecast.reason = CloseReason::CRASH;
    f.forecast.why = "CLOSED, reason CRASH: the server crashed";
    f.forecast.waits_for = {"bin.000004", 336};
    for (const char *text : {"0-1-9", "0-1-10", "0-1-11", "0-1-12"})
      log.push_back(transaction(text));
  }

  Advice advice() {
    DoubtCounter counter(places, {}, f.replicas, f.server, {});
    for (const Transaction &each : log) counter.add(each, f.survey.logs[0]);
    f.doubt = counter.result(f.survey.crashed, f.forecast.owes);
    return advise(f);
  }
  Verdict verdict() { return advice().verdict; }

  void owe_nothing() {
    f.forecast.closed = f.forecast.owes = false;
    f.forecast.reason = CloseReason::NONE;
    f.forecast.why = "open: the server was shut down properly";
  }
  void shut_down() {
    f.survey.crashed = false;
    f.forecast.reason = CloseReason::UNACKED_SHUTDOWN;
  }

  Findings f;
  KnownPlaces places{{"bin.000003", 1000}, {}};
  std::vector<Transaction> log;
};

TEST_F(VerdictTest, ThePrimaryWaitsForItsReplicas) {
  f.replicas = {follower("0-1-10")};
  const Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::START_AS_PRIMARY);
  EXPECT_THAT(given.headline, HasSubstr("bin.000004:336"));
  EXPECT_THAT(given.headline, HasSubstr("2 transactions"));
  EXPECT_EQ(shell_line(given.command),
            "mariadbd --defaults-file=/etc/my.cnf "
            "--rpl-semi-sync-master-enabled=ON");
  EXPECT_THAT(given.options, ElementsAre("--rpl-semi-sync-master-enabled=ON"));
  EXPECT_THAT(given.reasons, Contains(HasSubstr("has 0 of the 2")));
  EXPECT_THAT(given.reasons,
              Contains(HasSubstr("2 transactions in doubt are on no server")));
}

TEST_F(VerdictTest, ThePrimaryIsToldWhichReplicasHaveAll) {
  f.replicas = {follower("0-1-12"), follower("0-1-11")};
  const Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::START_AS_PRIMARY);
  EXPECT_THAT(given.reasons,
              Contains(HasSubstr("will acknowledge as soon as")));
  EXPECT_THAT(given.reasons, Contains(HasSubstr("has 1 of the 2")));
}

TEST_F(VerdictTest, ThePrimaryIsWarnedOfReplicasThatWillNotAcknowledge) {
  f.replicas = {follower("0-1-12")};
  f.replicas[0].semisync_replica = false;
  EXPECT_THAT(advice().caveats, Contains(HasSubstr("no semi-sync replica")));
  f.replicas[0].links[0].io_state = "No";
  EXPECT_THAT(advice().caveats, Contains(HasSubstr("START SLAVE there")));
}

TEST_F(VerdictTest, ThePrimaryIsToldWhoCountsAndHowMany) {
  f.options.replicas.count = 2;
  f.options.replicas.excluded = {4};
  f.replicas = {follower("0-1-12"), follower("0-1-11"), follower("0-1-12")};
  f.replicas[0].server_id = 2;
  f.replicas[1].server_id = 3;
  f.replicas[2].server_id = 4;
  Advice given = advice();
  EXPECT_THAT(given.headline, HasSubstr("2 semi-sync replicas have"));
  EXPECT_THAT(
      given.reasons,
      AllOf(Contains(HasSubstr("does not count")),
            Contains(HasSubstr("1 of 2 that have to have everything"))));
  EXPECT_THAT(given.caveats, Not(Contains(HasSubstr("can be counted"))));
  f.replicas[1].server_id = 2;  // one server, then
  EXPECT_THAT(advice().caveats,
              Contains(HasSubstr("and 1 of the servers that were asked can be "
                                 "counted")));
}

TEST_F(VerdictTest, AGateThatIsSwitchedOffIsSwitchedOn) {
  f.forecast.closed = false;
  f.options.mode = Mode::OFF;
  f.replicas = {follower("0-1-12")};
  EXPECT_THAT(advice().command, Contains("--recovery-gate-mode=AUTO"));
}

TEST_F(VerdictTest, NobodyWasAsked) {
  const Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::UNKNOWN);
  EXPECT_THAT(given.reasons, Contains(HasSubstr("2 transactions (0-1-11 to")));
  EXPECT_THAT(given.steps, Contains(HasSubstr("--replica")));
  EXPECT_THAT(given.command, IsEmpty());
  f.nobody_took_over = true;
  EXPECT_EQ(verdict(), Verdict::START_AS_PRIMARY);
}

TEST_F(VerdictTest, OneCouldNotBeAsked) {
  f.replicas = {follower("0-1-12"), Replica()};
  f.replicas[1].name = "db3";
  f.replicas[1].error = "error 2002: no";
  const Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::UNKNOWN);
  EXPECT_THAT(given.reasons, Contains(HasSubstr("db3 could not be asked")));
  f.nobody_took_over = true;
  EXPECT_EQ(verdict(), Verdict::START_AS_PRIMARY);
  owe_nothing();
  EXPECT_EQ(verdict(), Verdict::NOTHING_OWED);
  f.nobody_took_over = false;
  EXPECT_EQ(verdict(), Verdict::UNKNOWN) << "it may be the primary now";
  f.replicas[0] = promoted("0-1-10", "0-2-11");
  EXPECT_EQ(verdict(), Verdict::START_AS_REPLICA) << "another one is for sure";
}

TEST_F(VerdictTest, ItIsNotClearWhetherOneIsWrittenTo) {
  f.replicas = {follower("0-1-10")};
  f.replicas[0].binlog_state = gtids("0-1-10,0-2-11");
  EXPECT_EQ(verdict(), Verdict::UNKNOWN);
  f.nobody_took_over = true;
  EXPECT_EQ(verdict(), Verdict::START_AS_PRIMARY);
}

TEST_F(VerdictTest, NothingIsOwed) {
  owe_nothing();
  Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::NOTHING_OWED);
  EXPECT_EQ(shell_line(given.command), "mariadbd --defaults-file=/etc/my.cnf");
  EXPECT_THAT(given.caveats, Contains(HasSubstr("no other server was asked")));
  f.replicas = {follower("0-1-12")};
  given = advice();
  EXPECT_EQ(given.verdict, Verdict::NOTHING_OWED);
  EXPECT_THAT(given.caveats,
              ElementsAre(HasSubstr("2 transactions (0-1-9 to 0-1-10")));
}

TEST_F(VerdictTest, WhatWasAcknowledgedIsOnNoServerThatWasAsked) {
  owe_nothing();
  f.replicas = {follower("0-1-11")};
  const Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::START_AS_PRIMARY);
  EXPECT_THAT(given.reasons, Contains("db2:3306 lacks GTID 0-1-12"));
  EXPECT_THAT(given.options, ElementsAre("--rpl-semi-sync-master-enabled=ON",
                                         "--recovery-gate-mode=ALWAYS"));
  EXPECT_THAT(given.steps, Contains(HasSubstr("start this server first")));
}

TEST_F(VerdictTest, WhatOneHasAnotherMayLack) {
  owe_nothing();
  f.replicas = {follower("0-1-11"), follower("0-1-12")};
  f.replicas[1].server_id = 3;
  const Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::NOTHING_OWED);
  EXPECT_THAT(given.caveats, Contains(HasSubstr("lacks GTID 0-1-12, which")));
  f.options.replicas.excluded = {3};
  EXPECT_EQ(verdict(), Verdict::START_AS_PRIMARY);
}

TEST_F(VerdictTest, WhatIsOnlyReceivedIsKept) {
  owe_nothing();
  f.replicas = {follower("0-1-11")};
  f.replicas[0].links[0].received = gtids("0-1-12");
  EXPECT_EQ(verdict(), Verdict::NOTHING_OWED);
}

TEST_F(VerdictTest, WhatOthersWroteIsNotMissed) {
  owe_nothing();
  f.may_have_received = true;
  f.server.gtids = gtids("0-1-12,0-7-30");
  f.replicas = {follower("0-1-12")};
  EXPECT_EQ(verdict(), Verdict::NOTHING_OWED);
}

TEST_F(VerdictTest, OneIsNoReplicaAnyMore) {
  f.replicas = {follower("0-1-12")};
  f.replicas[0].links[0].master_server_id = 9;
  f.replicas[0].links[0].host = "db9";
  Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::UNKNOWN);
  EXPECT_THAT(given.reasons, Contains(HasSubstr("follows db9:0, not this")));
  f.replicas[0].links.clear();
  given = advice();
  EXPECT_EQ(given.verdict, Verdict::UNKNOWN);
  EXPECT_THAT(given.reasons, Contains(HasSubstr("may have been made the")));
}

TEST_F(VerdictTest, NothingIsOwedButAnotherServerIsThePrimary) {
  owe_nothing();
  f.replicas = {promoted("0-1-12", "0-2-13")};
  const Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::START_AS_REPLICA);
  EXPECT_THAT(given.headline, HasSubstr("with everything that this one has"));
}

TEST_F(VerdictTest, AnotherServerHasGoneOnWithoutTheTail) {
  f.replicas = {promoted("0-1-10", "0-2-11")};
  const Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::START_AS_REPLICA);
  EXPECT_EQ(shell_line(given.command),
            "mariadbd --defaults-file=/etc/my.cnf --init-rpl-role=SLAVE "
            "--rpl-semi-sync-master-enabled=OFF "
            "--rpl-semi-sync-slave-enabled=ON --skip-slave-start "
            "--read-only=ON");
  EXPECT_THAT(given.reasons, Contains(HasSubstr("0-2-11, which this server")));
  EXPECT_THAT(given.reasons, Contains(HasSubstr("lacks: 2 transactions")));
  EXPECT_THAT(given.reasons,
              Contains(HasSubstr("at most 4 transactions (0-1-9 to 0-1-12")));
  EXPECT_THAT(given.steps, Contains(HasSubstr("of 0-1 no number above 10")));
  EXPECT_THAT(given.steps,
              Contains(HasSubstr("MASTER_HOST='db2', MASTER_PORT=3306")));
}

TEST_F(VerdictTest, TheOneThatWritesIsThePrimaryOfTheOthers) {
  Replica other = follower("0-2-11");
  other.name = "db3:3306";
  other.server_id = 3;
  other.binlog_state = gtids("0-1-10,0-2-11");
  other.links[0].master_server_id = 2;
  other.links[0].host = "db2";
  other.links[0].port = 3306;
  f.replicas = {other, promoted("0-1-10", "0-2-11")};
  EXPECT_THAT(advice().headline, HasSubstr("replica of db2:3306"));
  f.replicas = {other};
  const Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::START_AS_REPLICA);
  EXPECT_THAT(given.steps, Contains(HasSubstr("MASTER_HOST='db2'")));
  EXPECT_THAT(given.caveats, Contains(HasSubstr("is itself a replica")));
}

TEST_F(VerdictTest, WhatANewPrimaryHasOnlyReceivedItLacks) {
  Replica replica = promoted("0-1-10", "0-2-11");
  replica.links = follower("0-1-12").links;
  replica.links[0].io_state = replica.links[0].sql_state = "No";
  f.replicas = {replica};
  const Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::START_AS_REPLICA);
  EXPECT_THAT(given.reasons, Contains(HasSubstr("lacks: 2 transactions")));
}

TEST_F(VerdictTest, TwoHaveGoneOn) {
  Replica other = promoted("0-1-10", "0-3-11");
  other.server_id = 3;
  f.replicas = {promoted("0-1-10", "0-2-11"), other};
  const Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::UNKNOWN);
  EXPECT_THAT(given.headline, HasSubstr("which server is the primary"));
}

TEST_F(VerdictTest, AfterAProperShutdownNothingIsCutOff) {
  shut_down();
  f.replicas = {promoted("0-1-10", "0-2-11")};
  const Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::REBUILD);
  EXPECT_THAT(given.reasons, Contains(HasSubstr("shut down properly")));
  EXPECT_THAT(given.command, IsEmpty());
  EXPECT_THAT(given.steps,
              Contains(HasSubstr("--start-position=1000 /data/bin.000003")));
  f.replicas = {promoted("0-1-12", "0-2-13")};
  EXPECT_EQ(verdict(), Verdict::START_AS_REPLICA) << "it lacks nothing";
}

TEST_F(VerdictTest, WhatCannotBeRolledBackIsNotCutOff) {
  log.push_back(transaction("0-1-13", TransactionKind::STANDALONE));
  f.server.gtids = gtids("0-1-13");
  f.replicas = {promoted("0-1-10", "0-2-14")};
  const Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::REBUILD);
  EXPECT_THAT(given.reasons, Contains(HasSubstr("cannot cut off 0-1-11")));
}

TEST_F(VerdictTest, WhatComesBeforeRecoveryIsNotCutOff) {
  f.survey.logs[0].gtids_before = gtids("0-1-8");
  f.replicas = {promoted("0-1-7", "0-2-14")};
  Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::REBUILD);
  EXPECT_THAT(given.reasons, Contains(HasSubstr("lacks 0-1-8 already")));
  f.replicas = {promoted("0-1-8", "0-2-14")};
  places.settled = {"bin.000003", 800};
  EXPECT_EQ(verdict(), Verdict::START_AS_REPLICA);
  f.survey.logs[0].recovery_reads = false;
  EXPECT_EQ(verdict(), Verdict::REBUILD);
}

TEST_F(VerdictTest, ItCannotBeToldWhatTheNewPrimaryHas) {
  Replica replica = promoted("0-1-10", "0-2-20");
  replica.logs_all = false;
  replica.binlog_state.clear();
  replica.slave_pos = gtids("0-3-20");
  f.replicas = {replica};
  EXPECT_THAT(advice().reasons, Contains(HasSubstr("known to have them")));
  places.settled = {"bin.000003", 800};
  EXPECT_EQ(verdict(), Verdict::START_AS_REPLICA) << "it can be cut off";
  shut_down();
  const Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::UNKNOWN);
  EXPECT_THAT(given.reasons, Contains(HasSubstr("or may have")));
}

TEST_F(VerdictTest, NoAcknowledgementCanProveAnything) {
  f.forecast.provable = false;
  f.replicas = {follower("0-1-12")};
  const Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::UNKNOWN);
  EXPECT_THAT(given.steps, Contains(HasSubstr("recovery_gate_open_now")));
}

TEST_F(VerdictTest, ATornEventStopsReplicas) {
  f.survey.logs[0].tail = Tail::TORN;
  f.survey.logs[0].tail_reason = "an event at 1200 is cut";
  f.replicas = {follower("0-1-11")};
  EXPECT_EQ(verdict(), Verdict::UNKNOWN);
  f.replicas.push_back(follower("0-1-12"));
  const Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::START_AS_PRIMARY);
  EXPECT_THAT(given.caveats, Contains(HasSubstr("torn")));
}

TEST_F(VerdictTest, EncryptedLogsAreForTheServerOnly) {
  f.survey.encrypted = true;
  f.survey.trouble = "bin.000003 is encrypted";
  f.forecast.closed.reset();
  f.forecast.gtids.reset();
  log.clear();
  Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::UNKNOWN);
  EXPECT_THAT(given.reasons, Contains("bin.000003 is encrypted"));
  EXPECT_THAT(given.steps, Contains(HasSubstr("server's keys")));
  EXPECT_THAT(given.caveats, Contains(HasSubstr("do not start it so")));

  // Nothing came after the settled position.
  owe_nothing();
  f.forecast.gtids = f.server.gtids;
  EXPECT_EQ(verdict(), Verdict::NOTHING_OWED);
  f.replicas = {promoted("0-1-10", "0-2-11")};
  given = advice();
  EXPECT_EQ(given.verdict, Verdict::UNKNOWN);
  EXPECT_THAT(given.reasons, Contains(HasSubstr("0-2-11, which this server")));
}

TEST_F(VerdictTest, WhatNobodyElseHasIsNotCutOffOnceItWasAcknowledged) {
  f.replicas = {promoted("0-1-8", "0-2-11")};
  Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::UNKNOWN);
  EXPECT_THAT(given.command, IsEmpty());
  EXPECT_THAT(given.steps, Each(Not(HasSubstr("init-rpl-role"))));
  EXPECT_THAT(given.reasons,
              Contains(AllOf(HasSubstr("2 transactions (0-1-9 to 0-1-10"),
                             HasSubstr("cut off by a start with init_rpl_role="
                                       "SLAVE; no server that was asked"))));
  EXPECT_THAT(given.steps,
              Contains(HasSubstr("--start-position=800 /data/bin.000003")));

  f.replicas.push_back(follower("0-1-10"));
  f.replicas[1].name = "db3:3306";
  given = advice();
  EXPECT_EQ(given.verdict, Verdict::START_AS_REPLICA);
  EXPECT_THAT(given.caveats,
              Contains(AllOf(HasSubstr("0-1-9 to 0-1-10"),
                             HasSubstr("that were asked have all of it"))));
  f.replicas[1].error = "error 2002: no";
  EXPECT_EQ(verdict(), Verdict::UNKNOWN);
}

TEST_F(VerdictTest, WhatWasAcknowledgedIsUnknownWithADamagedStateFile) {
  f.replicas = {promoted("0-1-10", "0-2-11")};
  places = {};
  f.state.trouble = "its checksum is wrong";
  const Advice given = advice();
  EXPECT_EQ(given.verdict, Verdict::UNKNOWN);
  EXPECT_THAT(given.reasons, Contains(HasSubstr("its checksum is wrong")));
  EXPECT_THAT(given.steps, Contains(HasSubstr("--start-position=1000")));
  f.replicas = {promoted("0-1-12", "0-2-13")};
  EXPECT_EQ(verdict(), Verdict::START_AS_REPLICA) << "it has everything";
}

TEST_F(VerdictTest, TheGateSeesACutBeforeTheSettledPlace) {
  f.replicas = {follower("0-1-10")};
  EXPECT_THAT(advice().caveats, Contains(HasSubstr("must not be the primary")));
  EXPECT_THAT(advice().caveats, Each(Not(HasSubstr("OVERRIDE"))))
      << "it keeps no record";
  f.state.record.emplace();
  f.state.record->running_since = {"bin.000003", 336};
  EXPECT_THAT(advice().caveats, Contains(HasSubstr("waits for OVERRIDE")));
  places.settled = {"bin.000003", 800};
  places.acknowledged = {"bin.000003", 1000};
  EXPECT_THAT(advice().caveats, Each(Not(HasSubstr("OVERRIDE"))));
  places.settled = {"bin.000003", 1000};
  f.options.mode = Mode::OFF;
  EXPECT_THAT(advice().caveats, Each(Not(HasSubstr("OVERRIDE"))));
}

TEST_F(VerdictTest, APrimaryIsNotStartedWithTheRoleInItsOptionFile) {
  f.options.recovers_as_slave = true;
  f.replicas = {follower("0-1-10")};
  EXPECT_THAT(advice().command, Contains("--init-rpl-role=MASTER"));
  f.replicas = {promoted("0-1-10", "0-2-11")};
  EXPECT_THAT(advice().command, Not(Contains("--init-rpl-role=MASTER")));
  f.replicas.clear();
  EXPECT_EQ(verdict(), Verdict::UNKNOWN);
  EXPECT_THAT(advice().caveats, Contains(HasSubstr("--init-rpl-role=MASTER")));
  owe_nothing();
  EXPECT_THAT(advice().command, Contains("--init-rpl-role=MASTER"));
  shut_down();
  EXPECT_THAT(advice().command, Not(Contains("--init-rpl-role=MASTER")));
  EXPECT_THAT(advice().caveats, Each(Not(HasSubstr("init"))));
}

TEST_F(VerdictTest, WhatAPrimarysOtherIdsWroteItsReplicaHasToHave) {
  f.survey.logs[0].gtids_before = gtids("0-1-1,1-7-8");
  f.replicas = {promoted("0-1-10", "0-2-11")};
  f.may_have_received = true;
  EXPECT_EQ(verdict(), Verdict::START_AS_REPLICA);
  f.may_have_received = false;
  EXPECT_THAT(advice().reasons, Contains(HasSubstr("lacks 1-7-8 already")));
}

TEST_F(VerdictTest, TheCommandNamesWhatIsNotInTheOptionFile) {
  owe_nothing();
  f.options.datadir = "/elsewhere";
  f.log_bin = "/logs/it's";
  EXPECT_EQ(shell_line(advice().command),
            "mariadbd --defaults-file=/etc/my.cnf --datadir=/data "
            "'--log-bin=/logs/it'\\''s'");
}

TEST(Verdict, HasANumberAndANameForGood) {
  EXPECT_EQ(static_cast<int>(Verdict::NOTHING_OWED), 10);
  EXPECT_EQ(static_cast<int>(Verdict::START_AS_PRIMARY), 11);
  EXPECT_EQ(static_cast<int>(Verdict::START_AS_REPLICA), 12);
  EXPECT_EQ(static_cast<int>(Verdict::REBUILD), 13);
  EXPECT_EQ(static_cast<int>(Verdict::UNKNOWN), 14);
  EXPECT_EQ(static_cast<int>(Verdict::RUNNING), 15);
  EXPECT_STREQ(to_string(Verdict::START_AS_REPLICA), "start_as_replica");
  for (const char *number : {"10", "11", "12", "13", "14", "15"})
    EXPECT_THAT(verdict_help(), HasSubstr(std::string("  ") + number + " "));
}

}  // namespace
}  // namespace recovery_gate::tool
