// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/record.h"

namespace recovery_gate {

const char *to_string(Debt debt) {
  switch (debt) {
    case Debt::NONE:
      return "none";
    case Debt::CRASH:
      return "crash";
    case Debt::SHUTDOWN:
      return "shutdown";
    case Debt::CARRIED_OVER:
      break;
  }
  return "carried-over";
}

bool operator==(const Obligation &a, const Obligation &b) {
  return a.debt == b.debt && a.provable == b.provable &&
         a.recovered_end == b.recovered_end && a.identity == b.identity &&
         a.recovered_gtid == b.recovered_gtid;
}

bool operator==(const Record &a, const Record &b) {
  return a.obligation == b.obligation && a.running_since == b.running_since &&
         a.running_identity == b.running_identity &&
         a.acknowledged == b.acknowledged && a.settled == b.settled &&
         a.newcomers == b.newcomers &&
         a.other_server_ids == b.other_server_ids && a.received == b.received &&
         a.served == b.served && a.history == b.history &&
         a.cuttable == b.cuttable;
}

}  // namespace recovery_gate
