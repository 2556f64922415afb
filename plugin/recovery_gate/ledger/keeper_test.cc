// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/keeper.h"

#include <functional>
#include <future>
#include <stdexcept>

#include "testing/fakes.h"
#include "testing/monitor.h"

namespace recovery_gate {
namespace {

constexpr milliseconds at_once{0};
// Nobody waits for it: it is there to be interrupted.
constexpr milliseconds an_hour{60 * 60 * 1000};

/* Begins when the server has started, as the real one does: in a wait that
   knows nothing of boost's interruption. */
class FakeKept final : public Kept, private Monitor {
 public:
  void server_has_started() {
    happen([this] { started_ = true; });
  }
  void server_gives_up_starting() {
    happen([this] { gives_up_ = true; });
  }
  /* The next looks fail with this. */
  void fail_with(std::function<void()> failure, int looks) {
    happen([&] {
      failure_ = std::move(failure);
      failing_looks_ = looks;
    });
  }

  bool thread_waits_for_the_server() {
    return comes([this] { return waiting_; });
  }
  bool has_looked(int times) {
    return comes([&] { return looks_ >= times; });
  }
  bool thread_has_ended() {
    return comes([this] { return ended_; });
  }

  int looks() const { return get(looks_); }
  int ends() const { return get(ends_); }
  int unblocked() const { return get(unblocked_); }
  std::thread::id thread() const { return get(thread_); }

  bool begin() override {
    boost::this_thread::at_thread_exit(
        [this] { happen([this] { ended_ = true; }); });
    std::unique_lock<std::mutex> lock(mutex_);
    thread_ = std::this_thread::get_id();
    waiting_ = true;
    event_.notify_all();
    event_.wait(lock, [this] {
      return started_ || gives_up_ ||
             boost::this_thread::interruption_requested();
    });
    waiting_ = false;
    begun_ = started_;
    return begun_;
  }
  void look() override {
    std::unique_lock<std::mutex> lock(mutex_);
    EXPECT_TRUE(begun_);
    EXPECT_EQ(ends_, 0);
    EXPECT_EQ(std::this_thread::get_id(), thread_);
    ++looks_;
    event_.notify_all();
    if (failing_looks_-- > 0) failure_();
  }
  void end() override {
    std::unique_lock<std::mutex> lock(mutex_);
    EXPECT_TRUE(begun_);
    EXPECT_EQ(std::this_thread::get_id(), thread_);
    ++ends_;
  }
  void unblock() noexcept override {
    happen([this] { ++unblocked_; });
  }

 private:
  bool started_ = false, gives_up_ = false, begun_ = false;
  bool waiting_ = false, ended_ = false;
  int looks_ = 0, ends_ = 0, unblocked_ = 0, failing_looks_ = 0;
  std::function<void()> failure_;
  std::thread::id thread_;
};

class KeeperTest : public testing::Test {
 protected:
  FakeKept kept;
  FakeJournal journal;
};

TEST_F(KeeperTest, LooksAgainAndAgainInAThreadOfItsOwn) {
  kept.server_has_started();
  Keeper keeper(kept, journal, at_once);
  keeper.start();
  ASSERT_TRUE(kept.has_looked(5));
  EXPECT_NE(kept.thread(), std::this_thread::get_id());
  EXPECT_EQ(kept.ends(), 0);
}

TEST_F(KeeperTest, WaitsBetweenTwoLooks) {
  kept.server_has_started();
  Keeper keeper(kept, journal, an_hour);
  keeper.start();
  ASSERT_TRUE(kept.has_looked(1));
  keeper.stop();
  EXPECT_EQ(kept.looks(), 1);
}

TEST_F(KeeperTest, DoesNotLookBeforeTheServerHasStarted) {
  Keeper keeper(kept, journal, at_once);
  keeper.start();
  ASSERT_TRUE(kept.thread_waits_for_the_server());
  EXPECT_EQ(kept.looks(), 0);
  kept.server_has_started();
  EXPECT_TRUE(kept.has_looked(1));
}

TEST_F(KeeperTest, NeitherLooksNorEndsWhatDidNotBegin) {
  Keeper keeper(kept, journal, at_once);
  keeper.start();
  ASSERT_TRUE(kept.thread_waits_for_the_server());
  kept.server_gives_up_starting();
  ASSERT_TRUE(kept.thread_has_ended());
  keeper.stop();
  EXPECT_EQ(kept.looks(), 0);
  EXPECT_EQ(kept.ends(), 0);
}

TEST_F(KeeperTest, StopsWhileTheServerIsStillStarting) {
  Keeper keeper(kept, journal, at_once);
  keeper.start();
  ASSERT_TRUE(kept.thread_waits_for_the_server());
  keeper.stop();
  EXPECT_TRUE(kept.thread_has_ended());
  EXPECT_EQ(kept.looks(), 0);
  EXPECT_EQ(kept.ends(), 0);
}

TEST_F(KeeperTest, StopsBetweenTwoLooks) {
  kept.server_has_started();
  Keeper keeper(kept, journal, an_hour);
  keeper.start();
  ASSERT_TRUE(kept.has_looked(1));
  keeper.stop();
  EXPECT_TRUE(kept.thread_has_ended());
  EXPECT_EQ(kept.ends(), 1);
}

TEST_F(KeeperTest, StopsWhereverItIs) {
  kept.server_has_started();
  Keeper keeper(kept, journal, at_once);
  keeper.start();
  keeper.stop();
  EXPECT_TRUE(kept.thread_has_ended());
  EXPECT_LE(kept.ends(), 1);
}

TEST_F(KeeperTest, LooksNoMoreOnceItHasStopped) {
  kept.server_has_started();
  Keeper keeper(kept, journal, at_once);
  keeper.start();
  ASSERT_TRUE(kept.has_looked(1));
  keeper.stop();
  const int looks = kept.looks();
  EXPECT_EQ(kept.ends(), 1);
  std::this_thread::yield();
  EXPECT_EQ(kept.looks(), looks);
}

TEST(Keeper, LooksAgainAfterALookThatFailed) {
  const std::function<void()> failures[] = {
      [] { throw std::bad_alloc(); },
      [] { throw std::runtime_error("the GTIDs cannot be read"); }};
  for (const auto &failure : failures) {
    FakeKept kept;
    FakeJournal journal;
    kept.fail_with(failure, 3);
    kept.server_has_started();
    Keeper keeper(kept, journal, at_once);
    keeper.start();
    EXPECT_TRUE(kept.has_looked(5));
    keeper.stop();
    EXPECT_EQ(kept.ends(), 1);
  }
}

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::function<void()> failing_with(const std::string &reason) {
  return [reason] { throw std::runtime_error(reason); };
}

/* Looks until it has looked that many times, and stops. */
void keep(FakeKept &kept, FakeJournal &journal, int looks) {
  Keeper keeper(kept, journal, at_once);
  kept.server_has_started();
  keeper.start();
  EXPECT_TRUE(kept.has_looked(looks));
}

TEST_F(KeeperTest, SaysOnceThatLooksFailAndWhatThatMeans) {
  kept.fail_with(failing_with("the GTIDs cannot be read"), 1000000);
  keep(kept, journal, 1000);
  EXPECT_THAT(journal.lines(),
              ElementsAre(tells("recovery_gate.state is not kept up to date",
                                "the GTIDs cannot be read", "This is retried",
                                "although nothing is in doubt")));
  EXPECT_THAT(journal.errors(), SizeIs(1));
}

TEST_F(KeeperTest, CallsTheLackOfMemoryByItsName) {
  kept.fail_with([] { throw std::bad_alloc(); }, 1);
  keep(kept, journal, 2);
  EXPECT_THAT(journal.errors(), ElementsAre(tells("date: out of memory.")));
}

TEST_F(KeeperTest, SaysNothingWhileLooksWork) {
  keep(kept, journal, 3 * Keeper::looks_that_work_again);
  EXPECT_THAT(journal.lines(), IsEmpty());
}

TEST_F(KeeperTest, SaysOnceThatLooksWorkAgain) {
  kept.fail_with(failing_with("no"), 3);
  keep(kept, journal, 3 * Keeper::looks_that_work_again);
  EXPECT_THAT(journal.lines(), ElementsAre(tells("not kept up to date: no."),
                                           tells("up to date again")));
  EXPECT_THAT(journal.notes(), SizeIs(1));
}

TEST_F(KeeperTest, SaysItAgainWhenLooksFailAfterTheyWorked) {
  int look = 0;
  kept.fail_with(
      [&look] {
        if (++look == 1 || look == Keeper::looks_that_work_again + 2)
          throw std::runtime_error("no");
      },
      1000000);
  keep(kept, journal, Keeper::looks_that_work_again + 3);
  EXPECT_THAT(journal.lines(),
              ElementsAre(tells("up to date: no."), tells("up to date again"),
                          tells("up to date: no.")));
}

TEST_F(KeeperTest, DoesNotSayThatItWorksWhenItFailsNowAndThen) {
  int look = 0;
  kept.fail_with(
      [&look] {
        if (++look % 2 == 0) throw std::runtime_error("no");
      },
      1000000);
  keep(kept, journal, 10 * Keeper::looks_that_work_again);
  EXPECT_THAT(journal.lines(), ElementsAre(tells("up to date: no.")));
}

TEST_F(KeeperTest, SaysEachOtherReasonOnce) {
  int look = 0;
  kept.fail_with(
      [&look] {
        throw std::runtime_error(++look % 2 == 0 ? "no room" : "no rights");
      },
      1000000);
  keep(kept, journal, 100);
  EXPECT_THAT(journal.lines(),
              ElementsAre(tells("no rights"), tells("no room")));
}

TEST_F(KeeperTest, DoesNotFillTheLogWithReasonsThatAreAllDifferent) {
  int look = 0;
  kept.fail_with(
      [&look] { throw std::runtime_error("at " + std::to_string(++look)); },
      1000000);
  keep(kept, journal, 1000);
  EXPECT_THAT(journal.lines(), SizeIs(Keeper::most_reasons));
}

TEST_F(KeeperTest, SaysLaterWhatItHadNoMemoryToSay) {
  journal.run_out_of_memory_at_the_next_line();
  kept.fail_with(failing_with("no"), 2);
  keep(kept, journal, 3);
  EXPECT_THAT(journal.lines(), ElementsAre(tells("up to date: no.")));
  journal.forget();

  journal.run_out_of_memory_after(1);
  FakeKept again;
  again.fail_with(failing_with("no"), 1);
  keep(again, journal, Keeper::looks_that_work_again + 3);
  EXPECT_THAT(journal.lines(),
              ElementsAre(tells("up to date: no."), tells("up to date again")));
}

TEST_F(KeeperTest, WaitsAlsoAfterALookThatFailed) {
  kept.fail_with([] { throw std::bad_alloc(); }, 1);
  kept.server_has_started();
  Keeper keeper(kept, journal, an_hour);
  keeper.start();
  ASSERT_TRUE(kept.has_looked(1));
  keeper.stop();
  EXPECT_EQ(kept.looks(), 1);
  EXPECT_EQ(kept.ends(), 1);
}

TEST_F(KeeperTest, StopsTwice) {
  kept.server_has_started();
  Keeper keeper(kept, journal, an_hour);
  keeper.start();
  ASSERT_TRUE(kept.has_looked(1));
  keeper.stop();
  EXPECT_EQ(kept.unblocked(), 1);
  keeper.stop();
  EXPECT_EQ(kept.unblocked(), 1) << "there was nobody to unblock";
  EXPECT_EQ(kept.ends(), 1);
}

TEST_F(KeeperTest, StopsWithoutAStart) {
  Keeper keeper(kept, journal, at_once);
  keeper.stop();
  EXPECT_EQ(kept.unblocked(), 0) << "there was nobody to unblock";
}

TEST_F(KeeperTest, StopsWhenItIsDestroyed) {
  kept.server_has_started();
  {
    Keeper keeper(kept, journal, an_hour);
    keeper.start();
    ASSERT_TRUE(kept.has_looked(1));
  }
  EXPECT_EQ(kept.ends(), 1);
}

TEST_F(KeeperTest, StopsEvenForAThreadThatIsInterrupted) {
  kept.server_has_started();
  Keeper keeper(kept, journal, an_hour);
  keeper.start();
  ASSERT_TRUE(kept.has_looked(1));
  std::promise<void> interrupted;
  boost::thread stopper([&keeper, when = interrupted.get_future()] {
    when.wait();
    keeper.stop();
  });
  stopper.interrupt();
  interrupted.set_value();
  stopper.join();
  EXPECT_EQ(kept.ends(), 1);
}

}  // namespace
}  // namespace recovery_gate
