// SPDX-License-Identifier: GPL-2.0-only
#ifndef RECOVERY_GATE_TOOL_WAIT_H
#define RECOVERY_GATE_TOOL_WAIT_H

#include "command.h"

namespace recovery_gate::tool {

void add_wait(CLI::App &tool, Invocation &invocation);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_WAIT_H
