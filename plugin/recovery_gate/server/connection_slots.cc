// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysqld.h>
#include <scheduler.h>
#include <sql_class.h>
#ifndef HAVE_POOL_OF_THREADS
#define HAVE_POOL_OF_THREADS 1  // as the server's own sources have it
#endif
#include <threadpool.h>

#include <algorithm>

#include "connection_slots.h"

namespace recovery_gate {

std::uint32_t connection_slots(const THD *thd) {
  // The extra port is for administrators when all else is full: it has few.
  if (thd->scheduler == extra_thread_scheduler ||
      thread_handling == SCHEDULER_NO_THREADS)
    return 0;
  std::uint64_t slots = *thd->scheduler->max_connections;
  if (thread_handling > SCHEDULER_NO_THREADS) {
    // Each group of the pool needs a thread that listens and one that works.
    const std::uint64_t needed = 2 * std::uint64_t{threadpool_size};
    const std::uint64_t threads = threadpool_max_threads;
    slots = std::min(slots, threads - std::min(threads, needed));
  }
  return static_cast<std::uint32_t>(slots);
}

bool connection_slots_are_scarce() {
  const ulong slots = *thread_scheduler->max_connections;
  return *thread_scheduler->connection_count + slots / 8 >= slots;
}

}  // namespace recovery_gate
