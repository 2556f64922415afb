// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/door/client_stream.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace recovery_gate {

PlainStream::PlainStream(int socket) : socket_(socket) {
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
}

PlainStream::~PlainStream() { ::close(socket_); }

ClientStream::Read PlainStream::read(char *buffer, std::size_t room,
                                     std::size_t *length) {
  const ssize_t got = ::recv(socket_, buffer, room, 0);
  if (got > 0) {
    *length = static_cast<std::size_t>(got);
    return Read::SOME;
  }
  const bool comes_later =
      got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  return comes_later ? Read::NOTHING_YET : Read::END;
}

bool PlainStream::write(std::string_view bytes) {
  return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(bytes.size());
}

void PlainStream::end_writing() { ::shutdown(socket_, SHUT_WR); }

}  // namespace recovery_gate
