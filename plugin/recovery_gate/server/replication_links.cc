// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <sql_class.h>
#include <rpl_mi.h>
#include <slave.h>

#include "replication_links.h"
#include "server_shutdown.h"
#include "tried_lock.h"

namespace recovery_gate {
Links visit_replication_links(const std::function<void(Master_info *)> &visit) {
  // Whoever holds it may wait for those who wait for the ledger or for the
  // gate, and so for us.
  const TriedLock lock(&LOCK_active_mi);
  if (!lock) return Links::BUSY;
  if (is_shutting_down()) return Links::GONE;
  if (master_info_index == nullptr) return Links::NOT_READ_YET;
  HASH &all = master_info_index->master_info_hash;
  for (ulong i = 0; i < all.records; ++i)
    visit(reinterpret_cast<Master_info *>(my_hash_element(&all, i)));
  return Links::VISITED;
}

}  // namespace recovery_gate
