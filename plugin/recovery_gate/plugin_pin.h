/* Keeps UNINSTALL away from the plugins while the gate is closed. */
#ifndef RECOVERY_GATE_PLUGIN_PIN_H
#define RECOVERY_GATE_PLUGIN_PIN_H

namespace recovery_gate {

/* While pinned, UNINSTALL of any of the three is refused as it is for
   FORCE_PLUS_PERMANENT, so that UNINSTALL SONAME does not stop half-way;
   afterwards it is as the operator had set it. */
void pin_plugins(bool pinned);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_PLUGIN_PIN_H
