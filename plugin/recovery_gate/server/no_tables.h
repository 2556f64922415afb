// SPDX-License-Identifier: GPL-2.0-only
/* The engine's tables: there are none. */
#ifndef RECOVERY_GATE_NO_TABLES_H
#define RECOVERY_GATE_NO_TABLES_H

struct handlerton;
struct TABLE_SHARE;
struct st_mem_root;
class handler;

namespace recovery_gate {

/* For handlerton::create. An engine without it is replaced by the default
   engine, or quietly by nothing; the handler made here refuses each table by
   name. */
handler *make_refusing_handler(handlerton *engine, TABLE_SHARE *share,
                               st_mem_root *memory);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_NO_TABLES_H
