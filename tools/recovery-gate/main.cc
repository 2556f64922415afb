// SPDX-License-Identifier: GPL-2.0-only
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "command_line.h"
#include "exit_codes.h"
#include "output.h"
#include "terminal.h"

namespace recovery_gate::tool {
namespace {

/* Others see a program's arguments: a password stays there no longer than it
   has to. */
void hide_passwords(int argc, char **argv) {
  for (int i = 1; i < argc; ++i) {
    char *secret = nullptr;
    // What comes after it is another program's, and is run as it is.
    if (std::strcmp(argv[i], "--") == 0) break;
    if (std::strncmp(argv[i], "--password=", 11) == 0)
      secret = argv[i] + 11;
    else if (std::strncmp(argv[i], "--peer-password=", 16) == 0)
      secret = argv[i] + 16;
    else if (argv[i][0] == '-' && argv[i][1] == 'p')
      secret = argv[i] + 2;
    else if (std::strncmp(argv[i], "--account=", 10) == 0 ||
             std::strcmp(argv[i - 1], "--account") == 0)
      secret = std::strchr(argv[i], ':');
    if (secret != nullptr) std::memset(secret, 'x', std::strlen(secret));
  }
}

int run(int argc, char **argv) {
  end_cleanly_on_signals();
  std::vector<std::string> arguments =
      with_password_options({argv + 1, argv + argc});
  hide_passwords(argc, argv);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them

  CLI::App app;
  Invocation invocation;
  declare_command_line(app, invocation);
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError &error) {
    return static_cast<int>(app.exit(error) == 0 ? ExitCode::OPEN
                                                 : ExitCode::USAGE);
  }
  if (!invocation.run) {
    complain("which subcommand? recovery-gate --help lists them");
    return static_cast<int>(ExitCode::USAGE);
  }
  return static_cast<int>(invocation.run());
}

}  // namespace
}  // namespace recovery_gate::tool

int main(int argc, char **argv) {
  try {
    return recovery_gate::tool::run(argc, argv);
  } catch (const std::bad_alloc &) {
    recovery_gate::tool::complain("out of memory");
    return static_cast<int>(recovery_gate::tool::ExitCode::UNREACHABLE);
  }
}
