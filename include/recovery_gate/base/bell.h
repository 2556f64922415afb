// SPDX-License-Identifier: GPL-2.0-only
/*
  Wakes threads that block in poll().

  A thread that waits for something to change takes the next ring before it
  looks, and polls its descriptor after: no change between the two is missed.
*/
#ifndef RECOVERY_GATE_BELL_H
#define RECOVERY_GATE_BELL_H

#include <boost/thread/mutex.hpp>
#include <memory>

namespace recovery_gate {

/* One ring, heard by all who hold it. */
class Ring {
 public:
  Ring() noexcept;
  ~Ring();
  Ring(const Ring &) = delete;
  Ring &operator=(const Ring &) = delete;

  /* Becomes readable when the bell is rung, and stays so: poll it, do not read
     it. Negative when the process has no descriptor left; look again every now
     and then. Valid for as long as the ring lives. */
  int descriptor() const { return descriptor_; }

 private:
  friend class Bell;
  void sound() const noexcept;

  const int descriptor_;
};

/* All members may be called from any thread. */
class Bell {
 public:
  /* Throws std::bad_alloc. */
  std::shared_ptr<const Ring> next_ring();

  /* Wakes all who hold the next ring. Never blocks; costs nothing when nobody
     does. */
  void ring() noexcept;

 private:
  boost::mutex mutex_;
  std::shared_ptr<const Ring> next_;  // made when somebody wants it
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_BELL_H
