// SPDX-License-Identifier: GPL-2.0-only
/*
  Should this server come back as the primary? The answer from all that was
  found, with what to type.
*/
#ifndef RECOVERY_GATE_TOOL_INSPECT_ADVICE_H
#define RECOVERY_GATE_TOOL_INSPECT_ADVICE_H

#include <string>
#include <vector>

#include "inspect/findings.h"
#include "inspect/verdict.h"

namespace recovery_gate::tool {

struct Advice {
  Verdict verdict = Verdict::UNKNOWN;
  std::string headline;
  std::vector<std::string> reasons;
  /* The command that starts the server, complete when the server's option file
     was given; empty when it is not to be started. */
  std::vector<std::string> command;
  /* Those of its options that are for this start only. */
  std::vector<std::string> options;
  /* SQL or words, in order: what to do after that, or instead. */
  std::vector<std::string> steps;
  /* What was not checked, or may turn out otherwise. */
  std::vector<std::string> caveats;
};

Advice advise(const Findings &findings);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_ADVICE_H
