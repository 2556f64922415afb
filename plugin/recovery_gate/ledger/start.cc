// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/start.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <system_error>

#include "recovery_gate/binlog/binlog_file.h"
#include "recovery_gate/ledger/owed.h"
#include "recovery_gate/ledger/senders.h"

namespace recovery_gate {
namespace {

/* The start's own log need not be read, and before the start it is not there.
 */
std::vector<LogStart> starts_of(std::vector<std::string> paths,
                                const BinlogSample &start, Failure *doubt) {
  const bool has_own =
      !paths.empty() && without_folder(paths.back()) == start.end.file;
  if (has_own) paths.pop_back();
  std::vector<LogStart> starts = read_log_starts(paths, doubt);
  if (has_own) starts.push_back(start.log);
  return starts;
}

std::uint64_t size_of(const std::string &path) {
  std::error_code unknown;
  const auto size = std::filesystem::file_size(path, unknown);
  return unknown ? 0 : size;
}

/* Up to what was recovered. */
Owed read_unsettled(const std::vector<std::string> &logs,
                    EventDecryptor *decryptor, StartFacts *facts) {
  OwedSearch search;
  search.logs = logs;
  search.writers = facts->writers;
  search.decryptor = decryptor;
  search.most = most_read_at_start;
  GtidState before = facts->settled_gtids;
  if (facts->settled_place.empty() && !logs.empty())
    before =
        read_binlog_header(logs.front()).gtids_before.value_or(GtidState());
  return read_owed(search, {facts->settled_place, facts->recovered_end}, before,
                   &facts->read_owed);
}

std::vector<std::string>::const_iterator find_file(
    const std::string &file, const std::vector<std::string> &paths) {
  return std::find_if(paths.begin(), paths.end(), [&](const std::string &path) {
    return without_folder(path) == file;
  });
}

bool is_among(const std::string &file, const std::vector<std::string> &paths) {
  return find_file(file, paths) != paths.end();
}

void add_doubt(const Failure &doubt, StartFacts *facts) {
  if (!doubt) return;
  facts->doubt += (facts->doubt.empty() ? "" : "; ") + doubt.text();
}

/* Nothing: recovery has cut off nothing, or it is not known what. */
std::optional<CutOff> cut_off_at(const StartFacts &facts) {
  if (!facts.was_cut || !facts.cuttable) return std::nullopt;
  return cut_off_from(*facts.cuttable, facts.recovered_end.offset);
}

/* The last of each source, where one source alone has written in a domain, and
   each number was higher than the one before. */
GtidState last_in_order(const CutOff &cut) {
  GtidState last;
  std::map<std::uint32_t, ServerIds> writers;
  for (const auto &[gtid, content] : cut.transactions) {
    raise_to(&last, {gtid.domain, gtid.server_id}, gtid.sequence);
    writers[gtid.domain].insert(gtid.server_id);
  }
  for (auto one = last.begin(); one != last.end();) {
    const std::uint32_t domain = one->first.domain;
    const bool is_in_order =
        writers.at(domain).size() == 1 && cut.gone_back.count(domain) == 0;
    one = is_in_order ? std::next(one) : last.erase(one);
  }
  return last;
}

/* The same of what came between, where that is not known one by one. */
GtidState last_between(const GtidState &left, const GtidState &last) {
  CutOff between;
  for (const auto &[source, number] : last)
    if (!covers(left, source, number))
      between.transactions.emplace(
          Gtid{source.domain, source.server_id, number}, std::nullopt);
  return last_in_order(between);
}

}  // namespace

/* A crash may come before anybody has seen that the server receives. */
Ledger::Inheritance Start::ask_ledger(const std::vector<LogStart> &starts,
                                      const std::vector<std::string> &logs,
                                      const BinlogSample &start,
                                      EventDecryptor *decryptor,
                                      const StartFacts &facts) const {
  Ledger::Inheritance found = ledger_.recovered(starts, start, facts.crashed);
  if (found.writers.assumed.empty() || !find_relay_logs_ || !found.since ||
      facts.recovered_end.empty())
    return found;
  ReceivedSearch search;
  search.ids = found.writers.assumed;
  search.logs = logs;
  search.stretch = {found.since->position, facts.recovered_end};
  search.relay_logs = find_relay_logs_();
  search.decryptor = decryptor;
  const ServerIds senders = find_senders(search);
  if (senders.empty()) return found;
  ledger_.has_received_from(senders);
  return ledger_.recovered(starts, start, facts.crashed);
}

/* What the ledger knows of these logs, the last of which is opened at this
   start. */
Ledger::Inheritance Start::take_stock(const std::vector<std::string> &logs,
                                      const Failure &index_failure,
                                      const BinlogSample &start,
                                      EventDecryptor *decryptor,
                                      StartFacts *facts) const {
  Failure doubt = index_failure ? index_failure : unknown_;
  const std::vector<LogStart> starts =
      starts_of(ledger_.relevant_logs(logs), start, &doubt);
  Ledger::Inheritance found =
      ask_ledger(starts, logs, start, decryptor, *facts);
  found.was_cut = facts->was_cut;
  const bool knows_last = facts->cuttable && facts->cuttable->last;
  found.before_cut =
      knows_last ? Ended{*facts->cuttable->last, 0} : Ended{start.gtids};
  found.cut = cut_off_at(*facts);
  const GtidState &kept = found.cut ? found.cut->kept : facts->kept;
  facts->carried_over = found.obligation;
  facts->left = found.recovered;
  facts->crashed |= found.obligation.debt == Debt::CRASH;
  facts->unclean = found.unclean;
  facts->had_record = found.had_record;
  if (!found.lost_track.empty()) doubt = found.lost_track;
  if (found.lost_all && !found.lost_track.empty())
    facts->unprovable =
        "a replica that acknowledges this binary log need not have what was "
        "in that one";
  else if (!found.obligation.provable)
    facts->unprovable =
        "the binary log that holds it was deleted, or is not the one that was "
        "recovered";
  if (!kept.empty()) {
    facts->cut_off = kept;
    doubt =
        "recovery has cut transactions off the binary log whose changes to tables "
        "without transactions it does not roll back, up to GTID " +
        to_string(kept);
    facts->unprovable =
        "this server still shows those changes, and nobody is sent them: rebuild it "
        "from another server";
  }
  if (!found.cut_off.empty()) {
    for (const auto &[source, number] : found.cut_off)
      raise_to(&facts->cut_off, source, number);
    const std::string lost = to_string(found.cut_off);
    doubt =
        "recovery has cut transactions off the binary log that a replica had "
        "acknowledged, up to GTID " +
        lost;
    facts->unprovable =
        "this server lacks them, and must not be the primary: it would use their "
        "GTIDs once more. Make a server that has GTID " +
        lost + " the primary, and rebuild this one as its replica";
  }
  add_doubt(doubt, facts);
  // What a server had before it ran with the plugin, its clients saw long ago.
  if (facts->crashed || found.had_record)
    facts->unsettled = found.unsettled.gtids;
  if (found.unsettled.since_settled)
    facts->first_unsettled_log = found.unsettled.first_log;
  // What recovery itself has written since has their numbers.
  if (found.cut) {
    const Contents &cut = found.cut->transactions;
    found.writers.cut_off.insert(cut.begin(), cut.end());
    add_numbers(*found.cut, &found.writers.cut_numbers);
    forget(cut, &found.writers.returned);
  }
  facts->writers = found.writers;
  if (found.since) {
    facts->settled_place = found.since->position;
    facts->settled_gtids = found.since->gtids;
  }
  const bool is_unreadable =
      std::any_of(starts.begin(), starts.end(),
                  [](const LogStart &log) { return !log.gtids_before; });
  // In an encrypted log nothing but its events shows a GTID that was written
  // twice.
  const bool may_be_less =
      facts->crashed && (!facts->unsettled.empty() ||
                         (is_unreadable && found.since && decryptor));
  if (may_be_less || !found.settled || found.obligation.open()) {
    const Owed owed = read_unsettled(logs, decryptor, facts);
    // The lists at the start of logs count what recovery discarded: the server
    // reads its GTID, and the transaction has no end. What is there as a whole
    // the log itself says; when it cannot be read, the lists have to
    // do. Nor do they show what was cut off and has come back.
    const bool shows_more = may_be_less || !found.writers.returned.empty();
    if (shows_more && owed.unknown.empty()) facts->unsettled = owed.gtids();
    if (shows_more) found.settled = facts->unsettled.empty();
  }
  found.settled &= facts->unguarded.empty() && facts->doubt.empty();
  return found;
}

void Start::begin(const std::vector<std::string> &logs,
                  const Failure &index_failure) {
  doubt(index_failure);
  logs_before_recovery_ = logs;
  if (!logs.empty()) {
    newest_log_ = logs.back();
    const BinlogFileFacts newest = read_binlog_header(newest_log_);
    facts_.crashed = newest.in_use;
    facts_.size_before_recovery = size_of(newest_log_);
    doubt(newest.error);
  }
  unknown_ = ledger_.load(facts_.crashed || !facts_.doubt.empty(),
                          {without_folder(newest_log_), 0});
  if (const auto cuttable = ledger_.record().cuttable) {
    const auto log = find_file(cuttable->end.file, logs);
    ledger_.may_have_been_cut(log == logs.end() ? std::string() : *log);
  }
}

void Start::begin_unguarded(const std::string &why) {
  facts_.unguarded = why;
  unknown_ = ledger_.load(false, {});
  if (ledger_.record().cuttable) ledger_.may_have_been_cut({});
}

Failure Start::note_what_may_be_cut(EventDecryptor *decryptor) {
  if (logs_before_recovery_.empty()) return {};
  cuttable_ = read_cuttable_ends(logs_before_recovery_, decryptor);
  facts_.cuttable = cuttable_.front();
  had_settled_ = std::any_of(
      logs_before_recovery_.end() -
          static_cast<std::ptrdiff_t>(cuttable_.size()),
      logs_before_recovery_.end(),
      [&](const std::string &path) { return ledger_.has_settled_in(path); });
  return ledger_.may_be_cut(*facts_.cuttable);
}

void Start::recovered(const std::string &gtid_position,
                      const std::vector<std::string> &logs) {
  facts_.recovered_gtid = gtid_position;
  if (newest_log_.empty()) return;
  if (facts_.cuttable && !logs.empty() &&
      !is_among(without_folder(newest_log_), logs)) {
    // It was cut in a log before this one, which is deleted then.
    facts_.was_cut = true;
    newest_log_ = logs.back();
    const auto noted = std::find_if(
        cuttable_.begin(), cuttable_.end(), [&](const CuttableEnd &log) {
          return log.end.file == without_folder(newest_log_);
        });
    if (noted != cuttable_.end()) {
      facts_.cuttable = *noted;
    } else {
      facts_.kept = kept_of(*facts_.cuttable);
      facts_.cuttable->items.clear();
    }
  }
  const BinlogFileFacts log = read_binlog_end(newest_log_);
  if (log.error) {
    if (facts_.doubt.empty()) doubt(log.error);
    if (facts_.cuttable) {
      facts_.was_cut = true;
      facts_.kept = kept_of(*facts_.cuttable);
      facts_.cuttable = CuttableEnd();
    }
    return;
  }
  facts_.was_cut |= size_of(newest_log_) < facts_.size_before_recovery;
  facts_.recovered_path = newest_log_;
  facts_.recovered_end = {without_folder(newest_log_), log.end_of_events};
  facts_.recovered_identity = binlog_identity(newest_log_, log.end_of_events);
  const auto cut = cut_off_at(facts_);
  if (had_settled_ && cut && facts_.recovered_identity)
    ledger_.cut_back(facts_.recovered_end, *facts_.recovered_identity,
                     cut->left);
}

void Start::inherit(const std::vector<std::string> &logs,
                    const Failure &index_failure, const BinlogSample &next,
                    EventDecryptor *decryptor) {
  std::vector<std::string> with_next = logs;
  with_next.push_back(next.log.path);
  StartFacts facts = facts_;
  Ledger::Inheritance found =
      take_stock(with_next, index_failure, next, decryptor, &facts);
  facts.awaited = next.end;
  inherited_ = Inherited{logs, next.gtids};
  found_ = std::move(found);
  facts_ = std::move(facts);
}

std::string Start::opened(const std::vector<std::string> &logs,
                          const Failure &index_failure,
                          const BinlogSample &sample,
                          EventDecryptor *decryptor) {
  logs_ = logs;
  sample_ = sample;
  facts_.awaited = sample.end;
  recorded_ = ledger_.record().history;
  if (inherited_) return follow_up(index_failure);
  found_ = take_stock(logs, index_failure, sample, decryptor, &facts_);
  return {};
}

void Start::decided(const Obligation &owed, bool gate_is_open) {
  ledger_.decided(owed, sample_, found_.settled && !owed.open() && gate_is_open,
                  found_);
  // What is in doubt in the logs of the last run was written in its history,
  // also if another one begins behind it.
  history_ =
      found_.unsettled.since_settled ? recorded_ : ledger_.record().history;
}

void Start::doubt(const Failure &why) { add_doubt(why, &facts_); }

std::vector<std::string> Start::needed_logs() const {
  std::vector<std::string> needed{sample_.log.path};
  const std::string &first = facts_.first_unsettled_log.empty()
                                 ? facts_.recovered_path
                                 : facts_.first_unsettled_log;
  const bool is_read_and_gone =
      facts_.read_owed &&
      std::find(logs_.begin(), logs_.end(), first) == logs_.end();
  if (!found_.settled && !first.empty() && !is_read_and_gone)
    needed.push_back(first);
  return needed;
}

Demand Start::demand() const {
  Demand demand;
  demand.stretch = {facts_.settled_place, sample_.end};
  demand.before = facts_.settled_gtids;
  demand.written = facts_.unsettled;
  demand.writers = facts_.writers;
  return demand;
}

std::string Start::follow_up(const Failure &index_failure) {
  doubt(index_failure);
  ServerIds own = found_.writers.all();
  own.insert(sample_.log.server_id);
  const GtidState written =
      written_since(inherited_->gtids, sample_.gtids, own);
  for (const auto &[source, number] : written)
    facts_.unsettled[source] = number;
  found_.settled &= written.empty() && !index_failure;
  if (found_.settled && !found_.obligation.open()) return {};

  const std::string first =
      facts_.settled_place.empty() && !inherited_->logs.empty()
          ? without_folder(inherited_->logs.front())
          : facts_.settled_place.file;
  if (has_expired(first) && !facts_.read_owed && facts_.unprovable.empty())
    facts_.unprovable =
        "the binary log " + first +
        " has expired and was deleted at "
        "this start, and what is in doubt could not be read before";
  const std::string holds_owed = without_folder(facts_.first_unsettled_log);
  return has_expired(holds_owed) && facts_.unprovable.empty()
             ? "the binary log " + holds_owed +
                   " has expired and was deleted at this "
                   "start, and holds what is in doubt. A replica that lacks that "
                   "cannot be sent it any more. One that names its last GTID has it"
             : std::string();
}

bool Start::has_expired(const std::string &file) const {
  return is_among(file, inherited_->logs) && !is_among(file, logs_);
}

std::vector<Claim> Start::claims(const Owed &owed) const {
  const std::string lost =
      facts_.doubt.empty() ? facts_.unprovable : facts_.doubt;
  std::vector<Claim> claims;
  if (!facts_.cut_off.empty()) {
    History with_cut = recorded_;
    if (found_.cut) cut_off(*found_.cut, &with_cut);
    claims.push_back(claim_of(facts_.cut_off, with_cut));
    claims.back().left = facts_.left;
  } else if (!lost.empty()) {
    Claim claim;
    claim.last = facts_.unsettled;
    claim.uncertain = lost;
    claims.push_back(std::move(claim));
  }
  Claim claim = claim_of(owed, facts_.unsettled, history_);
  for (const auto &[source, number] : facts_.unsettled) {
    if (!covers(claim.last, source, number))
      claim.uncertain = "GTID " + to_string(GtidState{{source, number}}) +
                        " was not found in the binary log";
  }
  claim.left = sample_.gtids;
  if (!claim.empty()) claims.push_back(std::move(claim));
  // They came right behind what is in doubt.
  GtidState cut;
  if (found_.cut)
    cut = last_in_order(*found_.cut);
  else if (facts_.was_cut && facts_.cuttable && facts_.cuttable->last)
    cut = last_between(facts_.left, *facts_.cuttable->last);
  for (Claim &one : claims) {
    if (found_.cut) one.cut = found_.cut->transactions;
    for (const auto &[source, number] : cut)
      raise_to(&one.written, source, number);
  }
  return claims;
}

}  // namespace recovery_gate
