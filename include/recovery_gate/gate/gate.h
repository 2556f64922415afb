// SPDX-License-Identifier: GPL-2.0-only
/*
  The gate: decides at each start whether clients have to wait, for what, and
  when they are admitted.

  One Gate lives as long as the plugin. One start:

    Gate gate(clock, journal);      STARTING: nobody can be connected yet
    gate.configure(settings);       at any time, later too
    gate.decide(mode, facts, view); once, after crash recovery: open or closed
    gate.observe(view);             while closed, whenever semi-sync changes
    gate.knock(visitor);            for every client that has authenticated;
                                    one that gets HOLD goes to hold()

  All members may be called from any thread. knock() takes no lock once the
  gate is open. Nothing here blocks, reads a clock of its own, or touches the
  server. The only exception is std::bad_alloc, which leaves the gate unchanged
  and closed.
*/
#ifndef RECOVERY_GATE_GATE_H
#define RECOVERY_GATE_GATE_H

#include <atomic>
#include <boost/thread/mutex.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "recovery_gate/base/bell.h"
#include "recovery_gate/base/clock.h"
#include "recovery_gate/base/journal.h"
#include "recovery_gate/binlog/binlog_position.h"
#include "recovery_gate/binlog/gtid_state.h"
#include "recovery_gate/gate/acknowledgements.h"
#include "recovery_gate/gate/admission.h"
#include "recovery_gate/gate/gate_state.h"
#include "recovery_gate/gate/place.h"
#include "recovery_gate/ledger/start_facts.h"

namespace recovery_gate {

/* recovery_gate_mode */
enum class Mode { OFF, AUTO, ALWAYS };

/* recovery_gate_timeout_action */
enum class TimeoutAction { WARN, SHUTDOWN, OPEN };

/* What may be changed while the server runs. */
struct Settings {
  std::chrono::seconds timeout{0};  // 0: none
  TimeoutAction timeout_action = TimeoutAction::WARN;
  milliseconds connect_wait{0};  // 0: nobody is held
  std::uint32_t max_held = 0;    // 0: half of the visitor's slots
  std::string admit_users;
  bool repair_connections = true;  // no matter for the gate, see links.h
  ReplicaPolicy replicas;
};

/* Everything there is to show, taken at one moment. */
struct GateSnapshot {
  GateState state = GateState::STARTING;
  milliseconds in_state{0};  // since when that is the state
  CloseReason reason = CloseReason::NONE;
  std::string why;  // it was closed; empty when it was not
  BinlogPosition recovered_end;
  std::string recovered_gtid;
  BinlogPosition awaited;  // empty when there was nothing to wait for
  GtidState unsettled;
  /* The semi-sync replicas that are connected, and what each has shown; while
     closed. */
  std::vector<ReplicaStanding> replicas;
  UpstreamView upstream;  // likewise
  /* Which replicas have what is owed; as it was when the gate opened. */
  ReplicaTally tally;
  /* An acknowledgement could still prove that a replica has what is owed. */
  bool is_provable = true;
  std::uint64_t held = 0;                    // right now
  std::uint64_t admitted = 0, rejected = 0;  // while closed
  milliseconds closed_for{0};
};

class Gate {
 public:
  enum class Decision { ADMIT, HOLD, REJECT };

  struct Reception {
    Decision decision = Decision::REJECT;
    Place place;  // to be held in; none when the decision is not HOLD
  };

  /* What happens to a held client. */
  struct Judgement {
    Decision decision = Decision::REJECT;
    /* When it is HOLD: as long as nothing changes, until then. */
    Instant until{0};
    /* ... and what for, for the process list; static. */
    const char *waits_for = "";
  };

  /* What the caller of observe() has to do next. */
  struct Orders {
    bool keep_waiting = true;  // false: it is open, or the server shuts down
    bool shut_down = false;    // stop the server; true once
    /* Not empty: show it where a service manager shows the server's state. One
       line for each change; again a second after the first, which the
       server's own line at start-up may have replaced; and with each
       reminder. */
    std::string status_line;
  };

  /* Both must outlive the gate. */
  Gate(const Clock &clock, Journal &journal);

  void configure(const Settings &settings);

  /* Leaves STARTING. A second call is ignored. */
  void decide(Mode mode, const StartFacts &facts, const SemisyncView &view);

  /* Takes semi-sync's state into account, and the time that has passed. For
     the one thread that follows the orders. */
  Orders observe(const SemisyncView &view);

  /* Takes semi-sync's state into account: what is shown next is true now. */
  void refresh(const SemisyncView &view);

  /* When observe() has to be called again even if nothing changes; nothing if
     never. */
  std::optional<Instant> next_look() const;

  /* A replica has logged in. Whether it is served turns out a moment later, and
     nothing announces it. */
  void replica_arrived();

  /* recovery_gate_open_now. `who` is for the error log. False when there was
     nothing to open: it was open, or the server is still starting. */
  bool open_manually(const std::string &who);

  /* What decide() found to be owed, even if recovery_gate_mode=OFF leaves the
     gate open. */
  Obligation obligation() const;

  /* A place must not outlive the gate. */
  Reception knock(const Visitor &visitor);

  /* For a client held since `since` in a place that knock() handed out. Any
     decision other than HOLD gives it back. Takes no lock once the gate is
     open: everybody who was held comes at the same time then. */
  Judgement judge_held(const Visitor &visitor, Instant since, Place &place);
  /* Rejects a held client before its time is up. One that leaves of its own
     accord just gives its place back. */
  void reject_held(Place place);
  /* Rings when judge_held() may decide differently, other than because time has
     passed. */
  std::shared_ptr<const Ring> next_change() { return change_.next_ring(); }

  bool is_open() const { return open_.load(std::memory_order_acquire); }

  /* The text of the error that a rejected client gets. */
  std::string rejection_text() const;
  /* How late the error may be in a crowd, for a client that was not held: as
     long as it would have been held, but one to ten seconds.
   */
  milliseconds longest_delay() const;

  GateSnapshot snapshot() const;

 private:
  std::uint32_t slots_for_held(const Visitor &visitor) const;
  bool owes() const;
  CloseReason close_reason() const;
  std::string why_it_owes() const;
  std::string recovered_text() const;
  void tell_missing_record();
  void enter(GateState next);
  void follow(const SemisyncView &view);
  void tell_proven(const ReplicaTally &tally);
  Orders mind_the_time();
  std::string status_line();
  std::string waited(GateState state) const;
  std::string guarantee_given_up() const;
  milliseconds closed_for() const;

  const Clock &clock_;
  Journal &journal_;
  std::atomic<bool> open_{false};
  std::atomic<std::uint64_t> held_{0};  // raised under mutex_ only
  Bell change_;

  mutable boost::mutex mutex_;  // guards all below
  GateState state_ = GateState::STARTING;
  CloseReason reason_ = CloseReason::NONE;
  StartFacts facts_;
  Settings settings_;
  AdmissionPolicy policy_;
  std::uint64_t admitted_ = 0, rejected_ = 0;
  std::string why_closed_;
  std::vector<ReplicaStanding> standings_;
  ReplicaTally tally_;
  UpstreamView upstream_;
  bool is_provable_ = true;
  std::string proven_by_;
  GateState shown_ = GateState::STARTING;  // in the status line
  Instant closed_at_{0}, entered_at_{0}, remind_at_{0};
  Instant show_again_at_ = Instant::max();
  milliseconds reminder_interval_{0};
  std::optional<Instant> look_again_at_;
  std::optional<TimeoutAction> timed_out_with_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_GATE_H
