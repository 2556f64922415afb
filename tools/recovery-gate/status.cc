// SPDX-License-Identifier: GPL-2.0-only
#include "status.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "client/look.h"
#include "followers.h"
#include "output.h"
#include "status_page.h"
#include "terminal.h"
#include "wording.h"

namespace recovery_gate::tool {
namespace {

constexpr const char *status_footer =
    "For a script the exit code is enough: 0 open, 4 closed, 2 no connection, "
    "3 no\ngate. An account that the closed gate does not admit gets 4 as "
    "well: any\naccount will do for a probe; one with CONNECTION ADMIN sees the "
    "page.\n"
    "\n"
    "Examples:\n"
    "  recovery-gate status\n"
    "  recovery-gate status -h db1 -u monitor -p\n"
    "  recovery-gate status --json | jq .gate.waiting_for\n";

/* A query that failed here was reported before. */
Surroundings surroundings_of(Session &session) {
  Surroundings around;
  Rows rows;
  if (session.query("SELECT @@version, @@server_id, CURRENT_USER() AS account,"
                    " @@recovery_gate_mode, @@recovery_gate_timeout,"
                    " @@recovery_gate_timeout_action",
                    &rows))
    return around;
  const auto text = [&rows](const char *column) {
    return rows.value(0, column).value_or("");
  };
  around.version = text("@@version");
  around.server_id = text("@@server_id");
  around.account = text("account");
  around.mode = text("@@recovery_gate_mode");
  around.timeout = text("@@recovery_gate_timeout");
  around.timeout_action = text("@@recovery_gate_timeout_action");
  return around;
}

Json number_or_null(const std::string &digits) {
  if (digits.empty()) return nullptr;
  return std::strtoull(digits.c_str(), nullptr, 10);
}

Json status_json(ExitCode code, const Look &look, const Surroundings &around) {
  Json json = result_of(code);
  add_look(&json, look);
  if (look.kind != Look::Kind::GATE) return json;
  json["settings"] = {{"mode", around.mode},
                      {"timeout", number_or_null(around.timeout)},
                      {"timeout_action", around.timeout_action}};
  json["server"] = {{"version", around.version},
                    {"server_id", number_or_null(around.server_id)},
                    {"account", around.account}};
  json["replicas"] = look.replicas;
  json["replication"] = look.replication;
  json["what_to_do"] =
      look.advice.empty() ? what_to_do(look.gate) : look.advice;
  return json;
}

StatusForm form_of(const Invocation &invocation) {
  StatusForm form{invocation.json};
  form.width = invocation.plain ? LabelledPage::not_wrapped
                                : std::min(line_room(), form.width);
  return form;
}

}  // namespace

void add_status(CLI::App &tool, Invocation &invocation) {
  CLI::App *command = tool.add_subcommand(
      "status", "Show whether the gate is open, and what it waits for");
  command->footer(status_footer);
  const auto replicas = std::make_shared<ReplicaOptions>();
  add_replica_options(*command, replicas.get());
  add_json_option(*command, invocation);
  add_plain_option(*command, invocation);
  add_connection_options(*command, &invocation.connection);
  command->callback([&invocation, replicas] {
    invocation.run = [&invocation, replicas] {
      Failure failure = complete(&invocation.connection);
      std::unique_ptr<Followers> followers;
      if (!failure)
        failure = make_followers(*replicas, invocation.connection, false, false,
                                 &followers);
      if (failure)
        return fail(invocation.json, ExitCode::USAGE, failure.text());
      Connection connection(invocation.connection);
      return show_status(connection, where(invocation.connection),
                         form_of(invocation), [&](Look *look) {
                           const std::optional<Followed> server =
                               ask_followed(connection, invocation.connection);
                           if (server) followers->visit(*server, Instant(0));
                           followers->tell(look);
                         });
    };
  });
}

ExitCode show_status(Session &session, const std::string &where,
                     const StatusForm &form,
                     const std::function<void(Look *)> &add_more) {
  const bool json = form.json;
  Look look = Observer(session).look();
  switch (look.kind) {
    case Look::Kind::UNREACHABLE:
      return fail(json, ExitCode::UNREACHABLE, look.error.text,
                  look.error.code);
    case Look::Kind::NO_PLUGIN:
      return fail(json, ExitCode::NO_PLUGIN, no_plugin_text);
    case Look::Kind::NOT_ADMITTED:
    case Look::Kind::GATE:
      break;
  }
  add_replicas(session, &look);
  add_replication(session, &look);
  if (add_more && look.kind == Look::Kind::GATE) add_more(&look);
  const Surroundings around =
      look.kind == Look::Kind::GATE ? surroundings_of(session) : Surroundings();
  const ExitCode code = look.is_open() ? ExitCode::OPEN : ExitCode::CLOSED;
  if (json)
    print(status_json(code, look, around));
  else
    print(status_page(look, around, where, form.width));
  return code;
}

}  // namespace recovery_gate::tool
