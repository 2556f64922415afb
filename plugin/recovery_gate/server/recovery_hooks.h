// SPDX-License-Identifier: GPL-2.0-only
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

/* At a start: it was asked to load, found nothing that is against it, and will
   be asked again when the door is there. */
bool hooks_wait_for_door();

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_RECOVERY_HOOKS_H
