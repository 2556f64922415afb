// SPDX-License-Identifier: GPL-2.0-only
/*
  Which replica is known to have what is in doubt on this server?

  An acknowledgement says that a replica has received what it was sent on that
  connection, up to there. It says nothing of what it was not sent: of what
  comes before the position from which it is served, and of what is left out for
  it. For that there is only what the replica named when it connected, and a
  GTID proves no more than that it has this one transaction, and none that this
  server put before it in another order, or in another history of the same
  numbers.

  So each connection gets a position from which on it has, or is sent,
  everything that this server wrote itself: where it began, or earlier, when
  what it names cannot be had without what comes before. Whoever acknowledges
  something on a connection with such a position has everything from there to
  what it acknowledged. The server keeps one last reply of all replicas. It is
  believed when all that can have sent it would prove the same.

  One Proof lives as long as the plugin; the gate and the ledger ask the same
  one. All members may be called from any thread. They touch no server; ask()
  may have binary logs read, and calls the reader with a lock held.
*/
#ifndef RECOVERY_GATE_PROOF_H
#define RECOVERY_GATE_PROOF_H

#include <boost/thread/mutex.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "recovery_gate/binlog/binlog_position.h"
#include "recovery_gate/binlog/gtid_state.h"
#include "recovery_gate/ledger/history.h"
#include "recovery_gate/ledger/owed.h"

namespace recovery_gate {

/* Domain -> GTID: where a replica says that it is. */
using GtidPosition = std::map<std::uint32_t, Gtid>;

/* "0-1-58,1-2-7", one for each domain. False, and `*position` is unchanged, for
   any other text. */
bool parse(std::string_view text, GtidPosition *position);

/* A connection that is being served the binary log, as it was seen last. */
struct ReplicaConnection {
  std::uint64_t id = 0;  // the server's number for the connection
  std::uint32_t server_id = 0;
  std::string host;
  /* It acknowledges. */
  bool semisync = false;
  /* It named GTIDs, and is served from behind them; else a file and a position.
   */
  bool uses_gtid = false;
  GtidPosition position;
  /* START SLAVE UNTIL */
  bool stops_early = false;
  /* replicate_events_marked_for_skip=FILTER_ON_MASTER */
  bool leaves_out_marked = false;
  /* It logged in after the last RESET MASTER: what it is sent is in this log.
   */
  bool of_this_log = true;
  /* It was sent nothing that ends after this; empty: the server does not show
     it at the moment. */
  BinlogPosition sent;
  /* All that was sent on the connection, roughly: of the last there may be a
     buffer more. The most where that is not known. */
  std::uint64_t bytes_sent = 0;
};

/* One that has ended. */
struct EndedReplica {
  /* As it was; how far it was sent the binary log need not be known. */
  ReplicaConnection connection;
  /* The last reply of all then: what came later is not from this one. */
  BinlogPosition reply;
  /* How often the binary log had been begun anew. */
  std::uint64_t resets = 0;
};

/* What there is to see at one moment. */
struct ReplicaObservation {
  /* How often the binary log was begun anew since the server started. */
  std::uint64_t resets = 0;
  /* The furthest position of all that replicas acknowledged or began at; empty:
     none. Taken before the connections. */
  BinlogPosition reply;
  std::vector<ReplicaConnection> connections;
  /* Those that have ended since the last observation, seen or not. */
  std::vector<EndedReplica> ended;
  /* The end of the binary log and what is in it, taken after the connections;
     needed when knows_all() says so. */
  BinlogPosition end;
  GtidState gtids;
  /* gtid_slave_pos */
  GtidPosition applied;
  std::uint32_t own_server_id = 0;
  /* Somebody may have replied who is not among these, since it is just ending.
   */
  bool is_incomplete = false;
  /* The same of one that nobody has seen being served: its session has not
     ended yet, or is about to be served. */
  bool may_be_more = false;
};

/* What is asked. */
struct Demand {
  /* What a replica has to have, of this server's own. */
  Stretch stretch;
  /* The last transactions where it begins. */
  GtidState before;
  /* The last of each source in it, as far as they are known without reading. */
  GtidState written;
  Writers writers;  // for the reader
  /* Its end was acknowledged, by whomever: by this reply, as it was observed.
   */
  bool acknowledged = false;
  BinlogPosition reply;
  /* Also of each replica for itself: Answer::reply and Answer::arrivals. */
  bool of_each = false;
};

enum class Standing {
  /* It has everything that is asked for. */
  PROVEN,
  /* It will have, once it acknowledges. */
  NOT_YET,
  /* Nothing that it acknowledges on this connection proves it. */
  NEVER,
};

const char *to_string(Standing standing);

struct ReplicaStanding {
  std::uint64_t connection = 0;
  std::uint32_t server_id = 0;
  std::string host;
  BinlogPosition sent;
  Standing standing = Standing::NOT_YET;
  /* Why it is PROVEN, or NEVER, and what an operator can do; sentences. */
  std::string why, advice;
  /* It would be another matter if it connected once more. */
  bool should_reconnect = false;
  /* recovery_gate_replica_ids leaves it out: what it has opens nothing. */
  bool counts = true;
  /* NOT_YET, and it may have acknowledged; so may a session that is not known
     to be a replica's. */
  bool is_held_up = false;
};

bool operator==(const ReplicaStanding &a, const ReplicaStanding &b);

/* One reply with the end of what is asked for, or with more. */
struct Reply {
  struct Author {
    std::uint64_t connection = 0;
    std::uint32_t server_id = 0;
    /* If this is its reply, it has everything that is asked for. */
    bool proves = false;
  };
  /* A later reply has a higher one, also with the same position. */
  std::uint64_t number = 0;
  BinlogPosition position;
  /* One of them has sent it, and nobody else. On one connection, each reply is
     further than the one before. */
  std::vector<Author> authors;
};

/* What a replica showed of itself when it connected last, whether it has left
   since or not. */
struct Arrival {
  enum class Shows {
    /* What it named cannot be had without everything that is asked for. */
    ALL,
    /* It may have it. */
    NOTHING,
    /* It has not got it there, whatever it had on a connection before. */
    LACK,
  };
  std::uint64_t connection = 0;
  std::uint32_t server_id = 0;
  std::string name;  // "replica 2 (10.0.0.2)"
  bool semisync = false;
  Shows shows = Shows::NOTHING;
};

struct Answer {
  /* Some replica has everything that is asked for. */
  bool proven = false;
  std::string by;  // the replica, and what shows it
  /* All semi-sync replicas that are connected. */
  std::vector<ReplicaStanding> replicas;
  /* Who has sent the last reply is not known yet. */
  bool is_undecided = false;
  /* The last reply proves nothing, and stands in the way of those that come. */
  bool reply_is_void = false;
  /* The last reply, when it is known who may have sent it. */
  std::optional<Reply> reply;
  /* Of every server id, the last. */
  std::vector<Arrival> arrivals;
};

class Proof {
 public:
  bool knows(std::uint64_t connection) const;
  /* Whether an observation of these connections, after so many resets, needs no
     look at the binary log. */
  bool knows_all(std::uint64_t resets,
                 const std::vector<ReplicaConnection> &connections) const;

  void observe(const ReplicaObservation &seen);

  /* The server has forgotten the last reply. */
  void forget_reply();

  Answer ask(const Demand &demand, const History &history, OwedReader &reader);

  /* The semi-sync replicas that have connected since the server started. Does
     not wait for a reader. */
  ServerIds semisync_replicas() const;

  /* The replicas that have connected since the last call, as History has them.
     Nothing, and they are kept, when the binary log had been begun anew another
     number of times than `resets` at the last observation: they are of another
     history. */
  History take_arrivals(std::uint64_t resets);

 private:
  struct Known {
    ReplicaConnection now;
    BinlogPosition first_sent;  // as `now.sent` when it was seen first
    BinlogPosition reached;     // the furthest that was shown
    /* The end of the binary log then, what was in it, and what this server had
       applied as a replica. */
    BinlogPosition met;
    GtidState gtids;
    GtidPosition applied;
    std::uint32_t own_server_id = 0;
    /* From here on it has or is sent everything, but in the domains below. */
    BinlogPosition from;
    bool from_oldest = false;  // from the oldest log on
    /* What it named there is not in this binary log, so it is sent nothing
       until that is. */
    std::set<std::uint32_t> unserved;
    /* What it named shows that it has everything between `from` and `met`. */
    bool named_all = false;
    /* It will not reply with this or anything before it again. */
    BinlogPosition replied;
    /* The last stretch began here of which it has not got everything, and why.
     */
    std::optional<BinlogPosition> lacks_since;
    std::string why, advice;
  };

  void meet(const ReplicaConnection &connection,
            const ReplicaObservation &seen);
  void note_began(const ReplicaConnection &now);
  void begin_anew(const ReplicaObservation &seen);
  void take_gone(const ReplicaObservation &seen);
  void note_reply(const ReplicaObservation &seen);
  void judge(Known *replica, const Demand &demand, const History &history,
             OwedReader &reader);
  void note_if_by_file(const Known &replica, const History &history);
  bool has_or_gets(Known *replica, const Owed &owed, const History &history,
                   OwedReader &reader, bool *named_all);
  bool has_or_gets(Known *replica, std::uint32_t domain, const OwedDomain &owed,
                   const History &history, OwedReader &reader, bool *named_all);
  const Owed &read(const Stretch &stretch, const GtidState &before,
                   OwedReader &reader);
  bool covers(Known *replica, const Demand &demand, OwedReader &reader);
  void add_each(const Demand &demand, const History &history,
                OwedReader &reader, Answer *answer);
  ReplicaStanding standing(const Known &replica) const;

  mutable boost::mutex ids_mutex_;  // guards the next
  ServerIds semisync_ids_;
  mutable boost::mutex mutex_;  // guards all below; before ids_mutex_
  std::uint64_t resets_ = 0;
  std::map<std::uint64_t, Known> known_;
  BinlogPosition reply_;
  /* There was another one at the last observation, and not everybody was there
     to have sent it. */
  bool is_undecided_ = false;
  /* Who may have sent it, the last of them perhaps gone. */
  std::vector<std::uint64_t> authors_;
  std::map<std::uint64_t, Known> gone_authors_;  // those of them that are
  /* Those that were there at the observation before. */
  std::map<std::uint64_t, Known> gone_;
  std::set<std::uint64_t> unseen_;  // those of them that nobody saw before
  /* The last connection of each server id, as it was when it was seen first. */
  std::map<std::uint32_t, Known> newest_;
  std::uint64_t reply_number_ = 0;
  /* The authors are all that can have sent it. */
  bool has_all_authors_ = false;
  History arrivals_;
  std::optional<Stretch> read_stretch_;
  Owed read_;
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_PROOF_H
