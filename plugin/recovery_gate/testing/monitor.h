// SPDX-License-Identifier: GPL-2.0-only
/* What threads of a test share: whoever changes it wakes those who wait. */
#ifndef RECOVERY_GATE_MONITOR_H
#define RECOVERY_GATE_MONITOR_H

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace recovery_gate {

/* For classes that lock `mutex_` for all that they share. */
class Monitor {
 protected:
  Monitor() = default;
  ~Monitor() = default;

  template <typename Change>
  void happen(Change change) {
    std::lock_guard<std::mutex> lock(mutex_);
    change();
    event_.notify_all();
  }

  /* False when it does not come, after a time far beyond what a busy machine
     needs. */
  template <typename Condition>
  bool comes(Condition condition) {
    std::unique_lock<std::mutex> lock(mutex_);
    return event_.wait_for(lock, std::chrono::seconds(30), condition);
  }

  template <typename Value>
  Value get(const Value &value) const {
    std::lock_guard<std::mutex> lock(mutex_);
    return value;
  }

  mutable std::mutex mutex_;
  std::condition_variable event_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_MONITOR_H
