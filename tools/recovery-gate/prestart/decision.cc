// SPDX-License-Identifier: GPL-2.0-only
#include "prestart/decision.h"

#include "inspect/start_command.h"

namespace recovery_gate::tool {
namespace {

/* Nothing is cut off, nothing is written, and clients stay outside until it is
   proven that another server has what this one has. */
const std::vector<std::string> closed_and_read_only = {
    "--init-rpl-role=MASTER", "--recovery-gate-mode=ALWAYS", "--read-only=ON",
    "--skip-slave-start"};

Policy policy_for(Verdict verdict, const Settings &settings) {
  switch (verdict) {
    case Verdict::NOTHING_OWED:
      return Policy::START;
    case Verdict::START_AS_PRIMARY:
      return settings.on_start_as_primary;
    case Verdict::START_AS_REPLICA:
      return settings.on_start_as_replica;
    case Verdict::REBUILD:
      return settings.on_rebuild;
    case Verdict::UNKNOWN:
      return settings.on_unknown;
    case Verdict::RUNNING:
      break;
  }
  return Policy::STOP;
}

}  // namespace

Decision decide(const Advice &advice, const Settings &settings) {
  Decision decision;
  const Policy policy = policy_for(advice.verdict, settings);
  decision.starts = policy != Policy::STOP;
  if (policy == Policy::START) decision.options = advice.options;
  if (policy == Policy::READ_ONLY) decision.options = closed_and_read_only;
  std::string what = "it is not started";
  if (decision.starts)
    what = decision.options.empty()
               ? "started as it was"
               : "started with " + shell_line(decision.options);
  decision.lines.push_back(std::string(to_string(advice.verdict)) + ": " +
                           advice.headline + "; " + what);
  for (const std::string &reason : advice.reasons)
    decision.lines.push_back("because: " + reason);
  if (advice.verdict != Verdict::NOTHING_OWED)
    for (const std::string &step : advice.steps)
      decision.lines.push_back("to do: " + step);
  return decision;
}

}  // namespace recovery_gate::tool
