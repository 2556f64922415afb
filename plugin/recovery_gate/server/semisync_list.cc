// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <sql_class.h>
#include <log.h>

#include "semisync_list.h"
#include "server_private.h"

namespace recovery_gate {
namespace {

using namespace server_private;

Repl_semi_sync_master &semisync() { return repl_semisync_master; }

/* semi-sync's order: names as strings. */
int compare(const char *file, my_off_t offset, const BinlogPosition &position) {
  return Active_tranx::compare(file, offset, position.file.c_str(),
                               position.offset);
}

void assign(FileName &name, my_off_t &offset, const BinlogPosition &position) {
  strmake_buf(name, position.file.c_str());
  offset = position.offset;
}

int tell_nobody(THD *, bool, const char *, my_off_t) { return 0; }

/* Semi-sync's idea of the last commit; empty when it has none. */
BinlogPosition last_commit() {
  Repl_semi_sync_master &master = semisync();
  if (!m_commit_file_name_inited(master)) return {};
  return {m_commit_file_name(master), m_commit_file_pos(master)};
}

}  // namespace

mysql_mutex_t &semisync_mutex() { return LOCK_binlog(semisync()); }

SemisyncLock::SemisyncLock() { mysql_mutex_lock(&semisync_mutex()); }
SemisyncLock::~SemisyncLock() { mysql_mutex_unlock(&semisync_mutex()); }

/* The reply stays in its place when semi-sync is switched off, and only the
   flag beside it says that it does not count any more. It counts here: what a
   replica once acknowledged, it has. After RESET MASTER it is of another log.
 */
BinlogPosition last_reply() {
  SemisyncLock lock;
  if (m_reply_file_name(semisync())[0] == '\0' ||
      (!m_reply_file_name_inited(semisync()) &&
       mysql_bin_log.get_reset_master_count() != 0))
    return {};
  return {m_reply_file_name(semisync()), m_reply_file_pos(semisync())};
}

void forget_reply(const BinlogPosition &reply) {
  SemisyncLock lock;
  if (reply != BinlogPosition{m_reply_file_name(semisync()),
                              m_reply_file_pos(semisync())})
    return;
  m_reply_file_name_inited(semisync()) = false;
  m_reply_file_name(semisync())[0] = '\0';
}

void AwaitedPosition::enter(THD *waiter) {
  Repl_semi_sync_master &master = semisync();
  entered_ = alone_ = false;
  if (withdrawn_ || !master.get_master_enabled()) return;

  /* A reply that only the order of strings puts past the awaited position
     would keep the dump threads from asking for it. */
  if (m_reply_file_name_inited(master) &&
      compare(m_reply_file_name(master), m_reply_file_pos(master), position_) >=
          0)
    m_reply_file_name_inited(master) = false;

  Active_tranx &list = *m_active_tranxs(master);
  const char *file = position_.file.c_str();
  Tranx_node *node = list.is_thd_waiter(nullptr, file, position_.offset);
  if (node == nullptr) {
    const Tranx_node *last = m_trx_rear(list);
    /* The list has to stay in order. Whatever is in it was written later: its
       acknowledgement is one of the awaited position too. */
    if (!list.is_empty() &&
        compare(last->log_name, last->log_pos, position_) >= 0)
      return;
    if (list.insert_tranx_node(nullptr, file, position_.offset)) return;
    node = list.is_thd_waiter(nullptr, file, position_.offset);
  }
  entered_ = true;
  alone_ = node == m_trx_front(list) && node == m_trx_rear(list);
  node->thd = waiter;
  node->thd_valid = waiter != nullptr;
  have_it_asked_for();
}

void AwaitedPosition::have_it_asked_for() {
  Repl_semi_sync_master &master = semisync();
  /* While semi-sync is switched off, the dump threads ask for what ends at or
     past the last commit, and for nothing else. A GTID replica that has that
     commit already is sent the header only, and has to be asked for it. */
  if (!m_commit_file_name_inited(master) || !m_state(master) ||
      compare(m_commit_file_name(master), m_commit_file_pos(master),
              position_) < 0) {
    const BinlogPosition last = last_commit();
    if (last != position_) replaced_commit_ = last;
    assign(m_commit_file_name(master), m_commit_file_pos(master), position_);
    m_commit_file_name_inited(master) = true;
  }
  /* The dump threads ask for nothing before the first awaited position. */
  if (!m_wait_file_name_inited(master) ||
      compare(m_wait_file_name(master), m_wait_file_pos(master), position_) >
          0) {
    assign(m_wait_file_name(master), m_wait_file_pos(master), position_);
    m_wait_file_name_inited(master) = true;
  }
}

void AwaitedPosition::withdraw() {
  if (withdrawn_) return;
  withdrawn_ = true;
  alone_ = false;

  Repl_semi_sync_master &master = semisync();
  if (!master.get_master_enabled()) return;
  Active_tranx &list = *m_active_tranxs(master);
  const char *file = position_.file.c_str();
  list.unlink_thd_as_waiter(file, position_.offset);
  const Tranx_node *first = m_trx_front(list);
  if (first != nullptr &&
      position_ == BinlogPosition{first->log_name, first->log_pos})
    list.clear_active_tranx_nodes(file, position_.offset, tell_nobody);
  if (last_commit() == position_) {
    m_commit_file_name_inited(master) = !replaced_commit_.empty();
    if (!replaced_commit_.empty())
      assign(m_commit_file_name(master), m_commit_file_pos(master),
             replaced_commit_);
  }
}

}  // namespace recovery_gate
