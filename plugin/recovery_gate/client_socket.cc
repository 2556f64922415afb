#define MYSQL_SERVER 1
#include <my_global.h>
#include <fcntl.h>
#include <sql_class.h>
#include <sys/socket.h>
#include <unistd.h>
#include <violite.h>

#include <new>
#include <utility>

#include "client_socket.h"

namespace recovery_gate {
namespace {

/* With a timeout, which a login has, the server makes a socket with TLS
   non-blocking. SSL_peek() and SSL_read() are not called on one that blocks. */
bool may_block(int socket) {
  return (::fcntl(socket, F_GETFL) & O_NONBLOCK) == 0;
}

SSL *tls_of(const Vio *vio) {
  return vio->type == VIO_TYPE_SSL ? static_cast<SSL *>(vio->ssl_arg) : nullptr;
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
    if (may_block(descriptor())) return FirstCommand::OTHER;
    const TlsErrors errors;
    length = SSL_peek(tls, start, sizeof start);
  } else {
    length =
        ::recv(descriptor(), start, sizeof start, MSG_PEEK | MSG_DONTWAIT);
  }
  if (length <= 0) return FirstCommand::OTHER;
  return first_command({start, static_cast<std::size_t>(length)}, compresses());
}

std::unique_ptr<ClientStream> ClientSocket::detach() {
  Vio *vio = thd_->net.vio;
  const int socket = descriptor();
  const int own = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return nullptr;
  std::unique_ptr<ClientStream> transport = std::make_unique<PlainStream>(own);
  // Connected to nothing: whoever reads from it has an error at once.
  const int dead = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (dead < 0) return nullptr;

  // Held by KILL and by a shutdown while they shut the socket down.
  mysql_mutex_lock(&thd_->LOCK_thd_data);
  ::dup3(dead, socket, O_CLOEXEC);
  OwnedTls tls(tls_of(vio));
  // The session goes on without TLS, or its end would be the client's as well.
  if (tls) vio_reset(vio, VIO_TYPE_TCPIP, socket, nullptr, 0);
  mysql_mutex_unlock(&thd_->LOCK_thd_data);
  ::close(dead);
  if (!tls) return transport;
  if (SSL_set_fd(tls.get(), own) != 1) throw std::bad_alloc();
  return std::make_unique<TlsStream>(std::move(tls), std::move(transport));
}

}  // namespace recovery_gate
