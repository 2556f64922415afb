// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/quiet_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "recovery_gate/binlog/quiet_open.h"

namespace recovery_gate::tool {

Failure list_quietly(const std::string &folder,
                     std::vector<std::string> *names) {
  const int file = open_quietly(folder, O_DIRECTORY);
  DIR *entries = file < 0 ? nullptr : ::fdopendir(file);
  if (entries == nullptr) {
    const std::string why = std::strerror(errno);
    if (file >= 0) ::close(file);
    return "cannot read " + folder + ": " + why;
  }
  while (const dirent *entry = ::readdir(entries))
    names->push_back(entry->d_name);
  ::closedir(entries);
  std::sort(names->begin(), names->end());
  return {};
}

int QuietFiles::read(const std::string &path, std::string *content) {
  return PosixFiles().read(path, content);
}

}  // namespace recovery_gate::tool
