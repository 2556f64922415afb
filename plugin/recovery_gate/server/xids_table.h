// SPDX-License-Identifier: GPL-2.0-only
/* INFORMATION_SCHEMA.RECOVERY_GATE_XIDS. */
#ifndef RECOVERY_GATE_XIDS_TABLE_H
#define RECOVERY_GATE_XIDS_TABLE_H

namespace recovery_gate {

/* The plugin's init function; `schema_table` is the server's ST_SCHEMA_TABLE.
 */
int init_xids_table(void *schema_table);

/* It was initialised. */
bool has_xids_table();

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_XIDS_TABLE_H
