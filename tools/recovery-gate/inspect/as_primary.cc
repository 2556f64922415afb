// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/as_primary.h"

#include <fmt/format.h>

#include "inspect/recovery_cut.h"

namespace recovery_gate::tool {
namespace {

Indices complete_replicas(const Draft &draft) {
  const Findings &f = draft.findings;
  Indices complete;
  for (const Indices *places : {&draft.following, &draft.idle})
    for (const std::size_t i : *places)
      if (f.counts(i) && f.doubt.replicas[i].has() == f.doubt.in_doubt.count)
        complete.push_back(i);
  return complete;
}

/* Two servers with one id are one. */
std::size_t different(const Findings &f, const Indices &places) {
  ServerIds ids;
  for (const std::size_t i : places) ids.insert(f.replicas[i].server_id);
  return ids.size();
}

/* Of those that count, when it is not just any one that has to have it. */
void tell_how_many(Draft *draft) {
  const Findings &f = draft->findings;
  const ReplicaPolicy &policy = f.options.replicas;
  if (policy.is_any() || f.replicas.empty()) return;
  draft->advice.reasons.push_back(fmt::format(
      "of the replicas that count, {} of {} that have to have everything in "
      "doubt",
      different(f, complete_replicas(*draft)), policy.count));
  Indices can_be_counted;
  for (const Indices *places : {&draft->following, &draft->idle})
    for (const std::size_t i : *places)
      if (f.counts(i)) can_be_counted.push_back(i);
  const std::size_t most = different(f, can_be_counted);
  if (most < policy.count)
    draft->advice.caveats.push_back(fmt::format(
        "recovery_gate_replica_count is {}, and {} of the servers that were "
        "asked can be counted: the gate stays closed until more come, or the "
        "count is lowered",
        policy.count, most));
}

/* What this server has written itself: the last of each source. */
GtidState written_here(const Findings &f) {
  if (!f.may_have_received) return f.server.gtids;
  ServerIds own;
  if (f.state.record) own = f.state.record->other_server_ids;
  own.insert(f.server.id);
  return from_servers(f.server.gtids, own);
}

/* Of that, what one server lacks for certain, and whether it has all of it. */
struct Kept {
  GtidState lacking;
  bool everything = true;
};

Kept what_is_kept(const Findings &f, const Replica &replica) {
  const BinlogPosition end = f.state.record && f.state.record->settled
                                 ? f.state.record->settled->position
                                 : f.survey.end;
  Kept kept;
  for (const auto &[source, number] : written_here(f)) {
    const Has has = has_transaction(
        replica, {source.domain, source.server_id, number}, end, f.server);
    if (has == Has::NO) kept.lacking[source] = number;
    kept.everything &= has == Has::APPLIED || has == Has::RECEIVED;
  }
  return kept;
}

/* An acknowledgement says that a replica had received it. One that is then
   killed before it has applied it, and uses GTIDs, begins with an empty relay
   log. */
void lost_after_all(const std::vector<std::string> &lacking, Draft *draft) {
  const Findings &f = draft->findings;
  Advice &a = draft->advice;
  a.verdict = Verdict::START_AS_PRIMARY;
  a.headline =
      "start it as the primary, with its gate closed: what a replica has "
      "acknowledged is on no server that was asked";
  a.reasons = lacking;
  a.reasons.push_back(
      "without recovery_gate_mode=ALWAYS the gate is open, and "
      "clients read what may be on this server only");
  std::vector<std::string> options{"--rpl-semi-sync-master-enabled=ON",
                                   "--recovery-gate-mode=ALWAYS"};
  for (const std::string &option : keep_the_end(f)) options.push_back(option);
  draft->start_with(options);
  a.steps.push_back(
      "start this server first; then have a semi-sync replica connect (START "
      "SLAVE there). It is sent what it lacks, and when it has acknowledged " +
      to_string(f.forecast.waits_for) + " the gate opens");
}

void nothing_owed(Draft *draft) {
  const Findings &f = draft->findings;
  Advice &a = draft->advice;
  std::vector<std::string> lacking;
  bool is_kept = false;
  for (const Indices *places : {&draft->following, &draft->idle})
    for (const std::size_t i : *places) {
      const Kept kept = what_is_kept(f, f.replicas[i]);
      is_kept |= kept.everything && f.counts(i);
      if (!kept.lacking.empty())
        lacking.push_back(f.replicas[i].name + " lacks GTID " +
                          to_string(kept.lacking));
    }
  if (!lacking.empty() && !is_kept) return lost_after_all(lacking, draft);
  for (const std::string &one : lacking)
    a.caveats.push_back(one + ", which another server has");
  a.verdict = Verdict::NOTHING_OWED;
  a.headline = "nothing is in doubt: start it as it was";
  a.reasons.push_back(f.forecast.why);
  draft->start_with(keep_the_end(f));
  if (*f.forecast.closed)
    a.caveats.push_back(
        "recovery_gate_mode is ALWAYS: the gate closes all the same, and "
        "waits for " +
        to_string(f.forecast.waits_for));
  if (draft->nobody_was_asked())
    a.caveats.push_back(
        "no other server was asked (--replica): if one has become the primary "
        "in the meantime, this one must not be started as one");
}

void unprovable(Draft *draft) {
  const Findings &f = draft->findings;
  Advice &a = draft->advice;
  draft->cannot_know(
      "it cannot be known who has what is in doubt: no acknowledgement will "
      "open the gate, only an administrator can");
  a.reasons.push_back(f.forecast.why);
  draft->tell_who_has();
  a.steps.push_back(
      "compare the data with the replicas'. If they have all that matters, "
      "start this server as it was and SET GLOBAL recovery_gate_open_now=ON; "
      "otherwise make one of them the primary, and rebuild this server");
}

void unasked(Draft *draft) {
  const Findings &f = draft->findings;
  Advice &a = draft->advice;
  draft->cannot_know(
      "the gate will be closed; no other server was asked whether it has taken "
      "over without what is in doubt");
  a.reasons.push_back(draft->what_is_in_doubt());
  a.reasons.push_back("as a primary it would wait for " +
                      to_string(f.forecast.waits_for));
  a.steps.push_back(
      "inspect again with --replica HOST:PORT for each other "
      "server of the group");
  a.steps.push_back(
      "if it is certain that no other server has taken over, inspect again "
      "with --no-replica-check");
}

void torn(Draft *draft) {
  const Findings &f = draft->findings;
  Advice &a = draft->advice;
  draft->cannot_know(
      "the gate will be closed, and no replica is known that could open it: "
      "the binary log ends in the middle of an event");
  a.reasons.push_back(f.survey.logs.back().tail_reason);
  a.reasons.push_back(
      "the server sends the torn event as it is, and a replica stops there "
      "with an error before it acknowledges anything");
  draft->tell_who_has();
  a.steps.push_back(
      "make the replica that has the most the primary, and rebuild this server; "
      "or start it, compare, and SET GLOBAL recovery_gate_open_now=ON");
}

void owed(Draft *draft) {
  const Findings &f = draft->findings;
  Advice &a = draft->advice;
  if (!f.forecast.provable) return unprovable(draft);
  if (draft->nobody_was_asked()) return unasked(draft);
  const Indices complete = complete_replicas(*draft);
  if (f.survey.logs.back().tail == Tail::TORN && complete.empty())
    return torn(draft);
  a.verdict = Verdict::START_AS_PRIMARY;
  const std::uint32_t needed = f.options.replicas.count;
  a.headline = fmt::format(
      "start it as the primary: the gate will wait until {} acknowledged {}, "
      "and with it {}",
      needed == 1 ? "a semi-sync replica has"
                  : fmt::format("{} semi-sync replicas have", needed),
      to_string(f.forecast.waits_for), transactions(f.doubt.in_doubt.count));
  draft->tell_who_has();
  tell_how_many(draft);
  std::vector<std::string> options{"--rpl-semi-sync-master-enabled=ON"};
  if (f.options.mode == Mode::OFF)
    options.push_back("--recovery-gate-mode=AUTO");
  for (const std::string &option : keep_the_end(f)) options.push_back(option);
  draft->start_with(options);
  for (const std::size_t i : draft->following)
    if (!f.replicas[i].semisync_replica)
      a.caveats.push_back(
          f.replicas[i].name +
          " is no semi-sync replica (rpl_semi_sync_slave_enabled=OFF): what "
          "it receives it does not acknowledge");
  for (const std::size_t i : draft->idle)
    a.caveats.push_back(f.replicas[i].name +
                        " does not follow this server: START SLAVE there");
  if (f.survey.logs.back().tail == Tail::TORN)
    a.caveats.push_back(
        "the last event of the binary log is torn: a replica that lacks "
        "something of this log stops there with an error, and has to be "
        "rebuilt. " +
        names_of(draft->at(complete)) + " has everything before it");
  if (f.nobody_took_over)
    a.caveats.push_back(
        "--no-replica-check: it is your word that no other server has taken "
        "over");
}

}  // namespace

void advise_as_primary(Draft *draft) {
  if (draft->findings.forecast.owes)
    owed(draft);
  else
    nothing_owed(draft);
}

}  // namespace recovery_gate::tool
