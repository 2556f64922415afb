# SPDX-License-Identifier: GPL-2.0-only
"""How long a start takes where many binary logs have to be read: nothing in them has
been acknowledged, and each holds one transaction.

The server is killed each time, so that it starts with recovery. It is started with
the gate and without, in turn.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

from rigs.bench_door.pair import Bench
from rigs.bench_door.ratios import spread_text, table
from rigs.servers import SEMISYNC_PRIMARY, Server, Unexpected


@dataclass
class Starts:
    logs: int
    without: list[float] = field(default_factory=list)  # ms
    gate: list[float] = field(default_factory=list)

    def more(self) -> list[float]:
        """Of each start with the gate, and the one without beside it."""
        return [gate - without for gate, without in zip(self.gate, self.without)]


def measure(bench: Bench, logs: int, rounds: int) -> list[Starts]:
    return [_measure(bench, count, rounds) for count in (1, logs)]


def _measure(bench: Bench, logs: int, rounds: int) -> Starts:
    server = bench.servers.add(
        f"starts/{logs}", *SEMISYNC_PRIMARY, "--rpl-semi-sync-master-timeout=1"
    )
    server.start(*bench.gate)
    server.query("SET GLOBAL sync_binlog = 0")
    server.query("CREATE TABLE mysql.many (id INT PRIMARY KEY) ENGINE=InnoDB")
    for number in range(1, logs):
        server.query("FLUSH BINARY LOGS")
        server.query("INSERT INTO mysql.many VALUES (%s)", number)
    server.kill9()
    starts = Starts(logs)
    for number in range(rounds):
        ways = [(starts.without, ()), (starts.gate, bench.gate)]
        for times, options in ways if number % 2 else reversed(ways):
            times.append(_start(server, options))
        print(f"  round {number + 1} of {rounds}", flush=True)
    return starts


def _start(server: Server, options: tuple[str, ...]) -> float:
    began = time.monotonic()
    server.launch(*options)
    server.wait_ready()
    took = (time.monotonic() - began) * 1000
    if options and server.status("Recovery_gate_state") != "CLOSED":
        raise Unexpected("a gate that is closed", server.statuses("Recovery_gate%"))
    server.kill9()
    return took


def report(all_starts: list[Starts]) -> str:
    rows = [["binary logs", "without, ms", "with the gate, ms", "more, ms", "times"]]
    for starts in all_starts:
        rows.append(
            [
                f"{starts.logs:,}",
                f"{statistics.median(starts.without):.0f}",
                f"{statistics.median(starts.gate):.0f}",
                spread_text(starts.more(), 0),
                str(len(starts.gate)),
            ]
        )
    return table(rows)
