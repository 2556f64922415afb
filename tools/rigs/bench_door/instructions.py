# SPDX-License-Identifier: GPL-2.0-only
"""What a connection costs in instructions, of the server and in user space: what
callgrind counts does not depend on what else the machine is doing.

A server with the gate open and one without it are each given the same logins as an
application, and as many statements; and a second one without it, as the control.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from rigs.bench_door.pair import Bench
from rigs.bench_door.ratios import table
from rigs.servers import Server, Unexpected, run

_USER = "application"
_WARM = 100


@dataclass
class Count:
    what: str
    connection: float  # instructions for one that logs in and leaves
    statement: float  # for a SELECT 1 besides


def measure(bench: Bench, connections: int) -> list[Count]:
    if shutil.which("valgrind") is None:
        raise Unexpected("valgrind", "it is not installed: apt-get install valgrind")
    return [
        _count(bench, what, number, connections, options)
        for number, (what, options) in enumerate(
            (
                ("without", ()),
                ("with the gate, open", bench.gate),
                ("control: without", ()),
            )
        )
    ]


def _count(
    bench: Bench, what: str, number: int, times: int, options: tuple[str, ...]
) -> Count:
    server = bench.servers.add(
        f"instructions/{number}",
        *("--log-bin=bin", "--rpl-semi-sync-master-enabled=ON"),
        *("--performance-schema=OFF", "--thread-cache-size=8"),
        # What valgrind cannot do: wait for I/O so, map as much as that.
        *("--innodb-use-native-aio=OFF", "--loose-innodb-buffer-pool-size-max=16M"),
    )
    # Without the gate, which would wait for a replica to acknowledge that.
    server.start()
    server.query(f"CREATE USER {_USER}@'127.0.0.1' IDENTIFIED BY ''")
    server.stop()
    counts = server.folder / "callgrind"
    server.runner = [
        "valgrind",
        "--tool=callgrind",
        "--fair-sched=try",
        f"--callgrind-out-file={counts}",
    ]
    server.start(*options, timeout=600)
    _connect(server, _WARM)
    plain = _cost(server, counts, times)
    asked = _cost(server, counts, times, "SELECT 1")
    server.kill9()
    return Count(what, plain, asked - plain)


def _cost(server: Server, counts: Path, times: int, statement: str = "") -> float:
    """Of each connection. What threads do that have nothing to do with them, they do
    in as long a time without any, too."""
    _since_last(server, counts)
    begin = time.monotonic()
    _connect(server, times, statement)
    seconds = time.monotonic() - begin
    busy = _since_last(server, counts)
    time.sleep(seconds)
    _wait_alone(server)  # which is in the other count, too
    return (busy - _since_last(server, counts)) / times


def _connect(server: Server, times: int, statement: str = "") -> None:
    for _ in range(times):
        with server.connect(_USER, "") as session:
            if statement:
                session.query(statement)
    _wait_alone(server)


def _wait_alone(server: Server) -> None:
    """Until the last one's thread is back. Not by SHOW STATUS: what that costs
    depends on how many variables there are."""
    users = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = %s"
    while server.value(users, _USER):
        time.sleep(0.05)


def _since_last(server: Server, counts: Path) -> int:
    """Instructions since it was called last."""
    before = set(counts.parent.glob(f"{counts.name}.*"))
    command: list[str | Path] = ["callgrind_control", "--dump", str(server.pid)]
    run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (dump,) = set(counts.parent.glob(f"{counts.name}.*")) - before
    found = re.search(r"^(?:totals|summary): (\d+)", dump.read_text(), re.MULTILINE)
    if found is None:
        raise Unexpected("a count of instructions", dump)
    return int(found[1])


def report(counts: list[Count]) -> str:
    first = counts[0]
    return table(
        [
            ["", "a connection", "more", "ratio", "a statement", "more"],
            *([
                each.what,
                f"{each.connection:,.0f}",
                f"{each.connection - first.connection:+,.0f}",
                f"{each.connection / first.connection:.4f}",
                f"{each.statement:,.0f}",
                f"{each.statement - first.statement:+,.0f}",
            ]
            for each in counts),
        ]
    )
