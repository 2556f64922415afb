// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysqld.h>
#include <sql_class.h>

#include "server_start.h"
#include "waiting_thd.h"

// Declared by each engine that uses them; no header of the server does.
MYSQL_THD create_thd();
void destroy_thd(MYSQL_THD thd);

namespace recovery_gate {
namespace {

/* The server waits by the machine's clock, and somebody may set that back: a
   time-out would come late by as much. Nobody else waits for this condition. */
void wait_by_monotonic_clock(THD *thd) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  mysql_cond_destroy(&thd->COND_wakeup_ready);
  mysql_cond_init(key_COND_wakeup_ready, &thd->COND_wakeup_ready, &attributes);
  pthread_condattr_destroy(&attributes);
}

struct timespec monotonic_deadline(milliseconds time) {
  struct timespec deadline;
  clock_gettime(CLOCK_MONOTONIC, &deadline);
  const auto nanoseconds = deadline.tv_nsec + (time.count() % 1000) * 1000000;
  deadline.tv_sec += time.count() / 1000 + nanoseconds / 1000000000;
  deadline.tv_nsec = nanoseconds % 1000000000;
  return deadline;
}

}  // namespace

THD *create_waiting_thd() {
  my_thread_init();
  THD *thd = create_thd();
  thd->security_ctx->user = const_cast<char *>("recovery gate");
  wait_by_monotonic_clock(thd);
  return thd;
}

void destroy_waiting_thd(THD *thd) {
  thd->security_ctx->user = nullptr;  // not allocated
  destroy_thd(thd);
  my_thread_end();
}

ShortSession::~ShortSession() {
  destroy_waiting_thd(thd_);
  start_server_thread();  // which that has ended
}

void wait_for_wakeup(THD *thd, mysql_mutex_t *mutex,
                     std::optional<milliseconds> time) {
  if (!time) {
    mysql_cond_wait(&thd->COND_wakeup_ready, mutex);
    return;
  }
  const struct timespec deadline = monotonic_deadline(*time);
  mysql_cond_timedwait(&thd->COND_wakeup_ready, mutex, &deadline);
}

}  // namespace recovery_gate
