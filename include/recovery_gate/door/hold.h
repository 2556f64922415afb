// SPDX-License-Identifier: GPL-2.0-only
/*
  How a client is held at the closed gate.
*/
#ifndef RECOVERY_GATE_HOLD_H
#define RECOVERY_GATE_HOLD_H

#include "recovery_gate/base/clock.h"
#include "recovery_gate/door/client_protocol.h"
#include "recovery_gate/gate/gate.h"

namespace recovery_gate {

/* A client that has logged in. Used only by the thread that holds it. */
class HeldClient {
 public:
  virtual ~HeldClient() = default;
  /* Its socket, which nobody else reads from. */
  virtual int descriptor() const = 0;
  /* Somebody ended the session: KILL, a shutdown. Whoever does that also has
     to make the socket readable, by shutting it down for example. */
  virtual bool killed() const = 0;
  /* What has arrived. Takes nothing out of the socket, and does not block. */
  virtual FirstCommand peek() const = 0;
  /* For the process list; `state` is static. */
  virtual void show(const char *state) = 0;
};

enum class HoldOutcome {
  ADMITTED,  // it may go on
  REJECTED,  // its time is up, its slot was taken back, or it changes user
  LEFT,      // it is gone, or is about to be: there is nobody to answer
};

/*
  Blocks until it is decided what happens to a client that gate.knock() has told
  to HOLD, with this place. Throws std::bad_alloc.
*/
HoldOutcome hold(Gate &gate, const Clock &clock, const Visitor &visitor,
                 Place place, HeldClient &client);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_HOLD_H
