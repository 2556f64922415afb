// SPDX-License-Identifier: GPL-2.0-only
/*
  A server for the tool's tests: what it answers is a script.
*/
#ifndef RECOVERY_GATE_TOOL_FAKE_SESSION_H
#define RECOVERY_GATE_TOOL_FAKE_SESSION_H

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "client/connection.h"

namespace recovery_gate::tool {

inline const ServerError not_there{2002, "Can't connect to local server"};
inline const ServerError wrong_password{1045, "Access denied for user 'app'"};
inline const ServerError lost{2013, "Lost connection to server during query"};
inline const ServerError rejected{
    1047,
    "Recovery gate is closed: waiting for a semi-sync replica to acknowledge "
    "bin.000003:342"};

class FakeSession final : public Session {
 public:
  using Variables = std::vector<std::pair<std::string, std::string>>;

  /* Closed after a crash, waiting for a replica. */
  static Variables closed_gate() {
    return {
        {"Recovery_gate_open", "OFF"},
        {"Recovery_gate_state", "CLOSED"},
        {"Recovery_gate_reason", "CRASH"},
        {"Recovery_gate_waiting_for", "REPLICA"},
        {"Recovery_gate_opened_by", ""},
        {"Recovery_gate_recovered_file", "bin.000002"},
        {"Recovery_gate_recovered_pos", "4711"},
        {"Recovery_gate_recovered_gtid", "0-1-17"},
        {"Recovery_gate_ack_file", "bin.000003"},
        {"Recovery_gate_ack_pos", "342"},
        {"Recovery_gate_xids_found", "5"},
        {"Recovery_gate_xids_committed", "2"},
        {"Recovery_gate_xids_rolled_back", "1"},
        {"Recovery_gate_xids_external", "2"},
        {"Recovery_gate_connections_held", "0"},
        {"Recovery_gate_connections_rejected", "17"},
        {"Recovery_gate_connections_admitted", "3"},
        {"Recovery_gate_closed_ms", "61005"},
    };
  }

  /* The same, after `opened_by`. */
  static Variables open_gate(const std::string &opened_by) {
    Variables gate = closed_gate();
    set(&gate, "open", "ON");
    set(&gate, "state", "OPEN");
    set(&gate, "waiting_for", "");
    set(&gate, "opened_by", opened_by);
    if (opened_by != "NOT_NEEDED") return gate;
    set(&gate, "reason", "NONE");
    set(&gate, "ack_file", "");
    set(&gate, "ack_pos", "0");
    set(&gate, "closed_ms", "0");
    return gate;
  }

  static void set(Variables *gate, const std::string &name,
                  const std::string &value) {
    for (auto &[known, current] : *gate)
      if (known == "Recovery_gate_" + name) current = value;
  }

  static Rows as_rows(const Variables &gate) {
    Rows rows;
    rows.columns = {"Variable_name", "Value"};
    for (const auto &[name, value] : gate) rows.rows.push_back({name, value});
    return rows;
  }

  ServerError connect() override {
    ++connections;
    return connect_error;
  }

  ServerError query(const std::string &sql, Rows *rows) override {
    queries.push_back(sql);
    if (sql.rfind("SHOW GLOBAL STATUS", 0) == 0) {
      if (status_error) return status_error;
      *rows = as_rows(gate);
    } else if (sql.rfind("SET GLOBAL", 0) == 0) {
      if (set_error) return set_error;
      if (on_set) on_set();
    } else if (sql.rfind("SHOW ENGINE", 0) == 0) {
      rows->columns = {"Type", "Name", "Status"};
      rows->rows = {{"RECOVERY_GATE", "", page}};
    } else if (sql == "SHOW WARNINGS") {
      rows->columns = {"Level", "Code", "Message"};
      if (!note.empty()) rows->rows = {{"Note", "1105", note}};
    } else {
      *rows = surroundings;
    }
    return {};
  }

  Variables gate = closed_gate();
  ServerError connect_error, status_error, set_error;
  std::function<void()> on_set;
  std::string note, page;
  Rows surroundings;
  int connections = 0;
  std::vector<std::string> queries;
};

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_FAKE_SESSION_H
