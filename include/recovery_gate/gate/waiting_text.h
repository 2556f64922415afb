// SPDX-License-Identifier: GPL-2.0-only
/*
  What a closed gate waits for, in words: the same in the error log and in the
  line that a service manager shows.
*/
#ifndef RECOVERY_GATE_WAITING_TEXT_H
#define RECOVERY_GATE_WAITING_TEXT_H

#include <string>
#include <vector>

#include "recovery_gate/binlog/binlog_position.h"
#include "recovery_gate/gate/acknowledgements.h"
#include "recovery_gate/gate/gate_state.h"
#include "recovery_gate/ledger/proof.h"
#include "recovery_gate/ledger/replica_count.h"

namespace recovery_gate {

/* "waiting for REPLICA: ..." for a closed state, full_name() for others.
   `replicas` are the semi-sync replicas that are connected. */
std::string waiting_text(GateState state, const BinlogPosition &awaited,
                         const BinlogPosition &recovered_end,
                         const std::vector<ReplicaStanding> &replicas,
                         const ReplicaTally &tally,
                         const UpstreamView &upstream);

/* meaning(), with how many replicas have what is in doubt when that is counted.
 */
std::string counted_meaning(GateState state, const ReplicaTally &tally);

/* Of these, nobody that counts is still to be proven. */
bool are_all_counted(const std::vector<ReplicaStanding> &replicas);

/* advice(), unless all of these replicas that could still be counted prove
   nothing: what can be done about that. */
std::string what_to_do(GateState state,
                       const std::vector<ReplicaStanding> &replicas,
                       const ReplicaTally &tally);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_WAITING_TEXT_H
