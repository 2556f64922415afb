// SPDX-License-Identifier: GPL-2.0-only
/*
  The sessions of accounts that may replicate, from login to end: whether each
  began in the binary log that is there now, and which have ended since the last
  look.

  All members may be called from any thread.
*/
#ifndef RECOVERY_GATE_REPLICA_SESSIONS_H
#define RECOVERY_GATE_REPLICA_SESSIONS_H

#include <boost/thread/mutex.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "recovery_gate/ledger/proof.h"

namespace recovery_gate {

class ReplicaSessions {
 public:
  /* `resets`: how often the binary log had been begun anew. */
  void logged_in(std::uint64_t connection, std::uint64_t resets);

  /* The session ends, and was no replica's ... */
  void left(std::uint64_t connection);
  /* ... or was one's; which log it began in is filled in here. False: its login
     was not seen, and nobody is told of it. */
  bool left(EndedReplica ended);

  /*
    Fills in those that have ended, and which of `seen->connections` are of this
    log, and has `complete` fill in the rest. When that returns false or throws,
    nobody was told of those that have ended: the next call fills them in again.
    Returns what it returned.
  */
  bool show(ReplicaObservation *seen, const std::function<bool()> &complete);

 private:
  void put_back(std::vector<EndedReplica> ended);

  boost::mutex mutex_;  // guards all below
  /* Connection -> resets of the binary log before it. */
  std::map<std::uint64_t, std::uint64_t> logins_;
  /* Since the last observation, in the order in which they ended. */
  std::vector<EndedReplica> ended_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_REPLICA_SESSIONS_H
