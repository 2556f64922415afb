// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/gate/gate.h"

#include <algorithm>
#include <boost/thread/lock_guard.hpp>
#include <cstdio>

#include "recovery_gate/gate/labels.h"
#include "recovery_gate/gate/waiting_text.h"

namespace recovery_gate {
namespace {

using S = GateState;
using Lock = boost::lock_guard<boost::mutex>;

// Between a replica's login and its first binary log event.
constexpr milliseconds replica_settling_time{1000};
constexpr milliseconds shortest_crowd_delay{1000}, longest_crowd_delay{10000};
constexpr milliseconds one_more_line{1000};
constexpr milliseconds first_reminder{60 * 1000};
constexpr milliseconds longest_reminder{60 * 60 * 1000};

std::string seconds_text(milliseconds duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f s",
                static_cast<double>(duration.count()) / 1000);
  return text;
}

/* What this server replicates from comes first: whether it has a replica of its
   own then says little. */
S closed_state(const SemisyncView &view, bool is_provable) {
  if (view.upstream.follows)
    return view.upstream.finding.possession == Possession::LACKS
               ? S::CLOSED_DIVERGED
               : S::CLOSED_PRIMARY;
  if (!is_provable) return S::CLOSED_UNPROVABLE;
  if (!view.enabled) return S::CLOSED_SEMISYNC_MASTER;
  const bool others_are_wanted = !view.tally.is_any &&
                                 !view.standings.empty() &&
                                 are_all_counted(view.standings);
  return view.replicas == 0 || others_are_wanted ? S::CLOSED_REPLICA
                                                 : S::CLOSED_ACK;
}

std::string gtid_text(const std::string &gtid) {
  return gtid.empty() ? std::string() : ", GTID " + gtid;
}

}  // namespace

Gate::Gate(const Clock &clock, Journal &journal)
    : clock_(clock), journal_(journal) {}

void Gate::configure(const Settings &settings) {
  AdmissionPolicy policy(settings.admit_users);
  Lock lock(mutex_);
  settings_ = settings;
  policy_ = std::move(policy);
  change_.ring();
}

void Gate::decide(Mode mode, const StartFacts &facts,
                  const SemisyncView &view) {
  Lock lock(mutex_);
  if (state_ != S::STARTING) return;
  facts_ = facts;
  tally_ = view.tally;
  closed_at_ = entered_at_ = clock_.now();

  if (!facts.unguarded.empty()) {
    journal_.note("open: " + facts.unguarded);
    enter(S::OPEN_NOT_NEEDED);
    return;
  }
  if (mode == Mode::OFF && owes()) {
    journal_.warning(
        "recovery_gate_mode is OFF: open, although " + why_it_owes() +
        ". It stays on record, and closes a later start with another mode");
    tell_missing_record();
    enter(S::OPEN_NOT_NEEDED);
    return;
  }
  if (mode == Mode::OFF || (mode == Mode::AUTO && !owes())) {
    const bool is_new = !facts.had_record && facts.recovered_end.empty();
    journal_.note(is_new ? "open: there was neither a binary log nor "
                           "recovery_gate.state before this start, as in a new "
                           "server. A restored backup without them has "
                           "forgotten what was in doubt when it was taken"
                  : facts.crashed
                      ? "open: the server crashed, and nothing is in doubt: a "
                        "replica had acknowledged everything that it wrote "
                        "itself"
                      : "open: the server was shut down properly");
    tell_missing_record();
    enter(S::OPEN_NOT_NEEDED);
    return;
  }

  reason_ = close_reason();
  remind_at_ = closed_at_ + first_reminder;
  reminder_interval_ = first_reminder;
  std::string why =
      owes() ? why_it_owes()
             : "recovery_gate_mode is ALWAYS; the binary log before this start "
               "ends at " +
                   recovered_text();
  // Without a position there is nothing that could be acknowledged.
  const std::string unprovable =
      facts.unprovable.empty() ? view.proof_lost : facts.unprovable;
  is_provable_ = !facts.awaited.empty() && unprovable.empty();
  if (!unprovable.empty()) why += "; " + unprovable;
  why_closed_ = why;
  if (is_provable_)
    why += ". Clients are kept out until " +
           (settings_.replicas.count > 1
                ? std::to_string(settings_.replicas.count) +
                      " semi-sync replicas have"
                : "a semi-sync replica has") +
           " acknowledged " + to_string(facts.awaited);
  journal_.warning(std::string("CLOSED, reason ") + reason_name(reason_) +
                   ": " + why);
  tell_missing_record();
  enter(closed_state(view, is_provable_));
}

void Gate::tell_missing_record() {
  if (facts_.had_record || facts_.recovered_end.empty()) return;
  journal_.warning(
      "there are binary logs and no recovery_gate.state: this is the first start "
      "with the plugin, or a copy of a data directory without that file. " +
      (owes()
           ? "After a crash nothing counts as acknowledged: what this server "
             "wrote itself up to " +
                 recovered_text() + " is in doubt"
           : "What there is up to " + recovered_text() +
                 " counts as acknowledged; nothing shows whether a replica "
                 "has it"));
}

bool Gate::owes() const {
  const Debt carried_over = facts_.carried_over.debt;
  return !facts_.doubt.empty() || !facts_.unsettled.empty() ||
         carried_over == Debt::CARRIED_OVER || carried_over == Debt::SHUTDOWN;
}

CloseReason Gate::close_reason() const {
  if (!owes()) return CloseReason::ALWAYS;
  if (facts_.carried_over.debt == Debt::CARRIED_OVER)
    return CloseReason::CARRIED_OVER;
  if (facts_.crashed || facts_.unclean) return CloseReason::CRASH;
  return facts_.doubt.empty() ? CloseReason::UNACKED_SHUTDOWN
                              : CloseReason::CRASH;
}

std::string Gate::why_it_owes() const {
  if (!facts_.doubt.empty()) return facts_.doubt;
  const Obligation &carried_over = facts_.carried_over;
  const std::string unsettled =
      facts_.unsettled.empty() ? std::string()
                               : " (GTID " + to_string(facts_.unsettled) + ")";
  if (carried_over.debt == Debt::CARRIED_OVER)
    return "an earlier start recovered transactions up to " +
           to_string(carried_over.recovered_end) +
           gtid_text(carried_over.recovered_gtid) +
           " and ended before a replica had acknowledged them; the binary log "
           "ends at " +
           recovered_text();
  if (facts_.crashed || facts_.unclean)
    return std::string(facts_.crashed
                           ? "the server crashed"
                           : "the server was not shut down properly, or not "
                             "with this plugin") +
           ", and what it wrote itself" + unsettled +
           " in the binary log up to " + recovered_text() +
           " may not be on any replica";
  return "the server was shut down before a replica had acknowledged "
         "everything that it wrote itself" +
         unsettled + "; the binary log ends at " + recovered_text();
}

std::string Gate::recovered_text() const {
  return to_string(facts_.recovered_end) + gtid_text(facts_.recovered_gtid);
}

Gate::Orders Gate::observe(const SemisyncView &view) {
  Lock lock(mutex_);
  Orders orders;
  if (state_ == S::STARTING) return orders;
  follow(view);
  if (!open_ && !view.shutting_down)
    orders = mind_the_time();
  else
    orders.keep_waiting = false;
  orders.status_line = status_line();
  return orders;
}

std::string Gate::status_line() {
  const Instant now = clock_.now();
  if (state_ == shown_ && now < show_again_at_) return {};
  const std::string line = open_ ? "Recovery gate is open: clients are admitted"
                                 : "Recovery gate is closed: " + waited(state_);
  show_again_at_ = shown_ == S::STARTING ? now + one_more_line : Instant::max();
  shown_ = state_;
  return line;
}

void Gate::refresh(const SemisyncView &view) {
  Lock lock(mutex_);
  if (state_ != S::STARTING) follow(view);
}

void Gate::follow(const SemisyncView &view) {
  if (open_ || view.shutting_down) return;
  tell_proven(view.tally);
  standings_ = view.standings;
  tally_ = view.tally;
  proven_by_ = view.proven_by;
  upstream_ = view.upstream;
  if (!view.proof_lost.empty() && is_provable_) {
    journal_.error(view.proof_lost +
                   ": no acknowledgement can prove any longer that a replica "
                   "has what was recovered");
    is_provable_ = false;
  }
  if (view.proven && is_provable_)
    enter(S::OPEN_ACK);
  else if (view.upstream.follows &&
           view.upstream.finding.possession == Possession::HAS)
    enter(S::OPEN_PRIMARY);
  else
    enter(closed_state(view, is_provable_));
}

/* Each when it becomes known. */
void Gate::tell_proven(const ReplicaTally &tally) {
  if (tally.is_any) return;
  for (const ProvenReplica &replica : tally.replicas) {
    const auto is_it = [&](const ProvenReplica &before) {
      return before.server_id == replica.server_id;
    };
    if (std::none_of(tally_.replicas.begin(), tally_.replicas.end(), is_it))
      journal_.note("semi-sync " + replica.name + ": " + replica.why + ": " +
                    text_of(tally));
  }
}

Gate::Orders Gate::mind_the_time() {
  Orders orders;
  const Instant now = clock_.now();
  if (look_again_at_ && now >= *look_again_at_) look_again_at_.reset();

  const TimeoutAction action = settings_.timeout_action;
  if (settings_.timeout.count() > 0 && timed_out_with_ != action &&
      now - closed_at_ >= settings_.timeout) {
    const std::string how_long = "closed for " + seconds_text(closed_for()) +
                                 ", longer than recovery_gate_timeout; " +
                                 waited(state_);
    switch (action) {
      case TimeoutAction::WARN:
        journal_.warning(how_long +
                         "; it stays closed (recovery_gate_timeout_action is "
                         "WARN)");
        break;
      case TimeoutAction::SHUTDOWN:
        journal_.error(how_long +
                       "; shutting the server down "
                       "(recovery_gate_timeout_action is SHUTDOWN)");
        orders.shut_down = true;
        break;
      case TimeoutAction::OPEN:
        enter(S::OPEN_TIMEOUT);
        orders.keep_waiting = false;
        return orders;
    }
    timed_out_with_ = action;
    if (orders.shut_down) return orders;  // announced: nothing may come between
  }

  if (now >= remind_at_) {
    journal_.warning("still closed after " + seconds_text(closed_for()) + "; " +
                     waited(state_));
    show_again_at_ = now;
    reminder_interval_ = std::min(reminder_interval_ * 2, longest_reminder);
    remind_at_ = now + reminder_interval_;
  }
  return orders;
}

std::optional<Instant> Gate::next_look() const {
  Lock lock(mutex_);
  if (open_ || state_ == S::STARTING) return std::nullopt;
  Instant next = std::min(remind_at_, show_again_at_);
  if (look_again_at_) next = std::min(next, *look_again_at_);
  if (settings_.timeout.count() > 0 &&
      timed_out_with_ != settings_.timeout_action)
    next = std::min<Instant>(next, closed_at_ + settings_.timeout);
  return next;
}

void Gate::replica_arrived() {
  if (is_open()) return;
  Lock lock(mutex_);
  look_again_at_ = clock_.now() + replica_settling_time;
}

bool Gate::open_manually(const std::string &who) {
  Lock lock(mutex_);
  if (open_ || state_ == S::STARTING) return false;
  journal_.warning("opened manually by " + who + " after " +
                   seconds_text(closed_for()) + ". " + guarantee_given_up());
  enter(S::OPEN_OVERRIDE);
  return true;
}

Obligation Gate::obligation() const {
  Lock lock(mutex_);
  // Of what a start without a guard would be, nothing is known.
  if (!facts_.unguarded.empty()) return facts_.carried_over;
  if (!owes()) return {};
  Obligation owed{Debt::CARRIED_OVER, facts_.unprovable.empty(),
                  facts_.recovered_end, facts_.recovered_identity,
                  facts_.recovered_gtid};
  // What was taken on first stays on record until it is settled.
  const Obligation &first = facts_.carried_over;
  if (first.debt == Debt::CARRIED_OVER && !first.recovered_end.empty()) {
    owed.recovered_end = first.recovered_end;
    owed.identity = first.identity;
    owed.recovered_gtid = first.recovered_gtid;
  }
  return owed;
}

Gate::Reception Gate::knock(const Visitor &visitor) {
  if (is_open()) return {Decision::ADMIT, {}};
  Lock lock(mutex_);
  if (open_) return {Decision::ADMIT, {}};
  if (policy_.admits(visitor)) {
    ++admitted_;
    return {Decision::ADMIT, {}};
  }
  if (settings_.connect_wait.count() > 0 && held_ < slots_for_held(visitor))
    return {Decision::HOLD, Place(held_)};
  ++rejected_;
  return {Decision::REJECT, {}};
}

Gate::Judgement Gate::judge_held(const Visitor &visitor, Instant since,
                                 Place &place) {
  Judgement judgement;
  judgement.decision = Decision::ADMIT;
  if (is_open()) {
    place.give_back();
    return judgement;
  }
  Lock lock(mutex_);
  judgement.until = since + settings_.connect_wait;
  judgement.waits_for = held_name(state_);
  if (open_) {
    // A moment ago it was not.
  } else if (policy_.admits(visitor)) {
    ++admitted_;
  } else if (clock_.now() < judgement.until &&
             held_ <= slots_for_held(visitor)) {
    judgement.decision = Decision::HOLD;
    return judgement;
  } else {
    judgement.decision = Decision::REJECT;
    ++rejected_;
  }
  // Under the lock: if too many were held, the next one may have to stay.
  place.give_back();
  return judgement;
}

void Gate::reject_held(Place place) {
  Lock lock(mutex_);
  place.give_back();
  ++rejected_;
}

/* For those that are held. A quarter of the slots is never theirs, or a large
   recovery_gate_max_held would keep the replica out. */
std::uint32_t Gate::slots_for_held(const Visitor &visitor) const {
  if (settings_.max_held == 0) return visitor.slots / 2;
  return std::min(settings_.max_held, visitor.slots - visitor.slots / 4);
}

std::string Gate::rejection_text() const {
  Lock lock(mutex_);
  if (state_ == S::CLOSED_PRIMARY || state_ == S::CLOSED_DIVERGED)
    return std::string(label::gate_is_closed) + "what was recovered up to " +
           to_string(facts_.recovered_end) +
           (state_ == S::CLOSED_PRIMARY
                ? " is not yet known to be on the primary of this server"
                : " is not on the primary of this server, which has diverged");
  if (state_ == S::CLOSED_UNPROVABLE)
    return std::string(label::gate_is_closed) + "what was recovered up to " +
           to_string(facts_.recovered_end) +
           " can no longer be proven to be on a replica; an administrator "
           "has to open the gate";
  const std::uint32_t needed = settings_.replicas.count;
  if (needed > 1)
    return std::string(label::gate_is_closed) + "waiting for " +
           std::to_string(needed) + " semi-sync replicas to acknowledge " +
           to_string(facts_.awaited) + "; " + std::to_string(tally_.proven) +
           " of " + std::to_string(needed) + " have it";
  return std::string(label::gate_is_closed) +
         "waiting for a semi-sync replica to acknowledge " +
         to_string(facts_.awaited);
}

milliseconds Gate::longest_delay() const {
  Lock lock(mutex_);
  return std::clamp(settings_.connect_wait, shortest_crowd_delay,
                    longest_crowd_delay);
}

GateSnapshot Gate::snapshot() const {
  Lock lock(mutex_);
  GateSnapshot shown;
  shown.state = state_;
  if (state_ != S::STARTING) shown.in_state = clock_.now() - entered_at_;
  shown.reason = reason_;
  shown.why = why_closed_;
  shown.recovered_end = facts_.recovered_end;
  shown.recovered_gtid = facts_.recovered_gtid;
  shown.unsettled = facts_.unsettled;
  shown.replicas = standings_;
  shown.upstream = upstream_;
  shown.tally = tally_;
  shown.tally.needed = settings_.replicas.count;
  shown.is_provable = is_provable_;
  if (reason_ != CloseReason::NONE) {
    shown.awaited = facts_.awaited;
    shown.closed_for = closed_for();
  }
  shown.held = held_;
  shown.admitted = admitted_;
  shown.rejected = rejected_;
  return shown;
}

/* What can fail comes first: the line is told, then the state changes. */
void Gate::enter(GateState next) {
  if (next == state_) return;
  if (!is_allowed(state_, next)) {
    journal_.error(std::string("internal error: illegal transition ") +
                   full_name(state_) + " -> " + full_name(next) +
                   "; the state stays as it is. Please report this");
    return;
  }
  if (!recovery_gate::is_open(next)) {
    journal_.note(waited(next));
    state_ = next;
    entered_at_ = clock_.now();
    return;
  }
  if (next == S::OPEN_ACK)
    journal_.note("OPEN after " + seconds_text(closed_for()) + ": semi-sync " +
                  proven_by_);
  if (next == S::OPEN_PRIMARY)
    journal_.note("OPEN after " + seconds_text(closed_for()) + ": primary " +
                  upstream_.finding.why);
  if (next == S::OPEN_TIMEOUT)
    journal_.error("opened after " + seconds_text(closed_for()) +
                   " by recovery_gate_timeout_action=OPEN. " +
                   guarantee_given_up());
  entered_at_ = clock_.now();
  state_ = next;
  open_.store(true, std::memory_order_release);
  change_.ring();
}

std::string Gate::guarantee_given_up() const {
  if (!tally_.is_any && tally_.proven > 0)
    return "The guarantee is given up: " + text_of(tally_) +
           ", so what was recovered up to " + to_string(facts_.recovered_end) +
           gtid_text(facts_.recovered_gtid) +
           " is on fewer replicas than were asked for";
  return "The guarantee is given up: no replica has acknowledged " +
         to_string(facts_.awaited) + ", so what was recovered up to " +
         to_string(facts_.recovered_end) + gtid_text(facts_.recovered_gtid) +
         " may exist on this server only";
}

milliseconds Gate::closed_for() const {
  return (recovery_gate::is_open(state_) ? entered_at_ : clock_.now()) -
         closed_at_;
}

std::string Gate::waited(GateState state) const {
  return waiting_text(state, facts_.awaited, facts_.recovered_end, standings_,
                      tally_, upstream_);
}

}  // namespace recovery_gate
