// SPDX-License-Identifier: GPL-2.0-only
/*
  What the gate has to know of the server around it, and which binary logs there
  are.
*/
#ifndef RECOVERY_GATE_SERVER_FACTS_H
#define RECOVERY_GATE_SERVER_FACTS_H

#include <string>
#include <vector>

#include "recovery_gate/base/failure.h"

namespace recovery_gate {

/* Why no gate can keep its guarantee in this server, if so, with what to do.
   Call it while plugins are initialised. */
Failure cannot_guard();

/* mysqld --bootstrap: one session, from standard input, no network. */
bool is_bootstrap();
/* The server itself initialises its plugins, at its start; not INSTALL, which
   is a session's, even when it is in init_file. In a server of any release. */
bool is_initialising();
/* Crash recovery cuts off the end of the binary log that no engine has
   committed (init_rpl_role=SLAVE). Until recovery has begun. */
bool may_cut_logs();
/* --skip-grant-tables: nobody can be told from an administrator. */
bool has_no_accounts();
/* It is set up to replicate from another server, whether it does so or not. */
bool has_primary();
/* No replica is to acknowledge what this server writes, and it is none itself:
   nobody has switched semi-sync on. */
bool nobody_acknowledges();
/* This start's binary log is open: recovery is over, and there may be clients.
   Only for a server that has a binary log. */
bool is_running();

/* Paths of the logs in the binary log index, oldest first, relative to the data
   directory or absolute. Fails when the index cannot be read to its end; those
   before are then there. */
Failure binlogs(std::vector<std::string> *paths);
/* Paths of the relay logs that lie where this server puts its own, or in the
   data directory, and have an index. Before replication starts, which may
   delete them. */
std::vector<std::string> relay_logs_on_disk();
/* The binary log's GTID position, as @@gtid_binlog_pos shows it. */
std::string binlog_gtid();

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SERVER_FACTS_H
