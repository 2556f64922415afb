// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/recovery_cut.h"

#include <fmt/format.h>

namespace recovery_gate::tool {
namespace {

/* Ledger::recovered() compares with the settled position. */
std::string after_the_cut(const Findings &f) {
  const std::optional<Record> &record = f.state.record;
  const bool gate_sees_it = record && !record->running_since.empty() &&
                            !f.doubt.cut_acknowledged.first->after_settled &&
                            f.options.mode != Mode::OFF;
  return std::string("after that it must not be the primary") +
         (gate_sees_it ? ", and its gate waits for OVERRIDE" : "");
}

}  // namespace

std::vector<std::string> keep_the_end(const Findings &f) {
  if (!f.survey.crashed || !f.options.recovers_as_slave) return {};
  return {"--init-rpl-role=MASTER"};
}

std::string may_be_cut(const Stretch &acknowledged) {
  return span(acknowledged) +
         " that a replica acknowledged may be cut off by a start with "
         "init_rpl_role=SLAVE";
}

std::string cannot_be_cut(const Findings &f, const Stretch &lacking) {
  if (!f.survey.crashed)
    return "the server was shut down properly, so crash recovery cuts "
           "nothing off";
  const Stretch &cuttable = f.doubt.cuttable;
  if (cuttable.count != 0 &&
      has_reached(lacking.first->begin(), cuttable.first->begin()))
    return {};
  return fmt::format(
      "crash recovery cannot cut off {} at {} ({}): it is committed for "
      "good, cannot be rolled back, or such a transaction comes after it",
      gtid_of(lacking.first), to_string(lacking.first->begin()),
      to_string(lacking.first->transaction.kind));
}

void mind_the_cut(Draft *draft) {
  const Findings &f = draft->findings;
  Advice &a = draft->advice;
  const bool will_replicate = a.verdict == Verdict::START_AS_REPLICA;
  if (!f.survey.crashed || a.verdict == Verdict::REBUILD) return;
  if (f.options.recovers_as_slave && !will_replicate)
    a.caveats.push_back(
        "the server's option file has init_rpl_role=SLAVE, with which "
        "recovery cuts off the end of the binary log: --init-rpl-role=MASTER "
        "keeps it");
  const Stretch &acknowledged = f.doubt.cut_acknowledged;
  if (!f.survey.trouble.empty())
    a.caveats.push_back(
        "what a start with init_rpl_role=SLAVE would cut off, and whether a "
        "replica acknowledged it, cannot be known: do not start it so");
  else if (acknowledged.count != 0)
    a.caveats.push_back(may_be_cut(acknowledged) + "; " + after_the_cut(f) +
                        (will_replicate
                             ? ". Servers that were asked have all of it"
                             : ": do not start it so"));
}

}  // namespace recovery_gate::tool
