// SPDX-License-Identifier: GPL-2.0-only
/*
  What this server owes, as far as a replica's proof depends on it: the
  transactions that it wrote itself in a stretch of the binary log, and what
  stands between them.

  A replica that names a GTID says nothing about what comes before that GTID in
  this log, unless it cannot have got the one without the other. Whether it can
  depends on the order in which the log has them, which no GTID position shows.
  So the log is read: not as a list of all transactions, which may be millions,
  but as the few facts for each domain that decide.
*/
#ifndef RECOVERY_GATE_OWED_H
#define RECOVERY_GATE_OWED_H

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "recovery_gate/binlog/binlog_position.h"
#include "recovery_gate/binlog/gtid_state.h"
#include "recovery_gate/binlog/transaction_scanner.h"
#include "recovery_gate/ledger/settlement.h"
#include "recovery_gate/ledger/writers.h"

namespace recovery_gate {

/* A part of the binary log: what ends after `from` and not after `to`. Empty
   `from`: from the oldest log on. */
struct Stretch {
  BinlogPosition from, to;
};

inline bool operator==(const Stretch &a, const Stretch &b) {
  return a.from == b.from && a.to == b.to;
}

/* Of one domain; it has at least one transaction of the server's own. */
struct OwedDomain {
  /* Where the first begins. */
  BinlogPosition begin;
  Gtid first, last;
  /* Of every server that wrote in the domain, this one or another: its last
     number before the first, as far as it is known, and from the first on the
     lowest and the highest. */
  std::map<std::uint32_t, std::uint64_t> before, lowest, highest;
  /* Who wrote those that are owed. */
  ServerIds writers;
  /* Empty: from the first to the last the domain is one ascending series of
     this server's own. Else why having a later one does not show that a replica
     has all before it. */
  std::string broken;
  /* Empty, or why having what comes behind the last does not show it. */
  std::string followed;
  /* The highest number of those that are owed under which recovery once cut off
     another transaction; 0: there is none. */
  std::uint64_t repeated = 0;
  /* One is marked with @@skip_replication. */
  bool marked = false;

  /* Of both. */
  const std::string &hidden() const {
    return broken.empty() ? followed : broken;
  }
  /* Is one owed that another server id wrote? */
  bool has_other_writer(std::uint32_t id) const {
    return writers.size() > writers.count(id);
  }
};

struct Owed {
  std::map<std::uint32_t, OwedDomain> domains;
  /* Not empty: the log could not be read to its end, and nothing can be said.
   */
  std::string unknown;

  bool empty() const { return domains.empty() && unknown.empty(); }
  bool marked() const;
  /* The last of each source, as an operator knows it. */
  GtidState gtids() const;
};

/* Puts the facts together, transaction by transaction in the log's order. */
class OwedCollector {
 public:
  /* `before`: the last transactions at the start of the stretch; those of the
     server itself at least. */
  explicit OwedCollector(GtidState before) : before_(std::move(before)) {}

  /* `back`: what it is to what recovery has cut off. */
  void add(const Transaction &transaction, Origin origin,
           const std::string &file, Return back = Return::NONE);
  Owed take() { return std::move(owed_); }

 private:
  GtidState before_;
  Owed owed_;
};

/* What was read of a stretch while its logs were there. It can be read on from
   its end when they are not any more. */
struct ReadOwed {
  Stretch stretch;
  GtidState before;  // as OwedCollector's
  OwedCollector collector{{}};
  /* What those in it were taken for that the logs do not name as their writers.
   */
  std::map<std::uint32_t, Origin> origins;
  /* What came back has done so once. */
  std::set<Gtid> returned;
};

/* What is in a stretch. Reads binary logs: may take long. Its thread is the
   caller's. */
class OwedReader {
 public:
  virtual ~OwedReader() = default;
  /* `before` as above. */
  virtual Owed read(const Stretch &stretch, const GtidState &before) = 0;
  /* Does an event end there? */
  virtual bool is_end_of_event(const BinlogPosition &position) = 0;
  /* Is the log still there, for replicas to be sent it? */
  virtual bool is_there(const std::string &file) = 0;
};

/* How much of the binary log is read at most while the server is starting, or
   running with an open gate: what is never more than a moment then. */
inline constexpr std::uint64_t longest_owed_stretch = 1024ULL * 1024 * 1024;

/* In bytes: before recovery, and while nothing but the start waits, no more is
   read. */
inline constexpr std::uint64_t most_read_at_start = 256 * 1024 * 1024;

struct OwedSearch {
  /* Of the binary log index, oldest first. */
  std::vector<std::string> logs;
  Writers writers;
  EventDecryptor *decryptor = nullptr;
  /* Asked now and then; true ends the search, and the result is unknown. */
  std::function<bool()> cancelled;
  /* A longer stretch is not read, and the result unknown; 0: any. */
  std::uint64_t most = 0;
  /* Need not be read again, when it begins as what is asked for; or null. */
  const ReadOwed *known = nullptr;
};

/* A transaction without its end at the end of a log is not owed: recovery has
   discarded it. `read`, unless it is null, is set when all could be read. */
Owed read_owed(const OwedSearch &search, const Stretch &stretch,
               const GtidState &before,
               std::optional<ReadOwed> *read = nullptr);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_OWED_H
