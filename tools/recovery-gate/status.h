// SPDX-License-Identifier: GPL-2.0-only
#ifndef RECOVERY_GATE_TOOL_STATUS_H
#define RECOVERY_GATE_TOOL_STATUS_H

#include <functional>

#include "client/look.h"
#include "command.h"
#include "recovery_gate/gate/labelled_page.h"

namespace recovery_gate::tool {

void add_status(CLI::App &tool, Invocation &invocation);

struct StatusForm {
  bool json = false;
  std::size_t width = LabelledPage::usual_width;  // of the page
};

/* Looks once and says what it saw. `where` is the server's name for a person;
   `add_more` adds to what was seen of a gate. */
ExitCode show_status(Session &session, const std::string &where,
                     const StatusForm &form,
                     const std::function<void(Look *)> &add_more = {});

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_STATUS_H
