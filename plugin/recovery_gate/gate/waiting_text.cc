// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/waiting_text.h"

#include <algorithm>

namespace recovery_gate {
namespace {

/* Whatever it does, nothing more comes of it: it has everything, or what it has
   does not matter. */
bool is_counted(const ReplicaStanding &replica) {
  return !replica.counts || replica.standing == Standing::PROVEN;
}

/* Of those that are connected, when none of them can prove anything. */
const ReplicaStanding *obstacle(GateState state,
                                const std::vector<ReplicaStanding> &replicas,
                                const ReplicaTally &tally) {
  if (state != GateState::CLOSED_ACK) return nullptr;
  const ReplicaStanding *first = nullptr;
  for (const ReplicaStanding &replica : replicas) {
    if (!tally.is_any && is_counted(replica)) continue;
    if (replica.standing != Standing::NEVER && !replica.is_held_up)
      return nullptr;
    if (first == nullptr) first = &replica;
  }
  return first;
}

}  // namespace

bool are_all_counted(const std::vector<ReplicaStanding> &replicas) {
  return std::all_of(replicas.begin(), replicas.end(), is_counted);
}

std::string counted_meaning(GateState state, const ReplicaTally &tally) {
  if (tally.is_any) return meaning(state);
  if (state == GateState::CLOSED_REPLICA)
    return text_of(tally) + "; no " + (tally.proven > 0 ? "other " : "") +
           "semi-sync replica that counts is connected";
  if (state == GateState::CLOSED_ACK)
    return text_of(tally) +
           "; another one is connected and has not acknowledged it yet";
  return meaning(state);
}

std::string waiting_text(GateState state, const BinlogPosition &awaited,
                         const BinlogPosition &recovered_end,
                         const std::vector<ReplicaStanding> &replicas,
                         const ReplicaTally &tally,
                         const UpstreamView &upstream) {
  const std::string name = waiting_for_name(state);
  if (name.empty()) return full_name(state);
  const ReplicaStanding *replica = obstacle(state, replicas, tally);
  const bool is_about_primary =
      state == GateState::CLOSED_PRIMARY || state == GateState::CLOSED_DIVERGED;
  if (is_about_primary)
    return "waiting for " + name + ": " + meaning(state) +
           (upstream.finding.why.empty() ? "" : ": " + upstream.finding.why) +
           "; recovered up to " + to_string(recovered_end);
  const std::string lacks =
      replica ? "what semi-sync replica " + std::to_string(replica->server_id) +
                    " acknowledges proves nothing: " + replica->why +
                    (tally.is_any ? "" : "; " + text_of(tally))
              : counted_meaning(state, tally);
  return "waiting for " + name + ": " + lacks +
         (state == GateState::CLOSED_UNPROVABLE
              ? "; recovered up to " + to_string(recovered_end)
              : "; the awaited position is " + to_string(awaited));
}

std::string what_to_do(GateState state,
                       const std::vector<ReplicaStanding> &replicas,
                       const ReplicaTally &tally) {
  const ReplicaStanding *replica = obstacle(state, replicas, tally);
  return replica ? "Replica " + std::to_string(replica->server_id) + ": " +
                       replica->advice + "."
                 : advice(state);
}

}  // namespace recovery_gate
