// SPDX-License-Identifier: GPL-2.0-only
/*
  Servers from 12.3 on can have a storage engine keep their binary log
  (binlog_storage_engine=innodb). It has no index, no header at the start of
  each log and no offsets then, and the server refuses semi-sync.
*/
#ifndef RECOVERY_GATE_ENGINE_BINLOG_H
#define RECOVERY_GATE_ENGINE_BINLOG_H

#include <string_view>

#include "recovery_gate/base/failure.h"

namespace recovery_gate {

/* Why there can be no gate with this value of @@binlog_storage_engine, and what
   to do. None for "", which is also for a server without the variable. */
Failure engine_keeps_binlog(std::string_view engine);

}  // namespace recovery_gate

#endif  // RECOVERY_GATE_ENGINE_BINLOG_H
