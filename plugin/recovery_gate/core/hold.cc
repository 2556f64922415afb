#include "recovery_gate/hold.h"

#include <poll.h>

#include <algorithm>
#include <iterator>

namespace recovery_gate {
namespace {

// What is missing may change, and no bell rings for that: the next change may be
// that the gate opens, and then all should be asleep who are to wake up.
constexpr milliseconds show_interval{1000};
// For want of a descriptor nothing announces that the gate has opened.
constexpr milliseconds look_without_bell{100};

class Place {
 public:
  explicit Place(Gate &gate) : gate_(gate) {}
  ~Place() {
    if (is_taken_) gate_.leave();
  }
  Place(const Place &) = delete;
  Place &operator=(const Place &) = delete;

  void was_given_back() { is_taken_ = false; }

 private:
  Gate &gate_;
  bool is_taken_ = true;
};

int poll_time(milliseconds time) {
  return static_cast<int>(std::max(time, milliseconds::zero()).count());
}

}  // namespace

HoldOutcome hold(Gate &gate, const Clock &clock, const Visitor &visitor,
                 HeldClient &client) {
  Place place(gate);
  const Instant since = clock.now();
  short awaited = POLLRDHUP | POLLIN;
  for (;;) {
    const std::shared_ptr<const Ring> change = gate.next_change();
    if (client.killed()) return HoldOutcome::LEFT;
    const Gate::Judgement judgement = gate.judge_held(visitor, since);
    if (judgement.verdict != Gate::Verdict::HOLD) {
      place.was_given_back();
      return judgement.verdict == Gate::Verdict::ADMIT
                 ? HoldOutcome::ADMITTED
                 : HoldOutcome::TURNED_AWAY;
    }
    client.show(judgement.waits_for);

    pollfd events[] = {{client.descriptor(), awaited, 0},
                       {change->descriptor(), POLLIN, 0}};
    const milliseconds time =
        std::min(judgement.until - clock.now(),
                 change->descriptor() < 0 ? look_without_bell : show_interval);
    if (::poll(events, std::size(events), poll_time(time)) <= 0) continue;

    const short arrived = events[0].revents;
    if (arrived & ~POLLIN) return HoldOutcome::LEFT;
    if (arrived == 0) continue;
    switch (client.peek()) {
      case FirstCommand::QUIT:
        return HoldOutcome::LEFT;
      case FirstCommand::CHANGE_USER:
        place.was_given_back();
        gate.turn_away_held();
        return HoldOutcome::TURNED_AWAY;
      case FirstCommand::OTHER:
        awaited = POLLRDHUP;  // it stays there until the client is served
    }
  }
}

}  // namespace recovery_gate
