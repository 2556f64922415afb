// SPDX-License-Identifier: GPL-2.0-only
/* The seam to the end of the server's start, and to what it demands of threads.
 */
#ifndef RECOVERY_GATE_SERVER_START_H
#define RECOVERY_GATE_SERVER_START_H

namespace recovery_gate {

/* Blocks the calling thread until the server is ready for connections. False
   when the thread's interruption was requested (Boost.Thread) before that, and
   stop_waiting_for_server() called. */
bool wait_for_server();
void stop_waiting_for_server() noexcept;

/* Around all that a thread without a THD calls in the server. */
void start_server_thread();
void end_server_thread();

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SERVER_START_H
