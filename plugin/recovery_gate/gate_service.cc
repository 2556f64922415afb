#include "gate_service.h"

#include "plugin_pin.h"
#include "server_control.h"

namespace recovery_gate {

GateService &GateService::instance() {
  static GateService service;
  return service;
}

void GateService::stop() noexcept {
  waiter_.stop();
  guarding_ = false;
}

void GateService::take_over(bool crashed, const BinlogPosition &newest_log) {
  unknown_ = state_file_.load(&carried_over_);
  on_disk_ = carried_over_;
  if (!unknown_.empty()) carried_over_.open = true;
  if ((crashed || !unknown_.empty()) && !on_disk_.open)
    keep_on_disk({true, newest_log, ""});
}

void GateService::decide(Mode mode, StartFacts facts,
                         const std::string &path_to_acknowledge) {
  facts.carried_over = carried_over_;
  if (!unknown_.empty())
    facts.doubt += (facts.doubt.empty() ? "" : "; ") + unknown_;
  SemisyncView view;
  if (!facts.to_acknowledge.empty())
    view = semisync_.await(facts.to_acknowledge, path_to_acknowledge);
  gate.decide(mode, facts, view);
  xids.seal();
  keep_on_disk();
  if (gate.is_open()) {
    semisync_.withdraw();
    return;
  }
  awaiting_ = true;
  pin_plugins(true);
  waiter_.start();
}

GateSnapshot GateService::snapshot() {
  if (awaiting_ && !gate.is_open()) {
    gate.refresh(semisync_.look());
    if (gate.is_open()) waiter_.wake();
  }
  return gate.snapshot();
}

void GateService::configure(const Settings &settings) {
  gate.configure(settings);
  if (awaiting_) waiter_.wake();
}

bool GateService::open_by_hand(const std::string &who) {
  const bool opened = gate.open_by_hand(who);
  if (opened) waiter_.wake();
  return opened;
}

void GateService::replica_arrived() {
  if (!awaiting_) return;
  gate.replica_arrived();
  semisync_.look();
  waiter_.wake();
}

void GateService::replica_left() {
  if (awaiting_) waiter_.wake();
}

std::string GateService::keep_on_disk(const Obligation &obligation) {
  if (obligation == on_disk_) return {};
  std::string failure = state_file_.save(obligation);
  if (failure.empty()) on_disk_ = obligation;
  return failure;
}

void GateService::keep_on_disk() {
  const Obligation obligation = gate.obligation();
  const std::string failure = keep_on_disk(obligation);
  if (failure.empty()) return;
  if (obligation.open)
    log.error(failure +
              ". The gate works, but after a clean shutdown the next start "
              "would not know that something is owed: make room or set the "
              "rights right, then restart");
  else
    log.warning(failure + ". The next start will wait for an acknowledgement "
                          "once more");
}

void GateService::shut_down() { shut_server_down(); }

void GateService::opened() {
  awaiting_ = false;
  keep_on_disk();
  pin_plugins(false);
}

}  // namespace recovery_gate
