// SPDX-License-Identifier: GPL-2.0-only
/* What inspect found, for a program. */
#ifndef RECOVERY_GATE_TOOL_INSPECT_FINDINGS_JSON_H
#define RECOVERY_GATE_TOOL_INSPECT_FINDINGS_JSON_H

#include "inspect/advice.h"
#include "output.h"

namespace recovery_gate::tool {

/* What follows `result` and `exit_code`: docs/recovery-gate-tool.md says what
   is in it. GTIDs are text, numbers are numbers, what is not known is null. */
void add_findings(const Findings &findings, const Advice &advice, Json *json);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_FINDINGS_JSON_H
