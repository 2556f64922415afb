// SPDX-License-Identifier: GPL-2.0-only
#include "gate_service.h"

#include <sys/resource.h>

#include <algorithm>
#include <boost/thread/lock_guard.hpp>

#include "binlog_decryption.h"
#include "connection_slots.h"
#include "plugin_list.h"
#include "server_shutdown.h"
#include "server_facts.h"
#include "server_start.h"
#include "systemd.h"

namespace recovery_gate {
namespace {

/* Tables and logs need descriptors more than rejected clients do. */
Refuser::Limits refuser_limits() {
  Refuser::Limits limits;
  rlimit descriptors;
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0)
    limits.clients =
        std::clamp<rlim_t>(descriptors.rlim_cur / 4, 1, limits.clients);
  return limits;
}

}  // namespace

GateService &GateService::instance() {
  static GateService service;
  return service;
}

GateService::GateService()
    : refuser(
          clock,
          {start_server_thread, end_server_thread, connection_slots_are_scarce},
          refuser_limits()) {}

void GateService::stop() noexcept {
  keeper_.stop();
  link_watch_.stop();
  upstream_watch_.stop();
  waiter_.stop();
  refuser.stop();
  guarding_ = false;
}

Failure GateService::begin_start() {
  std::vector<std::string> logs;
  const Failure index_failure = binlogs(&logs);
  start_.emplace(ledger_).begin(logs, index_failure);
  start_->may_have_received(relay_logs_on_disk);
  if (!start_->facts().crashed || !may_cut_logs()) return {};
  ServerDecryptor decryptor;
  return start_->note_what_may_be_cut(&decryptor);
}

void GateService::begin_start_unguarded(const std::string &why) {
  start_.emplace(ledger_).begin_unguarded(why);
}

void GateService::doubt(const std::string &why) {
  if (start_) start_->doubt(why);
}

void GateService::recovered() {
  if (!start_) return;
  std::vector<std::string> logs;
  const Failure index_failure = binlogs(&logs);
  start_->recovered(binlog_gtid(), logs);
  if (is_running()) return;
  // Then the name of the next one may say that they are lost.
  if (logs.empty()) return;
  ServerDecryptor decryptor;
  start_->inherit(logs, index_failure, binlog_.next_sample(), &decryptor);
}

void GateService::decide(Mode mode) {
  std::vector<std::string> logs;
  const BinlogSample sample = binlog_.sample();
  const Failure index_failure = binlogs(&logs);
  ServerDecryptor decryptor;
  const std::string has_expired =
      start_->opened(logs, index_failure, sample, &decryptor);
  const StartFacts &facts = start_->facts();
  replicas_.remember(facts.read_owed);
  in_doubt_stretch_ = find_stretch(facts, ledger_.record().settled, logs);
  const Demand demand = start_->demand();
  const SemisyncView view =
      semisync_.await({sample.end, start_->needed_logs(), demand});
  gate.decide(mode, facts, view);
  if (!has_expired.empty()) log.warning(has_expired);
  xids.seal();
  start_->decided(gate.obligation(), gate.is_open());
  if (gate.is_open()) {
    semisync_.withdraw();
  } else {
    awaiting_ = true;
    pin_plugins(true);
    // Before RESET MASTER can delete it; most of it has been read already.
    std::optional<Owed> read;
    if (facts.read_owed)
      read = replicas_.read_owed(demand, longest_owed_stretch);
    // Before the waiting thread, which ends it when the gate opens.
    watch_upstream([this, demand, read] {
      return start_->claims(
          read ? *read : replicas_.read_owed(demand, longest_owed_stretch));
    });
    waiter_.start();
  }
  keep();
}

void GateService::let_be(const std::string &why) {
  StartFacts facts;
  facts.unguarded = why;
  gate.decide(Mode::OFF, facts, SemisyncView());
}

/* The gate does without: a replica can still open it. */
void GateService::watch_upstream(
    std::function<std::vector<Claim>()> claims) try {
  upstream_watch_.start(std::move(claims));
} catch (const boost::thread_resource_error &failure) {
  log.error(
      std::string("no thread for asking the servers that this one replicates "
                  "from (") +
      failure.what() +
      "): that one of them has what is in doubt will not be noticed before "
      "the next start");
}

/* The gate does without its ledger's keeper: what is on disk only says more is
   owed than is. */
void GateService::keep() try {
  keeping_ = true;
  keeper_.start();
} catch (const boost::thread_resource_error &failure) {
  log.error(std::string("no thread for keeping recovery_gate.state (") +
            failure.what() +
            "): after a crash, the gate will close even if "
            "everything was acknowledged");
}

void GateService::shutting_down() {
  refuser.stop();
  upstream_watch_.stop();
  if (!keeping_) return;
  keeper_.stop();
  link_watch_.stop();
  std::vector<std::string> paths;
  Failure unreadable = binlogs(&paths);
  ledger_.shutting_down(binlog_, gate.is_open(), paths, binlog_gtid(),
                        std::move(unreadable));
}

bool GateService::begin() {
  if (!wait_for_server()) return false;
  start_server_thread();
  return true;
}

void GateService::look() {
  // The waiting thread may have come too late to be told that it has to, and
  // SHUTDOWN WAIT FOR ALL SLAVES waits for that.
  if (is_shutting_down()) semisync_.withdraw();
  const bool open = gate.is_open();
  ledger_.look(binlog_, open);
  if (!open && !gate.snapshot().is_provable) ledger_.lost_proof();
  ack_receiver_.tend();
  try {
    link_watch_.tend();
  } catch (const boost::thread_resource_error &) {
    // The next look tries it again.
  }
}

void GateService::end() { end_server_thread(); }

void GateService::unblock() noexcept { stop_waiting_for_server(); }

GateSnapshot GateService::snapshot() {
  if (awaiting_ && !gate.is_open()) {
    semisync_.ask();
    gate.refresh(semisync_.look());
    if (gate.is_open()) waiter_.wake();
  }
  return gate.snapshot();
}

Report GateService::report(const std::function<bool()> &cancelled) {
  Report report;
  if (awaiting_ && !gate.is_open())
    gate.refresh(semisync_.judge_replicas(cancelled));
  report.gate = snapshot();
  report.since = local_time(report.gate.in_state);
  report.xids = xids.counts();
  report.replication = link_watch_.troubles();
  if (report.gate.reason == CloseReason::NONE) return report;
  report.in_doubt = in_doubt(cancelled);
  if (is_open(report.gate.state)) return report;
  report.acknowledged = semisync_.look().acknowledged;
  return report;
}

/* Read when somebody wants to know, and once: a start does not wait for it. */
InDoubt GateService::in_doubt(const std::function<bool()> &cancelled) {
  boost::lock_guard<boost::mutex> lock(in_doubt_mutex_);
  if (in_doubt_) return *in_doubt_;
  ServerDecryptor decryptor;
  InDoubt found =
      find_in_doubt(in_doubt_stretch_, shown_in_doubt, &decryptor, cancelled);
  if (found.is_final) in_doubt_ = found;
  return found;
}

void GateService::configure(const Settings &settings) {
  gate.configure(settings);
  link_watch_.enable(settings.repair_connections);
  semisync_.configure(settings.replicas);
  if (awaiting_) waiter_.wake();
}

std::string GateService::replica_shortage(const ReplicaPolicy &policy) const {
  return shortage(policy, replicas_.semisync_replicas());
}

bool GateService::open_manually(const std::string &who) {
  if (gate.open_manually(who)) {
    waiter_.wake();
    return true;
  }
  if (!gate.is_open() || !ledger_.owes()) return false;
  log.warning(who +
              " has given up what is in doubt according to "
              "recovery_gate.state; the gate was open already");
  ledger_.give_up(read_end_of_binlog());
  return true;
}

void GateService::replica_arrived(const THD *thd) {
  replicas_.logged_in(thd);
  ledger_.replica_logged_in();
  // Where it begins has to be on record before it can name what it got from
  // here.
  if (ledger_.wants_arrivals() || replicas_.is_new_log()) keeper_.hurry();
  if (!awaiting_) return;
  gate.replica_arrived();
  semisync_.ask();
  waiter_.wake();
}

void GateService::replica_left(THD *thd) {
  if (replicas_.left(thd)) keeper_.hurry();
  if (awaiting_) waiter_.wake();
}

void GateService::show(const std::string &line) { tell_systemd(line); }
void GateService::shut_down() { shut_server_down(); }

void GateService::opened() {
  awaiting_ = false;
  upstream_watch_.finish();
  ledger_.opened();
  pin_plugins(false);
}

}  // namespace recovery_gate
