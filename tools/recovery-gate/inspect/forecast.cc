// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/forecast.h"

#include "inspect/quiet_files.h"
#include "recovery_gate/base/journal.h"
#include "recovery_gate/ledger/ledger.h"
#include "recovery_gate/ledger/start.h"

namespace recovery_gate::tool {
namespace {

class StandingClock final : public Clock {
 public:
  Instant now() const override { return Instant{0}; }
};

/* Keeps the first line: what the gate says when it decides. */
class FirstLine final : public Journal {
 public:
  void note(const std::string &line) override { take(line); }
  void warning(const std::string &line) override { take(line); }
  void error(const std::string &line) override { take(line); }

  std::string text;

 private:
  void take(const std::string &line) {
    if (text.empty()) text = line;
  }
};

// Its header and its own 19 bytes. A transaction begins with one; what ends a
// log that is closed is shorter.
constexpr std::uint64_t smallest_gtid_event = event_header_size + 19;

/* Does nothing of which GTIDs could tell come after the settled position? Known
   also where events cannot be read. */
bool is_at_end(const Record &record, const Survey &survey) {
  if (!record.settled || survey.logs.empty()) return false;
  const BinlogPosition &settled = record.settled->position;
  return settled.offset <= survey.end.offset &&
         survey.end.offset - settled.offset < smallest_gtid_event &&
         is_inside(*record.settled, survey.logs.back().path);
}

std::string folder_of(const std::string &path) {
  return path.substr(0, path.rfind('/'));
}

}  // namespace

StateOnDisk read_state(const DataDirectory &directory) {
  QuietFiles files;
  StateFile file(files, directory.path);
  StateOnDisk state;
  state.trouble = file.load(&state.record).text();
  return state;
}

Forecast foretell(const DataDirectory &directory, const Survey &survey,
                  const StateOnDisk &state, const ServerOptions &options) {
  Forecast forecast;
  std::optional<GtidState> gtids = survey.gtids;
  // Nothing comes after the settled position, so its GTIDs are those at the
  // end.
  if (!gtids && state.record && is_at_end(*state.record, survey))
    gtids = state.record->settled->gtids;
  if (!gtids) {
    forecast.unknown = survey.trouble.empty()
                           ? "the GTIDs at the end of the binary log are not "
                             "known"
                           : survey.trouble;
    return forecast;
  }

  forecast.gtids = gtids;
  const StandingClock clock;
  FirstLine of_ledger, of_gate;
  QuietFiles files;
  StateFile file(files, directory.path);
  Ledger ledger(clock, of_ledger, file);
  const std::vector<std::string> &logs = directory.index.logs;
  Start start(ledger);
  start.begin(logs);
  start.may_have_received([&directory] {
    std::vector<std::string> names;
    // Without them it is not known to receive, as with the plugin.
    static_cast<void>(list_quietly(directory.path, &names));
    return find_relay_logs(directory.path, names, directory.path);
  });
  start.recovered(survey.gtid_position, logs);

  const std::string newest = logs.empty() ? std::string() : logs.back();
  std::vector<std::string> names;
  // Without them, the name of the next log follows from the newest one.
  static_cast<void>(list_quietly(folder_of(newest), &names));
  BinlogSample next;
  const BinlogPosition header = foretell_next_header(survey, names);
  next.end = header.empty() ? BinlogPosition{"the next binary log", 0} : header;
  next.gtids = *gtids;
  next.receives = directory.receives;
  next.log.path = folder_of(newest) + "/" + next.end.file;
  next.log.server_id = options.server_id.value_or(
      survey.logs.empty() ? 0 : survey.logs.back().server_id);
  next.log.gtids_before = gtids;
  start.inherit(logs, {}, next, nullptr);

  SemisyncView view;
  view.enabled = true;
  Gate gate(clock, of_gate);
  gate.decide(options.mode, start.facts(), view);
  const GateSnapshot decided = gate.snapshot();
  forecast.closed = !gate.is_open();
  forecast.owes = gate.obligation().open();
  forecast.reason = decided.reason;
  forecast.provable = decided.state != GateState::CLOSED_UNPROVABLE;
  forecast.why = of_gate.text;
  forecast.waits_for = header;
  forecast.unsettled = start.facts().unsettled;
  return forecast;
}

}  // namespace recovery_gate::tool
