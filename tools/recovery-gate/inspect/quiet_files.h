// SPDX-License-Identifier: GPL-2.0-only
/*
  Files that are only read: no byte, name, lock or, where the
  system lets us, access time is changed. Only a file's owner and root may ask
  for the latter.
*/
#ifndef RECOVERY_GATE_TOOL_QUIET_FILES_H
#define RECOVERY_GATE_TOOL_QUIET_FILES_H

#include <string>
#include <vector>

#include "recovery_gate/ledger/state_file.h"

namespace recovery_gate::tool {

/* All names in a folder, sorted. Fails when it cannot be read. */
Failure list_quietly(const std::string &folder,
                     std::vector<std::string> *names);

/* The state file is read, and takes no notice of what is written: to see what a
   server's start would do. */
class QuietFiles final : public FileLayer {
 public:
  int read(const std::string &path, std::string *content) override;
  int write_synced(const std::string &, const std::string &) override {
    return 0;
  }
  int rename(const std::string &, const std::string &) override { return 0; }
  int sync_folder(const std::string &) override { return 0; }
};

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_QUIET_FILES_H
