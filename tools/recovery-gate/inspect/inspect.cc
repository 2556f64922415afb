// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/inspect.h"

#include <memory>

#include "client/address.h"
#include "client/connection.h"
#include "inspect/examine.h"
#include "inspect/findings_json.h"
#include "inspect/page.h"
#include "output.h"

namespace recovery_gate::tool {
namespace {

struct Options {
  std::string data_directory;
  std::optional<std::string> log_bin;
  std::vector<std::string> replicas;
  bool nobody_took_over = false, all = false;
  std::uint64_t limit = 20;
};

Replica ask(const std::string &name, const ConnectionOptions &common) {
  Connection connection(options_to(name, common));
  return ask_replica(connection, name);
}

class Inspection {
 public:
  Inspection(const Options &options, Invocation &invocation)
      : options_(options), invocation_(invocation) {}

  ExitCode run() {
    if (const Failure failure = prepare())
      return fail(json(), ExitCode::USAGE, failure.text());
    const ServerOptions &server = findings_.options;
    Occupant occupant = find_occupant(findings_.directory, server);
    if (!occupant.unknown.empty())
      return fail(json(), ExitCode::USAGE, occupant.unknown);
    if (!occupant.who.empty()) return is_running(occupant);
    if (const Failure failure =
            binlog_in_engine(options_.log_bin, server, findings_.directory))
      return verdict_alone(Verdict::UNKNOWN, failure.text());
    if (const Failure failure =
            find_binlogs(options_.log_bin, server, &findings_.directory))
      return fail(json(), ExitCode::USAGE, failure.text());
    examine();
    // A server that was started meanwhile has changed what was read.
    occupant = find_occupant(findings_.directory, server);
    if (!occupant.who.empty()) return is_running(occupant);
    return tell(advise(findings_));
  }

 private:
  bool json() const { return invocation_.json; }

  Failure prepare() {
    for (const std::string &name : options_.replicas) {
      std::string host;
      unsigned port = 0;
      if (!split_address(name, &host, &port))
        return "--replica takes HOST or HOST:PORT, not " + name;
    }
    if (Failure failure =
            open_data_directory(options_.data_directory, &findings_.directory))
      return failure;
    const OptionFiles &files = invocation_.connection.files;
    if (files.only)
      if (Failure failure =
              read_server_options(*files.only, &findings_.options))
        return failure;
    if (options_.replicas.empty()) return {};
    return complete(&invocation_.connection);
  }

  void examine() {
    Findings &f = findings_;
    f.log_bin = options_.log_bin;
    f.nobody_took_over = options_.nobody_took_over;
    for (const std::string &name : options_.replicas)
      f.replicas.push_back(ask(name, invocation_.connection));
    tool::examine(&f, {options_.limit, options_.all});
  }

  ExitCode is_running(const Occupant &occupant) {
    return verdict_alone(Verdict::RUNNING,
                         "a server is running in " + findings_.directory.path +
                             " (" + occupant.who +
                             "): ask it with recovery-gate status");
  }

  /* Without findings: there are none. */
  ExitCode verdict_alone(Verdict verdict, const std::string &text) {
    const auto code = static_cast<ExitCode>(verdict);
    complain(text);
    if (json()) {
      Json result = result_of(code);
      result["verdict"] = to_string(verdict);
      result["error"] = {{"message", text}};
      print(result);
    }
    return code;
  }

  ExitCode tell(const Advice &advice) {
    const auto code = static_cast<ExitCode>(advice.verdict);
    if (json()) {
      Json result = result_of(code);
      add_findings(findings_, advice, &result);
      print(result);
    } else {
      print(inspect_page(findings_, advice));
    }
    return code;
  }

  const Options &options_;
  Invocation &invocation_;
  Findings findings_;
};

constexpr const char *description =
    "What a server that has ended left in its data directory, and whether it "
    "should\ncome back as the primary. No server runs in it, and nothing is "
    "written.";

constexpr const char *examples =
    "Examples:\n"
    "  recovery-gate inspect /var/lib/mysql\n"
    "  recovery-gate inspect /var/lib/mysql --replica db2 --replica db3:3307 "
    "-u admin -p\n"
    "  recovery-gate inspect /data --defaults-file=/etc/mysql/my.cnf --json\n"
    "\n"
    "The account on the replicas needs the privileges SLAVE MONITOR (for SHOW "
    "ALL SLAVES\nSTATUS) and no other. With --defaults-file, the server's own "
    "option file, the command\nthat is printed is complete.\n\n";

}  // namespace

void add_inspect(CLI::App &tool, Invocation &invocation) {
  CLI::App *command = tool.add_subcommand("inspect", description);
  const auto options = std::make_shared<Options>();
  command
      ->add_option("datadir", options->data_directory,
                   "The data directory of a server that does not run")
      ->required()
      ->type_name("DATADIR");
  command
      ->add_option("--log-bin", options->log_bin,
                   "The binary logs, like the server's option of this name. By "
                   "default as in --defaults-file; without that, the only ones "
                   "in DATADIR")
      ->type_name("BASE");
  command
      ->add_option(
          "--replica", options->replicas,
          "Another server of the group, to be asked what it has. Can be "
          "given several times; name all")
      ->type_name("HOST[:PORT]");
  command->add_flag(
      "--no-replica-check", options->nobody_took_over,
      "It is certain that no other server has become the primary");
  command
      ->add_option("--limit", options->limit,
                   "How many of the transactions in doubt are listed")
      ->capture_default_str()
      ->type_name("N");
  command->add_flag(
      "--all", options->all,
      "List all transactions that were read, including settled ones");
  add_json_option(*command, invocation);
  add_connection_options(*command, &invocation.connection);
  command->footer(examples + verdict_help());
  command->callback([options, &invocation] {
    invocation.run = [options, &invocation] {
      return Inspection(*options, invocation).run();
    };
  });
}

}  // namespace recovery_gate::tool
