// SPDX-License-Identifier: GPL-2.0-only
/* The command that starts this server, for a person and for a shell. */
#ifndef RECOVERY_GATE_TOOL_INSPECT_START_COMMAND_H
#define RECOVERY_GATE_TOOL_INSPECT_START_COMMAND_H

#include <string>
#include <vector>

#include "inspect/findings.h"

namespace recovery_gate::tool {

/* Complete when the server's option file was given; `more` comes last. */
std::vector<std::string> start_command(const Findings &findings,
                                       const std::vector<std::string> &more);

/* As a shell takes it. */
std::string shell_line(const std::vector<std::string> &command);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_START_COMMAND_H
