# SPDX-License-Identifier: GPL-2.0-only
"""Cycles: what a seed decides, what happens, and what came of it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any, Callable

from rigs.failover_check.clients import Clients
from rigs.failover_check.cluster import NAMES, Cluster
from rigs.failover_check.managers import GivenUp, Manager
from rigs.phantom_check.observations import Observations
from rigs.servers import SqlError, Unexpected, checkpoint

# What happens, and how often.
PRIMARY = "the primary dies"
PRIMARY_THEN = "the primary dies, and a replica while the manager is at work"
BOTH = "the primary and a replica die"
BACK = "the primary dies, and is back before it is replaced"
REPLICA = "a replica dies"
SWITCH = "switchover"
SWITCH_THEN = "switchover, and a server dies while the manager is at work"
KINDS = {PRIMARY: 5, PRIMARY_THEN: 3, BOTH: 1, BACK: 1, REPLICA: 1}
KINDS.update({SWITCH: 1, SWITCH_THEN: 1})

# How a dead server is started: as recovery-gate prestart has it, as a replica if
# another one has taken over, which is known only when the manager is done; or in
# whatever role it had, at any moment.
PRESTART, AS_IT_WAS = "prestart", "as-it-was"

_WELL = 30.0  # seconds until all has to be well again by itself
_OPEN = 10.0  # seconds until a gate has to be open once its server has caught up
_PEER_TIMEOUT = 5.0  # seconds for which prestart waits for a primary
_DIVERGED = (1236, 1950)  # errors of a server that has what its primary has not


@dataclass
class Tally:
    manager: type[Manager]
    start: str
    gate: bool
    cycles: int = 0
    failovers: int = 0
    switchovers: int = 0
    crashes: int = 0
    rebuilt: Counter[str] = field(default_factory=Counter)  # by the reason
    in_vain: int = 0  # rebuilt, although it had no row that its primary lacked
    phantoms: int = 0
    lost: int = 0
    two_dead: int = 0  # rows of either kind, when a replica died with its primary
    differing: int = 0  # servers whose rows are not the primary's, and no error
    two_writers: int = 0
    by_hand: int = 0  # times when the group was not whole again by itself
    waits: list[float] = field(default_factory=list)  # from caught up to open
    stuck: Counter[str] = field(default_factory=Counter)  # what gates waited for
    opened_by: Counter[str] = field(default_factory=Counter)

    def violations(self) -> int:
        seen = self.phantoms + self.lost + self.two_writers + sum(self.stuck.values())
        if not self.manager.breaks:
            return seen + self.differing + self.by_hand
        # Its new primary cannot show what it received from the one before.
        return seen - self.stuck["PRIMARY"]


class Runner:
    """Cycles of one manager; `tell` is called with each violation."""

    def __init__(
        self,
        cluster: Cluster,
        tally: Tally,
        seed: str,
        tell: Callable[[str, float], None],
    ):
        self.tally = tally
        self._cluster = cluster
        self._manager = tally.manager(cluster, NAMES[0], self._before_statement)
        self._tell = tell
        self._seed = seed
        self._observations = Observations()
        self._clients = Clients(cluster, self._observations, seed)
        # Of a cycle:
        self._random = Random(seed)
        self._begun = 0.0
        self._replace = False  # the manager has decided to replace its primary
        self._at_work = False
        self._next_death: tuple[int, str] | None = None  # in so many statements
        self._back: dict[str, float] = {}  # when who is to be started again
        self._dead: set[str] = set()
        self._closed_since: dict[str, float] = {}  # although they have caught up

    def start(self) -> None:
        self._cluster.build(self._manager.primary)
        self._clients.start()

    def stop(self) -> None:
        self._clients.stop()
        self._cluster.close()

    # What happens

    def carry_out(self, number: int) -> None:
        random = self._random = Random(f"{self._seed}/{number}")
        (kind,) = random.choices(list(KINDS), list(KINDS.values()))
        old, promotions = self._manager.primary, self._manager.promotions
        replica = random.choice([name for name in NAMES if name != old])
        self._begun = time.monotonic()
        self._dead.clear()
        self._closed_since.clear()
        self._note("checker", f"cycle {number}: {kind}; {old} is the primary")
        time.sleep(random.uniform(0.2, 0.6))
        if kind in (PRIMARY_THEN, SWITCH_THEN):
            victim = random.choice(NAMES) if kind == SWITCH_THEN else replica
            self._next_death = (random.randrange(12), victim)
        if kind in (PRIMARY, PRIMARY_THEN, BOTH, BACK):
            self._replace = kind != BACK
            self._lose(old, (old, replica) if kind == BOTH else (old,))
            if kind == BACK:
                self._back[old] = 0.0
        elif kind == REPLICA:
            self._die(replica)
        self._recover(replica if kind in (SWITCH, SWITCH_THEN) else "")
        self._judge(self._manager.promotions - promotions)
        self.tally.cycles += 1

    def _lose(self, old: str, victims: tuple[str, ...]) -> None:
        """At times just after replicas were cut off, which leaves the primary with
        transactions that nobody else has."""
        cut = [name for name in NAMES if name != old and self._random.random() < 0.6]
        for name in cut:
            self._cluster.query(name, "STOP SLAVE IO_THREAD")
        time.sleep(self._random.uniform(0.0, 0.1) if cut else 0.0)
        for name in victims:
            self._die(name)
        for name in cut:
            if name not in victims:
                self._cluster.query(name, "START SLAVE IO_THREAD")

    def _die(self, name: str) -> None:
        # Before, while or after the manager does something.
        delay = self._random.choice((0.0, 0.2, 1.0, 3.0))
        if self._cluster.servers[name].is_running():
            self._cluster.kill(name)
            self.tally.crashes += 1
            self._dead.add(name)
            self._closed_since.pop(name, None)
            self._back[name] = time.monotonic() + delay

    def _before_statement(self) -> None:
        if self._next_death is not None:
            left, victim = self._next_death
            self._next_death = (left - 1, victim)
            if left <= 0:
                self._next_death = None
                self._die(victim)
        self._bring_back()

    def _bring_back(self) -> None:
        for name, when in list(self._back.items()):
            now, options = time.monotonic(), ()
            if now < when:
                continue
            if self.tally.start == PRESTART:
                primary = self._manager.primary
                there = name == primary or self._cluster.servers[primary].is_running()
                unclear = self._at_work or self._replace or not there
                if unclear and now < max(when, self._begun) + _PEER_TIMEOUT:
                    continue
                if self._cluster.has_taken_over(name):
                    options = ("--init-rpl-role=SLAVE",)
            del self._back[name]
            self._cluster.launch(name, *options)

    # What the manager does

    def _recover(self, switch_to: str) -> None:
        """Returns when all is well."""
        deadline, by_hand, trouble = time.monotonic() + _WELL, False, ""
        while True:
            checkpoint()
            self._clients.check()
            self._bring_back()
            try:
                if self._look(switch_to):
                    break
                switch_to = ""
            except (SqlError, GivenUp, Unexpected) as error:
                switch_to = ""
                if str(error) != trouble:
                    self._note("manager", f"begins again, since {error}")
                trouble = str(error)
            if time.monotonic() > deadline:
                if by_hand:
                    raise Unexpected("all to be well again", "it is not")
                deadline, by_hand = time.monotonic() + _WELL, True
                self.tally.by_hand += 1
                self._violation("the group is not whole again by itself")
                self._repair()
            time.sleep(0.05)
        self._next_death = None

    def _look(self, switch_to: str) -> bool:
        """The manager's look at the servers; whether all is well."""
        manager, cluster = self._manager, self._cluster
        old = manager.primary
        self._at_work = True
        try:
            if switch_to:
                manager.switchover(switch_to)
                self.tally.switchovers += 1
            elif self._replace or not cluster.servers[manager.primary].is_running():
                try:
                    manager.failover()
                except GivenUp:
                    # Nobody can replace it; should it be back, it remains.
                    self._replace &= not cluster.is_ready(old)
                    raise
                finally:
                    if manager.primary != old:
                        self._replace = False
                        self.tally.failovers += 1
            elif self._all_start():
                if cluster.value(manager.primary, "SELECT @@read_only"):
                    manager.keep()
                return self._all_well() and not self._back
        finally:
            self._at_work = False
        return False

    def _all_start(self) -> bool:
        ready = not self._back
        for name in set(NAMES) - set(self._back):
            try:
                ready = self._cluster.is_ready(name) and ready
            except Unexpected:
                self._rebuild(name, "does not start")
        return ready

    def _all_well(self) -> bool:
        primary = self._manager.primary
        end = self._cluster.value(primary, "SELECT @@gtid_binlog_pos")
        current = [
            name for name in NAMES if name != primary and self._is_current(name, end)
        ]
        opened = [self._is_open(name) for name in current]
        return self._is_open(primary, bool(current)) and opened == [True, True]

    def _is_current(self, name: str, end: str) -> bool:
        """Whether it replicates and has all up to there. The manager is given what
        does not replicate."""
        link = self._cluster.link(name)
        if link and (link["Last_IO_Errno"] in _DIVERGED or link["Last_SQL_Errno"]):
            error = link["Last_SQL_Errno"] or link["Last_IO_Errno"]
            self._rebuild(name, f"error {error}")
        elif not self._manager.rejoin(name):
            if not link:
                self._rebuild(name, "kept out by the manager")
            elif link["Slave_IO_Running"] == link["Slave_SQL_Running"] == "Yes":
                wait = f"SELECT MASTER_GTID_WAIT('{end}', 0)"
                return bool(self._cluster.value(name, wait) == 0)
        return False

    def _is_open(self, name: str, caught_up: bool = True) -> bool:
        shown = self._cluster.servers[name].statuses("Recovery_gate%")
        now = time.monotonic()
        if not shown or shown["Recovery_gate_open"] == "ON":
            if name in self._closed_since:
                self.tally.waits.append(now - self._closed_since.pop(name))
            return True
        what = shown["Recovery_gate_waiting_for"]
        if what == "DIVERGED":
            self._rebuild(name, what)
        elif caught_up and now - self._closed_since.setdefault(name, now) > _OPEN:
            self.tally.stuck[what] += 1
            (page,) = self._cluster.query(name, "SHOW ENGINE RECOVERY_GATE STATUS")
            self._note(name, page["Status"])
            self._violation(f"the gate of {name} stays closed, waiting for {what}")
            del self._closed_since[name]
            self._cluster.query(name, "SET GLOBAL recovery_gate_open_now=ON")
        return False

    def _rebuild(self, name: str, why: str) -> None:
        """As the manager does, or has somebody do."""
        self.tally.rebuilt[why] += 1
        primary = self._manager.primary
        if self._cluster.is_ready(name):
            has = self._tokens(name)
            self.tally.in_vain += has <= self._tokens(primary)
        self._note(name, f"is rebuilt from {primary}: {why}")
        self._cluster.rebuild(name, primary)
        self._closed_since.pop(name, None)

    def _repair(self) -> None:
        """By hand."""
        for name in NAMES:
            if name != self._manager.primary:
                self._rebuild(name, "by hand")

    # What came of it

    def _judge(self, promotions: int) -> None:
        """All is well, and nobody writes."""
        self._clients.hush()
        primary, cluster = self._manager.primary, self._cluster
        end = cluster.value(primary, "SELECT @@gtid_binlog_pos")
        final = self._tokens(primary)
        for name in NAMES:
            if name in self._dead and cluster.gate:
                by = cluster.servers[name].status("Recovery_gate_opened_by")
                self.tally.opened_by[by] += 1
            if name == primary:
                continue
            cluster.value(name, f"SELECT MASTER_GTID_WAIT('{end}', 10)")
            rows = self._tokens(name)
            if rows != final:
                self.tally.differing += 1
                more, less = sorted(rows - final)[:9], sorted(final - rows)[:9]
                self._violation(f"{name} has rows {more}, and lacks {less}")
                self._rebuild(name, "other rows")
        judgement = self._observations.judge(final)
        phantoms, lost = len(judgement.phantoms), len(judgement.lost)
        if len(self._dead) > 1:
            self.tally.two_dead += phantoms + lost
        else:
            self.tally.phantoms += phantoms
            self.tally.lost += lost
            for what, rows_of in (
                ("phantom read", judgement.phantoms),
                ("lost commit", judgement.lost),
            ):
                for row in rows_of[:1]:
                    self._violation(f"{what}: {[*map(_told, row.events())]}")
        where = [name for _, name in sorted(self._clients.confirmed)]
        changes = sum(before != after for before, after in zip(where, where[1:]))
        if changes > promotions:
            self.tally.two_writers += 1
            self._violation(f"two servers took writes: {changes}, {promotions}")
        self._clients.confirmed = self._clients.confirmed[-1:]
        self._observations.forget_open()
        self._clients.speak()

    def _tokens(self, name: str) -> set[int]:
        oldest = self._observations.oldest()
        return self._cluster.tokens(self._cluster.servers[name], oldest)

    def _violation(self, what: str) -> None:
        self._note("checker", what)
        self._tell(what, self._begun)

    def _note(self, who: str, what: str) -> None:
        self._cluster.timeline.note(who, what)


def _told(event: Any) -> str:
    return f"{event.who} {event.what}"
