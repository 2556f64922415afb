// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/door/hold.h"

#include <poll.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace recovery_gate {
namespace {

// What is missing may change, and no bell rings for that: the next change may
// be that the gate opens, and then all should be asleep who are to wake up.
constexpr milliseconds show_interval{1000};
// Between two looks at a packet of which too little has arrived.
constexpr milliseconds peek_interval{100};
// For want of a descriptor nothing announces that the gate has opened.
constexpr milliseconds look_without_bell{100};

int poll_time(milliseconds time) {
  return static_cast<int>(std::max(time, milliseconds::zero()).count());
}

}  // namespace

HoldOutcome hold(Gate &gate, const Clock &clock, const Visitor &visitor,
                 Place place, HeldClient &client) {
  const Instant since = clock.now();
  bool has_spoken = false, is_understood = false;
  for (;;) {
    const std::shared_ptr<const Ring> change = gate.next_change();
    if (client.killed()) return HoldOutcome::LEFT;
    const Gate::Judgement judgement = gate.judge_held(visitor, since, place);
    if (judgement.decision != Gate::Decision::HOLD)
      return judgement.decision == Gate::Decision::ADMIT
                 ? HoldOutcome::ADMITTED
                 : HoldOutcome::REJECTED;
    client.show(judgement.waits_for);

    // What has arrived stays where it is until the client is served.
    const short awaited = has_spoken ? POLLRDHUP : POLLRDHUP | POLLIN;
    pollfd events[] = {{client.descriptor(), awaited, 0},
                       {change->descriptor(), POLLIN, 0}};
    milliseconds time = std::min(judgement.until - clock.now(), show_interval);
    if (has_spoken && !is_understood) time = std::min(time, peek_interval);
    if (change->descriptor() < 0) time = std::min(time, look_without_bell);
    if (::poll(events, std::size(events), poll_time(time)) < 0) continue;

    if (events[0].revents & ~POLLIN) return HoldOutcome::LEFT;
    has_spoken = has_spoken || (events[0].revents & POLLIN);
    if (!has_spoken || is_understood) continue;
    switch (client.peek()) {
      case FirstCommand::QUIT:
        return HoldOutcome::LEFT;
      case FirstCommand::CHANGE_USER:
        gate.reject_held(std::move(place));
        return HoldOutcome::REJECTED;
      case FirstCommand::OTHER:
        is_understood = true;
        break;
      case FirstCommand::INCOMPLETE:
        break;
    }
  }
}

}  // namespace recovery_gate
