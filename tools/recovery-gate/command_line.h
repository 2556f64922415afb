// SPDX-License-Identifier: GPL-2.0-only
/*
  All that a command line of the tool can have. What --help says, the man page
  and the completion of the shell are made from it.
*/
#ifndef RECOVERY_GATE_TOOL_COMMAND_LINE_H
#define RECOVERY_GATE_TOOL_COMMAND_LINE_H

#include <CLI/CLI.hpp>

#include "command.h"

namespace recovery_gate::tool {

/* Declares the tool's options and subcommands in `app`, which is empty. Parsing
   writes to `invocation`, which lives at least as long as `app`. */
void declare_command_line(CLI::App &app, Invocation &invocation);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_COMMAND_LINE_H
