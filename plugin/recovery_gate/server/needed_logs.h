// SPDX-License-Identifier: GPL-2.0-only
/*
  Binary logs without which an acknowledgement would prove nothing: are they
  still there?
*/
#ifndef RECOVERY_GATE_NEEDED_LOGS_H
#define RECOVERY_GATE_NEEDED_LOGS_H

#include <string>
#include <vector>

namespace recovery_gate {

/* For one thread at a time. */
class NeededLogs {
 public:
  NeededLogs() = default;
  ~NeededLogs() { forget(); }
  NeededLogs(const NeededLogs &) = delete;
  NeededLogs &operator=(const NeededLogs &) = delete;

  /* Call it once, with the server's binary logs not begun anew yet. */
  void watch(const std::vector<std::string> &paths);
  /* Nothing is looked at any more. */
  void forget();

  /* Are they still there? */
  void look();
  /* Not empty: one was not when it was looked at, and this says why. It never
     becomes empty again. */
  const std::string &loss() const { return loss_; }

 private:
  struct Log {
    std::string path;
    int file;  // keeps the inode, so that its deletion can be seen
  };
  bool watching_ = false;
  std::vector<Log> logs_;
  std::string loss_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_NEEDED_LOGS_H
