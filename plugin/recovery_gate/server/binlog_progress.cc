// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <fcntl.h>
#include <log.h>
#include <rpl_mi.h>
#include <slave.h>
#include <sql_class.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "binlog_progress.h"
#include "recovery_gate/binlog/binlog_file.h"
#include "recovery_gate/binlog/binlog_index.h"
#include "recovery_gate/binlog/byte_source.h"
#include "replication_links.h"
#include "server_facts.h"
#include "semisync.h"

namespace recovery_gate {
namespace {

class LogLock {
 public:
  LogLock() { mysql_mutex_lock(mysql_bin_log.get_log_lock()); }
  ~LogLock() { mysql_mutex_unlock(mysql_bin_log.get_log_lock()); }
  LogLock(const LogLock &) = delete;
  LogLock &operator=(const LogLock &) = delete;
};

/* Puts up with nothing: what is not known exactly is no use. */
GtidState parsed(const String &gtids, bool failed) {
  GtidState state;
  if (failed || !parse(std::string_view(gtids.ptr(), gtids.length()), &state))
    throw std::runtime_error("the GTIDs of the binary log cannot be read");
  return state;
}

// In bytes: the keeper's looks do not wait for more.
constexpr std::uint64_t most_relayed = 64 * 1024 * 1024;

// Nobody is told of a replica that proves nothing before it had time to leave.
constexpr milliseconds patience{10 * 1000};

}  // namespace

BinlogPosition binlog_end() {
  char path[FN_REFLEN];
  mysql_bin_log.lock_binlog_end_pos();
  const my_off_t end = mysql_bin_log.get_binlog_end_pos(path);
  mysql_bin_log.unlock_binlog_end_pos();
  return {without_folder(path), end};
}

EndOfBinlog read_end_of_binlog() {
  EndOfBinlog place;
  LOG_INFO current;
  String text;
  bool failed;
  {
    LogLock lock;
    mysql_bin_log.raw_get_current_log(&current);
    failed = mysql_bin_log.append_state(&text);
    place.resets = mysql_bin_log.get_reset_master_count();
  }
  place.gtids = parsed(text, failed);
  place.end = {without_folder(current.log_file_name), current.pos};
  return place;
}

GtidPosition applied_in(const GtidState &gtids) {
  GtidPosition applied;
  for (const auto &[source, number] : gtids) {
    rpl_gtid gtid;
    if (applied.count(source.domain) == 0 &&
        rpl_global_gtid_slave_state->domain_to_gtid(source.domain, &gtid))
      applied[source.domain] = {gtid.domain_id, gtid.server_id, gtid.seq_no};
  }
  return applied;
}

ServerBinlog::~ServerBinlog() {
  if (file_ >= 0) ::close(file_);
}

BinlogProgress::End ServerBinlog::end() {
  char path[FN_REFLEN];
  mysql_bin_log.lock_binlog_end_pos();
  const my_off_t end = mysql_bin_log.get_binlog_end_pos(path);
  mysql_bin_log.unlock_binlog_end_pos();
  recognise(path);
  return {{without_folder(path), end},
          log_number_,
          mysql_bin_log.get_reset_master_count()};
}

BinlogPosition ServerBinlog::acknowledged() { return replicas_.observe(); }

bool ServerBinlog::is_proven(const Demand &demand, const History &history) {
  const Answer answer =
      replicas_.ask(demand, history, {}, longest_owed_stretch);
  replicas_.tell(answer, patience);
  return answer.proven;
}

Owed ServerBinlog::read_owed(const Demand &demand) {
  return replicas_.read_owed(demand, longest_owed_stretch);
}

std::optional<Contents> ServerBinlog::relayed(const std::set<Gtid> &wanted) {
  std::vector<std::string> indexes;
  const Links links = visit_replication_links([&](Master_info *link) {
    if (link->rli.relay_log.is_open())
      indexes.push_back(link->rli.relay_log.get_index_fname());
  });
  if (links == Links::BUSY) return std::nullopt;
  std::vector<std::string> logs;
  for (const std::string &path : indexes) {
    BinlogIndex index;
    if (read_binlog_index(path, mysql_real_data_home, &index)) continue;
    logs.insert(logs.end(), index.logs.begin(), index.logs.end());
  }
  return contents_in_relay_logs(logs, wanted, most_relayed);
}

std::optional<GtidState> ServerBinlog::passed_over() {
  if (!rpl_global_gtid_slave_state->loaded) return std::nullopt;
  const GtidState gtids = read_end_of_binlog().gtids;
  GtidState passed_over;
  for (const auto &[domain, gtid] : applied_in(gtids))
    if (!covers(gtids, {domain, gtid.server_id}, gtid.sequence))
      passed_over[{domain, gtid.server_id}] = gtid.sequence;
  return passed_over;
}

History ServerBinlog::arrivals(std::uint64_t resets) {
  return replicas_.arrivals(resets);
}

bool ServerBinlog::serves() { return replicas_.serves(); }

bool ServerBinlog::served_earlier() { return replicas_.served_earlier(); }

std::uint32_t ServerBinlog::server_id() {
  // Without its lock: SET GLOBAL holds that while it waits for the ledger.
  return static_cast<std::uint32_t>(
      __atomic_load_n(&global_system_variables.server_id, __ATOMIC_RELAXED));
}

/* Only its replication's SQL threads write what the server receives. */
bool ServerBinlog::receives() {
  bool runs = false;
  const Links links = visit_replication_links([&](const Master_info *link) {
    const std::string name(link->connection_name.str,
                           link->connection_name.length);
    const ulong run = link->rli.slave_run_id;
    runs |= link->rli.slave_running != MYSQL_SLAVE_NOT_RUN ||
            run != runs_seen_[name];
    runs_seen_[name] = run;
  });
  switch (links) {
    case Links::VISITED:
      receives_ = runs;
      break;
    case Links::NOT_READ_YET:
      receives_ = !opt_skip_slave_start && has_primary();
      break;
    case Links::BUSY:  // the next look is soon
    case Links::GONE:
      break;
  }
  return receives_;
}

BinlogSample ServerBinlog::sample() {
  BinlogSample sample;
  LOG_INFO current;
  String gtids;
  bool failed;
  {
    // GTIDs are counted before their events are at the end that end() tells:
    // the two agree only while nobody writes.
    LogLock lock;
    mysql_bin_log.raw_get_current_log(&current);
    recognise(current.log_file_name);
    failed = mysql_bin_log.append_state(&gtids);
    sample.resets = mysql_bin_log.get_reset_master_count();
  }
  sample.gtids = parsed(gtids, failed);
  sample.end = {without_folder(current.log_file_name), current.pos};
  sample.log_number = log_number_;
  sample.identity = binlog_identity(file_, current.pos).value_or(0);
  if (log_read_for_ != log_number_) {
    const BinlogFileFacts facts = read_binlog_header(path_);
    log_ = {path_, facts.server_id, facts.gtids_before};
    log_read_for_ = log_number_;
  }
  sample.log = log_;
  sample.receives = receives();
  return sample;
}

BinlogSample ServerBinlog::next_sample() {
  BinlogSample next;
  String gtids;
  const bool failed = mysql_bin_log.append_state(&gtids);
  next.gtids = parsed(gtids, failed);
  next.log = {"", server_id(), next.gtids};
  next.receives = receives();
  return next;
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
