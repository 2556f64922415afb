// SPDX-License-Identifier: GPL-2.0-only
/*
  Whose are the transactions in the binary log?

  A GTID has the id of the server that wrote it first. Under which ids this
  server has written is on record, and so is whether it receives: but the latter
  only from when somebody has looked, and a crash may come before.
*/
#ifndef RECOVERY_GATE_WRITERS_H
#define RECOVERY_GATE_WRITERS_H

#include <cstdint>

#include "recovery_gate/binlog/gtid_state.h"

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

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_WRITERS_H
