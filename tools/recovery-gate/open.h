// SPDX-License-Identifier: GPL-2.0-only
#ifndef RECOVERY_GATE_TOOL_OPEN_H
#define RECOVERY_GATE_TOOL_OPEN_H

#include <functional>
#include <optional>
#include <string>

#include "client/connection.h"
#include "command.h"

namespace recovery_gate::tool {

void add_open(CLI::App &tool, Invocation &invocation);

struct OpenSettings {
  bool json = false;
  bool yes = false;  // --yes: confirmed already
  /* Shows a text and returns what a person answers; empty where there is nobody
     to ask. */
  std::function<std::string(const std::string &)> ask;
};

/* Opens manually what is closed. An open gate it leaves alone, except with
   --yes: then what is still owed behind it is given up. */
ExitCode open_gate(Session &session, const OpenSettings &settings);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_OPEN_H
