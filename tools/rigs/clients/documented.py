# SPDX-License-Identifier: GPL-2.0-only
"""The tables of docs/clients.md. The test compares with what is written there, so
that the two cannot differ."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator

from rigs import PROJECT
from rigs.clients.client import Seen
from rigs.clients.measured import Measured

_PAGE = PROJECT / "docs" / "clients.md"


@dataclass(frozen=True)
class Row:
    driver: str
    held: bool
    rejected: str
    gone: str
    pool_served: str
    pool_rejected: str


@dataclass(frozen=True)
class Command:
    line: str
    exit_code: int
    says: str


def _table(first_column: str) -> Iterator[list[str]]:
    """The rows of the one table with that heading, without it."""
    text = _PAGE.read_text()
    (found,) = re.findall(
        rf"^\| {re.escape(first_column)} \|.*\n\|[ |-]*\|\n((?:\|.*\n)+)", text, re.M
    )
    for line in found.splitlines():
        yield [cell.strip() for cell in line[1:-1].split("|")]


def drivers() -> Iterator[Row]:
    for name, held, *cells in _table("driver"):
        yield Row(name, {"yes": True, "no": False}[held], *cells)


def commands() -> Iterator[Command]:
    for line, exit_code, says in _table("command"):
        yield Command(line.strip("`"), int(exit_code), says.strip("`"))


def faults(row: Row, measured: Measured, connect_wait: int) -> Iterator[str]:
    """What differs from the row. In its cells, what is `quoted` is part of what the
    driver says."""
    rejected, gone = measured.rejected, measured.gone
    assert rejected is not None and gone is not None
    waited = rejected.seconds >= 0.9 * connect_wait / 1000
    if waited != row.held:
        yield f"held: {rejected}"
    yield from _differences("turned away", row.rejected, [rejected], connect_wait)
    if gone.is_ok or not any(text in gone.text for text in _quoted(row.gone)):
        yield f"a connection from before the crash: {gone}"
    if measured.served is not None and not measured.served.is_ok:
        yield f"held, then {measured.served}"
    if measured.pool_served:
        fails = [seen for seen in measured.pool_served if not seen.is_ok]
        expected = _quoted(row.pool_served)
        if bool(fails) != bool(expected):
            yield f"its pool: {', '.join(map(str, measured.pool_served))}"
        yield from _differences("its pool", row.pool_served, fails, connect_wait)
    # Where a pool does not look at what it hands out, some of that is dead.
    dead = _quoted(row.pool_served)
    yield from _differences(
        "its pool, turned away",
        row.pool_rejected,
        [s for s in measured.pool_rejected if not any(t in s.text for t in dead)],
        connect_wait,
    )
    if not all(seen.is_ok for seen in measured.pool_afterwards):
        yield f"its pool afterwards: {measured.pool_afterwards}"
    if measured.late > 3:
        yield f"answered {measured.late:.1f} s after the opening"
    if measured.started is not None and not measured.started.is_ok:
        yield f"a pool that begins patiently: {measured.started}"
    if measured.starting is not None and "Failed to init" not in measured.starting.text:
        yield f"a pool that begins: {measured.starting}"


def _quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _differences(
    what: str, cell: str, seen: list[Seen], connect_wait: int
) -> Iterator[str]:
    for one in seen:
        if one.is_ok or not all(text in one.text for text in _quoted(cell)):
            yield f"{what}: {one}"
    # What is said of times is for the default.
    if connect_wait == 10000:
        for seconds in re.findall(r"after ([\d.]+) s", cell):
            yield from (
                f"{what}: {one}"
                for one in seen
                if abs(one.seconds - float(seconds)) > 2.5
            )
