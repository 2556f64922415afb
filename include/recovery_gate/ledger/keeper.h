// SPDX-License-Identifier: GPL-2.0-only
/*
  The thread that keeps the ledger: it checks what there is to take down, again
  and again, for as long as the plugin is loaded.
*/
#ifndef RECOVERY_GATE_KEEPER_H
#define RECOVERY_GATE_KEEPER_H

#include <boost/thread/condition_variable.hpp>
#include <boost/thread/mutex.hpp>
#include <boost/thread/thread.hpp>
#include <set>
#include <string>

#include "recovery_gate/base/clock.h"
#include "recovery_gate/base/journal.h"

namespace recovery_gate {

/* What the thread checks. */
class Kept {
 public:
  virtual ~Kept() = default;
  /* Blocks until the server has finished starting. Returns false when the
     thread's interruption was requested first (Boost.Thread). Keeper's thread
     only, as are all but unblock(). */
  virtual bool begin() = 0;
  /* May throw; the next one makes up for it. */
  virtual void look() = 0;
  virtual void end() = 0;
  /* Has begin() check whether an interruption was requested. Any thread. */
  virtual void unblock() noexcept = 0;
};

class Keeper {
 public:
  /* `kept` and `journal` must outlive the keeper. */
  Keeper(Kept &kept, Journal &journal, milliseconds interval);
  ~Keeper();
  Keeper(const Keeper &) = delete;
  Keeper &operator=(const Keeper &) = delete;

  /* Call it once. Throws boost::thread_resource_error when no thread can be
     had. */
  void start();

  /* Something has begun of which a look has to be taken soon: the thread looks
     at once, and for a second every hurry_interval. Any thread. */
  void hurry() noexcept;
  static constexpr milliseconds hurry_interval{5};

  /* A look that fails is reported once, with its reason, and so is that looks
     work again: after this many that did. What fails now and then does not fill
     the error log. */
  static constexpr int looks_that_work_again = 100;
  /* Of one time of failing; more reasons than these are left out. */
  static constexpr std::size_t most_reasons = 10;

  /* Ends the thread and returns when it is gone. May be called at any time,
     more than once, but not from two threads at once. */
  void stop() noexcept;

 private:
  void run();
  void look();
  void failed(const char *reason) noexcept;
  void worked() noexcept;
  void pause();

  Kept &kept_;
  Journal &journal_;
  const milliseconds interval_;
  boost::mutex mutex_;  // guards the next
  int quick_looks_ = 0;
  boost::condition_variable hurried_;
  std::set<std::string>
      reasons_;     // reported; the thread's only, as is the next
  int worked_ = 0;  // looks in a row
  boost::thread thread_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_KEEPER_H
