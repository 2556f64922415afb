// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <fcntl.h>
#include <sql_class.h>
#include <log.h>
#include <sys/stat.h>
#include <unistd.h>

#include "needed_logs.h"
#include "recovery_gate/binlog/binlog_position.h"

namespace recovery_gate {

void NeededLogs::watch(const std::vector<std::string> &paths) {
  for (const std::string &path : paths)
    logs_.push_back({path, ::open(path.c_str(), O_RDONLY | O_CLOEXEC)});
  watching_ = true;
}

/* An open file keeps a deleted log's space. */
void NeededLogs::forget() {
  for (const Log &log : logs_)
    if (log.file >= 0) ::close(log.file);
  logs_.clear();
  watching_ = false;
}

void NeededLogs::look() {
  if (!loss_.empty() || !watching_) return;
  if (mysql_bin_log.get_reset_master_count() != 0) {
    loss_ = "the binary log was deleted by RESET MASTER";
    return;
  }
  for (const Log &log : logs_) {
    struct stat status;
    struct stat named;
    // Its number of links says nothing: a backup may hold one.
    if (log.file < 0 || ::fstat(log.file, &status) != 0)
      loss_ = "the binary log " + log.path + " cannot be read";
    else if (::stat(log.path.c_str(), &named) != 0 ||
             named.st_ino != status.st_ino || named.st_dev != status.st_dev)
      loss_ = "the binary log " + without_folder(log.path) +
              " was deleted (RESET MASTER, PURGE BINARY LOGS)";
    if (!loss_.empty()) return;
  }
}

}  // namespace recovery_gate
