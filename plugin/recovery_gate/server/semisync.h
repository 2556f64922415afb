// SPDX-License-Identifier: GPL-2.0-only
/*
  The seam to the server's semi-synchronous replication: has a position
  acknowledged that no transaction waits for, and waits until it is.
*/
#ifndef RECOVERY_GATE_SEMISYNC_H
#define RECOVERY_GATE_SEMISYNC_H

#include <atomic>
#include <boost/thread/mutex.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "recovery_gate/gate/acknowledgements.h"
#include "recovery_gate/base/journal.h"
#include "recovery_gate/ledger/proof.h"
#include "recovery_gate/ledger/replica_count.h"
#include "needed_logs.h"
#include "replicas.h"
#include "semisync_list.h"
#include "silent_replicas.h"

class THD;

namespace recovery_gate {

/* What a replica has to prove. */
struct Awaited {
  /* The end of the header of the log that was opened at this start. */
  BinlogPosition position;
  /* Paths of the log it is in and of those without which it would prove
     nothing; should one be deleted, the proof is lost. */
  std::vector<std::string> needed_logs;
  /* Up to that position, with what is owed; `acknowledged` means nothing here.
   */
  Demand demand;
};

class Semisync final : public Acknowledgements {
 public:
  /* `history` and `upstream` may be called from any thread, but not while
   * await() is. */
  Semisync(const Clock &clock, Journal &journal, Replicas &replicas,
           std::function<History()> history,
           std::function<UpstreamView()> upstream);

  /* Which replicas count, and how many. Any thread; it is acted on when the
     replicas are judged next. */
  void configure(const ReplicaPolicy &policy);

  /*
    From now on, the position awaits an acknowledgement. Call it once, after the
    server has opened the log and before clients can connect.
  */
  SemisyncView await(Awaited awaited);
  /* It does not after all. Only before anything else was called. */
  void withdraw();

  /* Makes sure that semi-sync asks for the position; or no longer does, when
     the proof is lost. For the moment before a replica is served. Any thread,
     once await() was called, as with the next two. */
  void ask();
  /* The view, with what was found out of the replicas so far, and whether the
     proof was lost when ask() was called last. */
  SemisyncView look();
  /* The same, when all that is connected now was looked at and is asked. May
     read binary logs, until `cancelled` says to stop. Not once the thread that
     waits has ended. */
  SemisyncView judge_replicas(std::function<bool()> cancelled);

  bool attach() override;
  void detach() override;
  SemisyncView wait_for_change(const SemisyncView &seen,
                               std::optional<Instant> until) override;
  void wake() noexcept override;

 private:
  void ask_locked();
  void withdraw_locked();
  SemisyncView look_locked();
  void add_findings(SemisyncView *view);
  void judge_replicas(SemisyncView *view, std::function<bool()> cancelled);
  void find_out(SemisyncView *view, std::function<bool()> cancelled);
  void count(Answer *answer, const ReplicaPolicy &policy, ReplicaTally *tally);
  ReplicaPolicy policy();
  void close_silent();
  SemisyncView wait_once(const SemisyncView &seen, std::optional<Instant> until,
                         bool *killed);

  const Clock &clock_;
  Journal &journal_;
  Replicas &replicas_;
  const std::function<History()> history_;
  const std::function<UpstreamView()> upstream_;
  std::atomic<bool> woken_{false};
  std::atomic<bool> attached_{false};
  Demand demand_;

  // Guarded by SemisyncLock.
  AwaitedPosition position_;
  NeededLogs needed_logs_;
  THD *waiting_ = nullptr;

  boost::mutex judging_mutex_;     // guards the next four
  bool was_acknowledged_ = false;  // by whomever
  std::string cannot_find_out_;    // why; empty when it can
  ReplicaCount count_;
  bool counts_ = false;  // more than any one replica was wanted, once
  std::atomic<bool> proven_{false};
  std::atomic<bool> undecided_{false};  // it is not known yet who has replied
  boost::mutex findings_mutex_;         // guards the next five
  ReplicaPolicy policy_;
  std::string proven_by_;
  std::vector<ReplicaStanding> standings_;
  ReplicaTally tally_;
  BinlogPosition furthest_;  // that was acknowledged, if it was taken away

  SilentReplicas silent_replicas_;  // the waiting thread's only
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SEMISYNC_H
