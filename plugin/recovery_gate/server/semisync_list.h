// SPDX-License-Identifier: GPL-2.0-only
/*
  The seam to what semi-sync keeps to itself: its list of positions that await
  an acknowledgement, and its last reply.
*/
#ifndef RECOVERY_GATE_SEMISYNC_LIST_H
#define RECOVERY_GATE_SEMISYNC_LIST_H

#include <atomic>
#include <utility>

#include "recovery_gate/binlog/binlog_position.h"

class THD;
struct st_mysql_mutex;

namespace recovery_gate {

/* LOCK_binlog, which guards both. Only in a server that has opened its binary
   log and does not yet destroy semi-sync. */
st_mysql_mutex &semisync_mutex();

class SemisyncLock {
 public:
  SemisyncLock();
  ~SemisyncLock();
  SemisyncLock(const SemisyncLock &) = delete;
  SemisyncLock &operator=(const SemisyncLock &) = delete;
};

/* The last position that a semi-sync replica acknowledged, or started from;
   empty when there is none. Takes the lock, as does the next. */
BinlogPosition last_reply();
/* Takes it away, if it still is this one. */
void forget_reply(const BinlogPosition &reply);

/*
  A position in the list, without a transaction behind it. The dump threads then
  ask every semi-sync replica to acknowledge the event that ends there.

  The caller holds SemisyncLock, but for is_alone().
*/
class AwaitedPosition {
 public:
  void set(BinlogPosition position) { position_ = std::move(position); }
  const BinlogPosition &get() const { return position_; }

  /* Semi-sync empties its list when it is switched off, also by a time-out of
     somebody else's transaction, and when its last replica leaves: call this
     again and again. An acknowledgement wakes up `waiter`, if there is one. */
  void enter(THD *waiter);
  /* Leaves semi-sync as if the position had never been there; it is not entered
     again. Until the list is empty, SHUTDOWN WAIT FOR ALL SLAVES waits. */
  void withdraw();

  /* As the last enter() left it: it is in the list ... */
  bool is_entered() const { return entered_; }
  /* ... and nothing else is. Not once it is withdrawn. */
  bool is_alone() const { return alone_; }

 private:
  void have_it_asked_for();

  BinlogPosition position_;
  bool entered_ = false;
  bool withdrawn_ = false;
  std::atomic<bool> alone_{false};
  BinlogPosition replaced_commit_;  // what semi-sync had as the last commit
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SEMISYNC_LIST_H
