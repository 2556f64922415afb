// SPDX-License-Identifier: GPL-2.0-only
/*
  The man page and the completion for bash, from the declarations that --help is
  made from.
*/
#ifndef RECOVERY_GATE_TOOL_PAGES_PAGES_H
#define RECOVERY_GATE_TOOL_PAGES_PAGES_H

#include <CLI/CLI.hpp>
#include <string>

namespace recovery_gate::tool {

/* recovery-gate(1), in the macros of man(7). */
std::string man_page(const CLI::App &tool);

/* A file for the folder from which bash-completion loads by name. It needs bash
   only. */
std::string bash_completion(const CLI::App &tool);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_PAGES_PAGES_H
