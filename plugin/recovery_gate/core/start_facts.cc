#include "recovery_gate/start_facts.h"

#include "recovery_gate/binlog_file.h"

namespace recovery_gate {
namespace {

/* The start's own log need not be read, and before the start it is not there. */
std::vector<LogStart> starts_of(std::vector<std::string> paths,
                                const BinlogSample &start,
                                std::string *doubt) {
  const bool has_own = !paths.empty() &&
                       without_folder(paths.back()) == start.end.file;
  if (has_own) paths.pop_back();
  std::vector<LogStart> starts = read_log_starts(paths, doubt);
  if (has_own) starts.push_back(start.log);
  return starts;
}

}  // namespace

void note_last_end(const std::vector<std::string> &logs, StartFacts *facts) {
  if (logs.empty()) return;
  const BinlogFileFacts newest = read_binlog_header(logs.back());
  facts->crashed = newest.in_use;
  if (!newest.error.empty()) facts->doubt = newest.error;
}

void note_recovered_end(const std::string &newest_log, StartFacts *facts) {
  if (newest_log.empty()) return;
  const BinlogFileFacts log = read_binlog_end(newest_log);
  if (!log.error.empty()) {
    if (facts->doubt.empty()) facts->doubt = log.error;
    return;
  }
  facts->recovered_path = newest_log;
  facts->recovered_end = {without_folder(newest_log), log.end_of_events};
  facts->recovered_identity = binlog_identity(newest_log, log.end_of_events);
}

bool inherit(const Ledger &ledger, const std::string &unknown,
             const std::vector<std::string> &logs,
             const std::string &index_error, const BinlogSample &start,
             StartFacts *facts) {
  std::string doubt = index_error.empty() ? unknown : index_error;
  const std::vector<LogStart> starts =
      starts_of(ledger.relevant_logs(logs), start, &doubt);
  const Ledger::Inheritance found =
      ledger.recovered(starts, start, facts->crashed);
  facts->carried_over = found.obligation;
  facts->crashed |= found.obligation.debt == Debt::CRASH;
  facts->unclean = found.unclean;
  if (!found.lost_track.empty()) doubt = found.lost_track;
  if (found.lost_all && !found.lost_track.empty())
    facts->unprovable =
        "a replica that acknowledges this binary log need not have what was "
        "in that one";
  else if (!found.obligation.provable)
    facts->unprovable =
        "the binary log that holds it was deleted, or is not the one that was "
        "recovered";
  if (!doubt.empty())
    facts->doubt += (facts->doubt.empty() ? "" : "; ") + doubt;
  // What a server had before it ran with the plugin, its clients saw long ago.
  if (facts->crashed || found.had_record)
    facts->unsettled = found.unsettled.gtids;
  if (found.unsettled.since_settled)
    facts->first_unsettled_log = found.unsettled.first_log;
  return facts->unguarded.empty() && facts->doubt.empty() && found.settled;
}

}  // namespace recovery_gate
