// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/advice.h"

#include <fmt/format.h>

#include "inspect/as_primary.h"
#include "inspect/as_replica.h"
#include "inspect/draft.h"
#include "inspect/recovery_cut.h"

namespace recovery_gate::tool {
namespace {

void unreadable(Draft *draft) {
  const Findings &f = draft->findings;
  Advice &a = draft->advice;
  draft->cannot_know("it cannot be known from outside what is in doubt");
  a.reasons.push_back(f.survey.trouble.empty() ? f.forecast.unknown
                                               : f.survey.trouble);
  for (const std::size_t i : draft->taken_over) draft->tell_beyond(i);
  if (f.survey.encrypted) {
    a.steps.push_back(
        "if no other server has taken over: start it as it was. The gate "
        "reads the logs with the server's keys, and decides");
    a.steps.push_back(
        "if another server has taken over: rebuild this one from it");
  } else {
    a.steps.push_back(
        "check the log with mariadb-binlog --verify-binlog-checksum; make "
        "the replica that has the most the primary, and rebuild this server");
  }
}

std::string why_unclear(const Findings &f, const Replica &replica) {
  const GtidState more = beyond(replica, f.server);
  if (!more.empty())
    return fmt::format(
        "{} has {} which this server has not, is not read-only, and still "
        "tries to follow this server",
        replica.name, to_string(more));
  for (const ReplicaLink &link : replica.links)
    if (link.is_active())
      return fmt::format("{} follows {}:{}, not this server", replica.name,
                         link.host, link.port);
  return replica.name +
         " is no replica of any server, and not read-only: it may have been "
         "made the primary";
}

void unclear(Draft *draft) {
  const Findings &f = draft->findings;
  Advice &a = draft->advice;
  draft->cannot_know(
      "it cannot be known whether another server has become the primary");
  for (const Replica *replica : draft->at(draft->unclear))
    a.reasons.push_back(why_unclear(f, *replica));
  if (f.forecast.owes) a.reasons.push_back(draft->what_is_in_doubt());
  a.steps.push_back("find out whether clients write to " +
                    names_of(draft->at(draft->unclear)) +
                    ". If they do, STOP SLAVE there, and inspect again");
  a.steps.push_back(
      "if they do not, inspect again with "
      "--no-replica-check");
}

void unreachable(Draft *draft) {
  const Findings &f = draft->findings;
  Advice &a = draft->advice;
  draft->cannot_know(
      "it cannot be known whether another server has become the primary");
  for (const Replica *replica : draft->at(draft->unreachable))
    a.reasons.push_back(replica->name +
                        " could not be asked: " + replica->error);
  if (f.forecast.owes) a.reasons.push_back(draft->what_is_in_doubt());
  a.steps.push_back("reach it, and inspect again");
  a.steps.push_back(
      "if it is certain that it has not taken over, inspect again with "
      "--no-replica-check");
}

}  // namespace

Advice advise(const Findings &findings) {
  const Findings &f = findings;
  Draft draft(f);
  if (!f.forecast.closed || (!f.survey.trouble.empty() &&
                             (f.forecast.owes || !draft.taken_over.empty())))
    unreadable(&draft);
  else if (!draft.taken_over.empty())
    advise_as_replica(&draft);
  else if (!draft.unclear.empty() && !f.nobody_took_over)
    unclear(&draft);
  else if (!draft.unreachable.empty() && !f.nobody_took_over)
    unreachable(&draft);
  else
    advise_as_primary(&draft);
  mind_the_cut(&draft);
  return std::move(draft.advice);
}

}  // namespace recovery_gate::tool
