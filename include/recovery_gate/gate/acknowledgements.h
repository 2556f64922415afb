// SPDX-License-Identifier: GPL-2.0-only
/*
  What the core asks of semi-synchronous replication.

  The gate does not care how an acknowledgement travels. It needs to know
  whether a semi-sync replica has everything that is owed, whether one could say
  so at all, and to be woken when that changes.
*/
#ifndef RECOVERY_GATE_ACKNOWLEDGEMENTS_H
#define RECOVERY_GATE_ACKNOWLEDGEMENTS_H

#include <optional>
#include <string>
#include <vector>

#include "recovery_gate/base/clock.h"
#include "recovery_gate/binlog/binlog_position.h"
#include "recovery_gate/ledger/claim.h"
#include "recovery_gate/ledger/proof.h"
#include "recovery_gate/ledger/replica_count.h"

namespace recovery_gate {

/* The servers that this one replicates from. */
struct UpstreamView {
  /* A replication connection is up, or tries to be. */
  bool follows = false;
  Finding finding;
};

bool operator==(const UpstreamView &a, const UpstreamView &b);

/* Semi-sync as it stands at one moment. */
struct SemisyncView {
  /* rpl_semi_sync_master_enabled */
  bool enabled = false;
  /* Semi-sync replicas connected and being served now. */
  unsigned replicas = 0;
  /* The furthest position that any replica has acknowledged; empty when none
     has since the server started. It proves nothing by itself. */
  BinlogPosition acknowledged;
  /* As many replicas as are needed are known to have everything that is owed,
     and the awaited position was acknowledged; `proven_by` says which, and what
     shows it. */
  bool proven = false;
  std::string proven_by;
  ReplicaTally tally;
  /* Of the semi-sync replicas that are connected. */
  std::vector<ReplicaStanding> standings;
  UpstreamView upstream;
  /* Not empty: an acknowledgement of the awaited position would no longer
     prove anything, and this says why. It never becomes empty again. */
  std::string proof_lost;
  /* The server is shutting down: nothing will change any more. */
  bool shutting_down = false;
};

bool operator==(const SemisyncView &a, const SemisyncView &b);

class Acknowledgements {
 public:
  virtual ~Acknowledgements() = default;

  /*
    Binds the object to the calling thread, which is the one that waits.
    Blocks until the server has finished starting; returns false when the
    thread's interruption was requested first (Boost.Thread) or the server is
    shutting down, and then detach() must not be called. A wake() in between
    is not lost.
  */
  virtual bool attach() = 0;
  virtual void detach() = 0;

  /*
    Blocks until the view differs from `seen`, or wake() was called since the
    last return, or `until` has passed; returns the view as it is then. While
    it blocks, semi-sync is asked to have the awaited position acknowledged.
    Never misses a change between two calls. Waiting thread only.
  */
  virtual SemisyncView wait_for_change(const SemisyncView &seen,
                                       std::optional<Instant> until) = 0;

  /* Makes wait_for_change() return soon, and has attach() check whether an
     interruption was requested. Any thread. */
  virtual void wake() noexcept = 0;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_ACKNOWLEDGEMENTS_H
