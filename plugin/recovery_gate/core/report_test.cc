#include "recovery_gate/report.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "fakes.h"

namespace recovery_gate {
namespace {

using testing::HasSubstr;
using testing::Not;
using S = GateState;

GateSnapshot closed_after_a_crash(S state = S::CLOSED_ACK) {
  GateSnapshot gate;
  gate.state = state;
  gate.reason = CloseReason::CRASH;
  gate.recovered_end = recovered_end;
  gate.recovered_gtid = recovered_gtid;
  gate.to_acknowledge = awaited;
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

std::string page_of(const GateSnapshot &gate) {
  return status_page(gate, RecoveredXids());
}

std::string advice_in(const std::string &page) {
  const std::string label = "What to do:       ";
  const auto start = page.find(label);
  return start == std::string::npos ? "" : page.substr(start + label.size());
}

TEST(StatusPage, NamesWhatNobodyHasAcknowledgedWhileItIsClosed) {
  GateSnapshot gate = closed_after_a_crash();
  gate.unsettled = {{{0, 1}, 42}, {{3, 1}, 7}};
  EXPECT_THAT(page_of(gate), HasSubstr("\nNot acknowledged: GTID 0-1-42,3-1-7\n"));
  gate.state = S::OPEN_ACK;
  EXPECT_THAT(page_of(gate), Not(HasSubstr("Not acknowledged")));
}

TEST(StatusPage, TellsAllThatIsKnownOfAClosedGate) {
  RecoveredXids xids;
  for (const char *key : {"a", "b", "c", "d", "e", "f", "g"})
    xids.prepared(key, key, *key == 'g', "InnoDB");
  for (const char *key : {"a", "b", "c"})
    xids.resolved(key, Resolution::COMMITTED);
  for (const char *key : {"d", "e"})
    xids.resolved(key, Resolution::ROLLED_BACK);

  EXPECT_EQ(
      status_page(closed_after_a_crash(), xids),
      "State:            CLOSED (ACK)\n"
      "Reason:           CRASH\n"
      "Closed for:       61.005 s\n"
      "Recovered up to:  bin.000006:1234 (GTID 0-1-42)\n"
      "To acknowledge:   bin.000007:400\n"
      "Let in, closed:   3\n"
      "Turned away:      17\n"
      "XIDs in doubt:    7 found, 3 committed, 2 rolled back, 1 left prepared "
      "for an XA coordinator\n"
      "What to do:       Wait for the replica to receive the binary log; SHOW "
      "SLAVE STATUS there tells how far it is.\n");
}

TEST(StatusPage, IsShortWhenTheGateWasNeverClosed) {
  EXPECT_EQ(page_of(not_needed()),
            "State:            OPEN (NOT_NEEDED)\n"
            "Reason:           NONE\n"
            "Recovered up to:  bin.000006:1234 (GTID none)\n"
            "XIDs in doubt:    0 found, 0 committed, 0 rolled back, 0 left "
            "prepared for an XA coordinator\n"
            "What to do:       Nothing.\n");
}

TEST(StatusPage, TellsHowLongTheGateWasClosedOnceItIsOpen) {
  for (const S state : {S::OPEN_ACK, S::OPEN_OVERRIDE, S::OPEN_TIMEOUT})
    EXPECT_THAT(page_of(closed_after_a_crash(state)),
                AllOf(tells("Was closed:       61.005 s\n",
                            "To acknowledge:   bin.000007:400\n"),
                      Not(HasSubstr("Closed for"))));
}

TEST(StatusPage, NamesEveryStateAndReason) {
  for (const S state : all_gate_states)
    EXPECT_THAT(page_of(closed_after_a_crash(state)),
                tells(std::string("State:            ") + full_name(state)));
  for (const CloseReason reason :
       {CloseReason::CRASH, CloseReason::UNACKED_SHUTDOWN,
        CloseReason::CARRIED_OVER, CloseReason::ALWAYS}) {
    GateSnapshot gate = closed_after_a_crash();
    gate.reason = reason;
    EXPECT_THAT(page_of(gate),
                tells(std::string("Reason:           ") + reason_name(reason)));
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
              tells("rpl_semi_sync_slave_enabled=ON", "START SLAVE"));
  EXPECT_THAT(advice(S::CLOSED_ACK), tells("Wait", "SHOW SLAVE STATUS"));
  EXPECT_THAT(advice(S::CLOSED_OVERRIDE),
              tells("Compare", "SET GLOBAL recovery_gate_open_now=ON"));
}

TEST(StatusPage, AdvisesNothingOnceOpen) {
  for (const S state : all_gate_states)
    if (is_open(state)) {
      EXPECT_EQ(advice_in(page_of(closed_after_a_crash(state))), "Nothing.\n")
          << full_name(state);
    }
}

TEST(StatusPage, SaysSoWhenThereIsNoPosition) {
  GateSnapshot gate = closed_after_a_crash(S::CLOSED_OVERRIDE);
  gate.recovered_end = {};
  gate.recovered_gtid.clear();
  gate.to_acknowledge = {};
  EXPECT_THAT(page_of(gate), tells("Recovered up to:  (none) (GTID none)\n",
                                   "To acknowledge:   (none)\n"));
}

TEST(StatusPage, AlignsWhatItTells) {
  std::istringstream lines(page_of(closed_after_a_crash()));
  for (std::string line; std::getline(lines, line);) {
    ASSERT_GT(line.size(), 18u) << line;
    EXPECT_EQ(line[17], ' ') << line;
    EXPECT_NE(line[18], ' ') << line;
  }
}

}  // namespace
}  // namespace recovery_gate
