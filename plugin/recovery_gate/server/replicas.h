// SPDX-License-Identifier: GPL-2.0-only
/*
  The seam to the server's replicas: who is being served the binary log, what
  each asked for, how far it was sent, and the last reply of all.
*/
#ifndef RECOVERY_GATE_REPLICAS_H
#define RECOVERY_GATE_REPLICAS_H

#include <atomic>
#include <boost/thread/mutex.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "recovery_gate/base/clock.h"
#include "recovery_gate/base/journal.h"
#include "recovery_gate/ledger/proof.h"
#include "recovery_gate/ledger/replica_sessions.h"

class THD;

namespace recovery_gate {

/* All members may be called from any thread, once the server has started. None
   is called with LOCK_binlog of semi-sync held: the server takes that with its
   list of threads locked. */
class Replicas {
 public:
  Replicas(const Clock &clock, Journal &journal)
      : clock_(clock), journal_(journal) {}

  /* What was read while the logs were there that hold it. Before all else. */
  void remember(std::optional<ReadOwed> known) { known_ = std::move(known); }

  /* An account that may replicate has logged in, in its own thread; nothing
     says whether it will. */
  void logged_in(const THD *thd);
  /* Its session ends. Returns whether it was a replica of which nothing is
     known yet. */
  bool left(THD *thd);

  /* Tells the proof what there is now. Returns the last reply; empty when there
     is none. */
  BinlogPosition observe();

  /* Of what was observed last. `cancelled`, if there is one, is asked whether
     to give up reading binary logs; of more than `most` bytes nothing is read,
     0: however many there are. */
  Answer ask(const Demand &demand, const History &history,
             std::function<bool()> cancelled, std::uint64_t most);

  /* What the stretch holds; not read when it has more than `most` bytes. */
  Owed read_owed(const Demand &demand, std::uint64_t most) const;

  /* The binary log was begun anew since the last observation. */
  bool is_new_log() const;

  /* Takes the last reply away, if it still is this one. */
  void forget(const BinlogPosition &reply);

  /* Semi-sync replicas that have connected since the server started. */
  ServerIds semisync_replicas() const { return proof_.semisync_replicas(); }

  History arrivals(std::uint64_t resets) {
    return proof_.take_arrivals(resets);
  }
  /* Somebody is being sent the binary log, or was since the last call. */
  bool serves() { return serves_.exchange(false); }
  /* The same of somebody who had logged in before the log was begun anew. */
  bool served_earlier() { return served_earlier_.exchange(false); }

  /* Puts into the error log, once for each replica and reason, which of the
     connected ones can prove nothing, when that has been so for `patience`. */
  void tell(const Answer &answer, milliseconds patience);

 private:
  void name_suspect(Answer *answer);
  bool shows_where_it_is(const ReplicaConnection &replica, const char *stage,
                         const std::map<std::uint64_t, Instant> &sending_since);

  const Clock &clock_;
  Journal &journal_;
  Proof proof_;
  boost::mutex
      observing_;      // observations come in the order in which they are made
  ServerIds own_ids_;  // while it runs; guarded by that
  /* Of those by file and position that are not known yet; guarded by that. */
  std::map<std::uint64_t, Instant> sending_since_;
  std::string suspect_;  // who may reply and is not known; guarded by that
  std::atomic<bool> serves_{false}, served_earlier_{false};
  std::atomic<std::uint64_t> resets_{0};  // as observed last

  ReplicaSessions sessions_;
  std::optional<ReadOwed> known_;

  boost::mutex told_mutex_;  // guards the next two
  using Complaint = std::tuple<std::uint32_t, std::string>;
  std::map<Complaint, Instant> seen_;
  std::set<Complaint> told_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_REPLICAS_H
