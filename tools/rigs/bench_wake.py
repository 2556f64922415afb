# SPDX-License-Identifier: GPL-2.0-only
"""How long after a crash is an application answered, and what waking the replica saves.

    tools/rigs/start bench_wake [--rounds N]

A primary is killed while a commit waits for its semi-sync replica, and started again
at once. The replica has the default MASTER_CONNECT_RETRY of 60 s: it has tried to
connect in vain right after the crash, and sleeps. One client tries to connect until
its first statement is answered. Measured from the crash, in three ways: the bare
server, the gate alone, and the gate with recovery-gate wait --wake, which runs from
the start on, as in packaging/systemd/mariadb-open.service.

Environment: RECOVERY_GATE_TOOL and RECOVERY_GATE_PLUGIN, as for the tests. Prints a
table; exits 0 when each round ended with an answer.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import statistics
import subprocess
import sys
import time
from contextlib import suppress

from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Interrupted,
    Pending,
    Replication,
    Servers,
    SqlError,
    catch_signals,
    wait_for,
)
from rigs.tool_under_test import GATE, QUICK, TOOL

WAYS = ("the bare server", "the gate", "the gate, and wait --wake")


class Bench:
    def __init__(self, servers: Servers):
        self.primary = servers.add(
            "primary", *SEMISYNC_PRIMARY, *QUICK,
            "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
        )
        self.replica = servers.add("replica", *SEMISYNC_REPLICA, *QUICK)
        self.link = Replication(self.primary, self.replica)
        self.password = secrets.token_hex(8)
        self.rows = 0

    def set_up(self) -> None:
        self.replica.start()
        self.primary.start(*GATE)
        self.link.set_up()
        for statement in ("STOP SLAVE", "CHANGE MASTER TO MASTER_CONNECT_RETRY=60", "START SLAVE"):
            self.replica.query(statement)
        self.primary.wait_for_status("Rpl_semi_sync_master_clients", "1")
        self.primary.query("CREATE DATABASE shop")
        self.primary.query("CREATE TABLE shop.orders (id INT PRIMARY KEY)")
        for account, privileges in (("app", "SELECT ON shop.*"),
                                    ("waker", "REPLICATION SLAVE ADMIN, SLAVE MONITOR ON *.*")):
            self.primary.query(f"CREATE USER {account}@'127.0.0.1' IDENTIFIED BY %s",
                               self.password)
            self.primary.query(f"GRANT {privileges} TO {account}@'127.0.0.1'")

    def crash(self) -> float:
        """Returns when. The commit gets to the replica only after the crash."""
        os.kill(self.replica.pid, signal.SIGSTOP)
        self.rows += 1
        before = self.primary.binlog_end()
        Pending(self.primary.connect_as_admin(), f"INSERT INTO shop.orders VALUES ({self.rows})")
        wait_for(self.primary.binlog_end, lambda end: before < end, "the commit in the log")
        self.primary.kill9()
        crashed = time.monotonic()
        os.kill(self.replica.pid, signal.SIGCONT)
        wait_for(self.link.status, lambda row: row["Last_IO_Errno"] != 0,
                 "the replica to have tried in vain")
        return crashed

    def is_answered(self) -> bool:
        with suppress(SqlError):
            with self.primary.connect("app", self.password, timeout=15) as session:
                session.query("SELECT COUNT(*) FROM shop.orders")
                return True
        return False

    def measure(self, way: str) -> float:
        crashed = self.crash()
        self.primary.launch(*(() if way == WAYS[0] else GATE))
        waker = None
        if way == WAYS[2]:
            waker = subprocess.Popen(
                [TOOL, "wait", "--wake", "--no-defaults", f"--socket={self.primary.socket}",
                 f"--replica=127.0.0.1:{self.replica.port}", "--peer-user=waker",
                 f"--peer-password={self.password}"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.is_answered, bool, "an answer", 180)
        took = time.monotonic() - crashed
        if waker is not None:
            waker.wait(30)
        self.restore()
        return took

    def restore(self) -> None:
        """Everything is acknowledged, and the replica connected, with the gate."""
        self.link.stop()
        self.link.start()
        self.link.wait_connected()
        self.primary.wait_for_status("Rpl_semi_sync_master_clients", "1")
        self.rows += 1
        self.primary.query("INSERT INTO shop.orders VALUES (%s)", self.rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    catch_signals()
    seen: dict[str, list[float]] = {way: [] for way in WAYS}
    with Servers("bench-wake") as servers:
        bench = Bench(servers)
        bench.set_up()
        for number in range(rounds):
            for way in WAYS:
                seen[way].append(bench.measure(way))
                print(f"round {number + 1}: {way}: {seen[way][-1]:.2f} s", flush=True)
    print("\n| crash to the first answer | median | least | most |\n| --- | ---: | ---: | ---: |")
    for way, seconds in seen.items():
        print(f"| {way} | {statistics.median(seconds):.2f} s"
              f" | {min(seconds):.2f} s | {max(seconds):.2f} s |")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Interrupted as interruption:
        sys.exit(interruption.exit_status)
