// SPDX-License-Identifier: GPL-2.0-only
#include "wait_loop.h"

#include <gmock/gmock.h>

#include <deque>

#include "client/fake_session.h"

namespace recovery_gate::tool {
namespace {

using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;
using Kind = Look::Kind;

Look look_at(const FakeSession::Variables &gate) {
  return {Kind::GATE, *parse_status(FakeSession::as_rows(gate)), {}};
}

Look closed(const char *waiting_for = "REPLICA") {
  auto gate = FakeSession::closed_gate();
  FakeSession::set(&gate, "waiting_for", waiting_for);
  return look_at(gate);
}

Look open() { return look_at(FakeSession::open_gate("ACK")); }
Look gone() { return {Kind::UNREACHABLE, {}, not_there}; }

/* Time passes only while the loop sleeps. */
class FakePace final : public Pace {
 public:
  Instant now() const override { return now_; }
  void sleep(milliseconds duration) override {
    ASSERT_GT(duration.count(), 0) << "a busy loop";
    now_ += duration;
  }

 private:
  Instant now_{5000};
};

class WaitLoop : public testing::Test {
 protected:
  /* From `at` on the looks see `look`. */
  void from(milliseconds at, Look look) { story_.emplace_back(at, look); }

  ExitCode wait() {
    LogProgress progress([this](const std::string &l) { lines_.push_back(l); });
    return wait(progress);
  }

  ExitCode wait(Progress &progress) {
    const Instant start = pace_.now();
    CaptureStderr();
    const ExitCode code = wait_until_open(
        [&] {
          ++looks_;
          while (story_.size() > 1 && pace_.now() - start >= story_[1].first)
            story_.pop_front();
          return story_.front().second;
        },
        pace_, progress, settings_);
    errors_ = GetCapturedStderr();
    took_ = pace_.now() - start;
    return code;
  }

  std::deque<std::pair<milliseconds, Look>> story_;
  FakePace pace_;
  WaitSettings settings_;
  std::vector<std::string> lines_;
  std::string errors_;
  int looks_ = 0;
  milliseconds took_{0};
};

TEST_F(WaitLoop, AnOpenGateIsNotWaitedFor) {
  from(seconds(0), open());
  EXPECT_EQ(wait(), ExitCode::OPEN);
  EXPECT_EQ(looks_, 1);
  EXPECT_THAT(lines_,
              ElementsAre("open (ACK): a semi-sync replica has everything "
                          "that was in doubt, after 1 min 1 s"));
}

TEST_F(WaitLoop, EndsSoonAfterTheGateOpens) {
  from(seconds(0), closed());
  from(seconds(3), open());
  EXPECT_EQ(wait(), ExitCode::OPEN);
  EXPECT_LE(took_, milliseconds(3250));
  EXPECT_EQ(errors_, "");
}

TEST_F(WaitLoop, AsksLessOftenLater) {
  from(seconds(0), closed());
  from(seconds(3600), open());
  EXPECT_EQ(wait(), ExitCode::OPEN);
  EXPECT_LT(looks_, 3700);
  EXPECT_LE(took_, seconds(3601));
}

TEST_F(WaitLoop, ALineForEachChangeAndOneAMinute) {
  from(seconds(0), closed("SEMISYNC_MASTER"));
  from(seconds(5), closed("REPLICA"));
  from(seconds(130), closed("ACK"));
  from(seconds(131), open());
  EXPECT_EQ(wait(), ExitCode::OPEN);
  EXPECT_THAT(lines_,
              ElementsAre(HasSubstr("SEMISYNC_MASTER"), HasSubstr("REPLICA"),
                          HasSubstr("REPLICA"), HasSubstr("REPLICA"),
                          HasSubstr("ACK"), HasSubstr("open")));
}

TEST_F(WaitLoop, SurvivesARestart) {
  from(seconds(0), gone());
  from(seconds(4), closed());
  from(seconds(6), {Kind::UNREACHABLE, {}, lost});
  from(seconds(7), gone());
  from(seconds(9), closed());
  from(seconds(10), open());
  EXPECT_EQ(wait(), ExitCode::OPEN);
  EXPECT_THAT(lines_,
              ElementsAre(HasSubstr("no server for 0 s: error 2002"),
                          HasSubstr("REPLICA"), HasSubstr("error 2013"),
                          // Since a gate was seen, not since the beginning.
                          HasSubstr("no server for 1.25 s: error 2002"),
                          HasSubstr("REPLICA"), HasSubstr("open")));
}

TEST_F(WaitLoop, DoesNotWaitForAServerWithNoRetry) {
  settings_.retry = false;
  from(seconds(0), closed());
  from(seconds(2), gone());
  EXPECT_EQ(wait(), ExitCode::UNREACHABLE);
  EXPECT_EQ(errors_,
            "recovery-gate: error 2002: Can't connect to local server\n");
}

TEST_F(WaitLoop, DoesNotTryAWrongPasswordAgain) {
  from(seconds(0), {Kind::UNREACHABLE, {}, wrong_password});
  EXPECT_EQ(wait(), ExitCode::UNREACHABLE);
  EXPECT_EQ(looks_, 1);
}

TEST_F(WaitLoop, AServerWithoutAGateIsNotWaitedFor) {
  from(seconds(0), gone());
  from(seconds(2), {Kind::NO_PLUGIN, {}, {}});
  EXPECT_EQ(wait(), ExitCode::NO_PLUGIN);
  EXPECT_THAT(errors_, HasSubstr("no recovery gate"));
}

TEST_F(WaitLoop, WaitsWithAnAccountThatIsNotAdmitted) {
  from(seconds(0), {Kind::NOT_ADMITTED, {}, rejected});
  from(seconds(5), open());
  EXPECT_EQ(wait(), ExitCode::OPEN);
  // Each try is counted, and perhaps logged, by the server.
  EXPECT_LE(looks_, 7);
  EXPECT_THAT(lines_[0], HasSubstr("Recovery gate is closed:"));
}

TEST_F(WaitLoop, GivesUpInTime) {
  settings_.timeout = seconds(20);
  from(seconds(0), closed());
  EXPECT_EQ(wait(), ExitCode::TIMED_OUT);
  EXPECT_EQ(took_, seconds(20));
  EXPECT_THAT(errors_, AllOf(HasSubstr("gave up after 20 s: closed for"),
                             HasSubstr("REPLICA")));
}

TEST_F(WaitLoop, WhatOpensInTheLastMomentIsOpen) {
  settings_.timeout = seconds(20);
  from(seconds(0), closed());
  from(seconds(20), open());
  EXPECT_EQ(wait(), ExitCode::OPEN);
}

TEST_F(WaitLoop, NoTimeMeansOneLook) {
  settings_.timeout = seconds(0);
  from(seconds(0), closed());
  EXPECT_EQ(wait(), ExitCode::TIMED_OUT);
  EXPECT_EQ(looks_, 1);
  EXPECT_THAT(lines_, ElementsAre());
}

TEST_F(WaitLoop, GivesUpOnAServerThatDoesNotComeToo) {
  settings_.timeout = seconds(3);
  from(seconds(0), gone());
  EXPECT_EQ(wait(), ExitCode::TIMED_OUT);
  EXPECT_THAT(errors_, HasSubstr("no server for 3 s: error 2002"));
}

TEST_F(WaitLoop, AsJson) {
  std::vector<Json> objects;
  JsonProgress progress([&](const Json &json) { objects.push_back(json); });
  settings_.timeout = seconds(9);
  from(seconds(0), gone());
  from(seconds(1), closed());
  EXPECT_EQ(wait(progress), ExitCode::TIMED_OUT);
  ASSERT_EQ(objects.size(), 3u);
  EXPECT_EQ(objects[0]["result"], "waiting");
  EXPECT_EQ(objects[0]["error"]["code"], 2002);
  EXPECT_EQ(objects[1]["gate"]["waiting_for"], "REPLICA");
  EXPECT_EQ(objects[1]["waited_ms"], 1000);
  EXPECT_FALSE(objects[1].contains("exit_code"));
  EXPECT_EQ(objects[2]["result"], "timed_out");
  EXPECT_EQ(objects[2]["exit_code"], 5);
  EXPECT_EQ(objects[2]["gate"]["ack_file"], "bin.000003");
}

}  // namespace
}  // namespace recovery_gate::tool
