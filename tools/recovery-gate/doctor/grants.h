// SPDX-License-Identifier: GPL-2.0-only
/*
  What an account may do, as SHOW GRANTS says it, and what follows from it at a
  closed gate.
*/
#ifndef RECOVERY_GATE_TOOL_DOCTOR_GRANTS_H
#define RECOVERY_GATE_TOOL_DOCTOR_GRANTS_H

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace recovery_gate::tool {

struct Grants {
  std::set<std::string> global;  // "CONNECTION ADMIN"; "ALL PRIVILEGES" is one
  bool may_grant = false;        // GRANT OPTION on *.*
  /* In which schemas of applications it has any privilege. */
  std::set<std::string> schemas;
  std::string default_role;
  std::vector<std::string> proxied;  // "user@host", of GRANT PROXY

  bool has(const char *privilege) const;
  /* May it see or change what applications store? */
  bool reaches_data() const;
  void add(const Grants &more);
};

/* Adds what one line of SHOW GRANTS says. A line that says something else
   changes nothing. */
void add_grant(const std::string &line, Grants *grants);

struct Account {
  std::string user, host;
  bool is_locked = false;
  Grants own;

  std::string name() const { return user + "@" + host; }
};

/* All that can log in, and what else can give them privileges. */
struct Accounts {
  std::vector<Account> all;
  std::map<std::string, Grants> roles;  // each with those of its own roles
  Grants everybody;                     // those of PUBLIC
};

/* What applies from the login on, when the gate asks: not what SET ROLE adds
   later. */
Grants effective(const Account &account, const Accounts &accounts);

enum class PassesAs { ADMINISTRATOR, REPLICA, NAMED };

/* By which of its rules a closed gate admits the account; the rule is the
   plugin's own. Nothing: it does not. */
std::optional<PassesAs> passes(const std::string &user, const Grants &grants,
                               const std::string &admit_users);

/* "by CONNECTION ADMIN from its default role dba" */
std::string passes_by(PassesAs what, const Account &account,
                      const Accounts &accounts);

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_DOCTOR_GRANTS_H
