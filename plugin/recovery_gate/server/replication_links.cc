// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <sql_class.h>
#include <rpl_mi.h>
#include <slave.h>

#include "replication_links.h"

namespace recovery_gate {
namespace {

/* Whoever holds it may wait for those who wait for the ledger or for the gate,
   and so for us. */
class TryLock {
 public:
  TryLock() : locked_(mysql_mutex_trylock(&LOCK_active_mi) == 0) {}
  ~TryLock() {
    if (locked_) mysql_mutex_unlock(&LOCK_active_mi);
  }
  TryLock(const TryLock &) = delete;
  TryLock &operator=(const TryLock &) = delete;

  explicit operator bool() const { return locked_; }

 private:
  const bool locked_;
};

}  // namespace

Links visit_replication_links(const std::function<void(Master_info *)> &visit) {
  const TryLock lock;
  if (!lock) return Links::BUSY;
  if (abort_loop) return Links::GONE;
  if (master_info_index == nullptr) return Links::NOT_READ_YET;
  HASH &all = master_info_index->master_info_hash;
  for (ulong i = 0; i < all.records; ++i)
    visit(reinterpret_cast<Master_info *>(my_hash_element(&all, i)));
  return Links::VISITED;
}

}  // namespace recovery_gate
