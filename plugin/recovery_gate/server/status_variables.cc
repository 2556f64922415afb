// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysql/plugin.h>
#include <sql_class.h>

#include <iterator>
#include <string>

#include "gate_service.h"
#include "status_variables.h"

namespace recovery_gate {
namespace {

/* What the variables are taken from, at one moment. */
struct Shown {
  GateSnapshot gate;
  RecoveredXids::Counts xids;
};

using Text = std::string;
using Number = unsigned long long;

struct StatusVariable {
  constexpr StatusVariable(const char *name, Text (*text)(const Shown &))
      : name(name), text(text) {}
  constexpr StatusVariable(const char *name, Number (*number)(const Shown &))
      : name(name), number(number) {}

  const char *name;  // after Recovery_gate_
  Text (*text)(const Shown &) = nullptr;
  Number (*number)(const Shown &) = nullptr;
};

#define VALUE(type, expression) \
  [](const Shown &now) -> type { return expression; }

constexpr StatusVariable status_variables[] = {
    {"open", VALUE(Text, is_open(now.gate.state) ? "ON" : "OFF")},
    {"state", VALUE(Text, state_name(now.gate.state))},
    {"reason", VALUE(Text, reason_name(now.gate.reason))},
    {"reason_code", VALUE(Number, reason_code(now.gate.reason))},
    {"waiting_for", VALUE(Text, waiting_for_name(now.gate.state))},
    {"waiting_for_code", VALUE(Number, waiting_for_code(now.gate.state))},
    {"opened_by", VALUE(Text, opened_by_name(now.gate.state))},
    {"recovered_file", VALUE(Text, now.gate.recovered_end.file)},
    {"recovered_pos", VALUE(Number, now.gate.recovered_end.offset)},
    {"recovered_gtid", VALUE(Text, now.gate.recovered_gtid)},
    {"ack_file", VALUE(Text, now.gate.awaited.file)},
    {"ack_pos", VALUE(Number, now.gate.awaited.offset)},
    {"xids_found", VALUE(Number, now.xids.found)},
    {"xids_committed", VALUE(Number, now.xids.committed)},
    {"xids_rolled_back", VALUE(Number, now.xids.rolled_back)},
    {"xids_external", VALUE(Number, now.xids.external)},
    {"connections_held", VALUE(Number, now.gate.held)},
    {"connections_rejected", VALUE(Number, now.gate.rejected)},
    {"connections_admitted", VALUE(Number, now.gate.admitted)},
    {"replicas_proven", VALUE(Number, now.gate.tally.proven)},
    {"replicas_needed", VALUE(Number, now.gate.tally.needed)},
    {"closed_ms", VALUE(Number, now.gate.closed_for.count())},
};

#undef VALUE

/* In memory that lives as long as the statement; null when there is none. */
st_mysql_show_var row(THD *thd, const StatusVariable &variable,
                      const Shown &now) {
  if (variable.text != nullptr) {
    const Text text = variable.text(now);
    return {variable.name, thd_strmake(thd, text.data(), text.size()),
            SHOW_CHAR};
  }
  const Number number = variable.number(now);
  return {variable.name, thd_memdup(thd, &number, sizeof number),
          SHOW_ULONGLONG};
}

int show(THD *thd, st_mysql_show_var *variable, void *, system_status_var *,
         enum_var_type) try {
  static st_mysql_show_var none[] = {{nullptr, nullptr, SHOW_UNDEF}};
  variable->type = SHOW_ARRAY;
  variable->value = reinterpret_cast<char *>(none);
  GateService &service = GateService::instance();
  const Shown now{service.snapshot(), service.xids.counts()};

  const auto rows = static_cast<st_mysql_show_var *>(thd_calloc(
      thd, (std::size(status_variables) + 1) * sizeof(st_mysql_show_var)));
  if (rows == nullptr) return 0;
  auto next = rows;
  for (const StatusVariable &each : status_variables) {
    *next = row(thd, each, now);
    if (next->value != nullptr) ++next;
  }
  *next = none[0];
  variable->value = reinterpret_cast<char *>(rows);
  return 0;
} catch (const std::bad_alloc &) {
  return 1;  // no rows
}

}  // namespace

st_mysql_show_var gate_status[] = {
    {"Recovery_gate", reinterpret_cast<char *>(&show), SHOW_FUNC},
    {nullptr, nullptr, SHOW_UNDEF}};

}  // namespace recovery_gate
