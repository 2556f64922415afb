// SPDX-License-Identifier: GPL-2.0-only
#include "open.h"

#include <fmt/format.h>
#include <mysqld_error.h>

#include <memory>

#include "client/look.h"
#include "output.h"
#include "terminal.h"
#include "wording.h"

namespace recovery_gate::tool {
namespace {

constexpr const char *open_footer =
    "Gives up the guarantee: what no replica has acknowledged becomes visible, "
    "and\nis lost if this server is lost. The server's error log says who "
    "opened it. Asks on\na terminal; elsewhere it wants --yes. The account needs "
    "CONNECTION ADMIN and\nSUPER.\n"
    "\n"
    "A gate that is open already is left alone; with --yes, what is still in "
    "doubt\nbehind it (recovery_gate_mode=OFF) is given up, too, and does not "
    "close the next\nstart.\n"
    "\n"
    "Examples:\n"
    "  recovery-gate open\n"
    "  recovery-gate open --yes --json\n";

constexpr const char *privileges =
    "the account needs the privileges SUPER and CONNECTION ADMIN: GRANT SUPER, "
    "CONNECTION ADMIN ON *.* TO ...";

ExitCode fail(bool json, const ServerError &error) {
  const bool refused = error.code == ER_SPECIFIC_ACCESS_DENIED_ERROR ||
                       error.code == ER_ACCESS_DENIED_ERROR;
  if (refused)
    return fail(json, ExitCode::REFUSED,
                error.text + ". To open the gate, " + privileges, error.code);
  return fail(json, ExitCode::UNREACHABLE, error.text, error.code);
}

std::string what_is_given_up(const GateStatus &gate) {
  std::string text = fmt::format("The gate has been closed for {} ({}).\n",
                                 duration_text(gate.closed_for), gate.reason);
  text += fmt::format("Waiting for {}: {}.\n", gate.waiting_for,
                      what_is_missing(gate.waiting_for));
  if (!gate.awaited.empty())
    text += fmt::format("Never acknowledged: {}\n", to_string(gate.awaited));
  if (!gate.recovered.empty())
    text += fmt::format(
        "Recovered:          up to {}, GTID {}\n", to_string(gate.recovered),
        gate.recovered_gtid.empty() ? "none" : gate.recovered_gtid);
  text +=
      "Opening it now gives up the guarantee: clients will read what may exist "
      "on this\nserver only, and is lost if this server is lost.\n";
  return text;
}

/* Nothing: go on. */
std::optional<ExitCode> confirm(const GateStatus &gate,
                                const OpenSettings &settings) {
  if (settings.yes) return std::nullopt;
  if (!settings.ask)
    return fail(settings.json, ExitCode::REFUSED,
                "not confirmed: there is no terminal to ask on; --yes opens "
                "without asking");
  const std::string answer =
      settings.ask(what_is_given_up(gate) + "Type yes to open it: ");
  if (answer == "yes") return std::nullopt;
  return fail(settings.json, ExitCode::REFUSED,
              "not confirmed: the gate stays closed");
}

ExitCode done(const OpenSettings &settings, const std::string &what,
              const std::string &text, const Look &look) {
  if (settings.json) {
    Json json = result_of(ExitCode::OPEN);
    json["done"] = what;
    add_look(&json, look);
    print(json);
  } else {
    print(text + "\n");
  }
  return ExitCode::OPEN;
}

/* The server notes it when there was nothing to open and nothing to give up. */
bool had_no_effect(Session &session) {
  Rows warnings;
  if (session.query("SHOW WARNINGS", &warnings)) return false;
  for (std::size_t row = 0; row < warnings.size(); ++row) {
    const std::string text = warnings.value(row, "Message").value_or("");
    if (text.find("gate is open already") != std::string::npos) return true;
  }
  return false;
}

ExitCode report(const OpenSettings &settings, bool was_open,
                bool without_effect, const Look &after) {
  const GateStatus &gate = after.gate;
  if (without_effect)
    return done(settings, "nothing",
                fmt::format("The gate is open already ({}: {}), and nothing is "
                            "in doubt behind it.",
                            gate.opened_by, why_open(gate.opened_by)),
                after);
  if (was_open)
    return done(settings, "gave_up",
                "The gate was open already. What was still in doubt behind it "
                "is given up: it does not close the next start. The error log "
                "says so.",
                after);
  return done(settings, "opened",
              fmt::format("Open. The guarantee is given up for what was "
                          "recovered up to {}; no replica had acknowledged "
                          "{}. The error log says so.",
                          to_string(gate.recovered), to_string(gate.awaited)),
              after);
}

ExitCode run_open(Invocation &invocation, bool yes) {
  if (const Failure failure = complete(&invocation.connection))
    return fail(invocation.json, ExitCode::USAGE, failure.text());
  OpenSettings settings;
  settings.json = invocation.json;
  settings.yes = yes;
  if (stdin_is_terminal()) settings.ask = ask;
  Connection connection(invocation.connection);
  return open_gate(connection, settings);
}

}  // namespace

void add_open(CLI::App &tool, Invocation &invocation) {
  CLI::App *command = tool.add_subcommand(
      "open", "Open the gate manually, and give up the guarantee");
  command->footer(open_footer);
  auto yes = std::make_shared<bool>(false);
  command->add_flag("--yes", *yes, "Do not ask");
  add_json_option(*command, invocation);
  add_connection_options(*command, &invocation.connection);
  command->callback([&invocation, yes] {
    invocation.run = [&invocation, yes] { return run_open(invocation, *yes); };
  });
}

ExitCode open_gate(Session &session, const OpenSettings &settings) {
  Observer observer(session);
  const Look before = observer.look();
  switch (before.kind) {
    case Look::Kind::UNREACHABLE:
      return fail(settings.json, ExitCode::UNREACHABLE, before.error.text,
                  before.error.code);
    case Look::Kind::NO_PLUGIN:
      return fail(settings.json, ExitCode::NO_PLUGIN, no_plugin_text);
    case Look::Kind::NOT_ADMITTED:
      return fail(
          settings.json, ExitCode::REFUSED,
          "the gate does not admit this account, so it has no CONNECTION "
          "ADMIN. To open the gate, " +
              std::string(privileges));
    case Look::Kind::GATE:
      break;
  }
  if (before.gate.open && !settings.yes)
    return done(
        settings, "nothing",
        fmt::format("The gate is open already ({}: {}).", before.gate.opened_by,
                    why_open(before.gate.opened_by)),
        before);
  if (!before.gate.open)
    if (const auto refused = confirm(before.gate, settings)) return *refused;

  if (const ServerError error =
          session.query("SET GLOBAL recovery_gate_open_now=ON", nullptr))
    return fail(settings.json, error);
  const bool without_effect = had_no_effect(session);
  const Look after = observer.look();
  if (after.kind != Look::Kind::GATE)
    return fail(settings.json, ExitCode::UNREACHABLE, after.error.text,
                after.error.code);
  if (!after.gate.open)
    return fail(settings.json, ExitCode::CLOSED,
                "the server did not open the gate; see its error log");
  return report(settings, before.gate.open, without_effect, after);
}

}  // namespace recovery_gate::tool
