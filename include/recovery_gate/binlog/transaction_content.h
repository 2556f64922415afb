// SPDX-License-Identifier: GPL-2.0-only
/*
  What a transaction changes, as one number: the same in the binary log of the
  server that wrote it first and in that of one which has applied it, where it
  has other places, numbers of tables and XIDs.

  Tells two transactions of the same GTID apart. No protection against somebody
  who wants two to look the same.
*/
#ifndef RECOVERY_GATE_TRANSACTION_CONTENT_H
#define RECOVERY_GATE_TRANSACTION_CONTENT_H

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "recovery_gate/binlog/binlog_events.h"
#include "recovery_gate/binlog/binlog_reader.h"
#include "recovery_gate/binlog/byte_source.h"

namespace recovery_gate {

/* Transactions, and what is in each; nothing where that is not known. A GTID
   may have stood for several. */
using Contents = std::set<std::pair<Gtid, std::optional<std::uint64_t>>>;

/*
  Of the transaction that begins and ends there. Nothing when it changes
  nothing, when it cannot be read, or has something in it that is not known to
  be the same in both logs. `decryptor` may be null; nothing is known of an
  encrypted log then.
*/
std::optional<std::uint64_t> content_of(ByteSource &source, std::uint64_t begin,
                                        std::uint64_t end,
                                        EventDecryptor *decryptor);

/* Those of these transactions that stand as a whole in a relay log's first
   `most` bytes, and what is in each. None where the log is encrypted or cannot
   be read, up to there. */
Contents contents_in_relay_log(ByteSource &source, const std::set<Gtid> &wanted,
                               std::uint64_t most);
/* The same of these logs (paths), of all together `most` bytes. */
Contents contents_in_relay_logs(const std::vector<std::string> &logs,
                                const std::set<Gtid> &wanted,
                                std::uint64_t most);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_TRANSACTION_CONTENT_H
