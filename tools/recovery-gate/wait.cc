// SPDX-License-Identifier: GPL-2.0-only
#include "wait.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <thread>

#include "client/connection.h"
#include "client/look.h"
#include "followers.h"
#include "output.h"
#include "terminal.h"
#include "wait_loop.h"

namespace recovery_gate::tool {
namespace {

constexpr const char *wait_footer =
    "Also waits for a server that is not there yet, or is restarted in the "
    "meantime.\nWhat waiting cannot fix, like a wrong password, ends it with "
    "2.\n"
    "\n"
    "On a terminal it is one line that changes. Elsewhere it is a line "
    "whenever what\nis awaited has changed, and one every minute; with --json each "
    "line is an object,\nthe last one with an exit_code.\n"
    "\n"
    "Examples:\n"
    "  recovery-gate wait\n"
    "  recovery-gate wait --timeout 300 || alert-somebody\n"
    "  recovery-gate wait --wake --replica db2 --peer-user ops\n"
    "  recovery-gate wait --no-retry -h db1 -u monitor -p\n";

class SystemPace final : public Pace {
 public:
  Instant now() const override {
    return std::chrono::duration_cast<Instant>(
        std::chrono::steady_clock::now().time_since_epoch());
  }
  void sleep(milliseconds duration) override {
    std::this_thread::sleep_for(duration);
  }
};

struct WaitOptions {
  std::optional<unsigned> timeout;
  bool no_retry = false, wake = false;
  ReplicaOptions replicas;
};

/* Looks at the server, and then at the replicas that it waits for. */
class LookAround {
 public:
  LookAround(Connection &connection, const ConnectionOptions &options,
             Followers &followers, const Pace &pace)
      : connection_(connection),
        options_(options),
        followers_(followers),
        pace_(pace),
        observer_(connection) {}

  Look operator()() {
    Look look = observer_.look();
    if (look.kind == Look::Kind::UNREACHABLE) followers_.start_over();
    if (look.kind != Look::Kind::GATE) return look;
    if (!server_) server_ = ask_followed(connection_, options_);
    if (server_) followers_.visit(*server_, pace_.now());
    followers_.tell(&look);
    return look;
  }

 private:
  Connection &connection_;
  const ConnectionOptions &options_;
  Followers &followers_;
  const Pace &pace_;
  Observer observer_;
  std::optional<Followed> server_;
};

std::unique_ptr<Progress> progress_for(const Invocation &invocation) {
  if (invocation.json)
    return std::make_unique<JsonProgress>(
        [](const Json &object) { print_line(object); });
  if (can_redraw() && !invocation.plain)
    return std::make_unique<TerminalProgress>();
  return std::make_unique<LogProgress>(
      [](const std::string &line) { print(line + "\n"); });
}

ExitCode wait(Invocation &invocation, const WaitOptions &options) {
  ConnectionOptions &connection_options = invocation.connection;
  if (const Failure failure = complete(&connection_options))
    return fail(invocation.json, ExitCode::USAGE, failure.text());
  WaitSettings settings;
  settings.retry = !options.no_retry;
  if (options.timeout) {
    settings.timeout = std::chrono::seconds(*options.timeout);
    // A server that is silent must not make the time much longer.
    connection_options.connect_timeout = std::clamp(
        *options.timeout, 1u, connection_options.connect_timeout.value_or(10));
  }
  std::unique_ptr<Followers> followers;
  const std::string wrong =
      make_followers(options.replicas, connection_options, options.wake,
                     options.wake, &followers);
  if (!wrong.empty()) return fail(invocation.json, ExitCode::USAGE, wrong);
  Connection connection(connection_options);
  SystemPace pace;
  LookAround look(connection, connection_options, *followers, pace);
  const std::unique_ptr<Progress> progress = progress_for(invocation);
  return wait_until_open(std::ref(look), pace, *progress, settings);
}

}  // namespace

void add_wait(CLI::App &tool, Invocation &invocation) {
  CLI::App *command =
      tool.add_subcommand("wait", "Wait until the gate is open");
  command->footer(wait_footer);
  auto options = std::make_shared<WaitOptions>();
  command
      ->add_option("--timeout", options->timeout,
                   "Give up after this long, with 5; 0: check once [no limit]")
      ->type_name("SECONDS")
      ->check(number_between(0, 31536000));
  command->add_flag("--no-retry", options->no_retry,
                    "End with 2 when there is no connection to the server");
  add_replica_options(*command, &options->replicas);
  command->add_flag(
      "--wake", options->wake,
      "Have each replica that sleeps connect now, by restarting its "
      "I/O thread. Without --replica: the peers in an option file");
  add_json_option(*command, invocation);
  add_plain_option(*command, invocation);
  add_connection_options(*command, &invocation.connection);
  command->callback([&invocation, options] {
    invocation.run = [&invocation, options] {
      return wait(invocation, *options);
    };
  });
}

}  // namespace recovery_gate::tool
