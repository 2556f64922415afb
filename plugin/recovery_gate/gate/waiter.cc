// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/waiter.h"

#include <exception>
#include <thread>

#include "recovery_gate/base/thread_name.h"

namespace recovery_gate {
namespace {

// For want of memory, mostly.
constexpr milliseconds pause_after_failure{100};

class Attachment {
 public:
  explicit Attachment(Acknowledgements &acknowledgements)
      : acknowledgements_(acknowledgements),
        attached_(acknowledgements.attach()) {}
  ~Attachment() {
    if (attached_) acknowledgements_.detach();
  }
  Attachment(const Attachment &) = delete;
  Attachment &operator=(const Attachment &) = delete;

  explicit operator bool() const { return attached_; }

 private:
  Acknowledgements &acknowledgements_;
  const bool attached_;
};

}  // namespace

Waiter::Waiter(Gate &gate, Acknowledgements &acknowledgements, Host &host)
    : gate_(gate), acknowledgements_(acknowledgements), host_(host) {}

Waiter::~Waiter() { stop(); }

void Waiter::start() {
  thread_ = boost::thread([this] {
    name_this_thread("gate-waiter");
    run();
  });
}

void Waiter::stop() noexcept {
  if (!thread_.joinable()) return;
  // Joining must not be interrupted, also when an interruptible thread stops.
  boost::this_thread::disable_interruption uninterrupted;
  thread_.interrupt();
  acknowledgements_.wake();
  thread_.join();
}

void Waiter::wake() noexcept { acknowledgements_.wake(); }

void Waiter::run() {
  Attachment attachment(acknowledgements_);
  if (!attachment) return;
  SemisyncView view;
  for (;;) try {
      boost::this_thread::interruption_point();
      view = acknowledgements_.wait_for_change(view, gate_.next_look());
      const Gate::Orders orders = gate_.observe(view);
      if (!orders.status_line.empty()) host_.show(orders.status_line);
      if (orders.shut_down) host_.shut_down();
      if (orders.keep_waiting) continue;
      if (gate_.is_open()) host_.opened();
      return;
    } catch (const std::exception &) {
      std::this_thread::sleep_for(pause_after_failure);
      view = SemisyncView();
    }
}

}  // namespace recovery_gate
