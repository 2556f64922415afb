# SPDX-License-Identifier: GPL-2.0-only
"""Application sessions that write, and read whenever they are admitted."""

from __future__ import annotations

import threading
import time
from random import Random
from typing import Any, Callable

from rigs.phantom_check.observations import Observations
from rigs.phantom_check.timeline import Timeline
from rigs.servers import Session, SqlError, wait_for

# What a client gets while the gate is closed (ER_UNKNOWN_COM_ERROR).
REJECTED = 1047

_WRITERS = 3
_READERS = 2
_PAUSE = 0.01  # seconds before the next try to connect
_READ_PAUSE = 0.005
_WRITE_PAUSE = 0.01  # at most
# All that several crashes in a row can leave without a replica is among them.
_NEWEST = 60


def insertion(tokens: list[int], writer: str) -> tuple[str, list[Any]]:
    """A statement, and its arguments."""
    return (
        "INSERT INTO journal.entries VALUES " + ", ".join(["(%s, %s)"] * len(tokens)),
        [value for token in tokens for value in (token, writer)],
    )


class Clients:
    """Threads that never give up. What they see of each life of the primary is
    kept: when a client read first, and whether one was rejected."""

    def __init__(
        self,
        connect: Callable[[], tuple[Session, int]],
        observations: Observations,
        timeline: Timeline,
        seed: str,
    ):
        self._connect = connect
        self._observations = observations
        self._timeline = timeline
        self._parking = threading.Event()
        self._going = threading.Event()
        self._going.set()
        self._silence = threading.Event()
        self._stopped = False
        self._parked: set[str] = set()
        self._failure: BaseException | None = None
        self.first_read: dict[int, float] = {}
        self.first_confirmed: dict[int, float] = {}
        self.rejected = 0
        self._rejected_before = 0
        self._cycle = 0
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(
                target=self._live, args=(f"{kind} {number}", work, seed), daemon=True
            )
            for kind, work, count in (
                ("writer", self._write, _WRITERS),
                ("reader", self._read, _READERS),
            )
            for number in range(1, count + 1)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def begin_cycle(self, number: int) -> None:
        self._cycle = number

    def begin_life(self) -> None:
        self._rejected_before = self.rejected

    def have_tried(self, life: int) -> bool:
        """Whether one has read in this life, or was rejected."""
        return life in self.first_read or self.rejected > self._rejected_before

    def hush(self) -> None:
        """Nobody begins to write any more, until speak()."""
        self._silence.set()

    def speak(self) -> None:
        self._silence.clear()

    def park(self) -> None:
        """Has them stop, once the server they talk to is dead. Returns when all
        that they have seen is taken down."""
        self._going.clear()
        wait_for(
            self._all_parked, bool, "the clients to notice that the primary is dead"
        )

    def resume(self) -> None:
        self._going.set()

    def stop(self) -> None:
        self._stopped = True
        self._going.set()
        for thread in self._threads:
            if thread.ident is not None:  # it was started
                thread.join(30)

    def check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _all_parked(self) -> bool:
        self.check()
        return len(self._parked) == len(self._threads)

    # In their threads

    def _live(
        self, name: str, work: Callable[[str, Random, Session, int], None], seed: str
    ) -> None:
        try:
            while self._may_go_on(name):
                try:
                    session, life = self._connect()
                    with session:
                        # So that a cycle is the same when it is run alone.
                        random = Random(f"{seed}/{self._cycle}/{name}")
                        work(name, random, session, life)
                except SqlError as error:
                    self._note_error(name, error)
                    time.sleep(_PAUSE)
        except BaseException as failure:
            self._failure = failure

    def _may_go_on(self, name: str) -> bool:
        if not self._going.is_set():
            self._parked.add(name)
            self._going.wait()
            self._parked.discard(name)
        return not self._stopped

    def _note_error(self, name: str, error: SqlError) -> None:
        if error.code != REJECTED:
            return
        with self._lock:
            first = self.rejected == self._rejected_before
            self.rejected += 1
        if first:
            self._timeline.note(name, f"is rejected: {error.text}")

    def _write(self, name: str, random: Random, session: Session, life: int) -> None:
        while self._going.is_set():
            if self._silence.is_set():
                session.value("SELECT 1")  # notices that the server is dead
                time.sleep(_PAUSE)
                continue
            rows = self._observations.begin(random.choice((1, 1, 1, 2, 5)), name, life)
            tokens = [row.token for row in rows]
            try:
                self._insert(session, name, tokens, random.random() < 0.5)
            except SqlError as error:
                self._observations.fail(rows, str(error))
                raise
            self._observations.confirm(rows)
            self.first_confirmed.setdefault(life, time.monotonic())
            time.sleep(random.uniform(0.0, _WRITE_PAUSE))

    @staticmethod
    def _insert(session: Session, name: str, tokens: list[int], whole: bool) -> None:
        if whole or len(tokens) == 1:
            statement, arguments = insertion(tokens, name)
            session.query(statement, *arguments)
            return
        session.query("START TRANSACTION")
        for token in tokens:
            statement, arguments = insertion([token], name)
            session.query(statement, *arguments)
        session.query("COMMIT")

    def _read(self, name: str, random: Random, session: Session, life: int) -> None:
        for _ in range(random.randrange(1, 20)):
            rows = session.query(
                "SELECT token FROM entries ORDER BY token DESC LIMIT %s", _NEWEST
            )
            self._observations.read([row["token"] for row in rows], name, life)
            if life not in self.first_read:
                self.first_read[life] = time.monotonic()
                self._timeline.note(name, f"is the first to read in life {life}")
            time.sleep(_READ_PAUSE)
