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
#include <utility>

#include "recovery_gate/binlog_file.h"
#include "recovery_gate/gtid_state.h"
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

/* A THD for the calling thread, in the process list and counted: shutdown
   kills it and waits until it is gone. */
THD *create_waiting_thd() {
  my_thread_init();
  THD *thd = create_thd();
  thd->security_ctx->user = const_cast<char *>("recovery gate");
  return thd;
}

void destroy(THD *thd) {
  thd->security_ctx->user = nullptr;  // not allocated
  destroy_thd(thd);
  my_thread_end();
}

const user_var_entry *user_variable(THD *thd, const std::string &name) {
  return reinterpret_cast<const user_var_entry *>(my_hash_search(
      &thd->user_vars, reinterpret_cast<const uchar *>(name.data()),
      name.size()));
}

bool is_on(const user_var_entry *variable) {
  bool is_null = false;
  return variable != nullptr && variable->val_int(&is_null) != 0 && !is_null;
}

/* Is all that a GTID replica says it has in this server's binary log? */
bool has_all(const user_var_entry *position) {
  GtidState gtids;
  if (position == nullptr || position->value == nullptr ||
      !parse({position->value, position->length}, &gtids))
    return false;
  for (const auto &[source, number] : gtids) {
    rpl_gtid last;
    if (!mysql_bin_log.find_in_binlog_state(source.domain, source.server_id,
                                            &last) ||
        last.seq_no < number)
      return false;
  }
  return true;
}

/* Is it a semi-sync replica that is being served? LOCK_thd_data has to be held.
   THD::semi_sync_slave says so only after the server has looked this up itself,
   and is never initialised for those that are no replicas. */
bool is_served(THD *thd) {
  // While it is being served it runs no statement that could set a variable.
  return thd->current_linfo && thd->get_command() == COM_BINLOG_DUMP &&
         is_on(user_variable(thd, "rpl_semi_sync_slave"));
}

/* Counts replicas whose position the server has let pass unchecked. */
my_bool count_unchecked(THD *thd, unsigned *unchecked) {
  mysql_mutex_lock(&thd->LOCK_thd_data);
  const bool doubtful =
      is_served(thd) &&
      (is_on(user_variable(thd, "slave_gtid_ignore_duplicates")) ||
       user_variable(thd, "slave_until_gtid")) &&
      !has_all(user_variable(thd, "slave_connect_state"));
  mysql_mutex_unlock(&thd->LOCK_thd_data);
  if (doubtful) ++*unchecked;
  return 0;
}

/* How far a semi-sync replica was sent the binary log; nothing while it is not
   being served, and for all others. */
std::optional<BinlogPosition> sent_to(THD *thd) {
  std::optional<BinlogPosition> sent;
  mysql_mutex_lock(&thd->LOCK_thd_data);
  if (is_served(thd))
    sent = {without_folder(thd->current_linfo->log_file_name),
            thd->current_linfo->pos};
  mysql_mutex_unlock(&thd->LOCK_thd_data);
  return sent;
}

my_bool note_replica(THD *thd, std::vector<ConnectedReplica> *replicas) {
  if (std::optional<BinlogPosition> sent = sent_to(thd)) {
    const char *host = thd->main_security_ctx.host_or_ip;
    replicas->push_back({static_cast<std::uint32_t>(thd->variables.server_id),
                         host != nullptr ? host : "", thd->thread_id,
                         std::move(*sent)});
  }
  return 0;
}

struct Watch {
  const BinlogPosition &awaited;
  const std::set<std::uint64_t> &passed_before;
  std::set<std::uint64_t> passed_now;
  unsigned reconnected;
};

my_bool reconnect_if_silent(THD *thd, Watch *watch) {
  const std::optional<BinlogPosition> sent = sent_to(thd);
  if (!sent || !has_reached(*sent, watch->awaited)) return 0;
  watch->passed_now.insert(thd->thread_id);
  if (watch->passed_before.count(thd->thread_id) == 0) return 0;
  thd->awake(KILL_CONNECTION);
  ++watch->reconnected;
  return 0;
}

}  // namespace

Semisync::Semisync(const Clock &clock, Journal &journal)
    : clock_(clock),
      journal_(journal),
      watch_at_(clock.now()),
      watch_interval_(shortest_watch_interval) {}

Semisync::~Semisync() { forget_logs(); }

BinlogPosition Semisync::last_reply() {
  BinlogLock lock;
  // Else there was none since the log was reset, or semi-sync switched on.
  if (!m_reply_file_name_inited(semisync())) return {};
  return {m_reply_file_name(semisync()), m_reply_file_pos(semisync())};
}

bool Semisync::may_trust_replies() {
  unsigned unchecked = 0;
  server_threads.iterate(count_unchecked, &unchecked);
  return unchecked == 0;
}

std::vector<ConnectedReplica> Semisync::connected_replicas() {
  std::vector<ConnectedReplica> replicas;
  server_threads.iterate(note_replica, &replicas);
  return replicas;
}

SemisyncView Semisync::await(const BinlogPosition &position,
                             const std::vector<std::string> &needed_logs) {
  awaited_ = position;
  for (const std::string &path : needed_logs)
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
  if (awaited_.empty()) return;
  BinlogLock lock;
  withdraw_position();
}

SemisyncView Semisync::look() {
  SemisyncView view;
  {
    BinlogLock lock;
    view = look_locked();
  }
  return checked(std::move(view));
}

/* Not under LOCK_binlog: the server takes that with its list of threads locked. */
SemisyncView Semisync::checked(SemisyncView view) {
  if (trusted_ || !has_reached(view.acknowledged, awaited_)) return view;
  trusted_ = may_trust_replies();
  if (trusted_) return view;
  journal_.warning(
      "an acknowledgement of " + to_string(awaited_) +
      " does not count: a semi-sync replica is connected that has transactions "
      "which this server has not, and is served all the same, since it has "
      "gtid_ignore_duplicates=ON or starts UNTIL a position. Stop it, or take "
      "that setting back");
  BinlogLock lock;
  acknowledged_ = view.acknowledged = {};
  m_reply_file_name_inited(semisync()) = false;
  m_reply_file_name(semisync())[0] = '\0';
  return view;
}

SemisyncView Semisync::look_locked() {
  SemisyncView view;
  view.proof_lost = proof_lost();
  note_reply();
  // After RESET MASTER the names begin again, and the old position in the list
  // would stand in the way of all that follow.
  if (view.proof_lost.empty())
    register_position();
  else
    withdraw_position();
  view.enabled = semisync().get_master_enabled();
  view.replicas = static_cast<unsigned>(rpl_semi_sync_master_clients);
  view.acknowledged = acknowledged_;
  return view;
}

std::string Semisync::proof_lost() {
  if (!proof_lost_.empty() || withdrawn_) return proof_lost_;
  for (const NeededLog &log : needed_logs_) {
    struct stat status;
    if (log.file < 0 || ::fstat(log.file, &status) != 0)
      proof_lost_ = "the binary log " + log.path + " cannot be read";
    else if (status.st_nlink == 0)
      proof_lost_ = "the binary log " + without_folder(log.path) +
                    " was deleted (RESET MASTER, PURGE BINARY LOGS)";
    if (!proof_lost_.empty()) break;
  }
  return proof_lost_;
}

/*
  The reply stays in its place when semi-sync is switched off, and only the
  flag beside it says that it does not count any more. It counts here: what a
  replica once acknowledged, it has. A position that a replica starts from is
  entered there too, and is as good.
*/
void Semisync::note_reply() {
  Repl_semi_sync_master &master = semisync();
  if (m_reply_file_name(master)[0] == '\0') return;
  BinlogPosition reply{m_reply_file_name(master), m_reply_file_pos(master)};
  if (!acknowledged_.empty() && !has_reached(reply, acknowledged_)) return;
  if (has_reached(reply, awaited_) && reply != acknowledged_ &&
      !is_end_of_event(reply))
    return;
  acknowledged_ = std::move(reply);
}

/* A file/position replica says itself from where it wants to start, and that is
   entered before anything is read there. */
bool Semisync::is_end_of_event(const BinlogPosition &reply) {
  if (reply == refused_ || needed_logs_.empty()) return false;
  const std::string &path = needed_logs_.front().path;
  const std::string folder =
      path.substr(0, path.size() - awaited_.file.size());
  const std::uint64_t from =
      reply.file == awaited_.file ? awaited_.offset : start_of_events;
  if (walk_binlog(folder + reply.file, from, reply.offset).is_whole)
    return true;
  refused_ = reply;
  journal_.warning("a replica wants the binary log from " + to_string(reply) +
                   " on, where no event begins; that counts for nothing");
  return false;
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
  if (has_reached(acknowledged_, awaited_)) {
    registered_ = true;
    return;
  }

  /* A reply that only the order of strings puts past the awaited position
     would keep the dump threads from asking for it. */
  if (m_reply_file_name_inited(master) &&
      compare(m_reply_file_name(master), m_reply_file_pos(master), awaited_) >=
          0)
    m_reply_file_name_inited(master) = false;

  Active_tranx &list = *m_active_tranxs(master);
  const char *file = awaited_.file.c_str();
  Tranx_node *node = list.is_thd_waiter(nullptr, file, awaited_.offset);
  if (node == nullptr) {
    const Tranx_node *last = m_trx_rear(list);
    /* The list has to stay in order. Whatever is in it was written later: its
       acknowledgement is one of the awaited position too. */
    if (!list.is_empty() &&
        compare(last->log_name, last->log_pos, awaited_) >= 0)
      return;
    if (list.insert_tranx_node(nullptr, file, awaited_.offset)) return;
    node = list.is_thd_waiter(nullptr, file, awaited_.offset);
  }
  registered_ = true;
  alone_ = node == m_trx_front(list) && node == m_trx_rear(list);
  node->thd = waiting_;
  node->thd_valid = waiting_ != nullptr;

  /* While semi-sync is switched off, the dump threads ask for what ends at or
     past the last commit, and for nothing else. A GTID replica that has that
     commit already is sent the header only, and has to be asked for it. */
  if (!m_commit_file_name_inited(master) || !m_state(master) ||
      compare(m_commit_file_name(master), m_commit_file_pos(master), awaited_) <
          0) {
    const BinlogPosition last = last_commit();
    if (last != awaited_) replaced_commit_ = last;
    assign(m_commit_file_name(master), m_commit_file_pos(master), awaited_);
    m_commit_file_name_inited(master) = true;
  }
  /* The dump threads ask for nothing before the first awaited position. */
  if (!m_wait_file_name_inited(master) ||
      compare(m_wait_file_name(master), m_wait_file_pos(master), awaited_) >
          0) {
    assign(m_wait_file_name(master), m_wait_file_pos(master), awaited_);
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
  const char *file = awaited_.file.c_str();
  list.unlink_thd_as_waiter(file, awaited_.offset);
  const Tranx_node *first = m_trx_front(list);
  if (first != nullptr &&
      awaited_ == BinlogPosition{first->log_name, first->log_pos})
    list.clear_active_tranx_nodes(file, awaited_.offset, tell_nobody);
  if (last_commit() == awaited_) {
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
    const SemisyncView view = checked(wait_once(seen, until, &killed));
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
      struct timespec deadline;
      set_timespec_nsec(deadline, (next - now).count() * 1000000ULL);
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
  Watch watch{awaited_, passed_, {}, 0};
  server_threads.iterate(reconnect_if_silent, &watch);
  passed_ = std::move(watch.passed_now);
  if (watch.reconnected > 0) {
    journal_.note("had " + std::to_string(watch.reconnected) +
                  " semi-sync replica connection(s) reconnect: " +
                  to_string(awaited_) + " was sent there " +
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
