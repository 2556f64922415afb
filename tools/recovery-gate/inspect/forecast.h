// SPDX-License-Identifier: GPL-2.0-only
/*
  What the gate will do at the server's next start, decided by the plugin's own
  ledger and gate.

  It is foretold for a start as a primary, with the same settings as before, in
  which crash recovery cuts nothing off the binary log.
*/
#ifndef RECOVERY_GATE_TOOL_INSPECT_FORECAST_H
#define RECOVERY_GATE_TOOL_INSPECT_FORECAST_H

#include <optional>
#include <string>
#include <vector>

#include "inspect/datadir.h"
#include "inspect/logs.h"
#include "recovery_gate/gate/gate.h"
#include "recovery_gate/ledger/state_file.h"

namespace recovery_gate::tool {

/* recovery_gate.state, as it is on disk. */
struct StateOnDisk {
  std::optional<Record> record;  // nothing: there is none, or see `trouble`
  std::string trouble;           // why it cannot be read or trusted; empty
};

StateOnDisk read_state(const DataDirectory &directory);

struct Forecast {
  /* Nothing: it cannot be known, and `unknown` says why. */
  std::optional<bool> closed;
  std::string unknown;
  /* Something is owed, also where recovery_gate_mode keeps the gate open or
     closes it anyway. */
  bool owes = false;
  CloseReason reason = CloseReason::NONE;
  /* False: no acknowledgement will open it, an administrator has to. */
  bool provable = true;
  /* In the plugin's words, as they will be in the error log. */
  std::string why;
  /* What a semi-sync replica will have to acknowledge; empty when that cannot
     be told beforehand. */
  BinlogPosition waits_for;
  /* The last transactions at the end of the binary log. */
  std::optional<GtidState> gtids;
  /* What this server wrote itself and no replica is known to have. */
  GtidState unsettled;
};

Forecast foretell(const DataDirectory &directory, const Survey &survey,
                  const StateOnDisk &state, const ServerOptions &options);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_FORECAST_H
