// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysqld.h>
#include <sql_class.h>

#include <algorithm>
#include <boost/thread/lock_guard.hpp>
#include <stdexcept>
#include <utility>

#include "semisync.h"
#include "server_private.h"
#include "server_shutdown.h"
#include "server_start.h"
#include "unlocked.h"
#include "waiting_thd.h"

namespace recovery_gate {
namespace {

using namespace server_private;

// Nothing announces that semi-sync was switched on.
constexpr milliseconds unregistered_look_interval{1000};
// Nor that a session which may have been a replica's has ended.
constexpr milliseconds undecided_look_interval{100};

PSI_stage_info stage_waiting = {
    0, "Recovery gate: waiting for a semi-sync acknowledgement", 0};

}  // namespace

Semisync::Semisync(const Clock &clock, Journal &journal, Replicas &replicas,
                   std::function<History()> history,
                   std::function<UpstreamView()> upstream)
    : clock_(clock),
      journal_(journal),
      replicas_(replicas),
      history_(std::move(history)),
      upstream_(std::move(upstream)),
      silent_replicas_(clock, journal) {}

void Semisync::configure(const ReplicaPolicy &policy) {
  boost::lock_guard<boost::mutex> lock(findings_mutex_);
  policy_ = policy;
  tally_.is_any = policy.is_any();
  tally_.needed = policy.count;
}

ReplicaPolicy Semisync::policy() {
  boost::lock_guard<boost::mutex> lock(findings_mutex_);
  return policy_;
}

SemisyncView Semisync::await(Awaited awaited) {
  demand_ = std::move(awaited.demand);
  position_.set(std::move(awaited.position));
  needed_logs_.watch(awaited.needed_logs);
  ask();
  return look();
}

void Semisync::withdraw() {
  if (position_.get().empty()) return;
  SemisyncLock lock;
  withdraw_locked();
}

void Semisync::withdraw_locked() {
  needed_logs_.forget();
  position_.withdraw();
}

void Semisync::ask() {
  SemisyncLock lock;
  ask_locked();
}

void Semisync::ask_locked() {
  needed_logs_.look();
  // After RESET MASTER the names begin again, and the old position in the list
  // would stand in the way of all that follow.
  if (!needed_logs_.loss().empty())
    withdraw_locked();
  else if (!proven_)
    position_.enter(waiting_);
}

SemisyncView Semisync::look() {
  SemisyncView view;
  {
    SemisyncLock lock;
    view = look_locked();
  }
  add_findings(&view);
  return view;
}

SemisyncView Semisync::look_locked() {
  Repl_semi_sync_master &master = repl_semisync_master;
  SemisyncView view;
  view.proof_lost = needed_logs_.loss();
  view.enabled = master.get_master_enabled();
  view.replicas = static_cast<unsigned>(rpl_semi_sync_master_clients);
  if (m_reply_file_name(master)[0] != '\0')
    view.acknowledged = {m_reply_file_name(master), m_reply_file_pos(master)};
  return view;
}

void Semisync::add_findings(SemisyncView *view) {
  view->upstream = upstream_();
  boost::lock_guard<boost::mutex> lock(findings_mutex_);
  view->proven = proven_;
  view->proven_by = proven_by_;
  view->standings = standings_;
  view->tally = tally_;
  if (has_reached(furthest_, view->acknowledged))
    view->acknowledged = furthest_;
}

SemisyncView Semisync::judge_replicas(std::function<bool()> cancelled) {
  ask();
  SemisyncView view = look();
  judge_replicas(&view, std::move(cancelled));
  return view;
}

void Semisync::judge_replicas(SemisyncView *view,
                              std::function<bool()> cancelled) {
  boost::lock_guard<boost::mutex> judging(judging_mutex_);
  try {
    find_out(view, std::move(cancelled));
    cannot_find_out_.clear();
  } catch (const std::runtime_error &failure) {
    if (cannot_find_out_ != failure.what())
      journal_.error(std::string("what replicas have cannot be found out (") +
                     failure.what() +
                     "): the gate stays closed, and it is tried "
                     "again");
    cannot_find_out_ = failure.what();
  }
  add_findings(view);
}

void Semisync::find_out(SemisyncView *view, std::function<bool()> cancelled) {
  if (proven_ || !view->proof_lost.empty()) return;
  const BinlogPosition reply = replicas_.observe();
  const ReplicaPolicy policy = this->policy();
  counts_ |= !policy.is_any();
  Demand demand = demand_;
  demand.acknowledged = has_reached(reply, position_.get());
  demand.reply = reply;
  demand.of_each = counts_;
  was_acknowledged_ |= demand.acknowledged;
  Answer answer = replicas_.ask(demand, history_(), std::move(cancelled), 0);
  ReplicaTally tally;
  count(&answer, policy, &tally);
  const bool proven = answer.proven && was_acknowledged_;
  undecided_ =
      answer.is_undecided || (counts_ && demand.acknowledged && !answer.reply);
  // The next one's may be the same.
  const bool hides_others =
      counts_ ? answer.reply.has_value() : answer.reply_is_void;
  if (!proven && hides_others) {
    replicas_.forget(reply);
    SemisyncLock lock;
    position_.enter(waiting_);  // it may be sent to the next one right now
  }
  replicas_.tell(answer, milliseconds(0));
  boost::lock_guard<boost::mutex> lock(findings_mutex_);
  proven_by_ = answer.by;
  standings_ = answer.replicas;
  tally_ = std::move(tally);
  if (counts_ && demand.acknowledged &&
      (furthest_.empty() || has_reached(reply, furthest_)))
    furthest_ = reply;
  proven_ = proven;
}

/* What the answer means when not any one replica is enough. */
void Semisync::count(Answer *answer, const ReplicaPolicy &policy,
                     ReplicaTally *tally) {
  if (!counts_) {
    ServerIds proven;
    for (const ReplicaStanding &replica : answer->replicas)
      if (replica.standing == Standing::PROVEN)
        proven.insert(replica.server_id);
    tally->proven = static_cast<std::uint32_t>(proven.size());
    if (answer->proven) tally->proven = std::max(tally->proven, 1u);
    return;
  }
  count_.add(*answer);
  *tally = count_.tally(policy);
  count_.complete(policy, &answer->replicas);
  if (policy.is_any() && answer->proven) return;
  answer->proven = tally->is_enough();
  if (!tally->replicas.empty()) answer->by = names_of(*tally);
}

bool Semisync::attach() {
  // A server that gives up starting destroys semi-sync before it tells any
  // plugin: until here, semi-sync must not be touched.
  if (!wait_for_server()) return false;

  THD *thd = create_waiting_thd();
  // From here on shutdown finds this thread, kills it and waits for it. One
  // that began earlier has set abort_loop, does not wait, and may be
  // destroying semi-sync right now.
  if (is_shutting_down()) {
    destroy_waiting_thd(thd);
    return false;
  }
  SemisyncLock lock;
  waiting_ = thd;
  attached_ = true;
  return true;
}

void Semisync::detach() {
  THD *thd = waiting_;
  {
    SemisyncLock lock;
    withdraw_locked();
    waiting_ = nullptr;
  }
  attached_ = false;
  destroy_waiting_thd(thd);
}

SemisyncView Semisync::wait_for_change(const SemisyncView &seen,
                                       std::optional<Instant> until) {
  for (;;) {
    bool killed = false;
    SemisyncView view = wait_once(seen, until, &killed);
    if (!view.shutting_down)
      judge_replicas(&view, [this] {
        return is_shutting_down() || unlocked(waiting_->killed) != NOT_KILLED;
      });
    const bool done = view.shutting_down || woken_.exchange(false) || killed ||
                      !(view == seen) || (until && clock_.now() >= *until);
    // Only shutdown ends this thread: a KILL by its number must not leave the
    // gate closed for ever.
    if (killed && !view.shutting_down) waiting_->reset_killed();
    if (done) return view;
    // Others wait for later positions: what acknowledges those covers this one,
    // and a connection that is closed might end their waiting.
    if (position_.is_alone())
      close_silent();
    else
      silent_replicas_.put_off();
  }
}

void Semisync::close_silent() {
  boost::lock_guard<boost::mutex> judging(judging_mutex_);
  if (!counts_) {
    silent_replicas_.look(standings_, position_.get());
    return;
  }
  // One at a time: where each begins has to be told from the others' replies.
  count_.disturbed(silent_replicas_.look_for_one(
      count_.may_be_disturbed(standings_), position_.get()));
}

/* Returns when there may be something to do. */
SemisyncView Semisync::wait_once(const SemisyncView &seen,
                                 std::optional<Instant> until, bool *killed) {
  THD *const thd = waiting_;
  SemisyncView view;
  PSI_stage_info old_stage;
  mysql_mutex_lock(&semisync_mutex());
  THD_ENTER_COND(thd, &thd->COND_wakeup_ready, &semisync_mutex(),
                 &stage_waiting, &old_stage);
  for (bool waited = false;; waited = true) {
    ask_locked();
    view = look_locked();
    add_findings(&view);
    view.shutting_down = is_shutting_down();
    // KILL writes it before it signals the condition.
    *killed = unlocked(thd->killed) != NOT_KILLED;
    if (waited || view.shutting_down || *killed || woken_ || !(view == seen))
      break;
    const Instant now = clock_.now();
    Instant next = until ? *until : Instant::max();
    if (!position_.is_entered() && !proven_)
      next = std::min(next, now + unregistered_look_interval);
    if (view.replicas > 0) next = std::min(next, silent_replicas_.next_look());
    if (undecided_) next = std::min(next, now + undecided_look_interval);
    if (next <= now) break;
    wait_for_wakeup(thd, &semisync_mutex(),
                    next == Instant::max()
                        ? std::nullopt
                        : std::optional<milliseconds>(next - now));
  }
  THD_EXIT_COND(thd, &old_stage);
  return view;
}

void Semisync::wake() noexcept {
  woken_ = true;
  stop_waiting_for_server();
  if (!attached_) return;
  SemisyncLock lock;
  if (waiting_ != nullptr) mysql_cond_signal(&waiting_->COND_wakeup_ready);
}

}  // namespace recovery_gate
