#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysqld.h>
#include <sql_class.h>

#include "server_control.h"

namespace recovery_gate {

void shut_server_down() { kill_mysql(current_thd); }

}  // namespace recovery_gate
