# SPDX-License-Identifier: GPL-2.0-only
"""How long after a crash an application is served, in three ways of restarting.

Each time the primary is killed while a commit waits for its acknowledgement, and
its replica tries to connect again each second from then on. One client tries to
connect a millisecond after each failure, until its first query is answered.

The replica's tries come when they come: with which of the three they are ahead
is chance. So their place in that second is given, spread evenly over the rounds,
and the same for the three of a round.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field

from rigs.bench_door.pair import Bench, Pair
from rigs.bench_door.programs import SCRIPT, Program
from rigs.bench_door.ratios import spread_text, table
from rigs.servers import Pending, Unexpected, checkpoint, free_port, wait_for

WAYS = {
    "none": "nothing: the application reads what no replica has",
    "gate": "the gate",
    "script": "a script on a private port",
}
_QUERY = "--query=SELECT n FROM load_server.items WHERE id = 1"


@dataclass
class Restart:
    way: str
    from_exec: list[float] = field(default_factory=list)  # ms
    from_ready: list[float] = field(default_factory=list)
    tries: list[int] = field(default_factory=list)


def measure(bench: Bench, rounds: int) -> list[Restart]:
    restarts = {way: Restart(way) for way in WAYS}
    pair = Pair(bench, "restart")
    pair.build()
    for number in range(rounds):
        ways = list(WAYS)
        shift = number % len(ways)
        for way in ways[shift:] + ways[:shift]:
            _crash_and_restart(bench, pair, restarts[way], (number + 0.5) / rounds)
        print(f"  round {number + 1} of {rounds}", flush=True)
    pair.primary.kill9()
    pair.replica.kill9()
    return list(restarts.values())


def _crash_and_restart(
    bench: Bench, pair: Pair, restart: Restart, phase: float
) -> None:
    primary = pair.primary
    options = bench.gate if restart.way == "gate" else ()
    pair.stop()
    pair.start(*options)
    _crash(pair)
    # The replica has just failed to connect: its tries are a second apart.
    again = time.monotonic() + phase
    wait_for(time.monotonic, lambda now: now >= again, "the time to go on")

    with ExitStack() as stack:
        port = primary.port if restart.way != "script" else free_port()
        client = stack.enter_context(
            pair.clients("first", _QUERY, "--every=1", "--timeout=60", port=port)
        )
        executed = time.monotonic_ns()
        primary.launch(*options)
        if restart.way == "script":
            forwarder = bench.programs / "stamp-acks"
            script = [SCRIPT, primary.socket, pair.replica.socket, forwarder]
            addresses = [f"--to={primary.port}", f"--listen={port}"]
            stack.enter_context(Program([*script, *addresses], bench.errors))
        ready = _ready_ns(pair)
        answer = client.answer(90)
    restart.from_exec.append((answer["answered_ns"] - executed) / 1e6)
    restart.from_ready.append((answer["answered_ns"] - ready) / 1e6)
    restart.tries.append(answer["tries"])
    pair.wait_received()
    if options and primary.status("Recovery_gate_opened_by") != "ACK":
        raise Unexpected("a gate that was closed", primary.statuses("Recovery_gate%"))


def _crash(pair: Pair) -> None:
    pair.link.cut()
    pair.primary.wait_for_status("Rpl_semi_sync_master_clients", "0")
    end = pair.primary.binlog_end()
    with pair.primary.connect_as_admin() as session:
        commit = Pending(session, "UPDATE load_server.items SET n = n + 1 WHERE id = 1")
        wait_for(
            pair.primary.binlog_end,
            lambda seen: end < seen,
            "the commit to be in the binary log",
        )
        pair.primary.kill9()
        wait_for(commit.is_over, bool, "the commit to fail")
    pair.link.restore()
    wait_for(
        lambda: pair.link.status()["Last_IO_Errno"],
        lambda error: error == 2003,  # nobody listens there
        "the replica to find no primary",
    )


def _ready_ns(pair: Pair) -> int:
    """When the server said so, to about a millisecond."""
    while "ready for connections" not in pair.primary.log_of_this_start():
        checkpoint()
        if not pair.primary.is_running():
            raise Unexpected("the primary to start", pair.primary.log_of_this_start())
        time.sleep(0.001)
    return time.monotonic_ns()


def report(restarts: list[Restart]) -> str:
    by_way = {one.way: one for one in restarts}
    rows = [
        [
            "what keeps the application out",
            "from its start to the first answer, ms",
            'from "ready for connections", ms',
            "times as long as with nothing",
            "as with the gate",
            "restarts",
        ]
    ]
    for one in restarts:
        rows.append(
            [
                WAYS[one.way],
                spread_text(one.from_exec, 0),
                spread_text(one.from_ready, 0),
                *(_times_as_long(one, by_way[way]) for way in ("none", "gate")),
                str(len(one.from_exec)),
            ]
        )
    return table(rows)


def _times_as_long(one: Restart, other: Restart) -> str:
    """Each compared with the other's in the same round."""
    if one is other:
        return "1"
    pairs = zip(one.from_exec, other.from_exec)
    return spread_text([ours / theirs for ours, theirs in pairs], 2)
