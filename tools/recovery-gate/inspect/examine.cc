// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/examine.h"

#include "recovery_gate/binlog/binlog_file.h"
#include "recovery_gate/ledger/ledger.h"

namespace recovery_gate::tool {

void examine(Findings *findings, DoubtCounter::Options shown) {
  Findings &f = *findings;
  f.state = read_state(f.directory);
  f.server.id = f.options.server_id.value_or(
      read_binlog_header(f.directory.index.logs.back()).server_id);

  f.may_have_received = may_have_received(f.state.record, f.directory.receives);
  if (f.state.record) f.server.told = f.state.record->history.told;
  std::optional<ServerIds> owner_ids;
  if (f.may_have_received) {
    owner_ids.emplace();
    if (f.state.record) *owner_ids = f.state.record->other_server_ids;
  }
  DoubtCounter counter(valid_places(f.state.record, f.directory.index),
                       owner_ids, f.replicas, f.server, shown);
  f.survey =
      survey_logs(f.directory.index,
                  f.state.record ? f.state.record->settled : std::nullopt,
                  [&](const Transaction &transaction, const LogFacts &log) {
                    counter.add(transaction, log);
                  });
  f.forecast = foretell(f.directory, f.survey, f.state, f.options);
  f.server.gtids = f.forecast.gtids.value_or(GtidState());
  f.doubt =
      counter.result(f.survey.crashed, f.forecast.owes || !f.forecast.closed);
}

}  // namespace recovery_gate::tool
