// SPDX-License-Identifier: GPL-2.0-only
/*
  The one gate of this server, with all that it works with.

  Lives from the load of the shared object to its unload, so that the three
  plugins in it can come and go in any order. It is inert, and lets everybody
  in, until start() was called.
*/
#ifndef RECOVERY_GATE_GATE_SERVICE_H
#define RECOVERY_GATE_GATE_SERVICE_H

#include <atomic>
#include <boost/thread/mutex.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "binlog_progress.h"
#include "recovery_gate/gate/gate.h"
#include "recovery_gate/gate/links.h"
#include "recovery_gate/ledger/keeper.h"
#include "recovery_gate/ledger/ledger.h"
#include "recovery_gate/ledger/recovered_xids.h"
#include "recovery_gate/door/refuser.h"
#include "recovery_gate/gate/report.h"
#include "recovery_gate/ledger/start.h"
#include "replicas.h"
#include "ack_receiver.h"
#include "link_repair.h"
#include "recovery_gate/gate/upstream.h"
#include "recovery_gate/gate/waiter.h"
#include "semisync.h"
#include "server_log.h"
#include "upstream.h"

namespace recovery_gate {

class GateService final : public Host, private Kept {
 public:
  static GateService &instance();

  /* The plugin RECOVERY_GATE was initialised: the gate guards from now on. */
  void start() { guarding_ = true; }
  /* It is deinitialised. No thread is left when this returns. */
  void stop() noexcept;

  bool is_guarding() const { return guarding_; }
  /* What every new connection asks first; takes no lock. */
  bool lets_everybody_in() const { return !guarding_ || gate.is_open(); }

  /* Before recovery: reads what earlier starts owe, and when this one follows a
     crash, puts that on record. When it fails, recovery must not begin. */
  Failure begin_start();
  void begin_start_unguarded(const std::string &why);
  /* Recovery is over, and this start's log is not open yet; when it is, the
     server deletes the logs that have expired. */
  void recovered();
  /* What could not be found out about this start. */
  void doubt(const std::string &why);
  /* The newest log was not closed when this start began. */
  bool crashed() const { return start_ && start_->facts().crashed; }
  /* This start's log is open: decides, keeps on disk what is owed, starts to
     wait where there is something to wait for, and to keep the ledger. */
  void decide(Mode mode);
  /* --bootstrap: there is nobody to guard anything from. */
  void let_be(const std::string &why);

  /* All sessions have ended; what is not acknowledged now will not be. */
  void shutting_down();

  /* A snapshot of which everything is true now. */
  GateSnapshot snapshot();
  /* The same with more to it, for a person. May read binary logs; asks
     `cancelled` while it does. */
  Report report(const std::function<bool()> &cancelled);

  void configure(const Settings &settings);
  /* Not empty: so many replicas as have to count may never come, and why. */
  std::string replica_shortage(const ReplicaPolicy &policy) const;
  bool open_manually(const std::string &who);
  /* The account of a session that begins, or ends, may replicate. In its own
     thread. */
  void replica_arrived(const THD *thd);
  void replica_left(THD *thd);

  void show(const std::string &line) override;
  void shut_down() override;
  void opened() override;

  MonotonicClock clock;
  ServerLog log;
  RecoveredXids xids;
  Gate gate{clock, log};
  Refuser refuser;

 private:
  GateService();

  void watch_upstream(std::function<std::vector<Claim>()> claims);
  void keep();
  InDoubt in_doubt(const std::function<bool()> &cancelled);

  bool begin() override;
  void look() override;
  void end() override;
  void unblock() noexcept override;

  PosixFiles files_;
  StateFile state_file_{files_, "."};  // the server works in its data directory
  Ledger ledger_{clock, log, state_file_};
  Replicas replicas_{clock, log};
  ServerBinlog binlog_{replicas_};
  Keeper keeper_{*this, log, Ledger::look_interval};
  std::optional<Start> start_;  // but with --bootstrap
  Semisync semisync_{clock, log, replicas_,
                     [this] { return ledger_.record().history; },
                     [this] { return upstream_watch_.view(); }};
  Waiter waiter_{gate, semisync_, *this};
  ServerUpstreams upstreams_{
      log, [this] { return ledger_.record().history.returned; }};
  UpstreamWatch upstream_watch_{upstreams_, log, [this] { waiter_.wake(); }};

  AckReceiver ack_receiver_{log};
  ServerLinks links_;
  LinkWatch link_watch_{links_, clock, log};

  InDoubtStretch in_doubt_stretch_;  // does not change once it is decided
  boost::mutex in_doubt_mutex_;      // guards the next
  std::optional<InDoubt> in_doubt_;  // once it was read

  bool keeping_ = false;
  std::atomic<bool> guarding_{false};
  std::atomic<bool> awaiting_{false};
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_GATE_SERVICE_H
