#include "recovery_gate/gate/status_line.h"

#include <utility>

#include "recovery_gate/gate/labels.h"
#include "recovery_gate/gate/waiting_text.h"

namespace recovery_gate {

StatusLine::StatusLine(const Clock &clock, ServiceManager &manager)
    : clock_(clock), manager_(manager) {}

void StatusLine::closed(const GateSnapshot &gate) {
  if (*waiting_for_name(gate.state) == '\0') return;
  std::string line =
      label::gate_is_closed +
      waiting_text(gate.state, gate.awaited, gate.recovered_end,
                   gate.replicas);
  const Instant now = clock_.now();
  if (line == shown_ && now < repeat_at_) return;
  if (!manager_.show(line)) return;
  shown_ = std::move(line);
  repeat_at_ = now + repeat_after;
}

void StatusLine::opened() {
  if (shown_.empty() || !manager_.show_servers_own()) return;
  shown_.clear();
}

}  // namespace recovery_gate
