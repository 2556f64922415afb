// SPDX-License-Identifier: GPL-2.0-only
#include "output.h"

#include <cstdio>

namespace recovery_gate::tool {
namespace {

std::string dump(const Json &json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

void print(const std::string &text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void print(const Json &json) { print(dump(json, 2)); }

void print_line(const Json &json) { print(dump(json, -1)); }

std::string printable(std::string text) {
  for (char &c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text;
}

void complain(const std::string &text) {
  std::fprintf(stderr, "recovery-gate: %s\n", printable(text).c_str());
}

Json result_of(ExitCode code) {
  return {{"result", result_name(code)}, {"exit_code", static_cast<int>(code)}};
}

ExitCode fail(bool json, ExitCode code, const std::string &text,
              unsigned server_error) {
  complain(server_error == 0
               ? text
               : "error " + std::to_string(server_error) + ": " + text);
  if (json) {
    Json result = result_of(code);
    result["error"] = {{"message", text}};
    if (server_error != 0) result["error"]["code"] = server_error;
    print(result);
  }
  return code;
}

}  // namespace recovery_gate::tool
