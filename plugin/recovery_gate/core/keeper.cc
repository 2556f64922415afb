#include "recovery_gate/keeper.h"

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

void Keeper::run() {
  Begun begun(kept_);
  if (!begun) return;
  for (;;) {
    try {
      kept_.look();
    } catch (const std::exception &) {
      // The next look makes up for it.
    }
    boost::this_thread::sleep_for(
        boost::chrono::milliseconds(interval_.count()));
  }
}

}  // namespace recovery_gate
