// SPDX-License-Identifier: GPL-2.0-only
/* May this server come back as the primary, as far as the others are known? */
#ifndef RECOVERY_GATE_TOOL_INSPECT_AS_PRIMARY_H
#define RECOVERY_GATE_TOOL_INSPECT_AS_PRIMARY_H

#include "inspect/draft.h"

namespace recovery_gate::tool {

/* No other server is known to have taken over. */
void advise_as_primary(Draft *draft);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_AS_PRIMARY_H
