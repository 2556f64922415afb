#define MYSQL_SERVER 1
#include <my_global.h>
#include <fcntl.h>
#include <mysqld.h>
#include <sql_class.h>
#include <log.h>
#include <rpl_gtid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/thread/lock_guard.hpp>
#include <stdexcept>
#include <utility>

#include "semisync.h"
#include "server_private.h"
#include "server_start.h"

// Declared by each engine that uses them; no header of the server does.
MYSQL_THD create_thd();
void destroy_thd(MYSQL_THD thd);

namespace recovery_gate {
namespace {

using namespace server_private;

// Nothing announces that semi-sync was switched on.
constexpr milliseconds unregistered_look_interval{1000};
// The time that a replica is given to acknowledge what it was sent.
constexpr milliseconds shortest_watch_interval{2000};
constexpr milliseconds longest_watch_interval{60 * 1000};

PSI_stage_info stage_waiting = {
    0, "Recovery gate: waiting for a semi-sync acknowledgement", 0};

Repl_semi_sync_master &semisync() { return repl_semisync_master; }

class BinlogLock {
 public:
  BinlogLock() { mysql_mutex_lock(&LOCK_binlog(semisync())); }
  ~BinlogLock() { mysql_mutex_unlock(&LOCK_binlog(semisync())); }
  BinlogLock(const BinlogLock &) = delete;
  BinlogLock &operator=(const BinlogLock &) = delete;
};

/* semi-sync's order: names as strings. */
int compare(const char *file, my_off_t offset, const BinlogPosition &position) {
  return Active_tranx::compare(file, offset, position.file.c_str(),
                               position.offset);
}

void assign(FileName &name, my_off_t &offset, const BinlogPosition &position) {
  strmake_buf(name, position.file.c_str());
  offset = position.offset;
}

int tell_nobody(THD *, bool, const char *, my_off_t) { return 0; }

/* The server waits by the machine's clock, and somebody may set that back: a
   time-out would come late by as much. Nobody else waits for this condition. */
void wait_by_monotonic_clock(THD *thd) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  mysql_cond_destroy(&thd->COND_wakeup_ready);
  mysql_cond_init(key_COND_wakeup_ready, &thd->COND_wakeup_ready, &attributes);
  pthread_condattr_destroy(&attributes);
}

struct timespec monotonic_deadline(milliseconds time) {
  struct timespec deadline;
  clock_gettime(CLOCK_MONOTONIC, &deadline);
  const auto nanoseconds = deadline.tv_nsec + (time.count() % 1000) * 1000000;
  deadline.tv_sec += time.count() / 1000 + nanoseconds / 1000000000;
  deadline.tv_nsec = nanoseconds % 1000000000;
  return deadline;
}

/* A THD for the calling thread, in the process list and counted: shutdown
   kills it and waits until it is gone. */
THD *create_waiting_thd() {
  my_thread_init();
  THD *thd = create_thd();
  thd->security_ctx->user = const_cast<char *>("recovery gate");
  wait_by_monotonic_clock(thd);
  return thd;
}

void destroy(THD *thd) {
  thd->security_ctx->user = nullptr;  // not allocated
  destroy_thd(thd);
  my_thread_end();
}

my_bool end_if_among(THD *thd, std::set<std::uint64_t> *connections) {
  if (connections->count(thd->thread_id) != 0 &&
      thd->get_command() == COM_BINLOG_DUMP)
    thd->awake(KILL_CONNECTION);
  return 0;
}

}  // namespace

Semisync::Semisync(const Clock &clock, Journal &journal, Replicas &replicas,
                   std::function<History()> history)
    : clock_(clock),
      journal_(journal),
      replicas_(replicas),
      history_(std::move(history)),
      watch_at_(clock.now()),
      watch_interval_(shortest_watch_interval) {}

Semisync::~Semisync() { forget_logs(); }

/* The reply stays in its place when semi-sync is switched off, and only the flag
   beside it says that it does not count any more. It counts here: what a replica
   once acknowledged, it has. After RESET MASTER it is of another log. */
BinlogPosition Semisync::last_reply() {
  BinlogLock lock;
  if (m_reply_file_name(semisync())[0] == '\0' ||
      (!m_reply_file_name_inited(semisync()) &&
       mysql_bin_log.get_reset_master_count() != 0))
    return {};
  return {m_reply_file_name(semisync()), m_reply_file_pos(semisync())};
}

void Semisync::forget_reply(const BinlogPosition &reply) {
  BinlogLock lock;
  if (reply != BinlogPosition{m_reply_file_name(semisync()),
                              m_reply_file_pos(semisync())})
    return;
  m_reply_file_name_inited(semisync()) = false;
  m_reply_file_name(semisync())[0] = '\0';
}

SemisyncView Semisync::await(Awaited awaited) {
  awaited_ = std::move(awaited);
  for (const std::string &path : awaited_.needed_logs)
    needed_logs_.push_back(
        {path, ::open(path.c_str(), O_RDONLY | O_CLOEXEC)});
  return look();
}

void Semisync::forget_logs() {
  for (const NeededLog &log : needed_logs_)
    if (log.file >= 0) ::close(log.file);
  needed_logs_.clear();
}

void Semisync::withdraw() {
  if (awaited_.position.empty()) return;
  BinlogLock lock;
  withdraw_position();
}

SemisyncView Semisync::look() {
  SemisyncView view;
  {
    BinlogLock lock;
    view = look_locked();
  }
  add_findings(&view);
  return view;
}

SemisyncView Semisync::look_locked() {
  SemisyncView view;
  view.proof_lost = proof_lost();
  // After RESET MASTER the names begin again, and the old position in the list
  // would stand in the way of all that follow.
  if (view.proof_lost.empty())
    register_position();
  else
    withdraw_position();
  Repl_semi_sync_master &master = semisync();
  view.enabled = master.get_master_enabled();
  view.replicas = static_cast<unsigned>(rpl_semi_sync_master_clients);
  if (m_reply_file_name(master)[0] != '\0')
    view.acknowledged = {m_reply_file_name(master), m_reply_file_pos(master)};
  return view;
}

void Semisync::add_findings(SemisyncView *view) {
  boost::lock_guard<boost::mutex> lock(findings_mutex_);
  view->proven = proven_;
  view->proven_by = proven_by_;
  view->standings = standings_;
}

SemisyncView Semisync::judge_replicas(std::function<bool()> cancelled) {
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
                     failure.what() + "): the gate stays closed, and it is tried "
                                      "again");
    cannot_find_out_ = failure.what();
  }
  add_findings(view);
}

void Semisync::find_out(SemisyncView *view, std::function<bool()> cancelled) {
  if (proven_ || !view->proof_lost.empty()) return;
  const BinlogPosition reply = replicas_.observe();
  Demand demand = awaited_.demand;
  demand.acknowledged = has_reached(reply, awaited_.position);
  demand.reply = reply;
  was_acknowledged_ |= demand.acknowledged;
  const Answer answer =
      replicas_.ask(demand, history_(), std::move(cancelled), 0);
  const bool proven = answer.proven && was_acknowledged_;
  if (!proven && answer.reply_is_void) {
    replicas_.forget(reply);
    BinlogLock lock;
    register_position();  // it may be sent to the next one right now
  }
  replicas_.tell(answer, milliseconds(0));
  boost::lock_guard<boost::mutex> lock(findings_mutex_);
  proven_by_ = answer.by;
  standings_ = answer.replicas;
  proven_ = proven;
}

std::string Semisync::proof_lost() {
  if (!proof_lost_.empty() || withdrawn_) return proof_lost_;
  if (mysql_bin_log.get_reset_master_count() != 0)
    return proof_lost_ = "the binary log was deleted by RESET MASTER";
  for (const NeededLog &log : needed_logs_) {
    struct stat status;
    struct stat named;
    // Its number of links says nothing: a backup may hold one.
    if (log.file < 0 || ::fstat(log.file, &status) != 0)
      proof_lost_ = "the binary log " + log.path + " cannot be read";
    else if (::stat(log.path.c_str(), &named) != 0 ||
             named.st_ino != status.st_ino || named.st_dev != status.st_dev)
      proof_lost_ = "the binary log " + without_folder(log.path) +
                    " was deleted (RESET MASTER, PURGE BINARY LOGS)";
    if (!proof_lost_.empty()) break;
  }
  return proof_lost_;
}

/*
  Semi-sync empties its list when it is switched off, also by a time-out of
  somebody else's transaction, and when its last replica leaves: look again,
  enter again.
*/
void Semisync::register_position() {
  Repl_semi_sync_master &master = semisync();
  registered_ = alone_ = false;
  if (withdrawn_ || !master.get_master_enabled()) return;
  if (proven_) {
    registered_ = true;
    return;
  }

  /* A reply that only the order of strings puts past the awaited position
     would keep the dump threads from asking for it. */
  if (m_reply_file_name_inited(master) &&
      compare(m_reply_file_name(master), m_reply_file_pos(master), awaited_.position) >=
          0)
    m_reply_file_name_inited(master) = false;

  Active_tranx &list = *m_active_tranxs(master);
  const char *file = awaited_.position.file.c_str();
  Tranx_node *node = list.is_thd_waiter(nullptr, file, awaited_.position.offset);
  if (node == nullptr) {
    const Tranx_node *last = m_trx_rear(list);
    /* The list has to stay in order. Whatever is in it was written later: its
       acknowledgement is one of the awaited position too. */
    if (!list.is_empty() &&
        compare(last->log_name, last->log_pos, awaited_.position) >= 0)
      return;
    if (list.insert_tranx_node(nullptr, file, awaited_.position.offset)) return;
    node = list.is_thd_waiter(nullptr, file, awaited_.position.offset);
  }
  registered_ = true;
  alone_ = node == m_trx_front(list) && node == m_trx_rear(list);
  node->thd = waiting_;
  node->thd_valid = waiting_ != nullptr;

  /* While semi-sync is switched off, the dump threads ask for what ends at or
     past the last commit, and for nothing else. A GTID replica that has that
     commit already is sent the header only, and has to be asked for it. */
  if (!m_commit_file_name_inited(master) || !m_state(master) ||
      compare(m_commit_file_name(master), m_commit_file_pos(master), awaited_.position) <
          0) {
    const BinlogPosition last = last_commit();
    if (last != awaited_.position) replaced_commit_ = last;
    assign(m_commit_file_name(master), m_commit_file_pos(master), awaited_.position);
    m_commit_file_name_inited(master) = true;
  }
  /* The dump threads ask for nothing before the first awaited position. */
  if (!m_wait_file_name_inited(master) ||
      compare(m_wait_file_name(master), m_wait_file_pos(master), awaited_.position) >
          0) {
    assign(m_wait_file_name(master), m_wait_file_pos(master), awaited_.position);
    m_wait_file_name_inited(master) = true;
  }
}

bool Semisync::attach() {
  // A server that gives up starting destroys semi-sync before it tells any
  // plugin: until here, semi-sync must not be touched.
  if (!wait_for_server()) return false;

  THD *thd = create_waiting_thd();
  // From here on shutdown finds this thread, kills it and waits for it. One
  // that began earlier has set abort_loop, does not wait, and may be
  // destroying semi-sync right now.
  if (abort_loop) {
    destroy(thd);
    return false;
  }
  BinlogLock lock;
  waiting_ = thd;
  attached_ = true;
  return true;
}

void Semisync::detach() {
  THD *thd = waiting_;
  {
    BinlogLock lock;
    withdraw_position();
    waiting_ = nullptr;
  }
  attached_ = false;
  destroy(thd);
}

/* Semi-sync's idea of the last commit; empty when it has none. */
BinlogPosition Semisync::last_commit() {
  Repl_semi_sync_master &master = semisync();
  if (!m_commit_file_name_inited(master)) return {};
  return {m_commit_file_name(master), m_commit_file_pos(master)};
}

/* Leaves semi-sync as if the position had never been there. Until the list is
   empty, SHUTDOWN WAIT FOR ALL SLAVES waits. */
void Semisync::withdraw_position() {
  if (withdrawn_) return;
  withdrawn_ = true;
  forget_logs();  // an open file keeps a deleted log's space

  Repl_semi_sync_master &master = semisync();
  if (!master.get_master_enabled()) return;
  Active_tranx &list = *m_active_tranxs(master);
  const char *file = awaited_.position.file.c_str();
  list.unlink_thd_as_waiter(file, awaited_.position.offset);
  const Tranx_node *first = m_trx_front(list);
  if (first != nullptr &&
      awaited_.position == BinlogPosition{first->log_name, first->log_pos})
    list.clear_active_tranx_nodes(file, awaited_.position.offset, tell_nobody);
  if (last_commit() == awaited_.position) {
    m_commit_file_name_inited(master) = !replaced_commit_.empty();
    if (!replaced_commit_.empty())
      assign(m_commit_file_name(master), m_commit_file_pos(master),
             replaced_commit_);
  }
}

SemisyncView Semisync::wait_for_change(const SemisyncView &seen,
                                       std::optional<Instant> until) {
  for (;;) {
    bool killed = false;
    SemisyncView view = wait_once(seen, until, &killed);
    if (!view.shutting_down)
      judge_replicas(&view, [this] {
        return abort_loop || waiting_->killed != NOT_KILLED;
      });
    const bool done = view.shutting_down || woken_.exchange(false) || killed ||
                      !(view == seen) || (until && clock_.now() >= *until);
    // Only shutdown ends this thread: a KILL by its number must not leave the
    // gate closed for ever.
    if (killed && !view.shutting_down) waiting_->reset_killed();
    if (done) return view;
    watch_replicas();
  }
}

/* Returns when there may be something to do. */
SemisyncView Semisync::wait_once(const SemisyncView &seen,
                                 std::optional<Instant> until, bool *killed) {
  THD *const thd = waiting_;
  SemisyncView view;
  PSI_stage_info old_stage;
  mysql_mutex_lock(&LOCK_binlog(semisync()));
  THD_ENTER_COND(thd, &thd->COND_wakeup_ready, &LOCK_binlog(semisync()),
                 &stage_waiting, &old_stage);
  for (bool waited = false;; waited = true) {
    view = look_locked();
    add_findings(&view);
    view.shutting_down = abort_loop;
    *killed = thd->killed != NOT_KILLED;
    if (waited || view.shutting_down || *killed || woken_ || !(view == seen))
      break;
    const Instant now = clock_.now();
    Instant next = until ? *until : Instant::max();
    if (!registered_) next = std::min(next, now + unregistered_look_interval);
    if (view.replicas > 0) next = std::min(next, watch_at_);
    if (next <= now) break;
    if (next == Instant::max()) {
      mysql_cond_wait(&thd->COND_wakeup_ready, &LOCK_binlog(semisync()));
    } else {
      const struct timespec deadline = monotonic_deadline(next - now);
      mysql_cond_timedwait(&thd->COND_wakeup_ready, &LOCK_binlog(semisync()),
                           &deadline);
    }
  }
  THD_EXIT_COND(thd, &old_stage);
  return view;
}

/*
  A replica that was sent the position when nobody asked for its
  acknowledgement will never give it: semi-sync may have been switched off and
  on, or have asked for something else. It is asked when it connects again. A
  slow replica must not be thrown out for ever, so the time that it is given
  grows.
*/
void Semisync::watch_replicas() {
  if (clock_.now() < watch_at_) return;
  // Others wait for later positions: what acknowledges those covers this one,
  // and a connection that is closed might end their waiting.
  if (!alone_) {
    watch_at_ = clock_.now() + watch_interval_;
    return;
  }
  std::set<std::uint64_t> passed, silent;
  for (const ReplicaStanding &replica : standings_) {
    // Another connection would prove no more.
    if (replica.standing == Standing::NEVER && !replica.should_reconnect)
      continue;
    if (!replica.should_reconnect &&
        !has_reached(replica.sent, awaited_.position))
      continue;
    passed.insert(replica.connection);
    if (passed_.count(replica.connection) != 0)
      silent.insert(replica.connection);
  }
  passed_ = std::move(passed);
  if (!silent.empty()) {
    server_threads.iterate(end_if_among, &silent);
    journal_.note("had " + std::to_string(silent.size()) +
                  " semi-sync replica connection(s) reconnect: " +
                  to_string(awaited_.position) + " was sent there " +
                  std::to_string(watch_interval_.count()) +
                  " ms ago or earlier and was not acknowledged");
    watch_interval_ = std::min(watch_interval_ * 2, longest_watch_interval);
  }
  watch_at_ = clock_.now() + watch_interval_;
}

void Semisync::wake() noexcept {
  woken_ = true;
  stop_waiting_for_server();
  if (!attached_) return;
  BinlogLock lock;
  if (waiting_ != nullptr) mysql_cond_signal(&waiting_->COND_wakeup_ready);
}

}  // namespace recovery_gate
