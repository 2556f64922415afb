// SPDX-License-Identifier: GPL-2.0-only
#include "open.h"

#include <gmock/gmock.h>

#include "client/fake_session.h"
#include "output.h"

namespace recovery_gate::tool {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using testing::internal::CaptureStderr;
using testing::internal::CaptureStdout;
using testing::internal::GetCapturedStderr;
using testing::internal::GetCapturedStdout;

class Open : public testing::Test {
 protected:
  Open() {
    server_.on_set = [this] {
      server_.gate = FakeSession::open_gate("OVERRIDE");
    };
  }

  void answers(const std::string &answer) {
    settings_.ask = [this, answer](const std::string &question) {
      question_ = question;
      return answer;
    };
  }

  ExitCode run() {
    CaptureStdout();
    CaptureStderr();
    const ExitCode code = open_gate(server_, settings_);
    output_ = GetCapturedStdout();
    errors_ = GetCapturedStderr();
    return code;
  }

  bool was_sent() const {
    for (const std::string &sql : server_.queries)
      if (sql == "SET GLOBAL recovery_gate_open_now=ON") return true;
    return false;
  }

  FakeSession server_;
  OpenSettings settings_;
  std::string question_, output_, errors_;
};

TEST_F(Open, SaysWhatIsGivenUpAndAsks) {
  answers("yes");
  EXPECT_EQ(run(), ExitCode::OPEN);
  EXPECT_TRUE(was_sent());
  EXPECT_THAT(question_,
              AllOf(HasSubstr("Never acknowledged: bin.000003:342\n"),
                    HasSubstr("Waiting for REPLICA: no semi-sync replica"),
                    HasSubstr("up to bin.000002:4711, GTID 0-1-17"),
                    HasSubstr("Type yes to open it: ")));
  EXPECT_THAT(output_, AllOf(HasSubstr("Open."), HasSubstr("bin.000003:342")));
}

TEST_F(Open, OnlyTheWordYesOpens) {
  for (const char *answer : {"", "y", "YES", "no", " yes"}) {
    answers(answer);
    EXPECT_EQ(run(), ExitCode::REFUSED) << answer;
    EXPECT_FALSE(was_sent());
  }
}

TEST_F(Open, WithNobodyToAskItNeedsYes) {
  EXPECT_EQ(run(), ExitCode::REFUSED);
  EXPECT_FALSE(was_sent());
  EXPECT_THAT(errors_, HasSubstr("--yes"));
  settings_.yes = true;
  EXPECT_EQ(run(), ExitCode::OPEN);
  EXPECT_TRUE(was_sent());
}

TEST_F(Open, AnOpenGateIsLeftAlone) {
  server_.gate = FakeSession::open_gate("ACK");
  EXPECT_EQ(run(), ExitCode::OPEN);
  EXPECT_FALSE(was_sent());
  EXPECT_THAT(output_, StartsWith("The gate is open already (ACK: "));
}

TEST_F(Open, WithYesTheStatementIsRunAllTheSame) {
  settings_.yes = true;
  server_.gate = FakeSession::open_gate("NOT_NEEDED");
  server_.on_set = nullptr;
  EXPECT_EQ(run(), ExitCode::OPEN);
  EXPECT_TRUE(was_sent());
  EXPECT_THAT(output_, HasSubstr("still in doubt behind it is given up"));

  server_.note = "The recovery gate is open already";
  settings_.json = true;
  EXPECT_EQ(run(), ExitCode::OPEN);
  EXPECT_EQ(Json::parse(output_)["done"], "nothing");
}

TEST_F(Open, SomebodyElseMayHaveBeenFaster) {
  settings_.yes = true;
  server_.on_set = [this] { server_.gate = FakeSession::open_gate("ACK"); };
  server_.note = "The recovery gate is open already";
  EXPECT_EQ(run(), ExitCode::OPEN);
  EXPECT_THAT(output_, AllOf(HasSubstr("open already (ACK"),
                             Not(HasSubstr("given up"))));
}

TEST_F(Open, WithoutThePrivilegesItSaysWhich) {
  settings_.yes = true;
  for (const char *name : {"SUPER", "CONNECTION ADMIN"}) {
    server_.set_error = {1227, std::string("Access denied; you need ") + name};
    EXPECT_EQ(run(), ExitCode::REFUSED);
    EXPECT_THAT(errors_, HasSubstr("GRANT SUPER, CONNECTION ADMIN"));
  }
  server_.status_error = rejected;
  EXPECT_EQ(run(), ExitCode::REFUSED);
  EXPECT_THAT(errors_, HasSubstr("GRANT SUPER, CONNECTION ADMIN"));
}

TEST_F(Open, NoServerNoPlugin) {
  settings_.yes = true;
  server_.connect_error = not_there;
  EXPECT_EQ(run(), ExitCode::UNREACHABLE);
  server_.connect_error = {};
  server_.set_error = lost;
  EXPECT_EQ(run(), ExitCode::UNREACHABLE);
  server_.gate.clear();
  EXPECT_EQ(run(), ExitCode::NO_PLUGIN);
}

TEST_F(Open, AServerThatDoesNotOpenIsNotBelieved) {
  settings_.yes = true;
  server_.on_set = nullptr;
  EXPECT_EQ(run(), ExitCode::CLOSED);
  EXPECT_THAT(errors_, HasSubstr("did not open"));
}

}  // namespace
}  // namespace recovery_gate::tool
