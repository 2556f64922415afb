// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/replica.h"

#include <algorithm>

#include "client/address.h"
#include "client/connection.h"
#include "client/number.h"
#include "recovery_gate/ledger/claim.h"

namespace recovery_gate::tool {
namespace {

bool is_on(const Rows::Value &value) {
  return value && (*value == "1" || *value == "ON");
}

/* Takes all that can be asked in one statement, each in a column. */
ServerError ask_variables(Session &session, Replica *replica) {
  Rows rows;
  const ServerError error = session.query(
      "SELECT @@global.server_id AS server_id, @@global.version AS version, "
      "@@global.gtid_slave_pos AS slave_pos, "
      "@@global.gtid_current_pos AS current_pos, "
      "@@global.gtid_binlog_pos AS binlog_pos, "
      "@@global.gtid_binlog_state AS binlog_state, "
      "@@global.log_bin AS log_bin, "
      "@@global.log_slave_updates AS log_slave_updates, "
      "@@global.read_only AS read_only, "
      "@@global.rpl_semi_sync_slave_enabled AS semisync_replica, "
      "@@global.rpl_semi_sync_master_enabled AS semisync_primary",
      &rows);
  if (error) return error;
  replica->server_id = number_of<std::uint32_t>(rows.value(0, "server_id"));
  replica->version = rows.value(0, "version").value_or("");
  struct {
    const char *column;
    GtidState *state;
  } const positions[] = {{"slave_pos", &replica->slave_pos},
                         {"current_pos", &replica->current_pos},
                         {"binlog_pos", &replica->binlog_pos},
                         {"binlog_state", &replica->binlog_state}};
  for (const auto &[column, state] : positions)
    if (!parse(rows.value(0, column).value_or(""), state))
      return {1, std::string("its ") + column + " is no list of GTIDs"};
  replica->logs_all = is_on(rows.value(0, "log_bin")) &&
                      is_on(rows.value(0, "log_slave_updates"));
  replica->read_only = rows.value(0, "read_only").value_or("0") != "0";
  replica->semisync_replica = is_on(rows.value(0, "semisync_replica"));
  replica->semisync_primary = is_on(rows.value(0, "semisync_primary"));
  return {};
}

ServerError ask_links(Session &session, Replica *replica) {
  Rows rows;
  const ServerError error = session.query("SHOW ALL SLAVES STATUS", &rows);
  for (std::size_t i = 0; !error && i < rows.size(); ++i) {
    const auto text = [&](const char *column) {
      return rows.value(i, column).value_or("");
    };
    ReplicaLink link;
    link.name = text("Connection_name");
    link.host = text("Master_Host");
    link.port = number_of<std::uint32_t>(rows.value(i, "Master_Port"));
    link.master_server_id =
        number_of<std::uint32_t>(rows.value(i, "Master_Server_Id"));
    link.io_state = text("Slave_IO_Running");
    link.sql_state = text("Slave_SQL_Running");
    link.uses_gtid = text("Using_Gtid") != "No";
    if (!parse(text("Gtid_IO_Pos"), &link.received)) link.received.clear();
    link.received_file = {
        text("Master_Log_File"),
        number_of<std::uint64_t>(rows.value(i, "Read_Master_Log_Pos"))};
    link.applied_file = {
        text("Relay_Master_Log_File"),
        number_of<std::uint64_t>(rows.value(i, "Exec_Master_Log_Pos"))};
    link.last_error = text("Last_SQL_Error").empty() ? text("Last_IO_Error")
                                                     : text("Last_SQL_Error");
    replica->links.push_back(std::move(link));
  }
  return error;
}

bool covers(const GtidState &state, const Gtid &gtid) {
  return recovery_gate::covers(state, {gtid.domain, gtid.server_id},
                               gtid.sequence);
}

bool has_source(const GtidState &state, const Gtid &gtid) {
  return state.count({gtid.domain, gtid.server_id}) != 0;
}

/* Has it something of the domain, from another server, that may have come after
   the transaction? */
bool is_overtaken(const GtidState &state, const Gtid &gtid) {
  return std::any_of(state.begin(), state.end(), [&](const auto &entry) {
    return entry.first.domain == gtid.domain &&
           entry.first.server_id != gtid.server_id &&
           entry.second >= gtid.sequence;
  });
}

bool follows(const ReplicaLink &link, const ThisServer &server) {
  return link.master_server_id == server.id;
}

/* A replica that was started anew does not know yet whom it will reach. */
bool may_follow(const ReplicaLink &link, const ThisServer &server) {
  return link.master_server_id == server.id || link.master_server_id == 0;
}

bool names(const Replica &replica, const Gtid &gtid) {
  return covers(replica.binlog_state, gtid) ||
         covers(replica.slave_pos, gtid) || covers(replica.current_pos, gtid);
}

bool is_told(const Replica &replica, const Gtid &gtid,
             const ThisServer &server) {
  return names_what_it_was_told(server.told, replica.server_id,
                                {gtid.domain, gtid.server_id},
                                replica.binlog_state);
}

bool has_applied(const Replica &replica, const Gtid &gtid,
                 const BinlogPosition &end, const ThisServer &server) {
  if (names(replica, gtid) && !is_told(replica, gtid, server)) return true;
  return std::any_of(replica.links.begin(), replica.links.end(),
                     [&](const ReplicaLink &link) {
                       return follows(link, server) && !link.uses_gtid &&
                              has_reached(link.applied_file, end);
                     });
}

bool has_received(const Replica &replica, const Gtid &gtid,
                  const BinlogPosition &end, const ThisServer &server) {
  return std::any_of(
      replica.links.begin(), replica.links.end(), [&](const ReplicaLink &link) {
        return link.uses_gtid ? covers(link.received, gtid) &&
                                    !is_told(replica, gtid, server)
                              : follows(link, server) &&
                                    has_reached(link.received_file, end);
      });
}

/* That it has not applied it is certain, and not only that nothing says so. */
bool lacks(const Replica &replica, const Gtid &gtid) {
  // Its own log would list it, unless it began with a copy of the data that had
  // it already.
  if (replica.logs_all && has_source(replica.binlog_state, gtid)) return true;
  return has_source(replica.slave_pos, gtid) ||
         !is_overtaken(replica.slave_pos, gtid);
}

}  // namespace

Replica ask_replica(Session &session, const std::string &name) {
  Replica replica;
  replica.name = name;
  split_address(name, &replica.host, &replica.port);
  ServerError error = session.connect();
  if (!error) error = ask_variables(session, &replica);
  if (!error) error = ask_links(session, &replica);
  if (error) replica.error = to_string(error);
  return replica;
}

const char *to_string(Has has) {
  switch (has) {
    case Has::APPLIED:
      return "applied";
    case Has::RECEIVED:
      return "received";
    case Has::NO:
      return "no";
    case Has::UNKNOWN:
      break;
  }
  return "unknown";
}

Has has_transaction(const Replica &replica, const Gtid &gtid,
                    const BinlogPosition &end, const ThisServer &server) {
  if (!replica.error.empty()) return Has::UNKNOWN;
  if (has_applied(replica, gtid, end, server)) return Has::APPLIED;
  if (has_received(replica, gtid, end, server)) return Has::RECEIVED;
  const bool may_have_received = std::any_of(
      replica.links.begin(), replica.links.end(), [&](const ReplicaLink &link) {
        return !link.uses_gtid && may_follow(link, server) &&
               has_reached(link.received_file, end);
      });
  return lacks(replica, gtid) && !names(replica, gtid) && !may_have_received
             ? Has::NO
             : Has::UNKNOWN;
}

GtidState beyond(const Replica &replica, const ThisServer &server) {
  ServerIds domains;
  for (const auto &[source, number] : server.gtids)
    domains.insert(source.domain);
  GtidState found;
  for (const GtidState *state :
       {&replica.slave_pos, &replica.current_pos, &replica.binlog_state})
    for (const auto &[source, number] : *state) {
      const auto here = server.gtids.find(source);
      const bool is_comparable =
          domains.count(source.domain) != 0 || source.server_id == server.id;
      if (is_comparable &&
          (here == server.gtids.end() || here->second < number)) {
        std::uint64_t &last = found[source];
        last = std::max(last, number);
      }
    }
  return found;
}

const char *to_string(Standing standing) {
  switch (standing) {
    case Standing::FOLLOWS:
      return "follows";
    case Standing::TAKEN_OVER:
      return "gone_on";
    case Standing::UNCLEAR:
      return "unclear";
    case Standing::IDLE:
      return "idle";
    case Standing::UNREACHABLE:
      break;
  }
  return "unreachable";
}

Standing standing_of(const Replica &replica, const ThisServer &server) {
  if (!replica.error.empty()) return Standing::UNREACHABLE;
  const bool is_following = std::any_of(
      replica.links.begin(), replica.links.end(), [&](const ReplicaLink &link) {
        return follows(link, server) && link.is_active();
      });
  const GtidState more = beyond(replica, server);
  if (more.empty()) {
    if (is_following) return Standing::FOLLOWS;
    const bool follows_another =
        std::any_of(replica.links.begin(), replica.links.end(),
                    [&](const ReplicaLink &link) {
                      return link.is_active() && !may_follow(link, server);
                    });
    const bool is_no_replica = replica.links.empty() && !replica.read_only;
    return follows_another || is_no_replica ? Standing::UNCLEAR
                                            : Standing::IDLE;
  }
  // What this server wrote and lost itself cannot be made good by it.
  const bool lost_here = std::any_of(
      more.begin(), more.end(),
      [&](const auto &entry) { return entry.first.server_id == server.id; });
  const bool may_be_following = std::any_of(
      replica.links.begin(), replica.links.end(), [&](const ReplicaLink &link) {
        return may_follow(link, server) && link.is_active();
      });
  if (!may_be_following || lost_here) return Standing::TAKEN_OVER;
  const bool only_its_own =
      std::all_of(more.begin(), more.end(), [&](const auto &entry) {
        return entry.first.server_id == replica.server_id;
      });
  return is_following && only_its_own && replica.read_only ? Standing::FOLLOWS
                                                           : Standing::UNCLEAR;
}

}  // namespace recovery_gate::tool
