# SPDX-License-Identifier: GPL-2.0-only
"""Three servers, each with the gate or none."""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from typing import Any

from rigs.phantom_check.group import Group
from rigs.phantom_check.timeline import Timeline
from rigs.servers import (
    Server,
    Servers,
    SqlError,
    Unexpected,
    free_port,
    wait_for,
)

NAMES = ("db1", "db2", "db3")
REPLICATION_USER = "replication"
# What every server has in its option file, whatever its role and its manager.
OPTIONS = (
    # Only the manager makes a server writable: after a crash it may have a successor.
    "--read-only=ON",
    "--gtid-strict-mode=ON",
    "--relay-log-recovery=ON",
    "--rpl-semi-sync-master-enabled=ON",
    "--rpl-semi-sync-slave-enabled=ON",
)


def sequence(gtids: str | None) -> int:
    """The highest sequence number; one domain is all there is."""
    numbers = [int(each.split("-")[2]) for each in (gtids or "").split(",") if each]
    return max(numbers, default=0)


class Cluster(Group):
    """Any thread may ask; only one may change something."""

    def __init__(
        self,
        servers: Servers,
        folder: str,
        gate: tuple[str, ...],
        timeline: Timeline,
        options: tuple[str, ...],
    ):
        super().__init__(servers, folder, gate, timeline)
        self.options = (*OPTIONS, *options)
        if gate:
            self.options += ("--recovery-gate-connect-wait=100",)
        self.password = secrets.token_hex(12)
        self.servers: dict[str, Server] = {}
        self._ready: set[str] = set()
        self._launched: set[str] = set()  # and neither killed nor destroyed since
        self._made = 0
        self._ports = {name: free_port() for name in NAMES}

    # Making them

    def build(self, primary: str) -> None:
        """All from nothing; one is writable, and the others follow it."""
        for name in NAMES:
            if name in self.servers:
                self.destroy(name)
            self._make(name)
            self.launch(name)
        for name in NAMES:
            self.wait_ready(name)
            self._equip(name)
        for name in NAMES:
            if name != primary:
                self.query(name, self.change_master(primary, "slave_pos"))
                self.query(name, "START SLAVE")
        self.query(primary, "SET GLOBAL read_only=OFF")

    def rebuild(self, name: str, source: str) -> None:
        """One of them anew, as a copy of another one, which it then follows."""
        self.destroy(name)
        self._make(name)
        self.launch(name)
        self.wait_ready(name)
        self._equip(name)
        with self.servers[source].connect_as_admin() as session:
            session.query("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            position = session.query("SHOW STATUS LIKE 'binlog_snapshot_%'")
            shown = {row["Variable_name"].lower(): row["Value"] for row in position}
            gtid = session.value(
                "SELECT BINLOG_GTID_POS(%s, %s)",
                *(shown[f"binlog_snapshot_{part}"] for part in ("file", "position")),
            )
            rows = session.query("SELECT token, writer FROM journal.entries")
        self._fill(name, [tuple(row.values()) for row in rows])
        # What a replica without log_slave_updates has applied is in no log of its.
        applied = self.value(source, "SELECT @@gtid_slave_pos")
        if sequence(applied) > sequence(gtid):
            gtid = applied
        self.query(name, f"SET GLOBAL gtid_slave_pos='{gtid}'")
        self.query(name, self.change_master(source, "slave_pos"))
        self.query(name, "START SLAVE")

    def _fill(self, name: str, rows: list[tuple[Any, ...]]) -> None:
        with self.servers[name].connect_as_admin() as session:
            session.query("SET sql_log_bin=OFF")
            for first in range(0, len(rows), 500):
                some = rows[first : first + 500]
                session.query(
                    "INSERT INTO journal.entries VALUES "
                    + ", ".join(["(%s, %s)"] * len(some)),
                    *(value for row in some for value in row),
                )

    def destroy(self, name: str) -> None:
        self._ready.discard(name)
        self._launched.discard(name)
        self.servers[name].destroy()

    def _make(self, name: str) -> None:
        self._made += 1
        server = self.add_server(f"{self._made}/{name}", *self.options)
        server.id = NAMES.index(name) + 1
        server.port = self._ports[name]
        self.servers[name] = server

    def _equip(self, name: str) -> None:
        server = self.servers[name]
        server.query("SET sql_log_bin=OFF")
        self.create_journal(server)
        user = f"{REPLICATION_USER}@'127.0.0.1'"
        server.query(f"CREATE USER {user} IDENTIFIED BY '{self.password}'")
        server.query(f"GRANT REPLICATION SLAVE ON *.* TO {user}")
        server.query("SET sql_log_bin=ON")

    # Their lives

    def launch(self, name: str, *options: str) -> None:
        server = self.servers[name]
        server.launch(*options, self.number_life(server))
        self._launched.add(name)
        self.timeline.note(name, " ".join(("starts", *options)))

    def kill(self, name: str) -> None:
        server = self.servers[name]
        server.kill9()
        self._ready.discard(name)
        self._launched.discard(name)
        self.note_gate_log(server)
        self.timeline.note(name, "is killed (kill -9)")

    def close(self) -> None:
        for server in self.servers.values():
            server.kill9()

    def wait_ready(self, name: str) -> None:
        wait_for(lambda: self.is_ready(name), bool, f"{name} to be ready", 60)

    def is_ready(self, name: str) -> bool:
        """Whether it runs, and takes connections. Raises Unexpected if it has ended
        by itself while it started."""
        server = self.servers[name]
        if name in self._ready:
            return server.is_running()
        if not server.is_running():
            if name in self._launched:
                self._launched.discard(name)
                raise Unexpected(f"{name} to start", "that it has ended")
            return False
        if re.search("ready for connections", server.log_of_this_start()):
            self._ready.add(name)
            self.timeline.note(name, f"is ready: {self.gate_state_of(server)}")
        return name in self._ready

    def ready(self) -> list[str]:
        return [name for name in NAMES if self.is_ready(name)]

    # What they are asked

    def query(self, name: str, statement: str) -> list[dict[str, Any]]:
        return self.servers[name].query(statement)

    def value(self, name: str, statement: str) -> Any:
        return self.servers[name].value(statement)

    def change_master(self, primary: str, position: str, more: str = "") -> str:
        return (
            f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT="
            f"{self._ports[primary]}, MASTER_USER='{REPLICATION_USER}', "
            f"MASTER_PASSWORD='{self.password}', MASTER_CONNECT_RETRY=1, "
            f"MASTER_USE_GTID={position}{more}"
        )

    def link(self, name: str) -> dict[str, Any]:
        """What SHOW SLAVE STATUS has; empty if it is no replica."""
        rows = self.query(name, "SHOW ALL SLAVES STATUS")
        return rows[0] if rows else {}

    def follows(self, link: dict[str, Any]) -> str:
        """Whom a link leads to; empty if nobody."""
        there = {("127.0.0.1", port): name for name, port in self._ports.items()}
        return there.get((link.get("Master_Host"), link.get("Master_Port")), "")

    def has_taken_over(self, name: str) -> bool:
        """Whether another server than this one is the primary, as far as the others
        can tell: what a start is decided by."""
        for other in self.ready():
            with suppress(SqlError):
                if (
                    other != name
                    and not self.link(other)
                    and self.value(other, "SELECT @@read_only") == 0
                ):
                    return True
        return False
