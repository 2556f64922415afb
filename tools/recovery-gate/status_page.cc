#include "status_page.h"

#include <fmt/format.h>

#include <cstdlib>

#include "recovery_gate/gate/labels.h"
#include "wording.h"

namespace recovery_gate::tool {
namespace {

constexpr std::size_t column = label::text_column, width = 79;

/* "Label:        text", the text in a column of its own. */
std::string entry(const std::string &label, const std::string &raw) {
  const std::string text = printable(raw);
  std::string page = fmt::format("{:<{}}", label + ":", column);
  std::size_t used = column;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = text.find(' ', at);
    if (end == std::string::npos) end = text.size();
    const std::size_t length = end - at;
    if (used > column && used + 1 + length > width) {
      page += "\n" + std::string(column, ' ');
      used = column;
    }
    if (used > column) {
      page += ' ';
      ++used;
    }
    page.append(text, at, length);
    used += length;
    at = end + 1;
  }
  return page + "\n";
}

std::string with_meaning(const std::string &name, const std::string &meaning) {
  return meaning.empty() ? name : name + ": " + meaning;
}

std::string time_limit(const GateStatus &gate, const Surroundings &around) {
  const std::chrono::seconds limit(
      std::strtoll(around.timeout.c_str(), nullptr, 10));
  if (limit.count() == 0) return {};
  const auto left = limit - gate.closed_for;
  return fmt::format("{}, then {} ({})", duration_text(limit),
                     around.timeout_action,
                     left.count() > 0 ? "in " + duration_text(left)
                                      : "is over");
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

std::string gate_page(const GateStatus &gate, const Surroundings &around) {
  std::string page;
  const bool was_closed = gate.reason != "NONE";
  const std::string &which = gate.open ? gate.opened_by : gate.waiting_for;
  page += entry(label::state,
                which.empty() ? gate.state : gate.state + " (" + which + ")");
  page += entry(label::reason,
                with_meaning(gate.reason, why_closed(gate.reason)));
  if (was_closed)
    page += entry(gate.open ? label::was_closed_for : label::closed_for,
                  duration_text(gate.closed_for));
  page += gate.open ? entry(label::why, why_open(gate.opened_by))
                    : entry(label::waiting_for,
                            with_meaning(gate.waiting_for,
                                         what_is_missing(gate.waiting_for)));
  const std::string limit = gate.open ? "" : time_limit(gate, around);
  if (!limit.empty()) page += entry(label::time_limit, limit);
  page += entry(label::recovered,
                gate.recovered.empty()
                    ? "nothing: there was no binary log"
                    : fmt::format("{} (GTID {})", to_string(gate.recovered),
                                  gate.recovered_gtid.empty()
                                      ? "none"
                                      : gate.recovered_gtid));
  if (!gate.to_acknowledge.empty())
    page += entry(label::awaited, to_string(gate.to_acknowledge));
  if (was_closed) {
    if (!gate.open) page += entry(label::held, std::to_string(gate.held));
    page += entry(label::admitted, std::to_string(gate.admitted));
    page += entry(label::rejected, std::to_string(gate.rejected));
  }
  page += entry(label::prepared, transactions_text(gate));
  if (around.mode == "OFF")
    page += entry(label::mode, "recovery_gate_mode is OFF: nobody is kept out, "
                               "and what is owed closes a later start");
  return page;
}

}  // namespace

std::string status_page(const Look &look, const Surroundings &around,
                        const std::string &where) {
  std::string page;
  if (look.kind == Look::Kind::TURNED_AWAY) {
    page += entry(label::state, "CLOSED");
    page += entry(label::why, look.error.text);
    page += entry(label::server, server_line(around, where));
    page += entry(label::what_to_do,
                  "To see more, use an account that may pass: one with "
                  "CONNECTION ADMIN, or one named in "
                  "recovery_gate_admit_users.");
    return page;
  }
  page += gate_page(look.gate, around);
  for (const std::string &replica : look.replicas)
    page += entry(label::replicas, replica);
  page += entry(label::server, server_line(around, where));
  const std::string advice =
      look.advice.empty() ? what_to_do(look.gate) : look.advice;
  if (!advice.empty()) page += entry(label::what_to_do, advice);
  return page;
}

}  // namespace recovery_gate::tool
