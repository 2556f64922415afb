/*
  For a server's LD_PRELOAD: what has the text SLOW_NOTIFY (environment) in it is
  told to systemd half a second late, and "X_HELD=1" is told at once. A test
  makes a race with it that a busy machine makes now and then.
*/
#include <dlfcn.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

extern "C" int sd_notify(int unset_environment, const char *state) {
  using Function = int (*)(int, const char *);
  static const auto send =
      reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "sd_notify"));
  if (send == nullptr) return 0;  // not in the server, but in what starts it
  const char *slow = std::getenv("SLOW_NOTIFY");
  if (slow != nullptr && std::strstr(state, slow) != nullptr) {
    send(0, "X_HELD=1");
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
  return send(unset_environment, state);
}
