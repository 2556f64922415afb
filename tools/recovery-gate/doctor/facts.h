// SPDX-License-Identifier: GPL-2.0-only
/*
  What the doctor knows of a group of servers. Checks are functions of it, and
  ask nobody.
*/
#ifndef RECOVERY_GATE_TOOL_DOCTOR_FACTS_H
#define RECOVERY_GATE_TOOL_DOCTOR_FACTS_H

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/gate_status.h"
#include "client/option_files.h"
#include "doctor/grants.h"

namespace recovery_gate::tool {

/* A system variable: its value now, and where that came from. */
struct Setting {
  std::string value;
  /* "CONFIG", "COMMAND-LINE", "SQL", "COMPILE-TIME" or "AUTO" */
  std::string origin;
  std::string path;      // of the option file
  std::string compiled;  // the default
};

struct PluginFacts {
  std::string name, status, load_option;
};

/* A line of SHOW ALL SLAVES STATUS, by column. */
using Link = std::map<std::string, std::string>;

struct ServerFacts {
  std::string name;   // as a person calls it: "db2:3306", a socket
  std::string error;  // why it could not be asked; the rest then means nothing
  std::map<std::string, Setting> settings;    // by name, in lower case
  std::map<std::string, std::string> status;  // Rpl_semi_sync_*
  std::optional<GateStatus> gate;             // nothing: it has none
  /* What its own page says is to be mended in its replication. */
  std::vector<std::string> replication;
  std::vector<PluginFacts> plugins;  // those of the gate
  bool is_installed_by_sql = false;  // INSTALL SONAME, in mysql.plugin
  std::vector<Link> links;
  std::map<std::string, std::string> position_tables;  // name, engine
  std::string logged_only, not_logged;  // binlog_do_db, binlog_ignore_db
  std::optional<Accounts> accounts;     // of the primary, if it may be seen
  /* The server's groups in the option files, where they can be read here. */
  std::vector<OptionLine> option_lines;
  /* recovery_gate.state owes something; nothing: it cannot be read here. */
  std::optional<bool> owes;
  /* What this account was not allowed to see, and the server's answer. */
  std::vector<std::pair<std::string, std::string>> unseen;

  /* Empty when there is no such variable. */
  std::string value(const std::string &name) const;
  std::uint64_t number(const std::string &name) const;
  bool is_on(const std::string &name) const;
  std::uint64_t status_number(const std::string &name) const;
  std::uint32_t id() const;
  /* As a replica: on a semi-sync connection, at this moment. */
  bool acknowledges() const;
  /* Is the value the one that the next start will have, too, as far as can be
     known? */
  bool is_kept(const std::string &name) const;
};

struct Rehearsal {
  std::string account;  // as it was given
  std::string error;    // why it could not log in; the rest then means nothing
  std::string matched;  // CURRENT_USER()
  std::optional<PassesAs> passes;
  bool is_closed_now = false;  // the gate has just not admitted it
};

struct Facts {
  ServerFacts server;
  std::vector<ServerFacts> replicas;
  std::vector<Rehearsal> rehearsals;
};

}  // namespace recovery_gate::tool

#endif  // RECOVERY_GATE_TOOL_DOCTOR_FACTS_H
