# SPDX-License-Identifier: GPL-2.0-only
"""How long after the replica's acknowledgement held clients have their answer.

The replica is led to its primary through stamp-acks, which notes when an
acknowledgement is about to reach the primary; a client notes when it has read
its answer. Both read the same clock. In between are the primary's thread that
receives acknowledgements, the gate, the thread of each held client, its SELECT 1,
and the client.

A crowd takes its time on any server. For comparison as many clients send their
SELECT 1 at the same moment to the same server without a gate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rigs.bench_door.pair import Bench, Pair
from rigs.bench_door.programs import AckStamps
from rigs.bench_door.ratios import spread_text, table
from rigs.servers import Server, Unexpected, free_port, wait_for

_WAIT = "--recovery-gate-connect-wait=600000"


@dataclass
class Opening:
    clients: int
    gate: bool
    # Milliseconds after the acknowledgement; or, without a gate, after they asked.
    first: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)


def measure(bench: Bench, crowds: dict[int, int]) -> list[Opening]:
    """`crowds`: how many clients, and how often."""
    largest = max(crowds)
    # However many may be held, the gate leaves a quarter of the connections free.
    pair = Pair(bench, "opening", f"--max-connections={2 * largest + 50}")
    pair.primary.start()  # it has a port now
    with pair.stamps(free_port()) as stamps:
        pair.build(stamps.port)
        openings = []
        for clients, times in crowds.items():
            openings.append(Opening(clients, True))
            for _ in range(times):
                _open(bench, pair, stamps, openings[-1])
            print(f"  {clients} held: {times} times", flush=True)
        for clients, times in crowds.items():
            openings.append(Opening(clients, False))
            _ask_together(pair, openings[-1], times)
    pair.primary.kill9()
    pair.replica.kill9()
    return openings


def _open(bench: Bench, pair: Pair, stamps: AckStamps, opening: Opening) -> None:
    primary = pair.primary
    pair.link.cut()
    primary.kill9()
    stamps.forget()
    primary.start(
        *(*bench.gate, "--recovery-gate-mode=ALWAYS", _WAIT),
        f"--recovery-gate-max-held={opening.clients}",
    )
    awaited = primary.statuses("Recovery_gate_%")
    if awaited.get("Recovery_gate_state") != "CLOSED":
        raise Unexpected("a closed gate", awaited)
    count = str(opening.clients)
    with pair.clients("held", f"--clients={count}", "--timeout=120") as clients:
        wait_for(
            lambda: _doings(primary),
            lambda seen: seen["Recovery_gate_connections_held"] == count,
            f"{count} clients to be held",
            60,
        )
        pair.link.restore()
        answer = clients.answer(60)
    acknowledged = stamps.first_of(
        awaited["Recovery_gate_ack_file"], int(awaited["Recovery_gate_ack_pos"])
    )
    _note(opening, answer, acknowledged)
    pair.wait_received()


def _ask_together(pair: Pair, opening: Opening, times: int) -> None:
    pair.primary.kill9()
    pair.primary.start()
    for _ in range(times):
        answer = pair.ask(60, "held", f"--clients={opening.clients}", "--together")
        _note(opening, answer, answer["asked_ns"])


def _note(opening: Opening, answer: dict[str, Any], since: int) -> None:
    errors = [one["message"] for one in answer["clients"] if one["error"]]
    if errors:
        raise Unexpected(
            f"{opening.clients} answers", f"{len(errors)} errors: {errors[0]}"
        )
    answers = [one["answered_ns"] for one in answer["clients"]]
    if min(answers) < since:
        raise Unexpected("no answer before the gate could open", "one")
    opening.first.append((min(answers) - since) / 1e6)
    opening.last.append((max(answers) - since) / 1e6)


def _doings(primary: Server) -> dict[str, str]:
    return primary.statuses("Recovery_gate_connections_%")


def report(openings: list[Opening]) -> str:
    rows = [["clients", "first answer, ms", "last answer, ms", "times"]]
    for one in openings:
        rows.append(
            [
                f"{one.clients:,} {'held' if one.gate else 'together, no gate'}",
                spread_text(one.first, 2),
                spread_text(one.last, 2) if one.clients > 1 else "the same",
                str(len(one.first)),
            ]
        )
    return table(rows)
