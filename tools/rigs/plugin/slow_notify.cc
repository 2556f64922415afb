// SPDX-License-Identifier: GPL-2.0-only
/*
  For a server's LD_PRELOAD: who tells systemd what has the text HOLD_BEFORE in
  it (environment) stops for half a second before that, or after it with
  HOLD_AFTER, and tells "X_HELD=1" when it begins to. So a test makes a race
  that a busy machine makes now and then. The server tells it with sd_notify(),
  the plugin with sendto().
*/
#include <dlfcn.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

static int notify(int unset_environment, const char *state) {
  static const auto real = reinterpret_cast<int (*)(int, const char *)>(
      ::dlsym(RTLD_NEXT, "sd_notify"));
  return real(unset_environment, state);
}

static void hold(const char *variable, const std::string &state) {
  const char *text = std::getenv(variable);
  if (text == nullptr || state.find(text) == std::string::npos) return;
  notify(0, "X_HELD=1");
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
}

extern "C" int sd_notify(int unset_environment, const char *state) {
  hold("HOLD_BEFORE", state);
  const int result = notify(unset_environment, state);
  hold("HOLD_AFTER", state);
  return result;
}

extern "C" ssize_t sendto(int socket, const void *message, size_t length,
                          int flags, const sockaddr *address,
                          socklen_t address_length) {
  static const auto real =
      reinterpret_cast<decltype(&sendto)>(::dlsym(RTLD_NEXT, "sendto"));
  if (address != nullptr)
    hold("HOLD_BEFORE", {static_cast<const char *>(message), length});
  return real(socket, message, length, flags, address, address_length);
}
