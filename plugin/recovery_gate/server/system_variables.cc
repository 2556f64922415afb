// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysql/plugin.h>
#include <sql_class.h>
#include <strings.h>

#include "gate_service.h"
#include "system_variables.h"

namespace recovery_gate {
namespace {

/* By name: how many members a TYPELIB has depends on the release. */
template <std::size_t size>
TYPELIB type_library(const char *(&names)[size]) {
  TYPELIB library{};
  library.count = size - 1;
  library.name = "";
  library.type_names = names;
  return library;
}

const char *mode_names[] = {"OFF", "AUTO", "ALWAYS", NullS};
TYPELIB mode_typelib = type_library(mode_names);
const char *action_names[] = {"WARN", "SHUTDOWN", "OPEN", NullS};
TYPELIB action_typelib = type_library(action_names);

ulong mode;
uint timeout_seconds;
ulong timeout_action;
uint connect_wait_ms;
uint max_held;
char *admit_users;
uint replica_count;
char *replica_ids;
my_bool open_now;
my_bool repair_connections;

void apply() try {
  GateService::instance().configure(configured_settings());
} catch (const std::bad_alloc &) {
  my_error(ER_OUT_OF_RESOURCES, MYF(0));
}

template <typename Value>
void update(THD *, st_mysql_sys_var *, void *target, const void *value) {
  *static_cast<Value *>(target) = *static_cast<const Value *>(value);
  apply();
}

/* PLUGIN_VAR_MEMALLOC: the server frees the last value when it ends. */
void update_text(THD *, st_mysql_sys_var *, void *target, const void *value) {
  char *&current = *static_cast<char **>(target);
  const char *wanted = *static_cast<char *const *>(value);
  char *copy = my_strdup(PSI_INSTRUMENT_ME, wanted ? wanted : "", MYF(MY_WME));
  if (copy == nullptr) return;
  my_free(current);
  current = copy;
  apply();
}

void warn_of_shortage(THD *thd) try {
  GateService &service = GateService::instance();
  const std::string shortage =
      service.replica_shortage(configured_settings().replicas);
  if (shortage.empty()) return;
  service.log.warning(shortage);
  push_warning(thd, Sql_condition::WARN_LEVEL_WARN, ER_UNKNOWN_ERROR,
               shortage.c_str());
} catch (const std::bad_alloc &) {
  my_error(ER_OUT_OF_RESOURCES, MYF(0));
}

void update_replica_count(THD *thd, st_mysql_sys_var *variable, void *target,
                          const void *value) {
  update<uint>(thd, variable, target, value);
  warn_of_shortage(thd);
}

int check_replica_ids(THD *thd, st_mysql_sys_var *, void *save,
                      st_mysql_value *value) {
  char buffer[256];
  int length = sizeof buffer;
  const char *text = value->val_str(value, buffer, &length);
  ReplicaPolicy policy;
  if (text != nullptr &&
      !parse_replica_ids(std::string_view(text, length), &policy))
    return 1;
  *static_cast<const char **>(save) =
      text != nullptr ? thd_strmake(thd, text, length) : nullptr;
  return 0;
}

void update_replica_ids(THD *thd, st_mysql_sys_var *variable, void *target,
                        const void *value) {
  update_text(thd, variable, target, value);
  warn_of_shortage(thd);
}

int check_open_now(THD *thd, st_mysql_sys_var *, void *save,
                   st_mysql_value *value) {
  if (!(thd->security_ctx->master_access & CONNECTION_ADMIN_ACL)) {
    my_error(ER_SPECIFIC_ACCESS_DENIED_ERROR, MYF(0), "CONNECTION ADMIN");
    return 1;
  }
  bool on;
  if (value->value_type(value) == MYSQL_VALUE_TYPE_STRING) {
    char buffer[8];
    int length = sizeof buffer;
    const char *text = value->val_str(value, buffer, &length);
    if (text == nullptr) return 1;
    const std::string word(text, length);
    on = strcasecmp(word.c_str(), "ON") == 0;
    if (!on && strcasecmp(word.c_str(), "OFF") != 0) return 1;
  } else {
    longlong number;
    if (value->val_int(value, &number) || (number != 0 && number != 1))
      return 1;
    on = number == 1;
  }
  *static_cast<my_bool *>(save) = on;
  return 0;
}

/* The variable itself is never set: it reads OFF again. */
void update_open_now(THD *thd, st_mysql_sys_var *, void *,
                     const void *value) try {
  if (!*static_cast<const my_bool *>(value)) return;
  const Security_context &who = *thd->security_ctx;
  const std::string account = std::string(who.priv_user) + "@" + who.priv_host;
  if (!GateService::instance().open_manually(account))
    push_warning(thd, Sql_condition::WARN_LEVEL_NOTE, ER_UNKNOWN_ERROR,
                 "The recovery gate is open already");
} catch (const std::bad_alloc &) {
  my_error(ER_OUT_OF_RESOURCES, MYF(0));
}

MYSQL_SYSVAR_ENUM(
    mode, mode, PLUGIN_VAR_RQCMDARG | PLUGIN_VAR_READONLY,
    "When the gate starts closed. AUTO: whenever this server's binary log may "
    "hold transactions that no replica has acknowledged; ALWAYS: at every "
    "start; OFF: never",
    nullptr, nullptr, static_cast<ulong>(Mode::AUTO), &mode_typelib);

MYSQL_SYSVAR_UINT(timeout, timeout_seconds, PLUGIN_VAR_RQCMDARG,
                  "Seconds that the gate may stay closed before "
                  "recovery_gate_timeout_action is taken; 0 for no limit",
                  nullptr, update<uint>, 0, 0, UINT_MAX32, 0);

MYSQL_SYSVAR_ENUM(
    timeout_action, timeout_action, PLUGIN_VAR_RQCMDARG,
    "What happens when the gate was closed for recovery_gate_timeout. WARN: "
    "it stays closed and the error log says so; SHUTDOWN: the server is shut "
    "down; OPEN: it opens and gives up the guarantee",
    nullptr, update<ulong>, static_cast<ulong>(TimeoutAction::WARN),
    &action_typelib);

MYSQL_SYSVAR_UINT(
    connect_wait, connect_wait_ms, PLUGIN_VAR_RQCMDARG,
    "Milliseconds that a client connection is held at the closed gate before "
    "it is rejected; 0 to reject it immediately",
    nullptr, update<uint>, 10000, 0, UINT_MAX32, 0);

MYSQL_SYSVAR_UINT(
    max_held, max_held, PLUGIN_VAR_RQCMDARG,
    "Maximum number of client connections held at the closed gate; further "
    "ones are rejected immediately; 0 for half of max_connections. Never more "
    "than three quarters of max_connections are held",
    nullptr, update<uint>, 0, 0, UINT_MAX32, 0);

MYSQL_SYSVAR_STR(
    admit_users, admit_users, PLUGIN_VAR_RQCMDARG | PLUGIN_VAR_MEMALLOC,
    "User names, separated by commas, of accounts that are admitted while the "
    "gate is closed, besides administrators and replicas",
    nullptr, update_text, "");

MYSQL_SYSVAR_UINT(
    replica_count, replica_count, PLUGIN_VAR_RQCMDARG,
    "Number of different replicas, by server id, that have to have everything "
    "that is in doubt before the gate opens",
    nullptr, update_replica_count, 1, 1, 65535, 0);

MYSQL_SYSVAR_STR(
    replica_ids, replica_ids, PLUGIN_VAR_RQCMDARG | PLUGIN_VAR_MEMALLOC,
    "Server ids, separated by commas, of the replicas that count; with ! before "
    "an id, that replica does not; empty for all",
    check_replica_ids, update_replica_ids, "");

MYSQL_SYSVAR_BOOL(
    open_now, open_now, PLUGIN_VAR_NOCMDOPT,
    "Set to ON to open the gate manually and immediately, and give up the "
    "guarantee; reads OFF again afterwards. Needs CONNECTION ADMIN",
    check_open_now, update_open_now, 0);

MYSQL_SYSVAR_BOOL(
    repair_connections, repair_connections, PLUGIN_VAR_OPCMDARG,
    "On a replica of several primaries: keep semi-sync connections running when "
    "another one ends or starts, which in this server switches semi-sync for all "
    "of them (MDEV-32947)",
    nullptr, update<my_bool>, 1);

}  // namespace

st_mysql_sys_var *gate_variables[] = {MYSQL_SYSVAR(mode),
                                      MYSQL_SYSVAR(timeout),
                                      MYSQL_SYSVAR(timeout_action),
                                      MYSQL_SYSVAR(connect_wait),
                                      MYSQL_SYSVAR(max_held),
                                      MYSQL_SYSVAR(admit_users),
                                      MYSQL_SYSVAR(replica_count),
                                      MYSQL_SYSVAR(replica_ids),
                                      MYSQL_SYSVAR(open_now),
                                      MYSQL_SYSVAR(repair_connections),
                                      nullptr};

Mode configured_mode() { return static_cast<Mode>(mode); }

bool can_read_replica_ids() {
  ReplicaPolicy policy;
  return parse_replica_ids(replica_ids ? replica_ids : "", &policy);
}

Settings configured_settings() {
  Settings settings;
  settings.timeout = std::chrono::seconds(timeout_seconds);
  settings.timeout_action = static_cast<TimeoutAction>(timeout_action);
  settings.connect_wait = milliseconds(connect_wait_ms);
  settings.max_held = max_held;
  settings.admit_users = admit_users ? admit_users : "";
  settings.repair_connections = repair_connections;
  settings.replicas.count = replica_count;
  // Checked when it is set, and at start-up by can_read_replica_ids().
  parse_replica_ids(replica_ids ? replica_ids : "", &settings.replicas);
  return settings;
}

}  // namespace recovery_gate
