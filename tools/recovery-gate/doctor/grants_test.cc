// SPDX-License-Identifier: GPL-2.0-only
#include "doctor/grants.h"

#include <gmock/gmock.h>

namespace recovery_gate::tool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Grants read(const std::vector<std::string> &lines) {
  Grants grants;
  for (const std::string &line : lines) add_grant(line, &grants);
  return grants;
}

TEST(Grants, OfAnAdministrator) {
  const Grants grants = read(
      {"GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` IDENTIFIED VIA "
       "mysql_native_password USING 'invalid' OR unix_socket WITH GRANT OPTION",
       "GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION"});
  EXPECT_TRUE(grants.has("CONNECTION ADMIN"));
  EXPECT_TRUE(grants.may_grant);
  EXPECT_TRUE(grants.reaches_data());
  EXPECT_THAT(grants.proxied, ElementsAre("@%"));
}

TEST(Grants, OfAnApplication) {
  const Grants grants =
      read({"GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*0'",
            "GRANT SELECT, INSERT ON `shop`.* TO `app`@`%` WITH GRANT OPTION",
            "GRANT SELECT (`a ON b`, `c`) ON `o``dd`.`t.u` TO `app`@`%`",
            "GRANT EXECUTE ON PROCEDURE `jobs`.`run` TO `app`@`%`"});
  EXPECT_THAT(grants.global, IsEmpty());
  EXPECT_FALSE(grants.may_grant);
  EXPECT_THAT(grants.schemas, ElementsAre("jobs", "o`dd", "shop"));
  EXPECT_TRUE(grants.reaches_data());
}

TEST(Grants, OfAMonitor) {
  const Grants grants =
      read({"GRANT PROCESS, REPLICATION SLAVE, SLAVE MONITOR ON *.* TO `m`@`%`",
            "GRANT SELECT ON `mysql`.* TO `m`@`%`",
            "GRANT SELECT ON `sys`.`metrics` TO `m`@`%`"});
  EXPECT_THAT(grants.global,
              ElementsAre("PROCESS", "REPLICATION SLAVE", "SLAVE MONITOR"));
  EXPECT_FALSE(grants.has("CONNECTION ADMIN"));
  EXPECT_FALSE(grants.reaches_data());
}

TEST(Grants, OfRoles) {
  const Grants grants = read({"GRANT `r2` TO `u2`@`%`",
                              "GRANT `r3` TO `u2`@`%` WITH ADMIN OPTION",
                              "GRANT USAGE ON *.* TO `u2`@`%`",
                              "SET DEFAULT ROLE `r``2` FOR `u2`@`%`"});
  EXPECT_EQ(grants.default_role, "r`2");
  EXPECT_THAT(grants.schemas, IsEmpty());
  EXPECT_THAT(grants.global, IsEmpty());
}

TEST(Grants, OfPublic) {
  EXPECT_THAT(read({"GRANT SELECT ON *.* TO PUBLIC"}).global,
              ElementsAre("SELECT"));
}

TEST(Grants, WhatIsNoGrantChangesNothing) {
  for (const char *line :
       {"", "GRANT ", "GRANT SELECT", "GRANT SELECT ON ", "GRANT `", "REVOKE x",
        "GRANT PROXY ON ", "SET DEFAULT ROLE ", "GRANT `a ON *.* TO b"}) {
    const Grants grants = read({line});
    EXPECT_THAT(grants.global, IsEmpty()) << line;
    EXPECT_FALSE(grants.has("CONNECTION ADMIN")) << line;
  }
}

TEST(Passes, ByTheRulesOfTheGate) {
  const auto with = [](const char *privileges) {
    return read({std::string("GRANT ") + privileges + " ON *.* TO `a`@`%`"});
  };
  EXPECT_EQ(passes("a", with("CONNECTION ADMIN"), ""), PassesAs::ADMINISTRATOR);
  EXPECT_EQ(passes("a", with("ALL PRIVILEGES"), ""), PassesAs::ADMINISTRATOR);
  EXPECT_EQ(passes("a", with("REPLICATION SLAVE"), ""), PassesAs::REPLICA);
  EXPECT_EQ(passes("a", with("USAGE"), "b, a"), PassesAs::NAMED);
  EXPECT_EQ(passes("a", with("SUPER"), "A"), std::nullopt);
  EXPECT_EQ(passes("a", with("REPLICATION SLAVE ADMIN, SLAVE MONITOR"), ""),
            std::nullopt);
}

TEST(Passes, WithWhatAppliesFromTheLoginOn) {
  Accounts accounts;
  accounts.roles["dba"].global = {"CONNECTION ADMIN"};
  Account account{"a", "%", false, {}};
  EXPECT_FALSE(effective(account, accounts).has("CONNECTION ADMIN"));
  account.own.default_role = "gone";
  EXPECT_FALSE(effective(account, accounts).has("CONNECTION ADMIN"));
  account.own.default_role = "dba";
  EXPECT_TRUE(effective(account, accounts).has("CONNECTION ADMIN"));
  EXPECT_EQ(passes_by(PassesAs::ADMINISTRATOR, account, accounts),
            "by CONNECTION ADMIN from its default role dba");
  account.own.default_role.clear();
  accounts.everybody.global = {"ALL PRIVILEGES"};
  EXPECT_EQ(passes_by(PassesAs::REPLICA, account, accounts),
            "by ALL PRIVILEGES, which has REPLICATION SLAVE from PUBLIC");
}

}  // namespace
}  // namespace recovery_gate::tool
