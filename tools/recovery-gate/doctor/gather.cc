// SPDX-License-Identifier: GPL-2.0-only
#include "doctor/gather.h"

#include <algorithm>
#include <set>

#include "client/look.h"
#include "inspect/datadir.h"
#include "inspect/forecast.h"
#include "recovery_gate/gate/labelled_page.h"
#include "recovery_gate/gate/labels.h"

namespace recovery_gate::tool {
namespace {

constexpr unsigned first_client_error = 2000, last_client_error = 2999;

bool is_of_connection(const ServerError &error) {
  return error.code >= first_client_error && error.code <= last_client_error;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a')
                                : static_cast<char>(c);
  });
  return text;
}

std::string backquoted(const std::string &name) {
  std::string result = "`";
  for (const char c : name) {
    if (c == '`') result += '`';
    result += c;
  }
  return result + "`";
}

/* Asks one question after the other, until the connection is lost. */
class Interview {
 public:
  Interview(Session &session, ServerFacts *facts)
      : session_(session), facts_(facts) {}

  /* Nothing: the account may not see it, and `facts` says so; or the connection
     is lost. */
  std::optional<Rows> ask(const char *what, const std::string &sql) {
    Rows rows;
    ServerError error;
    if (!facts_->error.empty()) return std::nullopt;
    error = session_.query(sql, &rows);
    if (!error) return rows;
    if (is_of_connection(error) || is_rejection(error))
      facts_->error = to_string(error);
    else
      facts_->unseen.emplace_back(what, to_string(error));
    return std::nullopt;
  }

 private:
  Session &session_;
  ServerFacts *facts_;
};

void ask_settings(Interview &interview, ServerFacts *facts) {
  const auto rows =
      interview.ask("the system variables",
                    "SELECT VARIABLE_NAME AS name, GLOBAL_VALUE AS value, "
                    "GLOBAL_VALUE_ORIGIN AS origin, GLOBAL_VALUE_PATH AS path, "
                    "DEFAULT_VALUE AS compiled "
                    "FROM information_schema.SYSTEM_VARIABLES "
                    "WHERE GLOBAL_VALUE IS NOT NULL");
  for (std::size_t i = 0; rows && i < rows->size(); ++i)
    facts->settings[lower(rows->value(i, "name").value_or(""))] = {
        rows->value(i, "value").value_or(""),
        rows->value(i, "origin").value_or(""),
        rows->value(i, "path").value_or(""),
        rows->value(i, "compiled").value_or("")};
}

void ask_status(Interview &interview, ServerFacts *facts) {
  if (const auto rows = interview.ask("the status of its gate", status_query))
    facts->gate = parse_status(*rows);
  const auto rows = interview.ask("the status of semi-sync",
                                  "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync%'");
  for (std::size_t i = 0; rows && i < rows->size(); ++i)
    facts->status[rows->value(i, "Variable_name").value_or("")] =
        rows->value(i, "Value").value_or("");
}

void ask_plugins(Interview &interview, ServerFacts *facts) {
  const auto rows = interview.ask(
      "the plugins",
      "SELECT PLUGIN_NAME AS name, PLUGIN_STATUS AS status, "
      "LOAD_OPTION AS load_option FROM information_schema.PLUGINS "
      "WHERE PLUGIN_NAME LIKE 'RECOVERY\\_GATE%'");
  for (std::size_t i = 0; rows && i < rows->size(); ++i)
    facts->plugins.push_back({rows->value(i, "name").value_or(""),
                              rows->value(i, "status").value_or(""),
                              rows->value(i, "load_option").value_or("")});
}

void ask_replication(Interview &interview, ServerFacts *facts) {
  if (const auto rows =
          interview.ask("its replication", "SHOW ALL SLAVES STATUS"))
    for (const auto &row : rows->rows) {
      Link link;
      for (std::size_t i = 0; i < rows->columns.size(); ++i)
        link[rows->columns[i]] = row[i].value_or("");
      facts->links.push_back(std::move(link));
    }
  const auto tables =
      interview.ask("the table mysql.gtid_slave_pos",
                    "SELECT TABLE_NAME AS name, ENGINE AS engine FROM "
                    "information_schema.TABLES WHERE TABLE_SCHEMA='mysql' AND "
                    "TABLE_NAME LIKE 'gtid\\_slave\\_pos%'");
  for (std::size_t i = 0; tables && i < tables->size(); ++i)
    facts->position_tables[tables->value(i, "name").value_or("")] =
        tables->value(i, "engine").value_or("");
  // Of a table that an account may not see there is no line, and no error.
  if (tables && tables->size() == 0)
    facts->unseen.emplace_back("the table mysql.gtid_slave_pos",
                               "it is not listed");
}

void ask_what_is_logged(Interview &interview, ServerFacts *facts) {
  const auto rows = interview.ask("what is logged", "SHOW MASTER STATUS");
  if (!rows) return;
  facts->logged_only = rows->value(0, "Binlog_Do_DB").value_or("");
  facts->not_logged = rows->value(0, "Binlog_Ignore_DB").value_or("");
}

void ask_for_the_page(Interview &interview, ServerFacts *facts) {
  if (!facts->gate) return;
  const auto rows =
      interview.ask("the page of its gate", "SHOW ENGINE RECOVERY_GATE STATUS");
  if (!rows) return;
  for (const auto &[name, texts] :
       read_page(rows->value(0, "Status").value_or("")))
    if (name == label::replication) facts->replication = texts;
}

Grants ask_grants(Interview &interview, const std::string &whose) {
  Grants grants;
  const auto rows =
      interview.ask("the grants of an account", "SHOW GRANTS" + whose);
  for (std::size_t i = 0; rows && i < rows->size(); ++i)
    add_grant(rows->rows[i].front().value_or(""), &grants);
  return grants;
}

void ask_accounts(Interview &interview, ServerFacts *facts) {
  if (facts->is_on("skip_grant_tables")) return;  // there are none
  const auto rows = interview.ask(
      "the accounts",
      "SELECT User AS user, Host AS host, JSON_VALUE(Priv, '$.is_role') AS "
      "is_role, JSON_VALUE(Priv, '$.account_locked') AS is_locked "
      "FROM mysql.global_priv ORDER BY User, Host");
  if (!rows) return;
  Accounts accounts;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    Account account{rows->value(i, "user").value_or(""),
                    rows->value(i, "host").value_or(""),
                    rows->value(i, "is_locked") == "1",
                    {}};
    if (rows->value(i, "is_role") == "1") {
      if (account.user == "PUBLIC")
        accounts.everybody = ask_grants(interview, " FOR PUBLIC");
      else
        accounts.roles[account.user] =
            ask_grants(interview, " FOR " + backquoted(account.user));
      continue;
    }
    account.own = ask_grants(interview, " FOR " + backquoted(account.user) +
                                            "@" + backquoted(account.host));
    accounts.all.push_back(std::move(account));
  }
  if (facts->error.empty()) facts->accounts = std::move(accounts);
}

}  // namespace

ServerFacts gather(Session &session, const std::string &name) {
  ServerFacts facts;
  facts.name = name;
  if (const ServerError error = session.connect()) {
    facts.error = to_string(error);
    return facts;
  }
  Interview interview(session, &facts);
  ask_settings(interview, &facts);
  ask_status(interview, &facts);
  ask_plugins(interview, &facts);
  ask_replication(interview, &facts);
  return facts;
}

void gather_as_primary(Session &session, ServerFacts *facts) {
  Interview interview(session, facts);
  if (const auto rows = interview.ask("the table mysql.plugin",
                                      "SELECT name FROM mysql.plugin WHERE dl "
                                      "LIKE 'ha\\_recovery\\_gate%'"))
    facts->is_installed_by_sql = rows->size() != 0;
  ask_what_is_logged(interview, facts);
  ask_for_the_page(interview, facts);
  ask_accounts(interview, facts);
}

void gather_files(const OptionFiles &files, ServerFacts *facts) {
  std::vector<OptionLine> lines;
  if (!read_option_files(files, server_groups, &lines))
    facts->option_lines = std::move(lines);
  std::set<std::string> paths;
  for (const auto &[name, setting] : facts->settings)
    if (!setting.path.empty()) paths.insert(setting.path);
  for (const std::string &path : paths) {
    lines.clear();
    if (!read_option_file(path, server_groups, &lines))
      facts->option_lines.insert(facts->option_lines.end(), lines.begin(),
                                 lines.end());
  }
  DataDirectory directory;
  if (open_data_directory(facts->value("datadir"), &directory)) return;
  const StateOnDisk state = read_state(directory);
  if (state.record) facts->owes = state.record->obligation.open();
}

Rehearsal rehearse(Session &session, const std::string &account,
                   const std::string &admit_users) {
  Rehearsal rehearsal;
  rehearsal.account = account;
  if (const ServerError error = session.connect()) {
    rehearsal.error = to_string(error);
    return rehearsal;
  }
  Rows rows;
  ServerError error = session.query("SELECT CURRENT_USER() AS account", &rows);
  if (is_rejection(error) || error.timed_out) {
    rehearsal.is_closed_now = true;
    return rehearsal;
  }
  rehearsal.matched = rows.value(0, "account").value_or("");
  Rows lines;
  if (!error) error = session.query("SHOW GRANTS", &lines);
  if (error) {
    rehearsal.error = to_string(error);
    return rehearsal;
  }
  Grants grants;
  for (const auto &row : lines.rows)
    add_grant(row.front().value_or(""), &grants);
  const std::string user =
      rehearsal.matched.substr(0, rehearsal.matched.rfind('@'));
  rehearsal.passes = passes(user, grants, admit_users);
  return rehearsal;
}

}  // namespace recovery_gate::tool
