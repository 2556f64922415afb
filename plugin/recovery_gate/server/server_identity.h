// SPDX-License-Identifier: GPL-2.0-only
/* Is this the server that the plugin was built for, and can it keep the
   guarantee in it? */
#ifndef RECOVERY_GATE_SERVER_IDENTITY_H
#define RECOVERY_GATE_SERVER_IDENTITY_H

#include "recovery_gate/base/failure.h"

namespace recovery_gate {

/* Why the plugin must not touch this server at all, if so. Touches no server
   object except by its address and size. */
Failure server_mismatch();

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SERVER_IDENTITY_H
