// SPDX-License-Identifier: GPL-2.0-only
/*
  The gate's state machine: its states, its one table of allowed transitions,
  and what is said of each state wherever one is shown: status variables, error
  log, process list, SHOW ENGINE and the command-line tool.

  What an operator sees as four variables (state, waiting_for, opened_by,
  open) is one value here, so that no two of them can disagree:

    STARTING                  the server is still recovering; no client yet
    CLOSED_SEMISYNC_MASTER    closed; rpl_semi_sync_master_enabled is OFF
    CLOSED_REPLICA            closed; no semi-sync replica is connected
    CLOSED_ACK                closed; one is connected, no acknowledgement yet
    CLOSED_UNPROVABLE         closed; no acknowledgement can prove it any more
    CLOSED_PRIMARY            closed; the server that this one replicates from
  may have what is in doubt CLOSED_DIVERGED           closed; that server lacks
  what is in doubt OPEN_NOT_NEEDED           open; nothing was in doubt at this
  start OPEN_ACK                  open; a semi-sync replica acknowledged
    OPEN_OVERRIDE             open; an administrator opened it
    OPEN_TIMEOUT              open; recovery_gate_timeout_action=OPEN did
    OPEN_PRIMARY              open; the server that this one replicates from has
                              everything that was owed

  Open states are final: the gate guards a start of the server, and closes
  again at the next one.
*/
#ifndef RECOVERY_GATE_GATE_STATE_H
#define RECOVERY_GATE_GATE_STATE_H

#include <optional>
#include <string_view>

namespace recovery_gate {

enum class GateState {
  STARTING,
  CLOSED_SEMISYNC_MASTER,
  CLOSED_REPLICA,
  CLOSED_ACK,
  CLOSED_UNPROVABLE,
  CLOSED_PRIMARY,
  CLOSED_DIVERGED,
  OPEN_NOT_NEEDED,
  OPEN_ACK,
  OPEN_OVERRIDE,
  OPEN_TIMEOUT,
  OPEN_PRIMARY,
};

inline constexpr GateState all_gate_states[] = {
    GateState::STARTING,          GateState::CLOSED_SEMISYNC_MASTER,
    GateState::CLOSED_REPLICA,    GateState::CLOSED_ACK,
    GateState::CLOSED_UNPROVABLE, GateState::CLOSED_PRIMARY,
    GateState::CLOSED_DIVERGED,   GateState::OPEN_NOT_NEEDED,
    GateState::OPEN_ACK,          GateState::OPEN_OVERRIDE,
    GateState::OPEN_TIMEOUT,      GateState::OPEN_PRIMARY,
};

/* Why the gate was closed at this start; Recovery_gate_reason. */
enum class CloseReason { NONE, CRASH, UNACKED_SHUTDOWN, CARRIED_OVER, ALWAYS };

inline constexpr CloseReason all_close_reasons[] = {
    CloseReason::NONE,
    CloseReason::CRASH,
    CloseReason::UNACKED_SHUTDOWN,
    CloseReason::CARRIED_OVER,
    CloseReason::ALWAYS,
};

/* May the machine go from one state to another? Staying is not a transition:
   the table says false for it. */
bool is_allowed(GateState from, GateState to);

bool is_open(GateState state);

/* "OPEN" or "CLOSED": Recovery_gate_state. */
const char *state_name(GateState state);
/* "SEMISYNC_MASTER", "REPLICA", "ACK", "OVERRIDE", "PRIMARY", "DIVERGED", or ""
   when open or still starting: Recovery_gate_waiting_for. */
const char *waiting_for_name(GateState state);
/* The same as a number, for exporters, which pass on no text: 0 where that is
   empty. A number never changes its meaning. */
unsigned waiting_for_code(GateState state);
/* "NOT_NEEDED", "ACK", "OVERRIDE", "TIMEOUT", "PRIMARY", or "" while closed:
   Recovery_gate_opened_by. */
const char *opened_by_name(GateState state);
const char *reason_name(CloseReason reason);
unsigned reason_code(CloseReason reason);  // likewise; 0 is NONE

/* What a client is held for, for the process list, where it has 64 characters:
   "Held at the recovery gate: waiting for ACK". Empty when open. */
const char *held_name(GateState state);

/* All of a state in one word or two, for the error log: "CLOSED (ACK)". */
const char *full_name(GateState state);

/* In a clause without a full stop: what a closed gate lacks; why one is open;
   why it was closed. */
const char *meaning(GateState state);
const char *meaning(CloseReason reason);

/* What an operator can do, in sentences; "Nothing." when open. */
const char *advice(GateState state);

/* From the names above back to the state, for programs that read them from a
   server; nothing for a name that only a newer plugin has. */
std::optional<GateState> find_closed(std::string_view waiting_for);
std::optional<GateState> find_open(std::string_view opened_by);
std::optional<CloseReason> find_reason(std::string_view name);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_GATE_STATE_H
