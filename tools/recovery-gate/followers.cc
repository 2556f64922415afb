// SPDX-License-Identifier: GPL-2.0-only
#include "followers.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "client/address.h"
#include "client/number.h"
#include "output.h"

namespace recovery_gate::tool {
namespace {

constexpr milliseconds look_again(1000), try_again(5000), wake_again(5000);
constexpr unsigned longest_answer = 3;  // seconds

std::string quoted(const std::string &text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return result + "'";
}

struct Link {
  std::string name, io, sql, io_state;
  std::uint32_t retry = 0;  // seconds
  ServerError error;

  /* It lost its primary, and waits before it tries again. */
  bool sleeps() const {
    return io == "Connecting" &&
           (error || io_state.rfind("Waiting to reconnect", 0) == 0);
  }
  /* Trying again now may help, and does no harm. */
  bool may_be_woken() const {
    return sleeps() && sql == "Yes" && (!error || is_temporary(error));
  }

  std::string text() const {
    if (io == "Yes") return "is connected";
    if (io == "No")
      return "was stopped (STOP SLAVE), or has ended with an error";
    if (!sleeps()) return "is connecting";
    std::string text = fmt::format(
        "sleeps up to {} s (MASTER_CONNECT_RETRY) before it connects again",
        retry);
    if (error && !is_temporary(error))
      text += ", and will not get in: " + to_string(error);
    else if (sql != "Yes")
      text += "; its SQL thread does not run";
    return text;
  }
};

/* Both statements in one, so that whatever becomes of this program the thread
   is started again; but not when somebody else has stopped it meanwhile. */
std::string restart_io_thread(const std::string &link) {
  const std::string name = quoted(link);
  return "BEGIN NOT ATOMIC STOP SLAVE " + name +
         " IO_THREAD; IF @@warning_count = 0 THEN START SLAVE " + name +
         " IO_THREAD; END IF; END";
}

}  // namespace

struct Followers::One {
  std::string name;
  std::unique_ptr<Session> session;
  bool is_connected = false;  // the session
  bool is_done = false;       // it follows, and nothing is to be done
  bool sleeps = false;
  Instant next_visit{0};
  std::map<std::string, Instant> woken;  // by the name of the link
  std::string text;
};

std::optional<Followed> ask_followed(Session &session,
                                     const ConnectionOptions &options) {
  Rows rows;
  if (session.query("SELECT @@server_id AS id, @@port AS port", &rows))
    return std::nullopt;
  Followed server;
  server.id = number_of<std::uint32_t>(rows.value(0, "id"));
  const auto own_port = number_of<unsigned>(rows.value(0, "port"));
  const std::string own_host = options.host.value_or("localhost");
  server.is_at = [own_host, own_port](const std::string &host, unsigned port) {
    return port == own_port && is_same_host(host, own_host);
  };
  if (server.id == 0) return std::nullopt;
  return server;
}

Followers::Followers(const std::vector<std::string> &names, Reach reach,
                     bool wake)
    : reach_(std::move(reach)), wake_(wake) {
  for (const std::string &name : names) all_.emplace_back().name = name;
}

Followers::~Followers() = default;

void Followers::start_over() {
  for (One &one : all_) one.is_done = false;
}

void Followers::visit(const Followed &server, Instant now) {
  for (One &one : all_)
    if (!one.is_done && now >= one.next_visit) visit(one, server, now);
}

void Followers::visit(One &one, const Followed &server, Instant now) {
  one.sleeps = false;
  one.next_visit = now + look_again;
  const auto failed = [&](const ServerError &error) {
    one.is_connected = false;
    one.next_visit = now + try_again;
    one.text = "cannot be asked: " + to_string(error);
  };
  if (!one.is_connected) {
    one.session = reach_(one.name);
    if (const ServerError error = one.session->connect()) return failed(error);
    // That a thread was stopped already is a note. From 11.8 on, asking for
    // notes gives a warning, which counts until the next SHOW: so not when it
    // is woken.
    if (wake_)
      if (const ServerError error =
              one.session->query("SET sql_notes=1", nullptr))
        return failed(error);
    one.is_connected = true;
  }
  Rows self, rows;
  ServerError error = one.session->query("SELECT @@server_id AS id", &self);
  if (!error) error = one.session->query("SHOW ALL SLAVES STATUS", &rows);
  if (error) return failed(error);
  if (number_of<std::uint32_t>(self.value(0, "id")) == server.id) {
    one.is_done = true;  // one list of peers for all servers
    return;
  }
  std::string text;
  bool all_connected = true;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto value = [&](const char *column) {
      return rows.value(i, column).value_or("");
    };
    const auto primary =
        number_of<std::uint32_t>(rows.value(i, "Master_Server_Id"));
    if (primary != server.id &&
        (primary != 0 ||
         !server.is_at(value("Master_Host"),
                       number_of<unsigned>(rows.value(i, "Master_Port")))))
      continue;
    Link link{value("Connection_name"),
              value("Slave_IO_Running"),
              value("Slave_SQL_Running"),
              value("Slave_IO_State"),
              number_of<std::uint32_t>(rows.value(i, "Connect_Retry")),
              {number_of<unsigned>(rows.value(i, "Last_IO_Errno")),
               value("Last_IO_Error")}};
    std::string what = link.text();
    all_connected = all_connected && link.io == "Yes";
    one.sleeps = one.sleeps || link.may_be_woken();
    const auto last = one.woken.find(link.name);
    if (wake_ && link.may_be_woken() &&
        (last == one.woken.end() || now - last->second >= wake_again)) {
      one.woken[link.name] = now;
      error = one.session->query(restart_io_thread(link.name), nullptr);
      what += error ? ", and could not be woken: " + to_string(error)
                    : ": woken, it connects now";
      if (error && error.code >= 2000 && error.code < 3000)
        one.is_connected = false;
    }
    text += (text.empty() ? "" : "; ") +
            (link.name.empty() ? what : link.name + " " + what);
  }
  one.is_done = !text.empty() && all_connected;
  one.text = text.empty() ? "does not follow this server" : text;
}

void Followers::tell(Look *look) const {
  std::string asleep;
  for (const One &one : all_) {
    if (one.text.empty()) continue;
    look->replicas.push_back(one.name + ": " + one.text);
    if (one.sleeps) asleep += " --replica " + one.name;
  }
  if (!wake_ && !asleep.empty() && look->gate.waiting_for == "REPLICA")
    look->advice =
        "What is waited for is a replica's retry time. To have it connect now: "
        "recovery-gate wait --wake" +
        asleep;
}

void add_replica_options(CLI::App &app, ReplicaOptions *options) {
  app.add_option("--replica", options->names,
                 "A replica, to be asked what it does. Can be given several "
                 "times")
      ->type_name("HOST[:PORT]");
  options->account.declare(app, {"peer-user", "peer-password"});
}

std::string make_followers(const ReplicaOptions &options,
                           const ConnectionOptions &common, bool or_peers,
                           bool wake, std::unique_ptr<Followers> *followers) {
  Settings settings;
  const std::string error = options.account.read(common, &settings);
  if (!error.empty()) return error;
  std::vector<std::string> names = options.names;
  if (names.empty() && or_peers) names = settings.peers;
  if (names.empty() && wake)
    complain(
        "--wake: no replica is named, by --replica or by peers in an option "
        "file: none is woken");
  for (const std::string &name : names) {
    std::string host;
    unsigned port = 0;
    if (!split_address(name, &host, &port))
      return "--replica takes HOST or HOST:PORT, not " + name;
  }
  ConnectionOptions account = for_peers(common, settings);
  account.connect_timeout = std::min(
      account.connect_timeout.value_or(longest_answer), longest_answer);
  *followers = std::make_unique<Followers>(
      names,
      [account](const std::string &name) -> std::unique_ptr<Session> {
        return std::make_unique<Connection>(options_to(name, account));
      },
      wake);
  return {};
}

}  // namespace recovery_gate::tool
