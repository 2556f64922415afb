// SPDX-License-Identifier: GPL-2.0-only
#include "doctor/grants.h"

#include <algorithm>
#include <string_view>

#include "recovery_gate/gate/admission.h"

namespace recovery_gate::tool {
namespace {

constexpr char connection_admin[] = "CONNECTION ADMIN";
constexpr char replication_slave[] = "REPLICATION SLAVE";
constexpr const char *data_privileges[] = {"SELECT", "INSERT", "UPDATE",
                                           "DELETE", "EXECUTE"};

/* Reads a line of SHOW GRANTS from its beginning to its end. */
class Line {
 public:
  explicit Line(std::string_view rest) : rest_(rest) {}

  /* Takes the words when they come next. */
  bool take(std::string_view words) {
    if (rest_.substr(0, words.size()) != words) return false;
    rest_.remove_prefix(words.size());
    return true;
  }

  /* Up to the words, and takes them; names in quotes may hold them, too. */
  std::string take_until(std::string_view words) {
    std::size_t at = 0;
    for (char quote = '\0'; at < rest_.size(); ++at) {
      const char c = rest_[at];
      if (quote != '\0') {
        if (c == quote) quote = '\0';
      } else if (rest_.substr(at, words.size()) == words) {
        break;
      } else if (c == '`' || c == '\'') {
        quote = c;
      }
    }
    std::string text(rest_.substr(0, at));
    rest_.remove_prefix(std::min(at + words.size(), rest_.size()));
    return text;
  }

  /* `name`, 'name' or name, in which a doubled quote stands for one. */
  std::string take_name() {
    std::string name;
    if (rest_.empty()) return name;
    const char quote = rest_.front();
    if (quote != '`' && quote != '\'') {
      const std::size_t end =
          std::min(rest_.find_first_of(".@ "), rest_.size());
      name = rest_.substr(0, end);
      rest_.remove_prefix(end);
      return name;
    }
    std::size_t at = 1;
    for (; at < rest_.size(); ++at) {
      if (rest_[at] == quote &&
          rest_.substr(at + 1, 1) != std::string(1, quote))
        break;
      if (rest_[at] == quote) ++at;
      name += rest_[at];
    }
    rest_.remove_prefix(std::min(at + 1, rest_.size()));
    return name;
  }

  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() &&
         text.substr(text.size() - end.size()) == end;
}

bool is_of_the_server(const std::string &schema) {
  return schema == "mysql" || schema == "sys" ||
         schema == "performance_schema" || schema == "information_schema";
}

/* "SELECT (a, b), SUPER": columns are no privileges of their own, and are only
   there for a table. */
void add_global(const std::string &list, Grants *grants) {
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t comma = std::min(list.find(", ", at), list.size());
    const std::string privilege = list.substr(at, comma - at);
    if (privilege != "USAGE") grants->global.insert(privilege);
    at = comma + 2;
  }
}

}  // namespace

bool Grants::has(const char *privilege) const {
  return global.count(privilege) != 0 || global.count("ALL PRIVILEGES") != 0;
}

bool Grants::reaches_data() const {
  return !schemas.empty() ||
         std::any_of(std::begin(data_privileges), std::end(data_privileges),
                     [this](const char *name) { return has(name); });
}

void Grants::add(const Grants &more) {
  global.insert(more.global.begin(), more.global.end());
  may_grant = may_grant || more.may_grant;
  schemas.insert(more.schemas.begin(), more.schemas.end());
  proxied.insert(proxied.end(), more.proxied.begin(), more.proxied.end());
}

void add_grant(const std::string &text, Grants *grants) {
  Line line(text);
  if (line.take("SET DEFAULT ROLE ")) {
    grants->default_role = line.take_name();
    return;
  }
  if (!line.take("GRANT ")) return;
  if (line.take("PROXY ON ")) {
    std::string name = line.take_name();
    if (line.take("@")) name += "@" + line.take_name();
    grants->proxied.push_back(std::move(name));
    return;
  }
  const std::string privileges = line.take_until(" ON ");
  if (line.take("*.* TO ")) {
    add_global(privileges, grants);
    if (ends_with(line.rest(), " WITH GRANT OPTION")) grants->may_grant = true;
    return;
  }
  // "GRANT `role` TO `account`" has no ON.
  if (line.rest().empty() || privileges == "USAGE") return;
  for (const char *routine :
       {"PROCEDURE ", "FUNCTION ", "PACKAGE BODY ", "PACKAGE "})
    if (line.take(routine)) break;
  const std::string schema = line.take_name();
  if (!is_of_the_server(schema)) grants->schemas.insert(schema);
}

Grants effective(const Account &account, const Accounts &accounts) {
  Grants all = account.own;
  const auto role = accounts.roles.find(account.own.default_role);
  if (role != accounts.roles.end()) all.add(role->second);
  all.add(accounts.everybody);
  return all;
}

std::optional<PassesAs> passes(const std::string &user, const Grants &grants,
                               const std::string &admit_users) {
  Visitor visitor;
  visitor.account = user;
  visitor.administrator = grants.has(connection_admin);
  visitor.replica = grants.has(replication_slave);
  if (!AdmissionPolicy(admit_users).admits(visitor)) return std::nullopt;
  if (visitor.administrator) return PassesAs::ADMINISTRATOR;
  return visitor.replica ? PassesAs::REPLICA : PassesAs::NAMED;
}

std::string passes_by(PassesAs what, const Account &account,
                      const Accounts &accounts) {
  if (what == PassesAs::NAMED) return "by recovery_gate_admit_users";
  const char *needed =
      what == PassesAs::ADMINISTRATOR ? connection_admin : replication_slave;
  const auto text = [needed](const Grants &grants, const std::string &source) {
    const bool by_name = grants.global.count(needed) != 0;
    return std::string("by ") +
           (by_name ? needed
                    : "ALL PRIVILEGES, which has " + std::string(needed)) +
           source;
  };
  if (account.own.has(needed)) return text(account.own, "");
  const auto role = accounts.roles.find(account.own.default_role);
  if (role != accounts.roles.end() && role->second.has(needed))
    return text(role->second, " from its default role " + role->first);
  return text(accounts.everybody, " from PUBLIC");
}

}  // namespace recovery_gate::tool
