// SPDX-License-Identifier: GPL-2.0-only
#include "doctor/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <sstream>

#include "recovery_gate/gate/labelled_page.h"
#include "wording.h"

namespace recovery_gate::tool {
namespace {

/* In lines of at most `width` columns, except for a longer word. */
std::string wrapped(const std::string &text, std::size_t indent,
                    std::size_t width) {
  std::string lines(indent, ' ');
  std::size_t used = indent;
  std::istringstream words(printable(text));
  for (std::string word; words >> word;) {
    const bool is_full =
        width != LabelledPage::not_wrapped && used + 1 + word.size() > width;
    if (used > indent && is_full) {
      lines += '\n' + std::string(indent, ' ');
      used = indent;
    } else if (used > indent) {
      lines += ' ';
      ++used;
    }
    lines += word;
    used += word.size();
  }
  return lines + '\n';
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  return text;
}

std::size_t count(const Diagnosis &d, Severity severity) {
  return static_cast<std::size_t>(std::count_if(
      d.findings.begin(), d.findings.end(), [severity](const Finding &finding) {
        return finding.check->severity == severity;
      }));
}

std::string counted(std::size_t number, const std::string &what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

const char *word(PassesAs what) {
  switch (what) {
    case PassesAs::ADMINISTRATOR:
      return "administrator";
    case PassesAs::REPLICA:
      return "replica";
    case PassesAs::NAMED:
      break;
  }
  return "recovery_gate_admit_users";
}

struct Admitted {
  std::string account;
  PassesAs as;
};

std::vector<Admitted> admitted(const Facts &facts) {
  std::vector<Admitted> all;
  if (!facts.server.accounts) return all;
  for (const Account &account : facts.server.accounts->all)
    if (const auto as =
            passes(account.user, effective(account, *facts.server.accounts),
                   facts.server.value("recovery_gate_admit_users"));
        as && !account.is_locked)
      all.push_back({account.name(), *as});
  return all;
}

std::string server_line(const ServerFacts &server) {
  if (!server.error.empty()) return server.name + ": not asked";
  return fmt::format("{}: MariaDB {}, server_id {}", server.name,
                     server.value("version"), server.id());
}

std::string outcome(const Rehearsal &rehearsal, const ServerFacts &server) {
  if (!rehearsal.error.empty()) return "could not log in";
  if (rehearsal.is_closed_now)
    return "is not admitted at this moment: the gate is closed";
  std::string text = "logs in as " + rehearsal.matched + "; a closed gate ";
  if (rehearsal.passes) return text + "admits it";
  const std::chrono::milliseconds wait(
      server.number("recovery_gate_connect_wait"));
  if (wait.count() == 0) return text + "rejects it immediately (error 1047)";
  return text + "holds it for up to " + duration_text(wait) +
         ", then rejects it (error 1047)";
}

std::string summary(const Diagnosis &d) {
  const std::size_t errors = count(d, Severity::ERROR),
                    warnings = count(d, Severity::WARNING),
                    notes = count(d, Severity::NOTE);
  std::string text = errors + warnings == 0 ? "All is well" : "";
  for (const auto &[number, what] :
       {std::pair(errors, "error"), {warnings, "warning"}, {notes, "note"}})
    if (number != 0) text += (text.empty() ? "" : ", ") + counted(number, what);
  text += fmt::format(": {}, {}", counted(d.checks, "check"),
                      counted(1 + d.facts.replicas.size(), "server"));
  if (d.ignored != 0) text += fmt::format("; {} ignored", d.ignored);
  return text + ".";
}

}  // namespace

ExitCode exit_code(const Diagnosis &d) {
  if (!d.facts.server.gate) return ExitCode::NO_PLUGIN;
  if (count(d, Severity::ERROR) != 0) return ExitCode::ERRORS_FOUND;
  if (count(d, Severity::WARNING) != 0) return ExitCode::WARNINGS_FOUND;
  return ExitCode::OPEN;
}

std::string doctor_page(const Diagnosis &d, std::size_t width) {
  const std::size_t indent = width == LabelledPage::not_wrapped ? 0 : 2;
  std::string page = wrapped(server_line(d.facts.server), 0, width);
  for (const ServerFacts &replica : d.facts.replicas)
    page += wrapped(server_line(replica), 0, width);
  std::string passing;
  for (const Admitted &one : admitted(d.facts))
    passing += fmt::format("{}{} ({})", passing.empty() ? "" : ", ",
                           one.account, word(one.as));
  if (!passing.empty())
    page += wrapped("A closed gate admits: " + passing, 0, width);
  for (const Rehearsal &rehearsal : d.facts.rehearsals)
    page +=
        wrapped(rehearsal.account + ": " + outcome(rehearsal, d.facts.server),
                0, width);
  for (const Finding &finding : d.findings) {
    const Problem &problem = finding.problem;
    page +=
        '\n' + wrapped(fmt::format("{} {}{}{} on {}",
                                   upper(to_string(finding.check->severity)),
                                   finding.check->name,
                                   problem.subject.empty() ? "" : ":",
                                   problem.subject, problem.server),
                       0, width);
    page += wrapped(problem.why, indent, width) +
            wrapped("Cure: " + problem.cure, indent, width);
  }
  return page + '\n' + wrapped(summary(d), 0, width);
}

Json doctor_json(const Diagnosis &d) {
  Json json = result_of(exit_code(d));
  json["errors"] = count(d, Severity::ERROR);
  json["warnings"] = count(d, Severity::WARNING);
  json["notes"] = count(d, Severity::NOTE);
  json["checks"] = d.checks;
  json["ignored"] = d.ignored;
  json["findings"] = Json::array();
  for (const Finding &finding : d.findings)
    json["findings"].push_back(
        {{"check", finding.check->name},
         {"severity", to_string(finding.check->severity)},
         {"server", finding.problem.server},
         {"subject", finding.problem.subject.empty()
                         ? Json()
                         : Json(finding.problem.subject)},
         {"why", finding.problem.why},
         {"cure", finding.problem.cure}});
  const auto server_json = [](const ServerFacts &server) {
    Json one = {{"name", server.name}};
    if (!server.error.empty()) {
      one["error"] = server.error;
      return one;
    }
    one["version"] = server.value("version");
    one["server_id"] = server.id();
    return one;
  };
  json["server"] = server_json(d.facts.server);
  json["replicas"] = Json::array();
  for (const ServerFacts &replica : d.facts.replicas)
    json["replicas"].push_back(server_json(replica));
  json["admitted"] = Json::array();
  for (const Admitted &one : admitted(d.facts))
    json["admitted"].push_back(
        {{"account", one.account}, {"as", word(one.as)}});
  json["rehearsed"] = Json::array();
  for (const Rehearsal &rehearsal : d.facts.rehearsals) {
    Json one = {{"account", rehearsal.account},
                {"matched", nullptr},
                {"admitted", rehearsal.passes.has_value()},
                {"text", outcome(rehearsal, d.facts.server)}};
    if (!rehearsal.matched.empty()) one["matched"] = rehearsal.matched;
    if (!rehearsal.error.empty()) {
      one["admitted"] = nullptr;
      one["error"] = rehearsal.error;
    }
    json["rehearsed"].push_back(std::move(one));
  }
  return json;
}

}  // namespace recovery_gate::tool
