// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace recovery_gate::tool {
namespace {

struct Row {
  Verdict verdict;
  const char *name, *meaning;
};

constexpr Row rows[] = {
    {Verdict::NOTHING_OWED, "nothing_owed",
     "nothing is in doubt: start it as it was"},
    {Verdict::START_AS_PRIMARY, "start_as_primary",
     "start it as the primary: the gate waits for a replica"},
    {Verdict::START_AS_REPLICA, "start_as_replica",
     "another server has taken over: start it as its replica"},
    {Verdict::REBUILD, "rebuild",
     "another server has taken over without what is here for good: do not "
     "start it, rebuild it"},
    {Verdict::UNKNOWN, "unknown", "cannot be known; the page says why"},
    {Verdict::RUNNING, "running",
     "a server is running in this data directory: see status"},
};

const Row &row_of(Verdict verdict) {
  return *std::find_if(std::begin(rows), std::end(rows),
                       [&](const Row &row) { return row.verdict == verdict; });
}

}  // namespace

const char *to_string(Verdict verdict) { return row_of(verdict).name; }

std::string verdict_help() {
  std::string text = "Exit codes of inspect, besides those of all commands:\n";
  for (const Row &row : rows)
    text += fmt::format("  {:<5}  {}\n", static_cast<int>(row.verdict),
                        row.meaning);
  return text;
}

}  // namespace recovery_gate::tool
