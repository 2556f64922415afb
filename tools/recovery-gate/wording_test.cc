// SPDX-License-Identifier: GPL-2.0-only
#include "wording.h"

#include <gmock/gmock.h>

#include "client/fake_session.h"
#include "recovery_gate/gate/gate_state.h"

namespace recovery_gate::tool {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Look look_at(const FakeSession::Variables &gate) {
  return {Look::Kind::GATE, *parse_status(FakeSession::as_rows(gate)), {}};
}

TEST(Wording, Durations) {
  EXPECT_EQ(duration_text(milliseconds(0)), "0 s");
  EXPECT_EQ(duration_text(milliseconds(9)), "0 s");
  EXPECT_EQ(duration_text(milliseconds(257)), "0.25 s");
  EXPECT_EQ(duration_text(milliseconds(1200)), "1.20 s");
  EXPECT_EQ(duration_text(milliseconds(1001)), "1 s");
  EXPECT_EQ(duration_text(milliseconds(10999)), "10 s");
  EXPECT_EQ(duration_text(seconds(192)), "3 min 12 s");
  EXPECT_EQ(duration_text(seconds(7500)), "2 h 5 min");
  EXPECT_EQ(duration_text(hours(76)), "3 d 4 h");
}

TEST(Wording, OnANarrowTerminalWhatIsAwaitedIsSeen) {
  auto shown = FakeSession::closed_gate();
  FakeSession::set(&shown, "closed_ms", "743000");
  const auto at = [&](const char *waiting_for, std::size_t room) {
    FakeSession::set(&shown, "waiting_for", waiting_for);
    return short_line(look_at(shown), milliseconds(0), room);
  };
  EXPECT_EQ(at("REPLICA", 79),
            "closed for 12 min 23 s, waiting for REPLICA: no semi-sync replica "
            "is connected");
  EXPECT_EQ(at("ACK", 79),
            "closed for 12 min 23 s, waiting for ACK: a semi-sync replica is "
            "connected...");
  EXPECT_EQ(at("REPLICA", 39), "closed 12 min 23 s: REPLICA");
  EXPECT_EQ(at("REPLICA", 55),
            "closed 12 min 23 s: REPLICA: no semi-sync replica is...");
  for (const GateState state : all_gate_states)
    EXPECT_THAT(at(waiting_for_name(state), 39),
                HasSubstr(waiting_for_name(state)));
  EXPECT_THAT(at("REPLICA", 500), HasSubstr("; the awaited position is "));
}

TEST(Wording, LinesAreBrokenBetweenWords) {
  EXPECT_EQ(in_lines("open (ACK): a replica has it", 12),
            "open (ACK):\na replica\nhas it");
  EXPECT_EQ(in_lines("a-long-word it is", 4), "a-long-word\nit\nis");
}

TEST(Wording, EveryStateOfTheGateHasAMeaning) {
  for (const GateState state : all_gate_states) {
    const std::string missing = waiting_for_name(state);
    const std::string opened = opened_by_name(state);
    GateStatus gate;
    gate.waiting_for = missing;
    if (!missing.empty()) {
      EXPECT_NE(what_is_missing(missing), "") << missing;
      EXPECT_NE(what_to_do(gate), "") << missing;
    }
    if (!opened.empty()) {
      EXPECT_NE(why_open(opened), "") << opened;
    }
  }
  for (const CloseReason reason : all_close_reasons)
    EXPECT_NE(why_closed(reason_name(reason)), "");
}

TEST(Wording, WhatANewerPluginSaysIsExplainedByNothing) {
  EXPECT_EQ(why_closed("METEOR"), "");
  EXPECT_EQ(what_is_missing("LUCK"), "");
  EXPECT_EQ(why_open("WIND"), "");
}

TEST(Wording, AnOpenGateNeedsNothing) {
  GateStatus gate;
  gate.open = true;
  EXPECT_EQ(what_to_do(gate), "Nothing.");
}

TEST(Wording, OneLineOfAClosedGate) {
  EXPECT_EQ(one_line(look_at(FakeSession::closed_gate()), seconds(0)),
            "closed for 1 min 1 s, waiting for REPLICA: no semi-sync replica "
            "is connected; the awaited position is bin.000003:342");
  auto gate = FakeSession::closed_gate();
  FakeSession::set(&gate, "waiting_for", "OVERRIDE");
  EXPECT_THAT(one_line(look_at(gate), seconds(0)),
              AllOf(HasSubstr("no acknowledgement can prove"),
                    Not(HasSubstr("awaited"))));
}

TEST(Wording, OneLineOfTheRest) {
  EXPECT_EQ(one_line(look_at(FakeSession::open_gate("ACK")), seconds(0)),
            "open (ACK): a semi-sync replica has everything that was in doubt");
  EXPECT_EQ(one_line({Look::Kind::UNREACHABLE, {}, not_there}, seconds(7)),
            "no server for 7 s: error 2002: Can't connect to local server");
  EXPECT_EQ(one_line({Look::Kind::NOT_ADMITTED, {}, rejected}, seconds(7)),
            "not admitted for 7 s: " + rejected.text);
}

TEST(Wording, AServersTextStaysOnItsLine) {
  EXPECT_EQ(one_line({Look::Kind::UNREACHABLE, {}, {1105, "a\nb\033[2J"}},
                     seconds(7)),
            "no server for 7 s: error 1105: a b [2J");
}

}  // namespace
}  // namespace recovery_gate::tool
