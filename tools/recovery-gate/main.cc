// SPDX-License-Identifier: GPL-2.0-only
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "command.h"
#include "exit_codes.h"
#include "inspect/inspect.h"
#include "open.h"
#include "output.h"
#include "prestart/prestart.h"
#include "status.h"
#include "terminal.h"
#include "wait.h"

namespace recovery_gate::tool {
namespace {

constexpr const char *description =
    "The command-line side of the MariaDB recovery gate, which after a crash "
    "keeps\nclients out of a server until a semi-sync replica has "
    "acknowledged what crash\nrecovery left in its binary log.";

constexpr const char *examples =
    "Examples:\n"
    "  recovery-gate status                  what does it wait for?\n"
    "  recovery-gate wait --timeout 300      until clients are admitted\n"
    "  recovery-gate open                    admit them without a replica\n"
    "  recovery-gate status --help           more about a subcommand\n"
    "\n"
    "How to reach the server: -h, -P, -S, -u, -p, --defaults-file and so on, "
    "as with\nall MariaDB client programs (see status --help), before or after "
    "the\nsubcommand; also read from option files, groups [client], "
    "[client-server],\n[client-mariadb] and [recovery-gate].\n"
    "\n";

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
    if (secret != nullptr) std::memset(secret, 'x', std::strlen(secret));
  }
}

int run(int argc, char **argv) {
  end_cleanly_on_signals();
  std::vector<std::string> arguments =
      with_password_options({argv + 1, argv + argc});
  hide_passwords(argc, argv);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them

  CLI::App app(description, "recovery-gate");
  app.set_help_flag("-?,--help", "Print this and exit");
  app.set_version_flag("-V,--version",
                       std::string("recovery-gate " RECOVERY_GATE_VERSION));
  app.require_subcommand(0, 1);  // without one, see below
  Invocation invocation;
  add_hidden_connection_options(app, &invocation.connection);
  add_status(app, invocation);
  add_wait(app, invocation);
  add_open(app, invocation);
  add_inspect(app, invocation);
  add_prestart(app, invocation);
  app.footer(std::string(examples) + exit_code_help());
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
