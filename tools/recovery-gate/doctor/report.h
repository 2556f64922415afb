// SPDX-License-Identifier: GPL-2.0-only
/*
  What the doctor says: a page for a person, an object for a program.
*/
#ifndef RECOVERY_GATE_TOOL_DOCTOR_REPORT_H
#define RECOVERY_GATE_TOOL_DOCTOR_REPORT_H

#include <string>
#include <vector>

#include "doctor/checks.h"
#include "exit_codes.h"
#include "output.h"

namespace recovery_gate::tool {

struct Diagnosis {
  const Facts &facts;
  const std::vector<Finding> &findings;
  std::size_t checks = 0, ignored = 0;
};

/* OPEN: nothing worse than notes. A server without a gate is NO_PLUGIN, as for
   all subcommands. */
ExitCode exit_code(const Diagnosis &diagnosis);

/* In lines of at most `width` columns; LabelledPage::not_wrapped: plain ones,
   for a screen reader. */
std::string doctor_page(const Diagnosis &diagnosis, std::size_t width);
Json doctor_json(const Diagnosis &diagnosis);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_DOCTOR_REPORT_H
