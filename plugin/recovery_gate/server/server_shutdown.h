// SPDX-License-Identifier: GPL-2.0-only
/* How the server ends, and how the gate ends it. */
#ifndef RECOVERY_GATE_SERVER_SHUTDOWN_H
#define RECOVERY_GATE_SERVER_SHUTDOWN_H

namespace recovery_gate {

/* Begins a clean shutdown, as the SHUTDOWN statement does, and returns at
   once. The calling thread must have a THD. */
void shut_server_down();

/* A shutdown has begun. Any thread may ask; where it must not have begun a
   moment ago, a lock that shutdown takes has to say so. */
bool is_shutting_down();

/* While the server initialises its plugins: ends its start, as when a plugin
   that was loaded with FORCE fails. Nothing is recovered yet, and a crash is
   left for the next start to find. In a server of any release. */
[[noreturn]] void give_up_start();

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SERVER_SHUTDOWN_H
