#include "status_page.h"

#include <fmt/format.h>

#include <cstdlib>

#include "wording.h"

namespace recovery_gate::tool {
namespace {

constexpr std::size_t column = 14, width = 79;

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

const char *position_label(const GateStatus &gate) {
  if (!gate.open) return "Awaited";
  return gate.opened_by == "ACK" ? "Acknowledged" : "Never acked";
}

std::string transactions_text(const GateStatus &gate) {
  if (gate.xids_found == 0) return "no prepared transaction";
  return fmt::format(
      "{} prepared transaction{}: {} committed, {} rolled back, {} left to an "
      "XA coordinator",
      gate.xids_found, gate.xids_found == 1 ? "" : "s", gate.xids_committed,
      gate.xids_rolled_back, gate.xids_external);
}

std::string gate_page(const GateStatus &gate, const Surroundings &around) {
  std::string page;
  const bool was_closed = gate.reason != "NONE";
  if (gate.open) {
    page += entry("Gate", with_meaning("OPEN", why_open(gate.opened_by)));
    if (was_closed)
      page += entry(
          "Was closed",
          fmt::format("for {}, {}", duration_text(gate.closed_for),
                      with_meaning(gate.reason, why_closed(gate.reason))));
  } else {
    page += entry("Gate", "CLOSED for " + duration_text(gate.closed_for));
    page += entry("Because of",
                  with_meaning(gate.reason, why_closed(gate.reason)));
    page += entry(
        "Waiting for",
        with_meaning(gate.waiting_for, what_is_missing(gate.waiting_for)));
    const std::string limit = time_limit(gate, around);
    if (!limit.empty()) page += entry("Time limit", limit);
  }
  if (!gate.to_acknowledge.empty())
    page += entry(position_label(gate), to_string(gate.to_acknowledge));
  page += entry("Recovered", gate.recovered.empty()
                                 ? "nothing: there was no binary log"
                                 : fmt::format("up to {}, GTID {}",
                                               to_string(gate.recovered),
                                               gate.recovered_gtid.empty()
                                                   ? "none"
                                                   : gate.recovered_gtid));
  page += entry("Recovery met", transactions_text(gate));
  if (was_closed)
    page += entry("Logins",
                  fmt::format("{} turned away, {} let in while closed{}",
                              gate.rejected, gate.admitted,
                              gate.held == 0
                                  ? ""
                                  : fmt::format(", {} held", gate.held)));
  if (around.mode == "OFF")
    page += entry("Mode", "recovery_gate_mode is OFF: nobody is kept out, and "
                          "what is owed closes a later start");
  return page;
}

}  // namespace

std::string status_page(const Look &look, const Surroundings &around,
                        const std::string &where) {
  std::string page;
  if (look.kind == Look::Kind::TURNED_AWAY) {
    page += entry("Gate", "CLOSED");
    page += entry("It says", look.error.text);
    page += entry("Server", server_line(around, where));
    page += entry("What to do",
                  "To see more, use an account that may pass: one with "
                  "CONNECTION ADMIN, or one named in "
                  "recovery_gate_admit_users.");
    return page;
  }
  page += gate_page(look.gate, around);
  for (const std::string &replica : look.replicas)
    page += entry("Replica", replica);
  page += entry("Server", server_line(around, where));
  const std::string advice =
      look.advice.empty() ? what_to_do(look.gate) : look.advice;
  if (!advice.empty()) page += entry("What to do", advice);
  return page;
}

}  // namespace recovery_gate::tool
