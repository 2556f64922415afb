// SPDX-License-Identifier: GPL-2.0-only
/*
  Has replicas reconnect that were sent the awaited position and stay silent.

  A replica that was sent it when nobody asked for its acknowledgement will
  never give it: semi-sync may have been switched off and on, or have asked for
  something else. It is asked when it connects again.
*/
#ifndef RECOVERY_GATE_SILENT_REPLICAS_H
#define RECOVERY_GATE_SILENT_REPLICAS_H

#include <cstdint>
#include <set>
#include <vector>

#include "recovery_gate/base/clock.h"
#include "recovery_gate/base/journal.h"
#include "recovery_gate/ledger/proof.h"

namespace recovery_gate {

/* For the thread that waits. */
class SilentReplicas {
 public:
  /* Both must outlive it. */
  SilentReplicas(const Clock &clock, Journal &journal);

  /* When to look again. */
  Instant next_look() const { return next_look_; }

  /* Does nothing before that. A connection that was sent `position` and was
     already seen so the last time is closed. */
  void look(const std::vector<ReplicaStanding> &replicas,
            const BinlogPosition &position);
  /* The same of one of them only, and returns whose it was, if there was one.
     The caller sees to it that nobody is closed for ever. */
  ServerIds look_for_one(const std::vector<ReplicaStanding> &replicas,
                         const BinlogPosition &position);
  /* In its stead: not now. */
  void put_off();

 private:
  ServerIds close(const std::vector<ReplicaStanding> &replicas,
                  const BinlogPosition &position, std::size_t most);

  const Clock &clock_;
  Journal &journal_;
  Instant next_look_;
  milliseconds interval_;
  std::set<std::uint64_t> passed_;  // connections that were sent the position
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SILENT_REPLICAS_H
