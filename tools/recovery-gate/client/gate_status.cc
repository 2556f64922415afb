// SPDX-License-Identifier: GPL-2.0-only
#include "client/gate_status.h"

#include <functional>
#include <map>

#include "client/number.h"

namespace recovery_gate::tool {
namespace {

constexpr char prefix[] = "Recovery_gate_";
constexpr std::size_t prefix_length = sizeof prefix - 1;

Json or_null(const std::string &text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

/* A position that does not exist has no offset either. */
Json offset_or_null(const BinlogPosition &position) {
  return position.empty() ? Json(nullptr) : Json(position.offset);
}

/* False: not one of those that are known. */
bool set(GateStatus *gate, const std::string &name, const std::string &value) {
  using Setter = std::function<void(GateStatus &, const std::string &)>;
  const auto text = [](std::string GateStatus::*target) -> Setter {
    return [target](GateStatus &g, const std::string &v) { g.*target = v; };
  };
  const auto count = [](std::uint64_t GateStatus::*target) -> Setter {
    return [target](GateStatus &g, const std::string &v) {
      g.*target = number_of<std::uint64_t>(v);
    };
  };
  const auto code =
      [](std::optional<std::uint64_t> GateStatus::*target) -> Setter {
    return [target](GateStatus &g, const std::string &v) {
      g.*target = number_of<std::uint64_t>(v);
    };
  };
  using G = GateStatus;
  static const std::map<std::string, Setter> setters = {
      {"open", [](G &g, const std::string &v) { g.open = v == "ON"; }},
      {"state", text(&G::state)},
      {"reason", text(&G::reason)},
      {"reason_code", code(&G::reason_code)},
      {"waiting_for", text(&G::waiting_for)},
      {"waiting_for_code", code(&G::waiting_for_code)},
      {"opened_by", text(&G::opened_by)},
      {"recovered_file",
       [](G &g, const std::string &v) { g.recovered.file = v; }},
      {"recovered_pos",
       [](G &g, const std::string &v) {
         g.recovered.offset = number_of<std::uint64_t>(v);
       }},
      {"recovered_gtid", text(&G::recovered_gtid)},
      {"ack_file", [](G &g, const std::string &v) { g.awaited.file = v; }},
      {"ack_pos",
       [](G &g, const std::string &v) {
         g.awaited.offset = number_of<std::uint64_t>(v);
       }},
      {"xids_found", count(&G::xids_found)},
      {"xids_committed", count(&G::xids_committed)},
      {"xids_rolled_back", count(&G::xids_rolled_back)},
      {"xids_external", count(&G::xids_external)},
      {"connections_held", count(&G::held)},
      {"connections_rejected", count(&G::rejected)},
      {"connections_admitted", count(&G::admitted)},
      {"replicas_proven", count(&G::replicas_proven)},
      {"replicas_needed", count(&G::replicas_needed)},
      {"closed_ms",
       [](G &g, const std::string &v) {
         g.closed_for = std::chrono::milliseconds(number_of<std::uint64_t>(v));
       }},
  };
  const auto found = setters.find(name);
  if (found == setters.end()) return false;
  found->second(*gate, value);
  return true;
}

}  // namespace

const char *const status_query =
    "SHOW GLOBAL STATUS LIKE 'Recovery\\_gate\\_%'";

std::optional<GateStatus> parse_status(const Rows &answer) {
  GateStatus gate;
  bool has_gate = false;
  for (std::size_t row = 0; row < answer.size(); ++row) {
    std::string name = answer.value(row, "Variable_name").value_or("");
    const std::string value = answer.value(row, "Value").value_or("");
    if (name.compare(0, prefix_length, prefix) != 0) continue;
    name.erase(0, prefix_length);
    if (name == "open") has_gate = true;
    if (!set(&gate, name, value)) gate.others.emplace_back(name, value);
  }
  if (!has_gate) return std::nullopt;
  return gate;
}

Json to_json(const GateStatus &gate) {
  Json json = {
      {"open", gate.open},
      {"state", gate.state},
      {"reason", gate.reason},
      {"waiting_for", or_null(gate.waiting_for)},
      {"opened_by", or_null(gate.opened_by)},
      {"recovered_file", or_null(gate.recovered.file)},
      {"recovered_pos", offset_or_null(gate.recovered)},
      {"recovered_gtid", or_null(gate.recovered_gtid)},
      {"ack_file", or_null(gate.awaited.file)},
      {"ack_pos", offset_or_null(gate.awaited)},
      {"xids_found", gate.xids_found},
      {"xids_committed", gate.xids_committed},
      {"xids_rolled_back", gate.xids_rolled_back},
      {"xids_external", gate.xids_external},
      {"connections_held", gate.held},
      {"connections_rejected", gate.rejected},
      {"connections_admitted", gate.admitted},
      {"closed_ms", gate.closed_for.count()},
  };
  if (gate.replicas_needed > 0) {
    json["replicas_proven"] = gate.replicas_proven;
    json["replicas_needed"] = gate.replicas_needed;
  }
  if (gate.reason_code) json["reason_code"] = *gate.reason_code;
  if (gate.waiting_for_code) json["waiting_for_code"] = *gate.waiting_for_code;
  for (const auto &[name, value] : gate.others) json[name] = value;
  return json;
}

}  // namespace recovery_gate::tool
