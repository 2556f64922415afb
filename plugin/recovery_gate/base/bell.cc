// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/base/bell.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/thread/lock_guard.hpp>

namespace recovery_gate {

Ring::Ring() noexcept : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Ring::~Ring() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Ring::sound() const noexcept {
  if (descriptor_ >= 0) ::eventfd_write(descriptor_, 1);
}

std::shared_ptr<const Ring> Bell::next_ring() {
  boost::lock_guard<boost::mutex> lock(mutex_);
  if (!next_) next_ = std::make_shared<const Ring>();
  return next_;
}

void Bell::ring() noexcept {
  std::shared_ptr<const Ring> now;
  {
    boost::lock_guard<boost::mutex> lock(mutex_);
    now.swap(next_);
  }
  if (now) now->sound();
}

}  // namespace recovery_gate
