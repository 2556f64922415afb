// SPDX-License-Identifier: GPL-2.0-only
/*
  What another server says of itself, and what follows from it: has it got a
  transaction, and has it taken over from this server?

  A GTID names the server that wrote a transaction and a number that counts up
  within a domain. What a server has logged it lists by source
  (gtid_binlog_state): there, a number covers all lower ones of the same source.
  Of what it has applied without logging it only the last of each domain is
  known (gtid_slave_pos), which covers lower numbers of the same source; whether
  it covers those of another source depends on what came when, and where that
  cannot be told, it is not known.
*/
#ifndef RECOVERY_GATE_TOOL_INSPECT_REPLICA_H
#define RECOVERY_GATE_TOOL_INSPECT_REPLICA_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "recovery_gate/binlog/binlog_events.h"
#include "recovery_gate/binlog/binlog_position.h"
#include "recovery_gate/binlog/gtid_state.h"

namespace recovery_gate::tool {

class Session;

/* One line of SHOW ALL SLAVES STATUS. */
struct ReplicaLink {
  std::string name, host;
  std::uint32_t port = 0;
  std::uint32_t master_server_id = 0;  // 0: it was never connected
  std::string io_state, sql_state;     // "Yes", "No", "Connecting", "Preparing"
  bool uses_gtid = false;
  GtidState received;            // Gtid_IO_Pos
  BinlogPosition received_file;  // Master_Log_File, Read_Master_Log_Pos
  BinlogPosition applied_file;   // Relay_Master_Log_File, Exec_Master_Log_Pos
  std::string last_error;

  /* It is connected, or tries to be. */
  bool is_active() const { return !io_state.empty() && io_state != "No"; }
};

struct Replica {
  std::string name;   // "db2:3306", as it was given
  std::string error;  // why it could not be asked; the rest then means nothing
  std::string host;
  unsigned port = 0;
  std::string version;
  std::uint32_t server_id = 0;
  GtidState slave_pos, current_pos, binlog_pos, binlog_state;
  bool logs_all = false;  // log_bin and log_slave_updates
  bool read_only = false;
  bool semisync_replica = false, semisync_primary = false;  // enabled
  std::vector<ReplicaLink> links;
};

/* Connects and asks; in `name` "host:port". */
Replica ask_replica(Session &session, const std::string &name);

/* This server, as far as others are compared with it. */
struct ThisServer {
  std::uint32_t id = 0;
  /* The last transactions of each source in its binary log. */
  GtidState gtids;
  /* On record, see History: who may name what they have a part of. */
  GtidState told = {};
};

enum class Has { APPLIED, RECEIVED, NO, UNKNOWN };

/* "applied", "received", "no", "unknown" */
const char *to_string(Has has);

/* `end`: where the transaction ends in this server's binary log; empty when
   that does not matter. */
Has has_transaction(const Replica &replica, const Gtid &gtid,
                    const BinlogPosition &end, const ThisServer &server);

/* Of this server's domains, and of what it wrote itself, what the replica has
   and this server has not: the last number of each source. */
GtidState beyond(const Replica &replica, const ThisServer &server);

enum class Standing {
  /* It follows this server, and will connect to it: it has nothing of its own,
     or is read-only and only has what it wrote itself. */
  FOLLOWS,
  /* It has taken over. */
  TAKEN_OVER,
  /* Whether clients write to it cannot be seen: it has transactions of its own,
     and still tries to follow this server; or it has none, and is no replica
     any more, or another server's. */
  UNCLEAR,
  /* It has nothing that this server has not, and does not try to follow it at
     present. */
  IDLE,
  UNREACHABLE,
};

/* "follows" and so on */
const char *to_string(Standing standing);

Standing standing_of(const Replica &replica, const ThisServer &server);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_REPLICA_H
