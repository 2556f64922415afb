// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/settlement.h"

#include <algorithm>

#include "recovery_gate/binlog/binlog_file.h"

namespace recovery_gate {
namespace {

using Logs = std::vector<LogStart>;

/* Its log is not there any more, and the first that is comes later. */
bool is_before(const Settled &settled, const Logs &logs) {
  const BinlogPosition first{without_folder(logs.front().path), 0};
  return first.file != settled.position.file &&
         has_reached(first, settled.position) && logs.front().gtids_before;
}

/* Goes from one known state of the binary log to the next, with the ids under
   which the server wrote in between. */
class Walk {
 public:
  Walk(GtidState state, const ServerIds &other_ids)
      : state_(std::move(state)), other_ids_(other_ids), ids_(other_ids) {}

  /* Logs that are gone. */
  void pass_purged_logs(std::uint32_t first_server_id,
                        std::uint32_t next_server_id) {
    ids_.insert({first_server_id, next_server_id});
  }

  void enter(const LogStart &log) {
    if (log.gtids_before) arrive_at(*log.gtids_before);
    if (log_.empty()) log_ = log.path;
    ids_.insert(log.server_id);
  }

  Unsettled end(const GtidState &state) {
    arrive_at(state);
    return found_;
  }

 private:
  void arrive_at(const GtidState &state) {
    const GtidState own = written_since(state_, state, ids_);
    if (!own.empty() && found_.empty()) found_.first_log = log_;
    for (const auto &[source, number] : own) found_.gtids[source] = number;
    state_ = state;
    ids_ = other_ids_;
    log_.clear();
  }

  GtidState state_;
  const ServerIds &other_ids_;
  ServerIds ids_;    // since state_
  std::string log_;  // the first one since state_
  Unsettled found_;
};

}  // namespace

bool operator==(const Settled &a, const Settled &b) {
  return a.position == b.position && a.identity == b.identity &&
         a.gtids == b.gtids && a.server_id == b.server_id;
}

bool is_inside(const Settled &settled, const std::string &log_path) {
  return without_folder(log_path) == settled.position.file &&
         binlog_identity(log_path, settled.position.offset) == settled.identity;
}

std::vector<LogStart> read_log_starts(const std::vector<std::string> &paths,
                                      Failure *failure) {
  Logs logs;
  for (const std::string &path : paths) {
    BinlogFileFacts facts = read_binlog_header(path);
    if (!facts.error)
      logs.push_back({path, facts.server_id, std::move(facts.gtids_before)});
    else if (!*failure)
      *failure = facts.error;
  }
  return logs;
}

Unsettled find_written(const std::optional<Settled> &settled,
                       const ServerIds &other_ids, const Logs &logs,
                       const GtidState &end) {
  Unsettled found;
  if (!settled) return found;
  ServerIds written;
  for (const LogStart &log : logs) {
    const bool is_first = !found.since_settled && is_inside(*settled, log.path);
    found.since_settled |= is_first;
    if (!found.since_settled || !log.gtids_before) continue;
    const ServerIds writers =
        walk_binlog(log.path,
                    is_first ? settled->position.offset : start_of_events)
            .writers;
    for (const std::uint32_t id : writers)
      if (id == log.server_id || other_ids.count(id) != 0) {
        written.insert(id);
        if (found.first_log.empty()) found.first_log = log.path;
      }
  }
  found.gtids = from_servers(end, written);
  return found;
}

Unsettled find_unsettled(const std::optional<Settled> &settled,
                         const ServerIds &other_ids, const Logs &logs,
                         const GtidState &end) {
  if (logs.empty()) return {};
  auto log = logs.begin();
  std::optional<Walk> walk;
  bool since_settled = false;
  if (settled) {
    const auto found =
        std::find_if(logs.begin(), logs.end(), [&](const LogStart &candidate) {
          return is_inside(*settled, candidate.path);
        });
    if (found != logs.end()) {
      // From inside this log: what came before its start is settled.
      LogStart rest = *found;
      rest.gtids_before.reset();
      walk.emplace(settled->gtids, other_ids);
      walk->enter(rest);
      log = found + 1;
      since_settled = true;
    } else if (is_before(*settled, logs)) {
      walk.emplace(settled->gtids, other_ids);
      walk->pass_purged_logs(settled->server_id, logs.front().server_id);
      // Else they are of another series, or a domain was deleted (FLUSH BINARY
      // LOGS DELETE_DOMAIN_ID).
      since_settled = continues(*logs.front().gtids_before, settled->gtids);
    }
  }
  if (!walk)
    walk.emplace(logs.front().gtids_before.value_or(GtidState()), other_ids);
  for (; log != logs.end(); ++log) walk->enter(*log);
  Unsettled found = walk->end(end);
  found.since_settled = since_settled;
  return found;
}

}  // namespace recovery_gate
