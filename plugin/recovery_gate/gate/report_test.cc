// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/report.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "recovery_gate/gate/labelled_page.h"
#include "testing/fakes.h"

namespace recovery_gate {
namespace {

using testing::HasSubstr;
using testing::Not;
using S = GateState;

GateSnapshot closed_after_a_crash(S state = S::CLOSED_ACK) {
  GateSnapshot gate;
  gate.state = state;
  gate.reason = CloseReason::CRASH;
  gate.why = "the server crashed";
  gate.recovered_end = recovered_end;
  gate.recovered_gtid = recovered_gtid;
  gate.awaited = awaited;
  gate.held = 5;
  gate.admitted = 3;
  gate.rejected = 17;
  gate.closed_for = milliseconds(61005);
  return gate;
}

GateSnapshot not_needed() {
  GateSnapshot gate;
  gate.state = S::OPEN_NOT_NEEDED;
  gate.recovered_end = recovered_end;
  return gate;
}

Report report_of(const GateSnapshot &gate) {
  Report report;
  report.gate = gate;
  report.since = "2026-11-21 13:50:01";
  return report;
}

std::string page_of(const GateSnapshot &gate) {
  return status_page(report_of(gate));
}

TEST(Report, WhatItsOwnReplicationNeeds) {
  Report report = report_of(not_needed());
  EXPECT_THAT(status_page(report), Not(HasSubstr("Replication")));
  report.replication = {"connection 'q' is not started again",
                        "connection 'r' is not started again"};
  EXPECT_THAT(status_page(report),
              HasSubstr("Replication:           connection 'q' is not started "
                        "again\n                       connection 'r' is not"));
}

std::string advice_in(const std::string &page) {
  for (const Labelled &entry : read_page(page))
    if (entry.label == "What to do") return entry.texts.front();
  return {};
}

InDoubt::Item item(std::uint64_t number, std::uint64_t xid = 0) {
  Transaction transaction;
  transaction.gtid = Gtid{0, 1, number};
  transaction.kind = TransactionKind::COMMIT_XID;
  transaction.xid = xid;
  transaction.begin = number * 100;
  transaction.end = number * 100 + 70;
  return {transaction, {"bin.000006", transaction.end}};
}

TEST(StatusPage, ShowsAllThatIsKnownOfAClosedGate) {
  Report report = report_of(closed_after_a_crash());
  report.gate.unsettled = {{{0, 1}, 42}};
  report.xids = {7, 3, 2, 1};
  report.in_doubt = {2, 140, {item(41, 12), item(42)}, "", true};
  report.acknowledged = {"bin.000006", 1100};
  report.gate.replicas = {{15,
                           2,
                           "10.0.0.2",
                           {"bin.000006", 1234},
                           Standing::NOT_YET,
                           "",
                           "",
                           false},
                          {16,
                           3,
                           "10.0.0.3",
                           {"bin.000007", 400},
                           Standing::NEVER,
                           "it is another one",
                           "Do this",
                           false}};
  EXPECT_EQ(status_page(report),
            R"(State:                 CLOSED (ACK)
Since:                 2026-11-21 13:50:01
Reason:                CRASH
Why:                   the server crashed
Closed for:            61.005 s
Waiting for:           ACK: a semi-sync replica is connected and has not
                         acknowledged yet
Recovered up to:       bin.000006:1234 (GTID 0-1-42)
In doubt:              2 transactions, 140 bytes, up to GTID 0-1-42
                       GTID 0-1-41, XID 12: 70 bytes up to bin.000006:4170
                       GTID 0-1-42: 70 bytes up to bin.000006:4270
Awaited position:      bin.000007:400
Acknowledged:          up to bin.000006:1100
Replicas:              2 semi-sync replicas connected
                       server_id 2 at 10.0.0.2 (connection 15): sent up to
                         bin.000006:1234
                       server_id 3 at 10.0.0.3 (connection 16): sent up to
                         bin.000007:400; proves nothing: it is another one
Held now:              5
Admitted while closed: 3
Rejected while closed: 17
Prepared transactions: 7 found, 3 committed, 2 rolled back, 1 left prepared for
                         an XA coordinator
What to do:            Wait: the replica is receiving the binary log. SHOW
                         SLAVE STATUS there shows how far it has come; if it
                         does not move, an error is shown there.
)");
}

TEST(StatusPage, ShowsWhoCountsAndWhoIsProven) {
  Report report = report_of(closed_after_a_crash(S::CLOSED_REPLICA));
  report.gate.tally.is_any = false;
  report.gate.tally.needed = 3;
  report.gate.tally.proven = 2;
  report.gate.tally.known = 3;
  report.gate.tally.replicas = {{2, "replica 2", "it named it"},
                                {4, "replica 4", "it acknowledged it"}};
  std::vector<ReplicaStanding> &replicas = report.gate.replicas;
  replicas.resize(3);
  replicas[0].server_id = 2;
  replicas[0].standing = Standing::PROVEN;
  replicas[0].why = "it named it";
  replicas[1].server_id = 3;
  replicas[1].why = "it may be another's";
  replicas[2].server_id = 5;
  replicas[2].counts = false;
  replicas[2].standing = Standing::PROVEN;
  replicas[2].why = "it named it";
  for (ReplicaStanding &replica : replicas) {
    replica.host = "10.0.0." + std::to_string(replica.server_id);
    replica.sent = awaited;
  }
  EXPECT_THAT(
      status_page(report),
      HasSubstr(
          R"(Replicas:              2 of 3 replicas are known to have everything that is in
                         doubt; 3 semi-sync replicas connected
                       server_id 2 at 10.0.0.2 (connection 0): sent up to
                         bin.000007:400; proven: it named it
                       server_id 3 at 10.0.0.3 (connection 0): sent up to
                         bin.000007:400; not proven yet: it may be another's
                       server_id 5 at 10.0.0.5 (connection 0): sent up to
                         bin.000007:400; does not count
                         (recovery_gate_replica_ids); proven: it named it
                       server_id 4 (not connected): proven: it acknowledged it
)"));
  EXPECT_THAT(status_page(report),
              HasSubstr("REPLICA: 2 of 3 replicas are known to have"));
}

TEST(StatusPage, IsShortWhenTheGateWasNeverClosed) {
  EXPECT_EQ(page_of(not_needed()),
            R"(State:                 OPEN (NOT_NEEDED)
Since:                 2026-11-21 13:50:01
Reason:                NONE
Opened by:             NOT_NEEDED: this start had nothing to wait for
Recovered up to:       bin.000006:1234 (GTID none)
Prepared transactions: 0 found, 0 committed, 0 rolled back, 0 left prepared for
                         an XA coordinator
What to do:            Nothing.
)");
}

TEST(StatusPage, KeepsWhatWasInDoubtOnceItIsOpen) {
  Report report = report_of(closed_after_a_crash(S::OPEN_ACK));
  report.in_doubt = {1, 70, {item(42)}, "", true};
  const std::string page = status_page(report);
  EXPECT_THAT(page, tells("Was in doubt:          1 transaction, 70 bytes\n",
                          "GTID 0-1-42: 70 bytes up to bin.000006:4270\n",
                          "Was closed for:        61.005 s\n",
                          "Awaited position:      bin.000007:400\n"));
  for (const char *label : {"Replicas", "Acknowledged:", "Closed for"})
    EXPECT_THAT(page, Not(HasSubstr(label)));
}

TEST(StatusPage, SaysHowManyTransactionsItDoesNotShow) {
  Report report = report_of(closed_after_a_crash());
  report.in_doubt = {1000, 70000, {item(41), item(42)}, "", true};
  EXPECT_THAT(status_page(report),
              tells("In doubt:              1000 transactions",
                    "the last 2 of them:\n"));
}

TEST(StatusPage, SaysWhyItMayNotKnowAllThatIsInDoubt) {
  Report report = report_of(closed_after_a_crash());
  report.in_doubt.reservation = "perhaps more: bin.000006 is gone";
  EXPECT_THAT(status_page(report),
              tells("In doubt:              none was found\n",
                    "perhaps more: bin.000006 is gone\n"));
}

TEST(StatusPage, DoesNotCountNothingWhereTheGtidsSayThatSomethingIsInDoubt) {
  Report report = report_of(closed_after_a_crash());
  report.gate.unsettled = {{{0, 1}, 42}};
  EXPECT_THAT(
      status_page(report),
      tells("In doubt:              transactions up to GTID 0-1-42, none of "
            "which was found\n"));
  report.in_doubt.reservation = "perhaps more: bin.000006 is gone";
  EXPECT_THAT(
      status_page(report),
      tells("In doubt:              transactions up to GTID 0-1-42, none of "
            "which was found\n",
            "perhaps more: bin.000006 is gone\n"));
}

TEST(StatusPage, CountsNothingWhereNothingIsInDoubt) {
  const Report report = report_of(closed_after_a_crash());
  EXPECT_THAT(status_page(report),
              tells("In doubt:              0 transactions\n"));
}

TEST(StatusPage, SaysWhatIsSpecialAboutATransaction) {
  Report report = report_of(closed_after_a_crash());
  for (const auto kind :
       {TransactionKind::XA_PREPARE, TransactionKind::XA_COMMIT,
        TransactionKind::XA_ROLLBACK}) {
    InDoubt::Item xa = item(42);
    xa.transaction.kind = kind;
    xa.transaction.xa = XaId{1, "order-2", ""};
    report.in_doubt.last.push_back(xa);
  }
  InDoubt::Item ddl = item(43), nameless = item(44);
  ddl.transaction.ddl = true;
  nameless.transaction.gtid.reset();
  report.in_doubt.last.push_back(ddl);
  report.in_doubt.last.push_back(nameless);
  EXPECT_THAT(status_page(report), tells("GTID 0-1-42, XA PREPARE 'order-2': ",
                                         "GTID 0-1-42, XA COMMIT 'order-2': ",
                                         "GTID 0-1-42, XA ROLLBACK 'order-2': ",
                                         "GTID 0-1-43, DDL: ", "no GTID: "));
}

TEST(StatusPage, SaysThatNoReplicaIsThere) {
  EXPECT_THAT(page_of(closed_after_a_crash(S::CLOSED_REPLICA)),
              tells("Acknowledged:          nothing yet\n",
                    "Replicas:              0 semi-sync replicas connected\n"));
}

TEST(StatusPage, NamesEveryStateAndReason) {
  for (const S state : all_gate_states)
    EXPECT_THAT(
        page_of(closed_after_a_crash(state)),
        tells(std::string("State:                 ") + full_name(state)));
  for (const CloseReason reason :
       {CloseReason::CRASH, CloseReason::UNACKED_SHUTDOWN,
        CloseReason::CARRIED_OVER, CloseReason::ALWAYS}) {
    GateSnapshot gate = closed_after_a_crash();
    gate.reason = reason;
    EXPECT_THAT(page_of(gate), tells(std::string("Reason:                ") +
                                     reason_name(reason)));
  }
}

TEST(StatusPage, AdvisesSomethingElseInEveryStateThatWaits) {
  const auto advice = [](S state) {
    return advice_in(page_of(closed_after_a_crash(state)));
  };
  EXPECT_THAT(advice(S::CLOSED_SEMISYNC_MASTER),
              tells("SET GLOBAL rpl_semi_sync_master_enabled=ON",
                    "START SLAVE IO_THREAD"));
  EXPECT_THAT(advice(S::CLOSED_REPLICA),
              tells("rpl_semi_sync_slave_enabled=ON", "START SLAVE",
                    "recovery_gate_open_now"));
  EXPECT_THAT(advice(S::CLOSED_ACK), tells("Wait", "SHOW SLAVE STATUS"));
  EXPECT_THAT(advice(S::CLOSED_UNPROVABLE),
              tells("Compare", "SET GLOBAL recovery_gate_open_now=ON"));
}

TEST(StatusPage, AdvisesNothingOnceOpen) {
  for (const S state : all_gate_states)
    if (is_open(state)) {
      EXPECT_EQ(advice_in(page_of(closed_after_a_crash(state))), "Nothing.")
          << full_name(state);
    }
}

TEST(StatusPage, SaysSoWhenThereIsNoPosition) {
  GateSnapshot gate = closed_after_a_crash(S::CLOSED_UNPROVABLE);
  gate.recovered_end = {};
  gate.recovered_gtid.clear();
  gate.awaited = {};
  EXPECT_THAT(page_of(gate),
              tells("Recovered up to:       (none) (GTID none)\n",
                    "Awaited position:      (none)\n"));
}

TEST(StatusPage, FitsInto80Columns) {
  for (const S state : all_gate_states) {
    Report report = report_of(closed_after_a_crash(state));
    report.gate.why =
        "the server crashed, and what it wrote itself (GTID 0-1-42) "
        "in the binary log up to bin.000006:1234 may be lost";
    report.gate.replicas = {{15,
                             2,
                             "10.0.0.2",
                             {},
                             Standing::NEVER,
                             "it lacks GTID 0-1-42",
                             "Do this",
                             false}};
    std::istringstream lines(status_page(report));
    for (std::string line; std::getline(lines, line);)
      EXPECT_LT(line.size(), 80u) << line;
  }
}

}  // namespace
}  // namespace recovery_gate
