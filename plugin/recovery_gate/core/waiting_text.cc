#include "recovery_gate/waiting_text.h"

namespace recovery_gate {

std::string waiting_text(GateState state, const BinlogPosition &to_acknowledge,
                         const BinlogPosition &recovered_end) {
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

}  // namespace recovery_gate
