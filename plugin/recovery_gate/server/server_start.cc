// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <my_pthread.h>
#include <mysqld.h>

#include <boost/thread/thread.hpp>

#include "server_start.h"

namespace recovery_gate {

bool wait_for_server() {
  mysql_mutex_lock(&LOCK_server_started);
  while (!mysqld_server_started &&
         !boost::this_thread::interruption_requested())
    mysql_cond_wait(&COND_server_started, &LOCK_server_started);
  const bool started = mysqld_server_started;
  mysql_mutex_unlock(&LOCK_server_started);
  return started;
}

void start_server_thread() { my_thread_init(); }
void end_server_thread() { my_thread_end(); }

void stop_waiting_for_server() noexcept {
  mysql_mutex_lock(&LOCK_server_started);
  mysql_cond_broadcast(&COND_server_started);
  mysql_mutex_unlock(&LOCK_server_started);
}

}  // namespace recovery_gate
