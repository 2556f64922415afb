// SPDX-License-Identifier: GPL-2.0-only
/*
  The seam to the socket of a client's session, with or without TLS.
*/
#ifndef RECOVERY_GATE_CLIENT_SOCKET_H
#define RECOVERY_GATE_CLIENT_SOCKET_H

#include <memory>

#include "recovery_gate/door/client_protocol.h"
#include "recovery_gate/door/client_stream.h"

class THD;

namespace recovery_gate {

/* For the thread of the session; its login is over, and it is not being served
   yet. */
class ClientSocket {
 public:
  explicit ClientSocket(THD *thd) : thd_(thd) {}

  int descriptor() const;
  /* Its protocol is compressed from its first command on. */
  bool compresses() const;
  /* Something has arrived: what is it? Takes nothing out, and does not block.
   */
  FirstCommand peek() const;

  /* Takes the connection out of the session, which is left with a dead socket:
     it can neither read nor write, and the server's closing it closes nothing
     else. Null, and nothing has changed, when that is not possible. */
  std::unique_ptr<ClientStream> detach();

 private:
  THD *thd_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_CLIENT_SOCKET_H
