# SPDX-License-Identifier: GPL-2.0-only
"""Three servers, and who follows whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable

from rigs.phantom_check.group import (
    Broken,
    Group,
    follow_status,
    position_applied,
    wait_applied,
)
from rigs.phantom_check.link import Link
from rigs.phantom_check.plan import Traffic
from rigs.phantom_check.timeline import Timeline
from rigs.servers import Replication, Server, Servers, free_port, wait_for

NAMES = "APR"
_GTID_DOMAINS = {name: number for number, name in enumerate(NAMES, start=1)}
FOREVER = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Setup:
    """What the three have in common, and how they are connected at first."""

    follows: tuple[str, ...]  # "RP": R follows P
    leaders: str  # whose semi-sync is enabled as a primary's
    bystanders: str = ""  # which replicate without semi-sync
    updates: bool = True  # log_slave_updates
    strict: bool = False  # gtid_strict_mode
    domains: bool = False  # each server writes in a GTID domain of its own
    ignores: bool = False  # gtid_ignore_duplicates
    wait_point: str = "AFTER_COMMIT"
    timeout: int = FOREVER  # after which semi-sync gives up, milliseconds
    wait_alone: bool = False  # rpl_semi_sync_master_wait_no_slave
    more: tuple[str, ...] = ()
    # How many others have to have what was in doubt: recovery_gate_replica_count. The
    # control has the gate too, and a count of 1.
    copies: int = 1
    # Whether semi-sync acknowledges nothing that the replica does not have. In
    # many topologies it does: what comes before the place where a replica is
    # served from counts as acknowledged.
    acks_hold: bool = False

    @property
    def longest_commit(self) -> float:
        """Seconds; one that takes longer waits for an acknowledgement that does
        not come. Where semi-sync gives up, it has to notice first."""
        if self.timeout < FOREVER:
            return self.timeout / 1000 + 5
        return 0.15 if self.wait_alone else 1.0

    def options(self, name: str) -> Iterable[str]:
        yield f"--log-slave-updates={_on(self.updates)}"
        # Else a replica may not find its relay log again after a crash.
        yield "--relay-log-recovery=ON"
        yield f"--gtid-strict-mode={_on(self.strict)}"
        yield f"--gtid-domain-id={_GTID_DOMAINS[name] if self.domains else 0}"
        yield f"--gtid-ignore-duplicates={_on(self.ignores)}"
        yield f"--rpl-semi-sync-slave-enabled={_on(name not in self.bystanders)}"
        yield f"--rpl-semi-sync-master-wait-point={self.wait_point}"
        yield f"--rpl-semi-sync-master-timeout={self.timeout}"
        yield f"--rpl-semi-sync-master-wait-no-slave={_on(self.wait_alone)}"
        yield from self.more

    def __str__(self) -> str:
        edges = ", ".join(f"{each[0]} follows {each[1]}" for each in self.follows)
        return f"{edges}; {' '.join(self.options(NAMES[0]))}"


class Trio(Group):
    """A, P and R. Each connection of a replica has its primary's name."""

    def __init__(
        self, servers: Servers, folder: str, gate: tuple[str, ...], timeline: Timeline
    ):
        super().__init__(servers, folder, gate, timeline)
        self.setup: Setup
        self.servers: dict[str, Server] = {}
        self.leaders: set[str] = set()
        self._made = 0
        # The same all along, and not taken by one while another one is down.
        self._ports = {name: free_port() for name in NAMES}
        self._links: dict[str, Link] = {}
        # By the names of both: in "RP", R follows P.
        self._connections: dict[str, Replication] = {}

    # Making them

    def build(self, setup: Setup) -> None:
        """All from nothing."""
        self.clear()
        self.setup = setup
        self.leaders = set(setup.leaders)
        for name in NAMES:
            self._make(name)
            self.launch(name)
        for name, server in self.servers.items():
            server.wait_ready()
            self._equip(server)
        for connection in setup.follows:
            self.follow(connection)
        for connection in setup.follows:
            self._connections[connection].wait_connected()

    def clear(self) -> None:
        for server in self.servers.values():
            if server.folder.exists():
                server.destroy()
        self.servers.clear()
        self._connections.clear()
        self._flow()

    def close(self) -> None:
        for server in self.servers.values():
            server.kill9()
        for link in self._links.values():
            link.close()

    def reseed(self, name: str, source: str) -> None:
        """One of them anew, as a copy of another one, to which nobody writes."""
        for connection in self.connections_of(name):
            del self._connections[connection]
        self.servers[name].destroy()
        self._make(name)
        self.launch(name)
        server, original = self.servers[name], self.servers[source]
        server.wait_ready()
        self._equip(server)
        with server.connect_as_admin() as session:
            session.query("SET sql_log_bin=OFF")
            position = original.value("SELECT @@gtid_current_pos")
            for row in original.query("SELECT token, writer FROM journal.entries"):
                session.query(
                    "INSERT INTO journal.entries VALUES (%s, %s)", *row.values()
                )
            session.query("SET GLOBAL gtid_slave_pos=%s", position)

    def _make(self, name: str) -> None:
        self._made += 1
        server = self.add_server(f"{self._made}/{name}", *self.setup.options(name))
        server.id = NAMES.index(name) + 1
        server.port = self._ports[name]
        self.servers[name] = server

    def _equip(self, server: Server) -> None:
        """With what replication does not have to bring."""
        server.query("SET sql_log_bin=OFF")
        self.create_journal(server)
        server.query("SET sql_log_bin=ON")

    def launch(self, name: str) -> None:
        server = self.servers[name]
        server.launch(
            f"--rpl-semi-sync-master-enabled={_on(name in self.leaders)}",
            *(("--recovery-gate-connect-wait=0",) if self.gate else ()),
            self.number_life(server),
        )

    def running(self) -> list[str]:
        return [name for name, server in self.servers.items() if server.is_running()]

    def lead(self, name: str, leads: bool) -> None:
        """Whether it is a semi-sync primary."""
        (self.leaders.add if leads else self.leaders.discard)(name)
        self.servers[name].query(
            f"SET GLOBAL rpl_semi_sync_master_enabled={_on(leads)}"
        )

    # Who follows whom

    def connections_of(self, replica: str) -> list[str]:
        return [each for each in self._connections if each[0] == replica]

    def follow(self, connection: str, position: str = "slave_pos") -> None:
        self._connections[connection] = Replication(
            self.servers[connection[1]],
            self.servers[connection[0]],
            port=self._link(connection).port,
            name=connection[1],
        )
        self._connections[connection].begin(position)

    def unfollow(self, connection: str) -> None:
        self.drain(connection)
        self._connections.pop(connection).end()

    def stop(self, connection: str, wholly: bool = False) -> None:
        """Not only what receives, which would go on where it was: it begins again
        from what the replica has applied."""
        replication, link = self._connections[connection], self._link(connection)
        before = link.traffic
        connecting = replication.status()["Slave_IO_Running"] == "Connecting"
        if before is Traffic.FLOWS and not connecting:
            replication.stop("" if wholly else "IO_THREAD")
            return
        # It would wait for a connection that hangs in the link: its own, or the
        # one with which it tells a semi-sync primary that it leaves.
        link.set(Traffic.REFUSED)
        replication.stop("" if wholly else "IO_THREAD")
        link.set(before)

    def start(self, connection: str) -> None:
        self._connections[connection].start()

    def is_asked_to_run(self, connection: str) -> bool:
        """Whether its I/O thread is there, connected or not."""
        running: str = self._connections[connection].status()["Slave_IO_Running"]
        return running != "No"

    def error_of(self, connection: str) -> str:
        status = self._connections[connection].status()
        error: str = status["Last_SQL_Error"] or status["Last_IO_Error"]
        return error

    def wait_connected(self, connection: str, timeout: float) -> str:
        """Until it is, or says why not; its error."""
        replication = self._connections[connection]
        seen = wait_for(
            replication.status,
            lambda seen: seen["Slave_IO_Running"] == "Yes" or seen["Last_IO_Error"],
            f"{connection[0]} to follow {connection[1]}, or to say why not",
            timeout,
        )
        error: str = seen["Last_IO_Error"]
        return error

    def has_caught_up(self, connection: str) -> bool:
        replication = self._connections[connection]
        end = replication.primary.binlog_end()
        status = replication.status()
        return position_applied(status) and (end.file, end.offset) == (
            status["Master_Log_File"],
            status["Read_Master_Log_Pos"],
        )

    def drain(self, connection: str) -> None:
        """Has the replica receive nothing more, and apply what it has."""
        replication, link = self._connections[connection], self._link(connection)
        # Not by stopping the I/O thread, yet: with both threads stopped, a GTID
        # replica throws away what it has received.
        before = link.traffic
        link.set(Traffic.CUT)
        wait_for(
            lambda: replication.status()["Slave_IO_Running"],
            lambda running: running != "Yes",
            "a replica to notice that the network is cut",
        )
        try:
            self._wait_applied(replication)
        except Broken:
            if not self.setup.strict or not self.is_asked_to_run(connection):
                raise
            # What it refused for its number's sake, it has all the same: an
            # administrator can have it applied.
            server = replication.replica
            server.query("SET GLOBAL gtid_strict_mode=OFF")
            replication.start("SQL_THREAD")
            self._wait_applied(replication)
            server.query("SET GLOBAL gtid_strict_mode=ON")
        self.stop(connection)
        link.set(before)

    @staticmethod
    def _wait_applied(replication: Replication) -> None:
        wait_applied(
            replication, lambda: follow_status(replication, ("Slave_SQL_Running",))
        )

    # The network

    def set_traffic(self, connection: str, traffic: Traffic) -> None:
        self._link(connection).set(traffic)

    def traffic(self, connection: str) -> Traffic:
        return self._link(connection).traffic

    def _link(self, connection: str) -> Link:
        if connection not in self._links:
            self._links[connection] = Link()
            self._links[connection].lead_to(self._ports[connection[1]])
        return self._links[connection]

    def _flow(self) -> None:
        for link in self._links.values():
            link.set(Traffic.FLOWS)


def _on(value: bool) -> str:
    return "ON" if value else "OFF"
