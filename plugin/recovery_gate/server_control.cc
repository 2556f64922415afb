#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysqld.h>
#include <sql_class.h>

#include "server_control.h"

namespace recovery_gate {

void shut_server_down() {
  // kill_mysql() looks at it, and no parser has ever set it in this THD. A
  // replica that does not answer may be why the server is shut down.
  current_thd->lex->is_shutdown_wait_for_slaves = false;
  kill_mysql(current_thd);
}

void give_up_start() { unireg_abort(1); }

}  // namespace recovery_gate
