/*
  For a server's LD_PRELOAD: who tells systemd what has the text HOLD_BEFORE in
  it (environment) stops for half a second before that, or after it with
  HOLD_AFTER, and tells "X_HELD=1" when it begins to. So a test makes a race
  that a busy machine makes now and then.
*/
#include <dlfcn.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

using Notify = int (*)(int, const char *);

static void hold(const char *variable, const char *state, Notify send) {
  const char *text = std::getenv(variable);
  if (text == nullptr || std::strstr(state, text) == nullptr) return;
  send(0, "X_HELD=1");
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
}

extern "C" int sd_notify(int unset_environment, const char *state) {
  static const auto send =
      reinterpret_cast<Notify>(::dlsym(RTLD_NEXT, "sd_notify"));
  hold("HOLD_BEFORE", state, send);
  const int result = send(unset_environment, state);
  hold("HOLD_AFTER", state, send);
  return result;
}
