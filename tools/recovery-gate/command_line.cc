// SPDX-License-Identifier: GPL-2.0-only
#include "command_line.h"

#include <string>

#include "doctor/doctor.h"
#include "exit_codes.h"
#include "inspect/inspect.h"
#include "open.h"
#include "prestart/prestart.h"
#include "status.h"
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
    "  recovery-gate doctor --replica db2    what would go wrong at a crash?\n"
    "  recovery-gate status --help           more about a subcommand\n"
    "\n"
    "How to reach the server: -h, -P, -S, -u, -p, --defaults-file and so on, "
    "as with\nall MariaDB client programs (see status --help), before or after "
    "the\nsubcommand; also read from option files, groups [client], "
    "[client-server],\n[client-mariadb] and [recovery-gate].\n"
    "\n";

}  // namespace

void declare_command_line(CLI::App &app, Invocation &invocation) {
  app.name("recovery-gate");
  app.description(description);
  app.set_help_flag("-?,--help", "Print this and exit");
  app.set_version_flag("-V,--version",
                       std::string("recovery-gate " RECOVERY_GATE_VERSION));
  app.require_subcommand(0, 1);  // without one, see below
  add_hidden_connection_options(app, &invocation.connection);
  add_status(app, invocation);
  add_wait(app, invocation);
  add_open(app, invocation);
  add_doctor(app, invocation);
  add_inspect(app, invocation);
  add_prestart(app, invocation);
  app.footer(std::string(examples) + exit_code_help());
}

}  // namespace recovery_gate::tool
