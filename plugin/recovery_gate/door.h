/*
  The seam to the server's connections: an audit plugin that is told of each
  login and each change of user.
*/
#ifndef RECOVERY_GATE_DOOR_H
#define RECOVERY_GATE_DOOR_H

struct st_mysql_audit;

namespace recovery_gate {

/* For the plugin table. */
extern st_mysql_audit door;
int init_door(void *);
int deinit_door(void *);

/* The audit plugin is there: clients can be turned away. */
bool has_door();

/* Three quarters of the connections that the server can serve are there, be they
   logged in or about to. Any thread, once the server has started. */
bool has_crowded_door();

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_DOOR_H
