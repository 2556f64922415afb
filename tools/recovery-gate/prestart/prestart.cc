// SPDX-License-Identifier: GPL-2.0-only
#include "prestart/prestart.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>

#include "client/address.h"
#include "client/connection.h"
#include "inspect/examine.h"
#include "inspect/quiet_files.h"
#include "inspect/start_command.h"
#include "output.h"
#include "prestart/decision.h"
#include "prestart/environment_file.h"
#include "prestart/error_log.h"
#include "prestart/peers.h"
#include "prestart/server_command.h"

namespace recovery_gate::tool {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr const char *default_data_directory = "/var/lib/mysql";  // Debian's
constexpr milliseconds pause_between_questions(500);
/* What is asked when time is nearly up has to have a chance to be answered. */
constexpr milliseconds least_answer(1000);
constexpr std::chrono::seconds longest_answer(10);

struct Given {
  std::optional<std::string> data_directory, log_bin;
  std::vector<std::string> command;
  GivenSettings settings;
};

class Prestart {
 public:
  Prestart(const Given &given, Invocation &invocation)
      : given_(given), connection_(invocation.connection) {}

  ExitCode run() {
    const ServerCommand command = read_server_command(given_.command);
    if (command.starts_nothing) return execute({});
    std::string error = read_options(command);
    if (!error.empty()) return stop(ExitCode::USAGE, {error});
    if (given_.command.empty()) {
      error = remove_environment_file(settings_.environment_file);
      if (!error.empty()) return stop(ExitCode::NOT_WRITTEN, {error});
    }
    const std::optional<Advice> advice = judge(&error);
    if (!error.empty()) return stop(ExitCode::USAGE, {error});
    if (!advice) return start({});
    const Decision decision = decide(*advice, settings_);
    if (!decision.starts)
      return stop(static_cast<ExitCode>(advice->verdict), decision.lines);
    tell(advice->verdict != Verdict::NOTHING_OWED, decision.lines);
    return start(decision.options);
  }

 private:
  std::string read_options(const ServerCommand &command) {
    OptionFiles &files = connection_.files;
    // One file for both, unless this command was given its own.
    const bool has_own = files.none || files.only || files.extra;
    if (!has_own && !given_.command.empty()) files = command.files;
    std::string error = complete(&connection_).text();
    if (error.empty()) error = given_.settings.read(connection_, &settings_);
    if (!error.empty()) return error;
    std::vector<OptionLine> lines;
    error = read_option_files(given_.command.empty() ? files : command.files,
                              server_groups, &lines)
                .text();
    std::vector<OptionLine> more = command.lines;
    if (given_.command.empty())
      more = read_server_command(
                 options_in_environment(settings_.environment_variable))
                 .lines;
    lines.insert(lines.end(), more.begin(), more.end());
    take_server_options(lines, &findings_.options);
    findings_.options.known = true;
    findings_.log_bin = given_.log_bin;
    return error;
  }

  /* Nothing: no server has left anything here, and *error may say why that
     cannot be known. */
  std::optional<Advice> judge(std::string *error) {
    if (!find_data_directory(error)) return std::nullopt;
    const Occupant before =
        find_occupant(findings_.directory, findings_.options);
    if (before.is_no_server && !has_state()) {
      complain("prestart: no server has run in " + findings_.directory.path +
               " yet: nothing is owed");
      return std::nullopt;
    }
    if (!before.unknown.empty()) {
      *error = before.unknown;
      return std::nullopt;
    }
    if (!before.who.empty()) return running(before);
    if (const Failure failure = binlog_in_engine(
            given_.log_bin, findings_.options, findings_.directory))
      return in_engine(failure.text());
    const std::string trouble =
        find_binlogs(given_.log_bin, findings_.options, &findings_.directory)
            .text();
    if (!trouble.empty()) return without_logs(trouble, error);
    examine(&findings_, {});
    Advice advice = advise(findings_);
    if (advice.verdict != Verdict::NOTHING_OWED ||
        settings_.ask_peers == AskPeers::ALWAYS ||
        (settings_.ask_peers == AskPeers::CRASH && findings_.survey.crashed))
      advice = ask(std::move(advice));
    const Occupant after =
        find_occupant(findings_.directory, findings_.options);
    if (!after.who.empty()) return running(after);
    return advice;
  }

  /* False: there is none, or what is in it cannot be seen. */
  bool find_data_directory(std::string *error) {
    const std::string path = given_.data_directory.value_or(
        findings_.options.datadir.value_or(default_data_directory));
    if (!given_.data_directory && ::access(path.c_str(), F_OK) != 0 &&
        errno == ENOENT) {
      complain("prestart: there is no " + path + " yet: nothing is owed");
      return false;
    }
    *error = open_data_directory(path, &findings_.directory).text();
    if (error->empty() && ::access(path.c_str(), R_OK | X_OK) != 0)
      *error = "cannot read " + path + ": " + std::strerror(errno);
    return error->empty();
  }

  bool has_state() const {
    const StateOnDisk state = read_state(findings_.directory);
    return state.record || !state.trouble.empty();
  }

  /* A server that never had a gate, and has no log, owes nothing. */
  std::optional<Advice> without_logs(const std::string &trouble,
                                     std::string *error) {
    if (!has_state() && !findings_.directory.has_index) {
      complain("prestart: there is no binary log yet: nothing is owed");
      return std::nullopt;
    }
    if (!has_state()) {
      *error = trouble;
      return std::nullopt;
    }
    Advice advice;
    advice.headline = "it cannot be known from outside what this server owes";
    advice.reasons = {trouble};
    advice.steps = {
        "give it its binary log back, or rebuild it from the server "
        "that is the primary now"};
    return advice;
  }

  Advice in_engine(const std::string &why) const {
    Advice advice;
    advice.headline = "it cannot be known from outside what this server owes";
    advice.reasons = {why};
    return advice;
  }

  Advice running(const Occupant &occupant) const {
    Advice advice;
    advice.verdict = Verdict::RUNNING;
    advice.headline = "a server is running in " + findings_.directory.path +
                      " (" + occupant.who + ")";
    return advice;
  }

  /* As long as it is not clear who is the primary and may become so. */
  Advice ask(Advice unasked) {
    std::vector<std::string> names = settings_.peers;
    const ConnectionOptions common = for_peers(connection_, settings_);
    const Reach reach = [&common](const std::string &name) {
      return std::make_unique<Connection>(options_to(name, common));
    };
    const milliseconds answer = std::chrono::seconds(
        common.connect_timeout.value_or(longest_answer.count()));
    const auto end = steady_clock::now() + settings_.peer_timeout;
    bool has_told = false;
    for (;;) {
      const auto left =
          std::chrono::duration_cast<milliseconds>(end - steady_clock::now());
      const bool is_last = left <= pause_between_questions;
      findings_.replicas = ask_peers(
          names, reach,
          settings_.peer_timeout.count() == 0
              ? answer
              : std::clamp(left, std::min(least_answer, answer), answer));
      leave_out_itself(&names);
      if (names.empty()) return unasked;
      check_peers(&findings_.replicas, findings_.server);
      examine(&findings_, {});
      Advice advice = advise(findings_);
      if (is_last || advice.verdict != Verdict::UNKNOWN || !may_become_clear())
        return advice;
      if (!has_told)
        complain(
            fmt::format("prestart: {}; the peers are asked again for up to "
                        "{} s",
                        advice.headline, settings_.peer_timeout.count()));
      has_told = true;
      std::this_thread::sleep_for(pause_between_questions);
    }
  }

  void leave_out_itself(std::vector<std::string> *names) {
    std::vector<Replica> &peers = findings_.replicas;
    for (auto peer = peers.begin(); peer != peers.end();) {
      if (peer->error.empty() || !is_own_address(*peer, findings_.options)) {
        ++peer;
        continue;
      }
      complain("prestart: the peer " + peer->name +
               " is this server itself: it is not asked");
      names->erase(std::find(names->begin(), names->end(), peer->name));
      peer = peers.erase(peer);
    }
  }

  bool may_become_clear() const {
    return findings_.is_comparable() &&
           std::any_of(findings_.replicas.begin(), findings_.replicas.end(),
                       [this](const Replica &peer) {
                         const Standing standing =
                             standing_of(peer, findings_.server);
                         return standing == Standing::UNREACHABLE ||
                                standing == Standing::UNCLEAR;
                       });
  }

  void tell(bool is_warning, const std::vector<std::string> &lines) const {
    for (const std::string &line : lines) complain("prestart: " + line);
    add_to_error_log(findings_.options, findings_.directory.path, is_warning,
                     lines);
  }

  ExitCode stop(ExitCode code, const std::vector<std::string> &lines) const {
    tell(true, lines);
    return code;
  }

  ExitCode start(const std::vector<std::string> &options) const {
    if (!given_.command.empty()) return execute(options);
    if (options.empty()) return ExitCode::OPEN;
    const std::string error = write_environment_file(
        settings_.environment_file,
        environment_text(settings_.environment_variable, options));
    if (error.empty()) return ExitCode::OPEN;
    return stop(ExitCode::NOT_WRITTEN,
                {error + "; without " + shell_line(options) +
                 " the server must not be started"});
  }

  ExitCode execute(const std::vector<std::string> &options) const {
    std::vector<std::string> words = given_.command;
    words.insert(words.end(), options.begin(), options.end());
    std::vector<char *> arguments;
    for (std::string &word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    return stop(ExitCode::NOT_RUN, {fmt::format("cannot run {}: {}", words[0],
                                                std::strerror(errno))});
  }

  const Given &given_;
  ConnectionOptions &connection_;
  Settings settings_;
  Findings findings_;
};

constexpr const char *description =
    "Before a server starts: inspects its data directory and, when something is "
    "owed,\nasks the other servers; then leaves the options with which it has to "
    "start, or has\nit not start";

constexpr const char *footer =
    "Run by the service manager, it writes the options into an environment file. "
    "With a\ncommand after --, it runs that, with the options added. The server's "
    "own options\nare read where the server reads them. Everything may be in the "
    "group [recovery-gate]\nof an option file.\n"
    "\n"
    "Examples:\n"
    "  ExecStartPre=/usr/bin/recovery-gate prestart\n"
    "  recovery-gate prestart --peers db1,db2,db3 -- mariadbd "
    "--datadir=/data\n"
    "\n"
    "It ends with 0 where the server is to start; with a verdict of inspect where "
    "it is\nnot to; see the table in recovery-gate-tool.md.\n";

}  // namespace

void add_prestart(CLI::App &tool, Invocation &invocation) {
  CLI::App *command = tool.add_subcommand("prestart", description);
  const auto given = std::make_shared<Given>();
  command
      ->add_option("--datadir", given->data_directory,
                   "The data directory [as the server's options say]")
      ->type_name("DIR");
  command
      ->add_option("--log-bin", given->log_bin,
                   "The binary logs [as the server's options say]")
      ->type_name("BASE");
  given->settings.declare(
      *command,
      {"peers", "peer-user", "peer-password", "peer-timeout", "ask-peers",
       "on-start-as-primary", "on-start-as-replica", "on-rebuild", "on-unknown",
       "environment-file", "environment-variable"});
  command
      ->add_option("command", given->command,
                   "The server's command, after --: run it, with what is to be "
                   "added")
      ->type_name("COMMAND");
  add_connection_options(*command, &invocation.connection);
  command->footer(footer);
  command->callback([given, &invocation] {
    invocation.run = [given, &invocation] {
      return Prestart(*given, invocation).run();
    };
  });
}

}  // namespace recovery_gate::tool
