// SPDX-License-Identifier: GPL-2.0-only
#include "status.h"

#include <gmock/gmock.h>

#include <sstream>

#include "client/fake_session.h"
#include "output.h"
#include "recovery_gate/gate/labelled_page.h"

namespace recovery_gate::tool {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::internal::CaptureStderr;
using testing::internal::CaptureStdout;
using testing::internal::GetCapturedStderr;
using testing::internal::GetCapturedStdout;

struct Shown {
  ExitCode code;
  std::string output, errors;
};

Shown shown(FakeSession &server, bool json = false) {
  CaptureStdout();
  CaptureStderr();
  const ExitCode code = show_status(server, "/run/s", {json});
  return {code, GetCapturedStdout(), GetCapturedStderr()};
}

Rows surroundings(const std::string &mode, const std::string &timeout) {
  return {{"@@version", "@@server_id", "account", "@@recovery_gate_mode",
           "@@recovery_gate_timeout", "@@recovery_gate_timeout_action"},
          {{"10.11.18-MariaDB", "1", "ops@%", mode, timeout, "SHUTDOWN"}}};
}

TEST(Status, IsReadAloudLineByLine) {
  FakeSession server;
  CaptureStdout();
  show_status(server, "/run/s", {false, LabelledPage::not_wrapped});
  const std::string page = GetCapturedStdout();
  EXPECT_THAT(page, HasSubstr("State: CLOSED (REPLICA)\nReason: CRASH: the "
                              "server crashed, and what it wrote last may not "
                              "be on any replica\nClosed for: "));
  EXPECT_THAT(page, Not(HasSubstr("  ")));
}

TEST(Status, FitsANarrowTerminal) {
  FakeSession server;
  CaptureStdout();
  show_status(server, "/run/s", {false, 39});
  std::istringstream page(GetCapturedStdout());
  for (std::string line; std::getline(page, line);)
    EXPECT_LE(line.size(), 39u) << line;
}

TEST(Status, AClosedGateOnOnePage) {
  FakeSession server;
  server.surroundings = surroundings("AUTO", "300");
  const Shown page = shown(server);
  EXPECT_EQ(page.code, ExitCode::CLOSED);
  EXPECT_EQ(page.errors, "");
  EXPECT_EQ(page.output,
            R"(State:                 CLOSED (REPLICA)
Reason:                CRASH: the server crashed, and what it wrote last may
                         not be on any replica
Closed for:            1 min 1 s
Waiting for:           REPLICA: no semi-sync replica is connected
Time limit:            5 min 0 s, then SHUTDOWN (in 3 min 58 s)
Recovered up to:       bin.000002:4711 (GTID 0-1-17)
Awaited position:      bin.000003:342
Held now:              0
Admitted while closed: 3
Rejected while closed: 17
Prepared transactions: 5 found, 2 committed, 1 rolled back, 2 left prepared for
                         an XA coordinator
Server:                /run/s, MariaDB 10.11.18-MariaDB, server_id 1
What to do:            Have a semi-sync replica connect:
                         rpl_semi_sync_slave_enabled=ON and START SLAVE there,
                         then check SHOW SLAVE STATUS. Asynchronous replicas do
                         not count. If no replica is left, SET GLOBAL
                         recovery_gate_open_now=ON here opens the gate and
                         gives up the guarantee.
)");
}

TEST(Status, AnOpenGate) {
  FakeSession server;
  server.gate = FakeSession::open_gate("NOT_NEEDED");
  Shown page = shown(server);
  EXPECT_EQ(page.code, ExitCode::OPEN);
  EXPECT_THAT(
      page.output,
      AllOf(HasSubstr("State:                 OPEN (NOT_NEEDED)\n"),
            HasSubstr("\nOpened by:             NOT_NEEDED: this start had"),
            Not(HasSubstr("closed for"))));
  server.gate = FakeSession::open_gate("ACK");
  EXPECT_THAT(shown(server).output,
              AllOf(HasSubstr("\nReason:                CRASH: "),
                    HasSubstr("\nWas closed for:        1 min 1 s\n"),
                    HasSubstr("\nOpened by:             ACK: a semi-sync"),
                    HasSubstr("\nAwaited position:      bin.000003:342\n")));
}

TEST(Status, WhatTheSettingsMean) {
  FakeSession server;
  server.surroundings = surroundings("OFF", "0");
  EXPECT_THAT(
      shown(server).output,
      AllOf(HasSubstr("Mode:                  recovery_gate_mode is OFF"),
            Not(HasSubstr("Time limit"))));
  server.surroundings = surroundings("AUTO", "10");
  EXPECT_THAT(shown(server).output, HasSubstr("10 s, then SHUTDOWN (is over)"));
}

TEST(Status, AnAccountThatIsNotAdmittedSeesThatItIsClosed) {
  FakeSession server;
  server.status_error = rejected;
  const Shown page = shown(server);
  EXPECT_EQ(page.code, ExitCode::CLOSED);
  EXPECT_THAT(page.output, AllOf(HasSubstr("State:                 CLOSED\n"),
                                 HasSubstr("bin.000003:342\n"),
                                 HasSubstr("CONNECTION ADMIN")));
  const Json json = Json::parse(shown(server, true).output);
  EXPECT_EQ(json["exit_code"], 4);
  EXPECT_EQ(json["gate"]["open"], false);
  EXPECT_EQ(json["error"]["code"], 1047);
}

TEST(Status, WhatItsOwnReplicationNeeds) {
  FakeSession server;
  server.gate = FakeSession::open_gate("NOT_NEEDED");
  EXPECT_EQ(Json::parse(shown(server, true).output)["replication"],
            Json::array());
  LabelledPage page;
  page.line("Replication", "connection 'q' is not started again");
  page.more("connection 'r' is not started again");
  server.page = page.text();
  EXPECT_THAT(
      shown(server).output,
      HasSubstr("Replication:           connection 'q' is not started again\n"
                "                       connection 'r' is not started"));
  EXPECT_EQ(Json::parse(shown(server, true).output)["replication"].size(), 2u);
}

TEST(Status, WhatTheReplicasHaveAndWhatToDo) {
  FakeSession server;
  FakeSession::set(&server.gate, "waiting_for", "ACK");
  LabelledPage page;
  page.line("Replicas", "2 semi-sync replicas connected");
  page.more(
      "server_id 2 at db2: proves nothing, because of something long: it "
      "lacks 0-1-8");
  page.more("server_id 3 at db3: sent up to bin.000003:342");
  page.line("What to do", "Replica 2: rebuild it.");
  server.page = page.text();
  EXPECT_THAT(
      shown(server).output,
      AllOf(HasSubstr("\nReplicas:              server_id 2 at db2: "),
            HasSubstr("\n                       server_id 3 at db3: "),
            HasSubstr("\nWhat to do:            Replica 2: rebuild it.\n")));
  const Json json = Json::parse(shown(server, true).output);
  EXPECT_EQ(json["replicas"].size(), 2u);
  EXPECT_THAT(json["replicas"][0], HasSubstr("something long: it lacks 0-1-8"));
  EXPECT_EQ(json["what_to_do"], "Replica 2: rebuild it.");
}

TEST(Status, HowManyReplicasHaveIt) {
  FakeSession server;
  server.gate.emplace_back("Recovery_gate_replicas_proven", "1");
  server.gate.emplace_back("Recovery_gate_replicas_needed", "2");
  LabelledPage page;
  page.line("Replicas", "1 of 2");
  page.more("server_id 2 at db2: proven");
  server.page = page.text();
  EXPECT_THAT(
      shown(server).output,
      HasSubstr("\nReplicas:              1 of 2 replicas are known to have "
                "everything that is in\n                         doubt\n"
                "                       server_id 2 at db2: proven\n"));
  const Json json = Json::parse(shown(server, true).output);
  EXPECT_EQ(json["gate"]["replicas_proven"], 1);
  EXPECT_EQ(json["gate"]["replicas_needed"], 2);
}

TEST(Status, AsJson) {
  FakeSession server;
  server.surroundings = surroundings("AUTO", "300");
  const Shown page = shown(server, true);
  EXPECT_EQ(page.code, ExitCode::CLOSED);
  const Json json = Json::parse(page.output);
  EXPECT_EQ(json["result"], "closed");
  EXPECT_EQ(json["exit_code"], 4);
  EXPECT_EQ(json["gate"]["ack_pos"], 342);
  EXPECT_EQ(json["settings"]["timeout"], 300);
  EXPECT_EQ(json["server"]["server_id"], 1);
  EXPECT_THAT(json["what_to_do"], HasSubstr("semi-sync replica"));
}

TEST(Status, NoServerNoPlugin) {
  FakeSession server;
  server.connect_error = not_there;
  Shown page = shown(server, true);
  EXPECT_EQ(page.code, ExitCode::UNREACHABLE);
  EXPECT_EQ(page.errors,
            "recovery-gate: error 2002: Can't connect to local server\n");
  EXPECT_EQ(Json::parse(page.output)["error"]["code"], 2002);

  server.connect_error = {};
  server.gate.clear();
  page = shown(server);
  EXPECT_EQ(page.code, ExitCode::NO_PLUGIN);
  EXPECT_EQ(page.output, "");
  EXPECT_THAT(page.errors, HasSubstr("plugin-load-add=ha_recovery_gate"));
}

TEST(Status, BytesThatAreNoTextBreakNothing) {
  FakeSession server;
  FakeSession::set(&server.gate, "recovered_file", "bin\xff\n\033[31m");
  EXPECT_EQ(Json::parse(shown(server, true).output)["result"], "closed");
  EXPECT_EQ(shown(server).output.find('\033'), std::string::npos);
}

}  // namespace
}  // namespace recovery_gate::tool
