/* The seam to crash recovery and to the server's life: a storage engine that
   stores nothing. */
#ifndef RECOVERY_GATE_RECOVERY_HOOKS_H
#define RECOVERY_GATE_RECOVERY_HOOKS_H

struct st_mysql_storage_engine;

namespace recovery_gate {

/* For the plugin table. */
extern st_mysql_storage_engine recovery_hooks;
int init_recovery_hooks(void *handlerton);
int deinit_recovery_hooks(void *handlerton);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_RECOVERY_HOOKS_H
