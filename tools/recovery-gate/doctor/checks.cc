// SPDX-License-Identifier: GPL-2.0-only
#include "doctor/checks.h"

#include <algorithm>

namespace recovery_gate::tool {
namespace {

bool is_accepted(const Check &check, const Problem &problem,
                 const std::vector<Ignored> &accepted) {
  return std::any_of(accepted.begin(), accepted.end(), [&](const Ignored &one) {
    return one.check == check.name &&
           (one.subject.empty() || one.subject == problem.subject ||
            one.subject == problem.server);
  });
}

}  // namespace

const char *to_string(Severity severity) {
  switch (severity) {
    case Severity::ERROR:
      return "error";
    case Severity::WARNING:
      return "warning";
    case Severity::NOTE:
      break;
  }
  return "note";
}

std::vector<Check> all_checks() {
  std::vector<Check> all = server_checks();
  for (const auto &more : {account_checks(), replica_checks()})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::vector<Finding> examine(const std::vector<Check> &checks,
                             const Facts &facts,
                             const std::vector<Ignored> &accepted,
                             std::size_t *ignored) {
  std::vector<Finding> findings;
  *ignored = 0;
  for (const Check &check : checks) {
    std::vector<Problem> problems;
    check.look(facts, &problems);
    for (Problem &problem : problems)
      if (is_accepted(check, problem, accepted))
        ++*ignored;
      else
        findings.push_back({&check, std::move(problem)});
  }
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding &a, const Finding &b) {
                     return a.check->severity > b.check->severity;
                   });
  return findings;
}

std::string set_both(const std::string &variable, const std::string &value) {
  return "SET GLOBAL " + variable + "=" + value + ", and " +
         option_line(variable, value);
}

std::string option_line(const std::string &variable, const std::string &value) {
  return "in the option file, under [mariadbd]: " + variable + " = " + value;
}

}  // namespace recovery_gate::tool
