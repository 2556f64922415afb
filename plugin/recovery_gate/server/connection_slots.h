// SPDX-License-Identifier: GPL-2.0-only
/*
  The seam to the number of connections that the server can serve.
*/
#ifndef RECOVERY_GATE_CONNECTION_SLOTS_H
#define RECOVERY_GATE_CONNECTION_SLOTS_H

#include <cstdint>

class THD;

namespace recovery_gate {

/* How many the server can serve at once where this one came in; 0: too few for
   any to be held. */
std::uint32_t connection_slots(const THD *thd);

/* Hardly an eighth of the server's connections is free, be the others logged
   in, held, or about to log in. Any thread, once the server has started. */
bool connection_slots_are_scarce();

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_CONNECTION_SLOTS_H
