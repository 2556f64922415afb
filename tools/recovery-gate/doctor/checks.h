// SPDX-License-Identifier: GPL-2.0-only
/*
  What is looked for, and what was found.
*/
#ifndef RECOVERY_GATE_TOOL_DOCTOR_CHECKS_H
#define RECOVERY_GATE_TOOL_DOCTOR_CHECKS_H

#include <string>
#include <vector>

#include "doctor/facts.h"

namespace recovery_gate::tool {

enum class Severity {
  NOTE,     // worth knowing; nothing breaks
  WARNING,  // clients wait longer than they have to, or a failover goes wrong
  ERROR,  // clients would read what may be lost, or the gate would stay closed
};

/* "error", "warning", "note" */
const char *to_string(Severity severity);

struct Problem {
  std::string server;   // where
  std::string subject;  // an account, a variable, a connection; may be empty
  std::string why;      // one sentence
  std::string cure;     // what to type, or the line of the option file
};

struct Check {
  const char *name;  // never changes: scripts name it to ignore what it finds
  Severity severity;
  void (*look)(const Facts &facts, std::vector<Problem> *problems);
};

/* Each in a file of its own; the order is that of the page. */
const std::vector<Check> &server_checks();
const std::vector<Check> &account_checks();
const std::vector<Check> &replica_checks();

std::vector<Check> all_checks();

struct Finding {
  const Check *check;
  Problem problem;
};

/* "CHECK" or "CHECK:SUBJECT": findings that somebody accepts. */
struct Ignored {
  std::string check, subject;  // an empty subject: all of them
};

/* The findings, the worst first. `ignored` counts those that are left out.
   `checks` has to live as long as the result. */
std::vector<Finding> examine(const std::vector<Check> &checks,
                             const Facts &facts,
                             const std::vector<Ignored> &accepted,
                             std::size_t *ignored);

/* For cures: both now and in the option file. */
std::string set_both(const std::string &variable, const std::string &value);
/* "[mariadbd] NAME = VALUE" */
std::string option_line(const std::string &variable, const std::string &value);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_DOCTOR_CHECKS_H
