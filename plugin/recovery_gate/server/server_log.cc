// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <log.h>

#include <ctime>

#include "server_log.h"

namespace recovery_gate {

void ServerLog::note(const std::string &line) {
  sql_print_information("Recovery gate: %s", line.c_str());
}

void ServerLog::warning(const std::string &line) {
  sql_print_warning("Recovery gate: %s", line.c_str());
}

void ServerLog::error(const std::string &line) {
  sql_print_error("Recovery gate: %s", line.c_str());
}

std::string local_time(milliseconds ago) {
  const std::time_t then = std::chrono::system_clock::to_time_t(
      std::chrono::system_clock::now() - ago);
  struct tm parts;
  char text[32];
  if (localtime_r(&then, &parts) == nullptr ||
      std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts) == 0)
    return {};
  return text;
}

Instant MonotonicClock::now() const {
  return std::chrono::duration_cast<milliseconds>(
      std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace recovery_gate
