# SPDX-License-Identifier: GPL-2.0-only
"""The gate when it is open, against no gate.

Three primaries with a replica each are alike: one has the gate, two have not.
The three are measured one after the other, the plain one always in the middle,
so that each ratio is of two runs that followed each other, and what drifts gets
into both alike. The second plain one is the control: its ratio to the first is
what the machine's noise alone makes of two equal servers. The processor time
that the primary uses for each operation is compared in the same way; what else
the machine has to do makes less of a difference there.

No two servers are quite alike, though: memory lies elsewhere at each start. So
the servers are started anew for each block, and take turns in who has the gate.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from rigs.bench_door.pair import ROWS, Bench, Pair
from rigs.bench_door.ratios import confidence_text, ratio_text, table

WORKLOADS = {
    "connect": "connect and leave",
    "select": "select by primary key",
    "commit": "commit, semi-sync",
}


@dataclass
class Cell:
    what: str
    clients: int
    per_second: list[float] = field(default_factory=list)  # the plain one
    # Ratios to the plain one.
    gate: list[float] = field(default_factory=list)
    control: list[float] = field(default_factory=list)
    gate_time: list[float] = field(default_factory=list)
    control_time: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    per_second: float
    processor: float  # seconds for each operation


@dataclass(frozen=True)
class Extent:
    blocks: int
    rounds: int
    seconds: float
    clients: list[int]
    workloads: list[str]


def measure(bench: Bench, extent: Extent) -> list[Cell]:
    cells = [Cell(what, n) for what in extent.workloads for n in extent.clients]
    # A client that has left is still counted until its thread has noticed.
    most = f"--max-connections={10 * max(extent.clients) + 100}"
    pairs = [Pair(bench, f"pair-{n}", most) for n in range(3)]
    for pair in pairs:
        pair.build()
    round_number = 0
    for block in range(extent.blocks):
        for pair in pairs:
            pair.stop()
        gate, plain, control = (pairs[(block + n) % 3] for n in range(3))
        gate.start(*bench.gate)
        plain.start()
        control.start()
        for pair in pairs:
            for what in extent.workloads:  # what comes first would be slower
                _run(pair, Cell(what, max(extent.clients)), extent.seconds / 4)
        for _ in range(extent.rounds):
            round_number += 1
            for cell in cells:
                order = [gate, plain, control]
                if round_number % 2:
                    order.reverse()
                seen = {pair: _run(pair, cell, extent.seconds) for pair in order}
                _compare(cell, seen[gate], seen[plain], seen[control])
        print(f"  block {block + 1} of {extent.blocks}", flush=True)
    for pair in pairs:
        pair.primary.kill9()
        pair.replica.kill9()
    return cells


def _compare(cell: Cell, gate: Run, plain: Run, control: Run) -> None:
    cell.per_second.append(plain.per_second)
    cell.gate.append(gate.per_second / plain.per_second)
    cell.control.append(control.per_second / plain.per_second)
    cell.gate_time.append(gate.processor / plain.processor)
    cell.control_time.append(control.processor / plain.processor)


def _run(pair: Pair, cell: Cell, seconds: float) -> Run:
    before = pair.processor_seconds()
    answer = pair.ask(
        seconds + 60,
        *(cell.what, f"--clients={cell.clients}"),
        *(f"--seconds={seconds}", f"--rows={ROWS}"),
    )
    used = pair.processor_seconds() - before
    return Run(answer["per_second"], used / answer["all_operations"])


def report(cells: list[Cell]) -> str:
    rows = [
        [
            "workload",
            "clients",
            "throughput, with the gate / without",
            "95 % for the median",
            "control: without / without",
            "95 % for the median",
            "runs",
            "without, each second",
        ]
    ]
    for cell in cells:
        rows.append(
            [
                WORKLOADS[cell.what],
                str(cell.clients),
                *(ratio_text(cell.gate), confidence_text(cell.gate)),
                *(ratio_text(cell.control), confidence_text(cell.control)),
                f"3 x {len(cell.gate)}",
                f"{statistics.median(cell.per_second):,.0f}",
            ]
        )
    return table(rows)


def report_processor_time(cells: list[Cell]) -> str:
    rows = [
        [
            "workload",
            "clients",
            "processor time, with the gate / without",
            "95 % for the median",
            "control: without / without",
            "95 % for the median",
        ]
    ]
    for cell in cells:
        rows.append(
            [
                WORKLOADS[cell.what],
                str(cell.clients),
                *(ratio_text(cell.gate_time), confidence_text(cell.gate_time)),
                *(ratio_text(cell.control_time), confidence_text(cell.control_time)),
            ]
        )
    return table(rows)
