/* Is this the server that the plugin was built for, and can it keep the
   promise in it? */
#ifndef RECOVERY_GATE_SERVER_IDENTITY_H
#define RECOVERY_GATE_SERVER_IDENTITY_H

#include <string>

namespace recovery_gate {

/* Empty, or why the plugin must not touch this server at all. Touches no
   server object except by its address and size. */
std::string server_mismatch();

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SERVER_IDENTITY_H
