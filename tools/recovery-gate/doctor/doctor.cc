// SPDX-License-Identifier: GPL-2.0-only
#include "doctor/doctor.h"

#include <fmt/format.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "client/address.h"
#include "client/connection.h"
#include "doctor/checks.h"
#include "doctor/gather.h"
#include "doctor/report.h"
#include "followers.h"
#include "output.h"
#include "recovery_gate/gate/labelled_page.h"
#include "terminal.h"

namespace recovery_gate::tool {
namespace {

constexpr const char *doctor_footer =
    "Run it on a server that runs well: after the installation, after each "
    "change, in\na deployment. It changes nothing. Name all replicas: with "
    "none named, those in\n`peers` of an option file are asked. As root on the "
    "server itself it also reads\nthe server's option files. Each finding has "
    "a name, what would go wrong, and a\ncure.\n"
    "\n"
    "Exit codes: 0 all is well, there may be notes; 16 an error: clients would "
    "read\nwhat may be lost, or the gate would stay closed; 17 a warning, and "
    "no error;\n2 no connection; 3 no gate.\n"
    "\n"
    "Examples:\n"
    "  recovery-gate doctor --replica db2 --replica db3 --peer-user ops\n"
    "  recovery-gate doctor --rehearse --account shop --account report\n"
    "  recovery-gate doctor --ignore replica-writable:db3 --json\n";

struct Options {
  ReplicaOptions replicas;
  std::vector<std::string> ignore, accounts;
  bool rehearse = false;
};

bool is_on_this_machine(const ConnectionOptions &options,
                        const ServerFacts &server) {
  char name[HOST_NAME_MAX + 1] = "";
  ::gethostname(name, sizeof name - 1);
  const std::string host = options.host.value_or("localhost");
  return (host == "localhost" || is_of_this_machine(host)) &&
         server.value("hostname") == name;
}

/* One list of peers for all servers has this one, too. */
bool is_same_server(const ServerFacts &one, const ServerFacts &other) {
  const auto is_equal = [&](const char *name) {
    return one.value(name) == other.value(name);
  };
  return one.error.empty() && is_equal("server_uid") && is_equal("hostname") &&
         is_equal("port");
}

/* "NAME" or "NAME:PASSWORD"; without, [client_NAME] of the option files says
   it. */
Failure as_account(const std::string &text, ConnectionOptions *options) {
  const std::size_t colon = text.find(':');
  options->user = text.substr(0, colon);
  options->password = std::nullopt;
  if (colon != std::string::npos) {
    options->password = text.substr(colon + 1);
    return {};
  }
  std::vector<OptionLine> lines;
  if (Failure failure = read_option_files(options->files,
                                          {"client_" + *options->user}, &lines))
    return failure;
  for (const OptionLine &line : lines) {
    Failure wrong;
    set_from_file(options, line.name, line.value, &wrong);
    if (wrong) return line.file + ": " + wrong.text();
  }
  return {};
}

std::string account_name(const std::string &text) {
  return text.substr(0, text.find(':'));
}

class Visit {
 public:
  Visit(const Options &options, Invocation &invocation)
      : options_(options),
        invocation_(invocation),
        checks_(all_checks()),
        connection_(invocation.connection) {}

  ExitCode run() {
    std::vector<Ignored> accepted;
    Settings settings;
    if (const Failure failure = prepare(&accepted, &settings))
      return fail(invocation_.json, ExitCode::USAGE, failure.text());
    if (const auto ended = ask_server()) return *ended;
    ask_replicas(settings);
    if (const Failure failure = rehearse_accounts())
      return fail(invocation_.json, ExitCode::USAGE, failure.text());
    std::size_t ignored = 0;
    const std::vector<Finding> findings =
        examine(checks_, facts_, accepted, &ignored);
    const Diagnosis diagnosis{facts_, findings, checks_.size(), ignored};
    if (invocation_.json)
      print(doctor_json(diagnosis));
    else
      print(doctor_page(
          diagnosis, invocation_.plain
                         ? LabelledPage::not_wrapped
                         : std::min(line_room(), LabelledPage::usual_width)));
    return exit_code(diagnosis);
  }

 private:
  Failure prepare(std::vector<Ignored> *accepted, Settings *settings) {
    if (options_.accounts.empty() == options_.rehearse)
      return "--rehearse and --account go together: it takes the accounts of "
             "applications";
    for (const std::string &text : options_.ignore) {
      const std::size_t colon = text.find(':');
      Ignored one{text.substr(0, colon), colon == std::string::npos
                                             ? std::string()
                                             : text.substr(colon + 1)};
      if (std::none_of(checks_.begin(), checks_.end(), [&](const Check &check) {
            return one.check == check.name;
          }))
        return "--ignore: there is no check " + one.check;
      accepted->push_back(std::move(one));
    }
    const std::string error =
        options_.replicas.account.read(invocation_.connection, settings);
    if (!error.empty()) return error;
    if (!options_.replicas.names.empty())
      settings->peers = options_.replicas.names;
    for (const std::string &name : settings->peers) {
      std::string host;
      unsigned port = 0;
      if (!split_address(name, &host, &port))
        return "--replica takes HOST or HOST:PORT, not " + name;
    }
    return {};
  }

  std::optional<ExitCode> ask_server() {
    // Asked for the error's number, and for a gate that does not admit.
    const Look look = Observer(connection_).look();
    if (look.kind == Look::Kind::UNREACHABLE)
      return fail(invocation_.json, ExitCode::UNREACHABLE, look.error.text,
                  look.error.code);
    if (look.kind == Look::Kind::NOT_ADMITTED)
      return fail(invocation_.json, ExitCode::CLOSED, look.error.text,
                  look.error.code);
    facts_.server = gather(connection_, where(invocation_.connection));
    gather_as_primary(connection_, &facts_.server);
    if (!facts_.server.error.empty())
      return fail(invocation_.json, ExitCode::UNREACHABLE, facts_.server.error);
    if (is_on_this_machine(invocation_.connection, facts_.server))
      gather_files(invocation_.connection.files, &facts_.server);
    return std::nullopt;
  }

  void ask_replicas(const Settings &settings) {
    const ConnectionOptions common =
        for_peers(invocation_.connection, settings);
    for (const std::string &name : settings.peers) {
      const ConnectionOptions options = options_to(name, common);
      Connection connection(options);
      ServerFacts replica = gather(connection, name);
      if (is_same_server(replica, facts_.server)) continue;
      if (replica.error.empty() && is_on_this_machine(options, replica))
        gather_files(options.files, &replica);
      facts_.replicas.push_back(std::move(replica));
    }
  }

  Failure rehearse_accounts() {
    for (const std::string &account : options_.accounts) {
      ConnectionOptions options = invocation_.connection;
      if (Failure failure = as_account(account, &options)) return failure;
      Connection connection(options);
      facts_.rehearsals.push_back(
          rehearse(connection, account_name(account),
                   facts_.server.value("recovery_gate_admit_users")));
    }
    return {};
  }

  const Options &options_;
  Invocation &invocation_;
  const std::vector<Check> checks_;
  Connection connection_;
  Facts facts_;
};

}  // namespace

void add_doctor(CLI::App &tool, Invocation &invocation) {
  CLI::App *command = tool.add_subcommand(
      "doctor", "Say what would go wrong at the next crash, and what to type");
  command->footer(doctor_footer);
  const auto options = std::make_shared<Options>();
  add_replica_options(*command, &options->replicas);
  command
      ->add_option("--ignore", options->ignore,
                   "Leave out what this check finds; with a subject (an "
                   "account, a variable, a server), only that. Can be given "
                   "several times")
      ->type_name("CHECK[:SUBJECT]");
  command->add_flag("--rehearse", options->rehearse,
                    "Log in as each --account, and say what a closed gate "
                    "would do with it");
  command
      ->add_option("--account", options->accounts,
                   "An application's account. Its password is safer in the "
                   "group [client_NAME] of an option file. Can be given "
                   "several times")
      ->type_name("NAME[:PASSWORD]");
  add_json_option(*command, invocation);
  add_plain_option(*command, invocation);
  add_connection_options(*command, &invocation.connection);
  command->callback([&invocation, options] {
    invocation.run = [&invocation, options] {
      if (const Failure failure = complete(&invocation.connection))
        return fail(invocation.json, ExitCode::USAGE, failure.text());
      return Visit(*options, invocation).run();
    };
  });
}

}  // namespace recovery_gate::tool
