// SPDX-License-Identifier: GPL-2.0-only
#include "wording.h"

#include <fmt/format.h>

#include <optional>
#include <sstream>

#include "recovery_gate/gate/gate_state.h"

namespace recovery_gate::tool {
namespace {

/* Names that this tool does not know come from a newer plugin. */
template <typename Known>
std::string meaning_of(const std::optional<Known> &known) {
  return known ? meaning(*known) : std::string();
}

/* Columns in which "closed for 12 min 3 s, waiting for SEMISYNC_MASTER" fits.
 */
constexpr std::size_t room_for_long_line = 59;

/* A clause that is left out is missed less than one that ends in the middle;
   but not if that is most of the line. */
std::string cut_to(const std::string &text, std::size_t room) {
  constexpr std::size_t much = 15;
  constexpr char more[] = "...";
  if (text.size() <= room) return text;
  std::size_t clause = 0, word = 0;
  for (std::size_t i = 1; i <= room; ++i) {
    if (text[i] == ' ' && i + sizeof more - 1 <= room) word = i;
    if (i + 1 < text.size() && text[i + 1] == ' ' &&
        (text[i] == ';' || text[i] == ':' || text[i] == ','))
      clause = i;
  }
  return clause == 0 || word > clause + much ? text.substr(0, word) + more
                                             : text.substr(0, clause);
}

}  // namespace

std::string duration_text(std::chrono::milliseconds duration) {
  const long long ms = duration.count();
  const long long s = ms / 1000;
  const long long hundredths = ms / 10;  // cut, not rounded
  if (ms >= 10 && ms < 10000 && hundredths % 100 != 0)
    return fmt::format("{:.2f} s", static_cast<double>(hundredths) / 100);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  if (s < 86400) return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
  return fmt::format("{} d {} h", s / 86400, s / 3600 % 24);
}

std::string why_closed(const std::string &reason) {
  return meaning_of(find_reason(reason));
}

std::string what_is_missing(const std::string &waiting_for) {
  return meaning_of(find_closed(waiting_for));
}

std::string why_open(const std::string &opened_by) {
  return meaning_of(find_open(opened_by));
}

std::string how_many(const GateStatus &gate) {
  if (gate.open || gate.replicas_needed < 2) return {};
  return fmt::format(
      "{} of {} replicas are known to have everything that is in doubt",
      gate.replicas_proven, gate.replicas_needed);
}

std::string what_to_do(const GateStatus &gate) {
  // The same in all open states, also in one that a newer plugin has.
  const auto state = gate.open ? std::optional(GateState::OPEN_NOT_NEEDED)
                               : find_closed(gate.waiting_for);
  return state ? advice(*state) : std::string();
}

std::string of_replicas(const Look &look) {
  std::string text;
  for (const std::string &replica : look.replicas)
    text += "; " + printable(replica);
  return text;
}

std::string one_line(const Look &look, std::chrono::milliseconds unseen) {
  const GateStatus &gate = look.gate;
  switch (look.kind) {
    case Look::Kind::NO_PLUGIN:
      return "the server has no recovery gate";
    case Look::Kind::UNREACHABLE:
      return fmt::format("no server for {}: {}", duration_text(unseen),
                         printable(to_string(look.error)));
    case Look::Kind::NOT_ADMITTED:
      return fmt::format("not admitted for {}: {}", duration_text(unseen),
                         printable(look.error.text));
    case Look::Kind::GATE:
      break;
  }
  if (gate.open)
    return fmt::format("open ({}): {}", gate.opened_by,
                       why_open(gate.opened_by));
  std::string line = fmt::format(
      "closed for {}, waiting for {}: {}", duration_text(gate.closed_for),
      gate.waiting_for, what_is_missing(gate.waiting_for));
  if (const std::string counted = how_many(gate); !counted.empty())
    line += "; " + counted;
  if (gate.waiting_for != "OVERRIDE" && !gate.awaited.empty())
    line += "; the awaited position is " + to_string(gate.awaited);
  return line + of_replicas(look);
}

std::string short_line(const Look &look, std::chrono::milliseconds unseen,
                       std::size_t room) {
  const GateStatus &gate = look.gate;
  if (look.kind == Look::Kind::GATE && !gate.open && room < room_for_long_line)
    return cut_to(
        fmt::format("closed {}: {}: {}", duration_text(gate.closed_for),
                    gate.waiting_for, what_is_missing(gate.waiting_for)),
        room);
  return cut_to(one_line(look, unseen), room);
}

std::string in_lines(const std::string &text, std::size_t width) {
  std::string lines;
  std::size_t used = 0;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (used > 0) {
      const bool fits = used + 1 + word.size() <= width;
      lines += fits ? ' ' : '\n';
      used = fits ? used + 1 : 0;
    }
    lines += word;
    used += word.size();
  }
  return lines;
}

}  // namespace recovery_gate::tool
