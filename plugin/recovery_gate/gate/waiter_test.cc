// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/waiter.h"

#include <future>

#include "testing/fakes.h"

namespace recovery_gate {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

/* A gate that has closed after a crash, and a server that is still starting. */
class WaiterTest : public testing::Test {
 protected:
  WaiterTest() { gate.decide(Mode::AUTO, after_a_crash(), SemisyncView()); }

  /* The thread has taken in that a replica is connected, and shown it twice. */
  [[nodiscard]] bool starts_to_wait() {
    semisync.server_has_started();
    semisync.change(replica_connected());
    waiter.start();
    if (!semisync.thread_waits_for_a_change()) return false;
    semisync.let_pass(seconds(1));
    return semisync.thread_waits_for_a_change();
  }

  void set_timeout(seconds timeout, TimeoutAction action) {
    Settings settings;
    settings.timeout = timeout;
    settings.timeout_action = action;
    gate.configure(settings);
  }

  void expect_opened_once() {
    waiter.stop();
    EXPECT_TRUE(gate.is_open());
    EXPECT_THAT(server.opened_by(), ElementsAre(semisync.waiting_thread()));
    EXPECT_EQ(semisync.detached(), 1);
  }

  void expect_never_opened() {
    EXPECT_FALSE(gate.is_open());
    EXPECT_THAT(server.opened_by(), IsEmpty());
  }

  FakeClock clock;
  FakeJournal journal;
  FakeAcknowledgements semisync{clock};
  FakeHost server;
  Gate gate{clock, journal};
  Waiter waiter{gate, semisync, server};
};

TEST_F(WaiterTest, WaitsInAThreadOfItsOwn) {
  ASSERT_TRUE(starts_to_wait());
  EXPECT_EQ(semisync.attached(), 1);
  EXPECT_NE(semisync.waiting_thread(), std::this_thread::get_id());
  EXPECT_EQ(gate.snapshot().state, GateState::CLOSED_ACK);
}

TEST_F(WaiterTest, OpensTheGateWhenTheAwaitedPositionIsAcknowledged) {
  ASSERT_TRUE(starts_to_wait());
  semisync.change(acknowledged(awaited));
  ASSERT_TRUE(semisync.thread_has_ended());
  EXPECT_EQ(gate.snapshot().state, GateState::OPEN_ACK);
  EXPECT_THAT(server.shut_down_by(), IsEmpty());
  expect_opened_once();
}

TEST_F(WaiterTest, ShowsWhatTheGateOrdersToBeShown) {
  ASSERT_TRUE(starts_to_wait());
  semisync.change(acknowledged(awaited));
  ASSERT_TRUE(semisync.thread_has_ended());
  EXPECT_THAT(server.shown(),
              ElementsAre(tells("waiting for ACK"), tells("waiting for ACK"),
                          tells("is open")));
}

TEST_F(WaiterTest, OpensTheGateForWhatWasAcknowledgedBeforeItLooked) {
  semisync.server_has_started();
  semisync.change(acknowledged(awaited));
  waiter.start();
  ASSERT_TRUE(semisync.thread_has_ended());
  expect_opened_once();
}

TEST_F(WaiterTest, FollowsEveryChangeUntilThePositionIsAcknowledged) {
  ASSERT_TRUE(starts_to_wait());
  const struct {
    SemisyncView view;
    GateState state;
  } changes[] = {
      {acknowledged({"bin.000006", 1234}), GateState::CLOSED_ACK},
      {no_replica(), GateState::CLOSED_REPLICA},
      {semisync_off(), GateState::CLOSED_SEMISYNC_MASTER},
      {replica_connected(), GateState::CLOSED_ACK},
  };
  for (const auto &change : changes) {
    semisync.change(change.view);
    ASSERT_TRUE(semisync.thread_waits_for_a_change());
    EXPECT_EQ(gate.snapshot().state, change.state);
    expect_never_opened();
  }
  semisync.change(acknowledged(awaited));
  ASSERT_TRUE(semisync.thread_has_ended());
  expect_opened_once();
}

TEST_F(WaiterTest, OpensTheGateALittleLaterWhenMemoryRunsOut) {
  ASSERT_TRUE(starts_to_wait());
  journal.run_out_of_memory_at_the_next_line();
  semisync.change(acknowledged(awaited));
  ASSERT_TRUE(semisync.thread_has_ended());
  EXPECT_EQ(gate.snapshot().state, GateState::OPEN_ACK);
  expect_opened_once();
}

TEST_F(WaiterTest, DoesNotLookAgainWhileNothingChanges) {
  ASSERT_TRUE(starts_to_wait());
  const int returned = semisync.returned();
  semisync.let_pass(seconds(58));
  ASSERT_TRUE(semisync.thread_waits_for_a_change());
  EXPECT_EQ(semisync.returned(), returned);
}

TEST_F(WaiterTest, NeedsAnAdministratorOnceTheProofIsLost) {
  ASSERT_TRUE(starts_to_wait());
  semisync.change(proof_lost("the binary log was deleted"));
  ASSERT_TRUE(semisync.thread_waits_for_a_change());
  semisync.change(acknowledged(awaited));
  ASSERT_TRUE(semisync.thread_waits_for_a_change());
  expect_never_opened();
  EXPECT_EQ(gate.snapshot().state, GateState::CLOSED_UNPROVABLE);

  gate.open_manually("root@localhost");
  waiter.wake();
  ASSERT_TRUE(semisync.thread_has_ended());
  expect_opened_once();
}

/* -------------------------------------------------------------------------
   Woken. */

TEST_F(WaiterTest, TellsTheServerWhenAnAdministratorOpenedTheGate) {
  ASSERT_TRUE(starts_to_wait());
  gate.open_manually("root@localhost");
  waiter.wake();
  ASSERT_TRUE(semisync.thread_has_ended());
  EXPECT_EQ(gate.snapshot().state, GateState::OPEN_OVERRIDE);
  expect_opened_once();
}

TEST_F(WaiterTest, TellsTheServerWhenALookOpenedTheGate) {
  ASSERT_TRUE(starts_to_wait());
  gate.refresh(acknowledged(awaited));
  waiter.wake();
  ASSERT_TRUE(semisync.thread_has_ended());
  expect_opened_once();
}

TEST_F(WaiterTest, WaitsOnWhenItIsWokenForNothing) {
  ASSERT_TRUE(starts_to_wait());
  const int returned = semisync.returned();
  waiter.wake();
  ASSERT_TRUE(semisync.thread_waits_for_a_change());
  EXPECT_EQ(semisync.returned(), returned + 1);
  expect_never_opened();
}

TEST_F(WaiterTest, DoesNotMissAWakeBeforeItWaits) {
  semisync.server_has_started();
  gate.open_manually("root@localhost");
  waiter.wake();
  waiter.start();
  ASSERT_TRUE(semisync.thread_has_ended());
  expect_opened_once();
}

TEST_F(WaiterTest, MayBeWokenWhenItWasNeverStarted) {
  waiter.wake();
  EXPECT_EQ(semisync.attached(), 0);
}

TEST_F(WaiterTest, WaitsOnWhenItIsWokenBeforeTheServerHasStarted) {
  waiter.start();
  ASSERT_TRUE(semisync.thread_waits_for_the_server());
  waiter.wake();
  ASSERT_TRUE(semisync.thread_waits_for_the_server());
  semisync.change(acknowledged(awaited));
  semisync.server_has_started();
  ASSERT_TRUE(semisync.thread_has_ended());
  expect_opened_once();
}

TEST_F(WaiterTest, TellsTheServerOfAGateOpenedBeforeItHasStarted) {
  waiter.start();
  ASSERT_TRUE(semisync.thread_waits_for_the_server());
  gate.open_manually("root@localhost");
  waiter.wake();
  ASSERT_TRUE(semisync.thread_waits_for_the_server());
  semisync.server_has_started();
  ASSERT_TRUE(semisync.thread_has_ended());
  expect_opened_once();
}

/* -------------------------------------------------------------------------
   Time. */

TEST_F(WaiterTest, WaitsUntilTheNextDeadline) {
  const Instant closed_at = clock.now();
  ASSERT_TRUE(starts_to_wait());
  EXPECT_EQ(semisync.waits_until(), closed_at + minutes(1));
  semisync.let_pass(*semisync.waits_until() - clock.now());
  ASSERT_TRUE(semisync.thread_waits_for_a_change());
  EXPECT_EQ(semisync.waits_until(), closed_at + minutes(3));
  EXPECT_THAT(journal.warnings(),
              ElementsAre(tells("CLOSED"), tells("still closed")));
}

TEST_F(WaiterTest, WaitsUntilATimeoutThatIsSetMeanwhile) {
  const Instant closed_at = clock.now();
  ASSERT_TRUE(starts_to_wait());
  set_timeout(seconds(10), TimeoutAction::OPEN);
  waiter.wake();
  ASSERT_TRUE(semisync.thread_waits_for_a_change());
  EXPECT_EQ(semisync.waits_until(), closed_at + seconds(10));
}

TEST_F(WaiterTest, WaitsForAReplicaThatArrivedToSettle) {
  ASSERT_TRUE(starts_to_wait());
  gate.replica_arrived();
  waiter.wake();
  ASSERT_TRUE(semisync.thread_waits_for_a_change());
  EXPECT_EQ(semisync.waits_until(), clock.now() + seconds(1));
}

TEST_F(WaiterTest, OpensTheGateWhenItTimesOutWithOpen) {
  set_timeout(seconds(10), TimeoutAction::OPEN);
  ASSERT_TRUE(starts_to_wait());
  semisync.let_pass(seconds(10));
  ASSERT_TRUE(semisync.thread_has_ended());
  EXPECT_EQ(gate.snapshot().state, GateState::OPEN_TIMEOUT);
  EXPECT_THAT(server.shut_down_by(), IsEmpty());
  expect_opened_once();
}

TEST_F(WaiterTest, WaitsOnWhenTheGateTimesOutWithWarn) {
  set_timeout(seconds(10), TimeoutAction::WARN);
  ASSERT_TRUE(starts_to_wait());
  semisync.let_pass(seconds(10));
  ASSERT_TRUE(semisync.thread_waits_for_a_change());
  EXPECT_THAT(server.shut_down_by(), IsEmpty());
  expect_never_opened();
}

TEST_F(WaiterTest, ShutsTheServerDownOnceWhenTheGateTimesOutWithShutdown) {
  set_timeout(seconds(10), TimeoutAction::SHUTDOWN);
  ASSERT_TRUE(starts_to_wait());
  semisync.let_pass(seconds(10));
  ASSERT_TRUE(semisync.thread_waits_for_a_change());
  semisync.let_pass(minutes(1));
  ASSERT_TRUE(semisync.thread_waits_for_a_change());
  semisync.change(shutting_down());
  ASSERT_TRUE(semisync.thread_has_ended());
  waiter.stop();
  EXPECT_THAT(server.shut_down_by(), ElementsAre(semisync.waiting_thread()));
  expect_never_opened();
}

/* -------------------------------------------------------------------------
   The end. */

TEST_F(WaiterTest, EndsWithTheGateClosedWhenTheServerShutsDown) {
  ASSERT_TRUE(starts_to_wait());
  semisync.change(shutting_down());
  ASSERT_TRUE(semisync.thread_has_ended());
  waiter.stop();
  EXPECT_EQ(semisync.detached(), 1);
  EXPECT_THAT(server.shut_down_by(), IsEmpty());
  expect_never_opened();
}

TEST_F(WaiterTest, DoesNotOpenForAnAcknowledgementDuringShutdown) {
  ASSERT_TRUE(starts_to_wait());
  semisync.change(shutting_down(acknowledged(awaited)));
  ASSERT_TRUE(semisync.thread_has_ended());
  waiter.stop();
  expect_never_opened();
}

TEST_F(WaiterTest, TellsTheServerOfAnOpenGateEvenDuringShutdown) {
  ASSERT_TRUE(starts_to_wait());
  gate.open_manually("root@localhost");
  semisync.change(shutting_down());
  ASSERT_TRUE(semisync.thread_has_ended());
  expect_opened_once();
}

TEST_F(WaiterTest, StopsWhileTheServerIsStillStarting) {
  waiter.start();
  ASSERT_TRUE(semisync.thread_waits_for_the_server());
  waiter.stop();
  EXPECT_EQ(semisync.attached(), 0);
  EXPECT_EQ(semisync.detached(), 0);
  expect_never_opened();
}

TEST_F(WaiterTest, EndsWhenTheServerGivesUpStarting) {
  waiter.start();
  ASSERT_TRUE(semisync.thread_waits_for_the_server());
  semisync.server_gives_up_starting();
  ASSERT_TRUE(semisync.thread_has_ended());
  EXPECT_EQ(semisync.attached(), 0);
  EXPECT_EQ(semisync.detached(), 0);
  expect_never_opened();
}

TEST_F(WaiterTest, StopsWhileItWaitsForAnAcknowledgement) {
  ASSERT_TRUE(starts_to_wait());
  waiter.stop();
  EXPECT_EQ(semisync.detached(), 1);
  expect_never_opened();
}

TEST_F(WaiterTest, StopsWhereverItIs) {
  semisync.server_has_started();
  waiter.start();
  waiter.stop();
  EXPECT_EQ(semisync.attached(), semisync.detached());
  expect_never_opened();
}

TEST_F(WaiterTest, StopsAfterItHasEnded) {
  ASSERT_TRUE(starts_to_wait());
  semisync.change(acknowledged(awaited));
  ASSERT_TRUE(semisync.thread_has_ended());
  waiter.stop();
  expect_opened_once();
}

TEST_F(WaiterTest, StopsTwice) {
  ASSERT_TRUE(starts_to_wait());
  waiter.stop();
  EXPECT_EQ(semisync.woken(), 1);
  waiter.stop();
  EXPECT_EQ(semisync.woken(), 1) << "there was nobody to wake";
  EXPECT_EQ(semisync.detached(), 1);
}

TEST_F(WaiterTest, StopsWithoutAStart) {
  waiter.stop();
  EXPECT_EQ(semisync.attached(), 0);
  EXPECT_EQ(semisync.woken(), 0) << "there was nobody to wake";
}

TEST_F(WaiterTest, StartsAfterAStopThatCameTooEarly) {
  waiter.stop();
  ASSERT_TRUE(starts_to_wait());
  semisync.change(acknowledged(awaited));
  ASSERT_TRUE(semisync.thread_has_ended());
  expect_opened_once();
}

TEST_F(WaiterTest, StopsWhenItIsDestroyed) {
  {
    Waiter another(gate, semisync, server);
    semisync.server_has_started();
    another.start();
    ASSERT_TRUE(semisync.thread_waits_for_a_change());
  }
  EXPECT_EQ(semisync.detached(), 1);
  expect_never_opened();
}

TEST_F(WaiterTest, StopsEvenForAThreadThatIsInterrupted) {
  ASSERT_TRUE(starts_to_wait());
  std::promise<void> interrupted;
  boost::thread stopper([this, when = interrupted.get_future()] {
    when.wait();
    waiter.stop();
  });
  stopper.interrupt();
  interrupted.set_value();
  stopper.join();
  EXPECT_EQ(semisync.detached(), 1);
}

}  // namespace
}  // namespace recovery_gate
