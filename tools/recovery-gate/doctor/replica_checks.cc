// SPDX-License-Identifier: GPL-2.0-only
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "client/number.h"
#include "doctor/checks.h"
#include "recovery_gate/binlog/gtid_state.h"

namespace recovery_gate::tool {
namespace {

constexpr std::uint64_t long_retry = 10, long_silence = 30;  // seconds

using Problems = std::vector<Problem>;

const std::string &column(const Link &link, const char *name) {
  static const std::string none;
  const auto found = link.find(name);
  return found == link.end() ? none : found->second;
}

/* A replica that was started anew does not know yet whom it will reach. */
bool follows(const Link &link, const ServerFacts &server) {
  const auto id = number_of<std::uint32_t>(column(link, "Master_Server_Id"));
  return id == server.id() || id == 0;
}

bool runs(const Link &link) {
  return column(link, "Slave_IO_Running") == "Yes" &&
         column(link, "Slave_SQL_Running") == "Yes";
}

bool uses_gtid(const Link &link) { return column(link, "Using_Gtid") != "No"; }

/* " 'name'", for statements; nothing for the connection without a name. */
std::string named(const Link &link) {
  const std::string &name = column(link, "Connection_name");
  return name.empty() ? name : " '" + name + "'";
}

class Adder {
 public:
  Adder(const ServerFacts &server, Problems *problems)
      : server_(server), problems_(problems) {}

  void operator()(const std::string &subject, const std::string &why,
                  const std::string &cure) const {
    problems_->push_back(
        {server_.name, subject, why, "On " + server_.name + ": " + cure});
  }

 private:
  const ServerFacts &server_;
  Problems *problems_;
};

/* Calls `look(replica, add)` for each replica that answered. */
template <typename Look>
void for_each_replica(const Facts &f, Problems *problems, Look look) {
  for (const ServerFacts &replica : f.replicas)
    if (replica.error.empty()) look(replica, Adder(replica, problems));
}

/* Calls `look(replica, link, add)` for each connection to the server. */
template <typename Look>
void for_each_link(const Facts &f, Problems *problems, Look look) {
  for_each_replica(f, problems, [&](const ServerFacts &replica, Adder add) {
    for (const Link &link : replica.links)
      if (follows(link, f.server)) look(replica, link, add);
  });
}

bool is_replica_of(const ServerFacts &replica, const ServerFacts &server) {
  return std::any_of(replica.links.begin(), replica.links.end(),
                     [&](const Link &link) { return follows(link, server); });
}

// --- Does it acknowledge?
// -----------------------------------------------------

void unreachable(const Facts &f, Problems *problems) {
  for (const ServerFacts &replica : f.replicas)
    if (!replica.error.empty())
      problems->push_back(
          {replica.name, "",
           "It could not be asked, so nothing is known of it: " + replica.error,
           "Check the address, and the account (--peer-user): it needs SLAVE "
           "MONITOR ON *.*, and SELECT ON mysql.gtid_slave_pos"});
}

void not_following(const Facts &f, Problems *problems) {
  for_each_replica(f, problems, [&](const ServerFacts &replica, Adder add) {
    if (!is_replica_of(replica, f.server))
      add("",
          "It does not replicate from this server, and cannot open its gate.",
          "CHANGE MASTER TO ... and START SLAVE; or do not name it as a "
          "replica");
  });
}

void stopped(const Facts &f, Problems *problems) {
  for_each_link(
      f, problems, [](const ServerFacts &, const Link &link, Adder add) {
        if (runs(link)) return;
        const std::string &error = column(link, "Last_IO_Error").empty()
                                       ? column(link, "Last_SQL_Error")
                                       : column(link, "Last_IO_Error");
        add(column(link, "Connection_name"),
            fmt::format("Replication does not run (I/O {}, SQL {}){}{}",
                        column(link, "Slave_IO_Running"),
                        column(link, "Slave_SQL_Running"),
                        error.empty() ? "." : ": ", error),
            "START SLAVE" + named(link));
      });
}

void replica_semisync_off(const Facts &f, Problems *problems) {
  for_each_replica(f, problems, [](const ServerFacts &replica, Adder add) {
    if (!replica.is_on("rpl_semi_sync_slave_enabled"))
      add("rpl_semi_sync_slave_enabled",
          "Semi-sync is disabled: it acknowledges nothing, and cannot open "
          "the gate.",
          set_both("rpl_semi_sync_slave_enabled", "ON") +
              "; then STOP SLAVE IO_THREAD; START SLAVE IO_THREAD");
  });
}

void replica_semisync_not_in_files(const Facts &f, Problems *problems) {
  for_each_replica(f, problems, [](const ServerFacts &replica, Adder add) {
    if (replica.is_on("rpl_semi_sync_slave_enabled") &&
        !replica.is_kept("rpl_semi_sync_slave_enabled"))
      add("rpl_semi_sync_slave_enabled",
          "Semi-sync was enabled at run time, and no option file is known to "
          "do it: after its own restart it acknowledges nothing.",
          option_line("rpl_semi_sync_slave_enabled", "ON"));
  });
}

void not_acknowledging(const Facts &f, Problems *problems) {
  for_each_replica(f, problems, [&](const ServerFacts &replica, Adder add) {
    const bool is_connected = std::any_of(
        replica.links.begin(), replica.links.end(), [&](const Link &link) {
          return follows(link, f.server) &&
                 column(link, "Slave_IO_Running") == "Yes";
        });
    if (replica.is_on("rpl_semi_sync_slave_enabled") && is_connected &&
        f.server.is_on("rpl_semi_sync_master_enabled") &&
        !replica.acknowledges())
      add("Rpl_semi_sync_slave_status",
          "Semi-sync is enabled, and its connection, which is older, does not "
          "use it: it acknowledges nothing.",
          "STOP SLAVE IO_THREAD; START SLAVE IO_THREAD");
  });
}

// --- How long would clients wait for it?
// --------------------------------------

void retry(const Facts &f, Problems *problems) {
  for_each_link(f, problems,
                [](const ServerFacts &, const Link &link, Adder add) {
                  const auto seconds =
                      number_of<std::uint64_t>(column(link, "Connect_Retry"));
                  if (seconds <= long_retry) return;
                  add(column(link, "Connection_name"),
                      fmt::format("It tries to connect again every {} s "
                                  "(MASTER_CONNECT_RETRY): that is how long "
                                  "clients would wait after a crash.",
                                  seconds),
                      fmt::format("STOP SLAVE{0}; CHANGE MASTER{0} TO "
                                  "MASTER_CONNECT_RETRY=2; START SLAVE{0}",
                                  named(link)));
                });
}

void net_timeout(const Facts &f, Problems *problems) {
  for_each_replica(f, problems, [](const ServerFacts &replica, Adder add) {
    if (replica.number("slave_net_timeout") > long_silence)
      add("slave_net_timeout",
          fmt::format("When the primary's machine crashes, it notices only "
                      "after {} s of silence (slave_net_timeout) that it has "
                      "to connect again.",
                      replica.number("slave_net_timeout")),
          set_both("slave_net_timeout", "10") +
              "; then STOP SLAVE; START SLAVE");
  });
}

// --- Is what it acknowledges there?
// -------------------------------------------

void without_gtid(const Facts &f, Problems *problems) {
  for_each_link(
      f, problems, [](const ServerFacts &, const Link &link, Adder add) {
        if (uses_gtid(link)) return;
        add(column(link, "Connection_name"),
            "It replicates by file and position: it cannot name what it has, "
            "which proves less to a gate, and it cannot follow another server "
            "by itself.",
            // CHANGE MASTER throws away what it has not applied.
            fmt::format(
                "STOP SLAVE{0} IO_THREAD; wait until its SQL thread has "
                "read all relay log (SHOW ALL SLAVES STATUS); STOP "
                "SLAVE{0}; CHANGE MASTER{0} TO "
                "MASTER_USE_GTID=slave_pos; START SLAVE{0}",
                named(link)));
      });
}

void relay_log_recovery(const Facts &f, Problems *problems) {
  for_each_link(
      f, problems, [](const ServerFacts &replica, const Link &link, Adder add) {
        if (uses_gtid(link) || replica.is_on("relay_log_recovery")) return;
        add("relay_log_recovery",
            "By file and position, without relay_log_recovery, it may go on "
            "from a broken relay log after its own crash.",
            option_line("relay_log_recovery", "ON") + "; then restart it");
      });
}

void drops_events(const Facts &f, Problems *problems) {
  for_each_link(
      f, problems, [](const ServerFacts &, const Link &link, Adder add) {
        for (const auto &[name, what] :
             {std::pair("Replicate_Ignore_Server_Ids", "IGNORE_SERVER_IDS"),
              {"Replicate_Do_Domain_Ids", "DO_DOMAIN_IDS"},
              {"Replicate_Ignore_Domain_Ids", "IGNORE_DOMAIN_IDS"}})
          if (!column(link, name).empty())
            add(what,
                fmt::format("{} ({}): it drops events on receipt, and "
                            "acknowledges them all the same.",
                            what, column(link, name)),
                fmt::format("STOP SLAVE{0}; CHANGE MASTER{0} TO {1}=(); START "
                            "SLAVE{0}",
                            named(link), what));
      });
}

void filter(const Facts &f, Problems *problems) {
  for_each_link(
      f, problems, [](const ServerFacts &, const Link &link, Adder add) {
        for (const char *name :
             {"Replicate_Do_DB", "Replicate_Ignore_DB", "Replicate_Do_Table",
              "Replicate_Ignore_Table", "Replicate_Wild_Do_Table",
              "Replicate_Wild_Ignore_Table"})
          if (!column(link, name).empty())
            add(name,
                fmt::format("{} ({}): it acknowledges what it does not apply.",
                            name, column(link, name)),
                "Remove the filter; or leave semi-sync off there");
      });
}

void skips_marked(const Facts &f, Problems *problems) {
  for_each_replica(f, problems, [](const ServerFacts &replica, Adder add) {
    const std::string value = replica.value("replicate_events_marked_for_skip");
    if (value != "REPLICATE" && !value.empty())
      add("replicate_events_marked_for_skip",
          fmt::format("replicate_events_marked_for_skip is {}: transactions "
                      "of sessions with skip_replication are not replicated.",
                      value),
          "STOP SLAVE; " +
              set_both("replicate_events_marked_for_skip", "REPLICATE") +
              "; START SLAVE");
  });
}

void ignores_duplicates(const Facts &f, Problems *problems) {
  for_each_replica(f, problems, [](const ServerFacts &replica, Adder add) {
    if (replica.is_on("gtid_ignore_duplicates"))
      add("gtid_ignore_duplicates",
          "gtid_ignore_duplicates is ON: it acknowledges what it receives, and "
          "skips it when it has a higher number of the same domain.",
          "STOP ALL SLAVES; " + set_both("gtid_ignore_duplicates", "OFF") +
              "; START ALL SLAVES; and a domain for each primary");
  });
}

void position_engine(const Facts &f, Problems *problems) {
  for_each_replica(f, problems, [](const ServerFacts &replica, Adder add) {
    for (const auto &[table, engine] : replica.position_tables)
      if (engine != "InnoDB" && table == "gtid_slave_pos")
        add("mysql." + table,
            fmt::format("mysql.{} is in {}: after its own crash, it may have a "
                        "position whose transactions it has lost.",
                        table, engine),
            "STOP SLAVE; ALTER TABLE mysql." + table +
                " ENGINE=InnoDB; START SLAVE");
  });
}

// --- The group
// ----------------------------------------------------------------

void same_id(const Facts &f, Problems *problems) {
  std::map<std::uint32_t, std::string> seen{{f.server.id(), f.server.name}};
  for_each_replica(f, problems, [&](const ServerFacts &replica, Adder add) {
    const auto [other, is_new] = seen.emplace(replica.id(), replica.name);
    if (!is_new)
      add("server_id",
          fmt::format("server_id is {}, as that of {}: the gate takes both for "
                      "one server.",
                      replica.id(), other->second),
          "In the option file, under [mariadbd], a server_id of its own; then "
          "restart it");
  });
}

void unknown_client(const Facts &f, Problems *problems) {
  if (f.replicas.empty()) return;
  const std::uint64_t clients =
      f.server.status_number("Rpl_semi_sync_master_clients");
  // One that could not be asked may be one of them.
  const auto known = static_cast<std::uint64_t>(std::count_if(
      f.replicas.begin(), f.replicas.end(), [&](const ServerFacts &replica) {
        return !replica.error.empty() ||
               (replica.acknowledges() && is_replica_of(replica, f.server));
      }));
  if (clients <= known) return;
  problems->push_back(
      {f.server.name, "Rpl_semi_sync_master_clients",
       fmt::format("{} semi-sync replicas are connected, and {} of those that "
                   "were named acknowledge: something else does, too, and may "
                   "store nothing of it.",
                   clients, known),
       "SHOW SLAVE HOSTS and SHOW PROCESSLIST (Binlog Dump) say who; name it "
       "with --replica, or leave semi-sync off there"});
}

// --- Could it be promoted?
// ----------------------------------------------------

void not_promotable(const Facts &f, Problems *problems) {
  for_each_replica(f, problems, [](const ServerFacts &replica, Adder add) {
    for (const char *name : {"log_bin", "log_slave_updates"})
      if (!replica.is_on(name)) {
        add(name,
            fmt::format("{} is OFF: it cannot be promoted with other replicas, "
                        "nor show later what it has.",
                        name),
            option_line(name, std::string(name) == "log_bin" ? "bin" : "ON") +
                "; then restart it");
        return;
      }
  });
}

void without_gate(const Facts &f, Problems *problems) {
  for_each_replica(f, problems, [](const ServerFacts &replica, Adder add) {
    if (!replica.gate)
      add("",
          "It has no recovery gate: once it is promoted, its own next crash is "
          "unguarded.",
          "Install the plugin there, too");
    else if (replica.value("recovery_gate_mode") == "OFF")
      add("recovery_gate_mode",
          "Its recovery_gate_mode is OFF: once it is promoted, its own next "
          "crash is unguarded.",
          option_line("recovery_gate_mode", "AUTO") + "; then restart it");
  });
}

void cannot_lead(const Facts &f, Problems *problems) {
  for_each_replica(f, problems, [](const ServerFacts &replica, Adder add) {
    if (!replica.is_on("rpl_semi_sync_master_enabled") ||
        !replica.is_kept("rpl_semi_sync_master_enabled"))
      add("rpl_semi_sync_master_enabled",
          "Once it is promoted and then restarted, its gate waits for "
          "SEMISYNC_MASTER: no option file is known to enable that.",
          option_line("rpl_semi_sync_master_enabled", "ON"));
    if (replica.number("sync_binlog") != 1)
      add("sync_binlog",
          "Once it is promoted, a crash of its machine loses the end of its "
          "binary log.",
          set_both("sync_binlog", "1"));
  });
}

void writable(const Facts &f, Problems *problems) {
  for_each_replica(f, problems, [](const ServerFacts &replica, Adder add) {
    const std::string mode = replica.value("read_only");
    if (mode == "OFF" || mode == "0")
      add("read_only",
          "It is writable: what is written there exists on no other server, "
          "and parts it from the primary.",
          set_both("read_only", "ON"));
  });
}

// --- Several primaries
// --------------------------------------------------------

void several_primaries(const Facts &f, Problems *problems) {
  for_each_replica(f, problems, [](const ServerFacts &replica, Adder add) {
    if (replica.links.size() < 2 ||
        !replica.is_on("rpl_semi_sync_slave_enabled") ||
        replica.is_on("recovery_gate_repair_connections"))
      return;
    add("recovery_gate_repair_connections",
        fmt::format("It has {} primaries, and the end of one connection breaks "
                    "semi-sync for the others: their gates would stay closed.",
                    replica.links.size()),
        replica.gate ? set_both("recovery_gate_repair_connections", "ON")
                     : std::string("Install the plugin: it repairs them"));
  });
}

/* What a connection has received says which domains its primary has. */
void several_primaries_domain(const Facts &f, Problems *problems) {
  for_each_replica(f, problems, [](const ServerFacts &replica, Adder add) {
    std::map<std::uint32_t, std::set<std::uint32_t>> primaries;  // of a domain
    for (const Link &link : replica.links) {
      GtidState received;
      if (!uses_gtid(link) || !parse(column(link, "Gtid_IO_Pos"), &received))
        continue;
      const auto primary =
          number_of<std::uint32_t>(column(link, "Master_Server_Id"));
      for (const auto &[source, number] : received)
        if (source.server_id == primary)
          primaries[source.domain].insert(primary);
    }
    for (const auto &[domain, ids] : primaries)
      if (ids.size() > 1)
        add("gtid_domain_id",
            fmt::format("{} of its primaries write in domain {}: their GTIDs "
                        "cannot be told apart.",
                        ids.size(), domain),
            "on each of those primaries, a gtid_domain_id of its own");
  });
}

void several_primaries_checksum(const Facts &f, Problems *problems) {
  if (f.server.value("binlog_checksum") != "NONE") return;
  const bool has_several = std::any_of(
      f.replicas.begin(), f.replicas.end(),
      [](const ServerFacts &replica) { return replica.links.size() > 1; });
  if (!has_several) return;
  problems->push_back(
      {f.server.name, "binlog_checksum",
       "binlog_checksum is NONE, and a replica has several primaries: an event "
       "that is read in the wrong mode when a connection ends is not noticed.",
       set_both("binlog_checksum", "CRC32")});
}

}  // namespace

const std::vector<Check> &replica_checks() {
  static const std::vector<Check> checks = {
      {"replica-unreachable", Severity::ERROR, unreachable},
      {"replica-not-following", Severity::ERROR, not_following},
      {"replica-stopped", Severity::ERROR, stopped},
      {"replica-semisync-off", Severity::ERROR, replica_semisync_off},
      {"replica-semisync-not-in-files", Severity::ERROR,
       replica_semisync_not_in_files},
      {"replica-not-acknowledging", Severity::ERROR, not_acknowledging},
      {"replica-retry", Severity::WARNING, retry},
      {"replica-net-timeout", Severity::NOTE, net_timeout},
      {"replica-without-gtid", Severity::WARNING, without_gtid},
      {"replica-relay-log-recovery", Severity::WARNING, relay_log_recovery},
      {"replica-drops-events", Severity::ERROR, drops_events},
      {"replica-filter", Severity::WARNING, filter},
      {"replica-skips-marked", Severity::WARNING, skips_marked},
      {"replica-ignores-duplicates", Severity::WARNING, ignores_duplicates},
      {"replica-position-engine", Severity::ERROR, position_engine},
      {"replica-same-id", Severity::ERROR, same_id},
      {"unknown-semisync-client", Severity::WARNING, unknown_client},
      {"replica-not-promotable", Severity::WARNING, not_promotable},
      {"replica-without-gate", Severity::WARNING, without_gate},
      {"replica-cannot-lead", Severity::NOTE, cannot_lead},
      {"replica-writable", Severity::WARNING, writable},
      {"several-primaries", Severity::ERROR, several_primaries},
      {"several-primaries-domain", Severity::WARNING, several_primaries_domain},
      {"several-primaries-checksum", Severity::WARNING,
       several_primaries_checksum},
  };
  return checks;
}

}  // namespace recovery_gate::tool
