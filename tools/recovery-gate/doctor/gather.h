// SPDX-License-Identifier: GPL-2.0-only
/*
  Asks servers for what the checks want to know. Nothing is written anywhere.
*/
#ifndef RECOVERY_GATE_TOOL_DOCTOR_GATHER_H
#define RECOVERY_GATE_TOOL_DOCTOR_GATHER_H

#include <string>

#include "client/connection.h"
#include "doctor/facts.h"

namespace recovery_gate::tool {

/* Connects, and asks for what matters of every server. */
ServerFacts gather(Session &session, const std::string &name);

/* Asks for the rest, of a session that is connected: who has an account, what
   is logged, what the gate's own page says. */
void gather_as_primary(Session &session, ServerFacts *facts);

/* What a server on this machine has on disk: its option files and the gate's
   state file. What cannot be read is left out. */
void gather_files(const OptionFiles &files, ServerFacts *facts);

/* Logs in as an account, and asks what the gate asks. `admit_users` is the
   server's. */
Rehearsal rehearse(Session &session, const std::string &account,
                   const std::string &admit_users);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_DOCTOR_GATHER_H
