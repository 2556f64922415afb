// SPDX-License-Identifier: GPL-2.0-only
#include "exit_codes.h"

#include <fmt/format.h>

namespace recovery_gate::tool {
namespace {

struct Row {
  ExitCode code;
  const char *name;
  const char *meaning;
};

constexpr Row rows[] = {
    {ExitCode::OPEN, "open", "the gate is open; what was asked for is done"},
    {ExitCode::USAGE, "usage", "the command line or an option file is wrong"},
    {ExitCode::UNREACHABLE, "unreachable", "no connection to the server"},
    {ExitCode::NO_PLUGIN, "no_plugin", "the server has no recovery gate"},
    {ExitCode::CLOSED, "closed", "status: the gate is closed"},
    {ExitCode::TIMED_OUT, "timed_out",
     "wait: the gate was still closed when the time was over"},
    {ExitCode::REFUSED, "refused",
     "a privilege is missing, or nobody confirmed"},
    {ExitCode::INTERRUPTED, "interrupted",
     "ended by Ctrl-C, SIGTERM or SIGHUP"},
    {ExitCode::NOT_WRITTEN, "not_written",
     "prestart: the environment file could not be written, or removed"},
    {ExitCode::NOT_RUN, "not_run",
     "prestart: the command after -- could not be run"},
    {ExitCode::ERRORS_FOUND, "errors_found",
     "doctor: after a crash, the gate would not guard, or not open"},
    {ExitCode::WARNINGS_FOUND, "warnings_found",
     "doctor: nothing worse than warnings"},
};

}  // namespace

const char *result_name(ExitCode code) {
  for (const Row &row : rows)
    if (row.code == code) return row.name;
  return "inspect";
}

std::string exit_code_help() {
  std::string text = "Exit codes:\n";
  for (const Row &row : rows)
    text +=
        fmt::format("  {:<5}  {}\n", static_cast<int>(row.code), row.meaning);
  text +=
      fmt::format("  {}-{}  inspect, prestart: verdicts, see inspect --help\n",
                  static_cast<int>(ExitCode::INSPECT_FIRST),
                  static_cast<int>(ExitCode::INSPECT_LAST));
  return text;
}

}  // namespace recovery_gate::tool
