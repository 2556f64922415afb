// SPDX-License-Identifier: GPL-2.0-only
/*
  Other servers, as they are named in options: HOST or HOST:PORT.
*/
#ifndef RECOVERY_GATE_TOOL_ADDRESS_H
#define RECOVERY_GATE_TOOL_ADDRESS_H

#include <string>

#include "client/connection_options.h"

namespace recovery_gate::tool {

/* "db2", "db2:3307", "[fd00::2]:3307"; false: it is no such name. */
bool split_address(const std::string &text, std::string *host, unsigned *port);

/* How to reach that server, over TCP, with the account and TLS of `common`.
   `name` is one that can be split. */
ConnectionOptions options_to(const std::string &name, ConnectionOptions common);

/* As the system resolves their names, which may take as long as it likes. False
   for a name that is not known. */
bool is_of_this_machine(const std::string &host);
bool is_same_host(const std::string &one, const std::string &other);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_ADDRESS_H
