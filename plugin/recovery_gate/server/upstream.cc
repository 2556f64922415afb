// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <log.h>
#include <mysql.h>
#include <mysql/plugin.h>
#include <mysql/services.h>
#include <rpl_mi.h>
#include <rpl_rli.h>
#include <semisync_master.h>
#include <slave.h>
#include <sql_class.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "binlog_progress.h"
#include "replication_links.h"
#include "server_start.h"
#include "upstream.h"
#include "waiting_thd.h"

namespace recovery_gate {
namespace {

// Of a connection and of each answer. A server that takes longer is asked again
// soon.
constexpr uint seconds_to_answer = 3;

struct CloseConnection {
  void operator()(MYSQL *connection) const { mysql_close(connection); }
};
using Connection = std::unique_ptr<MYSQL, CloseConnection>;

struct FreeResult {
  void operator()(MYSQL_RES *result) const { mysql_free_result(result); }
};
using Result = std::unique_ptr<MYSQL_RES, FreeResult>;

struct PrimaryLink {
  std::string host, user, password;
  uint port = 0;
  std::uint32_t primary_id = 0;  // whom the I/O thread met there; 0: nobody yet
  bool is_up = false;            // the I/O thread is connected, or was refused
  Connection connection;         // not connected yet, with the link's options

  std::string name() const { return host + ":" + std::to_string(port); }
};

/* A primary that lacks this server's position ends the connection so. */
bool was_refused(const Master_info &info) {
  return info.last_error().number == ER_MASTER_FATAL_ERROR_READING_BINLOG;
}

/* CHANGE MASTER, which alone changes these, needs the lock and a link that is
   stopped. */
PrimaryLink link_of(Master_info *info) {
  PrimaryLink link;
  link.host = info->host;
  link.user = info->user;
  link.password = info->password;
  link.port = info->port;
  link.primary_id = static_cast<std::uint32_t>(info->master_id);
  link.is_up = info->slave_running == MYSQL_SLAVE_RUN_CONNECT ||
               info->slave_running == MYSQL_SLAVE_RUN_READING ||
               was_refused(*info);
  if (!link.is_up) return link;
  link.connection.reset(mysql_init(nullptr));
  if (!link.connection) throw std::bad_alloc();
  setup_mysql_connection_for_master(link.connection.get(), info,
                                    seconds_to_answer);
  return link;
}

/* The one row that a query gives; a NULL is empty. Empty, and `*trouble` is
   set, when it fails. */
std::vector<std::string> row_of(MYSQL *connection, const std::string &query,
                                std::string *trouble) {
  if (mysql_real_query(connection, query.data(), query.size()) != 0) {
    *trouble = mysql_error(connection);
    return {};
  }
  const Result result(mysql_store_result(connection));
  const MYSQL_ROW row = result ? mysql_fetch_row(result.get()) : nullptr;
  if (row == nullptr) return {};
  std::vector<std::string> values;
  for (unsigned i = 0; i < mysql_num_fields(result.get()); ++i)
    values.push_back(row[i] == nullptr ? "" : row[i]);
  return values;
}

/* Why what the server says does not count, or empty. */
std::string read_answer(const PrimaryLink &link, ServerGtids *server) {
  if (!link.is_up) return "replication is not connected to " + link.name();
  MYSQL *const connection = link.connection.get();
  if (mysql_real_connect(connection, link.host.c_str(), link.user.c_str(),
                         link.password.c_str(), nullptr, link.port, nullptr,
                         0) == nullptr)
    return "cannot connect to " + link.name() + ": " + mysql_error(connection);
  std::string trouble;
  const std::vector<std::string> said =
      row_of(connection,
             "SELECT @@global.server_id, @@global.gtid_binlog_state, "
             "@@global.gtid_slave_pos",
             &trouble);
  if (said.size() != 3)
    return link.name() + " does not say which GTIDs it has: " + trouble;
  server->server_id =
      static_cast<std::uint32_t>(std::strtoul(said[0].c_str(), nullptr, 10));
  server->name = link.name() + " (server_id " + said[0] + ")";
  if (server->server_id == global_system_variables.server_id)
    return server->name + " is this server itself, or has its server_id";
  if (link.primary_id != 0 && link.primary_id != server->server_id)
    return server->name +
           " is not the server that replication is connected to "
           "(server_id " +
           std::to_string(link.primary_id) + ")";
  if (!parse(said[1], &server->logged) || !parse(said[2], &server->applied))
    return server->name + " names GTIDs that cannot be read";
  const std::vector<std::string> gate = row_of(
      connection, "SHOW GLOBAL STATUS LIKE 'Recovery\\_gate\\_open'", &trouble);
  if (!trouble.empty()) return server->name + " gives no answer: " + trouble;
  if (gate.size() == 2 && gate[1] != "ON")
    return "the recovery gate of " + server->name + " is closed itself";
  return {};
}

GtidState logged_here() { return read_end_of_binlog().gtids; }

/* Then the same numbers may be in use again. */
bool was_written_after_reset() {
  return mysql_bin_log.get_reset_master_count() != 0 && !logged_here().empty();
}

struct Receiver {
  const std::uint32_t server_id;
  bool is_there = false;
};

my_bool note_receiver(THD *thd, Receiver *receiver) {
  mysql_mutex_lock(&thd->LOCK_thd_data);
  receiver->is_there |= thd->get_command() == COM_BINLOG_DUMP &&
                        thd->variables.server_id == receiver->server_id;
  mysql_mutex_unlock(&thd->LOCK_thd_data);
  return 0;
}

/* Is this server's binary log being sent to it? */
bool sends_to(std::uint32_t server_id) {
  Receiver receiver{server_id};
  server_threads.iterate(note_receiver, &receiver);
  return receiver.is_there;
}

}  // namespace

bool ServerUpstreams::begin() {
  if (!wait_for_server()) return false;
  start_server_thread();
  return true;
}

void ServerUpstreams::end() { end_server_thread(); }

GtidState ServerUpstreams::written() { return logged_here(); }

void ServerUpstreams::cancel() noexcept {
  cancelled_ = true;
  stop_waiting_for_server();
}

std::vector<UpstreamAnswer> ServerUpstreams::ask() {
  // When a connection breaks, the server's client library takes the message's
  // language from the thread's session, and has to find one.
  std::optional<ShortSession> session;  // outlives their connections
  std::vector<PrimaryLink> links;
  const Links visited = visit_replication_links([&](Master_info *info) {
    if (info->slave_running != MYSQL_SLAVE_NOT_RUN || was_refused(*info))
      links.push_back(link_of(info));
  });
  if (visited == Links::BUSY) return last_;
  if (visited != Links::VISITED) return {};
  std::vector<UpstreamAnswer> answers;
  if (std::any_of(links.begin(), links.end(),
                  [](const PrimaryLink &link) { return link.is_up; }))
    session.emplace();
  for (const PrimaryLink &link : links) {
    UpstreamAnswer answer;
    answer.trouble =
        cancelled_ ? "cancelled" : read_answer(link, &answer.server);
    if (answer.trouble.empty() && was_written_after_reset())
      answer.trouble =
          "after RESET MASTER something was written here, so GTIDs of " +
          answer.server.name + " need not be those in doubt";
    if (answer.trouble.empty())
      answer.server.is_being_sent = sends_to(answer.server.server_id);
    answers.push_back(std::move(answer));
  }
  if (!answers.empty()) mention_waiting_sessions();
  return last_ = answers;
}

/* A replica whose semi-sync is on as a primary's waits for its own replicas
   with each transaction that it applies. */
void ServerUpstreams::mention_waiting_sessions() {
  if (mentioned_ || !repl_semisync_master.get_master_enabled() ||
      rpl_semi_sync_master_clients != 0 ||
      rpl_semi_sync_master_wait_sessions == 0)
    return;
  mentioned_ = true;
  journal_.warning(
      "replication waits for a semi-sync acknowledgement with each transaction that "
      "it applies, for up to " +
      std::to_string(rpl_semi_sync_master_timeout) +
      " ms (rpl_semi_sync_master_timeout), and no semi-sync replica of this server is "
      "connected. While it is a replica: SET GLOBAL rpl_semi_sync_master_enabled=OFF");
}

}  // namespace recovery_gate
