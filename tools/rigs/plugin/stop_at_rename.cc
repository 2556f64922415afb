// SPDX-License-Identifier: GPL-2.0-only
/*
  For a server's LD_PRELOAD: one that commits by renaming a file to a binary log
  stops there for good, before or after that, as STOP_RENAMING (environment)
  says. It creates the file that STOPPED names then.
*/
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

/* bin.000001; not bin.index, nor bin.000001.idx. */
bool is_log(const std::string &path) {
  const auto dot = path.rfind('.');
  return dot != std::string::npos && dot >= 3 &&
         path.compare(dot - 3, 3, "bin") == 0 && dot + 1 < path.size() &&
         path.find_first_not_of("0123456789", dot + 1) == std::string::npos;
}

}  // namespace

extern "C" int rename(const char *from, const char *to) noexcept {
  static const auto real =
      reinterpret_cast<decltype(&rename)>(::dlsym(RTLD_NEXT, "rename"));
  const char *when = std::getenv("STOP_RENAMING");
  const char *stopped = std::getenv("STOPPED");
  if (when == nullptr || stopped == nullptr || !is_log(to))
    return real(from, to);
  if (std::string(when) == "after" && real(from, to) != 0) return -1;
  ::close(::open(stopped, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  for (;;) ::pause();
}
