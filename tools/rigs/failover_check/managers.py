# SPDX-License-Identifier: GPL-2.0-only
"""Failover managers: what each does, statement by statement.

The statements are those of the sources that each class names, in their order, as
far as one group of three with GTID has a use for them. Who connects, in CHANGE
MASTER, is the cluster's. What a manager waits for, it looks at more often here.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable

from rigs.failover_check.cluster import NAMES, Cluster, sequence
from rigs.servers import SqlError, wait_for

_PATIENCE = 15  # seconds, after which a manager begins again


class GivenUp(Exception):
    """The manager cannot go on; it begins again at its next look."""


class Manager:
    """What they have in common. Whatever raises GivenUp, SqlError or Unexpected is
    begun again; what was done before remains."""

    name = ""
    # In every server's option file, beside what all have.
    options: tuple[str, ...] = ("--rpl-semi-sync-master-wait-point=AFTER_SYNC",)
    # Whether it leaves a group in pieces at times, gate or none.
    breaks = False

    def __init__(self, cluster: Cluster, primary: str, before: Callable[[], None]):
        self.primary = primary
        self.promotions = 0
        self._cluster = cluster
        self._before = before  # each statement that changes something

    def failover(self) -> None:
        """The primary is dead: another one takes its place."""
        raise NotImplementedError

    def switchover(self, new: str) -> None:
        raise NotImplementedError

    def rejoin(self, name: str) -> bool:
        """Looks at a server that is not the primary; whether something was done."""
        raise NotImplementedError

    def keep(self) -> None:
        """The primary is back before it was replaced, and read-only."""
        self._run(self.primary, "SET GLOBAL read_only=0")

    # For the classes below

    def _run(self, name: str, *statements: str) -> None:
        for statement in statements:
            self._before()
            self._cluster.timeline.note(name, f"{self.name}: {_shown(statement)}")
            self._cluster.query(name, statement)

    def _change_master(self, name: str, position: str, more: str = "") -> None:
        statement = self._cluster.change_master(self.primary, position, more)
        self._run(name, statement, "START SLAVE")

    def _promoted(self, name: str) -> None:
        self._cluster.timeline.note(name, f"{self.name}: is the primary now")
        self.primary = name
        self.promotions += 1

    def _others(self, besides: str = "") -> list[str]:
        """Those that are there, without the primary."""
        return [
            name
            for name in self._cluster.ready()
            if name not in (self.primary, besides)
        ]

    def _link(self, name: str) -> dict[str, Any]:
        return self._cluster.link(name)

    def _is_replica(self, link: dict[str, Any]) -> bool:
        return self._cluster.follows(link) == self.primary

    def _replicas(self) -> list[str]:
        found = [name for name in self._others() if self._is_replica(self._link(name))]
        if not found:
            raise GivenUp("no replica can be promoted")
        return found

    def _received(self, name: str) -> int:
        return sequence(self._link(name)["Gtid_IO_Pos"])

    def _applied(self, name: str) -> int:
        return sequence(self._cluster.value(name, "SELECT @@gtid_current_pos"))

    def _logged(self, name: str) -> int:
        return sequence(self._cluster.value(name, "SELECT @@gtid_binlog_pos"))

    def _await_applied(self, name: str, number: int) -> None:
        wait_for(
            lambda: self._applied(name),
            lambda applied: applied >= number,
            f"{self.name}: {name} to apply all up to {number}",
            _PATIENCE,
        )

    def _best(self) -> str:
        """Who has received most, and of those, applied most; all has to be."""
        best = max(
            self._replicas(),
            key=lambda name: (self._received(name), self._applied(name)),
        )
        self._await_applied(best, self._received(best))
        return best


class MaxScale(Manager):
    """MaxScale 24.02, server/modules/monitor/mariadbmon: cluster_manipulation.cc and
    mariadbserver.cc, with auto_failover, auto_rejoin and enforce_writable_master."""

    name = "MaxScale"

    def failover(self) -> None:
        # failover_prepare(): select_promotion_target(), relay_log_events()
        self._promote(self._best())
        self._redirect(self._others())

    def switchover(self, new: str) -> None:
        # switchover_perform(): demote(), catchup_to_master(), promote()
        old = self.primary
        self._run(old, "SET GLOBAL read_only=1", "FLUSH TABLES WITH READ LOCK")
        self._run(old, "UNLOCK TABLES", "FLUSH LOGS")
        # Should this fail: UNDO_DEMOTION does what keep() does.
        self._await_applied(new, self._logged(old))
        self._promote(new)
        self._change_master(old, "current_pos")
        self._redirect(self._others(old))

    def rejoin(self, name: str) -> bool:
        # server_is_rejoin_suspect(), can_replicate_from(), do_rejoin()
        link = self._link(name)
        stopped = bool(link) and link["Slave_IO_Running"] == "No"
        ahead = self._applied(name) > self._logged(self.primary)
        if self._is_replica(link) or stopped or ahead:
            return False
        if link:
            self._redirect([name])
        else:
            self._run(name, "SET GLOBAL read_only=1", "FLUSH LOGS")  # demote_master()
            self._change_master(name, "current_pos")
        return True

    def _promote(self, new: str) -> None:
        self._run(new, "STOP SLAVE ''", "RESET SLAVE '' ALL", "SET GLOBAL read_only=0")
        self._promoted(new)

    def _redirect(self, names: Iterable[str]) -> None:
        # redirect_existing_slave_conn()
        for name in names:
            if link := self._link(name):
                self._run(name, "STOP SLAVE ''")
                self._change_master(name, link["Using_Gtid"])


class Operator(Manager):
    """mariadb-operator 26.6, pkg/controller/replication: failover.go, switchover.go,
    topology.go, relay_log.go, user_sql.go; and config.go: no log_slave_updates, and
    AFTER_COMMIT."""

    name = "mariadb-operator"
    options = (
        "--rpl-semi-sync-master-wait-point=AFTER_COMMIT",
        "--log-slave-updates=OFF",
    )
    # A replica gets only what the new primary wrote itself, not what that one had
    # received and it had not; and one that comes back late goes on following the old
    # primary, which has nothing to send.
    breaks = True

    def failover(self) -> None:
        # findCandidates(), furthestAdvancedCandidate(), waitForNewPrimarySync()
        new = max(self._replicas(), key=self._applied)
        self._await_applied(new, self._received(new))
        old = self.primary
        self._configure_primary(new)
        for name in self._others(old):
            self._configure_replica(name, "SET @@global.gtid_slave_pos=''")

    def switchover(self, new: str) -> None:
        # reconcileSwitchover(); keep() is what reconcileStaleSwitchover() does
        old = self.primary
        self._run(old, "FLUSH TABLES WITH READ LOCK", "SET @@global.read_only=1")
        end = self._cluster.value(old, "SELECT @@global.gtid_binlog_pos")
        for name in self._others():
            wait = f"SELECT MASTER_GTID_WAIT('{end}', 10)"
            if self._cluster.value(name, wait) != 0:
                raise GivenUp("timeout waiting for replica to be synced")
        self._configure_primary(new)
        position = self._cluster.value(new, "SELECT @@global.gtid_binlog_pos")
        for name in (*self._others(old), old):
            if name == old:
                self._run(old, "UNLOCK TABLES")
            self._configure_replica(name, f"SET @@global.gtid_slave_pos='{position}'")

    def rejoin(self, name: str) -> bool:
        # ReconcileReplicationInPod(): who has a link is a replica already
        if self._link(name):
            return False
        self._configure_replica(name)
        return True

    def keep(self) -> None:
        self._run(self.primary, "UNLOCK TABLES")
        self._configure_primary(self.primary)

    def _configure_primary(self, name: str) -> None:
        # ConfigurePrimary(), IsGtidSlavePosNoValueForDomain(), reconcileReplUserSql()
        if self._link(name):
            self._run(name, "STOP SLAVE", "RESET SLAVE ALL")
            try:
                self._run(name, "SET @@global.gtid_slave_pos=''")
            except SqlError as error:
                if error.code != 1948:
                    raise
        self._run(name, "SET @@global.read_only=0")
        self._run(name, "GRANT REPLICATION REPLICA ON *.* TO replication@'127.0.0.1'")
        if name != self.primary:
            self._promoted(name)

    def _configure_replica(self, name: str, *position: str) -> None:
        # ConfigureReplica()
        self._run(name, "RESET MASTER", "STOP SLAVE", *position)
        self._run(name, "SET @@global.read_only=1")
        self._change_master(name, "current_pos")


class ReplicationManager(Manager):
    """replication-manager 3.0, cluster: cluster_fail.go, srv_rejoin.go, srv_set.go,
    srv.go, and utils/dbhelper. Whom it does not rejoin it rebuilds, as with
    autorejoin-mysqldump."""

    name = "replication-manager"
    _MORE = ", MASTER_HEARTBEAT_PERIOD=3"

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._crashes: dict[str, str] = {}  # FailoverIOGtid, by the old primary

    def failover(self) -> None:
        # MasterFailover(true): electFailoverCandidate(), ReadAllRelayLogs()
        self._promote(self._best())
        self._switch(self._others())

    def switchover(self, new: str) -> None:
        # MasterFailover(false): freeze(), ReadAllRelayLogs()
        old = self.primary
        lock = "FLUSH NO_WRITE_TO_BINLOG TABLES"
        self._run(old, lock, "SET GLOBAL read_only=1", f"{lock} WITH READ LOCK")
        self._run(old, "FLUSH BINARY LOGS")
        self._await_applied(new, self._logged(old))
        try:
            self._promote(new)
        finally:
            # It logs what fails, and goes on: KillThreads(), UnlockTables()
            self._run(old, "UNLOCK TABLES")
        self._demote(old)
        self._switch(self._others(old))

    def rejoin(self, name: str) -> bool:
        link = self._link(name)
        if link:  # rejoinSlave()
            if not self._is_replica(link):
                self._switch([name])
            return not self._is_replica(link)
        # rejoinMasterIncremental(), isReplicationAheadOfMasterElection()
        crash = self._crashes.get(name, "")
        own = f"-{NAMES.index(name) + 1}-"
        if own not in crash or self._applied(name) > sequence(crash):
            return False
        self._demote(name)
        return True

    def keep(self) -> None:
        self._run(self.primary, "UNLOCK TABLES", "SET GLOBAL read_only=0")

    def _promote(self, new: str) -> None:
        self._crashes[self.primary] = self._link(new)["Gtid_IO_Pos"]
        self._run(new, "STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only=0")
        self._promoted(new)
        self._run(new, "FLUSH TABLES")

    def _demote(self, name: str) -> None:
        # SetReplicationGTIDCurrentPosFromServer(), from MariaDB 10.10 on
        self._run(name, "SET GLOBAL read_only=1")
        demote = ", MASTER_DEMOTE_TO_SLAVE=1"
        self._change_master(name, "SLAVE_POS", self._MORE + demote)

    def _switch(self, names: Iterable[str]) -> None:
        for name in names:
            if self._link(name):
                self._run(name, "STOP SLAVE")
                self._change_master(name, "SLAVE_POS", self._MORE)
                self._run(name, "SET GLOBAL read_only=1")


class Orchestrator(Manager):
    """orchestrator 3.2.6, go/logic/topology_recovery.go, go/inst/instance_topology.go
    and instance_topology_dao.go, with DetectSemiSyncEnforcedQuery and
    RecoverNonWriteableMaster. It rejoins nobody: a hook does. Another one, in
    PreFailoverProcesses, waits until replicas have applied what they received, since
    `stop slave` throws away what they have not."""

    name = "orchestrator"

    def failover(self) -> None:
        self._pre_failover_hook()
        # RegroupReplicasGTID(): GetCandidateReplica(), StopReplicas()
        replicas = self._replicas()
        for name in replicas:
            self._run(name, "stop slave")
        new = max(replicas, key=self._executed)
        for name in replicas:
            if name != new:
                self._move(name, new)
        self._promote(new)

    def switchover(self, new: str) -> None:
        # GracefulMasterTakeover() with auto
        old = self.primary
        for name in self._others(new):
            self._run(name, "stop slave")
            self._move(name, new)
        self._run(old, "set global read_only = 1")
        self._await_applied(new, self._logged(old))
        self._run(new, "stop slave")
        self._promote(new)
        self._run(old, self._cluster.change_master(new, "current_pos"))
        self._start(old)

    def rejoin(self, name: str) -> bool:
        link = self._link(name)
        if self._is_replica(link) and "No" not in _threads(link):
            return False
        if link:
            self._run(name, "stop slave")
        self._run(name, "set global read_only = 1")
        position = "slave_pos" if link else "current_pos"
        self._run(name, self._cluster.change_master(self.primary, position))
        self._start(name)
        return True

    def keep(self) -> None:
        self._set_writable(self.primary)

    def _pre_failover_hook(self) -> None:
        for name in self._replicas():
            self._await_applied(name, self._received(name))

    def _executed(self, name: str) -> tuple[str, int]:
        link = self._link(name)
        return link["Relay_Master_Log_File"], link["Exec_Master_Log_Pos"]

    def _move(self, name: str, new: str) -> None:
        # moveInstanceBelowViaGTID(), ChangeMasterTo()
        self._run(name, self._cluster.change_master(new, "slave_pos"))
        self._start(name)

    def _start(self, name: str) -> None:
        # StartReplication(): MaybeDisableSemiSyncMaster(), MaybeEnableSemiSyncReplica()
        self._run(name, "set @@global.rpl_semi_sync_master_enabled=0")
        self._run(name, "set @@global.rpl_semi_sync_slave_enabled=1", "start slave")

    def _promote(self, new: str) -> None:
        # checkAndRecoverDeadMaster(), ResetReplicationOperation()
        self._run(new, "change master to master_host='_'", "reset slave all")
        self._set_writable(new)
        self._promoted(new)

    def _set_writable(self, name: str) -> None:
        # SetReadOnly()
        self._run(name, "set @@global.rpl_semi_sync_master_enabled=1")
        self._run(name, "set global read_only = 0")


class BareOrchestrator(Orchestrator):
    """Without the hook in PreFailoverProcesses."""

    name = "orchestrator-bare"

    def _pre_failover_hook(self) -> None:
        pass


class Person(Manager):
    """Somebody who does what docs/runbook.md says, and types the statements that
    recovery-gate inspect prints."""

    name = "person"

    def failover(self) -> None:
        self._promote(self._best())

    def switchover(self, new: str) -> None:
        self._run(self.primary, "SET GLOBAL read_only=ON")
        self._await_applied(new, self._logged(self.primary))
        self._promote(new)

    def rejoin(self, name: str) -> bool:
        link = self._link(name)
        if self._is_replica(link):
            if "No" in _threads(link):
                self._run(name, "START SLAVE")
            return "No" in _threads(link)
        self._run(name, "SET GLOBAL read_only=ON", "STOP SLAVE")
        more = "" if link else ", MASTER_DEMOTE_TO_SLAVE=1"
        self._change_master(name, "slave_pos", more)
        return True

    def _promote(self, new: str) -> None:
        self._run(new, "STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only=OFF")
        self._promoted(new)
        for name in self._others():
            self.rejoin(name)


ALL = (MaxScale, Operator, ReplicationManager, Orchestrator, Person)
# Only where it is named: it shows what a manager's setting is for.
MORE = (BareOrchestrator,)


def _threads(link: dict[str, Any]) -> tuple[str, str]:
    return link["Slave_IO_Running"], link["Slave_SQL_Running"]


def _shown(statement: str) -> str:
    before, found, after = statement.partition("MASTER_PASSWORD='")
    return before + found + "..." + after[after.index("'") :] if found else statement
