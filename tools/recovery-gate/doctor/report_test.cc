// SPDX-License-Identifier: GPL-2.0-only
#include "doctor/report.h"

#include <gmock/gmock.h>

#include "client/fake_session.h"

namespace recovery_gate::tool {
namespace {

using testing::HasSubstr;

const Check an_error{"an-error", Severity::ERROR, nullptr};
const Check a_warning{"a-warning", Severity::WARNING, nullptr};
const Check a_note{"a-note", Severity::NOTE, nullptr};

class ReportTest : public testing::Test {
 protected:
  ReportTest() {
    facts_.server.name = "db1:3306";
    facts_.server.gate = parse_status(
        FakeSession::as_rows(FakeSession::open_gate("NOT_NEEDED")));
    facts_.server.settings = {{"server_id", {"1", "", "", ""}},
                              {"version", {"10.11.18-MariaDB", "", "", ""}}};
  }

  void found(const Check &check, const std::string &subject = "") {
    findings_.push_back({&check, {"db1:3306", subject, "Why.", "SET \n it"}});
  }

  Diagnosis diagnosis() const { return {facts_, findings_, 60, 0}; }

  Facts facts_;
  std::vector<Finding> findings_;
};

TEST_F(ReportTest, AllIsWell) {
  EXPECT_EQ(exit_code(diagnosis()), ExitCode::OPEN);
  EXPECT_THAT(doctor_page(diagnosis(), 79),
              HasSubstr("\nAll is well: 60 checks, 1 server.\n"));
  found(a_note);
  EXPECT_EQ(exit_code(diagnosis()), ExitCode::OPEN);
  EXPECT_THAT(doctor_page(diagnosis(), 79),
              HasSubstr("\nAll is well, 1 note: "));
}

TEST_F(ReportTest, TheWorstDecides) {
  found(a_warning);
  EXPECT_EQ(exit_code(diagnosis()), ExitCode::WARNINGS_FOUND);
  found(an_error);
  EXPECT_EQ(exit_code(diagnosis()), ExitCode::ERRORS_FOUND);
  EXPECT_THAT(doctor_page(diagnosis(), 79),
              HasSubstr("\n1 error, 1 warning: 60 checks"));
  facts_.server.gate.reset();
  EXPECT_EQ(exit_code(diagnosis()), ExitCode::NO_PLUGIN);
}

TEST_F(ReportTest, AFindingIsReadInEightyColumns) {
  found(an_error, "app@%");
  findings_[0].problem.why = std::string(200, 'x') + " " +
                             std::string(60, 'y') + " " + std::string(60, 'z');
  const std::string page = doctor_page(diagnosis(), 79);
  EXPECT_THAT(page, HasSubstr("\nERROR an-error:app@% on db1:3306\n"));
  EXPECT_THAT(page, HasSubstr("\n  Cure: SET it\n"));
  EXPECT_THAT(page, HasSubstr("\n  " + std::string(60, 'y') + "\n"));
}

TEST_F(ReportTest, AFindingIsHeardInPlainLines) {
  found(an_error);
  findings_[0].problem.why = "Words " + std::string(90, 'x') + " end.";
  EXPECT_THAT(doctor_page(diagnosis(), 0),
              HasSubstr("\nERROR an-error on db1:3306\n" +
                        findings_[0].problem.why + "\nCure: SET it\n\n"));
}

TEST_F(ReportTest, ForPrograms) {
  found(an_error, "app@%");
  found(a_note);
  const Json json = doctor_json(diagnosis());
  EXPECT_EQ(json["result"], "errors_found");
  EXPECT_EQ(json["exit_code"], 16);
  EXPECT_EQ(json["errors"], 1);
  EXPECT_EQ(json["notes"], 1);
  EXPECT_EQ(json["findings"][0]["check"], "an-error");
  EXPECT_EQ(json["findings"][0]["severity"], "error");
  EXPECT_EQ(json["findings"][0]["subject"], "app@%");
  EXPECT_EQ(json["findings"][1]["subject"], nullptr);
  EXPECT_EQ(json["server"]["server_id"], 1);
}

TEST_F(ReportTest, WhatAClosedGateWouldDo) {
  facts_.server.settings["recovery_gate_connect_wait"].value = "10000";
  facts_.rehearsals = {{"app", "", "app@%", std::nullopt, false},
                       {"ops", "", "ops@%", PassesAs::ADMINISTRATOR, false},
                       {"old", "error 1045: no", "", std::nullopt, false}};
  const std::string page = doctor_page(diagnosis(), 79);
  EXPECT_THAT(page,
              HasSubstr("app: logs in as app@%; a closed gate holds it for "
                        "up to 10 s, then rejects it"));
  EXPECT_THAT(page,
              HasSubstr("ops: logs in as ops@%; a closed gate admits it"));
  EXPECT_THAT(page, HasSubstr("old: could not log in"));
  const Json json = doctor_json(diagnosis());
  EXPECT_EQ(json["rehearsed"][0]["admitted"], false);
  EXPECT_EQ(json["rehearsed"][1]["admitted"], true);
  EXPECT_EQ(json["rehearsed"][2]["admitted"], nullptr);
}

}  // namespace
}  // namespace recovery_gate::tool
