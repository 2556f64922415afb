// SPDX-License-Identifier: GPL-2.0-only
/*
  How the tool says in its exit status what it found. Scripts, systemd units and
  probes are written against these numbers: none ever changes its meaning, and a
  new meaning gets a new number.
*/
#ifndef RECOVERY_GATE_TOOL_EXIT_CODES_H
#define RECOVERY_GATE_TOOL_EXIT_CODES_H

#include <string>

namespace recovery_gate::tool {

enum class ExitCode {
  OPEN = 0,            // the gate is open; or what was asked for is done
  USAGE = 1,           // the command line or an option file is wrong
  UNREACHABLE = 2,     // no connection to the server, or it was lost
  NO_PLUGIN = 3,       // the server has no recovery gate
  CLOSED = 4,          // status: the gate is closed
  TIMED_OUT = 5,       // wait: it was still closed at the end of --timeout
  REFUSED = 6,         // the account may not do this, or nobody confirmed it
  INTERRUPTED = 7,     // SIGINT, SIGTERM or SIGHUP
  NOT_WRITTEN = 8,     // prestart: the environment file could not be written
  NOT_RUN = 9,         // prestart: the command after -- could not be run
  INSPECT_FIRST = 10,  // inspect: its verdicts have the numbers up to
  INSPECT_LAST = 15,   // this one, and are described there
  ERRORS_FOUND = 16,   // doctor: after a crash, no gate, or one that stays shut
  WARNINGS_FOUND = 17,  // doctor: nothing worse than warnings
};

/* One word for programs, the `result` of --json: "open", "closed" and so on;
   "inspect" for inspect's, which say more themselves. */
const char *result_name(ExitCode code);

/* The table in --help; inspect's numbers are one line of it. */
std::string exit_code_help();

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_EXIT_CODES_H
