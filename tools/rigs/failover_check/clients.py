# SPDX-License-Identifier: GPL-2.0-only
"""Applications that do not know who the primary is.

A writer tries one server after the other until one takes its rows; a reader
connects to any of them, again and again.
"""

from __future__ import annotations

import threading
import time
from random import Random
from typing import Any, Callable

from rigs.failover_check.cluster import NAMES, Cluster
from rigs.phantom_check.clients import insertion
from rigs.phantom_check.observations import Observations
from rigs.servers import Session, SqlError

_WRITERS = 3
_READERS = 3
_NEWEST = 100  # rows that a reader asks for


class Clients:
    def __init__(self, cluster: Cluster, observations: Observations, seed: str):
        self._cluster = cluster
        self._observations = observations
        self._stopped = False
        self._failure: BaseException | None = None
        # Held by a writer while it has a transaction.
        self._pens = [threading.Lock() for _ in range(_WRITERS)]
        # Of each confirmed transaction: when it began, and where.
        self.confirmed: list[tuple[float, str]] = []
        self._threads = [
            threading.Thread(target=self._live, args=(work, Random(f"{seed}/{n}")))
            for n, work in enumerate(
                [*(self._writer(n) for n in range(_WRITERS))]
                + [self._read] * _READERS
            )
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    def stop(self) -> None:
        self._stopped = True
        for thread in self._threads:
            thread.join(30)

    def check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def hush(self) -> None:
        """Returns when nobody writes; until speak()."""
        for pen in self._pens:
            pen.acquire()

    def speak(self) -> None:
        for pen in self._pens:
            pen.release()

    # In their threads

    def _live(self, work: Callable[[Random, str], None], random: Random) -> None:
        names = list(NAMES)
        try:
            while not self._stopped:
                try:
                    work(random, names[0])
                except SqlError:
                    time.sleep(0.01)
                names.append(names.pop(0))
        except BaseException as failure:
            self._failure = failure

    def _connect(self, name: str) -> tuple[Session, int]:
        server = self._cluster.servers[name]
        if not server.is_running():
            raise SqlError(2002, "it is down")
        return self._cluster.connect_to(server)

    def _writer(self, number: int) -> Callable[[Random, str], None]:
        def work(random: Random, name: str) -> None:
            session, life = self._connect(name)
            with session:
                while not self._stopped:
                    with self._pens[number]:
                        if session.value("SELECT @@read_only"):
                            return
                        self._write(session, life, name, random, f"writer {number + 1}")
                    time.sleep(random.uniform(0.0, 0.03))

        return work

    def _write(
        self, session: Session, life: int, name: str, random: Random, writer: str
    ) -> None:
        rows = self._observations.begin(random.choice((1, 1, 2)), writer, life)
        statement, arguments = insertion([row.token for row in rows], writer)
        begun = time.monotonic()
        before = _semisync(session)
        try:
            session.query(statement, *arguments)
        except SqlError as error:
            self._observations.fail(rows, str(error))
            raise
        # It was confirmed, whatever comes now.
        acknowledged = False
        try:
            after = _semisync(session)
            # Not one commit went on without an acknowledgement in the meantime.
            acknowledged = (
                before["status"] == after["status"] == "ON"
                and before["no_tx"] == after["no_tx"]
                and before["yes_tx"] != after["yes_tx"]
            )
        finally:
            self._observations.confirm(rows, acknowledged)
            self.confirmed.append((begun, name))

    def _read(self, random: Random, name: str) -> None:
        session, life = self._connect(name)
        with session:
            for _ in range(random.randrange(1, 10)):
                rows = session.query(
                    "SELECT token FROM entries ORDER BY token DESC LIMIT %s", _NEWEST
                )
                self._observations.read(
                    [row["token"] for row in rows], f"reader at {name}", life
                )
                time.sleep(0.01)


def _semisync(session: Session) -> dict[str, Any]:
    prefix = "rpl_semi_sync_master_"
    rows = session.query(f"SHOW GLOBAL STATUS LIKE '{prefix}%%'")
    return {
        row["Variable_name"].lower().removeprefix(prefix): row["Value"] for row in rows
    }
