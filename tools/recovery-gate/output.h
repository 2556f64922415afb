// SPDX-License-Identifier: GPL-2.0-only
/*
  What every subcommand writes with: a page for a person or JSON for a program
  on the standard output, complaints on the standard error.
*/
#ifndef RECOVERY_GATE_TOOL_OUTPUT_H
#define RECOVERY_GATE_TOOL_OUTPUT_H

#include <nlohmann/json.hpp>
#include <string>

#include "exit_codes.h"

namespace recovery_gate::tool {

/* In the order of insertion: a person reads it, too. */
using Json = nlohmann::ordered_json;

/* As it is, immediately. */
void print(const std::string &text);

/* Indented, for one result; what is not UTF-8 is replaced. */
void print(const Json &json);

/* On one line, for one of many results. */
void print_line(const Json &json);

/* Without control characters: what a server says shall not move the cursor. */
std::string printable(std::string text);

/* "recovery-gate: TEXT" on the standard error, printable. */
void complain(const std::string &text);

/* A result that begins as all do: {"result": ..., "exit_code": ...}. */
Json result_of(ExitCode code);

/* Says why a command ends early, to a person and, if wanted, also as JSON, and
   returns the code. `server_error` is the number of the server or the client
   library, which is shown before the text; 0 when it is not theirs. */
ExitCode fail(bool json, ExitCode code, const std::string &text,
              unsigned server_error = 0);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_OUTPUT_H
