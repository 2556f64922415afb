#include "recovery_gate/ledger.h"

#include <algorithm>
#include <boost/thread/lock_guard.hpp>

#include "recovery_gate/binlog_file.h"

namespace recovery_gate {
namespace {

using Lock = boost::lock_guard<boost::mutex>;

constexpr milliseconds write_interval{300};
constexpr milliseconds retry_interval{10 * 1000};

/* Is the log among these, or was it merely purged? */
bool is_accounted_for(const std::string &file,
                      const std::vector<LogStart> &logs) {
  if (logs.empty() ||
      has_reached({without_folder(logs.front().path), 0}, {file, 0}))
    return true;
  return std::any_of(logs.begin(), logs.end(), [&](const LogStart &log) {
    return without_folder(log.path) == file;
  });
}

/* The first position that, when a replica has acknowledged it, proves that the
   replica has these GTIDs. */
BinlogPosition proof_of(const BinlogSample &sample) {
  const bool log_adds_nothing = sample.log.gtids_before == sample.gtids;
  return {sample.end.file, log_adds_nothing ? 0 : sample.end.offset};
}

/* Are the logs still there, up to what is owed? */
bool is_still_there(const Obligation &owed, const std::vector<LogStart> &logs) {
  if (owed.recovered_end.empty()) return true;
  const auto log =
      std::find_if(logs.begin(), logs.end(), [&](const LogStart &candidate) {
        return without_folder(candidate.path) == owed.recovered_end.file;
      });
  return log != logs.end() &&
         (!owed.identity ||
          binlog_identity(log->path, owed.recovered_end.offset) ==
              owed.identity);
}

}  // namespace

Ledger::Ledger(const Clock &clock, Journal &journal, StateFile &file)
    : clock_(clock), journal_(journal), file_(file) {}

std::string Ledger::load(bool crashed, const BinlogPosition &newest_log) {
  Lock lock(mutex_);
  const std::string unknown = file_.load(&on_disk_);
  had_record_ = on_disk_ || !unknown.empty();
  if (on_disk_) record_ = *on_disk_;
  Obligation &owed = record_.obligation;
  if (!unknown.empty())
    owed = {Debt::CARRIED_OVER, true, newest_log, std::nullopt, ""};
  else if (crashed && !owed.open())
    owed = {Debt::CRASH, true, newest_log, std::nullopt, ""};
  if (owed.open()) save();
  return unknown;
}

Ledger::Inheritance Ledger::recovered(const std::vector<LogStart> &logs,
                                      const GtidState &end) const {
  Lock lock(mutex_);
  Inheritance found;
  found.had_record = had_record_;
  found.obligation = record_.obligation;
  if (found.obligation.debt != Debt::CRASH &&
      !is_still_there(found.obligation, logs))
    found.obligation.provable = false;
  if (!record_.running_since.empty() &&
      !is_accounted_for(record_.running_since, logs))
    found.lost_track =
        "the server was not shut down properly, and the binary log that it "
        "wrote (" + record_.running_since +
        " and later) is not in the binary log index any more: log_bin was "
        "changed, or the logs replaced";
  found.unsettled =
      find_unsettled(record_.settled, record_.other_server_ids, logs, end);
  return found;
}

void Ledger::decided(const Obligation &owed, const BinlogSample &start,
                     bool settled) {
  Lock lock(mutex_);
  start_ = last_ = start;
  own_ids_ = {start.log.server_id};
  record_.obligation = owed;
  record_.running_since = start.end.file;
  // Of another binary log.
  if (!has_reached(start.end, record_.acknowledged)) record_.acknowledged = {};
  if (settled)
    settle(start);
  else
    pending_ = start;
  save();
}

void Ledger::opened() {
  Lock lock(mutex_);
  record_.obligation = Obligation();
  if (start_) settle(*start_);
  pending_.reset();
  save();
}

void Ledger::lost_proof() {
  Lock lock(mutex_);
  if (!record_.obligation.open() || !record_.obligation.provable) return;
  record_.obligation.provable = false;
  save();
}

void Ledger::look(BinlogProgress &progress, bool gate_is_open) {
  Lock lock(mutex_);
  const BinlogPosition acknowledged = progress.acknowledged();
  const BinlogProgress::End end = progress.end();
  note_server_id(progress.server_id());
  note_acknowledged(acknowledged);
  if (gate_is_open) follow(progress, end, acknowledged);
  save_if_due();
}

void Ledger::shutting_down(BinlogProgress &progress, bool gate_is_open,
                           const std::vector<std::string> &log_paths,
                           const std::string &gtid_position) {
  Lock lock(mutex_);
  const BinlogPosition acknowledged = progress.acknowledged();
  const BinlogSample end = progress.sample();
  note_server_id(progress.server_id());
  note_acknowledged(acknowledged);
  if (gate_is_open) {
    const bool same_series = take(end);
    const bool all_acknowledged =
        same_series && has_reached(acknowledged, proof_of(end));
    if (all_acknowledged) discharge();
    if (all_acknowledged || nothing_own_since_settled(end)) settle(end);
  }
  if (!record_.obligation.open()) {
    std::string unreadable;
    const std::vector<LogStart> logs = read_log_starts(log_paths, &unreadable);
    const Unsettled unsettled = find_unsettled(
        record_.settled, record_.other_server_ids, logs, end.gtids);
    if (!unreadable.empty() || !unsettled.empty()) {
      record_.obligation = {Debt::SHUTDOWN, true, end.end, end.identity,
                            gtid_position};
      journal_.warning(
          "shutting down while no replica is known to have acknowledged " +
          (unreadable.empty() ? "the last that this server wrote, GTID " +
                                    to_string(unsettled.gtids)
                              : "everything: " + unreadable) +
          ". The next start will be closed until one has");
    }
  }
  record_.running_since.clear();
  save();
}

Record Ledger::record() const {
  Lock lock(mutex_);
  return record_;
}

void Ledger::note_server_id(std::uint32_t id) {
  server_id_ = id;
  if (!last_ || id == last_->log.server_id) return;
  own_ids_.insert(id);
  ids_since_sample_.insert(id);
  // Not a matter of time: what is written under it is owed from now on.
  if (record_.other_server_ids.insert(id).second) save();
}

void Ledger::note_acknowledged(const BinlogPosition &acknowledged) {
  if (acknowledged.empty() || has_reached(record_.acknowledged, acknowledged))
    return;
  record_.acknowledged = acknowledged;
  worth_writing_ = true;
}

/*
  The binary log is asked for its end and its GTIDs in one go. When a replica has
  acknowledged that end, these GTIDs are settled, and the next sample is taken.
*/
void Ledger::follow(BinlogProgress &progress, const BinlogProgress::End &end,
                    const BinlogPosition &acknowledged) {
  if (pending_ && has_reached(acknowledged, proof_of(*pending_))) {
    discharge();
    settle(*pending_);
    pending_.reset();
    worth_writing_ = true;
  }
  const bool same_log = last_ && end.log_number == last_->log_number;
  if (same_log && (pending_ || end.position == last_->end)) return;

  const BinlogSample now = progress.sample();
  const bool same_series = take(now);
  if (nothing_own_since_settled(now)) {
    const bool other_log = record_.settled->position.file != now.end.file;
    settle(now);
    pending_.reset();
    // Else a replica would write this for all that it receives.
    if (other_log) worth_writing_ = true;
  } else if (same_series && has_reached(acknowledged, proof_of(now))) {
    discharge();
    settle(now);
    pending_.reset();
    worth_writing_ = true;
  } else if (!pending_) {
    pending_ = now;
  }
}

/* Learns from a sample what it says of the log itself. False: the log was begun
   anew, and what was known of it before means nothing. */
bool Ledger::take(const BinlogSample &sample) {
  const bool anew = last_ && was_begun_anew(sample);
  if (anew) begin_anew(sample);
  own_ids_.insert(sample.log.server_id);
  last_ = sample;
  if (!pending_) {
    ids_since_sample_.clear();
    if (server_id_ != sample.log.server_id)
      ids_since_sample_.insert(server_id_);
  }
  return !anew;
}

bool Ledger::was_begun_anew(const BinlogSample &sample) const {
  if (sample.log_number == last_->log_number) return false;
  const BinlogPosition log{sample.end.file, 0}, last{last_->end.file, 0};
  return log == last || !has_reached(log, last) ||
         (sample.log.gtids_before &&
          !continues(*sample.log.gtids_before, last_->gtids));
}

/* RESET MASTER: no place in the old log means anything in the new one. */
void Ledger::begin_anew(const BinlogSample &sample) {
  record_.settled.reset();
  record_.acknowledged = {};
  record_.running_since = sample.end.file;
  record_.other_server_ids.clear();
  if (record_.obligation.open()) record_.obligation.provable = false;
  settled_in_this_run_ = false;
  pending_.reset();
  worth_writing_ = true;
}

bool Ledger::nothing_own_since_settled(const BinlogSample &sample) const {
  return settled_in_this_run_ && record_.settled &&
         written_since(record_.settled->gtids, sample.gtids, own_ids_).empty();
}

/* `sample` is the one that ids_since_sample_ counts from. */
void Ledger::settle(const BinlogSample &sample) {
  record_.settled = Settled{sample.end, sample.identity,
                            from_servers(sample.gtids, own_ids_)};
  record_.other_server_ids = ids_since_sample_;
  settled_in_this_run_ = true;
}

void Ledger::discharge() {
  if (!record_.obligation.open() || !record_.obligation.provable) return;
  record_.obligation = Obligation();
  worth_writing_ = true;
}

bool Ledger::save() {
  worth_writing_ = false;
  write_not_before_ = clock_.now() + write_interval;
  if (on_disk_ && *on_disk_ == record_) return true;
  const std::string failure = file_.save(record_);
  if (failure.empty()) {
    on_disk_ = record_;
    if (cannot_write_) journal_.note("the state file is written again");
    cannot_write_ = false;
    return true;
  }
  worth_writing_ = true;
  write_not_before_ = clock_.now() + retry_interval;
  if (!cannot_write_)
    journal_.error(failure + ". It is tried again. The gate works, but what it "
                             "has to remember beyond a restart is not on disk: "
                             "make room, or set the rights right");
  cannot_write_ = true;
  return false;
}

void Ledger::save_if_due() {
  if (worth_writing_ && clock_.now() >= write_not_before_) save();
}

}  // namespace recovery_gate
