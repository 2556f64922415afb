"""A primary and its semi-sync replica, and the roles they change."""

from __future__ import annotations

import re
import secrets
from typing import Any, Callable

from servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Replication,
    Server,
    Servers,
    Session,
    Unexpected,
    wait_for,
)

from phantoms.link import Link
from phantoms.plan import Configuration, Traffic
from phantoms.timeline import Timeline

_USER = "application"
# One of these is in each start's error log, in this order: a start after a
# clean shutdown has no recovery to wait for.
_RECOVERS = "Recovering after a crash|Server socket created|ready for connections"
_REFUSAL = r"Found \d+ prepared transactions! It means"
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


class Pair:
    """Clients talk to the primary as an application, without any privilege
    that a closed gate respects."""

    def __init__(
        self,
        servers: Servers,
        folder: str,
        configuration: Configuration,
        gate: tuple[str, ...],
        timeline: Timeline,
    ):
        self.configuration = configuration
        self.timeline = timeline
        self.gate = gate
        self._servers = servers
        self._folder = folder
        self._password = secrets.token_hex(12)
        self._made = 0
        self._lives = 0
        self._life_of: dict[Server, int] = {}
        self.primary = self._make()
        self.replica = self._make()
        self.link = Link()

    # Making them

    def build(self) -> None:
        self._start(self.primary, *SEMISYNC_PRIMARY)
        self._follow()
        for statement in (
            "CREATE DATABASE journal",
            "CREATE TABLE journal.entries"
            " (token BIGINT PRIMARY KEY, writer VARCHAR(20)) ENGINE=InnoDB",
            f"CREATE USER {_USER}@'127.0.0.1' IDENTIFIED BY '{self._password}'",
            f"GRANT SELECT, INSERT ON journal.* TO {_USER}@'127.0.0.1'",
        ):
            self.primary.query(statement)

    def rebuild(self) -> None:
        """Both from nothing."""
        self.primary.destroy()
        self.replica.destroy()
        self.link.close()
        self.primary, self.replica, self.link = self._make(), self._make(), Link()
        self.build()

    def promote(self) -> None:
        """Loses the primary for good, and makes the replica one, with a new
        replica that has everything. Nobody may be writing."""
        lost = self.primary
        self.timeline.note(lost.name, "is lost for good, with its data")
        lost.destroy()
        self.link.close()
        self.replica.query("STOP SLAVE")
        self.replica.query("RESET SLAVE ALL")
        self.replica.query("SET GLOBAL rpl_semi_sync_master_enabled=ON")
        self.primary, self.replica, self.link = self.replica, self._make(), Link()
        self.timeline.note(self.primary.name, f"is promoted: life {self.life}")
        self._follow()
        self._wait_caught_up()
        self.timeline.note(self.replica.name, "is the new replica, with all rows")

    def close(self) -> None:
        self.primary.kill9()
        self.replica.kill9()
        self.link.close()

    def _make(self) -> Server:
        self._made += 1
        return self._servers.add(
            f"{self._folder}/server-{self._made}",
            *_QUICK,
            *SEMISYNC_REPLICA,
            # In force once it is a primary.
            *(option for option in SEMISYNC_PRIMARY if "timeout" in option),
            f"--rpl-semi-sync-master-wait-point={self.configuration.wait_point}",
            *self.gate,
        )

    def _start(self, server: Server, *options: str) -> None:
        server.start(*options, self._number_life(server))

    def _number_life(self, server: Server) -> str:
        # Clients ask the server itself whose life they are in: a restart could
        # come between their asking anybody else and their connecting.
        self._lives += 1
        self._life_of[server] = self._lives
        return f"--report-host=life-{self._lives}"

    def _follow(self) -> None:
        # Not a semi-sync primary itself: a replica that is one waits for an
        # acknowledgement of what it applies.
        self._start(self.replica)
        self.link.lead_to(self.primary.port)
        self.replication = Replication(
            self.primary,
            self.replica,
            gtid=self.configuration.gtid,
            port=self.link.port,
        )
        self.replication.set_up()
        self.primary.wait_for_status("Rpl_semi_sync_master_clients", "1")

    # The primary's lives

    @property
    def life(self) -> int:
        return self._life_of[self.primary]

    def launch(self, connect_wait: int) -> None:
        options = [*SEMISYNC_PRIMARY, self._number_life(self.primary)]
        if self.gate:
            options.append(f"--recovery-gate-connect-wait={connect_wait}")
        self.primary.launch(*options)
        self.timeline.note(
            self.primary.name,
            f"is launched: life {self.life}; the network {self.link.traffic.value}",
        )

    def wait_ready(self) -> None:
        self._unless_it_refuses(self.primary.wait_ready)

    def wait_recovers(self) -> None:
        self._unless_it_refuses(lambda: self.primary.wait_for_log(_RECOVERS))

    def kill9(self) -> None:
        if not self.primary.is_running():
            self._unless_it_refuses(self._fail_dead)
        self.primary.kill9()

    def _unless_it_refuses(self, wait: Callable[[], None]) -> None:
        try:
            wait()
        except Unexpected as unexpected:
            if re.search(_REFUSAL, self.primary.log_of_this_start()):
                raise Refused(str(unexpected)) from None
            raise

    def _fail_dead(self) -> None:
        raise Unexpected(f"{self.primary.name} to run", "that it has ended by itself")

    def set_traffic(self, traffic: Traffic) -> None:
        if traffic is not self.link.traffic:
            self.link.set(traffic)
            self.timeline.note("network", traffic.value)

    def gate_state(self) -> str:
        if not self.gate:
            return "no gate"
        shown = self.primary.statuses("Recovery_gate%")
        return ", ".join(
            shown.get(f"Recovery_gate_{name}", "?")
            for name in ("state", "reason", "waiting_for", "opened_by")
            if shown.get(f"Recovery_gate_{name}") != ""
        )

    def commit_waits(self) -> bool:
        return self.primary.status("Rpl_semi_sync_master_wait_sessions") != "0"

    # Clients

    def connect(self) -> tuple[Session, int]:
        """A session of the application, and the life it is in."""
        session = self.primary.connect(_USER, self._password, "journal", timeout=60)
        try:
            life = session.value("SELECT @@report_host")
            return session, int(life.removeprefix("life-"))
        except BaseException:
            session.close()
            raise

    @staticmethod
    def tokens(server: Server, oldest: int) -> set[int]:
        rows = server.query(
            "SELECT token FROM journal.entries WHERE token >= %s", oldest
        )
        return {row["token"] for row in rows}

    # The replica

    def wait_for_all_applied(self) -> None:
        """Once the primary is dead: returns when the replica shows all that it
        has received, as it would have to before it is promoted."""
        wait_for(
            self._replica_status,
            lambda seen: seen["Slave_IO_Running"] != "Yes",
            "the replica to notice that its primary is gone",
        )
        restarted = False
        while True:
            seen = wait_for(
                self._replica_status,
                lambda seen: self._position_applied(seen)
                or seen["Slave_SQL_Running_State"] == _ALL_APPLIED,
                "the replica to apply what it has received",
                60,
            )
            if restarted or self._position_applied(seen):
                return
            # Nothing to do, and not at the end: half a transaction was received,
            # or the SQL thread has yet to notice that more was. A new one reads
            # all of the relay log before it says that it has.
            self.replica.query("STOP SLAVE SQL_THREAD")
            self.replica.query("START SLAVE SQL_THREAD")
            restarted = True

    def _wait_caught_up(self) -> None:
        end = self.primary.binlog_end()
        wait_for(
            self._replica_status,
            lambda seen: self._position_applied(seen)
            and (end.file, end.offset)
            == (seen["Relay_Master_Log_File"], seen["Exec_Master_Log_Pos"]),
            f"the new replica to have applied all up to {end}",
            120,
        )
        rows = self.tokens(self.primary, 0)
        missing = rows - self.tokens(self.replica, 0)
        if missing:
            raise Unexpected("the new replica to have all rows", f"{missing} missing")

    def wait_in_step(self) -> None:
        """Until the replica follows, as a semi-sync replica."""
        wait_for(
            lambda: (self._replica_status(), self._semisync_clients()),
            lambda seen: seen[0]["Slave_IO_Running"] == "Yes" and seen[1] == "1",
            "the replica to follow the primary",
            60,
        )

    def _semisync_clients(self) -> str:
        return self.primary.status("Rpl_semi_sync_master_clients")

    def _replica_status(self) -> dict[str, Any]:
        status = self.replication.status()
        error = status["Last_SQL_Error"] or status["Last_IO_Error"]
        if "No" in (status["Slave_SQL_Running"], status["Slave_IO_Running"]):
            raise Broken(f"replication has stopped: {error or 'no error'}")
        interesting = (
            *("Slave_IO_Running", "Slave_SQL_Running", "Slave_SQL_Running_State"),
            *("Master_Log_File", "Read_Master_Log_Pos"),
            *("Relay_Master_Log_File", "Exec_Master_Log_Pos"),
            *("Last_IO_Error", "Last_SQL_Error"),
        )
        return {name: status[name] for name in interesting}

    @staticmethod
    def _position_applied(seen: dict[str, Any]) -> bool:
        received = seen["Master_Log_File"], seen["Read_Master_Log_Pos"]
        return received == (
            seen["Relay_Master_Log_File"],
            seen["Exec_Master_Log_Pos"],
        )
