// SPDX-License-Identifier: GPL-2.0-only
/* May this server come back as a replica of the one that has taken over? */
#ifndef RECOVERY_GATE_TOOL_INSPECT_AS_REPLICA_H
#define RECOVERY_GATE_TOOL_INSPECT_AS_REPLICA_H

#include "inspect/draft.h"

namespace recovery_gate::tool {

/* Another server has taken over. */
void advise_as_replica(Draft *draft);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_AS_REPLICA_H
