// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/start_command.h"

#include <unistd.h>

#include <climits>
#include <cstdlib>

namespace recovery_gate::tool {
namespace {

bool is_same_folder(const std::string &a, const std::string &b) {
  char resolved[PATH_MAX];
  return a == b ||
         (::realpath(a.c_str(), resolved) != nullptr && b == resolved);
}

}  // namespace

std::vector<std::string> start_command(const Findings &findings,
                                       const std::vector<std::string> &more) {
  std::vector<std::string> line{"mariadbd"};
  const ServerOptions &options = findings.options;
  if (options.file) line.push_back("--defaults-file=" + *options.file);
  if (!options.datadir ||
      !is_same_folder(*options.datadir, findings.directory.path))
    line.push_back("--datadir=" + findings.directory.path);
  if (findings.log_bin && findings.log_bin != options.log_bin)
    line.push_back("--log-bin=" + *findings.log_bin);
  if (::geteuid() == 0 && !options.has_user &&
      !findings.directory.owner.empty())
    line.push_back("--user=" + findings.directory.owner);
  line.insert(line.end(), more.begin(), more.end());
  return line;
}

std::string shell_line(const std::vector<std::string> &command) {
  constexpr const char *harmless =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
      "-_=./:,@+%";
  std::string line;
  for (const std::string &word : command) {
    if (!line.empty()) line += ' ';
    if (!word.empty() &&
        word.find_first_not_of(harmless) == std::string::npos) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char c : word) {
      if (c == '\'')
        line += "'\\''";
      else
        line += c;
    }
    line += '\'';
  }
  return line;
}

}  // namespace recovery_gate::tool
