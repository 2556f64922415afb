#include "recovery_gate/gate/gate_state.h"

namespace recovery_gate {
namespace {

using S = GateState;

struct Names {
  S state;
  const char *state_name;
  const char *waiting_for;
  const char *opened_by;
  const char *full;
  const char *held;
};

constexpr Names names[] = {
    {S::STARTING, "CLOSED", "", "", "CLOSED (starting)",
     "Held at the recovery gate"},
    {S::CLOSED_SEMISYNC_MASTER, "CLOSED", "SEMISYNC_MASTER", "",
     "CLOSED (SEMISYNC_MASTER)",
     "Held at the recovery gate: waiting for SEMISYNC_MASTER"},
    {S::CLOSED_REPLICA, "CLOSED", "REPLICA", "", "CLOSED (REPLICA)",
     "Held at the recovery gate: waiting for REPLICA"},
    {S::CLOSED_ACK, "CLOSED", "ACK", "", "CLOSED (ACK)",
     "Held at the recovery gate: waiting for ACK"},
    {S::CLOSED_OVERRIDE, "CLOSED", "OVERRIDE", "", "CLOSED (OVERRIDE)",
     "Held at the recovery gate: waiting for OVERRIDE"},
    {S::OPEN_NOT_NEEDED, "OPEN", "", "NOT_NEEDED", "OPEN (NOT_NEEDED)", ""},
    {S::OPEN_ACK, "OPEN", "", "ACK", "OPEN (ACK)", ""},
    {S::OPEN_OVERRIDE, "OPEN", "", "OVERRIDE", "OPEN (OVERRIDE)", ""},
    {S::OPEN_TIMEOUT, "OPEN", "", "TIMEOUT", "OPEN (TIMEOUT)", ""},
};

struct Transition {
  S from, to;
};

/*
  The whole machine. Two absences carry the promise: nothing leads out of an
  open state, and nothing but an administrator or a time-out that was asked
  for leads out of CLOSED_OVERRIDE.
*/
constexpr Transition transitions[] = {
    {S::STARTING, S::OPEN_NOT_NEEDED},
    {S::STARTING, S::CLOSED_SEMISYNC_MASTER},
    {S::STARTING, S::CLOSED_REPLICA},
    {S::STARTING, S::CLOSED_ACK},
    {S::STARTING, S::CLOSED_OVERRIDE},

    {S::CLOSED_SEMISYNC_MASTER, S::CLOSED_REPLICA},
    {S::CLOSED_SEMISYNC_MASTER, S::CLOSED_ACK},
    {S::CLOSED_SEMISYNC_MASTER, S::CLOSED_OVERRIDE},
    {S::CLOSED_SEMISYNC_MASTER, S::OPEN_ACK},
    {S::CLOSED_SEMISYNC_MASTER, S::OPEN_OVERRIDE},
    {S::CLOSED_SEMISYNC_MASTER, S::OPEN_TIMEOUT},

    {S::CLOSED_REPLICA, S::CLOSED_SEMISYNC_MASTER},
    {S::CLOSED_REPLICA, S::CLOSED_ACK},
    {S::CLOSED_REPLICA, S::CLOSED_OVERRIDE},
    {S::CLOSED_REPLICA, S::OPEN_ACK},
    {S::CLOSED_REPLICA, S::OPEN_OVERRIDE},
    {S::CLOSED_REPLICA, S::OPEN_TIMEOUT},

    {S::CLOSED_ACK, S::CLOSED_SEMISYNC_MASTER},
    {S::CLOSED_ACK, S::CLOSED_REPLICA},
    {S::CLOSED_ACK, S::CLOSED_OVERRIDE},
    {S::CLOSED_ACK, S::OPEN_ACK},
    {S::CLOSED_ACK, S::OPEN_OVERRIDE},
    {S::CLOSED_ACK, S::OPEN_TIMEOUT},

    {S::CLOSED_OVERRIDE, S::OPEN_OVERRIDE},
    {S::CLOSED_OVERRIDE, S::OPEN_TIMEOUT},
};

const Names &names_of(S state) {
  for (const Names &entry : names)
    if (entry.state == state) return entry;
  return names[0];
}

}  // namespace

bool is_allowed(S from, S to) {
  for (const Transition &t : transitions)
    if (t.from == from && t.to == to) return true;
  return false;
}

bool is_open(S state) { return *names_of(state).opened_by != '\0'; }
const char *state_name(S state) { return names_of(state).state_name; }
const char *waiting_for_name(S state) { return names_of(state).waiting_for; }
const char *opened_by_name(S state) { return names_of(state).opened_by; }
const char *held_name(S state) { return names_of(state).held; }
const char *full_name(S state) { return names_of(state).full; }

const char *reason_name(CloseReason reason) {
  switch (reason) {
    case CloseReason::NONE: return "NONE";
    case CloseReason::CRASH: return "CRASH";
    case CloseReason::UNACKED_SHUTDOWN: return "UNACKED_SHUTDOWN";
    case CloseReason::CARRIED_OVER: return "CARRIED_OVER";
    case CloseReason::ALWAYS: return "ALWAYS";
  }
  return "NONE";
}

}  // namespace recovery_gate
