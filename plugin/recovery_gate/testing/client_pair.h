// SPDX-License-Identifier: GPL-2.0-only
/* A client and the server's end of its connection, for tests. */
#ifndef RECOVERY_GATE_CLIENT_PAIR_H
#define RECOVERY_GATE_CLIENT_PAIR_H

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

namespace recovery_gate {

class ClientPair {
 public:
  ClientPair() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    client_ = ends[0];
    server_ = ends[1];
  }
  ~ClientPair() {
    leave();
    if (server_ >= 0) ::close(server_);
  }
  ClientPair(const ClientPair &) = delete;
  ClientPair &operator=(const ClientPair &) = delete;

  int server_end() const { return server_; }
  /* Somebody else closes it from now on. */
  int give_server_end() { return std::exchange(server_, -1); }

  void send(std::string_view bytes) {
    EXPECT_EQ(::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  void end_writing() { ::shutdown(client_, SHUT_WR); }
  void leave() {
    if (client_ >= 0) ::close(client_);
    client_ = -1;
  }

  /* All that comes until the connection ends. */
  std::string receive_all() {
    std::string all;
    char piece[4096];
    while (comes()) {
      const ssize_t length = ::recv(client_, piece, sizeof piece, 0);
      if (length <= 0) return all;
      all.append(piece, static_cast<std::size_t>(length));
    }
    ADD_FAILURE() << "the connection does not end";
    return all;
  }
  /* Has nothing come, not even the end? */
  bool hears_nothing() const {
    pollfd event{client_, POLLIN, 0};
    return ::poll(&event, 1, 0) == 0;
  }

 private:
  bool comes() const {
    pollfd event{client_, POLLIN, 0};
    return ::poll(&event, 1, 30 * 1000) == 1;
  }

  int client_ = -1, server_ = -1;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_CLIENT_PAIR_H
