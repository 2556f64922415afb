// SPDX-License-Identifier: GPL-2.0-only
/* What inspect found, for a person. */
#ifndef RECOVERY_GATE_TOOL_INSPECT_PAGE_H
#define RECOVERY_GATE_TOOL_INSPECT_PAGE_H

#include <string>

#include "inspect/advice.h"

namespace recovery_gate::tool {

std::string inspect_page(const Findings &findings, const Advice &advice);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_PAGE_H
