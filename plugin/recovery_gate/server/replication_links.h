// SPDX-License-Identifier: GPL-2.0-only
/* The connections over which this server replicates from others. */
#ifndef RECOVERY_GATE_SERVER_REPLICATION_LINKS_H
#define RECOVERY_GATE_SERVER_REPLICATION_LINKS_H

#include <functional>

class Master_info;

namespace recovery_gate {

enum class Links {
  VISITED,
  /* Somebody holds their lock, perhaps for long: in STOP SLAVE. */
  BUSY,
  /* The server starts, and has not read which there are. */
  NOT_READ_YET,
  /* It shuts down, and they may be gone. */
  GONE,
};

/* Calls `visit` with each of them, unless it says otherwise. They are locked
   meanwhile, so that none comes, goes or is changed by CHANGE MASTER; `visit`
   must not wait. Does not wait itself. */
Links visit_replication_links(const std::function<void(Master_info *)> &visit);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SERVER_REPLICATION_LINKS_H
