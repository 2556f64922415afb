// SPDX-License-Identifier: GPL-2.0-only
/*
  The thread that waits for the acknowledgement while the gate is closed.

  It exists from start() until the gate is open, the server shuts down, or
  stop() is called, whichever comes first.
*/
#ifndef RECOVERY_GATE_WAITER_H
#define RECOVERY_GATE_WAITER_H

#include <boost/thread/thread.hpp>
#include <string>

#include "recovery_gate/gate/acknowledgements.h"
#include "recovery_gate/gate/gate.h"

namespace recovery_gate {

/* What only the server can do for the gate. */
class Host {
 public:
  virtual ~Host() = default;
  /* Shows a line of text where a service manager shows the server's state,
     unless the server shuts down. Must not block. Waiting thread only. */
  virtual void show(const std::string &line) = 0;
  /* Asks for a clean shutdown and returns immediately. Waiting thread only. */
  virtual void shut_down() = 0;
  /* The gate is open, whoever opened it. Waiting thread only; not called when
     the thread was stopped before it could see that. */
  virtual void opened() = 0;
};

class Waiter {
 public:
  /* All must outlive the waiter. */
  Waiter(Gate &gate, Acknowledgements &acknowledgements, Host &host);
  ~Waiter();
  Waiter(const Waiter &) = delete;
  Waiter &operator=(const Waiter &) = delete;

  /* Call it once. Throws boost::thread_resource_error when no thread can be
     created. */
  void start();

  /* Ends the thread and returns when it is gone. May be called at any time,
     more than once, but not from two threads at once. */
  void stop() noexcept;

  /* Has the thread check again: a setting changed, or the gate was opened. */
  void wake() noexcept;

 private:
  void run();

  Gate &gate_;
  Acknowledgements &acknowledgements_;
  Host &host_;
  boost::thread thread_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_WAITER_H
