// SPDX-License-Identifier: GPL-2.0-only
#include "prestart/error_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <ctime>

#include "output.h"

namespace recovery_gate::tool {

void add_to_error_log(const ServerOptions &options, const std::string &datadir,
                      bool is_warning, const std::vector<std::string> &lines) {
  if (!options.log_error) return;
  std::string path = *options.log_error;
  // As the server completes it (sql/mysqld.cc, fn_format).
  if (path[0] != '/') path = datadir + "/" + path;
  if (path.find('.', path.rfind('/')) == std::string::npos) path += ".err";
  const int file = ::open(
      path.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return;
  const std::time_t now = std::time(nullptr);
  std::tm t;
  ::localtime_r(&now, &t);
  std::string text;
  for (const std::string &line : lines)
    text += fmt::format(
        "{}-{:02}-{:02} {:2}:{:02}:{:02} 0 [{}] Recovery gate: prestart: {}\n",
        t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min,
        t.tm_sec, is_warning ? "Warning" : "Note", printable(line));
  [[maybe_unused]] const auto written = ::write(file, text.data(), text.size());
  ::close(file);
}

}  // namespace recovery_gate::tool
