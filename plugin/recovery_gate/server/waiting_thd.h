// SPDX-License-Identifier: GPL-2.0-only
/*
  The THD of the thread that waits: it is in the process list, and a shutdown
  kills it like any session and waits until it is gone.
*/
#ifndef RECOVERY_GATE_WAITING_THD_H
#define RECOVERY_GATE_WAITING_THD_H

#include <optional>

#include "recovery_gate/base/clock.h"

class THD;
struct st_mysql_mutex;

namespace recovery_gate {

/* For the calling thread, which also has to destroy it. */
THD *create_waiting_thd();
void destroy_waiting_thd(THD *thd);

/* While it lives, the calling thread, which called start_server_thread(), has a
   THD. A shutdown kills it, and so ends what it waits for. */
class ShortSession {
 public:
  ShortSession() : thd_(create_waiting_thd()) {}
  ~ShortSession();
  ShortSession(const ShortSession &) = delete;
  ShortSession &operator=(const ShortSession &) = delete;

 private:
  THD *const thd_;
};

/* Waits until its COND_wakeup_ready is signalled, for `time` at most; by a
   clock that nobody can set. */
void wait_for_wakeup(THD *thd, st_mysql_mutex *mutex,
                     std::optional<milliseconds> time);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_WAITING_THD_H
