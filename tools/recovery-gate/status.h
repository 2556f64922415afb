#ifndef RECOVERY_GATE_TOOL_STATUS_H
#define RECOVERY_GATE_TOOL_STATUS_H

#include "command.h"
#include "client/connection.h"

namespace recovery_gate::tool {

void add_status(CLI::App &tool, Invocation &invocation);

/* Looks once and says what it saw. `where` is the server's name for a
   person. */
ExitCode show_status(Session &session, const std::string &where, bool json);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_STATUS_H
