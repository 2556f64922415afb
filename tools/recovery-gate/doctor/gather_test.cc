// SPDX-License-Identifier: GPL-2.0-only
#include "doctor/gather.h"

#include <gtest/gtest.h>

#include "client/fake_session.h"

namespace recovery_gate::tool {
namespace {

/* Answers by what the statement begins with. */
class Answers final : public Session {
 public:
  ServerError connect() override { return error; }
  ServerError query(const std::string &sql, Rows *rows) override {
    queries.push_back(sql);
    for (const auto &[begin, answer] : answers)
      if (sql.rfind(begin, 0) == 0) {
        *rows = answer;
        return {};
      }
    return otherwise;
  }

  ServerError error, otherwise;
  std::vector<std::pair<std::string, Rows>> answers;
  std::vector<std::string> queries;
};

TEST(Gather, SaysWhatItMayNotSee) {
  Answers session;
  session.answers = {{"SELECT VARIABLE_NAME",
                      {{"name", "value", "origin", "path", "compiled"},
                       {{"SYNC_BINLOG", "1", "SQL", std::nullopt, "0"}}}}};
  session.otherwise = {1142, "SELECT command denied"};
  ServerFacts facts = gather(session, "db2");
  gather_as_primary(session, &facts);
  EXPECT_EQ(facts.error, "");
  EXPECT_EQ(facts.value("sync_binlog"), "1");
  EXPECT_FALSE(facts.is_kept("sync_binlog"));
  EXPECT_FALSE(facts.accounts.has_value());
  ASSERT_FALSE(facts.unseen.empty());
  EXPECT_EQ(facts.unseen.back().first, "the accounts");
}

/* Nobody is told that a table is in InnoDB which nobody has seen. */
TEST(Gather, ATableThatIsNotListedIsNotSeen) {
  Answers session;
  session.answers = {{"SELECT TABLE_NAME", {{"name", "engine"}, {}}},
                     {"S", {}}};
  const ServerFacts facts = gather(session, "db2");
  ASSERT_EQ(facts.unseen.size(), 1u);
  EXPECT_EQ(facts.unseen[0].first, "the table mysql.gtid_slave_pos");
}

TEST(Gather, EndsWhenTheConnectionIsLost) {
  Answers session;
  session.otherwise = lost;
  EXPECT_EQ(gather(session, "db2").error, to_string(lost));
  EXPECT_EQ(session.queries.size(), 1u);
  session.error = wrong_password;
  EXPECT_EQ(gather(session, "db2").error, to_string(wrong_password));
}

TEST(Gather, AccountsWithTheirRoles) {
  Answers session;
  const auto grant = [](const char *line) {
    return Rows{{"Grants"}, {{std::string(line)}}};
  };
  session.answers = {
      {"SELECT User",
       {{"user", "host", "is_role", "is_locked"},
        {{"a`b", "%", std::nullopt, std::nullopt},
         {"dba", "", "1", std::nullopt},
         {"PUBLIC", "", "1", std::nullopt},
         {"old", "%", std::nullopt, "1"}}}},
      {"SHOW GRANTS FOR `a``b`@`%`",
       grant("SET DEFAULT ROLE `dba` FOR `a``b`@`%`")},
      {"SHOW GRANTS FOR `dba`",
       grant("GRANT CONNECTION ADMIN ON *.* TO `dba`")},
      {"SHOW GRANTS FOR PUBLIC", grant("GRANT SELECT ON *.* TO PUBLIC")},
      {"SHOW GRANTS FOR `old`", grant("GRANT USAGE ON *.* TO `old`@`%`")}};
  ServerFacts facts;
  gather_as_primary(session, &facts);
  ASSERT_TRUE(facts.accounts.has_value());
  ASSERT_EQ(facts.accounts->all.size(), 2u);
  const Grants grants = effective(facts.accounts->all[0], *facts.accounts);
  EXPECT_TRUE(grants.has("CONNECTION ADMIN"));
  EXPECT_TRUE(grants.has("SELECT"));
  EXPECT_TRUE(facts.accounts->all[1].is_locked);
  for (const std::string &sql : session.queries)
    EXPECT_TRUE(sql.rfind("SELECT", 0) == 0 || sql.rfind("SHOW", 0) == 0);
}

TEST(Rehearse, AsksWhatTheGateAsks) {
  Answers session;
  session.answers = {{"SELECT CURRENT_USER()", {{"account"}, {{"shop@10.%"}}}},
                     {"SHOW GRANTS",
                      {{"Grants"},
                       {{"GRANT `dba` TO `shop`@`10.%`"},
                        {"GRANT USAGE ON *.* TO `shop`@`10.%`"}}}}};
  EXPECT_EQ(rehearse(session, "app", "").passes, std::nullopt);
  EXPECT_EQ(rehearse(session, "app", "shop").passes, PassesAs::NAMED);
  EXPECT_EQ(rehearse(session, "app", "app").passes, std::nullopt);
  session.answers[1].second.rows.push_back(
      {"GRANT CONNECTION ADMIN ON *.* TO `dba`"});
  const Rehearsal rehearsal = rehearse(session, "app", "");
  EXPECT_EQ(rehearsal.passes, PassesAs::ADMINISTRATOR);
  EXPECT_EQ(rehearsal.matched, "shop@10.%");
}

TEST(Rehearse, AGateThatIsClosedNow) {
  Answers session;
  session.otherwise = rejected;
  const Rehearsal rehearsal = rehearse(session, "app", "");
  EXPECT_TRUE(rehearsal.is_closed_now);
  EXPECT_EQ(rehearsal.error, "");
  session.error = wrong_password;
  EXPECT_EQ(rehearse(session, "app", "").error, to_string(wrong_password));
}

}  // namespace
}  // namespace recovery_gate::tool
