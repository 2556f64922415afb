# SPDX-License-Identifier: GPL-2.0-only
"""A primary with its semi-sync replica, and what an application sees of it."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

from rigs.bench_door.programs import AckStamps, Program
from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Replication,
    Server,
    Servers,
    wait_for,
)

ROWS = 10_000
_USER = "application"


class Bench:
    """What all benchmarks share."""

    def __init__(self, servers: Servers, programs: Path, gate: tuple[str, ...]):
        self.servers = servers
        self.programs = programs
        self.gate = gate  # the options that load it
        self.errors = servers.folder / "programs.log"


class Pair:
    """Clients talk to the primary as an application, without any privilege that
    a closed gate respects."""

    def __init__(self, bench: Bench, name: str, *options: str):
        self._bench = bench
        self._password = secrets.token_hex(12)
        self._options = options
        self.primary = self._add(f"{name}/primary", *SEMISYNC_PRIMARY)
        self.replica = self._add(f"{name}/replica", *SEMISYNC_REPLICA)
        self.link: Replication

    def _add(self, path: str, *options: str) -> Server:
        return self._bench.servers.add(
            path,
            # The table in memory, and no checkpoint in the middle of a run.
            *("--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M"),
            "--innodb-buffer-pool-dump-at-shutdown=OFF",
            "--innodb-buffer-pool-load-at-startup=OFF",
            *self._options,
            *options,
        )

    def build(self, port: int | None = None) -> None:
        """From nothing, without the gate. `port` leads the replica to the
        primary, where it is not the primary's own."""
        if not self.primary.is_running():
            self.primary.start()
        self.replica.start()
        self.link = Replication(self.primary, self.replica, port=port)
        self.link.set_up()
        self._wait_semisync()
        for statement in (
            "CREATE DATABASE load_server",
            "CREATE TABLE load_server.items"
            " (id INT PRIMARY KEY, n INT NOT NULL, filler VARCHAR(100) NOT NULL)"
            " ENGINE=InnoDB",
            "INSERT INTO load_server.items"
            f" SELECT seq, 0, REPEAT(MD5(seq), 3) FROM load_server.seq_1_to_{ROWS}",
            f"CREATE USER {_USER}@'127.0.0.1' IDENTIFIED BY '{self._password}'",
            f"GRANT SELECT, UPDATE ON load_server.* TO {_USER}@'127.0.0.1'",
        ):
            self.primary.query(statement)
        self.wait_received()

    def start(self, *options: str) -> None:
        """Both; returns when the replica is there, and the gate, if there is
        one, is open."""
        self.replica.launch(*options)
        self.primary.start(*options)
        self.replica.wait_ready()
        self.reconnect()
        if options:
            self.primary.wait_for_status("Recovery_gate_open", "ON")

    def stop(self) -> None:
        self.wait_received()
        self.replica.ask_to_stop()
        self.primary.stop()
        self.replica.stop()

    def reconnect(self) -> None:
        """Has the replica connect now, and not at its next try."""
        self.link.cut()
        self.link.restore()
        self.link.wait_connected()
        self._wait_semisync()

    def wait_received(self) -> None:
        """The replica has all that the primary has in its binary log."""
        written = self.primary.value("SELECT @@gtid_binlog_pos")
        wait_for(
            lambda: self.link.status()["Gtid_IO_Pos"],
            lambda received: received == written,
            f"the replica to have received {written}",
        )
        self._wait_semisync()

    def _wait_semisync(self) -> None:
        self.primary.wait_for_status("Rpl_semi_sync_master_clients", "1")

    def processor_seconds(self) -> float:
        """What the primary has used, in all its threads."""
        pid = int((self.primary.folder / "pid").read_text())
        # As clock_getcpuclockid(3) makes it; Python has that for threads only.
        return time.clock_gettime(~pid << 3 | 2)

    def clients(self, what: str, *options: str, port: int | None = None) -> Program:
        return Program(
            [
                *(self._bench.programs / "load-server", what),
                *(f"--port={port or self.primary.port}", f"--user={_USER}"),
                *options,
            ],
            self._bench.errors,
            MYSQL_PWD=self._password,
        )

    def ask(self, timeout: float, what: str, *options: str) -> Any:
        with self.clients(what, *options) as program:
            return program.answer(timeout)

    def stamps(self, port: int) -> AckStamps:
        return AckStamps(
            self._bench.programs, self.primary.port, port, self._bench.errors
        )
