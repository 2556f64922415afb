# SPDX-License-Identifier: GPL-2.0-only
"""The numbers of a run, and the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Protocol, Sequence


class Subject(Protocol):
    """What is checked: a configuration of a pair, or a topology."""

    @property
    def name(self) -> str:
        ...

    @property
    def title(self) -> str:
        ...

    @property
    def control(self) -> tuple[str, str]:
        """What the control has instead of the gate, also for the table."""
        ...


@dataclass
class Tally:
    """Of one subject, with the gate or without it."""

    subject: Subject
    gate: bool
    cycles: int = 0
    crashes: int = 0
    shutdowns: int = 0
    promotions: int = 0
    refused: int = 0  # starts
    rebuilt: int = 0
    rows_read: int = 0
    phantoms: int = 0
    lost: int = 0
    own: int = 0
    rejected: int = 0
    # In topologies: starts after a crash at which a client was admitted, how many
    # of these at once although there is a gate, and those at which none was; and
    # cycles in which replication failed, so that nothing could be judged.
    opened: int = 0
    opened_at_once: int = 0
    stayed_closed: int = 0
    broken_off: int = 0
    kept_out: list[float] = field(default_factory=list)
    after_repair: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def short_gate(self) -> str:
        return "gate" if self.gate else "control"

    @property
    def name(self) -> str:
        what = "with the gate" if self.gate else self.subject.control[0]
        return f"{self.subject.name} {what}"

    def summary(self) -> str:
        seen = (
            *((self.shutdowns, "shutdowns"), (self.promotions, "promotions")),
            *((self.refused, "starts refused"), (self.rebuilt, "pairs replaced")),
            (self.stayed_closed, "starts that admitted nobody"),
            (self.broken_off, "cycles broken off"),
        )
        return (
            f"{self.name}: {self.phantoms} phantom reads, {self.lost} lost commits in "
            f"{self.seconds:.0f} s; {self.cycles} cycles, {self.crashes} crashes"
            + "".join(f", {number} {what}" for number, what in seen if number)
            + f"; clients rejected {self.rejected} times"
        )

    def cells(self) -> tuple[str, ...]:
        return (
            self.subject.title,
            "yes" if self.gate else self.subject.control[1],
            *map(str, (self.cycles, self.crashes, self.rows_read)),
            *map(str, (self.phantoms, self.lost, self.own)),
        )

    def pair_cells(self) -> tuple[str, ...]:
        return (*self.cells(), _seconds(self.kept_out), _seconds(self.after_repair))

    def topology_cells(self) -> tuple[str, ...]:
        later = self.opened - self.opened_at_once
        opened = (self.opened_at_once, later) if self.gate else ("-", "-")
        closed = self.stayed_closed if self.gate else "-"
        return (*self.cells(), *map(str, (*opened, closed, self.broken_off)))


_HEAD = (
    *("gate", "cycles", "crashes", "rows read"),
    *("phantom reads", "lost commits", "semi-sync's own"),
)


def pair_table(tallies: Sequence[Tally]) -> str:
    head = ("configuration", *_HEAD, "kept out, s", "with replica, s")
    return _table([head, *(tally.pair_cells() for tally in tallies)])


def topology_table(tallies: Sequence[Tally]) -> str:
    opened = ("open at once", "opened", "stayed closed", "broken off")
    head = ("topology", *_HEAD, *opened)
    return _table([head, *(tally.topology_cells() for tally in tallies)])


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    """Aligned for a terminal, and Markdown."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    texts = 2  # columns that are not numbers
    rule = [
        "-" * width if number < texts else "-" * (width - 1) + ":"
        for number, width in enumerate(widths)
    ]
    lines = [rows[0], rule, *rows[1:]]
    return "\n".join(
        "| "
        + " | ".join(
            cell.ljust(width) if number < texts else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths))
        )
        + " |"
        for line in lines
    )


def total(tallies: Sequence[Tally], what: str) -> int:
    return sum(getattr(tally, what) for tally in tallies)


def _seconds(values: list[float]) -> str:
    """Median and worst."""
    return f"{median(values):.3f} / {max(values):.3f}" if values else "-"
