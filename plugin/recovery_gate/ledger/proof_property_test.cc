// SPDX-License-Identifier: GPL-2.0-only
/*
  Random histories of a primary and its replicas, against a model that knows
  which transactions each of them really has. The model serves as the server
  does (check_slave_start_position(), contains_all_slave_gtid(),
  gtid_find_binlog_file() and send_event_to_slave() in sql/sql_repl.cc, and with
  a GTID index do_index_search_root() in sql/gtid_index.cc), keeps one last
  reply for all as semi-sync does, sees what the adapter sees, and asks what the
  ledger asks.
*/
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <set>
#include <sstream>

#include "recovery_gate/ledger/proof.h"
#include "recovery_gate/ledger/replica_count.h"

namespace recovery_gate {
namespace {

constexpr std::uint32_t primary_id = 1;
constexpr std::uint64_t header_size = 300, event_size = 100;

struct Event {
  Gtid gtid;
  bool own = false, marked = false;
  int identity = 0;
};

/* As the Gtid_list at the start of a log: of each domain the last one comes
 * last. */
using GtidList = std::vector<Gtid>;

/* What the server's binary log state is, whatever numbers it was given. */
struct BinlogState {
  struct Domain {
    std::map<std::uint32_t, std::uint64_t> last;
    std::uint32_t last_writer = 0;
    std::uint64_t counter = 0;
  };
  std::map<std::uint32_t, Domain> domains;

  void update(const Gtid &gtid) {
    Domain &domain = domains[gtid.domain];
    domain.last[gtid.server_id] = gtid.sequence;
    domain.last_writer = gtid.server_id;
    domain.counter = std::max(domain.counter, gtid.sequence);
  }
  bool reaches(const Gtid &gtid) const {
    const auto domain = domains.find(gtid.domain);
    if (domain == domains.end()) return false;
    const auto last = domain->second.last.find(gtid.server_id);
    return last != domain->second.last.end() && last->second >= gtid.sequence;
  }
  std::uint64_t last_of(std::uint32_t number, std::uint32_t server) const {
    const auto domain = domains.find(number);
    if (domain == domains.end()) return 0;
    const auto last = domain->second.last.find(server);
    return last == domain->second.last.end() ? 0 : last->second;
  }
  GtidList list() const {
    GtidList list;
    for (const auto &[number, domain] : domains) {
      for (const auto &[server, sequence] : domain.last)
        if (server != domain.last_writer)
          list.push_back({number, server, sequence});
      list.push_back(
          {number, domain.last_writer, domain.last.at(domain.last_writer)});
    }
    return list;
  }
  GtidState gtids() const {
    GtidState gtids;
    for (const auto &[number, domain] : domains)
      for (const auto &[server, sequence] : domain.last)
        gtids[{number, server}] = sequence;
    return gtids;
  }
};

/* A place that a replica may be served from, and what is before it. */
struct IndexKey {
  std::size_t events_before;
  GtidList list;
};

struct Log {
  unsigned number;
  GtidList list;
  std::vector<Event> events;
  std::vector<IndexKey> index;  // without the one at its start

  std::string name() const {
    char text[32];
    std::snprintf(text, sizeof text, "bin.%06u", number);
    return text;
  }
  BinlogPosition place(std::size_t events_before) const {
    return {name(), header_size + event_size * events_before};
  }
};

/* What may happen in a history. */
struct Rules {
  bool receives = true, resets = true, again = true, crashes = true;
  bool by_file = true, duplicates = true, marks = true;
  int domains = 2;
  /* Nothing is seen late. */
  bool prompt = false;
  /* Logs are purged that hold what is owed, and were read before. */
  bool expires = false;
  /* Logs have a GTID index, as from 11.4 on. */
  bool indexed = false;
  /* Several replicas have to have what is owed, and some do not count; what one
     has may be lost while it is away. */
  bool counts = false;
  /* Two machines have one server id. */
  bool twins = false;
};

class RandomHistory {
 public:
  RandomHistory(unsigned seed, const Rules &rules)
      : random_(seed), rules_(rules) {
    log_slave_updates_ = one_in(2);
    for (std::size_t i = 0; i < machines(); ++i) {
      Replica &replica = replicas_[i];
      replica.server_id = i == 0   ? 9
                          : i == 3 ? replicas_[1].server_id
                                   : 20 + static_cast<std::uint32_t>(i);
      replica.uses_gtid = i == 0 || !rules.by_file || !one_in(6);
      replica.ignores_duplicates = rules.duplicates && one_in(5);
      replica.leaves_out_marked = rules.marks && one_in(5);
      replica.semisync = !one_in(8);
    }
    logs_.push_back({1, {}, {}, {}});
    settled_ = end();
  }

  /* False: something was said to be proven that nobody has. */
  bool run(int steps) {
    for (int step = 0; step < steps && sound_; ++step) {
      switch (pick(20)) {
        case 0:
        case 1:
        case 2:
          write();
          break;
        case 3:
          write_again();
          break;
        case 4:
        case 5:
          upstream_writes();
          break;
        case 6:
        case 7:
          receive();
          break;
        case 8:
          switch_roles();
          break;
        case 9:
        case 10:
          connect(any());
          break;
        case 11:
          if (rules_.counts && one_in(2))
            disturb(any());
          else
            disconnect(any());
          break;
        case 12:
        case 13:
        case 14:
          serve(any());
          break;
        case 15:
          if (rules_.counts && one_in(2))
            lose(any());
          else
            follow_upstream(any());
          break;
        case 16:
          if (one_in(2))
            rotate();
          else
            purge();
          break;
        case 17:
          if (one_in(3))
            reset();
          else if (one_in(2))
            crash();
          else if (one_in(2))
            switch_off();
          break;
        case 18:
        case 19:
          look();
          break;
      }
      if (rules_.prompt) look();
    }
    if (sound_) look();
    return sound_;
  }

  /* After a crash: does the gate open for a replica that is sent everything and
     acknowledges it, at the second connection at the latest? */
  bool opens_for_an_honest_replica() {
    if (!is_open()) look();
    if (is_open()) crash();
    is_calm_ = true;
    Replica &replica = any();
    replica.semisync = true;
    for (int attempt = 0; attempt < 2 && awaited_; ++attempt) {
      disconnect(replica);
      connect(replica);
      if (!replica.connected) return true;  // what it needs was purged
      ++honest_;
      look();
      while (send_one(replica)) {
      }
      replica.connection.sent = find(replica.log)->place(replica.next);
      acknowledge(replica);
      look();
    }
    return !awaited_;
  }

  std::string story() const { return story_.str(); }
  int proven() const { return proven_; }
  int honest() const { return honest_; }

 private:
  struct Entry {
    Gtid gtid;
    bool on_empty_domain = false;
  };
  struct Replica {
    std::uint32_t server_id = 0;
    bool uses_gtid = true, ignores_duplicates = false,
         leaves_out_marked = false;
    bool semisync = true;
    std::set<int> has;
    GtidPosition position;  // gtid_slave_pos
    BinlogPosition file;    // by file and position: where it is
    // From upstream: per domain the place in its stream from which on it reads.
    std::size_t upstream = 0;
    std::map<std::uint32_t, std::size_t> upstream_from;
    bool follows_upstream = false;

    bool connected = false, of_this_log = true;
    ReplicaConnection connection;
    std::map<std::uint32_t, Entry> skips;
    unsigned log = 0;             // number
    std::size_t next = 0;         // event of it
    BinlogPosition sent;          // the last that was not left out
    BinlogPosition acknowledged;  // on this connection

    std::set<int> had;                         // when it left last
    std::optional<std::set<int>> earlier_has;  // as it may be set back to
    GtidPosition earlier_position;
    BinlogPosition earlier_file;
  };

  std::uint32_t pick(std::uint32_t below) { return random_() % below; }
  bool one_in(std::uint32_t many) { return pick(many) == 0; }
  Replica &any() {
    return replicas_[pick(static_cast<std::uint32_t>(machines()))];
  }
  std::size_t machines() const { return rules_.twins ? 4 : 3; }
  Replica &upstream() { return replicas_[0]; }
  std::uint32_t domain() {
    return pick(4) == 0 ? pick(static_cast<std::uint32_t>(rules_.domains)) : 0;
  }
  std::ostream &tell() { return story_ << "\n  "; }

  BinlogPosition end() const {
    return logs_.back().place(logs_.back().events.size());
  }
  bool is_open() const { return !awaited_; }

  /* The primary. */
  void append(const Event &event) {
    Log &log = logs_.back();
    log.events.push_back(event);
    state_.update(event.gtid);
    if (rules_.indexed && one_in(3))
      log.index.push_back({log.events.size(), state_.list()});
  }
  void write() {
    if (!is_open()) return;
    Event event;
    event.gtid = {domain(), primary_id, 0};
    // Its counter takes what it applied as a replica into account.
    std::uint64_t counter = 0;
    const auto known = state_.domains.find(event.gtid.domain);
    if (known != state_.domains.end()) counter = known->second.counter;
    const auto applied = applied_.find(event.gtid.domain);
    if (applied != applied_.end() && !one_in(6))
      counter = std::max(counter, applied->second.sequence);
    event.gtid.sequence = counter + 1;
    event.own = true;
    event.marked = rules_.marks && one_in(12);
    event.identity = identities_++;
    append(event);
    tell() << "primary writes " << to_string(event.gtid) << " #"
           << event.identity << (event.marked ? " marked" : "");
  }
  /* SET gtid_seq_no, not in strict mode. */
  void write_again() {
    if (!rules_.again || !is_open() || !one_in(3)) return;
    Event event;
    event.gtid = {domain(), primary_id, 0};
    const auto known = state_.domains.find(event.gtid.domain);
    if (known == state_.domains.end()) return;
    event.gtid.sequence =
        1 + pick(static_cast<std::uint32_t>(known->second.counter + 3));
    event.own = true;
    event.identity = identities_++;
    append(event);
    tell() << "primary writes, by gtid_seq_no, " << to_string(event.gtid)
           << " #" << event.identity;
  }
  void rotate() {
    const Log next{logs_.back().number + 1, state_.list(), {}, {}};
    logs_.push_back(next);
    tell() << "rotation to " << logs_.back().name();
  }
  void purge() {
    if (logs_.size() < 2 ||
        (!rules_.expires && logs_.front().number >= log_of(settled_)))
      return;
    for (const Replica &replica : replicas_)
      if (replica.connected && replica.of_this_log &&
          replica.log == logs_.front().number)
        return;  // it is in use
    tell() << "purge of " << logs_.front().name();
    gone_.push_back(logs_.front());
    logs_.erase(logs_.begin());
  }
  static unsigned log_of(const BinlogPosition &position) {
    return position.file.size() < 4
               ? 0
               : static_cast<unsigned>(std::stoul(position.file.substr(4)));
  }
  void switch_off() {
    reply_counts_ = false;
    tell() << "semi-sync is switched off";
  }
  void reset() {
    if (!rules_.resets || !is_open()) return;
    logs_.clear();
    gone_.clear();
    state_ = {};
    logs_.push_back({1, {}, {}, {}});
    reply_ = {};
    reply_counts_ = false;
    ++resets_;
    was_reset_ = true;
    for (Replica &replica : replicas_) {
      if (replica.connected) replica.of_this_log = false;
      replica.earlier_has.reset();
    }
    tell() << "RESET MASTER";
  }
  void crash() {
    if (!rules_.crashes || !is_open()) return;
    for (Replica &replica : replicas_) {
      if (replica.connected) replica.had = replica.has;
      replica.connected = false;
    }
    ended_.clear();
    ending_.clear();
    reply_ = {};
    reply_counts_ = false;
    proof_ = std::make_unique<Proof>();
    if (!is_quiet_) history_.by_file.clear();
    // What the last look has not seen of a reset, the next start has to find.
    if (ledger_resets_ != resets_) begin_anew();
    resets_ = ledger_resets_ = 0;
    is_replica_ = false;
    pending_.reset();
    was_acknowledged_ = false;
    logs_.push_back({logs_.back().number + 1, state_.list(), {}, {}});
    awaited_ = Sample{end(), state_.gtids()};
    tell() << "crash; closed until " << to_string(awaited_->end);
    if (rules_.counts) choose_policy();
  }
  void choose_policy() {
    count_ = ReplicaCount();
    policy_ = ReplicaPolicy();
    policy_.count = 1 + pick(3);
    for (const std::uint32_t id : {9, 21, 22})
      if (one_in(3)) policy_.excluded.insert(id);
    tell() << policy_.count << " of those needed that count:";
    for (const std::uint32_t id : {9, 21, 22})
      if (policy_.counts(id)) story_ << " " << id;
  }
  /* Back to what the machine had at some time before, or nothing of it. */
  void lose(Replica &replica) {
    if (!awaited_ || replica.connected || replica.follows_upstream ||
        &replica == &upstream())
      return;
    if (!replica.earlier_has || one_in(3)) {
      replica.earlier_has = replica.has;
      replica.earlier_position = replica.position;
      replica.earlier_file = replica.file;
      return;
    }
    replica.has = *replica.earlier_has;
    replica.position = replica.earlier_position;
    replica.file = replica.earlier_file;
    tell() << "replica " << replica.server_id << " loses what it had";
  }

  /* The server above, which follows the primary or is followed by it. */
  void upstream_writes() {
    if (!rules_.receives) return;
    Event event;
    event.gtid = {domain(), upstream().server_id, 0};
    event.gtid.sequence = ++upstream_counter_[event.gtid.domain];
    event.identity = identities_++;
    upstream_stream_.push_back(event);
    upstream().has.insert(event.identity);
    upstream().position[event.gtid.domain] = event.gtid;
    tell() << "upstream writes " << to_string(event.gtid) << " #"
           << event.identity;
  }
  /* Where each domain of upstream's stream begins for who names this. */
  bool find_upstream(const GtidPosition &position,
                     std::map<std::uint32_t, std::size_t> *from) const {
    from->clear();
    for (const auto &[domain, gtid] : position) {
      const auto here = std::find_if(
          upstream_stream_.begin(), upstream_stream_.end(),
          [&gtid = gtid](const Event &event) { return event.gtid == gtid; });
      if (here == upstream_stream_.end()) {
        const bool has_domain =
            std::any_of(upstream_stream_.begin(), upstream_stream_.end(),
                        [&domain = domain](const Event &event) {
                          return event.gtid.domain == domain;
                        });
        if (has_domain) return false;
        continue;
      }
      (*from)[domain] =
          static_cast<std::size_t>(here - upstream_stream_.begin()) + 1;
    }
    return true;
  }
  void switch_roles() {
    if (!rules_.receives) return;
    if (is_replica_) {
      is_replica_ = false;
      tell() << "primary stops to replicate";
    } else if (find_upstream(applied_, &received_from_)) {
      is_replica_ = true;
      received_ = 0;
      // There may be a crash before anybody has seen that.
      is_noticed_ = one_in(2);
      ledger_received_ |= is_noticed_;
      tell() << "primary replicates";
    }
  }
  void receive() {
    if (!is_replica_) return;
    // What this server had applied when a replica came is seen a moment later:
    // that it moves on meanwhile is not in the model.
    look();
    for (std::uint32_t many = 1 + pick(3); many > 0; --many) {
      if (received_ == upstream_stream_.size()) return;
      const Event event = upstream_stream_[received_++];
      const auto from = received_from_.find(event.gtid.domain);
      if (from != received_from_.end() && received_ <= from->second) continue;
      applied_[event.gtid.domain] = event.gtid;
      if (event.gtid.server_id != primary_id && log_slave_updates_) {
        Event logged = event;
        logged.own = false;
        append(logged);
      }
      tell() << "primary receives " << to_string(event.gtid)
             << (log_slave_updates_ ? ", logged" : "");
    }
  }
  void follow_upstream(Replica &replica) {
    if (&replica == &upstream() || !rules_.receives) return;
    // Upstream may have what was in the primary's log before it was begun anew:
    // who gets that from there, names it as if it had it from the primary.
    if (was_reset_) return;
    if (replica.connected && !replica.ignores_duplicates) return;
    if (!replica.follows_upstream) {
      if (!find_upstream(replica.position, &replica.upstream_from)) return;
      replica.upstream = 0;
      replica.follows_upstream = true;
    }
    if (replica.upstream == upstream_stream_.size()) return;
    const Event &event = upstream_stream_[replica.upstream++];
    const auto from = replica.upstream_from.find(event.gtid.domain);
    if (from != replica.upstream_from.end() && replica.upstream <= from->second)
      return;
    take(replica, event);
    tell() << "replica " << replica.server_id << " gets "
           << to_string(event.gtid) << " from upstream";
  }
  void take(Replica &replica, const Event &event) {
    // It drops what has its own id; but it takes note of the GTID.
    if (event.gtid.server_id != replica.server_id)
      replica.has.insert(event.identity);
    // What gtid_ignore_duplicates drops, it has in its relay log.
    if (replica.ignores_duplicates &&
        replica.position.count(event.gtid.domain) != 0 &&
        replica.position.at(event.gtid.domain).sequence >= event.gtid.sequence)
      return;
    replica.position[event.gtid.domain] = event.gtid;
    if (&replica == &upstream() && event.gtid.server_id != replica.server_id) {
      upstream_stream_.push_back(event);
      std::uint64_t &counter = upstream_counter_[event.gtid.domain];
      counter = std::max(counter, event.gtid.sequence);
    }
  }

  /* A replica asks for the binary log. */
  void connect(Replica &replica) {
    if (replica.connected) return;
    for (Replica &other : replicas_)
      if (&other != &replica && other.server_id == replica.server_id)
        disconnect(other);
    // CHANGE MASTER between GTIDs and the place that it has come to.
    if (rules_.by_file && &replica != &upstream() && !replica.file.empty() &&
        one_in(6))
      replica.uses_gtid = !replica.uses_gtid;
    replica.skips.clear();
    const Log *log = &logs_.front();
    replica.next = 0;
    if (replica.uses_gtid) {
      if (!check_start(replica)) return;
      log = find_log(replica);
      if (log == nullptr) return;
      replica.sent = replica.next == 0 ? BinlogPosition{log->name(), 4}
                                       : log->place(replica.next);
    } else {
      if (!replica.file.empty()) {
        const auto found = std::find_if(
            logs_.begin(), logs_.end(),
            [&](const Log &one) { return one.name() == replica.file.file; });
        if (found == logs_.end() ||
            replica.file.offset > found->place(found->events.size()).offset)
          return;
        log = &*found;
        replica.next = (replica.file.offset - header_size) / event_size;
      } else if (logs_.front().number != 1 && !rules_.expires) {
        return;
      }
      replica.sent = log->place(replica.next);
    }
    is_quiet_ = false;
    replica.log = log->number;
    replica.connected = replica.of_this_log = true;
    replica.acknowledged = {};
    if (!replica.ignores_duplicates) replica.follows_upstream = false;
    ReplicaConnection &connection = replica.connection;
    connection = {};
    connection.id = next_connection_++;
    connection.server_id = replica.server_id;
    connection.semisync = replica.semisync;
    connection.uses_gtid = replica.uses_gtid;
    if (replica.uses_gtid) connection.position = replica.position;
    connection.leaves_out_marked = replica.leaves_out_marked;
    connection.sent = replica.sent;
    acknowledge(replica);  // where it begins counts as a reply
    auto &out = tell();
    out << "replica " << replica.server_id << " connects (" << connection.id
        << (replica.semisync ? ", semi-sync" : "")
        << (replica.ignores_duplicates ? ", ignores duplicates" : "")
        << (replica.leaves_out_marked ? ", leaves out marked" : "") << ") at";
    if (!replica.uses_gtid) out << " " << to_string(replica.file);
    for (const auto &[number, gtid] : connection.position)
      out << " " << to_string(gtid);
    out << ", served from " << to_string(replica.sent);
  }
  bool check_start(Replica &replica) {
    for (const auto &[domain, gtid] : replica.position) {
      const auto applied = applied_.find(domain);
      const bool is_own_place =
          applied != applied_.end() && applied->second == gtid;
      Entry entry{gtid};
      const bool has_domain = state_.domains.count(domain) != 0;
      if (state_.reaches(gtid)) {
      } else if (!is_own_place) {
        if (!has_domain) {
          entry.on_empty_domain = true;
        } else {
          const BinlogState::Domain &here = state_.domains.at(domain);
          if (!replica.ignores_duplicates ||
              here.last.at(here.last_writer) >= gtid.sequence)
            return false;
        }
      } else if (state_.last_of(domain, primary_id) > gtid.sequence) {
        entry.gtid.server_id = primary_id;
      } else if (has_domain) {
        const BinlogState::Domain &here = state_.domains.at(domain);
        entry.gtid = {domain, here.last_writer, here.last.at(here.last_writer)};
      } else {
        continue;
      }
      replica.skips.emplace(domain, entry);
    }
    return true;
  }
  static bool contains_all(const Replica &replica, const GtidList &list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto skip = replica.skips.find(list[i].domain);
      if (skip == replica.skips.end()) return false;
      const Gtid &gtid = skip->second.gtid;
      if (gtid.server_id != list[i].server_id ||
          gtid.sequence > list[i].sequence)
        continue;
      if (gtid.sequence < list[i].sequence) return false;
      if (i + 1 < list.size() && list[i + 1].domain == list[i].domain)
        return false;
    }
    return true;
  }
  const Log *find_log(Replica &replica) {
    for (auto log = logs_.rbegin(); log != logs_.rend(); ++log) {
      if (!contains_all(replica, log->list)) continue;
      const GtidList *before = &log->list;
      if (const IndexKey *key = find_in_index(replica, *log)) {
        replica.next = key->events_before;
        before = &key->list;
      }
      for (const Gtid &gtid : *before) {
        const auto skip = replica.skips.find(gtid.domain);
        if (skip != replica.skips.end() && skip->second.gtid == gtid)
          replica.skips.erase(skip);
      }
      return &*log;
    }
    return nullptr;
  }
  /* A tree of two levels, with few keys to a page: where numbers go back it
     need not find the first place that is too far. Now and then a log has lost
     its index. */
  const IndexKey *find_in_index(const Replica &replica, const Log &log) {
    if (log.index.empty() || one_in(8)) return nullptr;
    const std::size_t page = 1 + pick(4);
    std::size_t first = 0, last = 0;
    while (first + page < log.index.size() &&
           contains_all(replica, log.index[first + page].list))
      first += page;
    if (!contains_all(replica, log.index[first].list)) return nullptr;
    for (last = first; last + 1 < std::min(first + page, log.index.size()) &&
                       contains_all(replica, log.index[last + 1].list);)
      ++last;
    return &log.index[last];
  }
  void disconnect(Replica &replica) {
    if (!replica.connected) return;
    replica.connected = false;
    replica.had = replica.has;
    ReplicaConnection connection = replica.connection;
    connection.of_this_log = replica.of_this_log;
    EndedReplica ended{connection, reply_};
    ended.resets = resets_;
    (!rules_.prompt && one_in(3) ? ending_ : ended_).push_back(ended);
    tell() << "connection " << connection.id << " ends";
  }

  /* It is made to connect once more, and does so as it is. */
  void disturb(Replica &replica) {
    if (!replica.connected || !replica.of_this_log || !awaited_) return;
    disconnect(replica);
    count_.disturbed({replica.server_id});
    connect(replica);
  }

  void serve(Replica &replica) {
    if (!replica.connected) return;
    if (!replica.of_this_log) {
      // It may still acknowledge something of the log that it was sent.
      acknowledge(replica);
      if (one_in(2)) disconnect(replica);
      return;
    }
    for (std::uint32_t many = 1 + pick(8); many > 0; --many)
      if (!send_one(replica)) break;
    replica.connection.sent = find(replica.log)->place(replica.next);
    tell() << "replica " << replica.server_id << " was sent up to "
           << to_string(replica.connection.sent);
    if (!replica.connected || one_in(3)) return;
    acknowledge(replica);
  }
  Log *find(unsigned number) {
    for (Log &log : logs_)
      if (log.number == number) return &log;
    return nullptr;
  }
  bool send_one(Replica &replica) {
    Log *log = find(replica.log);
    if (has_reached(log->place(0), replica.sent) && replica.next == 0)
      replica.sent = log->place(0);  // the header, which everybody is sent
    if (replica.next == log->events.size()) {
      if (log == &logs_.back()) return false;
      ++replica.log;
      replica.next = 0;
      replica.sent = find(replica.log)->place(0);
      replica.file = replica.sent;
      return true;
    }
    const Event event = log->events[replica.next];
    const auto skip = replica.skips.find(event.gtid.domain);
    bool left_out = false;
    if (skip != replica.skips.end()) {
      Entry &entry = skip->second;
      if (entry.on_empty_domain) {
        if (!state_.reaches(entry.gtid)) {
          disconnect(replica);
          return false;
        }
        entry.on_empty_domain = false;
      }
      const Gtid gtid = entry.gtid;
      left_out = event.gtid.server_id != gtid.server_id ||
                 event.gtid.sequence <= gtid.sequence;
      if (event.gtid.server_id == gtid.server_id &&
          event.gtid.sequence >= gtid.sequence)
        replica.skips.erase(skip);
    }
    ++replica.next;
    replica.file = log->place(replica.next);
    // The GTID event has the flag too, so such a replica's position stays.
    if (left_out || (event.marked && replica.leaves_out_marked)) return true;
    replica.sent = log->place(replica.next);
    take(replica, event);
    return true;
  }
  void acknowledge(Replica &replica) {
    if (!replica.semisync || replica.sent == replica.acknowledged) return;
    replica.acknowledged = replica.sent;
    if (reply_counts_ && !has_reached(replica.sent, reply_)) return;
    reply_ = replica.sent;
    reply_counts_ = true;
    if (replica.sent.offset > 4)
      tell() << "replica " << replica.server_id << " acknowledges "
             << to_string(reply_);
  }

  /* The adapter. */
  BinlogPosition observe() {
    ReplicaObservation seen;
    seen.resets = resets_;
    seen.own_server_id = primary_id;
    if (!reply_.empty() && !has_reached(end(), reply_)) {
      reply_ = {};
      reply_counts_ = false;
    }
    seen.reply = reply_;
    for (Replica &replica : replicas_) {
      if (!replica.connected) continue;
      replica.connection.of_this_log = replica.of_this_log;
      seen.connections.push_back(replica.connection);
    }
    seen.is_incomplete = !rules_.prompt && !is_calm_ && one_in(5);
    seen.ended.swap(ended_);
    // Neither is it served any more, nor has its session ended.
    seen.may_be_more = !ending_.empty();
    ended_.swap(ending_);
    if (!seen.ended.empty() || !proof_->knows_all(resets_, seen.connections)) {
      seen.end = end();
      seen.gtids = state_.gtids();
      for (const auto &[domain, gtid] : applied_)
        if (state_.domains.count(domain) != 0) seen.applied[domain] = gtid;
    }
    proof_->observe(seen);
    return seen.reply;
  }

  /* The ledger and the gate. */
  struct Sample {
    BinlogPosition end;
    GtidState gtids;
  };

  void begin_anew() {
    branch_off({}, {last_gtids_}, &history_);
    history_.known = true;
    history_.replica_ids.clear();
    history_.replicas.clear();
    history_.behind.clear();
    history_.by_file.clear();
    pending_.reset();
    settled_ = state_.domains.empty() ? end() : BinlogPosition();
    before_ = {};
    ledger_resets_ = resets_;
  }
  void look() {
    if (is_replica_ && is_noticed_) ledger_received_ = true;
    const BinlogPosition reply = observe();
    is_quiet_ |= one_in(3);  // nobody has logged in for long
    if (resets_ != ledger_resets_) begin_anew();
    last_gtids_ = state_.gtids();
    if (awaited_) {
      was_acknowledged_ |= has_reached(reply, awaited_->end);
      const Answer answer = ask(*awaited_, reply);
      if (rules_.counts) count(answer);
      const bool hides_others =
          rules_.counts ? answer.reply.has_value() : answer.reply_is_void;
      const bool proven =
          rules_.counts ? count_.tally(policy_).is_enough() : answer.proven;
      if (hides_others) {
        if (reply == reply_) {
          reply_ = {};
          reply_counts_ = false;
        }
        proof_->forget_reply();
      }
      if (proven && was_acknowledged_) {
        if (rules_.counts)
          check_count();
        else
          check(*awaited_, answer);
        settle(*awaited_);
        awaited_.reset();
      } else if (!is_calm_ && one_in(12)) {
        tell() << "opened manually";
        settle(*awaited_);
        awaited_.reset();
      }
    } else {
      if (!pending_) pending_ = Sample{end(), state_.gtids()};
      const Answer answer = ask(*pending_, reply);
      if (answer.proven) {
        check(*pending_, answer);
        settle(*pending_);
        pending_.reset();
      }
    }
    History arrivals = proof_->take_arrivals(resets_);
    if (!arrivals.earlier.empty()) {
      bool known = true;
      for (const auto &[source, number] : arrivals.earlier)
        known &= history_.earlier.count(source) != 0 &&
                 history_.earlier.at(source) >= number;
      if (!known) {
        branch_off({}, {arrivals.earlier}, &history_);
        history_.replica_ids.clear();
        history_.replicas.clear();
        history_.behind.clear();
        history_.by_file.clear();
      }
    }
    if (!is_in_question(history_)) {
      arrivals.replica_ids.clear();
      arrivals.replicas.clear();
    }
    add_arrivals(arrivals, &history_);
  }
  void settle(const Sample &sample) {
    settled_ = sample.end;
    before_ = sample.gtids;
    ledger_received_ = is_replica_ && is_noticed_;
    history_.known = true;
    history_.behind.clear();
    history_.passed_over.clear();
  }
  Demand demand(const Sample &sample, const BinlogPosition &reply) {
    Demand demand;
    demand.stretch = {settled_, sample.end};
    demand.before = before_;
    demand.writers.own = {primary_id};
    if (!ledger_received_)
      for (const auto &[source, number] : sample.gtids)
        if (source.server_id != primary_id)
          demand.writers.assumed.insert(source.server_id);
    demand.written = written_since(before_, sample.gtids, demand.writers.all());
    if (demand.written.empty())
      demand.written = from_servers(sample.gtids, {primary_id});
    demand.acknowledged = has_reached(reply, sample.end);
    demand.reply = reply;
    demand.of_each = rules_.counts && awaited_;
    return demand;
  }

  class Reader final : public OwedReader {
   public:
    Reader(const RandomHistory &history, Writers writers)
        : history_(history), writers_(std::move(writers)) {}
    Owed read(const Stretch &stretch, const GtidState &before) override {
      GtidState at_start = before;
      if (stretch.from.empty()) {
        at_start.clear();
        for (const Gtid &gtid : history_.oldest().list)
          at_start[{gtid.domain, gtid.server_id}] = gtid.sequence;
      }
      OwedCollector collector(at_start);
      history_.each(stretch, [&](const Log &log, std::size_t i) {
        const Event &event = log.events[i];
        Transaction transaction;
        transaction.gtid = event.gtid;
        transaction.kind = TransactionKind::COMMIT_XID;
        transaction.marked = event.marked;
        transaction.begin = log.place(i).offset;
        collector.add(transaction, writers_.of(event.gtid.server_id),
                      log.name());
      });
      return collector.take();
    }
    bool is_end_of_event(const BinlogPosition &) override { return true; }
    bool is_there(const std::string &file) override {
      return std::any_of(history_.logs_.begin(), history_.logs_.end(),
                         [&](const Log &log) { return log.name() == file; });
    }

   private:
    const RandomHistory &history_;
    Writers writers_;
  };

  const Log &oldest() const {
    return rules_.expires && !gone_.empty() ? gone_.front() : logs_.front();
  }

  template <class Use>
  void each(const Stretch &stretch, Use use) const {
    std::vector<Log> all;
    if (rules_.expires) all = gone_;
    all.insert(all.end(), logs_.begin(), logs_.end());
    for (const Log &log : all)
      for (std::size_t i = 0; i < log.events.size(); ++i)
        if ((stretch.from.empty() || has_reached(log.place(i), stretch.from)) &&
            has_reached(stretch.to, log.place(i + 1)))
          use(log, i);
  }

  Answer ask(const Sample &sample, const BinlogPosition &reply) {
    const Demand asked = demand(sample, reply);
    Reader reader(*this, asked.writers);
    return proof_->ask(asked, history_, reader);
  }

  std::set<int> owed_in(const Sample &sample) const {
    std::set<int> owed;
    each({settled_, sample.end}, [&](const Log &log, std::size_t i) {
      if (log.events[i].own) owed.insert(log.events[i].identity);
    });
    return owed;
  }

  /* A machine with that id has it all, or had when it was seen last. */
  bool has_it(std::uint32_t server_id, const std::set<int> &owed) const {
    return std::any_of(
        replicas_.begin(), replicas_.end(), [&](const Replica &replica) {
          const std::set<int> &has =
              rules_.counts && !replica.connected ? replica.had : replica.has;
          return replica.server_id == server_id &&
                 std::includes(has.begin(), has.end(), owed.begin(),
                               owed.end());
        });
  }

  /* Of each that is said to be proven. */
  void count(const Answer &answer) {
    count_.add(answer);
    const std::set<int> owed = owed_in(*awaited_);
    for (const ProvenReplica &replica : count_.tally(policy_).replicas) {
      if (has_it(replica.server_id, owed)) continue;
      sound_ = false;
      tell() << "PROVEN " << replica.name
             << ", which has not got it: " << replica.why;
    }
  }
  void check_count() {
    const std::set<int> owed = owed_in(*awaited_);
    proven_ += !owed.empty();
    std::uint32_t have_it = 0;
    for (const std::uint32_t id : {9, 21, 22})
      have_it += policy_.counts(id) && has_it(id, owed);
    if (have_it >= policy_.count) return;
    sound_ = false;
    tell() << "OPEN with " << have_it << " of " << policy_.count;
  }

  void check(const Sample &sample, const Answer &answer) {
    const std::set<int> owed = owed_in(sample);
    proven_ += !owed.empty();
    for (const Replica &replica : replicas_)
      if (has_it(replica.server_id, owed)) return;
    sound_ = false;
    auto &out = tell();
    out << "PROVEN by " << answer.by << ", from " << to_string(settled_)
        << " to " << to_string(sample.end) << ", owed:";
    for (const int identity : owed) out << " #" << identity;
    for (const Replica &replica : replicas_) {
      out << "\n  replica " << replica.server_id << " lacks";
      for (const int identity : owed)
        if (replica.has.count(identity) == 0) out << " #" << identity;
    }
  }

  std::minstd_rand random_;
  const Rules rules_;
  std::ostringstream story_;
  bool sound_ = true, is_calm_ = false;
  int proven_ = 0, honest_ = 0, identities_ = 0;

  std::vector<Log> logs_, gone_;
  BinlogState state_;
  bool log_slave_updates_, is_replica_ = false, is_noticed_ = false;
  GtidPosition applied_;  // gtid_slave_pos
  std::uint64_t resets_ = 0;
  bool was_reset_ = false;
  BinlogPosition reply_;
  bool reply_counts_ = false;

  std::array<Replica, 4> replicas_;
  std::vector<EndedReplica> ended_, ending_;
  ReplicaCount count_;
  ReplicaPolicy policy_;
  std::uint64_t next_connection_ = 100;

  std::vector<Event> upstream_stream_;
  std::map<std::uint32_t, std::uint64_t> upstream_counter_;
  std::size_t received_ = 0;
  std::map<std::uint32_t, std::size_t> received_from_;

  std::unique_ptr<Proof> proof_ = std::make_unique<Proof>();
  History history_;
  BinlogPosition settled_;
  GtidState before_, last_gtids_;
  std::optional<Sample> pending_, awaited_;
  bool ledger_received_ = false, was_acknowledged_ = false;
  std::uint64_t ledger_resets_ = 0;
  bool is_quiet_ = false;
};

unsigned number_from(const char *variable, unsigned otherwise) {
  const char *text = std::getenv(variable);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::atoi(text));
}

void expect_sound(const Rules &rules, unsigned first, unsigned many,
                  int steps) {
  first = number_from("PROOF_SEED", first);
  many = number_from("PROOF_HISTORIES", many);
  steps = static_cast<int>(
      number_from("PROOF_STEPS", static_cast<unsigned>(steps)));
  int proven = 0;
  for (unsigned seed = first; seed < first + many; ++seed) {
    RandomHistory history(seed, rules);
    ASSERT_TRUE(history.run(steps))
        << "seed " << seed << ":" << history.story();
    proven += history.proven();
  }
  EXPECT_GT(proven, 0);
}

TEST(ProofOfRandomHistories, IsTrueWhateverHappens) {
  expect_sound({}, 1, 20000, 60);
}

TEST(ProofOfRandomHistories, IsTrueWhenLogsExpire) {
  Rules rules;
  rules.expires = true;
  expect_sound(rules, 1, 20000, 60);
}

TEST(ProofOfRandomHistories, CountsNobodyWhoHasNotGotIt) {
  Rules rules;
  rules.counts = true;
  expect_sound(rules, 1, 20000, 80);
}

TEST(ProofOfRandomHistories, CountsOneServerIdOnce) {
  Rules rules;
  rules.counts = rules.twins = true;
  rules.resets = false;
  expect_sound(rules, 1, 20000, 80);
}

TEST(ProofOfRandomHistories, CountsNobodyWhoHasNotGotItWithAGtidIndex) {
  Rules rules;
  rules.counts = rules.indexed = true;
  expect_sound(rules, 1, 20000, 80);
}

TEST(ProofOfRandomHistories, IsTrueWithAGtidIndex) {
  Rules rules;
  rules.indexed = true;
  expect_sound(rules, 1, 20000, 60);
  rules.expires = true;
  expect_sound(rules, 20001, 20000, 60);
}

void expect_given_by_an_honest_replica(Rules rules) {
  rules.receives = rules.resets = rules.again = false;
  rules.duplicates = rules.marks = false;
  int served = 0;
  for (unsigned seed = 1; seed <= 2000; ++seed) {
    RandomHistory history(seed, rules);
    ASSERT_TRUE(history.run(40)) << "seed " << seed << ":" << history.story();
    ASSERT_TRUE(history.opens_for_an_honest_replica())
        << "seed " << seed << ":" << history.story();
    served += history.honest();
  }
  EXPECT_GT(served, 1000);
}

TEST(ProofOfRandomHistories, IsGivenByAnHonestReplica) {
  expect_given_by_an_honest_replica({});
}

TEST(ProofOfRandomHistories, IsGivenByAnHonestReplicaWithAGtidIndex) {
  Rules rules;
  rules.indexed = true;
  expect_given_by_an_honest_replica(rules);
}

}  // namespace
}  // namespace recovery_gate
