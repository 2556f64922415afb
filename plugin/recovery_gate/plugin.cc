// SPDX-License-Identifier: GPL-2.0-only
/* What this shared object offers, in one screen. */
#define MYSQL_SERVER 1
#include <my_global.h>
#include <mysql/plugin.h>
#include <mysql/plugin_audit.h>
#include <sql_class.h>
#include <sql_i_s.h>

#include "server/login_hook.h"
#include "server/recovery_hooks.h"
#include "server/status_variables.h"
#include "server/system_variables.h"
#include "server/xids_table.h"

using namespace recovery_gate;

static st_mysql_information_schema xids_table = {
    MYSQL_INFORMATION_SCHEMA_INTERFACE_VERSION};

constexpr unsigned version_number =
    RECOVERY_GATE_VERSION_MAJOR << 8 | RECOVERY_GATE_VERSION_MINOR;

// INSTALL SONAME initialises in this order, and the gate needs its door.
maria_declare_plugin(recovery_gate){
    MYSQL_AUDIT_PLUGIN,
    &door,
    "RECOVERY_GATE_DOOR",
    "The recovery gate's authors",
    "Admits, holds or rejects clients while the recovery gate is closed",
    PLUGIN_LICENSE_GPL,
    init_door,
    deinit_door,
    version_number,
    nullptr,
    nullptr,
    RECOVERY_GATE_VERSION,
    MariaDB_PLUGIN_MATURITY_GAMMA},
    {MYSQL_STORAGE_ENGINE_PLUGIN,
     &recovery_hooks,
     "RECOVERY_GATE",
     "The recovery gate's authors",
     "Keeps clients out after a crash until a semi-sync replica has "
     "acknowledged everything that was recovered; stores no tables",
     PLUGIN_LICENSE_GPL,
     init_recovery_hooks,
     deinit_recovery_hooks,
     version_number,
     gate_status,
     gate_variables,
     RECOVERY_GATE_VERSION,
     MariaDB_PLUGIN_MATURITY_GAMMA},
    {MYSQL_INFORMATION_SCHEMA_PLUGIN,
     &xids_table,
     "RECOVERY_GATE_XIDS",
     "The recovery gate's authors",
     "Prepared transactions that crash recovery found at this start",
     PLUGIN_LICENSE_GPL,
     init_xids_table,
     nullptr,
     version_number,
     nullptr,
     nullptr,
     RECOVERY_GATE_VERSION,
     MariaDB_PLUGIN_MATURITY_GAMMA} maria_declare_plugin_end;
