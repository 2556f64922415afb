// SPDX-License-Identifier: GPL-2.0-only
/*
  MariaDB's option files (my.cnf), as its client programs read them.

  Connector/C has a reader of its own, which knows neither
  --defaults-extra-file nor group suffixes, and of a folder that is included
  reads only my.cnf: on Debian that leaves out /etc/mysql/mariadb.conf.d/. The
  format is that of the server's mysys/my_default.c.
*/
#ifndef RECOVERY_GATE_TOOL_OPTION_FILES_H
#define RECOVERY_GATE_TOOL_OPTION_FILES_H

#include <optional>
#include <string>
#include <vector>

#include "recovery_gate/base/failure.h"

namespace recovery_gate::tool {

/* Which files and groups to read. */
struct OptionFiles {
  bool none = false;                 // --no-defaults
  std::optional<std::string> only;   // --defaults-file
  std::optional<std::string> extra;  // --defaults-extra-file
  std::string group_suffix;          // --defaults-group-suffix
};

struct OptionLine {
  std::string name;  // without "loose-"; with '-' where the file has '_'
  std::optional<std::string> value;
  std::string group, file;
  bool loose = false;  // "loose-": not an error when it is not known
};

/* Those of this tool: [client], [client-server], [client-mariadb] and
   [recovery-gate]. */
extern const std::vector<std::string> client_groups;

/*
  All lines of these groups, in the order in which they were read: the last one
  of a name is what counts. Fails with what is wrong. A file that is not there
  is that only when it was asked for by name.
*/
Failure read_option_files(const OptionFiles &files,
                          const std::vector<std::string> &groups,
                          std::vector<OptionLine> *lines);

/* The same of these groups in one file and what it includes. */
Failure read_option_file(const std::string &path,
                         const std::vector<std::string> &groups,
                         std::vector<OptionLine> *lines);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_OPTION_FILES_H
