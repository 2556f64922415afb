// SPDX-License-Identifier: GPL-2.0-only
#include "client/connection_options.h"

#include <fmt/format.h>
#include <strings.h>

#include <CLI/CLI.hpp>
#include <charconv>

#include "client/settings.h"
#include "terminal.h"

namespace recovery_gate::tool {
namespace {

constexpr const char *group = "Connection";

template <typename Value>
void set_once(std::optional<Value> *target, Value value) {
  if (!*target) *target = std::move(value);
}

struct Text {
  const char *name;
  std::optional<std::string> ConnectionOptions::*target;
};

constexpr Text texts[] = {
    {"host", &ConnectionOptions::host},
    {"user", &ConnectionOptions::user},
    {"socket", &ConnectionOptions::socket},
    {"protocol", &ConnectionOptions::protocol},
    {"ssl-ca", &ConnectionOptions::ssl_ca},
    {"ssl-capath", &ConnectionOptions::ssl_capath},
    {"ssl-cert", &ConnectionOptions::ssl_cert},
    {"ssl-key", &ConnectionOptions::ssl_key},
    {"ssl-cipher", &ConnectionOptions::ssl_cipher},
    {"ssl-crl", &ConnectionOptions::ssl_crl},
    {"ssl-crlpath", &ConnectionOptions::ssl_crlpath},
    {"tls-version", &ConnectionOptions::tls_version},
    {"default-auth", &ConnectionOptions::default_auth},
    {"plugin-dir", &ConnectionOptions::plugin_dir},
};

struct Number {
  const char *name;
  std::optional<unsigned> ConnectionOptions::*target;
  unsigned most;
};

constexpr Number numbers[] = {
    {"port", &ConnectionOptions::port, 65535},
    {"connect-timeout", &ConnectionOptions::connect_timeout, 31536000},
};

struct Switch {
  const char *name;
  std::optional<bool> ConnectionOptions::*target;
};

constexpr Switch switches[] = {
    {"ssl", &ConnectionOptions::ssl},
    {"ssl-verify-server-cert", &ConnectionOptions::ssl_verify_server_cert},
};

bool is_any_of(const std::string &text,
               std::initializer_list<const char *> words) {
  for (const char *word : words)
    if (strcasecmp(text.c_str(), word) == 0) return true;
  return false;
}

bool set_switch(const Switch &entry, ConnectionOptions *options,
                const std::string &name,
                const std::optional<std::string> &value, Failure *wrong) {
  bool on;
  if (name == entry.name)
    on = true;
  else if (name == std::string("enable-") + entry.name)
    on = true;
  else if (name == std::string("skip-") + entry.name ||
           name == std::string("disable-") + entry.name)
    on = false;
  else
    return false;
  if (value && is_any_of(*value, {"0", "off", "false"}))
    on = !on;
  else if (value && !is_any_of(*value, {"1", "on", "true"}))
    *wrong = fmt::format("{} is ON or OFF, and not '{}'", name, *value);
  options->*entry.target = on;
  return true;
}

/* What counts among option files is the last line; what the command line said
   counts more. */
Failure fill_from_files(ConnectionOptions *options) {
  std::vector<OptionLine> lines;
  if (Failure failure =
          read_option_files(options->files, client_groups, &lines))
    return failure;
  ConnectionOptions from_files;
  for (const OptionLine &line : lines) {
    Failure wrong;
    const bool known =
        set_from_file(&from_files, line.name, line.value, &wrong);
    if (wrong) return line.file + ": " + wrong.text();
    // The other groups are shared with programs that have more options.
    if (known || line.group.rfind("recovery-gate", 0) != 0) continue;
    if (is_setting(line.name))
      options->settings.push_back(line);
    else if (!line.loose)
      return fmt::format("{}: unknown option '{}'", line.file, line.name);
  }
  for (const Text &entry : texts)
    if (!(options->*entry.target))
      options->*entry.target = from_files.*entry.target;
  for (const Number &entry : numbers)
    if (!(options->*entry.target))
      options->*entry.target = from_files.*entry.target;
  for (const Switch &entry : switches)
    if (!(options->*entry.target))
      options->*entry.target = from_files.*entry.target;
  if (!options->password && !options->ask_for_password) {
    options->password = from_files.password;
    options->ask_for_password = from_files.ask_for_password;
  }
  return {};
}

}  // namespace

CLI::Validator number_between(int least, int most) {
  // Help shows the description of a check; the type says enough.
  return CLI::Range(least, most).description("");
}

void add_connection_options(CLI::App &app, ConnectionOptions *options) {
  const auto text = [&](const char *names, auto *target, const char *what,
                        const char *type) {
    return app.add_option(names, *target, what)->type_name(type)->group(group);
  };
  text("-h,--host", &options->host, "Server to connect to", "NAME");
  text("-P,--port", &options->port, "TCP port", "NUMBER")
      ->check(number_between(1, 65535));
  text("-S,--socket", &options->socket, "Unix socket", "FILE");
  text("-u,--user", &options->user, "Account's user name", "NAME");
  app.add_flag("-p,--ask-password", options->ask_for_password,
               "Ask for the password on the terminal; also --password")
      ->group(group);
  text("--password", &options->password,
       "The password; also -pTEXT. Safer in an option file", "=TEXT");
  text("--protocol", &options->protocol, "tcp or socket", "NAME")
      ->check(
          CLI::IsMember({"tcp", "socket"}, CLI::ignore_case).description(""));
  text("--connect-timeout", &options->connect_timeout,
       "Give up on a server that is silent for this long [10]", "SECONDS")
      ->check(number_between(1, 31536000));

  text("--defaults-file", &options->files.only, "Read only this option file",
       "FILE");
  text("--defaults-extra-file", &options->files.extra,
       "Read this file after the global option files", "FILE");
  text("--defaults-group-suffix", &options->files.group_suffix,
       "Also read groups with this suffix", "TEXT");
  app.add_flag("--no-defaults", options->files.none, "Read no option file")
      ->group(group);

  const auto on_off = [&](const std::string &name, std::optional<bool> *target,
                          const char *what) {
    app.add_flag_callback(
           "--" + name, [target] { *target = true; }, what)
        ->group(group);
    app.add_flag_callback("--skip-" + name, [target] { *target = false; })
        ->group("");
  };
  on_off("ssl", &options->ssl, "Insist on TLS; --skip-ssl: without TLS");
  on_off("ssl-verify-server-cert", &options->ssl_verify_server_cert,
         "Check the server's certificate; also --skip-...");
  text("--ssl-ca", &options->ssl_ca, "Certificate authority", "FILE");
  text("--ssl-capath", &options->ssl_capath, "Certificate authorities", "DIR");
  text("--ssl-cert", &options->ssl_cert, "The client's certificate", "FILE");
  text("--ssl-key", &options->ssl_key, "The client's key", "FILE");
  text("--ssl-cipher", &options->ssl_cipher, "Ciphers to choose from", "LIST");
  text("--ssl-crl", &options->ssl_crl, "Revocation list", "FILE");
  text("--ssl-crlpath", &options->ssl_crlpath, "Revocation lists", "DIR");
  text("--tls-version", &options->tls_version, "TLS versions to choose from",
       "LIST");
  text("--default-auth", &options->default_auth,
       "Authentication plugin to begin with", "NAME");
  text("--plugin-dir", &options->plugin_dir, "Folder of client plugins", "DIR");
}

void add_hidden_connection_options(CLI::App &app, ConnectionOptions *options) {
  add_connection_options(app, options);
  for (CLI::Option *option : app.get_options(
           [](const CLI::Option *o) { return o->get_group() == group; }))
    option->group("");
}

std::vector<std::string> with_password_options(
    std::vector<std::string> arguments) {
  std::vector<std::string> result;
  bool all_seen = false;  // "--": no more options
  for (std::string &argument : arguments) {
    all_seen = all_seen || argument == "--";
    if (all_seen) {
      result.push_back(std::move(argument));
    } else if (argument == "-p" || argument == "--password") {
      result.push_back("--ask-password");
    } else if (argument == "--password=") {
      // CLI11 takes an empty value only as an argument of its own.
      result.insert(result.end(), {"--password", ""});
    } else if (argument.rfind("-p", 0) == 0) {
      result.push_back("--password=" + argument.substr(2));
    } else {
      result.push_back(std::move(argument));
    }
  }
  return result;
}

Failure complete(ConnectionOptions *options) {
  // A port that a person types is wanted, also where there is a socket.
  const bool wants_tcp =
      options->port && !options->socket && !options->protocol && !options->host;
  if (Failure failure = fill_from_files(options)) return failure;
  if (wants_tcp) options->protocol = "tcp";
  if (options->password || !options->ask_for_password) return {};
  std::string password;
  if (Failure failure = ask_secretly("Enter password: ", &password))
    return failure;
  options->password = password;
  return {};
}

bool set_from_file(ConnectionOptions *options, const std::string &name,
                   const std::optional<std::string> &value, Failure *wrong) {
  if (name == "password") {
    options->password = value;
    options->ask_for_password = !value;
    return true;
  }
  for (const Switch &entry : switches)
    if (set_switch(entry, options, name, value, wrong)) return true;
  for (const Text &entry : texts) {
    if (name != entry.name) continue;
    if (!value) *wrong = name + " needs a value";
    options->*entry.target = value;
    if (name == "protocol" && value && !is_any_of(*value, {"tcp", "socket"}))
      *wrong = "protocol is tcp or socket, and not '" + *value + "'";
    return true;
  }
  for (const Number &entry : numbers) {
    if (name != entry.name) continue;
    unsigned number = 0;
    const std::string digits = value.value_or("");
    const char *end = digits.data() + digits.size();
    const auto [stop, code] = std::from_chars(digits.data(), end, number);
    if (code != std::errc() || stop != end || number > entry.most)
      *wrong = fmt::format("{} is a number up to {}, and not '{}'", name,
                           entry.most, digits);
    // 0 stands for the default.
    options->*entry.target =
        number != 0 ? std::optional<unsigned>(number) : std::nullopt;
    return true;
  }
  return false;
}

std::string where(const ConnectionOptions &options) {
  const std::string host = options.host.value_or("localhost");
  const bool tcp =
      host != "localhost" ||
      (options.protocol && strcasecmp(options.protocol->c_str(), "tcp") == 0);
  if (tcp)
    return fmt::format("{}:{}", host == "localhost" ? "127.0.0.1" : host,
                       options.port.value_or(3306));
  return options.socket.value_or("the default socket");
}

}  // namespace recovery_gate::tool
