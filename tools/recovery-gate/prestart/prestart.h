// SPDX-License-Identifier: GPL-2.0-only
#ifndef RECOVERY_GATE_TOOL_PRESTART_H
#define RECOVERY_GATE_TOOL_PRESTART_H

#include "command.h"

namespace recovery_gate::tool {

void add_prestart(CLI::App &tool, Invocation &invocation);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_PRESTART_H
