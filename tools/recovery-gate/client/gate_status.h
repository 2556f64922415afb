// SPDX-License-Identifier: GPL-2.0-only
/*
  What a server says of its gate: the Recovery_gate_* status variables, typed.
*/
#ifndef RECOVERY_GATE_TOOL_GATE_STATUS_H
#define RECOVERY_GATE_TOOL_GATE_STATUS_H

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/connection.h"
#include "output.h"
#include "recovery_gate/binlog/binlog_position.h"

namespace recovery_gate::tool {

struct GateStatus {
  bool open = false;
  std::string state, reason, waiting_for, opened_by;  // as the README has them
  /* Nothing when the server does not show them. */
  std::optional<std::uint64_t> reason_code, waiting_for_code;
  BinlogPosition recovered, awaited;  // empty: the server named none
  std::string recovered_gtid;
  std::uint64_t xids_found = 0, xids_committed = 0, xids_rolled_back = 0,
                xids_external = 0;
  std::uint64_t held = 0, rejected = 0, admitted = 0;
  /* Needed: 0 when the server does not count them. */
  std::uint64_t replicas_proven = 0, replicas_needed = 0;
  std::chrono::milliseconds closed_for{0};
  /* Those that this tool does not know, from a newer plugin. */
  std::vector<std::pair<std::string, std::string>> others;
};

/* What parse_status() reads the answer to. */
extern const char *const status_query;

/* Nothing when the server has no gate. What is not the number that it should be
   is 0. */
std::optional<GateStatus> parse_status(const Rows &answer);

/* Keys are the variables' names after "Recovery_gate_"; ON and OFF are true and
   false, numbers are numbers, and what is empty is null. */
Json to_json(const GateStatus &gate);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_GATE_STATUS_H
