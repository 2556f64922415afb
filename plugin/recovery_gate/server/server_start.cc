#define MYSQL_SERVER 1
#include <my_global.h>
#include <fcntl.h>
#include <my_pthread.h>
#include <mysqld.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/thread/thread.hpp>

#include <cstdlib>
#include <string>

#include "server_start.h"

namespace recovery_gate {
namespace {

/* The system call that a thread of this process is blocked in, or -1. */
long system_call_of(pid_t thread) {
  const std::string path =
      "/proc/self/task/" + std::to_string(thread) + "/syscall";
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  char text[32] = "";  // the number comes first; "running" when there is none
  const ssize_t length = ::read(file, text, sizeof text - 1);
  ::close(file);
  char *end = text;
  const long number = length > 0 ? std::strtol(text, &end, 10) : -1;
  return end == text ? -1 : number;
}

}  // namespace

bool wait_for_server() {
  mysql_mutex_lock(&LOCK_server_started);
  while (!mysqld_server_started &&
         !boost::this_thread::interruption_requested())
    mysql_cond_wait(&COND_server_started, &LOCK_server_started);
  const bool started = mysqld_server_started;
  mysql_mutex_unlock(&LOCK_server_started);
  return started;
}

/* The server has no variable that says so, and the kernel does. Once it is
   started, its main thread calls poll() nowhere else. */
bool server_waits_for_clients() {
  switch (system_call_of(::getpid())) {
#ifdef SYS_poll
    case SYS_poll:
#endif
#ifdef SYS_ppoll
    case SYS_ppoll:
#endif
#ifdef SYS_ppoll_time64
    case SYS_ppoll_time64:
#endif
    case SYS_restart_syscall:  // poll() after the process was frozen
      return true;
    default:
      return false;
  }
}

void start_server_thread() { my_thread_init(); }
void end_server_thread() { my_thread_end(); }

void stop_waiting_for_server() noexcept {
  mysql_mutex_lock(&LOCK_server_started);
  mysql_cond_broadcast(&COND_server_started);
  mysql_mutex_unlock(&LOCK_server_started);
}

}  // namespace recovery_gate
