/*
  What the gate has to know of the server around it, and the binary log's
  files and positions.
*/
#ifndef RECOVERY_GATE_SERVER_FACTS_H
#define RECOVERY_GATE_SERVER_FACTS_H

#include <string>

#include "recovery_gate/binlog_position.h"

namespace recovery_gate {

/* Empty, or why no gate can keep its promise in this server, with what to do.
   Call it while plugins are initialised. */
std::string cannot_guard();

/* mysqld --bootstrap: one session, from standard input, no network. */
bool is_bootstrap();
/* --skip-grant-tables: nobody can be told from an administrator. */
bool has_no_accounts();
/* This start's binary log is open: recovery is over, and there may be clients.
   Only for a server that has a binary log. */
bool is_running();

/* Path of the newest binary log in the index, relative to the data directory
   or absolute; empty when there is none. `*error` is set when the index cannot
   be read. */
std::string newest_binlog(std::string *error);
/* The binary log's GTID position, as @@gtid_binlog_pos shows it. */
std::string binlog_gtid();

struct OpenBinlog {
  std::string path;
  BinlogPosition end;
};
/* The log being written, and the end of its last complete event. */
OpenBinlog current_binlog();

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SERVER_FACTS_H
