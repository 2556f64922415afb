// SPDX-License-Identifier: GPL-2.0-only
/*
  stamp-acks --to PORT [--listen PORT]

  Stands between a replica and its primary, both on 127.0.0.1, passes on what
  they send each other, and prints a line of JSON for each semi-sync
  acknowledgement that the replica sends: when it was about to be passed on to
  the primary, in nanoseconds of CLOCK_MONOTONIC, and which position it is of.
  The first line is the port that it listens on. Ends when its standard input
  does.

  It may stand before any other server too; there are no acknowledgements then.
*/
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace {

[[noreturn]] void fail(const std::string &what) {
  std::fprintf(stderr, "stamp-acks: %s: %s\n", what.c_str(),
               std::strerror(errno));
  std::exit(1);
}

std::int64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1'000'000'000) + time.tv_nsec;
}

sockaddr_in address_of(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int new_socket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  return fd;
}

/* Finds the acknowledgements in what a replica sends. */
class Replies {
 public:
  /* Returns what was acknowledged by packets that end in these bytes. */
  std::vector<nlohmann::json> take(const char *bytes, std::size_t count) {
    bytes_.append(bytes, count);
    std::vector<nlohmann::json> seen;
    std::size_t at = 0;
    while (bytes_.size() - at >= header_size) {
      const std::size_t length = number(at, 3);
      if (bytes_.size() - at < header_size + length) break;
      take_packet(at + header_size, length, &seen);
      at += header_size + length;
    }
    bytes_.erase(0, at);
    return seen;
  }

 private:
  static constexpr std::size_t header_size = 4;
  static constexpr unsigned char com_binlog_dump = 0x12, magic = 0xef;

  void take_packet(std::size_t at, std::size_t length,
                   std::vector<nlohmann::json> *seen) {
    if (length == 0) return;
    const auto first = static_cast<unsigned char>(bytes_[at]);
    // Before, it logs in and asks, and any byte may come first.
    if (first == com_binlog_dump) is_dumped_ = true;
    constexpr std::size_t name = 1 + 8;
    if (!is_dumped_ || first != magic || length < name) return;
    seen->push_back({{"file", bytes_.substr(at + name, length - name)},
                     {"pos", number(at + 1, 8)}});
  }

  std::uint64_t number(std::size_t at, std::size_t size) const {
    std::uint64_t value = 0;
    for (std::size_t i = size; i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(bytes_[at + i]);
    return value;
  }

  std::string bytes_;
  bool is_dumped_ = false;
};

/* Both sides block: what one does not take, the other has to keep. */
void write_all(int fd, const char *bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t done = send(fd, bytes, count, MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return;  // the next read of it will tell
    bytes += done;
    count -= static_cast<std::size_t>(done);
  }
}

class Link {
 public:
  explicit Link(int client) : client(client), server(new_socket()) {}
  ~Link() {
    close(client);
    close(server);
  }
  Link(const Link &) = delete;
  Link &operator=(const Link &) = delete;

  bool reach(const sockaddr_in &address) {
    // Else an acknowledgement might wait for the one before to be received.
    const int on = 1;
    for (const int fd : {client, server})
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return connect(server, reinterpret_cast<const sockaddr *>(&address),
                   sizeof address) == 0;
  }

  bool pass_to_server() {
    char bytes[1 << 16];
    const ssize_t count = recv(client, bytes, sizeof bytes, 0);
    if (count <= 0) return false;
    const auto size = static_cast<std::size_t>(count);
    const auto acknowledged = replies_.take(bytes, size);
    const std::int64_t time = now();
    write_all(server, bytes, size);
    for (nlohmann::json line : acknowledged) {
      line["ns"] = time;
      std::printf("%s\n", line.dump().c_str());
    }
    if (!acknowledged.empty()) std::fflush(stdout);
    return true;
  }

  bool pass_to_client() const {
    char bytes[1 << 16];
    const ssize_t count = recv(server, bytes, sizeof bytes, 0);
    if (count <= 0) return false;
    write_all(client, bytes, static_cast<std::size_t>(count));
    return true;
  }

  const int client, server;

 private:
  Replies replies_;
};

int listen_on(std::uint16_t port) {
  const int fd = new_socket(), on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = address_of(port);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr *>(&address), size) != 0 ||
      listen(fd, SOMAXCONN) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr *>(&address), &size) != 0)
    fail("cannot listen");
  std::printf("%u\n", unsigned{ntohs(address.sin_port)});
  std::fflush(stdout);
  return fd;
}

/* Whether there is something to do for it: to read, or to see that it ended. */
bool is_ready(const pollfd &one) { return one.revents != 0; }

}  // namespace

int main(int argc, char **argv) {
  std::uint16_t to = 0, from = 0;
  CLI::App app("Passes a replica's connection on, and stamps what it confirms");
  app.add_option("--to", to, "the primary's port")->required();
  app.add_option("--listen", from, "a port of its own; 0: any");
  CLI11_PARSE(app, argc, argv);

  const sockaddr_in address = address_of(to);
  const int listener = listen_on(from);
  std::list<Link> links;
  for (;;) {
    std::vector<pollfd> fds = {{STDIN_FILENO, POLLIN, 0},
                               {listener, POLLIN, 0}};
    for (const Link &link : links) {
      fds.push_back({link.client, POLLIN, 0});
      fds.push_back({link.server, POLLIN, 0});
    }
    if (poll(fds.data(), fds.size(), -1) < 0) {
      if (errno == EINTR) continue;
      fail("poll");
    }
    if (is_ready(fds[0])) {
      char byte = 0;
      if (read(STDIN_FILENO, &byte, 1) <= 0) return 0;
    }
    std::size_t i = 2;
    for (auto link = links.begin(); link != links.end(); i += 2) {
      const bool goes_on = (!is_ready(fds[i]) || link->pass_to_server()) &&
                           (!is_ready(fds[i + 1]) || link->pass_to_client());
      link = goes_on ? std::next(link) : links.erase(link);
    }
    if (is_ready(fds[1])) {
      const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      links.emplace_back(client);
      if (!links.back().reach(address)) links.pop_back();
    }
  }
}
