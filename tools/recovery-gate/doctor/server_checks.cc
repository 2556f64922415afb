// SPDX-License-Identifier: GPL-2.0-only
#include <fmt/format.h>

#include <algorithm>

#include "doctor/checks.h"
#include "recovery_gate/ledger/replica_count.h"

namespace recovery_gate::tool {
namespace {

constexpr std::uint64_t short_timeout = 1000;    // milliseconds
constexpr std::uint64_t short_expiry = 86400;    // seconds
constexpr std::uint64_t waiting_clients = 1000;  // rejected ones, at most

using Problems = std::vector<Problem>;

void add(const ServerFacts &server, const std::string &subject,
         const std::string &why, const std::string &cure, Problems *problems) {
  problems->push_back({server.name, subject, why, cure});
}

void not_seen(const Facts &f, Problems *problems) {
  const auto look = [problems](const ServerFacts &server) {
    std::string before;
    for (const auto &[what, error] : server.unseen)
      if (what != before) {
        before = what;
        add(server, what,
            fmt::format("The doctor's account may not see {}, so what depends "
                        "on it was not checked ({}).",
                        what, error),
            "GRANT SELECT ON mysql.*, and PROCESS, BINLOG MONITOR and SLAVE "
            "MONITOR ON *.*, to the account; or run the doctor as root",
            problems);
      }
  };
  look(f.server);
  for (const ServerFacts &replica : f.replicas) look(replica);
}

// --- The plugin
// ---------------------------------------------------------------

constexpr char three_lines[] =
    "in the option file, under [mariadbd]: plugin-load-add = ha_recovery_gate, "
    "recovery_gate = FORCE_PLUS_PERMANENT, recovery_gate_mode = AUTO; then "
    "restart the server";

void plugin_missing(const Facts &f, Problems *problems) {
  if (f.server.gate) return;
  add(f.server, "",
      "The server has no recovery gate: after a crash, clients read "
      "transactions that exist nowhere else.",
      std::string("Install the plugin for this server's release (") +
          f.server.value("version") + "); " + three_lines,
      problems);
}

void plugin_not_forced(const Facts &f, Problems *problems) {
  for (const PluginFacts &plugin : f.server.plugins)
    if (plugin.name == "RECOVERY_GATE" &&
        plugin.load_option != "FORCE_PLUS_PERMANENT")
      add(f.server, "",
          f.server.is_installed_by_sql
              ? "The plugin was installed by INSTALL SONAME: if its file is "
                "missing at the next start, the server starts without a gate."
              : "The plugin is loaded without FORCE_PLUS_PERMANENT: if its file "
                "is missing at the next start, the server starts without a "
                "gate, and UNINSTALL removes it.",
          f.server.is_installed_by_sql
              ? std::string("UNINSTALL SONAME 'ha_recovery_gate'; ") +
                    three_lines
              : option_line("recovery_gate", "FORCE_PLUS_PERMANENT"),
          problems);
}

void plugin_lines(const Facts &f, Problems *problems) {
  const auto mode = f.server.settings.find("recovery_gate_mode");
  if (mode == f.server.settings.end() || mode->second.origin != "COMPILE-TIME")
    return;
  add(f.server, "recovery_gate_mode",
      "The third of the documented lines is missing: it ends a start without "
      "the plugin when recovery_gate is taken for an abbreviation of another "
      "option.",
      option_line("recovery_gate_mode", "AUTO"), problems);
}

void gate_off(const Facts &f, Problems *problems) {
  if (f.server.value("recovery_gate_mode") != "OFF") return;
  add(f.server, "",
      "recovery_gate_mode is OFF: after a crash, no client is kept out.",
      option_line("recovery_gate_mode", "AUTO") + "; then restart the server",
      problems);
}

void in_doubt_behind_open_gate(const Facts &f, Problems *problems) {
  if (!f.server.gate || !f.server.gate->open || !f.server.owes.value_or(false))
    return;
  add(f.server, "",
      "The gate is open, and transactions in doubt are still on record behind "
      "it: clients read them now, and they close a later start with another "
      "mode.",
      "Have a semi-sync replica connect; or give them up: recovery-gate open "
      "--yes",
      problems);
}

void gate_closed(const Facts &f, Problems *problems) {
  if (!f.server.gate || f.server.gate->open) return;
  add(f.server, f.server.gate->waiting_for,
      "The gate is closed now: clients wait.", "recovery-gate status",
      problems);
}

void time_limit_opens(const Facts &f, Problems *problems) {
  if (f.server.value("recovery_gate_timeout_action") != "OPEN" ||
      f.server.number("recovery_gate_timeout") == 0)
    return;
  add(f.server, "recovery_gate_timeout_action",
      fmt::format("After {} s the gate opens by itself, and clients read what "
                  "no replica has.",
                  f.server.number("recovery_gate_timeout")),
      set_both("recovery_gate_timeout_action", "WARN"), problems);
}

/* As the plugin counts them. */
std::uint64_t connection_slots(const ServerFacts &server) {
  const std::uint64_t slots = server.number("max_connections");
  const std::string handling = server.value("thread_handling");
  if (handling == "no-threads") return 0;
  if (handling != "pool-of-threads") return slots;
  const std::uint64_t threads = server.number("thread_pool_max_threads");
  const std::uint64_t needed = 2 * server.number("thread_pool_size");
  return std::min(slots, threads - std::min(threads, needed));
}

void nobody_held(const Facts &f, Problems *problems) {
  const ServerFacts &server = f.server;
  if (!server.gate) return;
  if (server.number("recovery_gate_connect_wait") == 0)
    add(server, "recovery_gate_connect_wait",
        "recovery_gate_connect_wait is 0: a closed gate is no pause for "
        "clients, they get error 1047 immediately.",
        set_both("recovery_gate_connect_wait", "10000"), problems);
  else if (connection_slots(server) < 2)
    add(server, "thread_pool_max_threads",
        "The thread pool has no thread to spare for clients that are held: "
        "they get error 1047 immediately.",
        set_both("thread_pool_max_threads", "65536"), problems);
}

void max_held(const Facts &f, Problems *problems) {
  const ServerFacts &server = f.server;
  const std::uint64_t slots = connection_slots(server);
  if (!server.gate ||
      server.number("recovery_gate_max_held") <= slots - slots / 4)
    return;
  add(server, "recovery_gate_max_held",
      fmt::format("recovery_gate_max_held is {}, but never more than three "
                  "quarters of the {} connections are held: {}.",
                  server.number("recovery_gate_max_held"), slots,
                  slots - slots / 4),
      "Raise max_connections, or " +
          set_both("recovery_gate_max_held", std::to_string(slots - slots / 4)),
      problems);
}

void few_descriptors(const Facts &f, Problems *problems) {
  const std::uint64_t limit = f.server.number("open_files_limit");
  if (!f.server.gate || limit == 0 || limit / 4 >= waiting_clients) return;
  add(f.server, "open_files_limit",
      fmt::format("open_files_limit is {}: only {} rejected clients at a time "
                  "can wait for their error without a connection slot; more "
                  "get it unasked.",
                  limit, std::max<std::uint64_t>(limit / 4, 1)),
      option_line("open_files_limit", "32768") +
          ", and LimitNOFILE=32768 in the unit",
      problems);
}

void no_extra_port(const Facts &f, Problems *problems) {
  if (!f.server.gate || f.server.number("extra_port") != 0) return;
  add(f.server, "extra_port",
      "There is no extra_port: clients that connect and do not log in can "
      "keep the administrator and the replica out.",
      option_line("extra_port", "3307"), problems);
}

// --- The binary log and semi-sync
// ---------------------------------------------

void binlog_off(const Facts &f, Problems *problems) {
  if (f.server.is_on("log_bin")) return;
  add(f.server, "log_bin",
      "There is no binary log: nothing is replicated, and the plugin refuses "
      "to load.",
      "In the option file, under [mariadbd]: log_bin = bin", problems);
}

void semisync_off(const Facts &f, Problems *problems) {
  if (f.server.is_on("rpl_semi_sync_master_enabled")) return;
  add(f.server, "rpl_semi_sync_master_enabled",
      "Semi-sync is disabled: nothing is acknowledged, and after a crash or a "
      "restart the gate stays closed and waits for SEMISYNC_MASTER.",
      set_both("rpl_semi_sync_master_enabled", "ON") +
          "; then STOP SLAVE IO_THREAD and START SLAVE IO_THREAD on each "
          "replica",
      problems);
}

void semisync_not_in_files(const Facts &f, Problems *problems) {
  if (!f.server.is_on("rpl_semi_sync_master_enabled") ||
      f.server.is_kept("rpl_semi_sync_master_enabled"))
    return;
  add(f.server, "rpl_semi_sync_master_enabled",
      "Semi-sync was enabled at run time, and no option file is known to do "
      "it: the next start is without, and the gate stays closed.",
      option_line("rpl_semi_sync_master_enabled", "ON"), problems);
}

void sync_binlog(const Facts &f, Problems *problems) {
  if (f.server.number("sync_binlog") == 1) return;
  add(f.server, "sync_binlog",
      "sync_binlog is " + f.server.value("sync_binlog") +
          ": a crash of the machine loses the end of the binary log, and with "
          "it what the gate has to know.",
      set_both("sync_binlog", "1"), problems);
}

void flush_log(const Facts &f, Problems *problems) {
  const std::uint64_t mode = f.server.number("innodb_flush_log_at_trx_commit");
  if (mode == 1 || mode == 3) return;
  add(f.server, "innodb_flush_log_at_trx_commit",
      fmt::format("innodb_flush_log_at_trx_commit is {}: a crash loses "
                  "transactions that the binary log and the replicas have.",
                  mode),
      set_both("innodb_flush_log_at_trx_commit", "1"), problems);
}

void wait_point(const Facts &f, Problems *problems) {
  if (f.server.value("rpl_semi_sync_master_wait_point") != "AFTER_COMMIT")
    return;
  add(f.server, "rpl_semi_sync_master_wait_point",
      "With AFTER_COMMIT other sessions read a transaction before it is "
      "acknowledged, crash or no crash, and a former primary cannot cut it "
      "off when it comes back as a replica.",
      set_both("rpl_semi_sync_master_wait_point", "AFTER_SYNC"), problems);
}

void semisync_timeout(const Facts &f, Problems *problems) {
  const std::uint64_t timeout = f.server.number("rpl_semi_sync_master_timeout");
  if (!f.server.is_on("rpl_semi_sync_master_enabled") ||
      timeout >= short_timeout)
    return;
  add(f.server, "rpl_semi_sync_master_timeout",
      fmt::format("A replica that is silent for {} ms is enough for commits to "
                  "go on without an acknowledgement: clients then read what no "
                  "replica has, and only the next start waits for it.",
                  timeout),
      set_both("rpl_semi_sync_master_timeout", "10000"), problems);
}

void semisync_given_up(const Facts &f, Problems *problems) {
  const auto status = f.server.status.find("Rpl_semi_sync_master_status");
  if (!f.server.is_on("rpl_semi_sync_master_enabled") ||
      status == f.server.status.end() || status->second != "OFF" ||
      f.server.status_number("Rpl_semi_sync_master_clients") == 0)
    return;
  add(f.server, "",
      "Semi-sync has given up waiting for an acknowledgement: clients read "
      "what no replica has.",
      "SHOW ALL SLAVES STATUS on the replicas: one is slow, or full", problems);
}

/* A replica that was named and does not acknowledge has a finding of its own.
 */
void no_semisync_replica(const Facts &f, Problems *problems) {
  for (const ServerFacts &replica : f.replicas)
    if (!replica.acknowledges()) return;
  if (!f.server.is_on("rpl_semi_sync_master_enabled") ||
      f.server.status_number("Rpl_semi_sync_master_clients") != 0)
    return;
  add(f.server, "",
      "No semi-sync replica is connected: nothing is acknowledged, and the "
      "next start would wait for one.",
      "On a replica: " + set_both("rpl_semi_sync_slave_enabled", "ON") +
          "; then STOP SLAVE IO_THREAD; START SLAVE IO_THREAD",
      problems);
}

void too_few_replicas(const Facts &f, Problems *problems) {
  ReplicaPolicy policy;
  if (!f.server.gate ||
      !parse_replica_ids(f.server.value("recovery_gate_replica_ids"), &policy))
    return;
  policy.count = static_cast<std::uint32_t>(std::max<std::uint64_t>(
      f.server.number("recovery_gate_replica_count"), 1));
  std::uint64_t count = f.server.status_number("Rpl_semi_sync_master_clients");
  if (!f.replicas.empty())
    count = static_cast<std::uint64_t>(std::count_if(
        f.replicas.begin(), f.replicas.end(), [&](const ServerFacts &replica) {
          return policy.counts(replica.id()) && replica.acknowledges();
        }));
  if (policy.is_any() || count >= policy.count) return;
  add(f.server, "recovery_gate_replica_count",
      fmt::format("{} of the replicas that acknowledge count, and "
                  "recovery_gate_replica_count asks for {}: after a crash, the "
                  "gate would not open.",
                  count, policy.count),
      "Have more replicas acknowledge, or SET GLOBAL "
      "recovery_gate_replica_count and recovery_gate_replica_ids to what there "
      "is, and in the option file",
      problems);
}

void binlog_expiry(const Facts &f, Problems *problems) {
  const std::uint64_t seconds = f.server.number("binlog_expire_logs_seconds");
  if (seconds == 0 || seconds >= short_expiry) return;
  add(f.server, "binlog_expire_logs_seconds",
      fmt::format("Binary logs expire after {} s: a server that is down for "
                  "longer deletes what is in doubt when it starts, and then "
                  "only an administrator can open its gate.",
                  seconds),
      set_both("binlog_expire_logs_seconds", "604800"), problems);
}

void binlog_filter(const Facts &f, Problems *problems) {
  for (const auto &[option, value] :
       {std::pair<const char *, const std::string &>("binlog_do_db",
                                                     f.server.logged_only),
        {"binlog_ignore_db", f.server.not_logged}})
    if (!value.empty())
      add(f.server, option,
          fmt::format("{} is {}: what is not logged is on no replica, and no "
                      "gate waits for it.",
                      option, value),
          std::string("In the option file, remove ") + option, problems);
}

void replication_trouble(const Facts &f, Problems *problems) {
  for (const std::string &trouble : f.server.replication)
    add(f.server, "", "A replication connection needs mending: " + trouble,
        "SHOW ENGINE RECOVERY_GATE STATUS has the statements", problems);
}

/* Not what another check has found already. */
void not_in_option_files(const Facts &f, Problems *problems) {
  constexpr std::pair<const char *, void (*)(const Facts &, Problems *)>
      variables[] = {
          {"sync_binlog", sync_binlog},
          {"innodb_flush_log_at_trx_commit", flush_log},
          {"rpl_semi_sync_master_timeout", semisync_timeout},
          {"rpl_semi_sync_master_wait_point", wait_point},
          {"recovery_gate_timeout", nullptr},
          {"recovery_gate_timeout_action", time_limit_opens},
          {"recovery_gate_connect_wait", nobody_held},
          {"recovery_gate_max_held", max_held},
          {"recovery_gate_admit_users", nullptr},
          {"recovery_gate_replica_count", too_few_replicas},
          {"recovery_gate_replica_ids", nullptr},
          {"recovery_gate_repair_connections", nullptr},
          {"binlog_expire_logs_seconds", binlog_expiry},
      };
  for (const auto &[name, other] : variables) {
    Problems found;
    if (other != nullptr) other(f, &found);
    if (f.server.is_kept(name) || !found.empty()) continue;
    add(f.server, name,
        fmt::format("{} was set at run time, and no option file is known to "
                    "say the same: the next start has another value.",
                    name),
        option_line(name, f.server.value(name)), problems);
  }
}

}  // namespace

const std::vector<Check> &server_checks() {
  static const std::vector<Check> checks = {
      {"not-seen", Severity::ERROR, not_seen},
      {"plugin-missing", Severity::ERROR, plugin_missing},
      {"plugin-not-forced", Severity::WARNING, plugin_not_forced},
      {"plugin-lines", Severity::NOTE, plugin_lines},
      {"gate-off", Severity::ERROR, gate_off},
      {"in-doubt-behind-open-gate", Severity::ERROR, in_doubt_behind_open_gate},
      {"gate-closed", Severity::ERROR, gate_closed},
      {"time-limit-opens", Severity::WARNING, time_limit_opens},
      {"nobody-held", Severity::WARNING, nobody_held},
      {"max-held", Severity::NOTE, max_held},
      {"few-descriptors", Severity::NOTE, few_descriptors},
      {"no-extra-port", Severity::NOTE, no_extra_port},
      {"binlog-off", Severity::ERROR, binlog_off},
      {"semisync-off", Severity::ERROR, semisync_off},
      {"semisync-not-in-files", Severity::ERROR, semisync_not_in_files},
      {"sync-binlog", Severity::ERROR, sync_binlog},
      {"flush-log", Severity::ERROR, flush_log},
      {"not-in-option-files", Severity::WARNING, not_in_option_files},
      {"wait-point", Severity::NOTE, wait_point},
      {"semisync-timeout", Severity::WARNING, semisync_timeout},
      {"semisync-given-up", Severity::ERROR, semisync_given_up},
      {"no-semisync-replica", Severity::ERROR, no_semisync_replica},
      {"too-few-replicas", Severity::ERROR, too_few_replicas},
      {"binlog-expiry", Severity::WARNING, binlog_expiry},
      {"binlog-filter", Severity::WARNING, binlog_filter},
      {"replication-trouble", Severity::WARNING, replication_trouble},
  };
  return checks;
}

}  // namespace recovery_gate::tool
