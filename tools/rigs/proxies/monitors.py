# SPDX-License-Identifier: GPL-2.0-only
"""What the monitors of MaxScale, ProxySQL and orchestrator send to a server, and
what they conclude, replayed: none of them is in Debian, so none is run.

Taken from the sources named at each part, as far as a primary with a gate is
concerned; each was also seen to do so when it was run. docs/proxies.md says what
follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rigs.proxies.client_library import ClientError, Connection

# Of the client library: a time-out, among others, and a server that is down.
_LOST, _UNREACHABLE = 2013, 2002


@dataclass
class Seen:
    """What a monitor saw of a server."""

    error: ClientError | None = None
    answered: list[str] = field(default_factory=list)  # the statements
    rows: list[list[str | None]] = field(default_factory=list)  # of the last one

    def outcome(self) -> str:
        return str(self.error) if self.error else f"answers to {self.answered}"


# --- MaxScale -----------------------------------------------------------------

# 24.02.4, in the order in which a server's general log had them.

# server/modules/protocol/MariaDB/mariadb_maxscale.cc, mxs_mysql_real_connect() and
# mxs_update_server_charset(). The client library sends the first two while it
# connects: when one fails, so does the connection.
_MAXSCALE_INIT = ("SET SQL_MODE=''", "SET @@session.autocommit=1;")
_MAXSCALE_CONNECTED = (
    "SET NAMES latin1",
    "SELECT ID, FULL_COLLATION_NAME FROM"
    " information_schema.COLLATION_CHARACTER_SET_APPLICABILITY"
    " WHERE FULL_COLLATION_NAME = @@global.collation_server",
)
# backend_connect_timeout and backend_read_timeout, in seconds
_MAXSCALE_TIMEOUT = 3

# server/core/monitorserver.cc: fetch_variables(), fetch_uptime()
# server/modules/monitor/mariadbmon/mariadbserver.cc: check_permissions(), on a new
# connection only, and monitor_server(); the last two are for a primary.
_MAXSCALE_SERVER = "SELECT @@global.server_id, @@read_only, @@global.gtid_domain_id;"
_MAXSCALE_REPLICATION = "SHOW ALL SLAVES STATUS"
_MAXSCALE_QUERIES = (
    "SHOW GLOBAL VARIABLES WHERE VARIABLE_NAME IN ('character_set_client',"
    "'character_set_connection','character_set_results','max_allowed_packet',"
    "'session_track_system_variables','system_time_zone','time_zone','tx_isolation',"
    "'wait_timeout')",
    "SHOW STATUS LIKE 'Uptime'",
    "SHOW SLAVE STATUS;",
    "SHOW GRANTS;",
    _MAXSCALE_SERVER,
    _MAXSCALE_REPLICATION,
    "SELECT @@gtid_current_pos, @@gtid_binlog_pos;",
    "SELECT Event_schema, Event_name FROM information_schema.EVENTS WHERE"
    " Status = 'ENABLED';",
    "SELECT c.VARIABLE_VALUE, s.VARIABLE_VALUE FROM"
    " INFORMATION_SCHEMA.GLOBAL_VARIABLES c JOIN INFORMATION_SCHEMA.GLOBAL_STATUS s"
    " ON(c.VARIABLE_NAME = 'rpl_semi_sync_master_enabled'"
    " AND s.VARIABLE_NAME = 'rpl_semi_sync_master_status')",
)


@dataclass
class MaxScaleSeen(Seen):
    status: str = "Down"


def maxscale_tick(port: int, user: str, password: str) -> MaxScaleSeen:
    """One round of mariadbmon. The status is that of mariadbserver.cc,
    update_server(), and cluster_discovery.cc: Running when the monitor got a
    connection; Master when it is writable, too, and no replica."""
    seen = MaxScaleSeen()
    try:
        with Connection(
            *(port, user, password),
            connect_timeout=_MAXSCALE_TIMEOUT,
            read_timeout=_MAXSCALE_TIMEOUT,
            init_commands=_MAXSCALE_INIT,
        ) as connection:
            for query in _MAXSCALE_CONNECTED:
                connection.query(query)
            seen.status = "Running"
            connection.ping()
            rows = {}
            for query in _MAXSCALE_QUERIES:
                rows[query] = connection.query(query)
                seen.answered.append(query)
    except ClientError as error:
        seen.error = error
        return seen
    ((_server_id, read_only, _domain),) = rows[_MAXSCALE_SERVER]
    if read_only == "0" and not rows[_MAXSCALE_REPLICATION]:
        seen.status = "Master, Running"
    return seen


# --- ProxySQL -----------------------------------------------------------------

# 2.7.2, lib/MySQL_Monitor.cpp; `tools/rigs/start proxies.proxysql PROGRAM statements`
# compares the statements with a server's general log. Each check takes a connection out
# of a pool, which is empty after a crash of the server, or makes one:
# create_new_connection(). Seconds; the defaults are 600 to 1000 ms, which the library
# rounds up as well.
_PROXYSQL_TIMEOUT = 1

# set_wait_timeout(), with a new connection after the check that made it: ten times
# mysql-monitor_ping_interval
PROXYSQL_CONNECTED = "SET wait_timeout=80"
# mysql-monitor_ping_max_failures
_PROXYSQL_PINGS = 3
# mysql-monitor_read_only_max_timeout_count
_PROXYSQL_READ_ONLY_CHECKS = 3
# monitor_read_only_thread(), for servers in mysql_replication_hostgroups
PROXYSQL_READ_ONLY = "SELECT @@global.read_only read_only"
# monitor_replication_lag_thread(), where max_replication_lag is not 0
PROXYSQL_LAG = "SHOW SLAVE STATUS"


def proxysql_connect_check(port: int, user: str, password: str) -> Seen:
    """Logs in and leaves. The result goes to mysql_server_connect_log only."""
    seen = Seen()
    try:
        Connection(port, user, password, connect_timeout=_PROXYSQL_TIMEOUT).close()
    except ClientError as error:
        seen.error = error
    return seen


def proxysql_ping_check(port: int, user: str, password: str) -> Seen:
    """Its last mysql-monitor_ping_max_failures results decide on SHUNNED,
    unless they are of the kind 'Access denied'."""

    def check(connection: Connection, seen: Seen) -> None:
        connection.ping()
        seen.answered.append("COM_PING")

    return _proxysql_check(port, user, password, check)


def proxysql_query_check(port: int, user: str, password: str, query: str) -> Seen:
    def check(connection: Connection, seen: Seen) -> None:
        seen.rows = connection.query(query)
        seen.answered.append(query)

    return _proxysql_check(port, user, password, check)


def proxysql_hostgroup(port: int, user: str, password: str) -> str:
    """Where a server of the writer hostgroup is, after as many read_only checks as
    it takes to move it: an error leaves it where it is, and so many time-outs in a
    row are taken for read_only=1. That it cannot connect counts as a time-out."""
    for _ in range(_PROXYSQL_READ_ONLY_CHECKS):
        seen = proxysql_query_check(port, user, password, PROXYSQL_READ_ONLY)
        if seen.error is None:
            return "writer" if seen.rows == [["0"]] else "reader"
        if seen.error.code not in (_LOST, _UNREACHABLE):
            return "writer"
    return "reader"


def proxysql_is_shunned(port: int, user: str, password: str) -> bool:
    return all(
        proxysql_ping_check(port, user, password).error is not None
        for _ in range(_PROXYSQL_PINGS)
    )


def _proxysql_check(port: int, user: str, password: str, check) -> Seen:
    seen = Seen()
    try:
        with Connection(
            *(port, user, password),
            connect_timeout=_PROXYSQL_TIMEOUT,
            read_timeout=_PROXYSQL_TIMEOUT,
        ) as connection:
            check(connection, seen)
            connection.query(PROXYSQL_CONNECTED)
    except ClientError as error:
        seen.error = error
    return seen


# --- orchestrator -------------------------------------------------------------

# go/inst/instance_dao.go, ReadTopologyInstanceBufferable(), in the order in which a
# server's general log had them; orchestrator uses up to three connections at once.
_ORCHESTRATOR_SERVER = (
    "select @@global.hostname, ifnull(@@global.report_host, ''), @@global.server_id,"
    " @@global.version, @@global.version_comment, @@global.read_only,"
    " @@global.binlog_format, @@global.log_bin, @@global.log_slave_updates"
)
_ORCHESTRATOR_REPLICATION = "show slave status"
_ORCHESTRATOR_QUERIES = (
    _ORCHESTRATOR_SERVER,
    "show global status like 'Uptime'",
    _ORCHESTRATOR_REPLICATION,
    "show master status",
    "show global variables like 'rpl_semi_sync_%'",
    "show global status like 'rpl_semi_sync_%'",
)
# MySQLConnectTimeoutSeconds, and when a check counts as one that was tried in vain
# (UpdateInstanceLastAttemptedCheck()).
_ORCHESTRATOR_CONNECT, _ORCHESTRATOR_PATIENCE = 2, 1


def orchestrator_check(port: int, user: str, password: str) -> Seen:
    seen = Seen()
    try:
        with Connection(
            *(port, user, password),
            connect_timeout=_ORCHESTRATOR_CONNECT,
            read_timeout=_ORCHESTRATOR_PATIENCE,
        ) as connection:
            for query in _ORCHESTRATOR_QUERIES:
                connection.query(query)
                seen.answered.append(query)
    except ClientError as error:
        seen.error = error
    return seen


def orchestrator_analysis(primary: Seen, replicating: list[bool]) -> str:
    """What go/inst/analysis_dao.go makes of a primary whose replicas can all be
    asked, and replicate or not. Of these only DeadMaster has it fail over."""
    if primary.error is not None:
        return "UnreachableMaster" if any(replicating) else "DeadMaster"
    if any(replicating):
        return ""
    if len(replicating) == 1:
        return "MasterSingleReplicaNotReplicating"
    return "AllMasterReplicasNotReplicating"
