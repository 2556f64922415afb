// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/gate_state.h"

#include <iterator>
#include <set>

#include "testing/fakes.h"

namespace recovery_gate {
namespace {

using testing::AnyOf;
using S = GateState;

bool waits_for_proof(S state) {
  return state == S::CLOSED_SEMISYNC_MASTER || state == S::CLOSED_REPLICA ||
         state == S::CLOSED_ACK || state == S::CLOSED_PRIMARY ||
         state == S::CLOSED_DIVERGED;
}

TEST(GateState, AllowsExactlyTheseTransitions) {
  // From each state, a row, to each, a column, both in this order.
  const S order[] = {
      S::STARTING,        S::CLOSED_SEMISYNC_MASTER, S::CLOSED_REPLICA,
      S::CLOSED_ACK,      S::CLOSED_UNPROVABLE,      S::CLOSED_PRIMARY,
      S::CLOSED_DIVERGED, S::OPEN_NOT_NEEDED,        S::OPEN_ACK,
      S::OPEN_OVERRIDE,   S::OPEN_TIMEOUT,           S::OPEN_PRIMARY};
  const char *const allowed[] = {
      ". x x x x x x x . . . .",  // STARTING
      ". . x x x x x . x x x x",  // CLOSED_SEMISYNC_MASTER
      ". x . x x x x . x x x x",  // CLOSED_REPLICA
      ". x x . x x x . x x x x",  // CLOSED_ACK
      ". . . . . x x . . x x x",  // CLOSED_UNPROVABLE
      ". x x x x . x . x x x x",  // CLOSED_PRIMARY
      ". x x x x x . . x x x x",  // CLOSED_DIVERGED
      ". . . . . . . . . . . .",  // OPEN_NOT_NEEDED
      ". . . . . . . . . . . .",  // OPEN_ACK
      ". . . . . . . . . . . .",  // OPEN_OVERRIDE
      ". . . . . . . . . . . .",  // OPEN_TIMEOUT
      ". . . . . . . . . . . .",  // OPEN_PRIMARY
  };
  for (int from = 0; from < 12; ++from)
    for (int to = 0; to < 12; ++to)
      EXPECT_EQ(is_allowed(order[from], order[to]),
                allowed[from][2 * to] == 'x')
          << full_name(order[from]) << " to " << full_name(order[to]);
}

TEST(GateState, ListsEveryStateOnce) {
  const std::set<S> states(std::begin(all_gate_states),
                           std::end(all_gate_states));
  EXPECT_EQ(std::size(all_gate_states), 12u);
  EXPECT_EQ(states.size(), 12u);
  EXPECT_EQ(*states.rbegin(), S::OPEN_PRIMARY);
}

TEST(GateState, IsFinalOnceOpen) {
  for (const S from : all_gate_states)
    for (const S to : all_gate_states)
      if (is_open(from)) {
        EXPECT_FALSE(is_allowed(from, to))
            << full_name(from) << " to " << full_name(to);
      }
}

TEST(GateState, LeavesAnOverrideForNoAcknowledgement) {
  for (const S to : all_gate_states)
    if (is_allowed(S::CLOSED_UNPROVABLE, to)) {
      EXPECT_THAT(to, AnyOf(S::OPEN_OVERRIDE, S::OPEN_TIMEOUT, S::OPEN_PRIMARY,
                            S::CLOSED_PRIMARY, S::CLOSED_DIVERGED));
    }
}

TEST(GateState, OpensByAcknowledgementOnlyWhereOneIsWaitedFor) {
  for (const S from : all_gate_states)
    EXPECT_EQ(is_allowed(from, S::OPEN_ACK), waits_for_proof(from))
        << full_name(from);
}

TEST(GateState, NeedsNothingOnlyAtTheStart) {
  for (const S from : all_gate_states)
    EXPECT_EQ(is_allowed(from, S::OPEN_NOT_NEEDED), from == S::STARTING)
        << full_name(from);
}

TEST(GateState, StartsOnce) {
  for (const S from : all_gate_states)
    EXPECT_FALSE(is_allowed(from, S::STARTING)) << full_name(from);
}

TEST(GateState, CanBeOpenedByHandWheneverItIsClosed) {
  for (const S from : all_gate_states)
    EXPECT_EQ(is_allowed(from, S::OPEN_OVERRIDE),
              !is_open(from) && from != S::STARTING)
        << full_name(from);
}

TEST(GateState, IsShownUnderTheNamesThatMonitoringKnows) {
  const struct {
    S state;
    bool open;
    const char *state_name, *waiting_for;
    unsigned code;
    const char *opened_by, *full;
  } expected[] = {
      {S::STARTING, false, "CLOSED", "", 0, "", "CLOSED (starting)"},
      {S::CLOSED_SEMISYNC_MASTER, false, "CLOSED", "SEMISYNC_MASTER", 1, "",
       "CLOSED (SEMISYNC_MASTER)"},
      {S::CLOSED_REPLICA, false, "CLOSED", "REPLICA", 2, "",
       "CLOSED (REPLICA)"},
      {S::CLOSED_ACK, false, "CLOSED", "ACK", 3, "", "CLOSED (ACK)"},
      {S::CLOSED_UNPROVABLE, false, "CLOSED", "OVERRIDE", 4, "",
       "CLOSED (OVERRIDE)"},
      {S::CLOSED_PRIMARY, false, "CLOSED", "PRIMARY", 5, "",
       "CLOSED (PRIMARY)"},
      {S::CLOSED_DIVERGED, false, "CLOSED", "DIVERGED", 6, "",
       "CLOSED (DIVERGED)"},
      {S::OPEN_NOT_NEEDED, true, "OPEN", "", 0, "NOT_NEEDED",
       "OPEN (NOT_NEEDED)"},
      {S::OPEN_ACK, true, "OPEN", "", 0, "ACK", "OPEN (ACK)"},
      {S::OPEN_OVERRIDE, true, "OPEN", "", 0, "OVERRIDE", "OPEN (OVERRIDE)"},
      {S::OPEN_TIMEOUT, true, "OPEN", "", 0, "TIMEOUT", "OPEN (TIMEOUT)"},
      {S::OPEN_PRIMARY, true, "OPEN", "", 0, "PRIMARY", "OPEN (PRIMARY)"},
  };
  ASSERT_EQ(std::size(expected), std::size(all_gate_states));
  for (const auto &shown : expected) {
    EXPECT_EQ(is_open(shown.state), shown.open) << shown.full;
    EXPECT_STREQ(state_name(shown.state), shown.state_name) << shown.full;
    EXPECT_STREQ(waiting_for_name(shown.state), shown.waiting_for);
    EXPECT_EQ(waiting_for_code(shown.state), shown.code) << shown.full;
    EXPECT_STREQ(opened_by_name(shown.state), shown.opened_by) << shown.full;
    EXPECT_STREQ(full_name(shown.state), shown.full);
  }
}

TEST(GateState, IsShownInTheProcessListWhereThereIsLittleRoom) {
  for (S state : all_gate_states) {
    const std::string held = held_name(state);
    EXPECT_EQ(held.empty(), is_open(state)) << full_name(state);
    EXPECT_LE(held.size(), 64u) << held;
    EXPECT_NE(held.find(waiting_for_name(state)), std::string::npos) << held;
  }
}

TEST(CloseReason, IsShownUnderTheNamesThatMonitoringKnows) {
  unsigned code = 0;
  for (const CloseReason reason : all_close_reasons)
    EXPECT_EQ(reason_code(reason), code++);
  EXPECT_STREQ(reason_name(CloseReason::NONE), "NONE");
  EXPECT_STREQ(reason_name(CloseReason::CRASH), "CRASH");
  EXPECT_STREQ(reason_name(CloseReason::UNACKED_SHUTDOWN), "UNACKED_SHUTDOWN");
  EXPECT_STREQ(reason_name(CloseReason::CARRIED_OVER), "CARRIED_OVER");
  EXPECT_STREQ(reason_name(CloseReason::ALWAYS), "ALWAYS");
}

}  // namespace
}  // namespace recovery_gate
