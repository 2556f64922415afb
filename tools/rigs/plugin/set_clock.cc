// SPDX-License-Identifier: GPL-2.0-only
/*
  For a server's LD_PRELOAD: the machine's clock as if somebody set it. The file
  that CLOCK_IS_OFF (environment) names holds by how many seconds it is off, and
  may be written at any time. As in the kernel, who waits until a time of that
  clock waits longer when it is set back; the monotonic clock is none of that.
*/
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace {

constexpr std::int64_t second = 1000000000, look_interval = second / 20;
// No machine runs for so long: an earlier time is of the monotonic clock.
constexpr time_t longest_uptime = 1000000000;

time_t off_by() {
  const char *path = std::getenv("CLOCK_IS_OFF");
  const int file = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[32] = "";
  const ssize_t length = ::read(file, text, sizeof text - 1);
  ::close(file);
  return length > 0 ? std::atol(text) : 0;
}

std::int64_t real_now() {
  timespec now;
  ::syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
  return now.tv_sec * second + now.tv_nsec;
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec *now) noexcept {
  static const auto real = reinterpret_cast<decltype(&clock_gettime)>(
      ::dlsym(RTLD_NEXT, "clock_gettime"));
  const int error = real(clock, now);
  if (error == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    now->tv_sec += off_by();
  return error;
}

extern "C" int pthread_cond_timedwait(pthread_cond_t *condition,
                                      pthread_mutex_t *mutex,
                                      const timespec *until) {
  static const auto real = reinterpret_cast<decltype(&pthread_cond_timedwait)>(
      ::dlsym(RTLD_NEXT, "pthread_cond_timedwait"));
  if (until->tv_sec < longest_uptime) return real(condition, mutex, until);
  for (;;) {
    const std::int64_t end =
        (until->tv_sec - off_by()) * second + until->tv_nsec;
    const std::int64_t next = std::min(end, real_now() + look_interval);
    const timespec look{static_cast<time_t>(next / second),
                        static_cast<long>(next % second)};
    const int result = real(condition, mutex, &look);
    if (result != ETIMEDOUT) return result;
    if (real_now() >= (until->tv_sec - off_by()) * second + until->tv_nsec)
      return ETIMEDOUT;
  }
}
