// SPDX-License-Identifier: GPL-2.0-only
#include "recovery_gate/binlog/quiet_open.h"

#include <fcntl.h>

#include <cerrno>

namespace recovery_gate {

int open_quietly(const std::string &path, int further_flags) {
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | further_flags;
  const int file = ::open(path.c_str(), flags | O_NOATIME);
  return file < 0 && errno == EPERM ? ::open(path.c_str(), flags) : file;
}

}  // namespace recovery_gate
