#include "wording.h"

#include <fmt/format.h>

namespace recovery_gate::tool {
namespace {

struct Meaning {
  const char *name;
  const char *text;
};

template <std::size_t count>
std::string meaning_of(const std::string &name,
                       const Meaning (&meanings)[count]) {
  for (const Meaning &meaning : meanings)
    if (name == meaning.name) return meaning.text;
  return {};
}

constexpr Meaning reasons[] = {
    {"NONE", "it was not closed at this start"},
    {"CRASH", "the server crashed, and what it had written last may be on no "
              "replica"},
    {"UNACKED_SHUTDOWN", "the server was shut down before a replica had "
                         "acknowledged all"},
    {"CARRIED_OVER", "an earlier start ended before all was acknowledged"},
    {"ALWAYS", "recovery_gate_mode is ALWAYS"},
};

constexpr Meaning missing[] = {
    {"SEMISYNC_MASTER", "semi-sync is off on this server"},
    {"REPLICA", "no semi-sync replica is connected"},
    {"ACK", "a semi-sync replica is connected and has not acknowledged yet"},
    {"OVERRIDE", "no acknowledgement can prove any more what was recovered"},
};

constexpr Meaning openings[] = {
    {"NOT_NEEDED", "this start had nothing to wait for"},
    {"ACK", "a semi-sync replica acknowledged everything"},
    {"OVERRIDE", "opened by hand: the promise was given up"},
    {"TIMEOUT", "opened by recovery_gate_timeout_action: the promise was given "
                "up"},
};

constexpr Meaning advice[] = {
    {"SEMISYNC_MASTER",
     "SET GLOBAL rpl_semi_sync_master_enabled=ON here and put it into the "
     "configuration, then STOP SLAVE IO_THREAD; START SLAVE IO_THREAD on each "
     "replica."},
    {"REPLICA",
     "Have a semi-sync replica connect: rpl_semi_sync_slave_enabled=ON and "
     "START SLAVE there, then read SHOW SLAVE STATUS. Asynchronous replicas do "
     "not count."},
    {"ACK",
     "Wait: the replica is receiving the binary log. SHOW SLAVE STATUS there "
     "says how far it is; when nothing moves, look for an error in it."},
    {"OVERRIDE",
     "Compare this server with its replicas. Then make another server the "
     "primary, or open by hand: recovery-gate open"},
};

}  // namespace

std::string duration_text(std::chrono::milliseconds duration) {
  const long long ms = duration.count();
  const long long s = ms / 1000;
  if (ms >= 10 && ms < 10000 && ms % 1000 >= 10)
    return fmt::format("{:.2f} s", static_cast<double>(ms / 10) / 100);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  if (s < 86400) return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
  return fmt::format("{} d {} h", s / 86400, s / 3600 % 24);
}

std::string why_closed(const std::string &reason) {
  return meaning_of(reason, reasons);
}

std::string what_is_missing(const std::string &waiting_for) {
  return meaning_of(waiting_for, missing);
}

std::string why_open(const std::string &opened_by) {
  return meaning_of(opened_by, openings);
}

std::string what_to_do(const GateStatus &gate) {
  if (gate.open) return "Nothing.";
  return meaning_of(gate.waiting_for, advice);
}

std::string one_line(const Look &look, std::chrono::milliseconds unseen) {
  const GateStatus &gate = look.gate;
  switch (look.kind) {
    case Look::Kind::NO_PLUGIN:
      return "the server has no recovery gate";
    case Look::Kind::UNREACHABLE:
      return fmt::format("no server for {}: {}", duration_text(unseen),
                         printable(to_string(look.error)));
    case Look::Kind::TURNED_AWAY:
      return fmt::format("turned away for {}: {}", duration_text(unseen),
                         printable(look.error.text));
    case Look::Kind::GATE:
      break;
  }
  if (gate.open)
    return fmt::format("open ({}): {}", gate.opened_by,
                       why_open(gate.opened_by));
  std::string line =
      fmt::format("closed for {}, waiting for {}: {}",
                  duration_text(gate.closed_for), gate.waiting_for,
                  what_is_missing(gate.waiting_for));
  if (gate.waiting_for != "OVERRIDE" && !gate.to_acknowledge.empty())
    line += "; awaited is " + to_string(gate.to_acknowledge);
  return line;
}

}  // namespace recovery_gate::tool
