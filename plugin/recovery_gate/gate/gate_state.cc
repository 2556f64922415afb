// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/gate_state.h"

namespace recovery_gate {
namespace {

using S = GateState;

/* All that is said of one state. */
struct Row {
  const char *state_name;
  const char *waiting_for;
  unsigned waiting_for_code;
  const char *opened_by;
  const char *full;
  const char *held;
  const char *meaning;
  const char *advice;
};

#define CLOSED_ROW(NAME, CODE, MEANING, ADVICE)                         \
  {                                                                     \
    "CLOSED", NAME, CODE, "", "CLOSED (" NAME ")",                      \
        "Held at the recovery gate: waiting for " NAME, MEANING, ADVICE \
  }
#define OPEN_ROW(NAME, MEANING) \
  { "OPEN", "", 0, NAME, "OPEN (" NAME ")", "", MEANING, "Nothing." }

/*
  A state that is added has to have a row here: the compiler insists. Alerts and
  dashboards know the codes: one never changes, and is never used again.
*/
constexpr Row row_of(S state) {
  switch (state) {
    case S::STARTING:
      return {"CLOSED",
              "",
              0,
              "",
              "CLOSED (starting)",
              "Held at the recovery gate",
              "the server is starting",
              "Wait until the server has started."};
    case S::CLOSED_SEMISYNC_MASTER:
      return CLOSED_ROW(
          "SEMISYNC_MASTER", 1,
          "rpl_semi_sync_master_enabled is OFF, so no replica can acknowledge "
          "anything",
          "SET GLOBAL rpl_semi_sync_master_enabled=ON here, and set it in the "
          "option file; then STOP SLAVE IO_THREAD and START SLAVE IO_THREAD on "
          "each replica.");
    case S::CLOSED_REPLICA:
      return CLOSED_ROW(
          "REPLICA", 2, "no semi-sync replica is connected",
          "Have a semi-sync replica connect: rpl_semi_sync_slave_enabled=ON and "
          "START SLAVE there, then check SHOW SLAVE STATUS. Asynchronous "
          "replicas do not count. If no replica is left, SET GLOBAL "
          "recovery_gate_open_now=ON here opens the gate and gives up the "
          "guarantee.");
    case S::CLOSED_ACK:
      return CLOSED_ROW(
          "ACK", 3,
          "a semi-sync replica is connected and has not acknowledged yet",
          "Wait: the replica is receiving the binary log. SHOW SLAVE STATUS "
          "there shows how far it has come; if it does not move, an error is "
          "shown there.");
    case S::CLOSED_UNPROVABLE:
      return CLOSED_ROW(
          "OVERRIDE", 4,
          "no acknowledgement can prove any longer that a replica has what was "
          "recovered; only an administrator can open the gate, with SET GLOBAL "
          "recovery_gate_open_now=ON",
          "Compare this server with its replicas. Then make another server the "
          "primary, or open the gate manually, which gives up the guarantee: SET "
          "GLOBAL recovery_gate_open_now=ON here, or recovery-gate open.");
    case S::CLOSED_PRIMARY:
      return CLOSED_ROW(
          "PRIMARY", 5,
          "this server replicates from another one, and it is not known whether "
          "that one has what is in doubt",
          "Check SHOW ALL SLAVES STATUS here: once the primary can be asked, the "
          "gate opens by itself if it has everything.");
    case S::CLOSED_DIVERGED:
      return CLOSED_ROW(
          "DIVERGED", 6,
          "the server that this one replicates from lacks what is in doubt",
          "This server has transactions that its primary lacks. See which: "
          "recovery-gate inspect. Bring the rows over to the primary, or rebuild "
          "this server from it. SET GLOBAL recovery_gate_open_now=ON here gives up "
          "the guarantee.");
    case S::OPEN_NOT_NEEDED:
      return OPEN_ROW("NOT_NEEDED", "this start had nothing to wait for");
    case S::OPEN_ACK:
      return OPEN_ROW("ACK",
                      "a semi-sync replica has everything that was in doubt");
    case S::OPEN_OVERRIDE:
      return OPEN_ROW(
          "OVERRIDE",
          "an administrator opened it manually and gave up the guarantee");
    case S::OPEN_TIMEOUT:
      return OPEN_ROW(
          "TIMEOUT",
          "recovery_gate_timeout_action=OPEN opened it and gave up the "
          "guarantee");
    case S::OPEN_PRIMARY:
      return OPEN_ROW("PRIMARY",
                      "the server that this one replicates from has everything "
                      "that was in doubt");
  }
  return {};
}

#undef CLOSED_ROW
#undef OPEN_ROW

struct ReasonRow {
  const char *name;
  unsigned code;
  const char *meaning;
};

constexpr ReasonRow row_of(CloseReason reason) {
  switch (reason) {
    case CloseReason::NONE:
      return {"NONE", 0, "it was not closed at this start"};
    case CloseReason::CRASH:
      return {"CRASH", 1,
              "the server crashed, and what it wrote last may not be on any "
              "replica"};
    case CloseReason::UNACKED_SHUTDOWN:
      return {"UNACKED_SHUTDOWN", 2,
              "the server was shut down before a replica had acknowledged "
              "everything"};
    case CloseReason::CARRIED_OVER:
      return {"CARRIED_OVER", 3,
              "an earlier start ended before everything was acknowledged"};
    case CloseReason::ALWAYS:
      return {"ALWAYS", 4, "recovery_gate_mode is ALWAYS"};
  }
  return {};
}

constexpr bool has(const char *text) { return *text != '\0'; }

struct Transition {
  S from, to;
};

/*
  The whole machine. Two absences carry the guarantee: nothing leads out of an
  open state, and no acknowledgement opens a gate that waits in
  CLOSED_UNPROVABLE.
*/
constexpr Transition transitions[] = {
    {S::STARTING, S::OPEN_NOT_NEEDED},
    {S::STARTING, S::CLOSED_SEMISYNC_MASTER},
    {S::STARTING, S::CLOSED_REPLICA},
    {S::STARTING, S::CLOSED_ACK},
    {S::STARTING, S::CLOSED_UNPROVABLE},
    {S::STARTING, S::CLOSED_PRIMARY},
    {S::STARTING, S::CLOSED_DIVERGED},

    {S::CLOSED_SEMISYNC_MASTER, S::CLOSED_REPLICA},
    {S::CLOSED_SEMISYNC_MASTER, S::CLOSED_ACK},
    {S::CLOSED_SEMISYNC_MASTER, S::CLOSED_UNPROVABLE},
    {S::CLOSED_SEMISYNC_MASTER, S::CLOSED_PRIMARY},
    {S::CLOSED_SEMISYNC_MASTER, S::CLOSED_DIVERGED},
    {S::CLOSED_SEMISYNC_MASTER, S::OPEN_ACK},
    {S::CLOSED_SEMISYNC_MASTER, S::OPEN_PRIMARY},
    {S::CLOSED_SEMISYNC_MASTER, S::OPEN_OVERRIDE},
    {S::CLOSED_SEMISYNC_MASTER, S::OPEN_TIMEOUT},

    {S::CLOSED_REPLICA, S::CLOSED_SEMISYNC_MASTER},
    {S::CLOSED_REPLICA, S::CLOSED_ACK},
    {S::CLOSED_REPLICA, S::CLOSED_UNPROVABLE},
    {S::CLOSED_REPLICA, S::CLOSED_PRIMARY},
    {S::CLOSED_REPLICA, S::CLOSED_DIVERGED},
    {S::CLOSED_REPLICA, S::OPEN_ACK},
    {S::CLOSED_REPLICA, S::OPEN_PRIMARY},
    {S::CLOSED_REPLICA, S::OPEN_OVERRIDE},
    {S::CLOSED_REPLICA, S::OPEN_TIMEOUT},

    {S::CLOSED_ACK, S::CLOSED_SEMISYNC_MASTER},
    {S::CLOSED_ACK, S::CLOSED_REPLICA},
    {S::CLOSED_ACK, S::CLOSED_UNPROVABLE},
    {S::CLOSED_ACK, S::CLOSED_PRIMARY},
    {S::CLOSED_ACK, S::CLOSED_DIVERGED},
    {S::CLOSED_ACK, S::OPEN_ACK},
    {S::CLOSED_ACK, S::OPEN_PRIMARY},
    {S::CLOSED_ACK, S::OPEN_OVERRIDE},
    {S::CLOSED_ACK, S::OPEN_TIMEOUT},

    {S::CLOSED_UNPROVABLE, S::CLOSED_PRIMARY},
    {S::CLOSED_UNPROVABLE, S::CLOSED_DIVERGED},
    {S::CLOSED_UNPROVABLE, S::OPEN_PRIMARY},
    {S::CLOSED_UNPROVABLE, S::OPEN_OVERRIDE},
    {S::CLOSED_UNPROVABLE, S::OPEN_TIMEOUT},

    {S::CLOSED_PRIMARY, S::CLOSED_SEMISYNC_MASTER},
    {S::CLOSED_PRIMARY, S::CLOSED_REPLICA},
    {S::CLOSED_PRIMARY, S::CLOSED_ACK},
    {S::CLOSED_PRIMARY, S::CLOSED_UNPROVABLE},
    {S::CLOSED_PRIMARY, S::CLOSED_DIVERGED},
    {S::CLOSED_PRIMARY, S::OPEN_ACK},
    {S::CLOSED_PRIMARY, S::OPEN_PRIMARY},
    {S::CLOSED_PRIMARY, S::OPEN_OVERRIDE},
    {S::CLOSED_PRIMARY, S::OPEN_TIMEOUT},

    {S::CLOSED_DIVERGED, S::CLOSED_SEMISYNC_MASTER},
    {S::CLOSED_DIVERGED, S::CLOSED_REPLICA},
    {S::CLOSED_DIVERGED, S::CLOSED_ACK},
    {S::CLOSED_DIVERGED, S::CLOSED_UNPROVABLE},
    {S::CLOSED_DIVERGED, S::CLOSED_PRIMARY},
    {S::CLOSED_DIVERGED, S::OPEN_ACK},
    {S::CLOSED_DIVERGED, S::OPEN_PRIMARY},
    {S::CLOSED_DIVERGED, S::OPEN_OVERRIDE},
    {S::CLOSED_DIVERGED, S::OPEN_TIMEOUT},
};

}  // namespace

bool is_allowed(S from, S to) {
  for (const Transition &t : transitions)
    if (t.from == from && t.to == to) return true;
  return false;
}

bool is_open(S state) { return has(row_of(state).opened_by); }
const char *state_name(S state) { return row_of(state).state_name; }
const char *waiting_for_name(S state) { return row_of(state).waiting_for; }
unsigned waiting_for_code(S state) { return row_of(state).waiting_for_code; }
const char *opened_by_name(S state) { return row_of(state).opened_by; }
const char *held_name(S state) { return row_of(state).held; }
const char *full_name(S state) { return row_of(state).full; }
const char *meaning(S state) { return row_of(state).meaning; }
const char *advice(S state) { return row_of(state).advice; }

const char *reason_name(CloseReason reason) { return row_of(reason).name; }
unsigned reason_code(CloseReason reason) { return row_of(reason).code; }
const char *meaning(CloseReason reason) { return row_of(reason).meaning; }

std::optional<GateState> find_closed(std::string_view waiting_for) {
  for (const S state : all_gate_states)
    if (!waiting_for.empty() && waiting_for == waiting_for_name(state))
      return state;
  return std::nullopt;
}

std::optional<GateState> find_open(std::string_view opened_by) {
  for (const S state : all_gate_states)
    if (!opened_by.empty() && opened_by == opened_by_name(state)) return state;
  return std::nullopt;
}

std::optional<CloseReason> find_reason(std::string_view name) {
  for (const CloseReason reason : all_close_reasons)
    if (name == reason_name(reason)) return reason;
  return std::nullopt;
}

}  // namespace recovery_gate
