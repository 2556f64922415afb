// SPDX-License-Identifier: GPL-2.0-only
/*
  For a server's LD_PRELOAD: no new binary log can be created, as on a full
  disk.
*/
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdarg>
#include <cstring>

namespace {

using Open = int (*)(const char *, int, ...);

/* bin.000002; not bin.index, and nothing that is there already. */
bool is_new_log(const char *path, int flags) {
  const char *slash = std::strrchr(path, '/');
  const char *name = slash == nullptr ? path : slash + 1;
  struct stat status;
  return (flags & O_CREAT) != 0 && std::strncmp(name, "bin.0", 5) == 0 &&
         ::stat(path, &status) != 0;
}

int open_unless_new(const char *function, const char *path, int flags,
                    mode_t mode) {
  if (is_new_log(path, flags)) {
    errno = ENOSPC;
    return -1;
  }
  return reinterpret_cast<Open>(::dlsym(RTLD_NEXT, function))(path, flags,
                                                              mode);
}

mode_t mode_in(int flags, std::va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

extern "C" int open(const char *path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_in(flags, arguments);
  va_end(arguments);
  return open_unless_new("open", path, flags, mode);
}

extern "C" int open64(const char *path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_in(flags, arguments);
  va_end(arguments);
  return open_unless_new("open64", path, flags, mode);
}
