/*
  The page that SHOW ENGINE RECOVERY_GATE STATUS prints for a person.
*/
#ifndef RECOVERY_GATE_REPORT_H
#define RECOVERY_GATE_REPORT_H

#include <string>

#include "recovery_gate/gate.h"
#include "recovery_gate/recovered_xids.h"

namespace recovery_gate {

std::string status_page(const GateSnapshot &gate, const RecoveredXids &xids);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_REPORT_H
