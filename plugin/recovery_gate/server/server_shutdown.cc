// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysqld.h>
#include <sql_class.h>

#include <unistd.h>

#include <cstdio>

#include "server_shutdown.h"
#include "unlocked.h"

namespace recovery_gate {

void shut_server_down() {
  // kill_mysql() looks at it, and no parser has ever set it in this THD. A
  // replica that does not answer may be why the server is shut down.
  current_thd->lex->is_shutdown_wait_for_slaves = false;
  kill_mysql(current_thd);
}

bool is_shutting_down() { return unlocked(abort_loop); }

/* Nothing is recovered yet, so to the next start it is as if this one had not
   been. The server's own way out, unireg_abort(), can wait for a Galera
   provider for ever. */
void give_up_start() {
  std::fflush(stderr);
  ::_exit(1);
}

}  // namespace recovery_gate
