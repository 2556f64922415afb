// SPDX-License-Identifier: GPL-2.0-only
/*
  From a verdict to a start, or none. One table in docs/recovery-gate-tool.md
  has the verdicts and what follows from them.
*/
#ifndef RECOVERY_GATE_TOOL_PRESTART_DECISION_H
#define RECOVERY_GATE_TOOL_PRESTART_DECISION_H

#include <string>
#include <vector>

#include "client/settings.h"
#include "inspect/advice.h"

namespace recovery_gate::tool {

struct Decision {
  bool starts = false;
  /* For this start, besides those that the server has. */
  std::vector<std::string> options;
  /* For the log: what was decided, then why, then what to do. */
  std::vector<std::string> lines;
};

Decision decide(const Advice &advice, const Settings &settings);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_PRESTART_DECISION_H
