# SPDX-License-Identifier: GPL-2.0-only
"""What a mariadb-backup carries of a gate: docs/backups.md, on real servers.

    tools/rigs/start backups_test

A primary and its semi-sync replica. Backups are taken while the gate is open, closed
after a crash, and open again; then each row of the page's table is restored.

Environment: RECOVERY_GATE_TOOL and RECOVERY_GATE_PLUGIN, the built tool and plugin;
those of build/ when they are not set. Exits 0 only if everything was as expected.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from rigs import PROJECT
from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Replication,
    Server,
    Servers,
    SqlError,
    expect,
    free_port,
    program,
    tail,
    wait_for,
)
from rigs.story import Story, main
from rigs.tool_under_test import GATE, QUICK

PAGE = PROJECT / "docs" / "backups.md"
PASSWORD = "secret"
REJECTED = 1047

# Clients are told at once.
OPTIONS = (*GATE, *QUICK, "--recovery-gate-connect-wait=0")
PRIMARY = (*OPTIONS, *SEMISYNC_PRIMARY, "--rpl-semi-sync-master-wait-point=AFTER_SYNC")


def statements() -> list[str]:
    """The page's own, which make the account."""
    found = re.findall(r"^(?:CREATE USER|GRANT|SET GLOBAL) .*;$", PAGE.read_text(), re.M)
    return [line.replace("'...'", f"'{PASSWORD}'") for line in found]


def rows() -> list[list[str]]:
    """Of the page's table: the first five cells."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip(" `") for cell in line.split("|")[1:6]] for line in lines]
    return [row for row in cells if row[0] in ("before", "while closed", "after")]


class Backups(Story):
    def __init__(self, servers: Servers):
        super().__init__(servers)
        self.servers = servers
        self.primary = servers.add("primary", *PRIMARY)
        self.replica = servers.add("replica", *OPTIONS, *SEMISYNC_REPLICA)
        self.link = Replication(self.primary, self.replica)

    def steps(self):
        yield self.before
        yield self.while_closed
        yield self.copy_opens_it
        yield self.after
        for row in rows():
            yield self.restored(*row)

    # The steps

    def before(self) -> None:
        self.primary.start()
        self.replica.start()
        self.link.set_up()
        self.primary.wait_for_status("Rpl_semi_sync_master_clients", "1")
        create, grant, self.admit = statements()
        for statement in (
            *(create, grant, f"CREATE USER app IDENTIFIED BY '{PASSWORD}'"),
            *("CREATE DATABASE shop", "GRANT ALL ON shop.* TO app"),
            "CREATE TABLE shop.orders (id INT PRIMARY KEY) ENGINE=InnoDB",
            "INSERT INTO shop.orders VALUES (1)",
        ):
            self.primary.query(statement)
        self.take("before")

    def while_closed(self) -> None:
        self.link.cut()
        self.primary.kill9_during("INSERT INTO shop.orders VALUES (2)")
        self.primary.start()
        self.primary.wait_for_status("Recovery_gate_waiting_for", "REPLICA")
        log = self.folder / "backup.log"
        status = self.run(log, "--backup", *self.login(), f"--target-dir={self.folder}/no")
        heard = tail(log)
        expect("a closed gate to reject it", heard, status and "Recovery gate is closed" in heard)
        self.primary.query(self.admit)
        (self.folder / "state").mkdir()
        shutil.copy(self.primary.datadir / "recovery_gate.state", self.folder / "state")
        self.take("while closed")
        (self.folder / "logs").mkdir()
        for log in self.primary.datadir.glob("bin.*"):
            shutil.copy(log, self.folder / "logs")

    def copy_opens_it(self) -> None:
        """The backup of a closed server, as its replica."""
        copy = self.restore("while closed", "copy", *OPTIONS, *SEMISYNC_REPLICA)
        copy.start()
        info = binlog_info(copy.datadir).read_text()
        copy.query("SET GLOBAL gtid_slave_pos = %s", info.split()[2])
        link = Replication(self.primary, copy)
        link.begin()
        self.primary.wait_for_status("Recovery_gate_opened_by", "ACK")
        link.end()
        copy.stop()

    def after(self) -> None:
        self.link.restore()
        self.link.wait_connected()
        self.primary.wait_for_status("Rpl_semi_sync_master_clients", "1")
        wait_for(lambda: orders(self.replica), lambda seen: seen == [1, 2], "both orders")
        self.take("after")
        self.link.stop()
        self.primary.stop()

    def restored(self, taken: str, put: str, gate: str, reason: str, has: str):
        def step() -> None:
            server = self.restore(taken, name, *PRIMARY, f"--server-id={self.primary.id}")
            for folder in () if put == "nothing" else put.split(", "):
                for file in (self.folder / folder).iterdir():
                    shutil.copy(file, server.datadir)
            server.start()
            seen = server.statuses("Recovery_gate%")
            state = seen["Recovery_gate_waiting_for"] or seen["Recovery_gate_state"]
            found = (state, seen["Recovery_gate_reason"], orders(server))
            wanted = (gate, reason, [1, 2] if has == "yes" else [1])
            expect(f"{wanted}", found, found == wanted)
            try:
                with server.connect("app", PASSWORD, timeout=10) as session:
                    heard = session.value("SELECT COUNT(*) FROM shop.orders")
            except SqlError as error:
                heard = -error.code
            is_let_in = heard == len(wanted[2])
            expect("what clients hear", heard, is_let_in if gate == "OPEN" else heard == -REJECTED)
            if gate == "REPLICA":
                link = Replication(server, self.replica)
                link.begin()
                server.wait_for_status("Recovery_gate_opened_by", "ACK")
                link.end()
            if put == "nothing":
                server.wait_for_log("neither a binary log nor recovery_gate.state")
            server.kill9()

        name = f"{taken}-{put}".replace(", ", "-").replace(" ", "-")
        step.__name__ = name.replace("-", "_")
        return step

    # Helpers

    def login(self) -> tuple[str, ...]:
        return (f"--socket={self.primary.socket}", "--user=backup", f"--password={PASSWORD}")

    def run(self, log: Path, *options: str) -> int:
        with open(log, "wb") as output:
            return subprocess.run(
                [program("mariadb-backup"), "--no-defaults", *options],
                stdout=output,
                stderr=output,
            ).returncode

    def take(self, name: str) -> None:
        target = self.folder / name.replace(" ", "-")
        log = self.folder / "backup.log"
        for options in (
            ("--backup", *self.login(), f"--datadir={self.primary.datadir}"),
            ("--prepare",),
        ):
            status = self.run(log, *options, f"--target-dir={target}")
            expect(f"mariadb-backup {options[0]} to succeed\n{tail(log)}", status, status == 0)
        carried = {path.name for path in target.iterdir()}
        expect(
            "neither logs nor state in it",
            carried,
            not any("bin.0" in name or "recovery_gate" in name for name in carried),
        )

    def restore(self, taken: str, name: str, *options: str) -> Server:
        server = self.servers.add(name, *options)
        server.port = free_port()
        server.folder.mkdir()
        log = self.folder / "backup.log"
        target = self.folder / taken.replace(" ", "-")
        status = self.run(
            log, "--copy-back", f"--target-dir={target}", f"--datadir={server.datadir}"
        )
        expect(f"mariadb-backup --copy-back to succeed\n{tail(log)}", status, status == 0)
        shutil.copy(binlog_info(target), server.datadir)
        return server


def binlog_info(folder: Path) -> Path:
    """xtrabackup_binlog_info, or mariadb_backup_binlog_info from 11.1 on."""
    return next(folder.glob("*_binlog_info"))


def orders(server: Server) -> list[int]:
    return [row["id"] for row in server.query("SELECT id FROM shop.orders ORDER BY id")]


if __name__ == "__main__":
    sys.exit(main("backups-test", Backups))
