#include "recovery_gate/report.h"

#include <fmt/format.h>

namespace recovery_gate {
namespace {

const char *what_to_do(GateState state) {
  switch (state) {
    case GateState::CLOSED_SEMISYNC_MASTER:
      return "SET GLOBAL rpl_semi_sync_master_enabled=ON here, then STOP "
             "SLAVE IO_THREAD and START SLAVE IO_THREAD on the replicas.";
    case GateState::CLOSED_REPLICA:
      return "Have a replica with rpl_semi_sync_slave_enabled=ON connect: "
             "START SLAVE there, and look at SHOW SLAVE STATUS.";
    case GateState::CLOSED_ACK:
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

}  // namespace

std::string status_page(const GateSnapshot &gate, const RecoveredXids &xids) {
  const RecoveredXids::Counts counts = xids.counts();
  std::string page = fmt::format(
      "State:            {}\n"
      "Reason:           {}\n",
      full_name(gate.state), reason_name(gate.reason));
  if (gate.reason != CloseReason::NONE)
    page += fmt::format("{}      {:.3f} s\n",
                        is_open(gate.state) ? "Was closed: " : "Closed for: ",
                        static_cast<double>(gate.closed_for.count()) / 1000);
  page += fmt::format("Recovered up to:  {} (GTID {})\n",
                      to_string(gate.recovered_end),
                      gate.recovered_gtid.empty() ? "none"
                                                  : gate.recovered_gtid);
  if (!is_open(gate.state) && !gate.unsettled.empty())
    page += fmt::format("Not acknowledged: GTID {}\n",
                        to_string(gate.unsettled));
  if (gate.reason != CloseReason::NONE)
    page += fmt::format(
        "To acknowledge:   {}\n"
        "Let in, closed:   {}\n"
        "Turned away:      {}\n",
        to_string(gate.to_acknowledge), gate.admitted, gate.rejected);
  page += fmt::format(
      "XIDs in doubt:    {} found, {} committed, {} rolled back, {} left "
      "prepared for an XA coordinator\n"
      "What to do:       {}\n",
      counts.found, counts.committed, counts.rolled_back, counts.external,
      what_to_do(gate.state));
  return page;
}

}  // namespace recovery_gate
