#include "recovery_gate/gate/waiting_text.h"

#include <algorithm>

namespace recovery_gate {
namespace {

/* Of those that are connected, when none of them can prove anything. */
const ReplicaStanding *obstacle(const std::vector<ReplicaStanding> &replicas) {
  const bool all = std::all_of(
      replicas.begin(), replicas.end(), [](const ReplicaStanding &replica) {
        return replica.standing == Standing::NEVER;
      });
  return all && !replicas.empty() ? &replicas.front() : nullptr;
}

}  // namespace

std::string waiting_text(GateState state, const BinlogPosition &to_acknowledge,
                         const BinlogPosition &recovered_end,
                         const std::vector<ReplicaStanding> &replicas) {
  const std::string wanted = to_string(to_acknowledge);
  switch (state) {
    case GateState::CLOSED_SEMISYNC_MASTER:
      return "waiting for SEMISYNC_MASTER: rpl_semi_sync_master_enabled is "
             "OFF, so no replica can acknowledge " +
             wanted +
             ". SET GLOBAL rpl_semi_sync_master_enabled=ON, then restart the "
             "replicas' I/O threads";
    case GateState::CLOSED_REPLICA:
      return "waiting for REPLICA: no semi-sync replica is connected that "
             "could acknowledge " +
             wanted;
    case GateState::CLOSED_ACK:
      if (const ReplicaStanding *replica = obstacle(replicas))
        return "waiting for ACK: what semi-sync replica " +
               std::to_string(replica->server_id) +
               " acknowledges proves nothing: " + replica->why;
      return "waiting for ACK: a semi-sync replica is connected and has not "
             "acknowledged " +
             wanted + " yet";
    case GateState::CLOSED_OVERRIDE:
      return "waiting for OVERRIDE: only an administrator can open the gate, "
             "with SET GLOBAL recovery_gate_open_now=ON, and gives up the "
             "promise for what was recovered up to " +
             to_string(recovered_end);
    default:
      return full_name(state);
  }
}

std::string what_to_do(GateState state,
                       const std::vector<ReplicaStanding> &replicas) {
  switch (state) {
    case GateState::CLOSED_SEMISYNC_MASTER:
      return "SET GLOBAL rpl_semi_sync_master_enabled=ON here, then STOP "
             "SLAVE IO_THREAD and START SLAVE IO_THREAD on the replicas.";
    case GateState::CLOSED_REPLICA:
      return "Have a replica with rpl_semi_sync_slave_enabled=ON connect: "
             "START SLAVE there, and look at SHOW SLAVE STATUS. If none is "
             "left that could, SET GLOBAL recovery_gate_open_now=ON here gives "
             "up the promise.";
    case GateState::CLOSED_ACK:
      if (const ReplicaStanding *replica = obstacle(replicas))
        return "Replica " + std::to_string(replica->server_id) + ": " +
               replica->advice + ".";
      return "Wait for the replica to receive the binary log; SHOW SLAVE "
             "STATUS there tells how far it is.";
    case GateState::CLOSED_OVERRIDE:
      return "Compare this server with its replicas, then SET GLOBAL "
             "recovery_gate_open_now=ON here, or make another server the "
             "primary.";
    default:
      return "Nothing.";
  }
}

}  // namespace recovery_gate
