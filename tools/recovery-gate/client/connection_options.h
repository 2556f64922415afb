// SPDX-License-Identifier: GPL-2.0-only
/*
  The options that say how to reach a server, as all MariaDB client programs
  have them: on the command line, and in the same option files.
*/
#ifndef RECOVERY_GATE_TOOL_CONNECTION_OPTIONS_H
#define RECOVERY_GATE_TOOL_CONNECTION_OPTIONS_H

#include <optional>
#include <string>
#include <vector>

#include "client/option_files.h"

// CLI11 is large, and only what declares options needs it.
namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace recovery_gate::tool {

/* What nobody set is left to the client library: its socket, the name of the
   system's user, no TLS. */
struct ConnectionOptions {
  OptionFiles files;

  std::optional<std::string> host, user, password, socket;
  std::optional<unsigned> port;
  std::optional<std::string> protocol;  // "tcp" or "socket", in any case
  bool ask_for_password = false;
  /* Seconds until a server that does not answer is given up: for connecting,
     and for each answer. */
  std::optional<unsigned> connect_timeout;

  std::optional<bool> ssl, ssl_verify_server_cert;
  std::optional<std::string> ssl_ca, ssl_capath, ssl_cert, ssl_key, ssl_cipher,
      ssl_crl, ssl_crlpath, tls_version;
  std::optional<std::string> default_auth, plugin_dir;

  /* Lines of [recovery-gate] that are a subcommand's, see client/settings.h. */
  std::vector<OptionLine> settings;
};

/* Declares them for a (sub)command; `options` must live as long as `app`. */
void add_connection_options(CLI::App &app, ConnectionOptions *options);

/* The same, but --help does not list them: for options before a subcommand. */
void add_hidden_connection_options(CLI::App &app, ConnectionOptions *options);

/* A check for an option, as CLI::Range, without a text of its own in --help. */
CLI::Validator number_between(int least, int most);

/*
  As every MariaDB program has it and CLI11 cannot: -p and --password ask, and
  take a password only when it is attached (-psecret, --password=secret). Turns
  the arguments (without the program's name) into what add_connection_options()
  declares.
*/
std::vector<std::string> with_password_options(
    std::vector<std::string> arguments);

/*
  Takes what the command line did not say from the option files, then asks on
  the terminal for the password if that was wanted. Once, before the first
  connection. Fails with what is wrong in them, or when nobody can be asked.
*/
Failure complete(ConnectionOptions *options);

/* Sets what a line of an option file says; false: there is no such option.
   `value` is nothing for an option without "=". What is wrong with the value is
   left in *wrong. */
bool set_from_file(ConnectionOptions *options, const std::string &name,
                   const std::optional<std::string> &value, Failure *wrong);

/* "host:port" or "socket", for messages. */
std::string where(const ConnectionOptions &options);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_CONNECTION_OPTIONS_H
