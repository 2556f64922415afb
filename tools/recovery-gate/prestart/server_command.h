// SPDX-License-Identifier: GPL-2.0-only
/*
  The command that starts a server: which of its options matter here?
*/
#ifndef RECOVERY_GATE_TOOL_PRESTART_SERVER_COMMAND_H
#define RECOVERY_GATE_TOOL_PRESTART_SERVER_COMMAND_H

#include <string>
#include <vector>

#include "client/option_files.h"

namespace recovery_gate::tool {

struct ServerCommand {
  OptionFiles files;  // which ones it reads
  std::vector<OptionLine> lines;
  /* It prints something and ends, or makes the system tables. */
  bool starts_nothing = false;
};

/* `words`: the program, and its options; others may come before it, as that of
   a container's entry point. */
ServerCommand read_server_command(const std::vector<std::string> &words);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_PRESTART_SERVER_COMMAND_H
