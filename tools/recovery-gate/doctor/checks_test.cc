// SPDX-License-Identifier: GPL-2.0-only
#include "doctor/checks.h"

#include <gmock/gmock.h>

#include <functional>
#include <set>

#include "client/fake_session.h"

namespace recovery_gate::tool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

Account account(const std::string &user, const std::string &host,
                const std::vector<std::string> &lines) {
  Account account{user, host, false, {}};
  for (const std::string &line : lines) add_grant(line, &account.own);
  return account;
}

/* A pair of which nothing is to be said, not even a note. */
Facts healthy() {
  const auto from_file = [](const char *value) {
    return Setting{value, "CONFIG", "/etc/mysql/my.cnf", ""};
  };
  ServerFacts server;
  for (const auto &[name, value] : std::map<const char *, const char *>{
           {"version", "10.11.18-MariaDB"},
           {"log_bin", "ON"},
           {"log_slave_updates", "ON"},
           {"sync_binlog", "1"},
           {"innodb_flush_log_at_trx_commit", "1"},
           {"rpl_semi_sync_master_enabled", "ON"},
           {"rpl_semi_sync_slave_enabled", "ON"},
           {"rpl_semi_sync_master_timeout", "10000"},
           {"rpl_semi_sync_master_wait_point", "AFTER_SYNC"},
           {"binlog_checksum", "CRC32"},
           {"binlog_expire_logs_seconds", "604800"},
           {"extra_port", "3307"},
           {"max_connections", "151"},
           {"thread_handling", "one-thread-per-connection"},
           {"open_files_limit", "32768"},
           {"slave_net_timeout", "10"},
           {"gtid_ignore_duplicates", "OFF"},
           {"replicate_events_marked_for_skip", "REPLICATE"},
           {"relay_log_recovery", "OFF"},
           {"skip_grant_tables", "OFF"},
           {"read_only", "OFF"},
           {"recovery_gate_mode", "AUTO"},
           {"recovery_gate_timeout", "0"},
           {"recovery_gate_timeout_action", "WARN"},
           {"recovery_gate_connect_wait", "10000"},
           {"recovery_gate_max_held", "0"},
           {"recovery_gate_admit_users", ""},
           {"recovery_gate_replica_count", "1"},
           {"recovery_gate_replica_ids", ""},
           {"recovery_gate_repair_connections", "ON"}})
    server.settings[name] = from_file(value);
  server.gate =
      parse_status(FakeSession::as_rows(FakeSession::open_gate("NOT_NEEDED")));
  server.plugins = {{"RECOVERY_GATE", "ACTIVE", "FORCE_PLUS_PERMANENT"},
                    {"RECOVERY_GATE_DOOR", "ACTIVE", "ON"},
                    {"RECOVERY_GATE_XIDS", "ACTIVE", "ON"}};
  server.position_tables = {{"gtid_slave_pos", "InnoDB"}};
  ServerFacts replica = server;
  server.name = "db1";
  server.settings["server_id"] = from_file("1");
  server.status = {{"Rpl_semi_sync_master_clients", "1"},
                   {"Rpl_semi_sync_master_status", "ON"}};
  server.owes = false;
  server.accounts = Accounts{
      {account("root", "localhost",
               {"GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` IDENTIFIED "
                "VIA unix_socket WITH GRANT OPTION",
                "GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT "
                "OPTION"}),
       account("repl", "%",
               {"GRANT REPLICATION SLAVE ON *.* TO `repl`@`%` IDENTIFIED BY "
                "PASSWORD '*0'"}),
       account("ops", "%",
               {"GRANT SUPER, PROCESS, CONNECTION ADMIN ON *.* TO `ops`@`%`",
                "GRANT SELECT ON `mysql`.* TO `ops`@`%`"}),
       account("app", "%",
               {"GRANT USAGE ON *.* TO `app`@`%`",
                "GRANT SELECT, INSERT ON `shop`.* TO `app`@`%`"})},
      {},
      {}};
  replica.name = "db2";
  replica.settings["server_id"] = from_file("2");
  replica.settings["read_only"] = from_file("ON");
  replica.status = {{"Rpl_semi_sync_slave_status", "ON"}};
  replica.links = {{{"Connection_name", ""},
                    {"Master_Server_Id", "1"},
                    {"Slave_IO_Running", "Yes"},
                    {"Slave_SQL_Running", "Yes"},
                    {"Using_Gtid", "Slave_Pos"},
                    {"Gtid_IO_Pos", "0-1-17"},
                    {"Connect_Retry", "2"}}};
  Facts facts;
  facts.server = std::move(server);
  facts.replicas = {std::move(replica)};
  return facts;
}

std::vector<Finding> findings_of(const Facts &facts,
                                 const std::vector<Ignored> &accepted = {},
                                 std::size_t *ignored = nullptr) {
  static const std::vector<Check> checks = all_checks();
  std::size_t count = 0;
  return examine(checks, facts, accepted,
                 ignored != nullptr ? ignored : &count);
}

std::vector<std::string> found_in(const Facts &facts) {
  std::vector<std::string> names;
  for (const Finding &finding : findings_of(facts))
    names.push_back(finding.check->name);
  return names;
}

void set(ServerFacts *server, const char *name, const char *value) {
  server->settings[name].value = value;
}

Account &app_of(Facts &facts) { return facts.server.accounts->all.back(); }

/* One way in which a healthy pair is broken, and what is found then. */
struct Breakage {
  const char *name;
  std::function<void(Facts &)> damage;
  std::vector<std::string> also = {};  // what the same damage breaks, too
};

std::ostream &operator<<(std::ostream &out, const Breakage &breakage) {
  return out << breakage.name;
}

std::function<void(Facts &)> server_has(const char *name, const char *value) {
  return [=](Facts &facts) { set(&facts.server, name, value); };
}

std::function<void(Facts &)> replica_has(const char *name, const char *value) {
  return [=](Facts &facts) { set(&facts.replicas[0], name, value); };
}

std::function<void(Facts &)> link_has(const char *name, const char *value) {
  return [=](Facts &facts) { facts.replicas[0].links[0][name] = value; };
}

std::function<void(Facts &)> app_has(const char *line) {
  return [=](Facts &facts) { add_grant(line, &app_of(facts).own); };
}

void add_link(Facts &facts, const char *primary, const char *received) {
  Link link = facts.replicas[0].links[0];
  link["Connection_name"] = "other";
  link["Master_Server_Id"] = primary;
  link["Gtid_IO_Pos"] = received;
  facts.replicas[0].links.push_back(link);
}

const std::vector<Breakage> &breakages() {
  static const std::vector<Breakage> all = {
      {"not-seen",
       [](Facts &f) {
         f.server.unseen = {{"the accounts", "error 1142: no"}};
       }},
      {"plugin-missing", [](Facts &f) { f.server.gate.reset(); }},
      {"plugin-not-forced",
       [](Facts &f) { f.server.plugins[0].load_option = "ON"; }},
      {"plugin-lines",
       [](Facts &f) {
         f.server.settings["recovery_gate_mode"].origin = "COMPILE-TIME";
       }},
      {"gate-off", server_has("recovery_gate_mode", "OFF")},
      {"in-doubt-behind-open-gate", [](Facts &f) { f.server.owes = true; }},
      {"gate-closed",
       [](Facts &f) {
         f.server.gate =
             parse_status(FakeSession::as_rows(FakeSession::closed_gate()));
         f.server.owes = true;
       }},
      {"time-limit-opens",
       [](Facts &f) {
         set(&f.server, "recovery_gate_timeout", "60");
         set(&f.server, "recovery_gate_timeout_action", "OPEN");
       }},
      {"nobody-held", server_has("recovery_gate_connect_wait", "0")},
      {"nobody-held",
       [](Facts &f) {
         set(&f.server, "thread_handling", "pool-of-threads");
         set(&f.server, "thread_pool_max_threads", "8");
         set(&f.server, "thread_pool_size", "4");
       }},
      {"max-held", server_has("recovery_gate_max_held", "150")},
      {"few-descriptors", server_has("open_files_limit", "1024")},
      {"no-extra-port", server_has("extra_port", "0")},
      {"binlog-off", server_has("log_bin", "OFF")},
      {"semisync-off", server_has("rpl_semi_sync_master_enabled", "OFF")},
      {"semisync-not-in-files",
       [](Facts &f) {
         f.server.settings["rpl_semi_sync_master_enabled"] = {"ON", "SQL", "",
                                                              "OFF"};
       }},
      {"sync-binlog", server_has("sync_binlog", "0")},
      {"sync-binlog", server_has("sync_binlog", "100")},
      {"flush-log", server_has("innodb_flush_log_at_trx_commit", "2")},
      // What is wrong now is named once, and not for tomorrow as well.
      {"flush-log",
       [](Facts &f) {
         f.server.settings["innodb_flush_log_at_trx_commit"] = {"0", "SQL", "",
                                                                "1"};
       }},
      {"wait-point",
       server_has("rpl_semi_sync_master_wait_point", "AFTER_COMMIT")},
      {"semisync-timeout", server_has("rpl_semi_sync_master_timeout", "999")},
      {"semisync-given-up",
       [](Facts &f) {
         f.server.status["Rpl_semi_sync_master_status"] = "OFF";
       }},
      {"no-semisync-replica",
       [](Facts &f) {
         f.server.status["Rpl_semi_sync_master_clients"] = "0";
         f.replicas.clear();
       }},
      {"too-few-replicas", server_has("recovery_gate_replica_count", "2")},
      {"too-few-replicas", server_has("recovery_gate_replica_ids", "!2")},
      {"binlog-expiry", server_has("binlog_expire_logs_seconds", "86399")},
      {"binlog-filter", [](Facts &f) { f.server.not_logged = "cache"; }},
      {"replication-trouble",
       [](Facts &f) { f.server.replication = {"'db3' has ended"}; }},
      {"not-in-option-files",
       [](Facts &f) {
         f.server.settings["recovery_gate_connect_wait"] = {"5000", "SQL", "",
                                                            "10000"};
       }},
      {"no-accounts", server_has("skip_grant_tables", "ON")},
      {"application-is-administrator",
       app_has("GRANT ALL PRIVILEGES ON *.* TO `app`@`%`")},
      {"application-is-administrator",
       app_has("GRANT CONNECTION ADMIN ON *.* TO `app`@`%`")},
      {"application-is-administrator",
       [](Facts &f) {
         app_of(f).own.default_role = "dba";
         f.server.accounts->roles["dba"].global = {"CONNECTION ADMIN"};
       }},
      {"administrator-from-anywhere",
       app_has("GRANT ALL PRIVILEGES ON *.* TO `app`@`%` WITH GRANT OPTION")},
      {"application-is-replica",
       app_has("GRANT REPLICATION SLAVE ON *.* TO `app`@`%`")},
      {"application-is-named",
       server_has("recovery_gate_admit_users", "monitor, app"),
       {"named-is-nobody"}},
      {"everybody-passes",
       [](Facts &f) {
         f.server.accounts->everybody.global = {"REPLICATION SLAVE"};
       }},
      {"proxy-passes", app_has("GRANT PROXY ON 'ops'@'%' TO 'app'@'%'")},
      {"named-is-nobody",
       server_has("recovery_gate_admit_users", "'root'@'localhost'")},
      {"account-passes",
       [](Facts &f) {
         f.rehearsals = {{"app", "", "app@%", PassesAs::REPLICA, false}};
       }},
      {"account-not-rehearsed",
       [](Facts &f) {
         f.rehearsals = {{"app", "error 1045", "", std::nullopt, false}};
       }},
      {"replica-unreachable",
       [](Facts &f) {
         ServerFacts unknown;
         unknown.name = "db2";
         unknown.error = "error 2002: no";
         f.replicas[0] = unknown;
       }},
      {"replica-not-following",
       [](Facts &f) {
         f.replicas[0].links.clear();
         f.replicas[0].status["Rpl_semi_sync_slave_status"] = "OFF";
         f.server.status["Rpl_semi_sync_master_clients"] = "0";
       }},
      {"replica-stopped", link_has("Slave_SQL_Running", "No")},
      {"replica-semisync-off",
       [](Facts &f) {
         set(&f.replicas[0], "rpl_semi_sync_slave_enabled", "OFF");
         f.replicas[0].status["Rpl_semi_sync_slave_status"] = "OFF";
         f.server.status["Rpl_semi_sync_master_clients"] = "0";
       }},
      {"replica-semisync-not-in-files",
       [](Facts &f) {
         f.replicas[0].settings["rpl_semi_sync_slave_enabled"] = {"ON", "SQL",
                                                                  "", "OFF"};
       }},
      {"replica-not-acknowledging",
       [](Facts &f) {
         f.replicas[0].status["Rpl_semi_sync_slave_status"] = "OFF";
         f.server.status["Rpl_semi_sync_master_clients"] = "0";
       }},
      {"replica-retry", link_has("Connect_Retry", "60")},
      {"replica-net-timeout", replica_has("slave_net_timeout", "60")},
      {"replica-without-gtid",
       link_has("Using_Gtid", "No"),
       {"replica-relay-log-recovery"}},
      {"replica-without-gtid",
       [](Facts &f) {
         f.replicas[0].links[0]["Using_Gtid"] = "No";
         set(&f.replicas[0], "relay_log_recovery", "ON");
       }},
      {"replica-drops-events", link_has("Replicate_Ignore_Domain_Ids", "1")},
      {"replica-filter", link_has("Replicate_Wild_Ignore_Table", "shop.%")},
      {"replica-skips-marked",
       replica_has("replicate_events_marked_for_skip", "FILTER_ON_MASTER")},
      {"replica-ignores-duplicates",
       replica_has("gtid_ignore_duplicates", "ON")},
      {"replica-position-engine",
       [](Facts &f) {
         f.replicas[0].position_tables["gtid_slave_pos"] = "MyISAM";
       }},
      {"replica-same-id", replica_has("server_id", "1")},
      {"unknown-semisync-client",
       [](Facts &f) { f.server.status["Rpl_semi_sync_master_clients"] = "2"; }},
      {"replica-not-promotable", replica_has("log_slave_updates", "OFF")},
      {"replica-without-gate", [](Facts &f) { f.replicas[0].gate.reset(); }},
      {"replica-without-gate", replica_has("recovery_gate_mode", "OFF")},
      {"replica-cannot-lead",
       replica_has("rpl_semi_sync_master_enabled", "OFF")},
      {"replica-cannot-lead", replica_has("sync_binlog", "0")},
      {"replica-writable", replica_has("read_only", "OFF")},
      {"several-primaries",
       [](Facts &f) {
         add_link(f, "3", "1-3-5");
         set(&f.replicas[0], "recovery_gate_repair_connections", "OFF");
       }},
      {"several-primaries-domain", [](Facts &f) { add_link(f, "3", "0-3-5"); }},
      {"several-primaries-checksum",
       [](Facts &f) {
         add_link(f, "3", "1-3-5");
         set(&f.server, "binlog_checksum", "NONE");
       }},
  };
  return all;
}

class DoctorBreakage : public testing::TestWithParam<Breakage> {};

TEST_P(DoctorBreakage, IsNamed) {
  Facts facts = healthy();
  GetParam().damage(facts);
  std::vector<std::string> expected = GetParam().also;
  expected.insert(expected.begin(), GetParam().name);
  EXPECT_THAT(found_in(facts), UnorderedElementsAreArray(expected));
}

INSTANTIATE_TEST_SUITE_P(All, DoctorBreakage, testing::ValuesIn(breakages()));

TEST(DoctorChecks, FindNothingInAHealthyPair) {
  EXPECT_THAT(found_in(healthy()), IsEmpty());
}

TEST(DoctorChecks, EachIsProvoked) {
  std::set<std::string> provoked, known;
  for (const Breakage &breakage : breakages()) {
    provoked.insert(breakage.name);
    provoked.insert(breakage.also.begin(), breakage.also.end());
  }
  for (const Check &check : all_checks()) known.insert(check.name);
  EXPECT_EQ(known, provoked);
  EXPECT_EQ(known.size(), all_checks().size());
}

TEST(DoctorChecks, SayWhyAndHowToCureIt) {
  for (const Breakage &breakage : breakages()) {
    Facts facts = healthy();
    breakage.damage(facts);
    for (const Finding &finding : findings_of(facts)) {
      EXPECT_FALSE(finding.problem.server.empty()) << finding.check->name;
      EXPECT_GT(finding.problem.why.size(), 20u) << finding.check->name;
      EXPECT_GT(finding.problem.cure.size(), 10u) << finding.check->name;
    }
  }
}

TEST(DoctorChecks, TheWorstComesFirst) {
  Facts facts = healthy();
  set(&facts.server, "extra_port", "0");
  set(&facts.replicas[0], "read_only", "OFF");
  set(&facts.server, "sync_binlog", "0");
  EXPECT_THAT(found_in(facts),
              ElementsAre("sync-binlog", "replica-writable", "no-extra-port"));
}

TEST(DoctorChecks, WhatIsAcceptedIsCounted) {
  Facts facts = healthy();
  set(&facts.server, "sync_binlog", "0");
  add_grant("GRANT REPLICATION SLAVE ON *.* TO `app`@`%`", &app_of(facts).own);
  std::size_t ignored = 0;
  EXPECT_EQ(findings_of(facts, {{"sync-binlog", ""}}, &ignored).size(), 1u);
  EXPECT_EQ(ignored, 1u);
  EXPECT_EQ(findings_of(facts, {{"application-is-replica", "app@%"}}, &ignored)
                .size(),
            1u);
  EXPECT_EQ(ignored, 1u);
  EXPECT_EQ(
      findings_of(facts, {{"application-is-replica", "other@%"}}, &ignored)
          .size(),
      2u);
  EXPECT_EQ(ignored, 0u);
  EXPECT_EQ(findings_of(facts, {{"sync-binlog", "db1"}}, &ignored).size(), 1u);
}

TEST(DoctorChecks, AnAccountThatCannotLogInIsLeftAlone) {
  Facts facts = healthy();
  add_grant("GRANT ALL PRIVILEGES ON *.* TO `app`@`%`", &app_of(facts).own);
  app_of(facts).is_locked = true;
  EXPECT_THAT(found_in(facts), IsEmpty());
}

TEST(DoctorChecks, AMonitorThatIsNamedMayReadEverywhere) {
  Facts facts = healthy();
  facts.server.accounts->all.push_back(
      account("exporter", "10.%",
              {"GRANT SELECT, PROCESS, BINLOG MONITOR ON *.* TO "
               "`exporter`@`10.%`"}));
  set(&facts.server, "recovery_gate_admit_users", "exporter");
  EXPECT_THAT(found_in(facts), IsEmpty());
}

TEST(DoctorChecks, ARoleThatIsNoDefaultRoleIsNotInForce) {
  Facts facts = healthy();
  add_grant("GRANT `dba` TO `app`@`%`", &app_of(facts).own);
  facts.server.accounts->roles["dba"].global = {"CONNECTION ADMIN"};
  EXPECT_THAT(found_in(facts), IsEmpty());
  app_of(facts).own.default_role = "dba";
  const std::vector<Finding> findings = findings_of(facts);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0].problem.why,
              HasSubstr("by CONNECTION ADMIN from its default role dba"));
}

TEST(ServerFacts, AValueSetAtRunTimeIsComparedWithTheFiles) {
  ServerFacts server;
  server.settings["sync_binlog"] = {"1", "SQL", "", "0"};
  EXPECT_FALSE(server.is_kept("sync_binlog"));
  server.option_lines = {{"sync-binlog", "1", "mysqld", "my.cnf", false}};
  EXPECT_TRUE(server.is_kept("sync_binlog"));
  server.option_lines.push_back(
      {"sync-binlog", "100", "mariadbd", "my.cnf", false});
  EXPECT_FALSE(server.is_kept("sync_binlog")) << "the last line counts";

  // Back to the default, of which no file speaks.
  server.settings["read_only"] = {"OFF", "SQL", "", "OFF"};
  EXPECT_TRUE(server.is_kept("read_only"));

  server.settings["log_bin"] = {"ON", "SQL", "", "OFF"};
  server.option_lines = {{"log-bin", std::nullopt, "mysqld", "my.cnf", false}};
  EXPECT_TRUE(server.is_kept("log_bin"));
}

}  // namespace
}  // namespace recovery_gate::tool
