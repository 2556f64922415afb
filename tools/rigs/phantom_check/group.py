# SPDX-License-Identifier: GPL-2.0-only
"""Servers under an application's clients, whatever their roles."""

from __future__ import annotations

import re
import secrets
from typing import Any, Callable

from rigs.phantom_check.timeline import Timeline
from rigs.servers import Replication, Server, Servers, Session, wait_for

_USER = "application"
_GATE_LINE = re.compile(r"(recovery_gate: .*|Recovery gate: .*)", re.IGNORECASE)
_ALL_APPLIED = "Slave has read all relay log; waiting for more updates"
# What makes a small server quicker to start and to stop.
_QUICK = (
    "--innodb-buffer-pool-dump-at-shutdown=OFF",
    "--innodb-buffer-pool-load-at-startup=OFF",
    "--skip-performance-schema",
)


class Broken(Exception):
    """Replication has stopped and will not go on by itself."""


class Refused(Exception):
    """The primary does not start again, and only a person could make it.

    When a server is killed in a shutdown, its binary log may have been closed
    properly already while InnoDB still has transactions prepared. The next
    start has no log to look them up in, and gives up. That is MariaDB's, with
    the gate or without it."""


class Group:
    """Clients talk to its servers as an application, without any privilege that
    a closed gate respects. `gate` is what a server needs to have one."""

    def __init__(
        self, servers: Servers, folder: str, gate: tuple[str, ...], timeline: Timeline
    ):
        self.gate = gate
        self.timeline = timeline
        self._servers = servers
        self._folder = folder
        self._password = secrets.token_hex(12)
        self._lives = 0
        self._lives_of: dict[Server, list[int]] = {}

    def add_server(self, name: str, *options: str) -> Server:
        return self._servers.add(
            f"{self._folder}/{name}", *_QUICK, *options, *self.gate
        )

    def number_life(self, server: Server) -> str:
        """The option with which the next start of a server tells clients which
        life it is."""
        # They ask the server itself: a restart could come between their asking
        # anybody else and their connecting.
        self._lives += 1
        self._lives_of.setdefault(server, []).append(self._lives)
        return f"--report-host=life-{self._lives}"

    def life_of(self, server: Server) -> int:
        return self._lives_of[server][-1]

    def lives_of(self, server: Server) -> list[int]:
        return self._lives_of[server]

    def create_journal(self, server: Server) -> None:
        """What the application needs."""
        for statement in (
            "CREATE DATABASE journal",
            "CREATE TABLE journal.entries"
            " (token BIGINT PRIMARY KEY, writer VARCHAR(20)) ENGINE=InnoDB",
            f"CREATE USER {_USER}@'127.0.0.1' IDENTIFIED BY '{self._password}'",
            f"GRANT SELECT, INSERT ON journal.* TO {_USER}@'127.0.0.1'",
        ):
            server.query(statement)

    def connect_to(self, server: Server) -> tuple[Session, int]:
        """A session of the application, and the life it is in."""
        session = server.connect(_USER, self._password, "journal", timeout=60)
        try:
            life = session.value("SELECT @@report_host")
            return session, int(life.removeprefix("life-"))
        except BaseException:
            session.close()
            raise

    def gate_state_of(self, server: Server) -> str:
        if not self.gate:
            return "no gate"
        shown = server.statuses("Recovery_gate%")
        return ", ".join(
            shown.get(f"Recovery_gate_{name}", "?")
            for name in ("state", "reason", "waiting_for", "opened_by")
            if shown.get(f"Recovery_gate_{name}") != ""
        )

    def note_gate_log(self, server: Server) -> None:
        """In the timeline; all of it once its life is over."""
        for line in server.log_of_this_start().splitlines():
            if found := _GATE_LINE.search(line):
                life = self.life_of(server)
                self.timeline.note(
                    server.name, f"logged in life {life}: {found[1]}"
                )

    @staticmethod
    def commit_waits_on(server: Server) -> bool:
        return server.status("Rpl_semi_sync_master_wait_sessions") != "0"

    @staticmethod
    def tokens(server: Server, oldest: int) -> set[int]:
        rows = server.query(
            "SELECT token FROM journal.entries WHERE token >= %s", oldest
        )
        return {row["token"] for row in rows}


# What a replica shows


def follow_status(replication: Replication, needed: tuple[str, ...]) -> dict[str, Any]:
    """Unless a thread that is needed has stopped."""
    status = replication.status()
    error = status["Last_SQL_Error"] or status["Last_IO_Error"]
    if "No" in (status[thread] for thread in needed):
        raise Broken(f"replication has stopped: {error or 'no error'}")
    interesting = (
        *("Slave_IO_Running", "Slave_SQL_Running", "Slave_SQL_Running_State"),
        *("Master_Log_File", "Read_Master_Log_Pos"),
        *("Relay_Master_Log_File", "Exec_Master_Log_Pos"),
        *("Last_IO_Error", "Last_SQL_Error"),
    )
    return {name: status[name] for name in interesting}


def position_applied(seen: dict[str, Any]) -> bool:
    received = seen["Master_Log_File"], seen["Read_Master_Log_Pos"]
    return received == (seen["Relay_Master_Log_File"], seen["Exec_Master_Log_Pos"])


def wait_applied(
    replication: Replication, status: Callable[[], dict[str, Any]]
) -> None:
    """Once nothing more is received: returns when all that was is applied."""
    restarted = False
    while True:
        seen = wait_for(
            status,
            lambda seen: position_applied(seen)
            or seen["Slave_SQL_Running_State"] == _ALL_APPLIED,
            "the replica to apply what it has received",
            60,
        )
        if restarted or position_applied(seen):
            return
        # Nothing to do, and not at the end: half a transaction was received,
        # or the SQL thread has yet to notice that more was. A new one reads
        # all of the relay log before it says that it has.
        replication.stop("SQL_THREAD")
        replication.start("SQL_THREAD")
        restarted = True
