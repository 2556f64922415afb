// SPDX-License-Identifier: GPL-2.0-only
/*
  What inspect found, as a page for a person and as JSON for a program.
*/
#ifndef RECOVERY_GATE_TOOL_INSPECT_PAGE_H
#define RECOVERY_GATE_TOOL_INSPECT_PAGE_H

#include <string>

#include "inspect/verdict.h"
#include "output.h"

namespace recovery_gate::tool {

std::string inspect_page(const Findings &findings, const Advice &advice);

/* What follows `result` and `exit_code`: docs/recovery-gate-tool.md says what
   is in it. GTIDs are text, numbers are numbers, what is not known is null. */
void add_findings(const Findings &findings, const Advice &advice, Json *json);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_PAGE_H
