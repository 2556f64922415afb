// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <fcntl.h>
#include <mysqld.h>
#include <scheduler.h>
#include <sql_class.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <violite.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <new>
#include <utility>

#include "client_socket.h"

namespace recovery_gate {
namespace {

bool is_pooled(const THD *thd) {
  return thd->scheduler == thread_scheduler &&
         thread_handling > SCHEDULER_NO_THREADS;
}

/* With a timeout, which a login has, the server makes a socket with TLS
   non-blocking. SSL_peek() is not called on one that blocks. */
bool may_block(int socket) {
  return (::fcntl(socket, F_GETFL) & O_NONBLOCK) == 0;
}

SSL *tls_of(const Vio *vio) {
  return vio->type == VIO_TYPE_SSL ? static_cast<SSL *>(vio->ssl_arg) : nullptr;
}

/* OpenSSL otherwise reads on for as long as there are records without data,
   such as updates of keys, and whoever sends them keeps the thread. */
class OneRecordAtATime {
 public:
  explicit OneRecordAtATime(SSL *tls)
      : tls_(tls), mode_(SSL_get_mode(tls) & SSL_MODE_AUTO_RETRY) {
    SSL_clear_mode(tls_, SSL_MODE_AUTO_RETRY);
  }
  ~OneRecordAtATime() { SSL_set_mode(tls_, mode_); }
  OneRecordAtATime(const OneRecordAtATime &) = delete;
  OneRecordAtATime &operator=(const OneRecordAtATime &) = delete;

 private:
  SSL *tls_;
  const long mode_;
};

/* Tables, logs and logins need the last quarter of them. */
int descriptors_to_take() {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return static_cast<int>(
      std::min<rlim_t>(limit.rlim_cur - limit.rlim_cur / 4, INT_MAX));
}

/* OpenSSL takes an error that it finds for that of the next call. */
class TlsErrors {
 public:
  TlsErrors() { ERR_clear_error(); }
  ~TlsErrors() { ERR_clear_error(); }
};

struct FreeTls {
  void operator()(SSL *tls) const { SSL_free(tls); }
};
using OwnedTls = std::unique_ptr<SSL, FreeTls>;

class TlsStream final : public ClientStream {
 public:
  TlsStream(OwnedTls tls, std::unique_ptr<ClientStream> transport)
      : transport_(std::move(transport)), tls_(std::move(tls)) {}

  int descriptor() const override { return transport_->descriptor(); }

  Read read(char *buffer, std::size_t room, std::size_t *length) override {
    const TlsErrors errors;
    const int got = SSL_read(tls_.get(), buffer, static_cast<int>(room));
    if (got > 0) {
      *length = static_cast<std::size_t>(got);
      return Read::SOME;
    }
    const int error = SSL_get_error(tls_.get(), got);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE
               ? Read::NOTHING_YET
               : Read::END;
  }

  bool write(std::string_view bytes) override {
    const TlsErrors errors;
    const int length = static_cast<int>(bytes.size());
    return SSL_write(tls_.get(), bytes.data(), length) == length;
  }

  void end_writing() override { transport_->end_writing(); }

 private:
  const std::unique_ptr<ClientStream> transport_;
  const OwnedTls tls_;
};

}  // namespace

int ClientSocket::descriptor() const {
  return mysql_socket_getfd(thd_->net.vio->mysql_socket);
}

bool ClientSocket::compresses() const {
  return (thd_->client_capabilities & CLIENT_COMPRESS) != 0;
}

FirstCommand ClientSocket::peek() const {
  char start[enough_of_a_command];
  ssize_t length;
  if (SSL *tls = tls_of(thd_->net.vio)) {
    // A look takes what it sees out of the socket, and a thread pool waits for
    // the socket. Below, it must not wait itself.
    if (is_pooled(thd_) || may_block(descriptor())) return FirstCommand::OTHER;
    const TlsErrors errors;
    const OneRecordAtATime one_record(tls);
    length = SSL_peek(tls, start, sizeof start);
  } else {
    length = ::recv(descriptor(), start, sizeof start, MSG_PEEK | MSG_DONTWAIT);
  }
  if (length <= 0) return FirstCommand::INCOMPLETE;
  return first_command({start, static_cast<std::size_t>(length)}, compresses());
}

std::unique_ptr<ClientStream> ClientSocket::detach() {
  Vio *vio = thd_->net.vio;
  const int socket = descriptor();
  // Connected to nothing: whoever reads from it has an error immediately.
  const int dead = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (dead < 0) return nullptr;
  const int own = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (own < 0 || own >= descriptors_to_take()) {
    ::close(dead);
    if (own >= 0) ::close(own);
    return nullptr;
  }
  std::unique_ptr<ClientStream> transport = std::make_unique<PlainStream>(own);

  // Held by KILL and by a shutdown while they shut the socket down.
  mysql_mutex_lock(&thd_->LOCK_thd_data);
  while (::dup3(dead, socket, O_CLOEXEC) < 0 && errno == EINTR)
    ;
  OwnedTls tls(tls_of(vio));
  // The session goes on without TLS, or its end would be the client's as well.
  if (tls) vio_reset(vio, VIO_TYPE_TCPIP, socket, nullptr, 0);
  mysql_mutex_unlock(&thd_->LOCK_thd_data);
  ::close(dead);
  if (!tls) return transport;
  if (SSL_set_fd(tls.get(), own) != 1) throw std::bad_alloc();
  SSL_clear_mode(tls.get(), SSL_MODE_AUTO_RETRY);
  return std::make_unique<TlsStream>(std::move(tls), std::move(transport));
}

}  // namespace recovery_gate
