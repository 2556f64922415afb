// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <log.h>
#include <mysqld.h>
#include <repl_failsafe.h>
#include <rpl_gtid.h>
#include <rpl_mi.h>
#include <semisync_master.h>
#include <semisync_slave.h>
#include <set_var.h>
#include <slave.h>
#include <sql_class.h>
#include <sys_vars_shared.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wsrep_on.h>

#include <filesystem>
#include <set>
#include <system_error>

#include "recovery_gate/binlog/binlog_index.h"
#include "recovery_gate/binlog/engine_binlog.h"
#include "server_facts.h"

namespace recovery_gate {
namespace {

/* By name, as not every release has it: then, and where it is NULL, "". A value
   that is no text is one that this plugin knows nothing of. */
std::string global_text(std::string_view name) {
  mysql_prlock_rdlock(&LOCK_system_variables_hash);
  sys_var *variable = intern_find_sys_var(name.data(), name.size());
  mysql_prlock_unlock(&LOCK_system_variables_hash);
  if (variable == nullptr) return {};
  if (variable->show_type() != SHOW_CHAR_PTR) return "unknown";
  mysql_mutex_lock(&LOCK_global_system_variables);
  const auto *text = reinterpret_cast<const char *const *>(
      variable->value_ptr(nullptr, OPT_GLOBAL, &null_clex_str));
  const std::string value = *text == nullptr ? "" : *text;
  mysql_mutex_unlock(&LOCK_global_system_variables);
  return value;
}

}  // namespace

Failure cannot_guard() {
  if (!opt_bin_log)
    return "there is no binary log, so there is nothing that a replica could "
           "acknowledge; start the server with log_bin, or remove the plugin";
  if (Failure failure =
          engine_keeps_binlog(global_text("binlog_storage_engine")))
    return failure;
  if (WSREP_ON)
    return "this is a Galera node (wsrep_on=ON): its transactions are not "
           "replicated by the binary log; remove the plugin from this server";
  return {};
}

bool is_bootstrap() { return opt_bootstrap; }

bool is_initialising() { return current_thd == nullptr; }

bool may_cut_logs() { return rpl_status == RPL_IDLE_SLAVE; }

bool has_no_accounts() { return opt_noacl; }

/* RESET SLAVE ALL removes the file, STOP SLAVE does not. That of the named
   connections is always there, and empty when there are none. */
bool has_primary() {
  struct stat status;
  return ::access(master_info_file, F_OK) == 0 ||
         (::stat("multi-master.info", &status) == 0 && status.st_size > 0);
}

bool nobody_acknowledges() {
  return !repl_semisync_master.get_master_enabled() &&
         !global_rpl_semi_sync_slave_enabled && !has_primary();
}

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

std::vector<std::string> relay_logs_on_disk() {
  std::set<std::string> folders{"."};
  for (const char *option : {opt_relay_logname, opt_relaylog_index_name}) {
    const std::string path = option == nullptr ? "" : option;
    if (const auto slash = path.rfind('/'); slash != path.npos && slash > 0)
      folders.insert(path.substr(0, slash));
  }
  std::vector<std::string> logs;
  for (const std::string &folder : folders) {
    std::vector<std::string> names;
    std::error_code unreadable;
    for (std::filesystem::directory_iterator entry(folder, unreadable), end;
         !unreadable && entry != end; entry.increment(unreadable))
      names.push_back(entry->path().filename());
    const std::vector<std::string> found =
        find_relay_logs(folder, names, mysql_real_data_home);
    logs.insert(logs.end(), found.begin(), found.end());
  }
  return logs;
}

std::string binlog_gtid() {
  String text;
  if (mysql_bin_log.append_state_pos(&text)) return {};
  return std::string(text.ptr(), text.length());
}

}  // namespace recovery_gate
