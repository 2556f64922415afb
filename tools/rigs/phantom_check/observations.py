# SPDX-License-Identifier: GPL-2.0-only
"""What clients wrote, saw confirmed and read, and what of it a loss takes.

A row is judged whenever the primary is lost, by what the replica has then:

phantom      missing, and read in a later life of the primary than the one it was
             committed in: recovery had left it, and a client was admitted to it
lost commit  missing, although its client saw the commit confirmed
semi-sync's  missing, and read in the very life it was committed in, since
own          AFTER_COMMIT shows what is not acknowledged yet; or missing, and
             confirmed while the primary was shutting down, since a shutdown lets
             go of the commits that wait: a session that has not been disconnected
             yet, whose commit another one carried out, then gets its OK. No gate
             could help: nobody was in after a crash

Where several servers are written to, each is judged by its own rows: those that
were written in its lives. A commit that its client saw confirmed after semi-sync
had given up waiting for an acknowledgement is no lost one.

Each row counts once as each of these. Semi-sync's own stay under watch: a
client that reads such a row after the crash, and before the replica has it, has
read a phantom all the same.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Container, Iterable

from rigs.phantom_check.timeline import Event


@dataclass
class Row:
    token: int
    writer: str
    life: int  # of the primary, by number
    rows: int  # in its transaction
    begun: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    confirmed: bool = False
    acknowledged: bool = False  # by a replica, before it was confirmed
    error: str = ""
    # By life: who read it first, and when.
    reads: dict[int, tuple[str, float]] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)

    def read_later(self, lives: Container[int] | None = None) -> bool:
        """In another life, of these or of any."""
        return any(
            life != self.life and (lives is None or life in lives)
            for life in self.reads
        )

    def read_at_once(self) -> bool:
        return self.life in self.reads

    def let_go(self, shutdowns: dict[int, float]) -> bool:
        shutdown = shutdowns.get(self.life)
        return self.confirmed and shutdown is not None and self.ended >= shutdown

    def events(self) -> Iterable[Event]:
        what = f"row {self.token}"
        yield Event(
            self.begun,
            self.writer,
            f"-> inserts {what}, life {self.life}"
            + (f", in a transaction of {self.rows} rows" if self.rows > 1 else ""),
        )
        if self.ended:
            outcome = self.error
            if self.confirmed:
                outcome = "confirmed"
                if not self.acknowledged:
                    outcome += ", without an acknowledgement"
            yield Event(self.ended, self.writer, f"-> commit of {what}: {outcome}")
        for life, (reader, when) in self.reads.items():
            yield Event(when, reader, f"-> reads {what}, life {life}")


@dataclass
class Judgement:
    phantoms: list[Row] = field(default_factory=list)
    lost: list[Row] = field(default_factory=list)
    own: list[Row] = field(default_factory=list)


class Observations:
    """Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_token = 0
        # What no replica is known to have, by token, the oldest first.
        self._open: dict[int, Row] = {}
        self._read: set[int] = set()
        # When the shutdown of a life began.
        self._shutdowns: dict[int, float] = {}

    # What clients tell

    def begin(self, rows: int, writer: str, life: int) -> list[Row]:
        with self._lock:
            begun = []
            for _ in range(rows):
                self._last_token += 1
                row = Row(self._last_token, writer, life, rows)
                self._open[row.token] = row
                begun.append(row)
            return begun

    def confirm(self, rows: list[Row], acknowledged: bool = True) -> None:
        with self._lock:
            for row in rows:
                row.ended, row.confirmed = time.monotonic(), True
                row.acknowledged = acknowledged

    def fail(self, rows: list[Row], error: str) -> None:
        with self._lock:
            for row in rows:
                row.ended, row.error = time.monotonic(), error

    def read(self, tokens: list[int], reader: str, life: int) -> None:
        now = time.monotonic()
        with self._lock:
            self._read.update(tokens)
            for token in tokens:
                row = self._open.get(token)
                if row is not None:
                    row.reads.setdefault(life, (reader, now))

    # What the checker tells, and asks

    def begin_shutdown(self, life: int) -> None:
        self._shutdowns[life] = time.monotonic()

    def rows_read(self) -> int:
        with self._lock:
            return len(self._read)

    def oldest(self) -> int:
        """No row before this one has to be looked for."""
        with self._lock:
            return next(iter(self._open), self._last_token + 1)

    def judge(
        self, on_replica: set[int], lives: Container[int] | None = None
    ) -> Judgement:
        """What would be lost with the primary now; what is on the replica, or on
        any, is safe from now on. `lives` are the primary's, if not all are."""
        self.save(on_replica, lives)
        with self._lock:
            judgement = Judgement()
            for row in self._open.values():
                if lives is not None and row.life not in lives:
                    continue
                let_go = row.let_go(self._shutdowns)
                for what, holds, found in (
                    ("phantom", row.read_later(lives), judgement.phantoms),
                    ("lost", row.acknowledged and not let_go, judgement.lost),
                    ("own", row.read_at_once() or let_go, judgement.own),
                ):
                    if holds and what not in row.counted:
                        row.counted.add(what)
                        found.append(row)
            return judgement

    def save(self, on_replica: set[int], lives: Container[int] | None = None) -> None:
        """Takes down what of some lives, or of all, another server has."""
        with self._lock:
            for row in list(self._open.values()):
                if row.token in on_replica and (lives is None or row.life in lives):
                    del self._open[row.token]

    def forget_failed(self, on_primary: set[int], life: int) -> None:
        """Rows of earlier lives that came to nothing need no more looking for,
        unless somebody believes in them."""
        with self._lock:
            for row in list(self._open.values()):
                believed = row.confirmed or row.reads
                if row.token not in on_primary and row.life < life and not believed:
                    del self._open[row.token]

    def forget_open(self, lives: Container[int] | None = None) -> None:
        """Another primary goes on without them, or somebody gave them up; those
        of some lives, or all."""
        with self._lock:
            for row in list(self._open.values()):
                if lives is None or row.life in lives:
                    del self._open[row.token]
