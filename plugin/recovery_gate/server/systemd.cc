// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysqld.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "server_shutdown.h"
#include "systemd.h"

namespace recovery_gate {
namespace {

/* sd_notify() would block when systemd's queue is full, and then nothing would
   notice that the gate can open. */
void send_or_forget(const std::string &message) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const char *path = std::getenv("NOTIFY_SOCKET");
  const std::size_t length = path == nullptr ? 0 : std::strlen(path);
  if (length == 0 || length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // an abstract one

  const int sender = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (sender < 0) return;
  ::sendto(sender, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr *>(&address),
           offsetof(sockaddr_un, sun_path) + length);
  ::close(sender);
}

}  // namespace

/* The main thread takes this lock when a shutdown has had it leave its loop,
   and only then tells that the server is stopping: what is sent here comes
   before that. */
void tell_systemd(std::string line) {
  // A line ends what systemd takes for the text; the rest would be commands.
  std::replace(line.begin(), line.end(), '\n', ' ');
  line.insert(0, "STATUS=");
  mysql_mutex_lock(&LOCK_start_thread);
  if (!is_shutting_down()) send_or_forget(line);
  mysql_mutex_unlock(&LOCK_start_thread);
}

}  // namespace recovery_gate
