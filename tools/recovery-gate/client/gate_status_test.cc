// SPDX-License-Identifier: GPL-2.0-only
#include "client/gate_status.h"

#include <gmock/gmock.h>

#include "client/fake_session.h"

namespace recovery_gate::tool {
namespace {

TEST(GateStatus, ReadsWhatTheServerShows) {
  const auto gate =
      parse_status(FakeSession::as_rows(FakeSession::closed_gate()));
  ASSERT_TRUE(gate);
  EXPECT_FALSE(gate->open);
  EXPECT_EQ(gate->state, "CLOSED");
  EXPECT_EQ(gate->reason, "CRASH");
  EXPECT_EQ(gate->waiting_for, "REPLICA");
  EXPECT_EQ(gate->opened_by, "");
  EXPECT_EQ(to_string(gate->recovered), "bin.000002:4711");
  EXPECT_EQ(gate->recovered_gtid, "0-1-17");
  EXPECT_EQ(to_string(gate->awaited), "bin.000003:342");
  EXPECT_EQ(gate->xids_found, 5u);
  EXPECT_EQ(gate->xids_committed, 2u);
  EXPECT_EQ(gate->xids_rolled_back, 1u);
  EXPECT_EQ(gate->xids_external, 2u);
  EXPECT_EQ(gate->held, 0u);
  EXPECT_EQ(gate->rejected, 17u);
  EXPECT_EQ(gate->admitted, 3u);
  EXPECT_EQ(gate->closed_for.count(), 61005);
  EXPECT_TRUE(gate->others.empty());
}

TEST(GateStatus, AServerWithoutAGateHasNone) {
  EXPECT_FALSE(parse_status({}));
  EXPECT_FALSE(parse_status(FakeSession::as_rows({{"Uptime", "12"}})));
  // Another plugin's, perhaps.
  EXPECT_FALSE(parse_status(FakeSession::as_rows({{"Recovery_gate_x", "1"}})));
}

TEST(GateStatus, CodesAreNumbersWhereThereAreAny) {
  auto shown = FakeSession::closed_gate();
  EXPECT_FALSE(to_json(*parse_status(FakeSession::as_rows(shown)))
                   .contains("waiting_for_code"));
  shown.emplace_back("Recovery_gate_reason_code", "1");
  shown.emplace_back("Recovery_gate_waiting_for_code", "2");
  const Json json = to_json(*parse_status(FakeSession::as_rows(shown)));
  EXPECT_EQ(json["reason_code"], 1);
  EXPECT_EQ(json["waiting_for_code"], 2);
}

TEST(GateStatus, NonsenseIsNoNumber) {
  auto shown = FakeSession::closed_gate();
  FakeSession::set(&shown, "xids_found", "many");
  FakeSession::set(&shown, "ack_pos", "99999999999999999999999");
  FakeSession::set(&shown, "open", "1");
  const auto gate = parse_status(FakeSession::as_rows(shown));
  ASSERT_TRUE(gate);
  EXPECT_EQ(gate->xids_found, 0u);
  EXPECT_EQ(gate->awaited.offset, 0u);
  // In doubt it is closed.
  EXPECT_FALSE(gate->open);
}

TEST(GateStatus, NullsAreEmpty) {
  Rows rows = FakeSession::as_rows(FakeSession::closed_gate());
  rows.rows[6][1] = std::nullopt;
  EXPECT_EQ(parse_status(rows)->recovered.offset, 0u);
  rows.columns = {"Name", "Value"};
  EXPECT_FALSE(parse_status(rows));
}

TEST(GateStatus, JsonIsTyped) {
  const auto gate =
      parse_status(FakeSession::as_rows(FakeSession::closed_gate()));
  EXPECT_EQ(to_json(*gate).dump(),
            R"({"open":false,"state":"CLOSED","reason":"CRASH",)"
            R"("waiting_for":"REPLICA","opened_by":null,)"
            R"("recovered_file":"bin.000002","recovered_pos":4711,)"
            R"("recovered_gtid":"0-1-17","ack_file":"bin.000003",)"
            R"("ack_pos":342,"xids_found":5,"xids_committed":2,)"
            R"("xids_rolled_back":1,"xids_external":2,"connections_held":0,)"
            R"("connections_rejected":17,"connections_admitted":3,)"
            R"("closed_ms":61005})");
}

TEST(GateStatus, JsonHasNullForWhatThereIsNot) {
  const auto gate =
      parse_status(FakeSession::as_rows(FakeSession::open_gate("NOT_NEEDED")));
  const Json json = to_json(*gate);
  EXPECT_TRUE(json["open"].get<bool>());
  EXPECT_TRUE(json["waiting_for"].is_null());
  EXPECT_TRUE(json["ack_file"].is_null());
  EXPECT_TRUE(json["ack_pos"].is_null());
  EXPECT_EQ(json["opened_by"], "NOT_NEEDED");
}

TEST(GateStatus, ANewerPluginsVariablesAreKept) {
  auto shown = FakeSession::closed_gate();
  shown.emplace_back("Recovery_gate_replicas", "2");
  const auto gate = parse_status(FakeSession::as_rows(shown));
  EXPECT_EQ(to_json(*gate)["replicas"], "2");
}

}  // namespace
}  // namespace recovery_gate::tool
