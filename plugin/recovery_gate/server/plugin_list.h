// SPDX-License-Identifier: GPL-2.0-only
/* The three plugins in the server's list of all. */
#ifndef RECOVERY_GATE_PLUGIN_LIST_H
#define RECOVERY_GATE_PLUGIN_LIST_H

namespace recovery_gate {

/* While pinned, UNINSTALL of any of the three is refused as it is for
   FORCE_PLUS_PERMANENT, so that UNINSTALL SONAME does not stop half-way;
   afterwards it is as the operator had set it. */
void pin_plugins(bool pinned);

/* The option file has recovery_gate=OFF. */
bool is_engine_switched_off();

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_PLUGIN_LIST_H
