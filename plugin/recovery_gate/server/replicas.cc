// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysqld.h>
#include <sql_class.h>
#include <log.h>
#include <rpl_gtid.h>
#include <rpl_rli.h>

#include <algorithm>
#include <boost/thread/lock_guard.hpp>
#include <limits>

#include "binlog_decryption.h"
#include "binlog_progress.h"
#include "recovery_gate/binlog/binlog_file.h"
#include "replicas.h"
#include "semisync_list.h"
#include "server_facts.h"
#include "server_private.h"
#include "unlocked.h"

namespace recovery_gate {
namespace {

using Lock = boost::lock_guard<boost::mutex>;

constexpr milliseconds moment{2 * 1000};
constexpr milliseconds until_place_is_right{50};

const user_var_entry *user_variable(THD *thd, const std::string &name) {
  return reinterpret_cast<const user_var_entry *>(my_hash_search(
      &thd->user_vars, reinterpret_cast<const uchar *>(name.data()),
      name.size()));
}

bool is_on(const user_var_entry *variable) {
  bool is_null = false;
  return variable != nullptr && variable->val_int(&is_null) != 0 && !is_null;
}

/* Replicas say what they are and want in variables of their session, before
   they ask for the binary log; while they are served they run no statement. THD
   has a flag for semi-sync too, which is not initialised for those that are no
   replicas. */
bool asks_for_semisync(THD *thd) {
  return is_on(user_variable(thd, "rpl_semi_sync_slave"));
}

ReplicaConnection connection_of(THD *thd) {
  ReplicaConnection connection;
  connection.id = thd->thread_id;
  connection.server_id = static_cast<std::uint32_t>(thd->variables.server_id);
  const char *host = thd->main_security_ctx.host_or_ip;
  if (host != nullptr) connection.host = host;
  connection.semisync = asks_for_semisync(thd);
  if (const user_var_entry *position =
          user_variable(thd, "slave_connect_state")) {
    connection.uses_gtid = true;
    if (position->value != nullptr)
      parse(std::string_view(position->value, position->length),
            &connection.position);
  }
  connection.stops_early = user_variable(thd, "slave_until_gtid") != nullptr;
  connection.leaves_out_marked =
      (thd->variables.option_bits & OPTION_SKIP_REPLICATION) != 0;
  return connection;
}

/* Of a session that is sent the binary log. */
struct Place {
  const char *stage = nullptr;  // as the server names it
  BinlogPosition at;            // no older than that
};

/*
  The session writes its place without a lock: the name of the next log first,
  and the offset in it later, when it has opened that. It says so in its stage
  from before the first to after the second. It is nowhere while it is there.
*/
Place place_of(const THD *thd) {
  const LOG_INFO &shown = *thd->current_linfo;
  const std::string file = without_folder(unlocked_text(shown.log_file_name));
  std::atomic_thread_fence(std::memory_order_acquire);
  const char *const stage = unlocked(thd->proc_info);
  std::atomic_thread_fence(std::memory_order_acquire);
  BinlogPosition at = {without_folder(unlocked_text(shown.log_file_name)),
                       unlocked(shown.pos)};
  if (at.file != file ||
      stage ==
          stage_finished_reading_one_binlog_switching_to_next_binlog.m_name)
    at = {};
  return {stage, std::move(at)};
}

struct Served {
  const ServerIds &own;
  struct Replica {
    ReplicaConnection connection;
    const char *stage = nullptr;  // as the server names it
  };
  std::vector<Replica> replicas;
  /* One that is no more, or not yet, being served. */
  bool one_between = false;
  /* One of the same, of which the server does not say whether it asks for
     semi-sync; empty: there is none. */
  std::string one_may_be;
};

/* By its account, which is there as long as the session: a session that changes
   the user frees the name that it came with. */
std::string name_of(const THD *thd) {
  const Security_context &account = thd->main_security_ctx;
  return "session " + std::to_string(thd->thread_id) + " (" +
         unlocked_text(account.priv_user) + "@" +
         (account.host_or_ip ? account.host_or_ip : "") + ", server_id " +
         std::to_string(unlocked(thd->variables.server_id)) + ")";
}

/* Another server's id is in a session from where that registers as a replica to
   its end; `own` are those that this server has had. */
bool may_have_been_served(const THD *thd, const ServerIds &own) {
  return !thd->system_thread &&
         (unlocked(thd->main_security_ctx.master_access) & REPL_SLAVE_ACL) !=
             NO_ACL &&
         own.count(static_cast<std::uint32_t>(
             unlocked(thd->variables.server_id))) == 0;
}

/* A session writes its command, privileges and server_id with no lock, but
   takes LOCK_thd_data after that and before it is sent anything: of who was
   sent something they are seen as they were then, or newer. And it takes it
   once more before it frees its user variables. */
my_bool note_if_served(THD *thd, Served *served) {
  mysql_mutex_lock(&thd->LOCK_thd_data);
  // SHOW BINLOG EVENTS has a place in the log too. And of a session that runs
  // statements the variables are its own affair.
  if (unlocked(server_private::m_command(*thd)) == COM_BINLOG_DUMP) {
    if (thd->current_linfo) {
      Place place = place_of(thd);
      served->replicas.push_back({connection_of(thd), place.stage});
      ReplicaConnection &connection = served->replicas.back().connection;
      connection.sent = std::move(place.at);
      // Compressed ones say nothing; a session is what it is from its login on.
      connection.bytes_sent = unlocked(thd->net.compress) != 0
                                  ? std::numeric_limits<std::uint64_t>::max()
                                  : unlocked(thd->status_var.bytes_sent);
    } else if (asks_for_semisync(thd))
      served->one_between = true;
  } else if (may_have_been_served(thd, served->own)) {
    served->one_may_be = name_of(thd);
  }
  mysql_mutex_unlock(&thd->LOCK_thd_data);
  return 0;
}

class BinlogReaderOfServer final : public OwedReader {
 public:
  BinlogReaderOfServer(const std::optional<ReadOwed> &known,
                       const Writers &writers, std::function<bool()> cancelled,
                       std::uint64_t most) {
    // In a log that was begun anew, another one has the same place.
    if (known && mysql_bin_log.get_reset_master_count() == 0)
      search_.known = &*known;
    problem_ = binlogs(&search_.logs);
    search_.writers = writers;
    search_.cancelled = std::move(cancelled);
    search_.most = most;
    search_.decryptor = &decryptor_;
  }

  Owed read(const Stretch &stretch, const GtidState &before) override {
    if (!problem_ && stretch.from.empty() && !search_.logs.empty())
      return read_owed(search_, stretch, before_oldest(stretch));
    if (!problem_) return read_owed(search_, stretch, before);
    Owed owed;
    owed.unknown = problem_.text();
    return owed;
  }

  bool is_end_of_event(const BinlogPosition &position) override {
    const auto log = std::find_if(
        search_.logs.begin(), search_.logs.end(), [&](const std::string &path) {
          return without_folder(path) == position.file;
        });
    return log != search_.logs.end() &&
           (position.offset == start_of_events ||
            walk_binlog(*log, start_of_events, position.offset).is_whole);
  }

  bool is_there(const std::string &file) override {
    return std::any_of(
        search_.logs.begin(), search_.logs.end(),
        [&](const std::string &path) { return without_folder(path) == file; });
  }

 private:
  /* Of those that were there when it was read. */
  GtidState before_oldest(const Stretch &stretch) const {
    if (search_.known != nullptr && search_.known->stretch.from == stretch.from)
      return search_.known->before;
    return read_binlog_header(search_.logs.front())
        .gtids_before.value_or(GtidState());
  }

  Failure problem_;
  ServerDecryptor decryptor_;
  OwedSearch search_;
};

}  // namespace

void Replicas::logged_in(const THD *thd) {
  sessions_.logged_in(thd->thread_id, mysql_bin_log.get_reset_master_count());
}

bool Replicas::left(THD *thd) {
  // It may have been served and have replied between two observations.
  if (user_variable(thd, "slave_connect_state") == nullptr &&
      !asks_for_semisync(thd)) {
    sessions_.left(thd->thread_id);
    return false;
  }
  EndedReplica ended;
  ended.connection = connection_of(thd);
  ended.reply = last_reply();
  ended.resets = mysql_bin_log.get_reset_master_count();
  const bool is_known = proof_.knows(thd->thread_id);
  if (!sessions_.left(std::move(ended))) return false;
  serves_ = true;
  return !is_known;
}

BinlogPosition Replicas::observe() {
  Lock lock(observing_);
  ReplicaObservation seen;
  seen.resets = mysql_bin_log.get_reset_master_count();
  seen.own_server_id =
      static_cast<std::uint32_t>(global_system_variables.server_id);
  seen.reply = last_reply();
  // What nobody can have been sent of this log was sent of another, before it
  // was begun anew. It would hide all that is acknowledged from now on.
  const BinlogPosition end = binlog_end();
  if (!seen.reply.empty() && !has_reached(end, seen.reply)) {
    forget_reply(seen.reply);
    seen.reply = {};
  }
  own_ids_.insert(seen.own_server_id);
  Served served{own_ids_, {}, false, {}};
  server_threads.iterate(note_if_served, &served);
  seen.is_incomplete = served.one_between;
  if (!served.replicas.empty()) serves_ = true;
  const auto sending_since = std::exchange(sending_since_, {});
  for (auto &[connection, stage] : served.replicas) {
    if (shows_where_it_is(connection, stage, sending_since))
      seen.connections.push_back(std::move(connection));
    else
      seen.is_incomplete = true;
  }
  seen.may_be_more = !served.one_may_be.empty();
  suspect_ = std::move(served.one_may_be);
  const bool is_of_one_log = sessions_.show(&seen, [&] {
    if (!seen.ended.empty() ||
        !proof_.knows_all(seen.resets, seen.connections)) {
      EndOfBinlog place = read_end_of_binlog();
      seen.end = place.end;
      seen.gtids = std::move(place.gtids);
      seen.applied = applied_in(seen.gtids);
    }
    return mysql_bin_log.get_reset_master_count() == seen.resets;
  });
  if (!is_of_one_log) return {};
  for (const ReplicaConnection &replica : seen.connections)
    if (!replica.of_this_log) served_earlier_ = true;
  for (const EndedReplica &replica : seen.ended)
    if (!replica.connection.of_this_log || replica.resets != seen.resets)
      served_earlier_ = true;
  proof_.observe(seen);
  resets_ = seen.resets;
  return seen.reply;
}

/*
  Before it sends what is behind the position from which it serves, the server
  reads the beginning of the log, and shows that place. It sets the right one
  just after it says that it sends events. Without a GTID index, a replica that
  named GTIDs is served from the beginning of a log.
*/
bool Replicas::shows_where_it_is(
    const ReplicaConnection &replica, const char *stage,
    const std::map<std::uint64_t, Instant> &sending_since) {
  if (proof_.knows(replica.id)) return true;
  if (replica.sent.empty()) return false;
  if (replica.uses_gtid && MYSQL_VERSION_ID < 110400) return true;
  if (stage == stage_starting.m_name) return false;
  if (stage != stage_sending_binlog_event_to_slave.m_name) return true;
  const Instant now = clock_.now();
  const auto before = sending_since.find(replica.id);
  const Instant since = before == sending_since.end() ? now : before->second;
  sending_since_[replica.id] = since;
  return now - since >= until_place_is_right;
}

Answer Replicas::ask(const Demand &demand, const History &history,
                     std::function<bool()> cancelled, std::uint64_t most) {
  BinlogReaderOfServer reader(known_, demand.writers, std::move(cancelled),
                              most);
  Answer answer = proof_.ask(demand, history, reader);
  if (answer.is_undecided) name_suspect(&answer);
  return answer;
}

void Replicas::name_suspect(Answer *answer) {
  Lock lock(observing_);
  if (suspect_.empty()) return;
  for (ReplicaStanding &replica : answer->replicas) {
    if (replica.standing != Standing::NOT_YET) continue;
    replica.is_held_up = true;
    replica.why =
        suspect_ +
        " may have sent it: it may replicate, and has a server_id that "
        "this server never had";
    replica.advice = "Have that session end, with KILL if need be";
  }
}

void Replicas::forget(const BinlogPosition &reply) {
  Lock lock(observing_);
  forget_reply(reply);
  proof_.forget_reply();
}

Owed Replicas::read_owed(const Demand &demand, std::uint64_t most) const {
  return BinlogReaderOfServer(known_, demand.writers, {}, most)
      .read(demand.stretch, demand.before);
}

bool Replicas::is_new_log() const {
  return mysql_bin_log.get_reset_master_count() != resets_;
}

void Replicas::tell(const Answer &answer, milliseconds patience) {
  Lock lock(told_mutex_);
  std::map<Complaint, Instant> seen;
  for (const ReplicaStanding &replica : answer.replicas) {
    const bool proves_nothing =
        replica.standing == Standing::NEVER || replica.is_held_up;
    if (!proves_nothing || !replica.counts) continue;
    // A session that is about to be served may be in doubt for a moment.
    const milliseconds enough = replica.standing == Standing::NEVER
                                    ? patience
                                    : std::max(patience, moment);
    const Complaint complaint{replica.server_id, replica.why};
    const auto before = seen_.find(complaint);
    const Instant since = before == seen_.end() ? clock_.now() : before->second;
    seen.emplace(complaint, since);
    if (clock_.now() - since < enough || !told_.insert(complaint).second)
      continue;
    journal_.warning("what semi-sync replica " +
                     std::to_string(replica.server_id) + " (" + replica.host +
                     ", connection " + std::to_string(replica.connection) +
                     ") acknowledges proves nothing: " + replica.why + ". " +
                     replica.advice);
  }
  seen_ = std::move(seen);
}

}  // namespace recovery_gate
