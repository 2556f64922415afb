// SPDX-License-Identifier: GPL-2.0-only
/*
  The page that SHOW ENGINE RECOVERY_GATE STATUS prints for a person.
*/
#ifndef RECOVERY_GATE_REPORT_H
#define RECOVERY_GATE_REPORT_H

#include <cstdint>
#include <string>
#include <vector>

#include "recovery_gate/gate/gate.h"
#include "recovery_gate/ledger/in_doubt.h"
#include "recovery_gate/ledger/recovered_xids.h"

namespace recovery_gate {

struct Report {
  GateSnapshot gate;
  /* Since when it is in that state, as a person writes it. */
  std::string since;
  RecoveredXids::Counts xids;
  /* What its own replication connections need from an administrator. */
  std::vector<std::string> replication;
  /* What follows matters while the gate is closed, or was. */
  InDoubt in_doubt;
  /* The furthest position that a semi-sync replica has acknowledged. */
  BinlogPosition acknowledged;
};

/* Transactions in doubt that the page shows. */
inline constexpr std::size_t shown_in_doubt = 10;

std::string status_page(const Report &report);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_REPORT_H
