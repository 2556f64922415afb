// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/upstream.h"

#include <deque>
#include <stdexcept>

#include "testing/fakes.h"

namespace recovery_gate {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr milliseconds hardly_any{1};

const Claim owed_0_1_8 = claim_of({{{0, 1}, 8}}, History());

UpstreamAnswer has(std::uint64_t number) {
  return {{2, "db2:3306 (server_id 2)", {{{0, 1}, number}}, {}}, ""};
}

UpstreamAnswer trouble(const std::string &why) { return {{}, why}; }

/* Gives one answer after another, and the last again and again. */
class FakeUpstreams final : public Upstreams {
 public:
  bool begin() override {
    ++begun;
    return may_begin;
  }
  void end() override { ++ended; }
  std::vector<UpstreamAnswer> ask() override {
    std::unique_lock<std::mutex> lock(mutex);
    ++asked;
    if (fails) {
      fails = false;
      throw std::runtime_error("no memory");
    }
    const std::vector<UpstreamAnswer> next = answers.front();
    if (answers.size() > 1) answers.pop_front();
    return next;
  }
  GtidState written() override { return {{{0, 1}, 8}}; }
  Contents returned() override { return {}; }
  void cancel() noexcept override { ++cancelled; }

  void then(std::vector<UpstreamAnswer> answer) {
    std::unique_lock<std::mutex> lock(mutex);
    answers = {std::move(answer)};
  }

  bool may_begin = true;
  std::atomic<int> begun{0}, ended{0}, asked{0}, cancelled{0};
  bool fails = false;
  std::deque<std::vector<UpstreamAnswer>> answers{{}};

 private:
  std::mutex mutex;
};

struct Scene {
  /* Until the view is as wanted; a test that waits in vain runs into its limit.
   */
  UpstreamView wait_for(
      const std::function<bool(const UpstreamView &)> &wanted) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return wanted(watch.view()); });
    return watch.view();
  }
  UpstreamView wait_for(Possession possession) {
    return wait_for([possession](const UpstreamView &view) {
      return view.follows && view.finding.possession == possession;
    });
  }
  void start(std::vector<Claim> claims = {owed_0_1_8}) {
    watch.start([claims] { return claims; });
  }

  std::mutex mutex;
  std::condition_variable changed;
  FakeUpstreams upstreams;
  FakeJournal journal;
  UpstreamWatch watch{upstreams, journal,
                      [this] {
                        std::unique_lock<std::mutex> lock(mutex);
                        changed.notify_all();
                      },
                      hardly_any};
};

TEST(UpstreamWatch, FollowsNobodyAtFirst) {
  Scene scene;
  EXPECT_FALSE(scene.watch.view().follows);
  scene.start();
  while (scene.upstreams.asked < 3) boost::this_thread::yield();
  EXPECT_FALSE(scene.watch.view().follows);
}

TEST(UpstreamWatch, SeesThatAllIsThere) {
  Scene scene;
  scene.start();
  scene.upstreams.then({has(8)});
  EXPECT_THAT(scene.wait_for(Possession::HAS).finding.why,
              HasSubstr("has everything that was in doubt, up to GTID 0-1-8"));
  EXPECT_THAT(scene.journal.lines(), IsEmpty());
}

TEST(UpstreamWatch, SaysOnceThatTheServersHaveDiverged) {
  Scene scene;
  scene.start();
  scene.upstreams.then({has(7)});
  scene.wait_for(Possession::LACKS);
  const int asked = scene.upstreams.asked;
  while (scene.upstreams.asked < asked + 3) boost::this_thread::yield();
  scene.watch.stop();
  EXPECT_THAT(scene.journal.errors(), SizeIs(1));
  EXPECT_THAT(
      scene.journal.errors().front(),
      tells("diverged", "db2:3306 (server_id 2) lacks GTID 0-1-8", "inspect"));
}

TEST(UpstreamWatch, DoesNotSayItAgainWhenOnlyTheConnectionWasAway) {
  Scene scene;
  scene.start();
  scene.upstreams.then({has(7)});
  scene.wait_for(Possession::LACKS);
  scene.upstreams.then({trouble("cannot connect to db2:3306: no route")});
  scene.wait_for(Possession::NOT_SHOWN);
  scene.upstreams.then({has(7)});
  scene.wait_for(Possession::LACKS);
  scene.watch.stop();
  EXPECT_THAT(scene.journal.errors(), SizeIs(1));
}

TEST(UpstreamWatch, BelievesNobodyWhoHasMoreThanThisServerHasWritten) {
  Scene scene;
  scene.start();
  scene.upstreams.then({has(9)});
  EXPECT_THAT(scene.wait_for(Possession::NOT_SHOWN).finding.why,
              tells("later GTIDs than GTID 0-1-8", "older state"));
  EXPECT_THAT(scene.journal.errors(), IsEmpty());
}

TEST(UpstreamWatch, ReadsTheBinaryLogAgainWhenThatFailed) {
  Scene scene;
  Owed unread;
  unread.unknown = "no descriptor is free";
  int failures = 2;
  scene.watch.start([&]() -> std::vector<Claim> {
    if (--failures >= 0) return {claim_of(unread, {}, History())};
    return {owed_0_1_8};
  });
  scene.upstreams.then({has(8)});
  scene.wait_for(Possession::HAS);
}

TEST(UpstreamWatch, WhoCannotBeAskedMayHaveWhatTheOthersLack) {
  Scene scene;
  scene.start();
  scene.upstreams.then(
      {has(7), trouble("cannot connect to db3:3306: no route")});
  EXPECT_EQ(scene.wait_for(Possession::NOT_SHOWN).finding.why,
            "cannot connect to db3:3306: no route");
  scene.upstreams.then(
      {has(8), trouble("cannot connect to db3:3306: no route")});
  scene.wait_for(Possession::HAS);
  EXPECT_THAT(scene.journal.lines(), IsEmpty());
}

TEST(UpstreamWatch, GoesOnAfterAFailure) {
  Scene scene;
  scene.upstreams.fails = true;
  scene.upstreams.answers = {{has(8)}};
  scene.start();
  while (scene.upstreams.asked < 1) boost::this_thread::yield();
  scene.watch.stop();
  EXPECT_THAT(scene.journal.errors(), SizeIs(1));
  EXPECT_THAT(scene.journal.errors().front(), HasSubstr("no memory"));
}

TEST(UpstreamWatch, LeavesNoThread) {
  Scene scene;
  scene.watch.stop();  // none yet
  scene.start();
  while (scene.upstreams.asked < 1) boost::this_thread::yield();
  scene.watch.finish();
  scene.watch.stop();
  scene.watch.stop();
  EXPECT_EQ(scene.upstreams.begun, 1);
  EXPECT_EQ(scene.upstreams.ended, 1);
  EXPECT_GE(scene.upstreams.cancelled, 1);
}

TEST(UpstreamWatch, EndsWhenItMayNotBegin) {
  Scene scene;
  scene.upstreams.may_begin = false;
  scene.start();
  scene.watch.stop();
  EXPECT_EQ(scene.upstreams.asked, 0);
  EXPECT_EQ(scene.upstreams.ended, 0);
}

}  // namespace
}  // namespace recovery_gate
