// SPDX-License-Identifier: GPL-2.0-only
/*
  Which transactions of this server's own may be on no replica?

  Settled is a position in the binary log before which nothing is in doubt: a
  semi-sync replica has acknowledged it, or nothing of this server's own comes
  between it and such a position, or an administrator has given up the
  guarantee. What this server wrote after it is unsettled. A transaction is a
  server's own when its GTID has the server id under which the server wrote the
  log, or another id that it is known to have had meanwhile: what a replica
  received from its primary has the primary's id, and exists there.

  Nothing here reads events: each log says at its start what came before it.
*/
#ifndef RECOVERY_GATE_SETTLEMENT_H
#define RECOVERY_GATE_SETTLEMENT_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "recovery_gate/base/failure.h"
#include "recovery_gate/binlog/binlog_position.h"
#include "recovery_gate/binlog/gtid_state.h"

namespace recovery_gate {

/* What one binary log says of itself at its start. */
struct LogStart {
  std::string path;
  /* The id of the server that wrote it, when it began to. */
  std::uint32_t server_id = 0;
  /* The last transactions before it; nothing when that cannot be read. */
  std::optional<GtidState> gtids_before;
};

struct Settled {
  BinlogPosition position;
  /* binary log's identity up to there, see binlog_identity(). */
  std::uint32_t identity = 0;
  /* The last transactions at that point; the server's own at least. */
  GtidState gtids;
  /* As the log's that it is in. */
  std::uint32_t server_id = 0;
};

bool operator==(const Settled &a, const Settled &b);

/* Is the settled position in this binary log? After RESET MASTER, or in a
   restored data directory, another one may have its name. Reads the log. */
bool is_inside(const Settled &settled, const std::string &log_path);

struct Unsettled {
  /* The last of each source. Empty: nothing is owed. */
  GtidState gtids;
  /* Path of the first log that holds any of it; empty when that is not known.
   */
  std::string first_log;
  /* Counted from the settled position, not from the first of the logs. */
  bool since_settled = false;

  bool empty() const { return gtids.empty(); }
};

/* Reads the start of each log, in the order given. Sets `*failure`, if
   there is none yet, when one cannot be read; that one is left out. */
std::vector<LogStart> read_log_starts(const std::vector<std::string> &paths,
                                      Failure *failure);

/*
  `logs` are those of the binary log index, oldest first; `end` is the state at
  their end. `other_ids` are ids under which the server may have written after
  the settled position, besides those of the logs.

  A settled position that is not inside these logs counts for nothing, and all
  that these logs hold of the server's own is unsettled; unless its log was
  merely purged: then it still counts, and what the logs held that are gone is
  unsettled too.
*/
Unsettled find_unsettled(const std::optional<Settled> &settled,
                         const ServerIds &other_ids,
                         const std::vector<LogStart> &logs,
                         const GtidState &end);

/*
  The same by reading the headers of all events after the settled position,
  which also finds a GTID that was written once more. Only when the settled
  position is inside the logs; else, and of encrypted logs, it finds nothing.
*/
Unsettled find_written(const std::optional<Settled> &settled,
                       const ServerIds &other_ids,
                       const std::vector<LogStart> &logs, const GtidState &end);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SETTLEMENT_H
