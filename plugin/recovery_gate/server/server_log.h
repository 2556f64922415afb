// SPDX-License-Identifier: GPL-2.0-only
/* The gate's lines in the server's error log, and the server's clock. */
#ifndef RECOVERY_GATE_SERVER_LOG_H
#define RECOVERY_GATE_SERVER_LOG_H

#include "recovery_gate/base/clock.h"
#include "recovery_gate/base/journal.h"

namespace recovery_gate {

class ServerLog final : public Journal {
 public:
  void note(const std::string &line) override;
  void warning(const std::string &line) override;
  void error(const std::string &line) override;
};

class MonotonicClock final : public Clock {
 public:
  Instant now() const override;
};

/* What the clock on the wall showed so long ago, as the error log writes it. */
std::string local_time(milliseconds ago);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SERVER_LOG_H
