/* The one thing that the gate makes the server do. */
#ifndef RECOVERY_GATE_SERVER_CONTROL_H
#define RECOVERY_GATE_SERVER_CONTROL_H

namespace recovery_gate {

/* Begins a clean shutdown, as the SHUTDOWN statement does, and returns at
   once. The calling thread must have a THD. */
void shut_server_down();

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SERVER_CONTROL_H
