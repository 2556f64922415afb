// SPDX-License-Identifier: GPL-2.0-only
/*
  recovery-gate doctor: what would go wrong at the next crash of a server that
  runs well.
*/
#ifndef RECOVERY_GATE_TOOL_DOCTOR_DOCTOR_H
#define RECOVERY_GATE_TOOL_DOCTOR_DOCTOR_H

#include "command.h"

namespace recovery_gate::tool {

void add_doctor(CLI::App &tool, Invocation &invocation);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_DOCTOR_DOCTOR_H
