// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/keeper.h"

#include <boost/thread/lock_guard.hpp>

#include <boost/chrono/duration.hpp>
#include <exception>
#include <new>

#include "recovery_gate/base/thread_name.h"

namespace recovery_gate {
namespace {

class Begun {
 public:
  explicit Begun(Kept &kept) : kept_(kept), begun_(kept.begin()) {}
  ~Begun() {
    if (begun_) kept_.end();
  }
  Begun(const Begun &) = delete;
  Begun &operator=(const Begun &) = delete;

  explicit operator bool() const { return begun_; }

 private:
  Kept &kept_;
  const bool begun_;
};

}  // namespace

Keeper::Keeper(Kept &kept, Journal &journal, milliseconds interval)
    : kept_(kept), journal_(journal), interval_(interval) {}

Keeper::~Keeper() { stop(); }

void Keeper::start() {
  thread_ = boost::thread([this] {
    name_this_thread("gate-keeper");
    run();
  });
}

void Keeper::stop() noexcept {
  if (!thread_.joinable()) return;
  // Joining must not be interrupted, also when an interruptible thread stops.
  boost::this_thread::disable_interruption uninterrupted;
  thread_.interrupt();
  kept_.unblock();
  thread_.join();
}

void Keeper::hurry() noexcept {
  boost::lock_guard<boost::mutex> lock(mutex_);
  quick_looks_ = static_cast<int>(1000 / hurry_interval.count());
  hurried_.notify_one();
}

/* Until the next look. */
void Keeper::pause() {
  boost::unique_lock<boost::mutex> lock(mutex_);
  if (quick_looks_ == 0)
    hurried_.wait_for(lock, boost::chrono::milliseconds(interval_.count()),
                      [this] { return quick_looks_ > 0; });
  if (quick_looks_ == 0) return;
  --quick_looks_;
  lock.unlock();
  boost::this_thread::sleep_for(
      boost::chrono::milliseconds(hurry_interval.count()));
}

void Keeper::look() {
  try {
    kept_.look();
  } catch (const std::bad_alloc &) {
    return failed("out of memory");
  } catch (const std::exception &failure) {
    return failed(failure.what());
  }
  worked();
}

void Keeper::failed(const char *reason) noexcept try {
  worked_ = 0;
  if (reasons_.size() >= most_reasons || reasons_.count(reason) != 0) return;
  journal_.error(
      std::string("recovery_gate.state is not kept up to date: ") + reason +
      ". This is retried. Until it succeeds, the gate may close after a "
      "crash or a shutdown although nothing is in doubt; an "
      "administrator can then open it. If the server lacks memory, "
      "disk space or file descriptors, give it more; if no line "
      "follows that says that it is kept up to date again, restart "
      "the server when a replica has everything");
  reasons_.insert(reason);
} catch (const std::bad_alloc &) {
  // It is reported when the next look fails.
}

void Keeper::worked() noexcept try {
  if (reasons_.empty() || ++worked_ < looks_that_work_again) return;
  journal_.note("recovery_gate.state is kept up to date again");
  reasons_.clear();
} catch (const std::bad_alloc &) {
  // It is reported after the next look.
}

void Keeper::run() {
  Begun begun(kept_);
  if (!begun) return;
  for (;;) {
    look();
    pause();
  }
}

}  // namespace recovery_gate
