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
    )
    # One that has run before, so that neither creates what the other finds.
    server.start(*options)
    server.query(f"CREATE USER {_USER}@'127.0.0.1' IDENTIFIED BY ''")
    server.stop()
    counts = server.folder / "callgrind"
    server.runner = [
        "valgrind",
        "--tool=callgrind",
        f"--callgrind-out-file={counts}",
    ]
    server.start(*options, timeout=600)
    _connect(server, _WARM)
    _since_last(server, counts)
    _connect(server, times)
    plain = _since_last(server, counts) / times
    _connect(server, times, "SELECT 1")
    asked = _since_last(server, counts) / times
    server.kill9()
    return Count(what, plain, asked - plain)


def _connect(server: Server, times: int, statement: str = "") -> None:
    for _ in range(times):
        with server.connect(_USER, "") as session:
            if statement:
                session.query(statement)
    # Until the last one's thread is back.
    while int(server.status("Threads_connected")) > 1:
        time.sleep(0.05)


def _since_last(server: Server, counts: Path) -> int:
    """Instructions since it was called last."""
    before = set(counts.parent.glob(f"{counts.name}.*"))
    run(["callgrind_control", "--dump", str(server.pid)], stdout=subprocess.DEVNULL)
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
