// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <log.h>
#include <mysqld.h>
#include <repl_failsafe.h>
#include <rpl_gtid.h>
#include <sql_class.h>
#include <wsrep_on.h>

#include "server_facts.h"

namespace recovery_gate {

Failure cannot_guard() {
  if (!opt_bin_log)
    return "there is no binary log, so there is nothing that a replica could "
           "acknowledge; start the server with log_bin, or remove the plugin";
  if (WSREP_ON)
    return "this is a Galera node (wsrep_on=ON): its transactions are not "
           "replicated by the binary log; remove the plugin from this server";
  return {};
}

bool is_bootstrap() { return opt_bootstrap; }

bool is_initialising() { return current_thd == nullptr; }

bool may_cut_logs() { return rpl_status == RPL_IDLE_SLAVE; }

bool has_no_accounts() { return opt_noacl; }

bool is_running() {
  // The log is open before init_file runs, which may install plugins.
  return mysql_bin_log.is_open();
}

Failure binlogs(std::vector<std::string> *paths) {
  LOG_INFO log;
  int failure = mysql_bin_log.find_log_pos(&log, NullS, true);
  while (failure == 0) {
    paths->push_back(log.log_file_name);
    failure = mysql_bin_log.find_next_log(&log, true);
  }
  if (failure != LOG_INFO_EOF)
    return "the binary log index cannot be read (error " +
           std::to_string(failure) + ")";
  return {};
}

std::string binlog_gtid() {
  String text;
  if (mysql_bin_log.append_state_pos(&text)) return {};
  return std::string(text.ptr(), text.length());
}

}  // namespace recovery_gate
