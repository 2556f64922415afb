// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/door/hold.h"

#include <atomic>
#include <list>
#include <new>
#include <type_traits>
#include <utility>

#include "testing/client_pair.h"
#include "testing/fakes.h"

namespace recovery_gate {
namespace {

using namespace std::literals;
using testing::ElementsAre;
using testing::IsEmpty;
using Decision = Gate::Decision;

constexpr milliseconds connect_wait{10000};

/* From where 100 connections can be served. */
const Visitor app{"app", false, false, 100};
const Visitor administrator{"root", true, false, 100};
const Visitor replica{"repl", false, true, 100};

struct Scene {
  FakeClock clock;
  FakeJournal journal;
  Gate gate{clock, journal};
  Settings settings;
  std::list<Place> taken;  // by those who were told HOLD

  Scene() {
    settings.connect_wait = connect_wait;
    gate.configure(settings);
  }

  void close() { gate.decide(Mode::AUTO, after_a_crash(), no_replica()); }
  void open() { gate.observe(acknowledged(awaited)); }
  void set_max_held(std::uint32_t count) {
    settings.max_held = count;
    gate.configure(settings);
  }

  std::uint64_t held() const { return gate.snapshot().held; }
  std::uint64_t rejected() const { return gate.snapshot().rejected; }
  std::uint64_t admitted() const { return gate.snapshot().admitted; }

  Decision knock(const Visitor &visitor) {
    Gate::Reception reception = gate.knock(visitor);
    EXPECT_EQ(static_cast<bool>(reception.place),
              reception.decision == Decision::HOLD);
    if (reception.place) taken.push_back(std::move(reception.place));
    return reception.decision;
  }
  /* As many as there is room for. */
  int fill(const Visitor &visitor) {
    int count = 0;
    while (knock(visitor) == Decision::HOLD) ++count;
    return count;
  }
};

/* -------------------------------------------------------------------------
   Who is held. */

class AClosedGate : public testing::Test, protected Scene {
 protected:
  AClosedGate() { close(); }
};

TEST_F(AClosedGate, HoldsAnApplication) {
  EXPECT_EQ(knock(app), Decision::HOLD);
  EXPECT_EQ(held(), 1u);
  EXPECT_EQ(rejected(), 0u);
  EXPECT_EQ(admitted(), 0u);
}

TEST_F(AClosedGate, LetsInWhoMayPassHoweverManyAreHeld) {
  fill(app);
  EXPECT_EQ(knock(administrator), Decision::ADMIT);
  EXPECT_EQ(knock(replica), Decision::ADMIT);
}

TEST_F(AClosedGate, HoldsNobodyWithoutATime) {
  settings.connect_wait = milliseconds(0);
  gate.configure(settings);
  EXPECT_EQ(knock(app), Decision::REJECT);
  EXPECT_EQ(rejected(), 1u);
  EXPECT_EQ(held(), 0u);
}

TEST_F(AClosedGate, LeavesHalfOfTheSlotsFree) {
  EXPECT_EQ(fill(app), 50);
  EXPECT_EQ(rejected(), 1u);
  EXPECT_EQ(held(), 50u);
}

TEST_F(AClosedGate, HoldsAsManyAsItIsTold) {
  set_max_held(7);
  EXPECT_EQ(fill(app), 7);
}

TEST_F(AClosedGate, NeverHoldsMoreThanThreeQuartersOfTheSlots) {
  set_max_held(1000);
  EXPECT_EQ(fill(app), 75);
}

TEST_F(AClosedGate, HoldsNobodyWhereThereAreNoSlots) {
  Visitor visitor = app;
  for (visitor.slots = 0; visitor.slots < 2; ++visitor.slots)
    EXPECT_EQ(knock(visitor), Decision::REJECT);
  set_max_held(1000);
  visitor.slots = 0;
  EXPECT_EQ(knock(visitor), Decision::REJECT);
}

TEST_F(AClosedGate, HasRoomAgainWhenSomebodyLeaves) {
  set_max_held(1);
  EXPECT_EQ(knock(app), Decision::HOLD);
  EXPECT_EQ(knock(app), Decision::REJECT);
  taken.clear();
  EXPECT_EQ(held(), 0u);
  EXPECT_EQ(rejected(), 1u) << "nobody is counted who has left";
  EXPECT_EQ(knock(app), Decision::HOLD);
}

TEST_F(AClosedGate, MayBeLateWithAnErrorByTheTimeOfAWait) {
  const auto delay_with = [this](int wait) {
    settings.connect_wait = milliseconds(wait);
    gate.configure(settings);
    return gate.longest_delay().count();
  };
  EXPECT_EQ(delay_with(5000), 5000);
  EXPECT_EQ(delay_with(0), 1000);
  EXPECT_EQ(delay_with(3600000), 10000);
}

TEST_F(AClosedGate, HoldsNobodyOnceItIsOpen) {
  open();
  EXPECT_EQ(knock(app), Decision::ADMIT);
  EXPECT_EQ(held(), 0u);
}

TEST(AStartingGate, HoldsClientsToo) {
  Scene scene;
  EXPECT_EQ(scene.knock(app), Decision::HOLD);
  EXPECT_STREQ(
      scene.gate.judge_held(app, scene.clock.now(), scene.taken.front())
          .waits_for,
      "Held at the recovery gate");
}

/* -------------------------------------------------------------------------
   A place. */

TEST(APlace, IsTakenAndGivenBackOnce) {
  std::atomic<std::uint64_t> taken{0};
  {
    Place none;
    EXPECT_FALSE(none);
    none.give_back();
    Place place(taken);
    EXPECT_TRUE(place);
    EXPECT_EQ(taken, 1u);
    place.give_back();
    EXPECT_FALSE(place);
    EXPECT_EQ(taken, 0u);
    place.give_back();
  }
  EXPECT_EQ(taken, 0u);
}

TEST(APlace, HasOneOwnerAtATime) {
  static_assert(!std::is_copy_constructible_v<Place> &&
                !std::is_copy_assignable_v<Place>);
  std::atomic<std::uint64_t> taken{0};
  {
    Place first(taken);
    Place second(std::move(first));
    EXPECT_FALSE(first);
    EXPECT_EQ(taken, 1u);
    second = Place(taken);
    EXPECT_EQ(taken, 1u) << "what it had is given back";
    first.give_back();
    EXPECT_EQ(taken, 1u);
  }
  EXPECT_EQ(taken, 0u);
}

TEST_F(AClosedGate, HasThePlaceBackOfOneWhoseHolderEndsAnyhow) {
  try {
    const Gate::Reception reception = gate.knock(app);
    EXPECT_EQ(held(), 1u);
    throw std::bad_alloc();
  } catch (const std::bad_alloc &) {
  }
  EXPECT_EQ(held(), 0u);
}

TEST_F(AClosedGate, HasAPlaceBackOnceHoweverOftenItIsJudged) {
  fill(app);
  Place &place = taken.front();
  open();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(gate.judge_held(app, clock.now(), place).decision,
              Decision::ADMIT);
  EXPECT_EQ(held(), 49u);
  gate.reject_held(std::move(place));
  EXPECT_EQ(held(), 49u);
  taken.clear();
  EXPECT_EQ(held(), 0u);
}

/* -------------------------------------------------------------------------
   What becomes of one who is held. */

class OneIsHeld : public testing::Test, protected Scene {
 protected:
  OneIsHeld() {
    close();
    since = clock.now();
    EXPECT_EQ(knock(app), Decision::HOLD);
  }
  Decision judge() {
    return gate.judge_held(app, since, taken.front()).decision;
  }

  Instant since;
};

TEST_F(OneIsHeld, ForAsLongAsItWasPromised) {
  clock.advance(connect_wait - milliseconds(1));
  const Gate::Judgement judgement = gate.judge_held(app, since, taken.front());
  EXPECT_EQ(judgement.decision, Decision::HOLD);
  EXPECT_EQ(judgement.until, clock.now() + milliseconds(1));
  EXPECT_EQ(held(), 1u);
  clock.advance(milliseconds(1));
  EXPECT_EQ(judge(), Decision::REJECT);
  EXPECT_EQ(held(), 0u);
  EXPECT_EQ(rejected(), 1u);
}

TEST_F(OneIsHeld, UntilTheGateOpens) {
  open();
  EXPECT_EQ(judge(), Decision::ADMIT);
  EXPECT_EQ(held(), 0u);
  EXPECT_EQ(admitted(), 0u) << "these are they who got in while it was closed";
}

TEST_F(OneIsHeld, AndGetsInWhenItOpensAtTheVeryEndOfItsTime) {
  clock.advance(connect_wait);
  open();
  EXPECT_EQ(judge(), Decision::ADMIT);
  EXPECT_EQ(rejected(), 0u);
}

TEST_F(OneIsHeld, UntilItsAccountMayPass) {
  settings.admit_users = "app";
  gate.configure(settings);
  EXPECT_EQ(judge(), Decision::ADMIT);
  EXPECT_EQ(admitted(), 1u);
}

TEST_F(OneIsHeld, UntilTheTimeIsMadeShorter) {
  clock.advance(milliseconds(500));
  settings.connect_wait = milliseconds(400);
  gate.configure(settings);
  EXPECT_EQ(judge(), Decision::REJECT);
}

TEST_F(OneIsHeld, LongerWhenTheTimeIsMadeLonger) {
  clock.advance(connect_wait);
  settings.connect_wait = 2 * connect_wait;
  gate.configure(settings);
  EXPECT_EQ(judge(), Decision::HOLD);
}

TEST_F(OneIsHeld, UntilItIsRejectedBeforeItsTime) {
  gate.reject_held(std::move(taken.front()));
  EXPECT_EQ(held(), 0u);
  EXPECT_EQ(rejected(), 1u);
}

TEST_F(OneIsHeld, AmongOthersOfWhomAsManyGoAsAreTooMany) {
  for (int i = 0; i < 9; ++i) ASSERT_EQ(knock(app), Decision::HOLD);
  set_max_held(4);
  int rejected_count = 0;
  for (Place &place : taken)
    if (gate.judge_held(app, since, place).decision == Decision::REJECT)
      ++rejected_count;
  EXPECT_EQ(rejected_count, 6);
  EXPECT_EQ(held(), 4u);
}

TEST_F(OneIsHeld, AndShownWhatFor) {
  const auto shown = [this] {
    return gate.judge_held(app, since, taken.front()).waits_for;
  };
  EXPECT_STREQ(shown(), "Held at the recovery gate: waiting for REPLICA");
  gate.observe(replica_connected());
  EXPECT_STREQ(shown(), "Held at the recovery gate: waiting for ACK");
  gate.observe(semisync_off());
  EXPECT_STREQ(shown(),
               "Held at the recovery gate: waiting for SEMISYNC_MASTER");
  gate.observe(proof_lost("the log was deleted"));
  EXPECT_STREQ(shown(), "Held at the recovery gate: waiting for OVERRIDE");
}

/* -------------------------------------------------------------------------
   Holding. */

class FakeClient final : public HeldClient {
 public:
  int descriptor() const override { return pair.server_end(); }
  bool killed() const override { return is_killed; }
  FirstCommand peek() const override {
    char start[enough_of_a_command];
    const ssize_t length =
        ::recv(descriptor(), start, sizeof start, MSG_PEEK | MSG_DONTWAIT);
    EXPECT_GT(length, 0);
    ++peeks;
    return first_command({start, static_cast<std::size_t>(length)}, false);
  }
  void show(const char *state) override { shown = state; }

  /* As KILL does it. */
  void kill() {
    is_killed = true;
    ::shutdown(pair.server_end(), SHUT_RDWR);
  }

  ClientPair pair;
  std::atomic<bool> is_killed{false};
  mutable std::atomic<int> peeks{0};
  std::atomic<const char *> shown{nullptr};
};

/* One client that is held by a thread of its own. */
class Holding : public testing::Test, protected Scene {
 protected:
  Holding() { close(); }
  ~Holding() override {
    client.kill();
    if (thread.joinable()) thread.join();
  }

  void begin() {
    ASSERT_EQ(knock(app), Decision::HOLD);
    thread = boost::thread([this] {
      outcome = hold_it();
      over = true;
    });
    while (client.shown == nullptr) boost::this_thread::yield();
  }
  HoldOutcome hold_it() {
    return hold(gate, clock, app, std::move(taken.front()), client);
  }
  HoldOutcome end() {
    EXPECT_TRUE(thread.try_join_for(boost::chrono::seconds(30)))
        << "it is still held";
    return outcome;
  }

  FakeClient client;
  boost::thread thread;
  std::atomic<bool> over{false};
  std::atomic<HoldOutcome> outcome{};
};

TEST_F(Holding, EndsWhenTheGateOpens) {
  begin();
  open();
  EXPECT_EQ(end(), HoldOutcome::ADMITTED);
  EXPECT_EQ(held(), 0u);
}

TEST_F(Holding, EndsWhenTheGateIsOpenedByHand) {
  begin();
  gate.open_manually("root@localhost");
  EXPECT_EQ(end(), HoldOutcome::ADMITTED);
}

TEST_F(Holding, EndsWhenTheTimeIsUp) {
  settings.connect_wait = milliseconds(1);
  gate.configure(settings);
  begin();
  clock.advance(milliseconds(1));
  EXPECT_EQ(end(), HoldOutcome::REJECTED);
  EXPECT_EQ(held(), 0u);
  EXPECT_EQ(rejected(), 1u);
}

TEST_F(Holding, EndsWhenTheSettingsSaySo) {
  begin();
  settings.connect_wait = milliseconds(0);
  gate.configure(settings);
  EXPECT_EQ(end(), HoldOutcome::REJECTED);
}

TEST_F(Holding, ShowsWhatIsMissingNow) {
  begin();
  EXPECT_STREQ(client.shown.load(),
               "Held at the recovery gate: waiting for REPLICA");
  gate.observe(replica_connected());
  while (client.shown.load() != "Held at the recovery gate: waiting for ACK"sv)
    boost::this_thread::yield();
}

TEST_F(Holding, EndsWhenTheClientLeaves) {
  begin();
  client.pair.leave();
  EXPECT_EQ(end(), HoldOutcome::LEFT);
  EXPECT_EQ(held(), 0u);
  EXPECT_EQ(rejected(), 0u);
}

TEST_F(Holding, EndsWhenTheClientHasAskedAndLeaves) {
  begin();
  client.pair.send("\x09\0\0\0\x03SELECT 1"sv);
  while (client.peeks == 0) boost::this_thread::yield();
  EXPECT_FALSE(over);
  client.pair.leave();
  EXPECT_EQ(end(), HoldOutcome::LEFT);
}

TEST_F(Holding, EndsWhenTheClientSaysGoodbye) {
  begin();
  client.pair.send("\1\0\0\0\x01"sv);
  EXPECT_EQ(end(), HoldOutcome::LEFT);
}

TEST_F(Holding, EndsWhenTheClientChangesUser) {
  begin();
  client.pair.send("\7\0\0\0\x11root\0"sv);
  EXPECT_EQ(end(), HoldOutcome::REJECTED);
  EXPECT_EQ(held(), 0u);
  EXPECT_EQ(rejected(), 1u);
}

TEST_F(Holding, EndsWhenTheClientChangesUserInTwoPieces) {
  begin();
  client.pair.send("\7\0\0\0"sv);
  while (client.peeks == 0) boost::this_thread::yield();
  client.pair.send("\x11root\0"sv);
  EXPECT_EQ(end(), HoldOutcome::REJECTED);
}

TEST_F(Holding, EndsWhenTheSessionIsKilled) {
  begin();
  client.kill();
  EXPECT_EQ(end(), HoldOutcome::LEFT);
  EXPECT_EQ(held(), 0u);
}

TEST_F(Holding, DoesNotBeginWhenTheSessionIsKilledAlready) {
  ASSERT_EQ(knock(app), Decision::HOLD);
  client.is_killed = true;
  EXPECT_EQ(hold_it(), HoldOutcome::LEFT);
  EXPECT_EQ(held(), 0u);
}

TEST_F(Holding, DoesNotBeginWhenTheGateHasOpenedMeanwhile) {
  ASSERT_EQ(knock(app), Decision::HOLD);
  open();
  EXPECT_EQ(hold_it(), HoldOutcome::ADMITTED);
}

TEST_F(Holding, TakesNothingAwayAndLooksOnce) {
  begin();
  client.pair.send("\x09\0\0\0\x03SELECT 1"sv);
  while (client.peeks == 0) boost::this_thread::yield();
  client.pair.send("garbage"sv);
  for (int i = 0; i < 3; ++i) gate.configure(settings);
  open();
  EXPECT_EQ(end(), HoldOutcome::ADMITTED);
  EXPECT_EQ(client.peeks, 1);
  char arrived[100];
  EXPECT_EQ(::recv(client.descriptor(), arrived, sizeof arrived, 0), 13 + 7);
}

TEST_F(Holding, IsSafeForTheCountWhenEverythingHappensAtOnce) {
  // Clients come and leave, time passes, settings change, and the gate opens:
  // in the end nobody is held, and whoever was is accounted for.
  constexpr int clients = 40;
  std::list<FakeClient> all(clients);
  std::atomic<int> admitted_count{0}, rejected_count{0}, left{0};
  boost::thread_group threads;
  for (FakeClient &one : all)
    threads.create_thread([&] {
      Gate::Reception reception = gate.knock(app);
      switch (reception.decision) {
        case Decision::ADMIT:
          ++admitted_count;
          return;
        case Decision::REJECT:
          ++rejected_count;
          return;
        case Decision::HOLD:
          break;
      }
      switch (hold(gate, clock, app, std::move(reception.place), one)) {
        case HoldOutcome::ADMITTED:
          ++admitted_count;
          return;
        case HoldOutcome::REJECTED:
          ++rejected_count;
          return;
        case HoldOutcome::LEFT:
          ++left;
          return;
      }
    });
  threads.create_thread([&] {
    int i = 0;
    for (FakeClient &one : all)
      if (++i % 5 == 0) one.pair.leave();
  });
  threads.create_thread([&] {
    for (std::uint32_t count : {30u, 3u, 50u, 0u, 20u}) set_max_held(count);
  });
  threads.create_thread([&] {
    clock.advance(connect_wait);
    gate.open_manually("root@localhost");
  });
  threads.create_thread([&] { open(); });
  threads.join_all();
  EXPECT_EQ(admitted_count + rejected_count + left, clients);
  EXPECT_EQ(held(), 0u);
  EXPECT_EQ(rejected(), static_cast<std::uint64_t>(rejected_count));
}

}  // namespace
}  // namespace recovery_gate
