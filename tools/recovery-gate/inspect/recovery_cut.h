// SPDX-License-Identifier: GPL-2.0-only
/* What crash recovery with init_rpl_role=SLAVE would cut off the binary log. */
#ifndef RECOVERY_GATE_TOOL_INSPECT_RECOVERY_CUT_H
#define RECOVERY_GATE_TOOL_INSPECT_RECOVERY_CUT_H

#include <string>
#include <vector>

#include "inspect/draft.h"

namespace recovery_gate::tool {

/* Options for a start as the primary, whatever the option file says. */
std::vector<std::string> keep_the_end(const Findings &f);

/* A clause. */
std::string may_be_cut(const Stretch &acknowledged);

/* Empty when recovery may cut all of it off. */
std::string cannot_be_cut(const Findings &f, const Stretch &lacking);

/* Warns of a start that would cut off what a replica has acknowledged. Once the
   verdict is known. */
void mind_the_cut(Draft *draft);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_RECOVERY_CUT_H
