// SPDX-License-Identifier: GPL-2.0-only
/*
  The seam to the server's connections: an audit plugin that is told of each
  login and each change of user.
*/
#ifndef RECOVERY_GATE_LOGIN_HOOK_H
#define RECOVERY_GATE_LOGIN_HOOK_H

struct st_mysql_audit;

namespace recovery_gate {

/* For the plugin table. */
extern st_mysql_audit door;
int init_door(void *);
int deinit_door(void *);

/* The audit plugin is there: clients can be rejected. */
bool has_door();

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_LOGIN_HOOK_H
