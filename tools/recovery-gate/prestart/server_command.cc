// SPDX-License-Identifier: GPL-2.0-only
#include "prestart/server_command.h"

#include <algorithm>

namespace recovery_gate::tool {
namespace {

bool is_any_of(const std::string &text,
               std::initializer_list<const char *> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

/* Options that always have a value, which may be the next word. */
bool needs_value(const std::string &name) {
  return is_any_of(
      name, {"datadir", "port", "server-id", "user", "innodb-data-home-dir",
             "aria-log-dir-path", "master-info-file", "init-rpl-role",
             "recovery-gate-mode"});
}

OptionLine line_of(const std::string &word) {
  OptionLine line;
  const std::size_t equals = word.find('=');
  line.name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
  std::replace(line.name.begin(), line.name.end(), '_', '-');
  if (equals != std::string::npos) line.value = word.substr(equals + 1);
  if (line.name.rfind("loose-", 0) == 0) line.name.erase(0, 6);
  return line;
}

}  // namespace

ServerCommand read_server_command(const std::vector<std::string> &words) {
  ServerCommand command;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string word = words[i];
    if (word.rfind("-h", 0) == 0)
      word = word.size() > 2 ? "--datadir=" + word.substr(2) : "--datadir";
    else if (word.rfind("-P", 0) == 0)
      word = word.size() > 2 ? "--port=" + word.substr(2) : "--port";
    if (is_any_of(word, {"-?", "-V"})) command.starts_nothing = true;
    if (word.rfind("--", 0) != 0) continue;
    OptionLine line = line_of(word);
    if (needs_value(line.name) && !line.value && i + 1 < words.size())
      line.value = words[++i];
    if (is_any_of(line.name,
                  {"help", "version", "print-defaults", "bootstrap"}))
      command.starts_nothing = true;
    OptionFiles &files = command.files;
    if (line.name == "no-defaults") files.none = true;
    if (line.name == "defaults-file") files.only = line.value;
    if (line.name == "defaults-extra-file") files.extra = line.value;
    if (line.name == "defaults-group-suffix")
      files.group_suffix = line.value.value_or("");
    command.lines.push_back(std::move(line));
  }
  return command;
}

}  // namespace recovery_gate::tool
