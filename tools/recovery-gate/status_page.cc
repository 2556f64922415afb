// SPDX-License-Identifier: GPL-2.0-only
#include "status_page.h"

#include <fmt/format.h>

#include <cstdlib>

#include "recovery_gate/gate/labelled_page.h"
#include "recovery_gate/gate/labels.h"
#include "wording.h"

namespace recovery_gate::tool {
namespace {

/* Of a text that came from a server. */
void add(LabelledPage *page, const char *label, const std::string &text) {
  page->line(label, printable(text));
}

std::string with_meaning(const std::string &name, const std::string &meaning) {
  return meaning.empty() ? name : name + ": " + meaning;
}

std::string time_limit(const GateStatus &gate, const Surroundings &around) {
  const std::chrono::seconds limit(
      std::strtoll(around.timeout.c_str(), nullptr, 10));
  if (limit.count() == 0) return {};
  const auto left = limit - gate.closed_for;
  return fmt::format(
      "{}, then {} ({})", duration_text(limit), around.timeout_action,
      left.count() > 0 ? "in " + duration_text(left) : "is over");
}

std::string server_line(const Surroundings &around, const std::string &where) {
  std::string text = where;
  if (!around.version.empty()) text += ", MariaDB " + around.version;
  if (!around.server_id.empty()) text += ", server_id " + around.server_id;
  return text;
}

std::string transactions_text(const GateStatus &gate) {
  return fmt::format(
      "{} found, {} committed, {} rolled back, {} left prepared for an XA "
      "coordinator",
      gate.xids_found, gate.xids_committed, gate.xids_rolled_back,
      gate.xids_external);
}

void add_gate(const Look &look, const Surroundings &around,
              LabelledPage *page) {
  const GateStatus &gate = look.gate;
  const bool was_closed = gate.reason != "NONE";
  const std::string &which = gate.open ? gate.opened_by : gate.waiting_for;
  add(page, label::state,
      which.empty() ? gate.state : gate.state + " (" + which + ")");
  add(page, label::reason, with_meaning(gate.reason, why_closed(gate.reason)));
  if (was_closed)
    add(page, gate.open ? label::was_closed_for : label::closed_for,
        duration_text(gate.closed_for));
  if (!which.empty())
    add(page, gate.open ? label::opened_by : label::waiting_for,
        with_meaning(which,
                     gate.open ? why_open(which) : what_is_missing(which)));
  const std::string limit = gate.open ? "" : time_limit(gate, around);
  if (!limit.empty()) add(page, label::time_limit, limit);
  add(page, label::recovered,
      gate.recovered.empty()
          ? "nothing: there was no binary log"
          : fmt::format(
                "{} (GTID {})", to_string(gate.recovered),
                gate.recovered_gtid.empty() ? "none" : gate.recovered_gtid));
  if (!gate.awaited.empty()) add(page, label::awaited, to_string(gate.awaited));
  std::vector<std::string> replicas = look.replicas;
  if (std::string counted = how_many(gate); !counted.empty())
    replicas.insert(replicas.begin(), std::move(counted));
  for (const std::string &replica : replicas)
    if (&replica == &replicas.front())
      add(page, label::replicas, replica);
    else
      page->more(printable(replica));
  if (was_closed) {
    if (!gate.open) add(page, label::held, std::to_string(gate.held));
    add(page, label::admitted, std::to_string(gate.admitted));
    add(page, label::rejected, std::to_string(gate.rejected));
  }
  add(page, label::prepared, transactions_text(gate));
  for (const std::string &trouble : look.replication)
    if (&trouble == &look.replication.front())
      add(page, label::replication, trouble);
    else
      page->more(printable(trouble));
  if (around.mode == "OFF")
    add(page, label::mode,
        "recovery_gate_mode is OFF: no client is kept out, and what is in doubt "
        "closes a later start");
}

}  // namespace

std::string status_page(const Look &look, const Surroundings &around,
                        const std::string &where, std::size_t width) {
  LabelledPage page(width);
  if (look.kind == Look::Kind::NOT_ADMITTED) {
    add(&page, label::state, "CLOSED");
    add(&page, label::why, look.error.text);
    add(&page, label::server, server_line(around, where));
    add(&page, label::what_to_do,
        "To see more, use an account that is admitted: one with CONNECTION "
        "ADMIN, or one named in recovery_gate_admit_users.");
    return page.text();
  }
  add_gate(look, around, &page);
  add(&page, label::server, server_line(around, where));
  const std::string advice =
      look.advice.empty() ? what_to_do(look.gate) : look.advice;
  if (!advice.empty()) add(&page, label::what_to_do, advice);
  return page.text();
}

}  // namespace recovery_gate::tool
