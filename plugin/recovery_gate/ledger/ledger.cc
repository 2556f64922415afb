// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/ledger.h"

#include <algorithm>
#include <boost/thread/lock_guard.hpp>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "recovery_gate/binlog/binlog_file.h"

namespace recovery_gate {
namespace {

using Lock = boost::lock_guard<boost::mutex>;

constexpr milliseconds write_interval{300};
constexpr milliseconds retry_interval{10 * 1000};
// More of them are nobody's; then only the server's own are kept.
constexpr std::size_t most_gtids_kept = 500;
// What is written in a tenth of a second is less.
constexpr std::uint64_t longest_walk = 64 << 20;
// In bytes: less is sent on a connection before the first event is.
constexpr std::uint64_t sent_before_events = 16 * 1024;

/* What is settled of the server's own and has gone, with the end of the log. */
GtidState lacking(const Settled &settled, const ServerIds &own,
                  const GtidState &left) {
  GtidState lacking;
  for (const auto &[source, number] : from_servers(settled.gtids, own))
    if (!covers(left, source, number)) lacking[source] = number;
  return lacking;
}

/* Is the log in which the last run began among these, or was it merely purged?
   The last of them is this run's own. */
bool is_accounted_for(const Record &record, const std::vector<LogStart> &logs) {
  if (logs.size() < 2) return false;
  const BinlogPosition first{without_folder(logs.front().path), 0};
  const BinlogPosition &began = record.running_since;
  if (first.file != began.file && has_reached(first, {began.file, 0}))
    return true;
  return std::any_of(logs.begin(), logs.end() - 1, [&](const LogStart &log) {
    return without_folder(log.path) == began.file &&
           binlog_identity(log.path, began.offset) == record.running_identity;
  });
}

/* That is settled, and on a replica that has all of it. */
void forget_told(const GtidState &settled, GtidState *told) {
  for (auto one = told->begin(); one != told->end();)
    one = one->second <= highest_in(settled, one->first.domain)
              ? told->erase(one)
              : std::next(one);
}

/* The others need not be known any more. */
void keep_behind_of_told(History *history) {
  ServerIds behind;
  for (const auto &told : history->told)
    if (history->behind.count(told.first.server_id) != 0)
      behind.insert(told.first.server_id);
  history->behind = std::move(behind);
}

std::string with_folder_of(const std::string &path, const std::string &file) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? file : path.substr(0, slash + 1) + file;
}

/* Up to `to`, or the end of the log. */
bool nothing_of(const ServerIds &own, const std::string &path,
                std::uint64_t from,
                std::optional<std::uint64_t> to = std::nullopt) {
  std::error_code unknown;
  const std::uint64_t end =
      to ? *to : std::filesystem::file_size(path, unknown);
  if (unknown || end < from || end - from > longest_walk) return false;
  const BinlogStretch rest = walk_binlog(path, from, to);
  return rest.is_whole && !rest.begins_within &&
         std::none_of(rest.writers.begin(), rest.writers.end(),
                      [&](std::uint32_t id) { return own.count(id) != 0; });
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

/* All from the settled position on, when it is in one of them: what became of
   older ones does not matter. */
std::vector<std::string> relevant(const std::optional<Settled> &settled,
                                  std::vector<std::string> paths) {
  const auto log =
      std::find_if(paths.begin(), paths.end(), [&](const std::string &path) {
        return settled && is_inside(*settled, path);
      });
  if (log != paths.end()) paths.erase(paths.begin(), log);
  return paths;
}

}  // namespace

bool may_have_received(const std::optional<Record> &on_disk, bool receives) {
  return on_disk && on_disk->history.known ? on_disk->received : receives;
}

Ledger::Ledger(const Clock &clock, Journal &journal, StateFile &file)
    : clock_(clock), journal_(journal), file_(file) {}

Failure Ledger::load(bool crashed, const BinlogPosition &newest_log) {
  Lock lock(mutex_);
  Failure unknown = file_.load(&on_disk_);
  had_record_ = on_disk_ || unknown;
  if (on_disk_) record_ = *on_disk_;
  may_have_files_on_disk_ = !record_.history.by_file.empty();
  Obligation &owed = record_.obligation;
  if (unknown)
    owed = {Debt::CARRIED_OVER, true, newest_log, std::nullopt, ""};
  else if (crashed && !owed.open())
    owed = {Debt::CRASH, true, newest_log, std::nullopt, ""};
  if (owed.open()) save();
  return unknown;
}

bool Ledger::has_settled_in(const std::string &log_path) const {
  Lock lock(mutex_);
  return record_.settled && is_inside(*record_.settled, log_path);
}

void Ledger::cut_back(const BinlogPosition &end, std::uint32_t identity,
                      const GtidState &gtids) {
  Lock lock(mutex_);
  Settled &settled = *record_.settled;
  if (has_reached(end, settled.position)) return;
  lost_ = lacking(settled, own_of(settled), gtids);
  settled.position = end;
  settled.identity = identity;
  settled.gtids = gtids;
}

Failure Ledger::may_be_cut(const CuttableEnd &end) {
  Lock lock(mutex_);
  record_.cuttable = end;
  return write();
}

void Ledger::may_have_been_cut(const std::string &log_path) {
  Lock lock(mutex_);
  const CuttableEnd before = *record_.cuttable;
  record_.cuttable.reset();
  if (is_uncut(before, log_path)) return;
  const auto cut = find_cut_off(before, log_path);
  const GtidState kept = cut ? cut->kept : kept_of(before);
  if (!kept.empty())
    record_.obligation = {Debt::CARRIED_OVER, false, before.end, std::nullopt,
                          to_string(kept)};
  if (cut || before.last) {
    was_cut(cut, before.last ? Ended{*before.last, 0} : Ended());
  } else {
    // Up to where its numbers went is known when this start has read the rest.
    was_known_ = record_.history.known;
    record_.history.known = false;
  }
}

void Ledger::was_cut(const std::optional<CutOff> &known, const Ended &before) {
  // That nobody was sent it is only known from the last look before the crash.
  record_.served = true;
  if (known) {
    cut_off(*known, &record_.history);
    forget_arrivals();
  } else {
    begin_history({}, before);
  }
}

std::vector<std::string> Ledger::relevant_logs(
    const std::vector<std::string> &paths) const {
  Lock lock(mutex_);
  return relevant(record_.settled, paths);
}

void Ledger::has_received_from(const ServerIds &senders) {
  Lock lock(mutex_);
  senders_ = senders;
}

Ledger::Inheritance Ledger::recovered(const std::vector<LogStart> &logs,
                                      const BinlogSample &start,
                                      bool crashed) const {
  Lock lock(mutex_);
  Inheritance found;
  found.had_record = had_record_;
  found.had_logs = logs.size() > 1;
  found.obligation = record_.obligation;
  if (found.obligation.debt != Debt::CRASH &&
      !is_still_there(found.obligation, logs))
    found.obligation.provable = false;
  found.unclean = !record_.running_since.empty();
  found.is_same_series = found.unclean && is_accounted_for(record_, logs);
  const bool is_another =
      !logs.empty() &&
      without_folder(logs.front().path) == record_.running_since.file &&
      !found.is_same_series;
  found.lost_all = logs.size() < 2 || is_another ||
                   !has_reached(record_.running_since,
                                {without_folder(logs.front().path), 0});
  if (found.unclean && !is_accounted_for(record_, logs))
    found.lost_track =
        "the server was not shut down properly, and the binary log that it "
        "wrote (" +
        record_.running_since.file +
        " and later) is not in the binary log index any more: log_bin was "
        "changed, or logs were deleted or replaced";
  found.recovered = start.gtids;
  found.writers =
      writers(start.gtids, may_have_received(on_disk_, start.receives));
  const ServerIds ids = found.writers.all();
  found.unsettled = find_unsettled(record_.settled, ids, logs, start.gtids);
  if (found.unsettled.since_settled) found.since = record_.settled;
  if (const GtidState gone = vanished(logs, start.gtids);
      !gone.empty() && found.obligation.debt != Debt::CARRIED_OVER)
    found.obligation = {Debt::CARRIED_OVER, false, record_.settled->position,
                        std::nullopt, to_string(gone)};
  if (record_.settled && found.unclean && found.lost_track.empty() &&
      found.obligation.provable)
    found.cut_off =
        found.unsettled.since_settled
            ? lost_
            : lacking(*record_.settled, own_of(*record_.settled), start.gtids);
  if (found.unclean && found.unsettled.empty() && found.unsettled.since_settled)
    found.unsettled = find_written(record_.settled, ids, logs, start.gtids);
  found.settled =
      found.unsettled.empty() ||
      (!had_record_ && !crashed && found.obligation.debt == Debt::NONE);
  return found;
}

void Ledger::decided(const Obligation &owed, const BinlogSample &start,
                     bool settled, const Inheritance &found) {
  Lock lock(mutex_);
  // Before a server has a record, it may have had replicas if it had logs.
  if (!found.had_record) record_.served = found.had_logs;
  settled_counts_ = found.unsettled.since_settled;
  // Other logs than those that the server wrote before: log_bin was changed,
  // RESET MASTER was run without this plugin, a folder was restored. Or their
  // end is gone.
  if (found.had_record && !settled_counts_ && record_.settled) {
    begin_history(found.is_same_series ? found.recovered : GtidState(),
                  {record_.settled->gtids});
    forget_cut_off(&record_.history);
  }
  if (was_known_) {
    record_.history.known = *was_known_;
    was_cut(std::nullopt, {start.gtids});
  }
  if (found.was_cut) was_cut(found.cut, found.before_cut);
  record_.cuttable.reset();
  start_ = last_ = start;
  own_ids_ = {start.log.server_id};
  receives_ = start.receives;
  const bool has_received = start.receives || !senders_.empty();
  if (has_received && on_disk_ && !may_have_received(on_disk_, start.receives))
    keep_foreign_ids(settled_gtids(), start.gtids);
  record_.received |= has_received;
  senders_.clear();
  record_.obligation = owed;
  record_.running_since = start.end;
  record_.running_identity = start.identity;
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
  if (start_ && !settled_in_this_run_) {
    settle(*start_);
    pending_.reset();
  }
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
  note_server_id(progress.server_id());
  const BinlogPosition acknowledged = progress.acknowledged();
  const BinlogProgress::End end = progress.end();
  note_acknowledged(acknowledged);
  const bool receives = progress.receives();
  const bool promoted = receives_ && !receives;
  note_received(receives);
  receives_ = receives;
  // Before a history ends with this look.
  record_.served |= progress.served_earlier();
  if (gate_is_open)
    follow(progress, end, acknowledged);
  else
    wait(progress, end);
  // Last, when it is known which history the record is of.
  note_replicas(progress, last_ ? last_->resets : end.resets);
  note_passed_over(progress);
  give_up_if_told(progress);
  // From now on all that comes is its own.
  if (promoted) save();
  if (on_disk_ && on_disk_->history.by_file != files_to_be_saved())
    worth_writing_ = true;
  save_if_due();
}

/* The gate is closed. */
void Ledger::wait(BinlogProgress &progress, const BinlogProgress::End &end) {
  const bool may_return = record_.received && !record_.history.cut_off.empty();
  if (!last_ || (end.resets == last_->resets && !may_return)) return;
  const BinlogSample sample = progress.sample();
  if (sample.resets != last_->resets) take(sample);
  if (may_return) note_returned(progress, sample.gtids);
}

/* Somebody may empty gtid_slave_pos before a replica comes. */
void Ledger::note_passed_over(BinlogProgress &progress) {
  if (knows_passed_over_) return;
  const std::optional<GtidState> passed_over = progress.passed_over();
  if (!passed_over) return;
  knows_passed_over_ = true;
  History arrived;
  arrived.passed_over = *passed_over;
  if (!add_arrivals(arrived, &record_.history)) return;
  write_without_delay();
}

void Ledger::give_up(EndOfBinlog here) {
  Lock lock(given_up_mutex_);
  given_up_ = std::move(here);
}

void Ledger::give_up_if_told(BinlogProgress &progress) {
  std::optional<EndOfBinlog> told;
  {
    Lock lock(given_up_mutex_);
    told.swap(given_up_);
  }
  if (!told) return;
  record_.obligation = Obligation();
  BinlogSample place = progress.sample();
  if (told->resets == place.resets) {
    const std::string path = with_folder_of(place.log.path, told->end.file);
    if (path != place.log.path) {
      BinlogFileFacts facts = read_binlog_header(path);
      place.log = {path, facts.server_id, std::move(facts.gtids_before)};
      place.log_number = 0;
    }
    place.end = told->end;
    place.gtids = std::move(told->gtids);
    place.identity = binlog_identity(path, place.end.offset).value_or(0);
    settle(place);
    pending_.reset();
  }
  save();
}

void Ledger::shutting_down(BinlogProgress &progress, bool gate_is_open,
                           const std::vector<std::string> &log_paths,
                           const std::string &gtid_position,
                           Failure unreadable) {
  Lock lock(mutex_);
  const BinlogPosition acknowledged = progress.acknowledged();
  const BinlogSample end = progress.sample();
  note_server_id(progress.server_id());
  note_acknowledged(acknowledged);
  note_received(progress.receives());
  record_.served |= progress.served_earlier();
  if (gate_is_open) {
    const bool same_series = take(end);
    const bool all_acknowledged =
        same_series && is_proven(progress, acknowledged, end);
    if (all_acknowledged) discharge();
    if (all_acknowledged || nothing_own_since_settled(progress, end))
      settle(end);
  }
  if (!record_.obligation.open()) {
    const std::vector<LogStart> logs =
        read_log_starts(relevant(record_.settled, log_paths), &unreadable);
    Unsettled unsettled = find_unsettled(
        record_.settled, writers(end.gtids, record_.received).all(), logs,
        end.gtids);
    // A GTID was written once more: the lists do not show it.
    if (gate_is_open && unsettled.empty() && settled_in_this_run_ &&
        settled_in_this_run_->end != end.end)
      unsettled.gtids = from_servers(end.gtids, own_ids_);
    if (unreadable || !unsettled.empty()) {
      record_.obligation = {Debt::SHUTDOWN, true, end.end, end.identity,
                            gtid_position};
      journal_.warning(
          "shutting down while no replica is known to have acknowledged " +
          (unreadable ? "everything: " + unreadable.text()
                      : "the last that this server wrote, GTID " +
                            to_string(unsettled.gtids)) +
          ". The next start will be closed until one has");
    }
  }
  note_replicas(progress, last_ ? last_->resets : end.resets);
  record_.running_since = {};
  record_.running_identity = 0;
  save();
}

Record Ledger::record() const {
  Lock lock(mutex_);
  return record_;
}

void Ledger::note_server_id(std::uint32_t id) {
  if (!last_ || !own_ids_.insert(id).second) return;
  // Not a matter of time: what is written under it is owed from now on.
  record_.other_server_ids.insert(own_ids_.begin(), own_ids_.end());
  save();
}

void Ledger::note_acknowledged(const BinlogPosition &acknowledged) {
  if (acknowledged.empty() || has_reached(record_.acknowledged, acknowledged))
    return;
  record_.acknowledged = acknowledged;
  worth_writing_ = true;
}

/* Where replicas were when they came matters only where their numbers may be of
   another history. */
void Ledger::note_replicas(BinlogProgress &progress, std::uint64_t resets) {
  if (progress.serves() && !record_.served) {
    record_.served = true;
    worth_writing_ = true;
  }
  History arrivals = progress.arrivals(resets);
  if (!arrivals.earlier.empty()) note_other_history(arrivals.earlier);
  if (!is_in_question(record_.history)) {
    arrivals.replica_ids.clear();
    arrivals.replicas.clear();
  }
  note_told(progress, &arrivals);
  if (!add_arrivals(arrivals, &record_.history)) return;
  write_without_delay();
}

/* Most begin where a transaction does, and have been sent no more than an idle
   server sends when they are seen. Others may have begun within anything. */
void Ledger::note_told(BinlogProgress &progress, History *arrivals) const {
  for (const History::Began &one : arrivals->began) {
    if (!last_ ||
        (record_.settled && has_reached(record_.settled->position, one.sent)))
      continue;
    bool may_be_any = one.bytes >= sent_before_events ||
                      one.sent.offset > longest_owed_stretch;
    if (!may_be_any) {
      const Around around = transaction_around(
          with_folder_of(last_->log.path, one.sent.file), one.sent.offset);
      may_be_any = around.is_within && !around.gtid;
      if (around.gtid)
        raise_to(&arrivals->told, {around.gtid->domain, one.replica},
                 around.gtid->sequence);
    }
    if (!may_be_any) continue;
    for (const auto &[source, number] : progress.sample().gtids)
      raise_to(&arrivals->told, {source.domain, one.replica}, number);
  }
  forget_told(settled_gtids(), &arrivals->told);
}

/* A replica has named what this server must have written, and its log lacks:
   the log was put back to what it was before, and may name other transactions
   so. */
void Ledger::note_other_history(const GtidState &named) {
  bool is_known = true;
  for (const auto &[source, number] : named)
    is_known &=
        covers(record_.history.earlier, source, number) ||
        was_cut_off({source.domain, source.server_id, number}, record_.history);
  if (is_known) return;
  record_.served = true;
  begin_history({}, {named});
  write_without_delay();
  journal_.warning(
      "a replica has named GTID " + to_string(named) +
      ", which has this server's "
      "id and is not in its binary log: another history of this server has had it. "
      "What replicas name counts from where they first connect from now on");
}

void Ledger::note_received(bool receives) {
  if (!receives || record_.received) return;
  if (last_)
    keep_foreign_ids(
        settled_in_this_run_ ? settled_in_this_run_->gtids : settled_gtids(),
        last_->gtids);
  record_.received = true;
  write_without_delay();
}

/* What stands in the log of a server that has received nothing, its sessions
   wrote, whatever ids they took on; and that is still so when it receives. */
void Ledger::keep_foreign_ids(const GtidState &settled,
                              const GtidState &written) {
  for (const auto &[source, number] :
       written_since(settled, written, writers(written, false).assumed))
    record_.other_server_ids.insert(source.server_id);
}

GtidState Ledger::settled_gtids() const {
  return record_.settled ? record_.settled->gtids : GtidState();
}

/*
  The binary log is asked for its end and its GTIDs in one go. When a replica
  has acknowledged that end, these GTIDs are settled, and the next sample is
  taken.
*/
void Ledger::follow(BinlogProgress &progress, const BinlogProgress::End &end,
                    const BinlogPosition &acknowledged) {
  const bool same_log = last_ && end.log_number == last_->log_number;
  bool same_series = true;
  std::optional<BinlogSample> sample;
  // First of all: an acknowledgement in a log that was begun anew says nothing
  // about a sample of the one before.
  if (!same_log) {
    sample = progress.sample();
    same_series = take(*sample);
  }
  if (pending_ && is_proven(progress, acknowledged, *pending_)) {
    discharge();
    settle(*pending_);
    pending_.reset();
    worth_writing_ = true;
  }
  if (same_log) {
    if (pending_) {
      // So that it is known what there was when the log is begun anew.
      if (last_->end != end.position) take(progress.sample());
      return;
    }
    if (record_.settled && record_.settled->position == end.position) {
      worth_writing_ |= record_.received != receives_;
      record_.received = receives_;  // nothing was written since
      return;
    }
    sample = progress.sample();
    same_series = take(*sample);
  }
  const BinlogSample &now = *sample;
  if (nothing_own_since_settled(progress, now)) {
    const bool other_log =
        !record_.settled || record_.settled->position.file != now.end.file;
    settle(now);
    pending_.reset();
    // Else a replica would write this for all that it receives.
    if (other_log) worth_writing_ = true;
  } else if (same_series && is_proven(progress, acknowledged, now)) {
    discharge();
    settle(now);
    pending_.reset();
    worth_writing_ = true;
  } else if (!pending_ && !looks_again_) {
    pending_ = now;
  }
}

/* Is some replica known to have all that the sample holds of this server's own?
 */
bool Ledger::is_proven(BinlogProgress &progress,
                       const BinlogPosition &acknowledged,
                       const BinlogSample &sample) {
  Demand demand = demand_for(sample);
  demand.acknowledged = reaches(acknowledged, sample, demand.writers.all());
  demand.reply = acknowledged;
  return progress.is_proven(demand, record_.history);
}

/* What was written from the settled position up to the sample. */
Demand Ledger::demand_for(const BinlogSample &sample) const {
  Demand demand;
  demand.stretch.to = sample.end;
  if (record_.settled && (settled_in_this_run_ || settled_counts_)) {
    demand.stretch.from = record_.settled->position;
    demand.before = record_.settled->gtids;
  }
  demand.writers = writers(sample.gtids, record_.received);
  demand.written =
      written_since(demand.before, sample.gtids, demand.writers.all());
  // The same numbers once more.
  if (demand.written.empty())
    demand.written = from_servers(sample.gtids, own_ids_);
  return demand;
}

/*
  Is all that the one holds before the other? Positions that a file/position
  replica starts from come as acknowledgements too, and need not be the end of
  anything. And events that are in no transaction, as a checkpoint at the end of
  the log, are never acknowledged; nor is what a former primary receives, which
  may begin to before anybody has looked what was acknowledged of its own.
*/
bool Ledger::reaches(const BinlogPosition &acknowledged,
                     const BinlogSample &sample, const ServerIds &own) {
  // A replica may be away for long: each place is looked at once.
  if (acknowledged.empty() ||
      (acknowledged == refused_ && sample.end == refused_for_))
    return false;
  const bool reaches = is_proof(acknowledged, sample, own);
  if (!reaches) {
    refused_ = acknowledged;
    refused_for_ = sample.end;
  }
  return reaches;
}

bool Ledger::is_proof(const BinlogPosition &acknowledged,
                      const BinlogSample &sample, const ServerIds &own) const {
  const std::string &path = sample.log.path;
  const std::uint64_t at = acknowledged.offset, end = sample.end.offset;
  // The types of events cannot be read where the list could not. That the list
  // has all GTIDs says nothing: one may stand in the log once more.
  const bool is_readable = sample.log.gtids_before.has_value();
  if (acknowledged.file != sample.end.file)
    return has_reached(acknowledged, sample.end) ||
           (is_readable && is_next_log(acknowledged.file, sample.end.file) &&
            nothing_of(own, with_folder_of(path, acknowledged.file), at) &&
            nothing_of(own, path, start_of_events, end));
  if (at >= end) return walk_binlog(path, end, at).is_whole;
  return is_readable &&
         nothing_of(own, path, std::max(at, start_of_events), end);
}

ServerIds Ledger::own_of(const Settled &settled) const {
  ServerIds ids = record_.other_server_ids;
  ids.insert(settled.server_id);
  return ids;
}

/* A server that is no replica has nothing from elsewhere, whatever id a session
   took on; but it may have become one a moment ago. */
Writers Ledger::writers(const GtidState &gtids, bool receives) const {
  Writers writers;
  writers.own = record_.other_server_ids;
  writers.own.insert(own_ids_.begin(), own_ids_.end());
  writers.cut_off = record_.history.cut_off;
  writers.cut_numbers = record_.history.cut_numbers;
  writers.returned = record_.history.returned;
  if (receives) return writers;
  for (const auto &[source, number] : gtids)
    if (writers.own.count(source.server_id) == 0 &&
        senders_.count(source.server_id) == 0)
      writers.assumed.insert(source.server_id);
  return writers;
}

/* Learns from a sample what it says of the log itself. False: the log was begun
   anew, and what was known of it before means nothing. */
bool Ledger::take(const BinlogSample &sample) {
  const bool anew = last_ && sample.resets != last_->resets;
  if (anew)
    begin_anew(sample);
  else
    note_vanished(sample);
  note_newcomers(sample);
  own_ids_.insert(sample.log.server_id);
  last_ = sample;
  return !anew;
}

/* FLUSH BINARY LOGS DELETE_DOMAIN_ID: what was owed in the domain is owed,
   though no log and no list shows it any more. */
void Ledger::note_vanished(const BinlogSample &sample) {
  if (!last_) return;
  GtidState vanished;
  for (const auto &[source, number] : from_servers(
           last_->gtids, writers(last_->gtids, record_.received).all())) {
    if (sample.gtids.count(source) != 0) continue;
    const GtidState settled = settled_gtids();
    const auto known = settled.find(source);
    if (known == settled.end() || known->second != number)
      vanished[source] = number;
  }
  if (vanished.empty()) return;
  record_.obligation = {Debt::CARRIED_OVER, false, last_->end, last_->identity,
                        to_string(vanished)};
  journal_.warning(
      "a domain was deleted from the binary log (FLUSH BINARY LOGS "
      "DELETE_DOMAIN_ID) before a replica was known to have GTID " +
      to_string(vanished) +
      ", which this server wrote. It stays in doubt: the next "
      "start will be closed, unless somebody gives it up with SET GLOBAL "
      "recovery_gate_open_now=ON");
  save();
}

/* So that it is known, should their domain be deleted and their logs purged
   between two looks. */
void Ledger::note_newcomers(const BinlogSample &sample) {
  for (const auto &[source, number] : from_servers(
           sample.gtids, writers(sample.gtids, record_.received).all())) {
    if ((record_.settled && record_.settled->gtids.count(source) != 0) ||
        record_.newcomers.size() == most_gtids_kept ||
        !record_.newcomers.emplace(source, number).second)
      continue;
    write_without_delay();
  }
}

/* As long as a log holds a domain, it cannot be deleted. */
GtidState Ledger::vanished(const std::vector<LogStart> &logs,
                           const GtidState &gtids) const {
  GtidState gone;
  if (!record_.settled || logs.empty() ||
      !has_reached({without_folder(logs.front().path), 0},
                   record_.settled->position))
    return gone;
  for (const auto &[source, number] : record_.newcomers)
    if (gtids.count(source) == 0) gone[source] = number;
  return gone;
}

/* RESET MASTER: no place in the old log means anything in the new one. */
void Ledger::begin_anew(const BinlogSample &sample) {
  if (pending_ && !record_.obligation.open())
    journal_.warning(
        "the binary log was reset before a replica was known to have "
        "acknowledged everything in it; that is given up");
  if (record_.obligation.open()) record_.obligation.provable = false;
  begin_history({}, {last_->gtids});
  // It is of the history that ends.
  forget_cut_off(&record_.history);
  record_.history.known = true;
  record_.history.told.clear();
  record_.acknowledged = {};
  record_.running_since = sample.end;
  record_.running_identity = sample.identity;
  pending_.reset();
  BinlogSample beginning = sample;
  beginning.gtids = sample.log.gtids_before.value_or(GtidState());
  settle(beginning);
  // What was written since the reset is not settled: without a place, the start
  // of the log counts.
  if (sample.gtids != beginning.gtids) record_.settled.reset();
  save();
}

/* Whoever was sent the log that has ended may name its numbers for those of the
   one that begins. */
void Ledger::begin_history(const GtidState &common, const Ended &ended) {
  History &history = record_.history;
  if (record_.served) branch_off(common, ended, &history);
  forget_arrivals();
}

/* What is known of where replicas came in is of another history. */
void Ledger::forget_arrivals() {
  History &history = record_.history;
  history.replica_ids.clear();
  history.replicas.clear();
  keep_behind_of_told(&history);
  history.by_file.clear();
}

bool Ledger::nothing_own_since_settled(BinlogProgress &progress,
                                       const BinlogSample &sample) {
  looks_again_ = false;
  if (!settled_in_this_run_) return false;
  // A GTID can be written once more.
  const BinlogSample &settled = *settled_in_this_run_;
  if (sample.gtids == settled.gtids && sample.log.gtids_before &&
      sample.end.file == settled.end.file) {
    const BinlogStretch since =
        walk_binlog(sample.log.path, settled.end.offset, sample.end.offset);
    return since.is_whole && since.writers.empty();
  }
  const Demand demand = demand_for(sample);
  const GtidState own =
      written_since(settled.gtids, sample.gtids, demand.writers.all());
  if (!own.empty()) {
    if (own == not_returned_) return false;
    looks_again_ = !note_returned(progress, own);
    if (looks_again_) return false;
    if (may_have_returned(own) &&
        progress.read_owed(demand_for(sample)).empty())
      return true;
    not_returned_ = own;
    return false;
  }
  // Or it stands in a log whose headers say nothing, or that has ended since,
  // or among what was received.
  const bool may_be_there = sample.gtids == settled.gtids
                                ? sample.end != settled.end
                                : record_.received;
  return !may_be_there || progress.read_owed(demand).empty();
}

/* Has recovery cut off all that has these numbers? */
bool Ledger::may_have_returned(const GtidState &own) const {
  return record_.received &&
         std::all_of(own.begin(), own.end(), [&](const auto &last) {
           const auto &[source, number] = last;
           return was_cut_off({source.domain, source.server_id, number},
                              record_.history);
         });
}

/* While the relay log is there: as soon as the log has the number. False: it
   has to be tried again. */
bool Ledger::note_returned(BinlogProgress &progress, const GtidState &written) {
  History &history = record_.history;
  const GtidState settled = settled_gtids();
  std::set<Gtid> wanted;
  for (const auto &one : history.cut_off) {
    const Gtid &gtid = one.first;
    const GtidSource source{gtid.domain, gtid.server_id};
    if (record_.received && one.second && history.returned.count(one) == 0 &&
        covers(written, source, gtid.sequence) &&
        !covers(settled, source, gtid.sequence))
      wanted.insert(gtid);
  }
  if (wanted == not_relayed_ || wanted.empty()) return true;
  const std::optional<Contents> relayed = progress.relayed(wanted);
  if (!relayed) return false;
  not_relayed_ = wanted;
  for (const auto &one : *relayed) {
    if (history.cut_off.count(one) == 0 || !history.returned.insert(one).second)
      continue;
    not_returned_.clear();
    write_without_delay();
  }
  return true;
}

/* All that the server had, once it was given another: a session keeps the one
   that it began with, whatever the log says that it writes to. */
ServerIds Ledger::ids_of_sessions() const {
  return own_ids_.size() > 1 ? own_ids_ : ServerIds();
}

void Ledger::settle(const BinlogSample &sample) {
  record_.settled = Settled{sample.end, sample.identity,
                            sample.gtids.size() <= most_gtids_kept
                                ? sample.gtids
                                : from_servers(sample.gtids, own_ids_),
                            sample.log.server_id};
  record_.newcomers.clear();
  record_.other_server_ids = ids_of_sessions();
  record_.received = receives_;
  // All before this is on a replica, whatever the history was.
  record_.history.known = true;
  record_.history.passed_over.clear();
  forget_told(sample.gtids, &record_.history.told);
  keep_behind_of_told(&record_.history);
  // What has their numbers from now on is written here.
  Contents &returned = record_.history.returned;
  for (auto one = returned.begin(); one != returned.end();)
    one = covers(sample.gtids, {one->first.domain, one->first.server_id},
                 one->first.sequence)
              ? returned.erase(one)
              : std::next(one);
  settled_in_this_run_ = sample;
}

void Ledger::discharge() {
  if (!record_.obligation.open() || !record_.obligation.provable) return;
  record_.obligation = Obligation();
  worth_writing_ = true;
}

Failure Ledger::write() {
  Record record = record_;
  record.history.by_file = files_to_be_saved();
  if (on_disk_ && *on_disk_ == record) return {};
  Failure failure = file_.save(record);
  if (failure) {
    on_disk_.reset();
  } else {
    on_disk_ = record;
    may_have_files_on_disk_ = !record.history.by_file.empty();
  }
  return failure;
}

void Ledger::save() {
  owes_ = record_.obligation.open();
  wants_arrivals_ = is_in_question(record_.history);
  worth_writing_ = false;
  write_not_before_ = clock_.now() + write_interval;
  const Failure failure = write();
  if (!failure) {
    if (cannot_write_) journal_.note("recovery_gate.state is written again");
    cannot_write_ = false;
    return;
  }
  worth_writing_ = true;
  write_not_before_ = clock_.now() + retry_interval;
  if (!cannot_write_)
    journal_.error(failure.text() +
                   ". This is retried. The gate works, but what it "
                   "has to remember beyond a restart is not on disk: "
                   "free some disk space, or fix the file permissions");
  cannot_write_ = true;
}

/* Who came by file may have come with GTIDs since, if anybody has come. */
ServerIds Ledger::files_to_be_saved() {
  const ServerIds &by_file = record_.history.by_file;
  if (by_file.empty()) return {};
  may_have_files_on_disk_ = true;
  const Instant last_login = last_login_;
  const bool is_quiet = last_login == Instant::min() ||
                        clock_.now() - last_login >= quiet_after_login;
  return is_quiet ? by_file : ServerIds();
}

void Ledger::replica_logged_in() {
  last_login_ = clock_.now();
  if (!may_have_files_on_disk_) return;
  Lock lock(mutex_);
  save();
}

void Ledger::write_without_delay() {
  worth_writing_ = true;
  write_not_before_ = clock_.now();
}

void Ledger::save_if_due() {
  if (worth_writing_ && clock_.now() >= write_not_before_) save();
}

}  // namespace recovery_gate
