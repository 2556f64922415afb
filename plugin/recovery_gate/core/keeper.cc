#include "recovery_gate/keeper.h"

#include <boost/thread/lock_guard.hpp>

#include <boost/chrono/duration.hpp>
#include <exception>

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

Keeper::Keeper(Kept &kept, milliseconds interval)
    : kept_(kept), interval_(interval) {}

Keeper::~Keeper() { stop(); }

void Keeper::start() {
  thread_ = boost::thread([this] { run(); });
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

void Keeper::run() {
  Begun begun(kept_);
  if (!begun) return;
  for (;;) {
    try {
      kept_.look();
    } catch (const std::exception &) {
      // The next look makes up for it.
    }
    pause();
  }
}

}  // namespace recovery_gate
