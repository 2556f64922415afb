// SPDX-License-Identifier: GPL-2.0-only
/*
  Where the gate reports: the server's error log in production.
*/
#ifndef RECOVERY_GATE_JOURNAL_H
#define RECOVERY_GATE_JOURNAL_H

#include <string>

namespace recovery_gate {

/*
  Each call is one line, without a newline at its end and without a prefix:
  the implementation adds both. Implementations must be callable from any
  thread, must not call back into the gate, and must not throw.
*/
class Journal {
 public:
  virtual ~Journal() = default;
  virtual void note(const std::string &line) = 0;
  virtual void warning(const std::string &line) = 0;
  virtual void error(const std::string &line) = 0;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_JOURNAL_H
