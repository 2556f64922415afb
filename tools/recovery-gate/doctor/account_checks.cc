// SPDX-License-Identifier: GPL-2.0-only
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "doctor/checks.h"

namespace recovery_gate::tool {
namespace {

using Problems = std::vector<Problem>;

std::string sql_name(const Account &account) {
  return fmt::format("'{}'@'{}'", account.user, account.host);
}

bool is_of_this_machine_only(const Account &account) {
  return account.host == "localhost" || account.host == "127.0.0.1" ||
         account.host == "::1";
}

/* Calls `take` for each account that can log in and that a closed gate admits,
   with all its privileges. Not where all pass: that is one finding. */
template <typename Take>
void for_each_that_passes(const Facts &f, Take take) {
  if (!f.server.accounts || passes("", f.server.accounts->everybody, ""))
    return;
  const Accounts &accounts = *f.server.accounts;
  for (const Account &account : accounts.all) {
    if (account.is_locked) continue;
    const Grants grants = effective(account, accounts);
    if (const auto what = passes(account.user, grants,
                                 f.server.value("recovery_gate_admit_users")))
      take(account, grants, *what);
  }
}

std::string passes_text(const Facts &f, const Account &account, PassesAs what) {
  return fmt::format("A closed gate admits {} {}", account.name(),
                     passes_by(what, account, *f.server.accounts));
}

void no_accounts(const Facts &f, Problems *problems) {
  if (!f.server.is_on("skip_grant_tables")) return;
  problems->push_back({f.server.name, "skip_grant_tables",
                       "The server runs without accounts: everybody is an "
                       "administrator, and passes a closed gate.",
                       "In the option file, remove skip_grant_tables; then "
                       "restart the server"});
}

/* Who may give privileges away is an administrator. */
void application_is_administrator(const Facts &f, Problems *problems) {
  for_each_that_passes(
      f, [&](const Account &account, const Grants &grants, PassesAs what) {
        if (what != PassesAs::ADMINISTRATOR || !grants.reaches_data() ||
            grants.may_grant)
          return;
        problems->push_back(
            {f.server.name, account.name(),
             passes_text(f, account, what) +
                 ", and it can read what applications store; it has no GRANT "
                 "OPTION, as an administrator has.",
             fmt::format("REVOKE CONNECTION ADMIN, REPLICATION SLAVE ON *.* "
                         "FROM {}; or grant it only its own schema",
                         account.own.has("CONNECTION ADMIN")
                             ? sql_name(account)
                             : "its role, or PUBLIC")});
      });
}

void administrator_from_anywhere(const Facts &f, Problems *problems) {
  for_each_that_passes(
      f, [&](const Account &account, const Grants &grants, PassesAs what) {
        if (what != PassesAs::ADMINISTRATOR || !grants.may_grant ||
            !grants.reaches_data() || is_of_this_machine_only(account))
          return;
        problems->push_back(
            {f.server.name, account.name(),
             passes_text(f, account, what) +
                 ", from another machine: if an application uses it, that has "
                 "no gate.",
             "Nothing, if only administrators know its password; otherwise an "
             "account for the application, with its own schema only"});
      });
}

void application_is_replica(const Facts &f, Problems *problems) {
  for_each_that_passes(
      f, [&](const Account &account, const Grants &grants, PassesAs what) {
        if (what != PassesAs::REPLICA || !grants.reaches_data()) return;
        problems->push_back(
            {f.server.name, account.name(),
             passes_text(f, account, what) +
                 ", as a replica, and it can read what applications store.",
             fmt::format("An account for replication only, with REPLICATION "
                         "SLAVE and nothing else; and REVOKE REPLICATION SLAVE "
                         "ON *.* FROM {}",
                         account.own.has("REPLICATION SLAVE")
                             ? sql_name(account)
                             : "its role, or PUBLIC")});
      });
}

/* A monitor may have SELECT everywhere, as an exporter has, but nothing of an
   application's own schema. */
void application_is_named(const Facts &f, Problems *problems) {
  for_each_that_passes(
      f, [&](const Account &account, const Grants &grants, PassesAs what) {
        const bool writes = grants.has("INSERT") || grants.has("UPDATE") ||
                            grants.has("DELETE");
        if (what != PassesAs::NAMED || (grants.schemas.empty() && !writes))
          return;
        problems->push_back(
            {f.server.name, account.name(),
             passes_text(f, account, what) +
                 ", and it has the privileges of an application and not of a "
                 "monitor.",
             "Take " + account.user +
                 " out of recovery_gate_admit_users, now and in the option "
                 "file"});
      });
}

void everybody_passes(const Facts &f, Problems *problems) {
  if (!f.server.accounts) return;
  const auto what = passes("", f.server.accounts->everybody, "");
  if (!what) return;
  const char *privilege = *what == PassesAs::ADMINISTRATOR
                              ? "CONNECTION ADMIN"
                              : "REPLICATION SLAVE";
  problems->push_back(
      {f.server.name, "PUBLIC",
       fmt::format("PUBLIC has {}: a closed gate admits every account.",
                   privilege),
       fmt::format("REVOKE {} ON *.* FROM PUBLIC", privilege)});
}

/* A proxy has, from its login on, what the account has that it stands for. */
void proxy_passes(const Facts &f, Problems *problems) {
  if (!f.server.accounts) return;
  const Accounts &accounts = *f.server.accounts;
  const std::string admit = f.server.value("recovery_gate_admit_users");
  for (const Account &proxy : accounts.all) {
    if (proxy.is_locked ||
        passes(proxy.user, effective(proxy, accounts), admit))
      continue;
    for (const Account &target : accounts.all) {
      const auto &proxied = proxy.own.proxied;
      if (std::find(proxied.begin(), proxied.end(), target.name()) ==
              proxied.end() ||
          !passes(target.user, effective(target, accounts), admit))
        continue;
      problems->push_back(
          {f.server.name, proxy.name(),
           fmt::format("{} may log in as {}, which a closed gate admits.",
                       proxy.name(), target.name()),
           fmt::format("REVOKE PROXY ON {} FROM {}", sql_name(target),
                       sql_name(proxy))});
    }
  }
}

std::set<std::string> names_in(const std::string &list) {
  std::set<std::string> names;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    std::string name = list.substr(at, comma - at);
    name.erase(0, name.find_first_not_of(" \t"));
    name.erase(name.find_last_not_of(" \t") + 1);
    if (!name.empty()) names.insert(name);
    at = comma + 1;
  }
  return names;
}

void named_is_nobody(const Facts &f, Problems *problems) {
  if (!f.server.accounts) return;
  for (const std::string &name :
       names_in(f.server.value("recovery_gate_admit_users"))) {
    const auto &all = f.server.accounts->all;
    if (std::any_of(all.begin(), all.end(), [&](const Account &account) {
          return account.user == name;
        }))
      continue;
    problems->push_back(
        {f.server.name, name,
         fmt::format("recovery_gate_admit_users names {}, and no account has "
                     "this user name: it holds user names, without a host and "
                     "without quotes.",
                     name),
         "Correct recovery_gate_admit_users, now and in the option file"});
  }
}

// --- The rehearsal
// ------------------------------------------------------------

void account_passes(const Facts &f, Problems *problems) {
  for (const Rehearsal &rehearsal : f.rehearsals) {
    if (!rehearsal.error.empty() || !rehearsal.passes) continue;
    const char *why = *rehearsal.passes == PassesAs::ADMINISTRATOR
                          ? "it has CONNECTION ADMIN"
                      : *rehearsal.passes == PassesAs::REPLICA
                          ? "it has REPLICATION SLAVE"
                          : "recovery_gate_admit_users names it";
    problems->push_back(
        {f.server.name, rehearsal.account,
         fmt::format("{} logs in as {}, and a closed gate admits it, since {}.",
                     rehearsal.account, rehearsal.matched, why),
         *rehearsal.passes == PassesAs::NAMED
             ? "Take it out of recovery_gate_admit_users"
             : "SHOW GRANTS FOR it, and revoke CONNECTION ADMIN and "
               "REPLICATION SLAVE, also from its default role"});
  }
}

void account_not_rehearsed(const Facts &f, Problems *problems) {
  for (const Rehearsal &rehearsal : f.rehearsals)
    if (!rehearsal.error.empty())
      problems->push_back({f.server.name, rehearsal.account,
                           fmt::format("{} could not log in: {}",
                                       rehearsal.account, rehearsal.error),
                           "Give the account's name and password as the "
                           "application does"});
}

}  // namespace

const std::vector<Check> &account_checks() {
  static const std::vector<Check> checks = {
      {"no-accounts", Severity::ERROR, no_accounts},
      {"application-is-administrator", Severity::ERROR,
       application_is_administrator},
      {"administrator-from-anywhere", Severity::NOTE,
       administrator_from_anywhere},
      {"application-is-replica", Severity::ERROR, application_is_replica},
      {"application-is-named", Severity::ERROR, application_is_named},
      {"everybody-passes", Severity::ERROR, everybody_passes},
      {"proxy-passes", Severity::WARNING, proxy_passes},
      {"named-is-nobody", Severity::WARNING, named_is_nobody},
      {"account-passes", Severity::ERROR, account_passes},
      {"account-not-rehearsed", Severity::ERROR, account_not_rehearsed},
  };
  return checks;
}

}  // namespace recovery_gate::tool
