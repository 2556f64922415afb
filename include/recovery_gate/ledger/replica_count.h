// SPDX-License-Identifier: GPL-2.0-only
/*
  How many different replicas are known to have everything that is in doubt, and
  which of them count.

  One acknowledgement, whoever sent it, is what semi-sync itself asks for. When
  more are wanted, or not everybody's, it has to be known of each replica for
  itself, and the server keeps one last reply for all. A replica is proven

  - by what it names when it connects, when that cannot be had without the rest;
  - by replies that cannot all be other replicas': each has one author among
    those that had been sent as much, and no connection sends one position
  twice. If the replies could not be shared out among the others, one is its
  own.

  Those that neither shows are to connect once more: then they name what they
  have, or begin where their reply is their own.

  What a replica has, it has: it counts when it has left, too. When it comes
  back and does not show that it still has, it counts no more, until it is
  proven again. Nothing can have happened to it, though, when it was only made
  to connect once more.
*/
#ifndef RECOVERY_GATE_REPLICA_COUNT_H
#define RECOVERY_GATE_REPLICA_COUNT_H

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recovery_gate/ledger/proof.h"

namespace recovery_gate {

/* recovery_gate_replica_count and recovery_gate_replica_ids. */
struct ReplicaPolicy {
  /* So many different replicas, by server id, have to have everything. */
  std::uint32_t count = 1;
  /* Only these count; empty: all ... */
  ServerIds only;
  /* ... but for these. */
  ServerIds excluded;

  bool counts(std::uint32_t server_id) const;
  /* Any one replica is enough, as for semi-sync itself. */
  bool is_any() const;
  /* More than `count` replicas can never count, whoever connects. */
  std::optional<std::uint32_t> most() const;
};

/* "2, 3", "!5", or nothing. False, and `*policy` is unchanged, for anything
   else, and for a list of which nobody is left. */
bool parse_replica_ids(std::string_view text, ReplicaPolicy *policy);

/* Not empty: fewer that count are known than have to be proven, and which. */
std::string shortage(const ReplicaPolicy &policy, const ServerIds &known);

struct ProvenReplica {
  std::uint32_t server_id = 0;
  std::string name;  // "replica 2 (10.0.0.2)"
  /* What shows it; a clause. */
  std::string why;
};

bool operator==(const ProvenReplica &a, const ProvenReplica &b);

/* The count at one moment. */
struct ReplicaTally {
  /* Any one replica is enough: nothing has to be counted. */
  bool is_any = true;
  std::uint32_t needed = 1;
  /* At least so many that count have everything. */
  std::uint32_t proven = 0;
  /* So many that count have connected. */
  std::uint32_t known = 0;
  /* Of those that are proven, whom it is known of, and who count. */
  std::vector<ProvenReplica> replicas;

  bool is_enough() const { return proven >= needed; }
};

bool operator==(const ReplicaTally &a, const ReplicaTally &b);

/* "1 of 2 replicas is known to have everything that is in doubt". */
std::string text_of(const ReplicaTally &tally);

/* "replica 2 (10.0.0.2): it named ...; replica 3 (10.0.0.3): ...": all that are
   proven, and what shows it. */
std::string names_of(const ReplicaTally &tally);

/* For one thread at a time. All that is added answers the same demand. */
class ReplicaCount {
 public:
  /* `answer` was asked of each. */
  void add(const Answer &answer);

  ReplicaTally tally(const ReplicaPolicy &policy) const;

  /* Says of each what the count makes of it: who does not count, who is proven,
     and why one that has acknowledged is not. */
  void complete(const ReplicaPolicy &policy,
                std::vector<ReplicaStanding> *standings) const;

  /* Of these, who may be made to connect once more: those that count and are
     not proven. Each once; and a second time who lacked something then, and may
     have acknowledged since. */
  std::vector<ReplicaStanding> may_be_disturbed(
      const std::vector<ReplicaStanding> &standings) const;
  /* They were. */
  void disturbed(const ServerIds &server_ids);

 private:
  struct Replica {
    std::uint64_t connection = 0;  // the last
    /* What it acknowledged on connections before this one does not count. */
    std::uint64_t valid_from = 0;
    std::string name;
    bool semisync = false;
    std::optional<std::string> proven;  // what shows it
    int times_disturbed = 0;
    bool is_coming_back = false;  // from that
    bool lacked_then = false;
  };

  void note(const Arrival &arrival);
  bool proves(const Reply::Author &author) const;
  bool has_replied(std::uint32_t server_id, BinlogPosition *position) const;
  std::uint32_t proven_beside(const ReplicaPolicy &policy) const;
  bool is_doubtful_author(const ReplicaStanding &standing) const;

  std::map<std::uint32_t, Replica> replicas_;  // by server id
  std::vector<Reply> replies_;  // in the order in which they came
};

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_REPLICA_COUNT_H
