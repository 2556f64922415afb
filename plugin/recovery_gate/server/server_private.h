// SPDX-License-Identifier: GPL-2.0-only
/*
  The private members of the server's classes that the gate needs, and the
  only place that names them.

  C++ does not check access in an explicit template instantiation, so a
  pointer to a private member can be handed out from one. Name and type are
  both checked by the compiler: when the server renames a member or changes
  its type, the build fails here.
*/
#ifndef RECOVERY_GATE_SERVER_PRIVATE_H
#define RECOVERY_GATE_SERVER_PRIVATE_H

#include <semisync_master.h>
#include <semisync_master_ack_receiver.h>
#include <sql_class.h>

namespace recovery_gate {
namespace server_private {

template <typename Class, typename Type, Type Class::*member, typename Tag>
struct Expose {
  friend Type Class::*expose(Tag) { return member; }
};

#define RECOVERY_GATE_EXPOSE(Class, Type, member)                        \
  struct Class##_##member {                                              \
    friend Type Class::*expose(Class##_##member);                        \
  };                                                                     \
  template struct Expose<Class, Type, &Class::member, Class##_##member>; \
  inline Type &member(Class &object) {                                   \
    return object.*expose(Class##_##member{});                           \
  }

using FileName = char[FN_REFLEN];

RECOVERY_GATE_EXPOSE(Repl_semi_sync_master, mysql_mutex_t, LOCK_binlog)
RECOVERY_GATE_EXPOSE(Repl_semi_sync_master, Active_tranx *, m_active_tranxs)
RECOVERY_GATE_EXPOSE(Repl_semi_sync_master, bool, m_state)
RECOVERY_GATE_EXPOSE(Repl_semi_sync_master, bool, m_reply_file_name_inited)
RECOVERY_GATE_EXPOSE(Repl_semi_sync_master, FileName, m_reply_file_name)
RECOVERY_GATE_EXPOSE(Repl_semi_sync_master, my_off_t, m_reply_file_pos)
RECOVERY_GATE_EXPOSE(Repl_semi_sync_master, bool, m_wait_file_name_inited)
RECOVERY_GATE_EXPOSE(Repl_semi_sync_master, FileName, m_wait_file_name)
RECOVERY_GATE_EXPOSE(Repl_semi_sync_master, my_off_t, m_wait_file_pos)
RECOVERY_GATE_EXPOSE(Repl_semi_sync_master, bool, m_commit_file_name_inited)
RECOVERY_GATE_EXPOSE(Repl_semi_sync_master, FileName, m_commit_file_name)
RECOVERY_GATE_EXPOSE(Repl_semi_sync_master, my_off_t, m_commit_file_pos)
RECOVERY_GATE_EXPOSE(Ack_receiver, mysql_mutex_t, m_mutex)
RECOVERY_GATE_EXPOSE(Ack_receiver, mysql_cond_t, m_cond_reply)
RECOVERY_GATE_EXPOSE(Ack_receiver, bool, m_slaves_changed)
RECOVERY_GATE_EXPOSE(Ack_receiver, Slave_ilist, m_slaves)
RECOVERY_GATE_EXPOSE(Active_tranx, Tranx_node *, m_trx_front)
RECOVERY_GATE_EXPOSE(Active_tranx, Tranx_node *, m_trx_rear)
RECOVERY_GATE_EXPOSE(THD, LEX, main_lex)
RECOVERY_GATE_EXPOSE(THD, enum_server_command, m_command)

#undef RECOVERY_GATE_EXPOSE

}  // namespace server_private
}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SERVER_PRIVATE_H
