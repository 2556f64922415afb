// SPDX-License-Identifier: GPL-2.0-only
/*
  Whose are the transactions in the binary log, and which are there again?

  A GTID has the id of the server that wrote it first. Under which ids this
  server has written is on record, and so is whether it receives: but the latter
  only from when somebody has looked, and a crash may come before. What recovery
  cut off may come back by replication, with this server's id in its GTID, which
  may also be that of a new transaction: its content tells. A client may write
  the same once more (SET TIMESTAMP): that it came back is known of what has
  stood in a relay log.
*/
#ifndef RECOVERY_GATE_WRITERS_H
#define RECOVERY_GATE_WRITERS_H

#include <cstdint>

#include "recovery_gate/binlog/gtid_state.h"
#include "recovery_gate/binlog/transaction_content.h"
#include "recovery_gate/binlog/transaction_scanner.h"
#include "recovery_gate/ledger/history.h"

namespace recovery_gate {

enum class Origin {
  OWN,
  /* Owed like its own, and proves no more of others than what was received. */
  ASSUMED,
  RECEIVED,
};

struct Writers {
  /* The server's own ids, besides those that logs name as their writer's. */
  ServerIds own;
  /* Other ids in a log of a server that is not known to receive: sessions took
     them on, or it has begun to receive since it was looked at last. */
  ServerIds assumed;
  Contents cut_off, returned;  // as History has them
  NumberRanges cut_numbers;

  Origin of(std::uint32_t id) const {
    return own.count(id) != 0       ? Origin::OWN
           : assumed.count(id) != 0 ? Origin::ASSUMED
                                    : Origin::RECEIVED;
  }
  /* Whose transactions are owed. */
  ServerIds all() const {
    ServerIds ids = own;
    ids.insert(assumed.begin(), assumed.end());
    return ids;
  }
};

/* What a transaction is to those that recovery has cut off. */
enum class Return {
  /* None of them had its GTID, nor is its number among History::cut_numbers. */
  NONE,
  /* One had, and was another one, or nobody knows: so may be what another
     server has. */
  ANOTHER,
  SAME,
  /* One is the same, and came back by replication: who sent it has it. */
  RECEIVED,
};

/* `log` is the one that the transaction is in; `decryptor` may be null. Reads
   the transaction when its GTID was cut off. */
Return returned(const Writers &writers, const Transaction &transaction,
                ByteSource &log, EventDecryptor *decryptor);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_WRITERS_H
