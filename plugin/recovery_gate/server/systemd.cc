#define MYSQL_SERVER 1
#include <my_global.h>
#include <my_pthread.h>
#include <my_service_manager.h>
#include <mysqld.h>

#include <algorithm>

#include "server_start.h"
#include "systemd.h"

namespace recovery_gate {
namespace {

// handle_connections_sockets() in the server's sql/mysqld.cc, literally.
constexpr char servers_own[] = "Taking your SQL requests now...";

// Ten seconds of the ledger's looks. It shows nothing for that long only where
// the kernel tells nothing.
constexpr int looks_enough = 100;

class StartThreadLock {
 public:
  StartThreadLock() { mysql_mutex_lock(&LOCK_start_thread); }
  ~StartThreadLock() { mysql_mutex_unlock(&LOCK_start_thread); }
  StartThreadLock(const StartThreadLock &) = delete;
  StartThreadLock &operator=(const StartThreadLock &) = delete;
};

/*
  The main thread takes this lock when a shutdown has had it leave its loop, and
  only then tells that the server is stopping: so what is sent while the lock is
  held and no shutdown has begun comes before that.

  When systemd's queue is full, sending blocks, and a shutdown waits for it here.
  Without the lock it would wait for the same queue with its own message.
*/
bool send_unless_stopping(std::string line) {
  // A line ends what systemd takes for the text; the rest would be commands.
  std::replace(line.begin(), line.end(), '\n', ' ');
  const std::string message = "STATUS=" + line;
  StartThreadLock lock;
  if (abort_loop) return false;
  sd_notify(0, message.c_str());
  return true;
}

}  // namespace

/*
  The main thread lets the threads go that wait for the end of the start. Then it
  tells that the server is ready, with its line in the same message, and waits
  for clients. Only when it is seen there is the message known to be sent.
*/
bool Systemd::server_has_told() {
  server_has_told_ = server_has_told_ || server_waits_for_clients() ||
                     ++looks_ >= looks_enough;
  return server_has_told_;
}

bool Systemd::show(const std::string &line) {
  return server_has_told() && send_unless_stopping(line);
}

bool Systemd::show_servers_own() { return send_unless_stopping(servers_own); }

}  // namespace recovery_gate
