// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/ledger/proof.h"

#include <algorithm>
#include <boost/thread/lock_guard.hpp>

namespace recovery_gate {
namespace {

using Lock = boost::lock_guard<boost::mutex>;

/* Certainly, and not at the same place. */
bool is_before(const BinlogPosition &a, const BinlogPosition &b) {
  return a != b && has_reached(b, a);
}

bool contains(const GtidState &state, const Gtid &gtid) {
  return covers(state, {gtid.domain, gtid.server_id}, gtid.sequence);
}

/*
  Will a replica that has named it be sent all from the first owed one on? The
  server begins behind the first event of that source with that number or a
  higher one, in the last log whose list has not reached it; or at the start of
  a log, when it is the last in the list. `gtids` is what the whole log holds.
*/
bool is_before_the_first(const Gtid &gtid, const OwedDomain &owed,
                         const GtidState &gtids) {
  const auto lowest = owed.lowest.find(gtid.server_id);
  if (lowest == owed.lowest.end()) return contains(gtids, gtid);
  const auto before = owed.before.find(gtid.server_id);
  return before != owed.before.end() && before->second >= gtid.sequence &&
         lowest->second > gtid.sequence;
}

std::string name_of(const ReplicaConnection &replica) {
  return "replica " + std::to_string(replica.server_id) +
         (replica.host.empty() ? "" : " (" + replica.host + ")");
}

std::string owed_text(const OwedDomain &owed) {
  return owed.first == owed.last
             ? "GTID " + to_string(owed.first)
             : "GTIDs " + to_string(owed.first) + " to " + to_string(owed.last);
}

std::string shows_not(const ReplicaConnection &replica, std::uint32_t domain,
                      const OwedDomain &owed) {
  const auto named = replica.position.find(domain);
  return (named == replica.position.end()
              ? "the file and position at which it began do"
              : "its position, GTID " + to_string(named->second) + ", does") +
         std::string(" not show that it has ") + owed_text(owed);
}

const char reset_advice[] =
    "STOP SLAVE and START SLAVE there; if it reports an error then, rebuild it "
    "from a backup of this server";

std::string advice_to_compare(const OwedDomain &owed) {
  return "Check whether it has " + owed_text(owed) +
         ". If not, rebuild it from a backup of this server, or set it back to a "
         "position before " +
         to_string(owed.first) +
         ". If it has, open the gate with SET GLOBAL recovery_gate_open_now=ON";
}

}  // namespace

bool parse(std::string_view text, GtidPosition *position) {
  GtidState state;
  if (!parse(text, &state)) return false;
  GtidPosition read;
  for (const auto &[source, number] : state)
    if (!read.emplace(source.domain,
                      Gtid{source.domain, source.server_id, number})
             .second)
      return false;
  *position = std::move(read);
  return true;
}

const char *to_string(Standing standing) {
  switch (standing) {
    case Standing::PROVEN:
      return "PROVEN";
    case Standing::NOT_YET:
      return "NOT YET";
    case Standing::NEVER:
      return "NEVER";
  }
  return "";
}

bool operator==(const ReplicaStanding &a, const ReplicaStanding &b) {
  return a.connection == b.connection && a.server_id == b.server_id &&
         a.host == b.host && a.sent == b.sent && a.standing == b.standing &&
         a.why == b.why && a.advice == b.advice &&
         a.should_reconnect == b.should_reconnect && a.counts == b.counts &&
         a.is_held_up == b.is_held_up;
}

bool Proof::knows(std::uint64_t connection) const {
  Lock lock(mutex_);
  return known_.count(connection) != 0;
}

bool Proof::knows_all(std::uint64_t resets,
                      const std::vector<ReplicaConnection> &connections) const {
  Lock lock(mutex_);
  return resets == resets_ &&
         std::all_of(connections.begin(), connections.end(),
                     [this](const ReplicaConnection &connection) {
                       return known_.count(connection.id) != 0;
                     });
}

void Proof::observe(const ReplicaObservation &seen) {
  Lock lock(mutex_);
  // Until it is known who sent the reply that was new at the last observation,
  // it may be one that was gone by then.
  if (!is_undecided_) gone_.clear();
  if (seen.resets != resets_) begin_anew(seen);
  for (const ReplicaConnection &connection : seen.connections) {
    const auto known = known_.find(connection.id);
    if (known == known_.end()) {
      meet(connection, seen);
      continue;
    }
    Known &replica = known->second;
    replica.now = connection;
    if (connection.sent.empty()) continue;
    if (replica.reached.empty()) note_began(connection);
    // No connection goes back: the server may show less for a moment.
    if (!is_before(connection.sent, replica.reached))
      replica.reached = connection.sent;
    replica.now.sent = replica.reached;
  }
  unseen_.clear();
  for (const EndedReplica &ended : seen.ended) {
    if (known_.count(ended.connection.id) != 0) continue;
    ReplicaConnection connection = ended.connection;
    connection.of_this_log &= ended.resets == seen.resets;
    meet(connection, seen);
    unseen_.insert(connection.id);
  }
  take_gone(seen);
  note_reply(seen);
}

/* As soon as the server shows it. */
void Proof::note_began(const ReplicaConnection &now) {
  if (!now.sent.empty() && !now.uses_gtid && now.of_this_log)
    arrivals_.began.push_back({now.server_id, now.sent, now.bytes_sent});
}

/* What was known of connections and replies was about another binary log. One
   that was there before may still acknowledge that. */
void Proof::begin_anew(const ReplicaObservation &seen) {
  resets_ = seen.resets;
  gone_.merge(known_);
  for (auto &[id, replica] : gone_) {
    replica.now.of_this_log = false;
    replica.now.sent = replica.reached = {};
    replica.replied = {};
    replica.lacks_since.reset();
  }
  known_.clear();
  newest_.clear();
  authors_.clear();
  gone_authors_.clear();
  arrivals_ = {};
  read_stretch_.reset();
  reply_ = {};
}

/* From known_ to gone_: those that are not there any more, but for those of
   which it is certain that the last reply came after they had gone. */
void Proof::take_gone(const ReplicaObservation &seen) {
  for (auto known = known_.begin(); known != known_.end();) {
    const bool is_here = std::any_of(
        seen.connections.begin(), seen.connections.end(),
        [&](const ReplicaConnection &here) { return here.id == known->first; });
    if (is_here) {
      gone_.erase(known->first);
      ++known;
    } else {
      gone_.insert(*known);
      known = known_.erase(known);
    }
  }
  for (const EndedReplica &ended : seen.ended)
    if (ended.reply != seen.reply) gone_.erase(ended.connection.id);
}

void Proof::meet(const ReplicaConnection &connection,
                 const ReplicaObservation &seen) {
  Known replica;
  replica.now = connection;
  replica.first_sent = replica.reached = connection.sent;
  replica.met = replica.from = seen.end;
  replica.gtids = seen.gtids;
  replica.applied = seen.applied;
  replica.own_server_id = seen.own_server_id;
  std::set<std::uint32_t> domains;
  for (const auto &[source, number] : seen.gtids) domains.insert(source.domain);
  for (const auto &[domain, gtid] : connection.position) {
    domains.insert(domain);
    const auto applied = seen.applied.find(domain);
    // A server that has not logged what it applied serves from there all the
    // same.
    const bool is_own_place =
        applied != seen.applied.end() && applied->second == gtid;
    if (contains(seen.gtids, gtid)) continue;
    const GtidSource source{domain, gtid.server_id};
    if (is_own_place)
      raise_to(&arrivals_.passed_over, source, gtid.sequence);
    else
      replica.unserved.insert(domain);
    // Of this server, and not in its log: there was another history.
    if (connection.of_this_log && gtid.server_id == seen.own_server_id)
      raise_to(&arrivals_.earlier, source, gtid.sequence);
  }
  History arrived;
  arrived.replica_ids = {connection.server_id};
  for (const std::uint32_t domain : domains) {
    const auto named = connection.position.find(domain);
    // Where a file and a position are in GTIDs nobody says: not after the end.
    arrived.replicas[{domain, connection.server_id}] =
        !connection.uses_gtid                ? highest_in(seen.gtids, domain)
        : named == connection.position.end() ? 0
                                             : named->second.sequence;
  }
  // What it named before the log was begun anew says nothing of what it has
  // since.
  if (connection.of_this_log) add_arrivals(arrived, &arrivals_);
  if (connection.uses_gtid) {
    arrivals_.by_gtid.insert(connection.server_id);
    arrivals_.by_file.erase(connection.server_id);
  }
  note_began(connection);
  if (connection.semisync) {
    Lock lock(ids_mutex_);
    semisync_ids_.insert(connection.server_id);
  }
  const auto newest = newest_.find(connection.server_id);
  if (newest == newest_.end() || newest->second.now.id < connection.id)
    newest_.insert_or_assign(connection.server_id, replica);
  known_.emplace(connection.id, std::move(replica));
}

/*
  The reply is one place for all. It came from one that was sent as much, and on
  each connection replies only go forward.
*/
void Proof::note_reply(const ReplicaObservation &seen) {
  // It is looked at once more when all is there.
  is_undecided_ = seen.is_incomplete && seen.reply != reply_;
  if (is_undecided_) return;
  if (seen.reply == reply_) {
    for (const std::uint64_t id : unseen_)
      if (gone_.count(id) != 0 && gone_.at(id).now.semisync)
        authors_.push_back(id);
    for (const std::uint64_t id : authors_) {
      const auto gone = gone_.find(id);
      if (gone != gone_.end()) gone_authors_.insert(*gone);
    }
    has_all_authors_ |= !seen.may_be_more;
    return;
  }
  reply_ = seen.reply;
  ++reply_number_;
  has_all_authors_ = !seen.may_be_more;
  authors_.clear();
  gone_authors_.clear();
  if (reply_.empty()) return;
  const auto may_be_author = [this](const Known &replica) {
    return replica.now.semisync &&
           (replica.replied.empty() || is_before(replica.replied, reply_));
  };
  for (auto &[id, replica] : known_)
    if (may_be_author(replica) && !is_before(replica.now.sent, reply_))
      authors_.push_back(id);
  for (auto &[id, replica] : gone_)
    if (may_be_author(replica)) {
      authors_.push_back(id);
      gone_authors_.emplace(id, replica);
    }
  if (authors_.size() != 1) return;
  const auto only = known_.find(authors_.front());
  if (only != known_.end()) only->second.replied = reply_;
}

void Proof::forget_reply() {
  Lock lock(mutex_);
  reply_ = {};
  authors_.clear();
  gone_authors_.clear();
}

History Proof::take_arrivals(std::uint64_t resets) {
  Lock lock(mutex_);
  if (resets != resets_) return {};
  return std::exchange(arrivals_, {});
}

Answer Proof::ask(const Demand &demand, const History &history,
                  OwedReader &reader) {
  Lock lock(mutex_);
  Answer answer;
  std::map<std::uint64_t, bool> proves;
  const auto consider = [&](std::uint64_t id, Known *replica) {
    // What it was sent, and where, is of another log.
    if (replica->now.of_this_log) judge(replica, demand, history, reader);
    proves[id] = covers(replica, demand, reader);
  };
  for (auto &[id, replica] : known_) {
    consider(id, &replica);
    note_if_by_file(replica, history);
  }
  for (auto &[id, replica] : gone_authors_) consider(id, &replica);

  // Whose reply it is may not be known yet; or it was followed by another.
  const bool is_reply_known =
      demand.acknowledged && demand.reply == reply_ && has_all_authors_;
  answer.is_undecided = demand.acknowledged && !is_reply_known;
  const bool acknowledged =
      is_reply_known && !authors_.empty() &&
      std::all_of(authors_.begin(), authors_.end(),
                  [&](std::uint64_t id) { return proves[id]; });
  for (auto &[id, replica] : known_) {
    if (!replica.now.semisync) continue;
    ReplicaStanding standing = this->standing(replica);
    const bool has_named_all = proves[id] && replica.named_all &&
                               (demand.stretch.to == replica.met ||
                                has_reached(replica.met, demand.stretch.to));
    const bool has_acknowledged =
        acknowledged && authors_.size() == 1 && authors_.front() == id;
    if (has_named_all || has_acknowledged) {
      standing.standing = Standing::PROVEN;
      standing.why = has_acknowledged
                         ? "it has acknowledged " + to_string(reply_) +
                               ", and has or was sent everything before that"
                         : "it named a GTID position that has everything in "
                           "doubt";
    } else {
      standing.standing = proves[id] ? Standing::NOT_YET : Standing::NEVER;
    }
    if (standing.standing == Standing::PROVEN && answer.by.empty())
      answer.by = name_of(replica.now) + ": " + standing.why;
    answer.proven |= standing.standing == Standing::PROVEN;
    answer.replicas.push_back(std::move(standing));
  }
  if (acknowledged && answer.by.empty()) {
    const auto here = known_.find(authors_.front());
    const Known &author = here != known_.end()
                              ? here->second
                              : gone_authors_.at(authors_.front());
    answer.by =
        name_of(author.now) +
        (authors_.size() > 1 ? ", or another one that has the same," : "") +
        " has acknowledged " + to_string(reply_) +
        ", and has or was sent everything before that";
  }
  answer.proven |= acknowledged;
  answer.reply_is_void = is_reply_known && !acknowledged;
  if (is_reply_known && demand.of_each) {
    Reply reply{reply_number_, reply_, {}};
    for (const std::uint64_t id : authors_) {
      const auto here = known_.find(id);
      const auto gone = gone_authors_.find(id);
      // Of one that left while it was not known whose a later reply is, nothing
      // is left; it proves nothing.
      const std::uint32_t server_id =
          here != known_.end()          ? here->second.now.server_id
          : gone != gone_authors_.end() ? gone->second.now.server_id
                                        : 0;
      reply.authors.push_back({id, server_id, proves[id]});
    }
    if (!reply.authors.empty()) answer.reply = std::move(reply);
  }
  if (demand.of_each) add_each(demand, history, reader, &answer);
  return answer;
}

/* After the connections that are there were judged. */
void Proof::add_each(const Demand &demand, const History &history,
                     OwedReader &reader, Answer *answer) {
  for (auto &[server_id, first_seen] : newest_) {
    const auto here = known_.find(first_seen.now.id);
    Known *replica = here != known_.end() ? &here->second : &first_seen;
    if (replica == &first_seen && replica->now.of_this_log)
      judge(replica, demand, history, reader);
    Arrival arrival{replica->now.id, server_id, name_of(replica->now),
                    replica->now.semisync, Arrival::Shows::LACK};
    const bool was_asked_when_it_came =
        has_reached(replica->met, demand.stretch.to);
    if (!covers(replica, demand, reader) || !was_asked_when_it_came) {
      // It is not even certain that it would be sent everything.
    } else if (replica->named_all) {
      arrival.shows = Arrival::Shows::ALL;
    } else if (!replica->now.uses_gtid &&
               has_reached(replica->first_sent, demand.stretch.to)) {
      arrival.shows = Arrival::Shows::NOTHING;
    }
    answer->arrivals.push_back(std::move(arrival));
  }
}

ServerIds Proof::semisync_replicas() const {
  Lock lock(ids_mutex_);
  return semisync_ids_;
}

/* Only while it is there: it may come back with GTIDs. */
void Proof::note_if_by_file(const Known &replica, const History &history) {
  const ReplicaConnection &now = replica.now;
  if (!now.uses_gtid && now.of_this_log && !replica.lacks_since &&
      history.by_file.count(now.server_id) == 0)
    arrivals_.by_file.insert(now.server_id);
}

/* Has it, or is it sent, everything of the stretch that was there when it was
   seen first? */
void Proof::judge(Known *replica, const Demand &demand, const History &history,
                  OwedReader &reader) {
  const BinlogPosition &from = demand.stretch.from;
  if (replica->from_oldest ||
      (!from.empty() && has_reached(from, replica->from))) {
    replica->lacks_since.reset();
    return;
  }
  if (replica->lacks_since == from) return;
  replica->why.clear();
  replica->advice.clear();
  const Owed &owed = read({from, replica->met}, demand.before, reader);
  bool named_all = true;
  if (!owed.unknown.empty()) {
    replica->why =
        "what is in doubt cannot be read from this server's binary log (" +
        owed.unknown + ")";
    replica->advice =
        "Compare it with this server, then open the gate with SET GLOBAL "
        "recovery_gate_open_now=ON";
    replica->lacks_since = from;
    if (replica->now.uses_gtid) arrivals_.behind.insert(replica->now.server_id);
    return;
  }
  if (!has_or_gets(replica, owed, history, reader, &named_all)) {
    replica->lacks_since = from;
    if (replica->now.uses_gtid) arrivals_.behind.insert(replica->now.server_id);
    return;
  }
  replica->lacks_since.reset();
  replica->from = from;
  replica->from_oldest = from.empty();
  replica->named_all = named_all;
}

bool Proof::has_or_gets(Known *replica, const Owed &owed,
                        const History &history, OwedReader &reader,
                        bool *named_all) {
  if (!replica->now.uses_gtid) {
    *named_all = false;  // it may have been sent some of it before it was seen
    if (!reader.is_end_of_event(replica->first_sent)) {
      replica->why = "no event of this binary log ends at " +
                     to_string(replica->first_sent) + ", where it began";
      replica->advice =
          "Its position is of another binary log. Rebuild it from a backup of "
          "this server";
      return false;
    }
  }
  return std::all_of(owed.domains.begin(), owed.domains.end(),
                     [&](const auto &domain) {
                       return has_or_gets(replica, domain.first, domain.second,
                                          history, reader, named_all);
                     });
}

bool Proof::has_or_gets(Known *replica, std::uint32_t domain,
                        const OwedDomain &owed, const History &history,
                        OwedReader &reader, bool *named_all) {
  const ReplicaConnection &now = replica->now;
  const auto lacks = [&](const std::string &why, const std::string &advice) {
    replica->why = why;
    replica->advice = advice;
    return false;
  };
  const bool can_be_sent = reader.is_there(owed.begin.file);
  const auto lacks_sent = [&] {
    return lacks(
        "the binary log " + owed.begin.file +
            " no longer exists, "
            "so nobody is sent " +
            owed_text(owed) +
            ", and its position does not show that it has that",
        "Have a replica that has it connect with MASTER_USE_GTID. When "
        "there is none, rebuild this one from a backup of this server, "
        "and open the gate with SET GLOBAL recovery_gate_open_now=ON");
  };
  const auto is_sent_all = [&] {
    *named_all = false;
    return can_be_sent || lacks_sent();
  };
  const auto named = now.position.find(domain);
  const bool names_none = now.uses_gtid && named == now.position.end();
  if (names_none ||
      (!now.uses_gtid && has_reached(owed.begin, replica->first_sent)))
    return is_sent_all();
  // It may have begun with the oldest log that was left, without any position.
  if (!now.uses_gtid && !can_be_sent) return lacks_sent();
  if (now.uses_gtid) {
    const Gtid &gtid = named->second;
    if (is_before_the_first(gtid, owed, replica->gtids)) return is_sent_all();
    const auto highest = owed.highest.find(gtid.server_id);
    if (highest == owed.highest.end() || highest->second < gtid.sequence) {
      const auto applied = replica->applied.find(domain);
      if (applied == replica->applied.end() || applied->second != gtid)
        return lacks(
            "its position, GTID " + to_string(gtid) +
                ", is not in this server's binary log, so it is not "
                "sent " +
                owed_text(owed),
            "If it has transactions that this server lacks, make it "
            "the primary. Otherwise set it back to a position before " +
                to_string(owed.first) +
                ", or rebuild it from a backup of this server");
      // Served from the first number that this server wrote after it.
      if (owed.hidden().empty() &&
          owed.writers == ServerIds{replica->own_server_id} &&
          owed.first.sequence > gtid.sequence)
        return is_sent_all();
      return lacks("its position, GTID " + to_string(gtid) +
                       ", is what this server applied as a replica and has not "
                       "in its binary log; it is served from the end of the "
                       "log, behind " +
                       owed_text(owed),
                   advice_to_compare(owed));
    }
    if (owed.writers.size() > 1 && gtid != owed.last && owed.hidden().empty())
      return lacks(owed_text(owed) +
                       " were written under several server ids, "
                       "and GTID " +
                       to_string(gtid) + " does not show which of them it has",
                   advice_to_compare(owed));
    if (gtid.sequence < owed.last.sequence) *named_all = false;
  }
  // Its place says that it has what comes next, unless it left it in between.
  if (was_told(history, domain, now.server_id, owed.first.sequence) &&
      (now.uses_gtid || history.behind.count(now.server_id) != 0))
    return lacks(shows_not(now, domain, owed) +
                     ": it began within a transaction, with a file and a "
                     "position, and was told then to name that as its GTID",
                 advice_to_compare(owed));
  // Behind some of them: what it has of those, it has to show by what it named.
  // In a file there is nothing that could hide another, unless it began with
  // GTIDs; and it may have another server id since. And of a file in another
  // history it is only told by numbers that go up.
  const bool is_known_by_file = history.by_file.count(now.server_id) != 0 ||
                                arrivals_.by_file.count(now.server_id) != 0;
  const bool may_have_skipped =
      now.uses_gtid || !is_known_by_file || !history.behind.empty() ||
      !history.earlier.empty() || !history.cut_off.empty();
  if (!owed.hidden().empty() && may_have_skipped)
    return lacks(shows_not(now, domain, owed) + ": " + owed.hidden(),
                 advice_to_compare(owed));
  if (!is_believed(
          history,
          {domain, owed.first.sequence, owed.last.sequence, owed.repeated},
          now.server_id))
    return lacks(
        shows_not(now, domain, owed) +
            (history.known
                 ? ": this server's binary log was begun anew, and the "
                   "same numbers were in use before"
                 : ": it is not known whether this server's binary log "
                   "was begun anew, with numbers that were in use "
                   "before"),
        advice_to_compare(owed));
  std::uint64_t passed_over =
      std::max(highest_in(history.passed_over, domain),
               highest_in(arrivals_.passed_over, domain));
  const auto applied = replica->applied.find(domain);
  if (applied != replica->applied.end() &&
      !contains(replica->gtids, applied->second))
    passed_over = std::max(passed_over, applied->second.sequence);
  if (may_have_skipped && owed.first.sequence <= passed_over)
    return lacks(
        shows_not(now, domain, owed) +
            ": a replica may have been served "
            "from behind that, when it named what this server had applied "
            "and has not in its binary log, up to number " +
            std::to_string(passed_over),
        advice_to_compare(owed));
  return true;
}

const Owed &Proof::read(const Stretch &stretch, const GtidState &before,
                        OwedReader &reader) {
  if (!read_stretch_ || !(*read_stretch_ == stretch) ||
      !read_.unknown.empty()) {
    read_ = reader.read(stretch, before);
    read_stretch_ = stretch;
  }
  return read_;
}

/* Does it prove the stretch when it acknowledges the end of it? */
bool Proof::covers(Known *replica, const Demand &demand, OwedReader &reader) {
  if (replica->lacks_since) return false;
  const auto lacks = [&](const std::string &why, const std::string &advice) {
    replica->why = why;
    replica->advice = advice;
    return false;
  };
  const ReplicaConnection &now = replica->now;
  if (!now.of_this_log)
    return lacks(
        "it was connected before the binary log was begun anew by "
        "RESET MASTER, and may still be acknowledging the old one",
        reset_advice);
  if (now.stops_early && !replica->named_all)
    return lacks(
        "it stops early (START SLAVE UNTIL), and need not be sent "
        "everything before what it acknowledges",
        "STOP SLAVE and START SLAVE there, without UNTIL");
  for (const auto &[source, number] : demand.written) {
    const std::string gtid =
        to_string(Gtid{source.domain, source.server_id, number});
    if (source.server_id == now.server_id)
      return lacks("GTID " + gtid + " was written here under server id " +
                       std::to_string(source.server_id) +
                       ", which is this replica's own: it drops what has that",
                   "Have another replica connect");
    if (replica->unserved.count(source.domain) != 0)
      return lacks(
          "its position in domain " + std::to_string(source.domain) +
              " is not in this server's binary log, so it is not sent "
              "GTID " +
              gtid,
          "If it has transactions that this server lacks, make it the "
          "primary. Otherwise set its position back, or rebuild it from a "
          "backup of this server");
  }
  // The same number once more is not among those.
  for (const auto &[source, number] : demand.before) {
    if (replica->unserved.count(source.domain) == 0) continue;
    const Owed &owed = read(demand.stretch, demand.before, reader);
    if (owed.unknown.empty() && owed.domains.count(source.domain) == 0)
      continue;
    return lacks(
        "its position in domain " + std::to_string(source.domain) +
            " is not in this server's binary log, so it is not sent what "
            "this server writes there",
        "If it has transactions that this server lacks, make it the "
        "primary. Otherwise set its position back, or rebuild it from a "
        "backup of this server");
  }
  if (now.leaves_out_marked) {
    const Owed &owed = read(demand.stretch, demand.before, reader);
    if (!owed.unknown.empty() || owed.marked())
      return lacks(
          "it has replicate_events_marked_for_skip=FILTER_ON_MASTER, "
          "and something that it would have to have is marked with "
          "skip_replication: it was not sent that",
          "Set replicate_events_marked_for_skip=REPLICATE there, set "
          "it back to a position before the transaction, and START "
          "SLAVE");
  }
  replica->why.clear();
  replica->advice.clear();
  return true;
}

ReplicaStanding Proof::standing(const Known &replica) const {
  ReplicaStanding standing;
  standing.connection = replica.now.id;
  standing.server_id = replica.now.server_id;
  standing.host = replica.now.host;
  standing.sent = replica.reached;
  standing.why = replica.why;
  standing.advice = replica.advice;
  standing.should_reconnect = !replica.now.of_this_log;
  return standing;
}

}  // namespace recovery_gate
