// SPDX-License-Identifier: GPL-2.0-only
#ifndef RECOVERY_GATE_TOOL_STATUS_PAGE_H
#define RECOVERY_GATE_TOOL_STATUS_PAGE_H

#include <cstddef>
#include <string>

#include "client/look.h"

namespace recovery_gate::tool {

/* What is worth knowing besides the gate; all empty when the server did not
   say. */
struct Surroundings {
  std::string version, server_id, account;
  std::string mode;                     // recovery_gate_mode
  std::string timeout, timeout_action;  // recovery_gate_timeout: seconds
};

/* One page for a person, in so many columns as LabelledPage has them. For looks
   that saw a gate. */
std::string status_page(const Look &look, const Surroundings &around,
                        const std::string &where, std::size_t width);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_STATUS_PAGE_H
