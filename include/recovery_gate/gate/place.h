// SPDX-License-Identifier: GPL-2.0-only
/*
  One of the places for clients that are held at the closed gate.
*/
#ifndef RECOVERY_GATE_PLACE_H
#define RECOVERY_GATE_PLACE_H

#include <atomic>
#include <cstdint>
#include <memory>

namespace recovery_gate {

/* Owning it is having the place, which is given back once, at the latest when
   this is destroyed. Takes no lock. For one thread at a time. */
class Place {
 public:
  /* None. */
  Place() = default;
  /* `taken` counts those that are taken, and must outlive the place. */
  explicit Place(std::atomic<std::uint64_t> &taken) noexcept : taken_(&taken) {
    ++taken;
  }

  explicit operator bool() const noexcept { return taken_ != nullptr; }
  void give_back() noexcept { taken_.reset(); }

 private:
  struct Lower {
    void operator()(std::atomic<std::uint64_t> *taken) const noexcept {
      --*taken;
    }
  };
  std::unique_ptr<std::atomic<std::uint64_t>, Lower> taken_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_PLACE_H
