// SPDX-License-Identifier: GPL-2.0-only
/*
  The seam to the server's thread that receives acknowledgements.

  The session of a semi-sync replica that ends waits until that thread has
  noticed. It does not notice when the last replica has come and gone while it
  was waking up: then the session never ends, and no replica with that server id
  is served again, since a new session waits for the old one.
*/
#ifndef RECOVERY_GATE_ACK_RECEIVER_H
#define RECOVERY_GATE_ACK_RECEIVER_H

#include "recovery_gate/base/journal.h"

namespace recovery_gate {

/* Not for two threads at once. */
class AckReceiver {
 public:
  explicit AckReceiver(Journal &journal) : journal_(journal) {}

  /* Has a session that waits in vain end. Called every now and then, once the
     server has started and until it shuts down; waits for nobody. */
  void tend();

 private:
  Journal &journal_;
  int looks_ = 0;  // at which there was something to notice
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_ACK_RECEIVER_H
