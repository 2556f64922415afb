// SPDX-License-Identifier: GPL-2.0-only
/*
  What a subcommand is to main(): a function that declares its name, its options
  and what runs when a person gave that name.

    void add_status(CLI::App &tool, Invocation &invocation) {
      CLI::App *command = tool.add_subcommand("status", "...");
      add_connection_options(*command, &invocation.connection);
      command->callback([&invocation] {
        invocation.run = [&invocation] { return status(invocation); };
      });
    }
*/
#ifndef RECOVERY_GATE_TOOL_COMMAND_H
#define RECOVERY_GATE_TOOL_COMMAND_H

#include <CLI/CLI.hpp>
#include <functional>

#include "client/connection_options.h"
#include "exit_codes.h"

namespace recovery_gate::tool {

/* One run of the tool. Lives from before the command line is parsed until the
   subcommand has ended. */
struct Invocation {
  ConnectionOptions connection;
  bool json = false;
  /* Each text on one line, and none that is drawn again: for a screen reader.
   */
  bool plain = false;
  /* What the subcommand wants to have run once the whole command line was found
     to be right. */
  std::function<ExitCode()> run;
};

inline void add_json_option(CLI::App &app, Invocation &invocation) {
  app.add_flag("--json", invocation.json, "Write JSON, for programs");
}

inline void add_plain_option(CLI::App &app, Invocation &invocation) {
  app.add_flag("--plain", invocation.plain,
               "Write plain lines, for a screen reader: nothing is aligned, "
               "wrapped or drawn again");
}

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_COMMAND_H
