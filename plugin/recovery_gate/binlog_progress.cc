#define MYSQL_SERVER 1
#include <my_global.h>
#include <fcntl.h>
#include <log.h>
#include <sql_class.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>

#include "binlog_progress.h"
#include "recovery_gate/binlog_file.h"
#include "semisync.h"

namespace recovery_gate {
namespace {

GtidState binlog_gtids() {
  String text;
  GtidState gtids;
  if (mysql_bin_log.append_state(&text) ||
      !parse(std::string_view(text.ptr(), text.length()), &gtids))
    throw std::runtime_error("the GTIDs of the binary log cannot be read");
  return gtids;
}

class LogLock {
 public:
  LogLock() { mysql_mutex_lock(mysql_bin_log.get_log_lock()); }
  ~LogLock() { mysql_mutex_unlock(mysql_bin_log.get_log_lock()); }
  LogLock(const LogLock &) = delete;
  LogLock &operator=(const LogLock &) = delete;
};

}  // namespace

ServerBinlog::~ServerBinlog() {
  if (file_ >= 0) ::close(file_);
}

BinlogProgress::End ServerBinlog::end() {
  char path[FN_REFLEN];
  mysql_bin_log.lock_binlog_end_pos();
  const my_off_t end = mysql_bin_log.get_binlog_end_pos(path);
  mysql_bin_log.unlock_binlog_end_pos();
  recognise(path);
  return {{without_folder(path), end}, log_number_};
}

BinlogPosition ServerBinlog::acknowledged() { return Semisync::last_reply(); }

std::uint32_t ServerBinlog::server_id() {
  mysql_mutex_lock(&LOCK_global_system_variables);
  const ulong id = global_system_variables.server_id;
  mysql_mutex_unlock(&LOCK_global_system_variables);
  return static_cast<std::uint32_t>(id);
}

BinlogSample ServerBinlog::sample() {
  BinlogSample sample;
  LOG_INFO current;
  {
    // GTIDs are counted before their events are at the end that end() tells:
    // the two agree only while nobody writes.
    LogLock lock;
    mysql_bin_log.raw_get_current_log(&current);
    recognise(current.log_file_name);
    sample.gtids = binlog_gtids();
  }
  sample.end = {without_folder(current.log_file_name), current.pos};
  sample.log_number = log_number_;
  sample.identity = binlog_identity(file_, current.pos).value_or(0);
  if (log_read_for_ != log_number_) {
    const BinlogFileFacts facts = read_binlog_header(path_);
    log_ = {path_, facts.server_id, facts.gtids_before};
    log_read_for_ = log_number_;
  }
  sample.log = log_;
  return sample;
}

void ServerBinlog::recognise(const char *path) {
  struct stat status;
  if (file_ >= 0 && path_ == path && ::fstat(file_, &status) == 0 &&
      status.st_nlink > 0)
    return;
  if (file_ >= 0) ::close(file_);
  path_ = path;
  file_ = ::open(path, O_RDONLY | O_CLOEXEC);
  ++log_number_;
}

}  // namespace recovery_gate
