// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/engine_binlog.h"

namespace recovery_gate {

Failure engine_keeps_binlog(std::string_view engine) {
  if (engine.empty()) return {};
  return "a storage engine keeps the binary log (binlog_storage_engine=" +
         std::string(engine) +
         "), and then no replica acknowledges anything; start the server without "
         "binlog_storage_engine, or remove the plugin";
}

}  // namespace recovery_gate
