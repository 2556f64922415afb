/*
  The line of text that a service manager shows of the server: while the gate is
  closed it says what the gate waits for, and then it is the server's own again.
*/
#ifndef RECOVERY_GATE_STATUS_LINE_H
#define RECOVERY_GATE_STATUS_LINE_H

#include <string>

#include "recovery_gate/base/clock.h"
#include "recovery_gate/gate/gate.h"

namespace recovery_gate {

class ServiceManager {
 public:
  virtual ~ServiceManager() = default;
  /* Shows this line instead of the one that is there. False: this is not the
     time for it, and nothing was done; it may be later. May block. */
  virtual bool show(const std::string &line) = 0;
  /* The same with the line that the server shows while it serves clients. */
  virtual bool show_servers_own() = 0;
};

/* For one thread, which says again and again how things are. What it says twice
   is not shown twice, and nothing is shown for a gate that was never closed. */
class StatusLine {
 public:
  /* Others write this line too: InnoDB reports every 15 s how far it has
     rolled back what a crash left unfinished, and leaves its last report there.
     So a line is shown once more after this time. */
  static constexpr milliseconds repeat_after{10 * 1000};

  /* Both must outlive it. */
  StatusLine(const Clock &clock, ServiceManager &manager);

  /* Ignored when that is a gate which waits for nothing: it may have opened
     meanwhile. */
  void closed(const GateSnapshot &gate);
  void opened();

 private:
  const Clock &clock_;
  ServiceManager &manager_;
  std::string shown_;  // empty: the line is the server's own
  Instant repeat_at_{0};
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_STATUS_LINE_H
