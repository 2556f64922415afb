// SPDX-License-Identifier: GPL-2.0-only
/*
  Options of single subcommands that may also be in the group [recovery-gate] of
  an option file: the other servers of the group, and what is done before a
  start.
*/
#ifndef RECOVERY_GATE_TOOL_SETTINGS_H
#define RECOVERY_GATE_TOOL_SETTINGS_H

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/connection_options.h"

namespace recovery_gate::tool {

/* When the peers are asked; always also when something is owed. */
enum class AskPeers { OWED, CRASH, ALWAYS };

/* What a verdict leads to. */
enum class Policy { START, READ_ONLY, STOP };

/* Their defaults are the safe ones. */
struct Settings {
  /* HOST or HOST:PORT, and the account there; else that of the connection. */
  std::vector<std::string> peers;
  std::optional<std::string> peer_user, peer_password;
  /* How long peers that do not answer, or not clearly, are asked again. */
  std::chrono::seconds peer_timeout{60};
  AskPeers ask_peers = AskPeers::OWED;

  Policy on_start_as_primary = Policy::START;
  Policy on_start_as_replica = Policy::START;
  Policy on_rebuild = Policy::STOP;
  Policy on_unknown = Policy::STOP;

  std::string environment_file = "/run/recovery-gate/mariadbd.env";
  std::string environment_variable = "MYSQLD_OPTS";
};

/* Is it one of those? Without "--". */
bool is_setting(const std::string &name);

/* What one subcommand takes of them. */
class GivenSettings {
 public:
  /* Declares them, by name; must live as long as `app`. */
  void declare(CLI::App &app, const std::vector<std::string> &names);

  /* What the option files say, then the command line. Returns an empty string,
     or what is wrong. Call it after complete(). */
  std::string read(const ConnectionOptions &options, Settings *settings) const;

 private:
  std::map<std::string, std::string> given_;
};

/* How to reach the peers: `common`, with their account. */
ConnectionOptions for_peers(ConnectionOptions common, const Settings &settings);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_SETTINGS_H
