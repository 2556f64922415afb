// SPDX-License-Identifier: GPL-2.0-only
/* Locks of the server that are not waited for. */
#ifndef RECOVERY_GATE_SERVER_TRIED_LOCK_H
#define RECOVERY_GATE_SERVER_TRIED_LOCK_H

#include <mysql/psi/mysql_thread.h>

namespace recovery_gate {

/* Held until the end of its life, unless somebody else had it. */
class TriedLock {
 public:
  explicit TriedLock(mysql_mutex_t *mutex)
      : mutex_(mutex), locked_(mysql_mutex_trylock(mutex) == 0) {}
  ~TriedLock() {
    if (locked_) mysql_mutex_unlock(mutex_);
  }
  TriedLock(const TriedLock &) = delete;
  TriedLock &operator=(const TriedLock &) = delete;

  explicit operator bool() const { return locked_; }

 private:
  mysql_mutex_t *const mutex_;
  const bool locked_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SERVER_TRIED_LOCK_H
