// SPDX-License-Identifier: GPL-2.0-only
/*
  The history that a binary log tells, as far as GTIDs of it can be told from
  the same numbers in another one: after RESET MASTER they begin again, and what
  recovery cut off, a replica may have.
*/
#ifndef RECOVERY_GATE_HISTORY_H
#define RECOVERY_GATE_HISTORY_H

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "recovery_gate/binlog/binlog_position.h"
#include "recovery_gate/binlog/gtid_state.h"
#include "recovery_gate/binlog/transaction_content.h"

namespace recovery_gate {

/* Numbers of a domain, whoever used them: `after` -> the last of them. */
using NumberRanges =
    std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint64_t>;

/* What recovery has cut off. */
struct CutOff {
  Contents transactions;
  /* The last transactions that it left. */
  GtidState left;
  /* The last of those that have changed what it does not roll back: this server
     still shows that, and nobody is sent it. */
  GtidState kept;
  /* Domains in which a number went back: a later log may begin with one that
     comes before what was left. */
  std::set<std::uint32_t> gone_back = {};
};

/* Which numbers mean something. */
struct History {
  /* False: it is not known whether there was another one before; no GTID that a
     replica names is believed. */
  bool known = true;
  /* Up to these numbers an earlier history may have had other transactions; but
     not up to the others, which it has in common with this one. */
  GtidState earlier, common;
  /* What recovery cut off: other transactions with these numbers may be on
     replicas, and no others may. What stands in the log again with the same
     content is the same transaction. */
  Contents cut_off;
  /* The numbers from behind what was left then to the highest of them. What
     this server has written with one of those since, under whatever id, a
     server need not have that names a later one of what was cut off. */
  NumberRanges cut_numbers;
  /* Those of them that have stood in a relay log since, and not been settled:
     another server has them, and sent them back. */
  Contents returned;
  /* Part of an earlier history was not seen: in any domain it may have used
     these numbers too, up to `unseen_numbers`. */
  bool has_unseen = false;
  /* The replicas that have connected in this history, by server id, and for
     each domain and replica the number that it had when it did so first, if not
     0: what it names beyond that, it has from this history. */
  ServerIds replica_ids;
  GtidState replicas;
  /* Replicas that were served from behind something that is owed, since their
     GTIDs did not show that they lack it; or may have been, since they were
     told one. A file and a position that one of them names later do not either.
   */
  ServerIds behind;
  /* Replicas that had, or were sent, everything when they came with a file and
     a position: only of them such a place says that they have what is before
     it. Another one may have come with GTIDs when nobody saw it. */
  ServerIds by_file;
  /* Of arrivals, and not on record: who has come with GTIDs since. */
  ServerIds by_gtid;
  /* Of a domain and a replica, by server id: the number of a transaction within
     which it began with a file and a position, or the last that it may be. It
     was told that this is its place (binlog_gtid_pos()) before it had the rest,
     and names it. Until all up to there is settled. */
  GtidState told;
  /* Of arrivals, and not on record: a replica that began with a file and a
     position, how far it was sent the log when it was seen first, and how many
     bytes. */
  struct Began {
    std::uint32_t replica = 0;
    BinlogPosition sent;
    std::uint64_t bytes = 0;
  };
  std::vector<Began> began;
  /* What this server had applied and not logged when a replica named it, which
     was then served from behind what this server wrote up to that number. */
  GtidState passed_over;
};

/* More than can be written before anybody takes it down. */
inline constexpr std::uint64_t unseen_numbers = 100000;

/* Of a history that has ended: its last transactions, and how many more there
   may have been in a domain. */
struct Ended {
  GtidState gtids;
  std::uint64_t unseen = unseen_numbers;
};

/* The history goes on from where these were the last transactions, and another
   went on from there. */
void branch_off(const GtidState &common, const Ended &ended, History *history);

/* Recovery has cut that off. */
void cut_off(const CutOff &cut, History *history);

void add_numbers(const CutOff &cut, NumberRanges *numbers);
bool is_in(const NumberRanges &numbers, std::uint32_t domain,
           std::uint64_t number);

/* Takes them out of what is known. */
void forget(const Contents &transactions, Contents *known);

/* What was cut off is not kept one by one any more: its numbers are as of an
   earlier history. */
void forget_cut_off(History *history);

bool was_cut_off(const Gtid &gtid, const History &history);

/* Was the replica told something in the domain from that number on? */
bool was_told(const History &history, std::uint32_t domain,
              std::uint32_t replica, std::uint64_t number);

/* More are not kept one by one. */
inline constexpr std::size_t most_cut_off_kept = 1000;

/* Do numbers that a replica names mean something only from where it came in? */
bool is_in_question(const History &history);

/* Takes down that replicas were there, if they were not before, and which are
   behind. Returns whether there was anything new. */
bool add_arrivals(const History &arrived, History *history);

/* The highest number of a domain, whoever wrote it; 0: none. */
std::uint64_t highest_in(const GtidState &state, std::uint32_t domain);

/* Numbers of one domain. */
struct Numbers {
  std::uint32_t domain = 0;
  std::uint64_t first = 0, last = 0;
  /* The highest of them that is among History::cut_numbers, and is not what was
     cut off; 0: none. */
  std::uint64_t repeated = 0;
};

/* Whoever names the last of these numbers, or a later one, has it from this
   history: they come after all that an earlier one may have used, or up to
   where all histories are the same. A replica with that id is also believed
   above where it came in, but not what has the number of what was cut off:
   others may still have that, and may have given it that since. */
bool is_believed(const History &history, const Numbers &numbers,
                 std::optional<std::uint32_t> replica = std::nullopt);

inline bool operator==(const History &a, const History &b) {
  return a.known == b.known && a.earlier == b.earlier && a.common == b.common &&
         a.cut_off == b.cut_off && a.cut_numbers == b.cut_numbers &&
         a.returned == b.returned && a.has_unseen == b.has_unseen &&
         a.replica_ids == b.replica_ids && a.replicas == b.replicas &&
         a.behind == b.behind && a.by_file == b.by_file && a.told == b.told &&
         a.passed_over == b.passed_over;
}

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_HISTORY_H
