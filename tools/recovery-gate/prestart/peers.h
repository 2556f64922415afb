// SPDX-License-Identifier: GPL-2.0-only
/*
  What the other servers say, whatever they are: each is asked by a process of
  its own, which is ended when the time is over. A peer that hangs, sends no end
  of rubbish or brings the client library down is one that could not be asked.
*/
#ifndef RECOVERY_GATE_TOOL_PRESTART_PEERS_H
#define RECOVERY_GATE_TOOL_PRESTART_PEERS_H

#include <chrono>
#include <string>
#include <vector>

#include "client/connection.h"
#include "inspect/datadir.h"
#include "inspect/replica.h"

namespace recovery_gate::tool {

/* Asks all at once, and returns after `limit` at the latest, in the order of
   `names`. The caller has one thread; `reach` is called in the peer's process.
 */
std::vector<Replica> ask_peers(const std::vector<std::string> &names,
                               const Reach &reach,
                               std::chrono::milliseconds limit);

/* A peer whose answer says nothing of this server's group could not be asked:
   it has this server's own id or none, or nothing of this server's history. */
void check_peers(std::vector<Replica> *peers, const ThisServer &server);

/* Is this the address of the server that is about to start? Then nobody answers
   there, and one list of peers does for all servers of the group. */
bool is_own_address(const Replica &peer, const ServerOptions &options);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_PRESTART_PEERS_H
