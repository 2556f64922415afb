// SPDX-License-Identifier: GPL-2.0-only
/* The gate's system variables: their declaration and their values. */
#ifndef RECOVERY_GATE_SYSTEM_VARIABLES_H
#define RECOVERY_GATE_SYSTEM_VARIABLES_H

#include "recovery_gate/gate/gate.h"

struct st_mysql_sys_var;

namespace recovery_gate {

/* For the plugin table. */
extern st_mysql_sys_var *gate_variables[];

/* Values at the moment of the call; for the thread that initialises the
   plugin, or one that holds the server's lock on global variables. */
Mode configured_mode();
/* Whether recovery_gate_replica_ids of the option files is a list of ids. */
bool can_read_replica_ids();
Settings configured_settings();

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_SYSTEM_VARIABLES_H
