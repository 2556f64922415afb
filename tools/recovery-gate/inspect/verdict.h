// SPDX-License-Identifier: GPL-2.0-only
/* The verdicts of inspect, which are its exit codes. */
#ifndef RECOVERY_GATE_TOOL_INSPECT_VERDICT_H
#define RECOVERY_GATE_TOOL_INSPECT_VERDICT_H

#include <string>

namespace recovery_gate::tool {

/* The numbers are exit codes, and never change. */
enum class Verdict {
  NOTHING_OWED = 10,
  START_AS_PRIMARY = 11,
  START_AS_REPLICA = 12,
  REBUILD = 13,
  UNKNOWN = 14,
  RUNNING = 15,
};

/* "nothing_owed" and so on */
const char *to_string(Verdict verdict);
/* The table in inspect --help. */
std::string verdict_help();

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_VERDICT_H
