// SPDX-License-Identifier: GPL-2.0-only
#include "wait_loop.h"

#include <fmt/format.h>

#include <algorithm>

#include "output.h"
#include "terminal.h"
#include "wording.h"

namespace recovery_gate::tool {
namespace {

constexpr milliseconds soon(250), later(1000), settled_in(10000),
    reminder(60000);

/* Often at first, when a replica is just about to connect. A rejection is
   counted, and may be logged, by the server. */
milliseconds next_look(const Look &look, milliseconds waited) {
  if (look.kind == Look::Kind::NOT_ADMITTED) return later;
  return waited < settled_in ? soon : later;
}

/* What has to differ for a new line: not the time that has passed. */
std::string awaited(const Look &look) {
  if (look.kind == Look::Kind::GATE)
    return look.gate.waiting_for + " " + to_string(look.gate.awaited) +
           how_many(look.gate) + of_replicas(look);
  return to_string(look.error);
}

/* Whether it is time for another line. */
bool is_due(const Moment &moment, std::optional<std::string> *last_awaited,
            milliseconds *last) {
  const std::string now_awaited = awaited(moment.look);
  if (*last_awaited == now_awaited && moment.waited - *last < reminder)
    return false;
  *last_awaited = now_awaited;
  *last = moment.waited;
  return true;
}

}  // namespace

ExitCode wait_until_open(const std::function<Look()> &look, Pace &pace,
                         Progress &progress, const WaitSettings &settings) {
  const Instant start = pace.now();
  Instant last_seen = start;
  for (;;) {
    const Look seen = look();
    const Instant now = pace.now();
    if (seen.kind == Look::Kind::GATE) last_seen = now;
    const milliseconds waited = now - start;
    const Moment moment{seen, waited, now - last_seen};
    const auto end = [&](ExitCode code) {
      progress.ended(code, moment);
      return code;
    };
    if (seen.is_open()) return end(ExitCode::OPEN);
    if (seen.kind == Look::Kind::NO_PLUGIN) return end(ExitCode::NO_PLUGIN);
    if (seen.kind == Look::Kind::UNREACHABLE &&
        (!settings.retry || !is_temporary(seen.error)))
      return end(ExitCode::UNREACHABLE);
    milliseconds pause = next_look(seen, waited);
    if (settings.timeout) {
      const milliseconds left = milliseconds(*settings.timeout) - waited;
      if (left <= milliseconds(0)) return end(ExitCode::TIMED_OUT);
      pause = std::min(pause, left);
    }
    progress.waiting(moment);
    pace.sleep(pause);
  }
}

void LogProgress::waiting(const Moment &moment) {
  if (is_due(moment, &awaited_, &last_))
    write_(one_line(moment.look, moment.unseen));
}

void LogProgress::ended(ExitCode code, const Moment &moment) {
  const std::string text = end_text(code, moment);
  if (code == ExitCode::OPEN)
    write_(text);
  else
    complain(text);
}

void JsonProgress::waiting(const Moment &moment) {
  if (!is_due(moment, &awaited_, &last_)) return;
  Json json = {{"result", "waiting"}, {"waited_ms", moment.waited.count()}};
  add_look(&json, moment.look);
  write_(json);
}

void JsonProgress::ended(ExitCode code, const Moment &moment) {
  Json json = result_of(code);
  json["waited_ms"] = moment.waited.count();
  add_look(&json, moment.look);
  if (moment.look.kind == Look::Kind::NO_PLUGIN)
    json["error"] = {{"message", no_plugin_text}};
  write_(json);
  if (code != ExitCode::OPEN) complain(end_text(code, moment));
}

void TerminalProgress::waiting(const Moment &moment) {
  redraw_line(short_line(moment.look, moment.unseen, line_room()));
}

void TerminalProgress::ended(ExitCode code, const Moment &moment) {
  clear_line();
  const std::string text = end_text(code, moment);
  if (code == ExitCode::OPEN)
    print(in_lines(text, line_room()) + "\n");
  else
    complain(text);
}

std::string end_text(ExitCode code, const Moment &moment) {
  const Look &look = moment.look;
  const std::string line = one_line(look, moment.unseen);
  switch (code) {
    case ExitCode::OPEN:
      if (look.gate.reason == "NONE") return line;
      return fmt::format("{}, after {}", line,
                         duration_text(look.gate.closed_for));
    case ExitCode::TIMED_OUT:
      return fmt::format("gave up after {}: {}", duration_text(moment.waited),
                         line);
    case ExitCode::NO_PLUGIN:
      return no_plugin_text;
    default:
      return to_string(look.error);
  }
}

}  // namespace recovery_gate::tool
