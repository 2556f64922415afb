"""The numbers of a run, and the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Sequence

from phantoms.plan import Configuration


@dataclass
class Tally:
    """Of one configuration, with the gate or without it."""

    configuration: Configuration
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
    turned_away: int = 0
    kept_out: list[float] = field(default_factory=list)
    after_repair: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def short_gate(self) -> str:
        return "gate" if self.gate else "control"

    @property
    def name(self) -> str:
        return f"{self.configuration.name} {'with' if self.gate else 'without'} the gate"

    def summary(self) -> str:
        return (
            f"{self.name}: {self.phantoms} phantom reads, {self.lost} lost commits in "
            f"{self.seconds:.0f} s; {self.cycles} cycles, {self.crashes} crashes, "
            f"{self.shutdowns} shutdowns, {self.promotions} promotions, "
            f"{self.refused} starts refused, {self.rebuilt} pairs replaced; clients "
            f"turned away {self.turned_away} times"
        )

    def cells(self) -> tuple[str, ...]:
        replica = "GTID" if self.configuration.gtid else "file/position"
        return (
            f"{self.configuration.wait_point}, {replica}",
            "yes" if self.gate else "no",
            str(self.cycles),
            str(self.crashes),
            str(self.rows_read),
            str(self.phantoms),
            str(self.lost),
            str(self.own),
            _seconds(self.kept_out),
            _seconds(self.after_repair),
        )


HEAD = (
    *("configuration", "gate", "cycles", "crashes", "rows read"),
    *("phantom reads", "lost commits", "semi-sync's own"),
    *("kept out, s", "with replica, s"),
)


def table(tallies: Sequence[Tally]) -> str:
    """Aligned for a terminal, and Markdown."""
    rows = [HEAD, *(tally.cells() for tally in tallies)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    texts = 2  # columns that are not numbers
    rule = [
        "-" * width if number < texts else "-" * (width - 1) + ":"
        for number, width in enumerate(widths)
    ]
    lines = [HEAD, rule, *rows[1:]]
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
