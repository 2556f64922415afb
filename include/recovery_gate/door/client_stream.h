// SPDX-License-Identifier: GPL-2.0-only
/*
  A client's connection, once the server has no session for it any more.
*/
#ifndef RECOVERY_GATE_CLIENT_STREAM_H
#define RECOVERY_GATE_CLIENT_STREAM_H

#include <cstddef>
#include <string_view>

namespace recovery_gate {

/* Nothing here blocks. One thread at a time may use it. */
class ClientStream {
 public:
  /* Closes the connection. */
  virtual ~ClientStream() = default;
  virtual int descriptor() const = 0;

  enum class Read { SOME, NOTHING_YET, END };
  /* END: the client is gone, or is not understood. */
  virtual Read read(char *buffer, std::size_t room, std::size_t *length) = 0;

  /* False when not all of it could be sent; it is not retried. */
  virtual bool write(std::string_view bytes) = 0;
  /* The client reads end of file after everything that was written. */
  virtual void end_writing() = 0;
};

/* A socket without TLS, which it owns and makes non-blocking. */
class PlainStream final : public ClientStream {
 public:
  explicit PlainStream(int socket);
  ~PlainStream() override;
  PlainStream(const PlainStream &) = delete;
  PlainStream &operator=(const PlainStream &) = delete;

  int descriptor() const override { return socket_; }
  Read read(char *buffer, std::size_t room, std::size_t *length) override;
  bool write(std::string_view bytes) override;
  void end_writing() override;

 private:
  const int socket_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_CLIENT_STREAM_H
