// SPDX-License-Identifier: GPL-2.0-only
#ifndef RECOVERY_GATE_TOOL_PRESTART_ERROR_LOG_H
#define RECOVERY_GATE_TOOL_PRESTART_ERROR_LOG_H

#include <string>
#include <vector>

#include "inspect/datadir.h"

namespace recovery_gate::tool {

/*
  Adds the lines to the server's error log, in its format, where that is a file
  that is there already: a new one would have the wrong owner. A server without
  the option log_error writes where this process does, to the standard error.
*/
void add_to_error_log(const ServerOptions &options, const std::string &datadir,
                      bool is_warning, const std::vector<std::string> &lines);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_PRESTART_ERROR_LOG_H
