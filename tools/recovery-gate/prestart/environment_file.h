// SPDX-License-Identifier: GPL-2.0-only
/*
  The file with which a start's options get from one process of a unit to the
  next: NAME="VALUE", as systemd reads it (EnvironmentFile=).
*/
#ifndef RECOVERY_GATE_TOOL_PRESTART_ENVIRONMENT_FILE_H
#define RECOVERY_GATE_TOOL_PRESTART_ENVIRONMENT_FILE_H

#include <string>
#include <vector>

namespace recovery_gate::tool {

/* One of an earlier start must not be used. Returns an empty string when there
   is none (any more), or why it cannot be removed. */
std::string remove_environment_file(const std::string &path);

/* The whole file or nothing, also where there is no room for it; makes the
   folder when it is not there. Returns an empty string, or what is wrong. */
std::string write_environment_file(const std::string &path,
                                   const std::string &content);

/* The words of what this process has in the variable, without what an earlier
   prestart has added. */
std::vector<std::string> options_in_environment(const std::string &variable);

/* The variable with `options` added to what this process has in it, and a
   second one that says which were added: it may be this process's next time. */
std::string environment_text(const std::string &variable,
                             const std::vector<std::string> &options);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_PRESTART_ENVIRONMENT_FILE_H
