// SPDX-License-Identifier: GPL-2.0-only
/* Numbers as a server sends them, in text. */
#ifndef RECOVERY_GATE_TOOL_CLIENT_NUMBER_H
#define RECOVERY_GATE_TOOL_CLIENT_NUMBER_H

#include <charconv>
#include <optional>
#include <string>

namespace recovery_gate::tool {

/* The digits that it begins with; 0 when there are none, and for NULL. */
template <typename Number>
Number number_of(const std::optional<std::string> &text) {
  Number number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_CLIENT_NUMBER_H
