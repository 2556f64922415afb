// SPDX-License-Identifier: GPL-2.0-only
#ifndef RECOVERY_GATE_TOOL_INSPECT_EXAMINE_H
#define RECOVERY_GATE_TOOL_INSPECT_EXAMINE_H

#include "inspect/findings.h"

namespace recovery_gate::tool {

/* Reads the state file and the logs, and fills in what follows from them and
   from `directory`, with its binary logs found, `options` and `replicas`. */
void examine(Findings *findings, DoubtCounter::Options shown);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_EXAMINE_H
