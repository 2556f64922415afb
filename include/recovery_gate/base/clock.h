// SPDX-License-Identifier: GPL-2.0-only
/*
  Time, passed in.

  The core never reads a clock of its own: tests set the time and reach
  every deadline in microseconds.
*/
#ifndef RECOVERY_GATE_CLOCK_H
#define RECOVERY_GATE_CLOCK_H

#include <chrono>

namespace recovery_gate {

/* Milliseconds on a monotonic clock; the origin is arbitrary. */
using Instant = std::chrono::milliseconds;
using std::chrono::milliseconds;

class Clock {
 public:
  virtual ~Clock() = default;

  /* Never decreases. Any thread may call it at any time. */
  virtual Instant now() const = 0;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_CLOCK_H
