// SPDX-License-Identifier: GPL-2.0-only
#include "terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "exit_codes.h"
#include "output.h"

namespace recovery_gate::tool {
namespace {

constexpr char erase_line[] = "\r\033[K";

// For the signal handler. The terminal is set up before the flag is set, and
// the flag is cleared after it was put back: a signal in between does no harm.
std::atomic<bool> echo_is_off{false}, line_is_drawn{false};
int terminal = -1;
termios found;
static_assert(std::atomic<bool>::is_always_lock_free,
              "a signal handler may not take a lock");

/* Only what a handler may call. */
extern "C" void end_at_once(int) {
  if (echo_is_off.load()) {
    ::tcsetattr(terminal, TCSANOW, &found);
    [[maybe_unused]] auto ignored = ::write(terminal, "\n", 1);
  }
  if (line_is_drawn.load()) {
    // What was drawn stays to be read.
    [[maybe_unused]] auto ignored = ::write(STDOUT_FILENO, "\n", 1);
  }
  ::_exit(static_cast<int>(ExitCode::INTERRUPTED));
}

std::string read_line(int file, bool *got_line) {
  std::string line;
  char c;
  ssize_t count;
  while ((count = ::read(file, &c, 1)) == 1 && c != '\n') line += c;
  *got_line = count == 1 || !line.empty();
  return line;
}

}  // namespace

void end_cleanly_on_signals() {
  struct sigaction action {};
  action.sa_handler = end_at_once;
  sigfillset(&action.sa_mask);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction old;
    if (::sigaction(number, nullptr, &old) == 0 && old.sa_handler != SIG_IGN)
      ::sigaction(number, &action, nullptr);
  }
}

Failure ask_secretly(const std::string &prompt, std::string *answer) {
  const int file = ::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (file < 0 || ::tcgetattr(file, &found) != 0) {
    if (file >= 0) ::close(file);
    return "there is no terminal to ask for the password on; put it into an "
           "option file";
  }
  termios silent = found;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  terminal = file;
  echo_is_off = true;
  ::tcsetattr(file, TCSAFLUSH, &silent);
  [[maybe_unused]] auto ignored = ::write(file, prompt.data(), prompt.size());
  bool got_line;
  *answer = read_line(file, &got_line);
  ::tcsetattr(file, TCSANOW, &found);
  ignored = ::write(file, "\n", 1);
  echo_is_off = false;
  ::close(file);
  return got_line ? "" : "no password was typed";
}

std::string ask(const std::string &question) {
  // Not on the standard output, which may be for a program.
  std::fprintf(stderr, "%s", question.c_str());
  bool got_line;
  std::string answer = read_line(STDIN_FILENO, &got_line);
  if (!got_line) std::fprintf(stderr, "\n");
  return answer;
}

bool can_redraw() {
  const char *kind = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) != 0 && kind != nullptr &&
         std::strcmp(kind, "dumb") != 0;
}

bool stdin_is_terminal() { return ::isatty(STDIN_FILENO) != 0; }

int terminal_width() {
  winsize size;
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return 80;
}

std::size_t line_room() {
  return static_cast<std::size_t>(terminal_width()) - 1;
}

void redraw_line(const std::string &text) {
  std::string line = text;
  const std::size_t room = line_room();
  if (line.size() > room) line.resize(room);
  // No character is cut in half.
  while (line.size() < text.size() && !line.empty() &&
         (text[line.size()] & 0xc0) == 0x80)
    line.pop_back();
  line_is_drawn = true;
  print(erase_line + line);
}

void clear_line() {
  if (!line_is_drawn) return;
  print(std::string(erase_line));
  line_is_drawn = false;
}

}  // namespace recovery_gate::tool
