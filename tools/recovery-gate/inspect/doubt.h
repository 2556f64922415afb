// SPDX-License-Identifier: GPL-2.0-only
/*
  The transactions at the end of the binary log, each under the questions that
  matter: may it be on this server only, who has it, and could crash recovery
  cut it off?

  Memory does not depend on how many there are: they are counted, and the last
  ones kept.
*/
#ifndef RECOVERY_GATE_TOOL_INSPECT_DOUBT_H
#define RECOVERY_GATE_TOOL_INSPECT_DOUBT_H

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "inspect/logs.h"
#include "inspect/replica.h"
#include "recovery_gate/binlog/binlog_index.h"
#include "recovery_gate/ledger/state_file.h"

namespace recovery_gate::tool {

struct ListedTransaction {
  std::string log;  // without a folder
  Transaction transaction;
  /* This server wrote it itself. */
  bool own = false;
  /* After the settled position and its own: the gate waits for it. */
  bool after_settled = false;
  /* After the last acknowledged position in the state file. */
  bool after_acknowledged = false;
  std::vector<Has> has;  // for each replica, in their order

  BinlogPosition begin() const { return {log, transaction.begin}; }
  BinlogPosition end() const { return {log, transaction.end}; }
};

/* Transactions that follow one another, others in between left out. */
struct Stretch {
  std::uint64_t count = 0, bytes = 0;
  std::optional<ListedTransaction> first, last;

  void add(const ListedTransaction &transaction);
};

/* What one replica has of what the gate waits for. */
struct ReplicaCount {
  std::uint64_t applied = 0, received = 0, lacking = 0, unknown = 0;

  std::uint64_t has() const { return applied + received; }
};

struct Doubt {
  /* What the gate waits for: after the settled position, and its own. */
  Stretch in_doubt;
  /* Its own after the last acknowledged position. */
  Stretch unacknowledged;
  /* All that crash recovery reads: after the last checkpoint. */
  Stretch recovery;
  /* What recovery with init_rpl_role=SLAVE can cut off for good: transactions
     with an XID after the last checkpoint, with nothing after them that cannot
     be rolled back (sql/log.cc, Recovery_context). It cuts off those at the end
     that all engines still have prepared, which only the engines know. */
  Stretch cuttable;
  /* The most that it cuts off. It reads the last log first, and then does not
     know yet that something in an earlier one is to be cut off: what cannot be
     rolled back in the last log is then cut off with it, though its tables keep
     it. */
  Stretch at_most;
  /* Of these, the server's own that the state file counts as acknowledged. Cut
     off here, they are on a replica: this server must not be the primary then.
   */
  Stretch cut_acknowledged;
  /* Of those, what no server that was asked is known to have applied, or to be
     about to apply. */
  Stretch cut_for_good;
  /* For each replica, of what is in doubt. */
  std::vector<ReplicaCount> replicas;
  /* Those in doubt that no replica that was asked has; and that may be so. */
  std::uint64_t nobody_has = 0, perhaps_nobody_has = 0;
  /* For each replica, of all the server's own that were read: what it has not
     applied. What it has only received is gone when it is made a primary. */
  std::vector<Stretch> lacking;
  /* Of these, those that it may have, or is about to apply. */
  std::vector<std::uint64_t> perhaps_lacking;
  /* The last ones that are in doubt; with `all`, of all that were read. */
  std::deque<ListedTransaction> shown;
  std::uint64_t not_shown = 0;
};

/* Of the places in the state file, those that are in this binary log, or before
   it; empty: there is none. */
struct KnownPlaces {
  BinlogPosition settled, acknowledged;
};
KnownPlaces valid_places(const std::optional<Record> &record,
                         const BinlogIndex &index);

class DoubtCounter {
 public:
  struct Options {
    std::uint64_t limit = 20;  // transactions to be shown
    bool all = false;
  };

  /* All must outlive the counter. `places`: what counts of the state file, see
     valid_places(). `owner_ids`: ids whose transactions are this server's own
     besides each log's; nothing: all are. */
  DoubtCounter(const KnownPlaces &places, std::optional<ServerIds> owner_ids,
               const std::vector<Replica> &replicas, const ThisServer &server,
               Options options);

  void add(const Transaction &transaction, const LogFacts &log);

  /* Of a server that was closed properly nothing is cut off. One that owes
     nothing may have settled more than the state file says: nothing is in doubt
     then. */
  Doubt result(bool crashed, bool owes) const;

 private:
  bool is_own(const Transaction &transaction, const LogFacts &log) const;
  bool is_after_settled(const ListedTransaction &listed) const;
  bool is_kept_elsewhere(const ListedTransaction &listed) const;
  void count_replicas(const ListedTransaction &listed);

  const KnownPlaces places_;
  const std::optional<ServerIds> owner_ids_;
  const std::vector<Replica> &replicas_;
  const ThisServer &server_;
  const Options options_;
  Doubt doubt_;
};

/* Can it be rolled back where an engine still has it prepared? Also what
   touched no engine that recovers does not hinder that. */
bool can_be_cut_off(const Transaction &transaction);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_INSPECT_DOUBT_H
