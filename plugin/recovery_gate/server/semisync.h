/*
  The seam to the server's semi-synchronous replication.

  The awaited position is entered into semi-sync's own list of positions that
  await an acknowledgement, without a transaction behind it. The dump threads
  then ask every semi-sync replica to acknowledge the event that ends there,
  and semi-sync signals the waiting thread when one did.
*/
#ifndef RECOVERY_GATE_SEMISYNC_H
#define RECOVERY_GATE_SEMISYNC_H

#include <atomic>
#include <boost/thread/mutex.hpp>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "recovery_gate/gate/acknowledgements.h"
#include "recovery_gate/base/journal.h"
#include "recovery_gate/ledger/proof.h"
#include "replicas.h"

class THD;

namespace recovery_gate {

/* What a replica has to prove. */
struct Awaited {
  /* The end of the header of the log that was opened at this start. */
  BinlogPosition position;
  /* Paths of the log it is in and of those without which it would prove nothing;
     should one be deleted, the proof is lost. */
  std::vector<std::string> needed_logs;
  /* Up to that position, with what is owed; `acknowledged` means nothing here. */
  Demand demand;
};

class Semisync final : public Acknowledgements {
 public:
  /* `history` may be called from any thread, but not while await() is. */
  Semisync(const Clock &clock, Journal &journal, Replicas &replicas,
           std::function<History()> history);
  ~Semisync() override;

  /* The last position that a semi-sync replica acknowledged, or started from;
     empty when there is none. Any thread, once the server has started. */
  static BinlogPosition last_reply();
  /* Takes it away, if it still is this one. */
  static void forget_reply(const BinlogPosition &reply);

  /*
    From now on, the position awaits an acknowledgement. Call it once, after the
    server has opened the log and before clients can connect.
  */
  SemisyncView await(Awaited awaited);
  /* It does not after all. Only before anything else was called. */
  void withdraw();

  /* Makes sure that semi-sync asks for the position, and returns the view, with
     what the waiting thread has found out of the replicas so far. For the moment
     before a replica is served, and for whoever wants to show the view. Any thread,
     once await() was called. */
  SemisyncView look();
  /* The same, when all that is connected now was looked at. May read binary logs,
     until `cancelled` says to stop. Not once the thread that waits has ended. */
  SemisyncView judge_replicas(std::function<bool()> cancelled);

  bool attach() override;
  void detach() override;
  SemisyncView wait_for_change(const SemisyncView &seen,
                               std::optional<Instant> until) override;
  void wake() noexcept override;

 private:
  SemisyncView look_locked();
  void add_findings(SemisyncView *view);
  void judge_replicas(SemisyncView *view, std::function<bool()> cancelled);
  void find_out(SemisyncView *view, std::function<bool()> cancelled);
  std::string proof_lost();
  BinlogPosition last_commit();
  void register_position();
  void withdraw_position();
  void forget_logs();
  SemisyncView wait_once(const SemisyncView &seen,
                         std::optional<Instant> until, bool *killed);
  void watch_replicas();

  const Clock &clock_;
  Journal &journal_;
  Replicas &replicas_;
  const std::function<History()> history_;
  std::atomic<bool> woken_{false};
  std::atomic<bool> attached_{false};

  Awaited awaited_;
  struct NeededLog {
    std::string path;
    int file;  // keeps the inode, so that its deletion can be seen
  };

  // Guarded by semi-sync's LOCK_binlog, as the list itself is.
  THD *waiting_ = nullptr;
  bool registered_ = false;
  bool withdrawn_ = false;
  std::atomic<bool> alone_{false};  // nobody else awaits anything
  std::vector<NeededLog> needed_logs_;
  std::string proof_lost_;
  BinlogPosition replaced_commit_;  // what semi-sync had as the last commit

  boost::mutex judging_mutex_;  // guards the next two
  bool was_acknowledged_ = false;  // by whomever
  std::string cannot_find_out_;  // why; empty when it can
  std::atomic<bool> proven_{false};
  boost::mutex findings_mutex_;  // guards the next two
  std::string proven_by_;
  std::vector<ReplicaStanding> standings_;

  // Of the waiting thread.
  Instant watch_at_;
  milliseconds watch_interval_;
  std::set<std::uint64_t> passed_;  // connections that were sent the position
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SEMISYNC_H
