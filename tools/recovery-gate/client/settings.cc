// SPDX-License-Identifier: GPL-2.0-only
#include "client/settings.h"

#include <fmt/format.h>
#include <strings.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "client/address.h"

namespace recovery_gate::tool {
namespace {

constexpr unsigned longest = 86400;  // seconds

std::string set_peers(Settings *settings, const std::string &value) {
  settings->peers.clear();
  for (std::size_t at = 0; at <= value.size();) {
    const std::size_t comma = std::min(value.find(',', at), value.size());
    std::string name = value.substr(at, comma - at);
    name.erase(0, name.find_first_not_of(" \t"));
    name.erase(name.find_last_not_of(" \t") + 1);
    at = comma + 1;
    std::string host;
    unsigned port = 0;
    if (name.empty()) continue;
    if (!split_address(name, &host, &port))
      return "it is HOST or HOST:PORT, with commas between them, and not '" +
             name + "'";
    settings->peers.push_back(name);
  }
  return {};
}

std::string set_timeout(Settings *settings, const std::string &value) {
  unsigned seconds = 0;
  const char *end = value.data() + value.size();
  const auto [stop, code] = std::from_chars(value.data(), end, seconds);
  if (code != std::errc() || stop != end || seconds > longest)
    return fmt::format("it is a number of seconds up to {}, and not '{}'",
                       longest, value);
  settings->peer_timeout = std::chrono::seconds(seconds);
  return {};
}

template <Policy Settings::*target>
std::string set_policy(Settings *settings, const std::string &value) {
  constexpr std::pair<const char *, Policy> words[] = {
      {"start", Policy::START},
      {"read-only", Policy::READ_ONLY},
      {"stop", Policy::STOP}};
  // A start that could take writes beside another primary.
  const bool may_start = target == &Settings::on_start_as_primary ||
                         target == &Settings::on_start_as_replica;
  const bool may_read = target != &Settings::on_start_as_replica;
  for (const auto &[word, policy] : words)
    if (strcasecmp(value.c_str(), word) == 0 &&
        (policy != Policy::START || may_start) &&
        (policy != Policy::READ_ONLY || may_read)) {
      settings->*target = policy;
      return {};
    }
  return fmt::format("it is {}{}stop, and not '{}'", may_start ? "start, " : "",
                     may_read ? "read-only, " : "", value);
}

template <auto target>
std::string set_text(Settings *settings, const std::string &value) {
  settings->*target = value;
  return {};
}

std::string set_ask(Settings *settings, const std::string &value) {
  constexpr std::pair<const char *, AskPeers> words[] = {
      {"owed", AskPeers::OWED},
      {"crash", AskPeers::CRASH},
      {"always", AskPeers::ALWAYS}};
  for (const auto &[word, when] : words)
    if (strcasecmp(value.c_str(), word) == 0) {
      settings->ask_peers = when;
      return {};
    }
  return "it is owed, crash or always, and not '" + value + "'";
}

struct Row {
  const char *name, *type, *text;
  std::string (*set)(Settings *, const std::string &);
};

constexpr Row rows[] = {
    {"peers", "HOST[:PORT],...",
     "The other servers of the group. This server may be among them",
     set_peers},
    {"peer-user", "NAME", "Account on the peers [that of the connection]",
     set_text<&Settings::peer_user>},
    {"peer-password", "TEXT", "Its password. Safer in an option file",
     set_text<&Settings::peer_password>},
    {"peer-timeout", "SECONDS",
     "How long peers that do not answer, or not clearly, are asked again [60]",
     set_timeout},
    {"ask-peers", "WHEN",
     "owed: when something is owed; crash: also after a crash; always: before "
     "each start [owed]",
     set_ask},
    {"on-start-as-primary", "POLICY", "start, read-only or stop [start]",
     set_policy<&Settings::on_start_as_primary>},
    {"on-start-as-replica", "POLICY", "start (as a replica) or stop [start]",
     set_policy<&Settings::on_start_as_replica>},
    {"on-rebuild", "POLICY", "read-only or stop [stop]",
     set_policy<&Settings::on_rebuild>},
    {"on-unknown", "POLICY", "read-only or stop [stop]",
     set_policy<&Settings::on_unknown>},
    {"environment-file", "FILE",
     "What is written for the service manager "
     "[/run/recovery-gate/mariadbd.env]",
     set_text<&Settings::environment_file>},
    {"environment-variable", "NAME", "The variable in it [MYSQLD_OPTS]",
     set_text<&Settings::environment_variable>},
};

const Row *row_of(const std::string &name) {
  const auto found =
      std::find_if(std::begin(rows), std::end(rows),
                   [&](const Row &row) { return name == row.name; });
  return found == std::end(rows) ? nullptr : found;
}

}  // namespace

bool is_setting(const std::string &name) { return row_of(name) != nullptr; }

void GivenSettings::declare(CLI::App &app,
                            const std::vector<std::string> &names) {
  for (const std::string &name : names) {
    const Row &row = *row_of(name);
    app.add_option_function<std::string>(
           "--" + name,
           [this, name](const std::string &value) { given_[name] = value; },
           row.text)
        ->type_name(row.type);
  }
}

std::string GivenSettings::read(const ConnectionOptions &options,
                                Settings *settings) const {
  for (const OptionLine &line : options.settings) {
    const std::string error =
        row_of(line.name)->set(settings, line.value.value_or(""));
    if (!error.empty())
      return fmt::format("{}: {}: {}", line.file, line.name, error);
  }
  for (const auto &[name, value] : given_) {
    const std::string error = row_of(name)->set(settings, value);
    if (!error.empty()) return fmt::format("--{}: {}", name, error);
  }
  return {};
}

ConnectionOptions for_peers(ConnectionOptions common,
                            const Settings &settings) {
  if (settings.peer_user) common.user = settings.peer_user;
  if (settings.peer_password) common.password = settings.peer_password;
  return common;
}

}  // namespace recovery_gate::tool
