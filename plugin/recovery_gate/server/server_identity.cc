// SPDX-License-Identifier: GPL-2.0-only
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1  // dladdr1
#endif
#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysql_version.h>
#include <dlfcn.h>
#include <link.h>
#include <log.h>
#include <semisync_master.h>
#include <semisync_slave.h>
#include <sql_class.h>

#include "recovery_gate/base/build_identity.h"
#include "server_identity.h"
#include "server_private.h"

// Declared by each engine that uses them; no header of the server does.
MYSQL_THD create_background_thd();
void destroy_background_thd(MYSQL_THD thd);

namespace recovery_gate {
namespace {

/* The size that the running server's own symbol table gives an object. */
std::size_t size_in_server(const void *object) {
  Dl_info where;
  void *entry = nullptr;
  if (!dladdr1(object, &where, &entry, RTLD_DL_SYMENT) || entry == nullptr)
    return 0;
  const auto *symbol = static_cast<const ElfW(Sym) *>(entry);
  return where.dli_saddr == object ? symbol->st_size : 0;
}

template <typename T>
LayoutProbe probe(const char *name, const T &object) {
  return {name, sizeof(T), size_in_server(&object)};
}

/*
  No object of class THD is in the symbol table. The server makes one, and the
  pointers that it keeps to its own members, all over the object, have to point
  to where the headers say that those members are.
*/
LayoutProbe probe_thd() {
  THD *thd = create_background_thd();
  static const char mark[] = "recovery gate";
  set_thd_proc_info(thd, mark, __func__, __FILE__, __LINE__);
  const char *const front = reinterpret_cast<const char *>(thd);
  const auto *diagnostics = reinterpret_cast<const char *>(thd->get_stmt_da());
  const bool same = thd->protocol == &thd->protocol_text &&
                    thd->security_ctx == &thd->main_security_ctx &&
                    thd->stmt_arena == static_cast<Query_arena *>(thd) &&
                    thd->lex == &server_private::main_lex(*thd) &&
                    thd->proc_info == mark &&
                    thd_get_thread_id(thd) == thd->thread_id &&
                    thd->get_command() == COM_DAEMON &&
                    thd->system_thread == SYSTEM_THREAD_GENERIC &&
                    diagnostics > front && diagnostics < front + sizeof(THD);
  // It expects a thread without a THD, and leaves one; the thread that runs
  // INSTALL SONAME has its own.
  THD *const own = current_thd;
  set_current_thd(nullptr);
  destroy_background_thd(thd);
  set_current_thd(own);
  return {"THD", sizeof(THD), same ? sizeof(THD) : 0};
}

Failure find_mismatch() {
  std::vector<LayoutProbe> probes = {
      probe("MYSQL_BIN_LOG", mysql_bin_log),
      probe("Repl_semi_sync_master", repl_semisync_master),
      probe("Repl_semi_sync_slave", repl_semisync_slave),
      probe("Ack_receiver", ack_receiver),
      probe("system_variables", global_system_variables),
      probe("system_status_var", global_status_var),
      probe("THD_list", server_threads),
  };
  if (Failure mismatch =
          build_mismatch(MYSQL_SERVER_VERSION, ::server_version, probes))
    return mismatch;
  // Last, because it writes: only in a server that looks right so far.
  return build_mismatch(MYSQL_SERVER_VERSION, ::server_version, {probe_thd()});
}

}  // namespace

Failure server_mismatch() {
  static const Failure found = find_mismatch();
  return found;
}

}  // namespace recovery_gate
