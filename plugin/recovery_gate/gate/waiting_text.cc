// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/waiting_text.h"

#include <algorithm>

namespace recovery_gate {
namespace {

/* Of those that are connected, when none of them can prove anything. */
const ReplicaStanding *obstacle(GateState state,
                                const std::vector<ReplicaStanding> &replicas) {
  const bool all = std::all_of(replicas.begin(), replicas.end(),
                               [](const ReplicaStanding &replica) {
                                 return replica.standing == Standing::NEVER;
                               });
  const bool matters = state == GateState::CLOSED_ACK && !replicas.empty();
  return matters && all ? &replicas.front() : nullptr;
}

}  // namespace

std::string waiting_text(GateState state, const BinlogPosition &awaited,
                         const BinlogPosition &recovered_end,
                         const std::vector<ReplicaStanding> &replicas,
                         const UpstreamView &upstream) {
  const std::string name = waiting_for_name(state);
  if (name.empty()) return full_name(state);
  const ReplicaStanding *replica = obstacle(state, replicas);
  const bool is_about_primary =
      state == GateState::CLOSED_PRIMARY || state == GateState::CLOSED_DIVERGED;
  if (is_about_primary)
    return "waiting for " + name + ": " + meaning(state) +
           (upstream.finding.why.empty() ? "" : ": " + upstream.finding.why) +
           "; recovered up to " + to_string(recovered_end);
  const std::string lacks =
      replica ? "what semi-sync replica " + std::to_string(replica->server_id) +
                    " acknowledges proves nothing: " + replica->why
              : meaning(state);
  return "waiting for " + name + ": " + lacks +
         (state == GateState::CLOSED_UNPROVABLE
              ? "; recovered up to " + to_string(recovered_end)
              : "; the awaited position is " + to_string(awaited));
}

std::string what_to_do(GateState state,
                       const std::vector<ReplicaStanding> &replicas) {
  const ReplicaStanding *replica = obstacle(state, replicas);
  return replica ? "Replica " + std::to_string(replica->server_id) + ": " +
                       replica->advice + "."
                 : advice(state);
}

}  // namespace recovery_gate
