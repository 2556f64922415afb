// SPDX-License-Identifier: GPL-2.0-only
/* The gate's status variables. */
#ifndef RECOVERY_GATE_STATUS_VARIABLES_H
#define RECOVERY_GATE_STATUS_VARIABLES_H

struct st_mysql_show_var;

namespace recovery_gate {

/* For the plugin table. */
extern st_mysql_show_var gate_status[];

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_STATUS_VARIABLES_H
