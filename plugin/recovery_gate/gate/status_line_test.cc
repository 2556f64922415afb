#include "recovery_gate/gate/status_line.h"

#include <utility>

#include "testing/fakes.h"

namespace recovery_gate {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;
using S = GateState;

/* Keeps what it was given, in order. */
class FakeServiceManager final : public ServiceManager {
 public:
  bool is_the_time = true;

  bool show(const std::string &line) override {
    if (is_the_time) shown_.push_back(line);
    return is_the_time;
  }
  bool show_servers_own() override { return show("the server's own"); }

  /* Since it was asked last. */
  std::vector<std::string> shown() {
    return std::exchange(shown_, std::vector<std::string>());
  }

 private:
  std::vector<std::string> shown_;
};

GateSnapshot gate_in(S state) {
  GateSnapshot gate;
  gate.state = state;
  gate.recovered_end = recovered_end;
  gate.awaited = awaited;
  return gate;
}

class StatusLineTest : public testing::Test {
 protected:
  FakeClock clock;
  FakeServiceManager systemd;
  StatusLine line{clock, systemd};
};

TEST_F(StatusLineTest, SaysWhatTheGateWaitsFor) {
  line.closed(gate_in(S::CLOSED_REPLICA));
  EXPECT_THAT(systemd.shown(),
              ElementsAre("Recovery gate is closed: waiting for REPLICA: no "
                          "semi-sync replica is connected; the awaited "
                          "position is bin.000007:400"));
}

TEST_F(StatusLineTest, NamesForEveryClosedStateWhatTheStatusVariableNames) {
  for (S state : all_gate_states) {
    const std::string name = waiting_for_name(state);
    if (name.empty()) continue;
    StatusLine fresh(clock, systemd);
    fresh.closed(gate_in(state));
    EXPECT_THAT(systemd.shown(),
                ElementsAre(testing::AllOf(
                    StartsWith("Recovery gate is closed: waiting for " + name +
                               ": "),
                    Not(testing::HasSubstr("\n")))))
        << name;
  }
}

TEST_F(StatusLineTest, TellsAnAdministratorWhatOnlyHeCanDo) {
  line.closed(gate_in(S::CLOSED_UNPROVABLE));
  EXPECT_THAT(systemd.shown(),
              ElementsAre(tells("administrator", "recovery_gate_open_now=ON",
                                "bin.000006:1234")));
}

TEST_F(StatusLineTest, ShowsEachChangeOnceAndInOrder) {
  for (S state : {S::CLOSED_SEMISYNC_MASTER, S::CLOSED_SEMISYNC_MASTER,
                  S::CLOSED_REPLICA, S::CLOSED_REPLICA, S::CLOSED_ACK,
                  S::CLOSED_ACK, S::CLOSED_REPLICA, S::CLOSED_UNPROVABLE})
    line.closed(gate_in(state));
  line.opened();
  line.opened();
  EXPECT_THAT(systemd.shown(),
              ElementsAre(tells("SEMISYNC_MASTER"), tells("REPLICA"),
                          tells("ACK"), tells("REPLICA"), tells("OVERRIDE"),
                          "the server's own"));
}

TEST_F(StatusLineTest, ShowsNothingForAGateThatWasNeverClosed) {
  for (int look = 0; look < 3; ++look) {
    line.opened();
    clock.advance(StatusLine::repeat_after);
  }
  EXPECT_THAT(systemd.shown(), IsEmpty());
}

/* It opened between two questions of the one who looks. */
TEST_F(StatusLineTest, ShowsNothingForAGateThatWaitsForNothing) {
  for (S state : all_gate_states)
    if (is_open(state) || state == S::STARTING) line.closed(gate_in(state));
  line.opened();
  EXPECT_THAT(systemd.shown(), IsEmpty());
}

TEST_F(StatusLineTest, RepeatsTheLineForThoseWhoWriteInItsPlace) {
  line.closed(gate_in(S::CLOSED_REPLICA));
  clock.advance(StatusLine::repeat_after - milliseconds(1));
  line.closed(gate_in(S::CLOSED_REPLICA));
  EXPECT_THAT(systemd.shown(), SizeIs(1));
  clock.advance(milliseconds(1));
  line.closed(gate_in(S::CLOSED_REPLICA));
  line.closed(gate_in(S::CLOSED_REPLICA));
  EXPECT_THAT(systemd.shown(), ElementsAre(tells("REPLICA")));
}

TEST_F(StatusLineTest, CountsTheTimeFromTheLastChange) {
  line.closed(gate_in(S::CLOSED_REPLICA));
  clock.advance(StatusLine::repeat_after - milliseconds(1));
  line.closed(gate_in(S::CLOSED_ACK));
  clock.advance(StatusLine::repeat_after - milliseconds(1));
  line.closed(gate_in(S::CLOSED_ACK));
  EXPECT_THAT(systemd.shown(), ElementsAre(tells("REPLICA"), tells("ACK")));
}

/* The server's own line may be changed by others, too: that is up to them. */
TEST_F(StatusLineTest, DoesNotRepeatTheServersOwn) {
  line.closed(gate_in(S::CLOSED_REPLICA));
  line.opened();
  clock.advance(2 * StatusLine::repeat_after);
  line.opened();
  EXPECT_THAT(systemd.shown(), SizeIs(2));
}

TEST_F(StatusLineTest, TriesAgainWhatCouldNotBeShown) {
  systemd.is_the_time = false;
  line.closed(gate_in(S::CLOSED_REPLICA));
  systemd.is_the_time = true;
  line.closed(gate_in(S::CLOSED_REPLICA));
  EXPECT_THAT(systemd.shown(), ElementsAre(tells("REPLICA")));

  systemd.is_the_time = false;
  line.closed(gate_in(S::CLOSED_ACK));
  line.opened();
  systemd.is_the_time = true;
  line.opened();
  EXPECT_THAT(systemd.shown(), ElementsAre("the server's own"));
}

TEST_F(StatusLineTest, HasNothingToPutBackWhenNothingCouldBeShown) {
  systemd.is_the_time = false;
  line.closed(gate_in(S::CLOSED_REPLICA));
  systemd.is_the_time = true;
  line.opened();
  EXPECT_THAT(systemd.shown(), IsEmpty());
}

/* The one who looks lives on, and looks again. */
TEST_F(StatusLineTest, FollowsAGateThroughALife) {
  FakeJournal journal;
  Gate gate(clock, journal);
  gate.decide(Mode::ALWAYS, after_a_proper_shutdown(), no_replica());
  line.closed(gate.snapshot());
  gate.observe(replica_connected());
  line.closed(gate.snapshot());
  gate.open_manually("root@localhost");
  line.closed(gate.snapshot());
  line.opened();
  EXPECT_THAT(systemd.shown(), ElementsAre(tells("REPLICA"), tells("ACK"),
                                           "the server's own"));
}

}  // namespace
}  // namespace recovery_gate
