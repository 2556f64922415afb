// SPDX-License-Identifier: GPL-2.0-only
#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysql_version.h>
#include <handler.h>
#include <sql_class.h>
#include <sql_plugin.h>

#include <vector>

#include "all_or_none.h"
#include "binlog_decryption.h"
#include "login_hook.h"
#include "gate_service.h"
#include "no_tables.h"
#include "recovery_gate/gate/report.h"
#include "recovery_hooks.h"
#include "server_facts.h"
#include "server_identity.h"
#include "system_variables.h"
#include "xids_table.h"

namespace recovery_gate {
namespace {

/* How far this start has come. */
struct Progress {
  bool asked_for_xids = false;
  bool looked_at_outcome = false;
  /* Why the binary log does not tell which transactions were met. */
  Failure places_unknown;
};
Progress progress;

handlerton *own_handlerton;

bool waited_for_door = false;

constexpr int unknown_xid = -4;  // XAER_NOTA in the X/Open XA specification

XaId id_of(const XID &xid) {
  return {static_cast<std::int32_t>(xid.formatID),
          std::string(xid.data, xid.gtrid_length),
          std::string(xid.data + xid.gtrid_length, xid.bqual_length)};
}

/* The handlerton's functions about XIDs have lost their first argument. */
#if MYSQL_VERSION_ID >= 110300
#define RECOVERY_GATE_XID_FUNCTION(name, ...) int name(__VA_ARGS__)
int ask_for_prepared(handlerton *engine, XID *list, uint length) {
  return engine->recover(list, length);
}
#else
#define RECOVERY_GATE_XID_FUNCTION(name, ...) \
  int name(handlerton *, __VA_ARGS__)
int ask_for_prepared(handlerton *engine, XID *list, uint length) {
  return engine->recover(engine, list, length);
}
#endif

/* What an engine has prepared. It is asked as the server asks it: again and
   again while it fills the whole list, so that it is left as it was found. */
std::vector<XID> prepared_in(handlerton *engine) {
  std::vector<XID> all, list(1024);
  for (;;) {
    const int got = ask_for_prepared(engine, list.data(), list.size());
    if (got <= 0) return all;
    all.insert(all.end(), list.begin(), list.begin() + got);
    if (static_cast<std::size_t>(got) < list.size()) return all;
    // A longer list each time: an engine whose transactions just fill it
    // begins again at the first one.
    list.resize(list.size() * 2);
  }
}

my_bool collect_prepared(THD *, plugin_ref plugin, void *) {
  handlerton *engine = plugin_hton(plugin);
  if (engine == own_handlerton || engine->recover == nullptr) return 0;
  for (XID &xid : prepared_in(engine))
    GateService::instance().xids.prepared({id_of(xid), xid.get_my_xid()},
                                          hton_name(engine)->str);
  return 0;
}

/* The server has just read the same logs: what it met is in them, or nowhere.
 */
void find_places() {
  RecoveredXids &xids = GateService::instance().xids;
  if (!xids.may_be_logged()) return;
  ServerDecryptor decryptor;
  std::vector<std::string> logs;
  progress.places_unknown = binlogs(&logs);
  if (!progress.places_unknown)
    progress.places_unknown = find_in_binlog(logs, &decryptor, &xids);
}

/* What recovery left. Soon the server deletes logs that have expired. */
void look_at_outcome() {
  progress.looked_at_outcome = true;
  GateService::instance().recovered();
  find_places();
}

/*
  Called while the server recovers from a crash, and nothing is decided yet; and
  once after that and before a new binary log is opened, crash or not.
*/
int collect(XID *, uint) {
  const bool is_first_call = !progress.asked_for_xids;
  if (is_first_call) {
    progress.asked_for_xids = true;
    plugin_foreach(nullptr, collect_prepared, MYSQL_STORAGE_ENGINE_PLUGIN,
                   nullptr);
  }
  if (!is_first_call || !GateService::instance().crashed()) look_at_outcome();
  return 0;  // the gate has prepared nothing itself
}

RECOVERY_GATE_XID_FUNCTION(recover, XID *list, uint length) try {
  return collect(list, length);
} catch (const std::exception &failure) {
  GateService::instance().doubt(
      std::string("the prepared transactions could not be read: ") +
      failure.what());
  return 0;
}

int resolved(const XID &xid, Resolution resolution) try {
  GateService::instance().xids.resolved(id_of(xid), resolution);
  return unknown_xid;
} catch (const std::exception &) {
  return unknown_xid;  // recovery is more important than its record
}

RECOVERY_GATE_XID_FUNCTION(commit_by_xid, XID *xid) {
  return resolved(*xid, Resolution::COMMITTED);
}

RECOVERY_GATE_XID_FUNCTION(rollback_by_xid, XID *xid) {
  return resolved(*xid, Resolution::ROLLED_BACK);
}

/* Recovery is over, this start's binary log is open, the network is not. */
int recovery_done(handlerton *) try {
  GateService &service = GateService::instance();
  service.configure(configured_settings());
  if (is_bootstrap()) {
    service.let_be(
        "the server was started with --bootstrap, and has no "
        "clients to keep out");
    return 0;
  }
  if (!progress.looked_at_outcome) look_at_outcome();
  if (progress.places_unknown)
    service.log.warning(
        "INFORMATION_SCHEMA.RECOVERY_GATE_XIDS does not say "
        "where the binary log has some transactions: " +
        progress.places_unknown.text());
  for (const std::string &line : service.xids.contradictions())
    service.log.warning(line);
  service.decide(configured_mode());
  const ReplicaPolicy replicas = configured_settings().replicas;
  if (replicas.most().value_or(replicas.count) < replicas.count)
    service.log.warning(service.replica_shortage(replicas));
  if (service.gate.is_open() && configured_mode() != Mode::OFF &&
      nobody_acknowledges())
    service.log.warning(
        "rpl_semi_sync_master_enabled is OFF, so no replica acknowledges what "
        "this server writes: once it has written anything, the next start is "
        "closed and keeps clients out until one does. Set "
        "rpl_semi_sync_master_enabled=ON in the option file and with SET GLOBAL, "
        "and rpl_semi_sync_slave_enabled=ON on a replica");
  if (has_no_accounts() && !service.gate.is_open())
    service.log.warning(
        "started with --skip-grant-tables: everybody counts as an "
        "administrator, so nobody is kept out");
  return 0;
} catch (const std::exception &failure) {
  GateService::instance().log.error(
      std::string("failed to start (") + failure.what() +
      "); the gate stays closed to all but administrators and replicas. "
      "Restart the server");
  return 0;
}

void shutting_down() try {
  GateService::instance().shutting_down();
} catch (const std::exception &failure) {
  GateService::instance().log.error(
      std::string("recovery_gate.state was not brought up to date (") +
      failure.what() +
      "); the next start may be closed although nothing is "
      "in doubt");
}

bool show_status(handlerton *, THD *thd, stat_print_fn *print,
                 ha_stat_type type) try {
  if (type != HA_ENGINE_STATUS) return false;
  GateService &service = GateService::instance();
  const std::string page =
      status_page(service.report([thd] { return thd_killed(thd) != 0; }));
  return print(thd, STRING_WITH_LEN("RECOVERY_GATE"), STRING_WITH_LEN(""),
               page.data(), page.size());
} catch (const std::bad_alloc &) {
  my_error(ER_OUT_OF_RESOURCES, MYF(0));
  return true;
}

}  // namespace

st_mysql_storage_engine recovery_hooks = {MYSQL_HANDLERTON_INTERFACE_VERSION};

int init_recovery_hooks(void *server_handlerton) try {
  if (const Failure mismatch = server_mismatch())
    return refuse(mismatch.text());

  progress = Progress();
  if (!is_bootstrap()) {
    if (const Failure obstacle = cannot_guard()) return refuse(obstacle.text());
    // The server initialises audit plugins after storage engines, and this
    // one again when all others are done.
    if (!has_door() && is_initialising() && !waited_for_door) {
      waited_for_door = true;
      return HA_ERR_RETRY_INIT;
    }
    if (!has_door())
      return refuse(
          "the plugin RECOVERY_GATE_DOOR is not active, so no client could be "
          "kept out; remove recovery_gate_door=OFF, or load both with "
          "plugin-load-add=ha_recovery_gate or INSTALL SONAME "
          "'ha_recovery_gate'");
    if (is_initialising() && !has_xids_table())
      return refuse(
          "the plugin RECOVERY_GATE_XIDS is not active; remove "
          "recovery_gate_xids=OFF, or load all of them with "
          "plugin-load-add=ha_recovery_gate");
    if (!can_read_replica_ids())
      return refuse(
          "recovery_gate_replica_ids has to be a list of server ids, separated "
          "by commas, of the replicas that count, or with ! before each of those "
          "that do not");
    if (is_running())
      GateService::instance().begin_start_unguarded(
          "the plugin was installed into a running server, which has clients "
          "already; the next start is the first that it guards");
    else if (const Failure unrecorded = GateService::instance().begin_start())
      return refuse(
          "recovery is going to cut off what no replica has acknowledged "
          "(init_rpl_role=SLAVE), and what that is cannot be put on record: " +
          unrecorded.text() +
          ". Nothing was cut off. Free some disk space, or fix the file "
          "permissions, and start the server again");
  }

  own_handlerton = static_cast<handlerton *>(server_handlerton);
  own_handlerton->flags =
      HTON_HIDDEN | HTON_NO_PARTITION | HTON_TEMPORARY_NOT_SUPPORTED;
  own_handlerton->create = make_refusing_handler;
  own_handlerton->recover = recover;
  own_handlerton->commit_by_xid = commit_by_xid;
  own_handlerton->rollback_by_xid = rollback_by_xid;
  own_handlerton->signal_ddl_recovery_done = recovery_done;
  own_handlerton->pre_shutdown = shutting_down;
  own_handlerton->show_status = show_status;
  GateService::instance().start();
  return 0;
} catch (const std::exception &failure) {
  return refuse(failure.what());
}

bool hooks_wait_for_door() { return waited_for_door; }

int deinit_recovery_hooks(void *) {
  GateService::instance().stop();
  return 0;
}

}  // namespace recovery_gate
