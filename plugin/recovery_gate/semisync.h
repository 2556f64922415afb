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
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "recovery_gate/acknowledgements.h"
#include "recovery_gate/journal.h"
#include "recovery_gate/report.h"

class THD;

namespace recovery_gate {

class Semisync final : public Acknowledgements {
 public:
  Semisync(const Clock &clock, Journal &journal);
  ~Semisync() override;

  /* The last position that a semi-sync replica acknowledged, or started from;
     empty when there is none that counts. Any thread, once the server has
     started. */
  static BinlogPosition last_reply();
  /* Has nobody but replicas whose GTID position the server has checked sent
     that? A replica with gtid_ignore_duplicates=ON, or one that starts UNTIL a
     position, is served although it has transactions that this server has not,
     and is asked for acknowledgements of what it need not have everything
     before. */
  static bool may_trust_replies();
  /* Those that are being served now. Any thread. */
  static std::vector<ConnectedReplica> connected_replicas();

  /*
    From now on, `position` awaits an acknowledgement. `needed_logs` are paths of
    the log it is in and of those without which it would prove nothing; should
    one be deleted, the proof is lost. Call it once, after the server has opened
    the log and before clients can connect.
  */
  SemisyncView await(const BinlogPosition &position,
                     const std::vector<std::string> &needed_logs);
  /* It does not after all. Only before anything else was called. */
  void withdraw();

  /* Makes sure that semi-sync asks for the position, and returns the view.
     For the moment before a replica is served, and for whoever wants to show
     the view. Any thread, once await() was called. */
  SemisyncView look();

  bool attach() override;
  void detach() override;
  SemisyncView wait_for_change(const SemisyncView &seen,
                               std::optional<Instant> until) override;
  void wake() noexcept override;

 private:
  SemisyncView look_locked();
  SemisyncView checked(SemisyncView view);
  std::string proof_lost();
  BinlogPosition last_commit();
  void register_position();
  void withdraw_position();
  void note_reply();
  bool is_end_of_event(const BinlogPosition &reply);
  void forget_logs();
  SemisyncView wait_once(const SemisyncView &seen,
                         std::optional<Instant> until, bool *killed);
  void watch_replicas();

  const Clock &clock_;
  Journal &journal_;
  std::atomic<bool> woken_{false};
  std::atomic<bool> attached_{false};

  BinlogPosition awaited_;
  struct NeededLog {
    std::string path;
    int file;  // keeps the inode, so that its deletion can be seen
  };

  // Guarded by semi-sync's LOCK_binlog, as the list itself is.
  THD *waiting_ = nullptr;
  bool registered_ = false;
  bool withdrawn_ = false;
  std::atomic<bool> trusted_{false};  // what has acknowledged all there is to
  std::atomic<bool> alone_{false};  // nobody else awaits anything
  std::vector<NeededLog> needed_logs_;
  std::string proof_lost_;
  BinlogPosition replaced_commit_;  // what semi-sync had as the last commit
  BinlogPosition acknowledged_;
  BinlogPosition refused_;  // a reply that is no event's end

  // Of the waiting thread.
  Instant watch_at_;
  milliseconds watch_interval_;
  std::set<std::uint64_t> passed_;  // connections that were sent the position
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SEMISYNC_H
