// SPDX-License-Identifier: GPL-2.0-only
#include "prestart/environment_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <sstream>

namespace recovery_gate::tool {
namespace {

constexpr const char *added_by_us = "RECOVERY_GATE_ADDED";

std::string trouble_with(const char *what, const std::string &path) {
  return fmt::format("cannot {} {}: {}", what, path, std::strerror(errno));
}

std::string line(const std::string &name, const std::string &value) {
  std::string quoted;
  for (const char c : value) {
    if (std::strchr("\\\"`$", c) != nullptr) quoted += '\\';
    quoted += c == '\n' ? ' ' : c;
  }
  return fmt::format("{}=\"{}\"\n", name, quoted);
}

std::string variable_of_process(const char *name) {
  const char *value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string set_by_others(const std::string &variable) {
  std::string text = variable_of_process(variable.c_str());
  const std::string added = variable_of_process(added_by_us);
  if (!added.empty() && text.size() >= added.size() &&
      text.compare(text.size() - added.size(), std::string::npos, added) == 0)
    text.erase(text.size() - added.size());
  return text;
}

bool write_all(int file, const std::string &content) {
  for (std::size_t done = 0; done < content.size();) {
    const ssize_t n =
        ::write(file, content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return ::fsync(file) == 0;
}

}  // namespace

std::string remove_environment_file(const std::string &path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return trouble_with("remove what an earlier start left in", path);
}

std::string write_environment_file(const std::string &path,
                                   const std::string &content) {
  const std::string folder = path.substr(0, path.rfind('/'));
  if (!folder.empty() && ::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
    return trouble_with("make", folder);
  const std::string unfinished = path + ".new";
  ::unlink(unfinished.c_str());
  const int file =
      ::open(unfinished.c_str(),
             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (file < 0) return trouble_with("write", path);
  std::string error;
  if (!write_all(file, content)) error = trouble_with("write", path);
  if (::close(file) != 0 && error.empty()) error = trouble_with("write", path);
  if (error.empty() && ::rename(unfinished.c_str(), path.c_str()) != 0)
    error = trouble_with("write", path);
  if (!error.empty()) ::unlink(unfinished.c_str());
  return error;
}

std::vector<std::string> options_in_environment(const std::string &variable) {
  std::istringstream text(set_by_others(variable));
  return {std::istream_iterator<std::string>(text), {}};
}

std::string environment_text(const std::string &variable,
                             const std::vector<std::string> &options) {
  const std::string before = set_by_others(variable);
  std::string added;
  for (const std::string &option : options)
    added += (added.empty() && before.empty() ? "" : " ") + option;
  return "# By recovery-gate prestart, for one start of the server\n" +
         line(variable, before + added) + line(added_by_us, added);
}

}  // namespace recovery_gate::tool
