# SPDX-License-Identifier: GPL-2.0-only
"""What a seed decides. Nothing here depends on what happens in a run, so that
the same seed gives the same faults, with the gate and without it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from random import Random


@dataclass(frozen=True)
class Configuration:
    """What a user chooses of semi-sync replication."""

    wait_point: str
    gtid: bool

    @property
    def name(self) -> str:
        return f"{self.wait_point}/{'GTID' if self.gtid else 'POSITION'}"

    @property
    def title(self) -> str:
        return f"{self.wait_point}, {'GTID' if self.gtid else 'file/position'}"

    @property
    def control(self) -> tuple[str, str]:
        return "without the gate", "no"


CONFIGURATIONS = {
    configuration.name: configuration
    for wait_point in ("AFTER_SYNC", "AFTER_COMMIT")
    for gtid in (True, False)
    for configuration in [Configuration(wait_point, gtid)]
}


class Traffic(Enum):
    """What the network between replica and primary lets through."""

    FLOWS = "flows"
    SLOW = "is slow"
    CUT = "is cut"
    REFUSED = "refuses connections"
    DATA_HELD = "delivers nothing to the replica"
    ACKS_HELD = "delivers nothing to the primary"


class Moment(Enum):
    """What has to be seen, in a life of the primary, before its end is near."""

    LAUNCHED = "it was launched"
    RECOVERS = "it recovers"
    READY = "it is ready for connections"
    CLIENT_TRIED = "a client has read, or was rejected"
    CLIENT_IN = "a client has read"
    COMMIT_CONFIRMED = "a commit was confirmed"
    COMMIT_WAITS = "a commit waits for an acknowledgement"


class End(Enum):
    KILL = "kill -9"
    SHUTDOWN = "shutdown"
    KILL_IN_SHUTDOWN = "kill -9 during a shutdown"


@dataclass(frozen=True)
class Life:
    """One life of the primary, from its launch to its end."""

    traffic: Traffic = Traffic.FLOWS  # at its launch
    repaired: float | None = None  # seconds from ready until the network is well
    confirmed_first: bool = False  # the fault waits for a commit to be confirmed
    silence: float = 0.0  # seconds without a write before the fault
    fault: Traffic | None = None
    silent_to_the_end: bool = False
    moment: Moment = Moment.CLIENT_TRIED
    delay: float = 0.0  # seconds from the moment to the end
    end: End = End.KILL
    struggle: float = 0.0  # seconds from a shutdown's begin to its kill -9
    connect_wait: int = 0  # recovery_gate_connect_wait, milliseconds


@dataclass(frozen=True)
class Plan:
    lives: tuple[Life, ...]
    primary_lost: bool  # for good: its data is destroyed, the replica promoted


def draw(
    seed: int, configuration: Configuration, cycle: int, shutdowns: bool = True
) -> Plan:
    plan = _draw(seed, configuration, cycle)
    if shutdowns:
        return plan
    return replace(
        plan, lives=tuple(replace(life, end=End.KILL) for life in plan.lives)
    )


def _draw(seed: int, configuration: Configuration, cycle: int) -> Plan:
    random = Random(f"{seed}/{configuration.name}/{cycle}")
    if cycle == 0:
        return _textbook(random)
    lives = [_under_load(random)]
    for _ in range(random.choice((1, 2, 2, 3, 4))):
        kind = random.choices(
            (_young, _kept_out, _opening, _under_load, _idle), (4, 6, 4, 4, 2)
        )
        lives.append(kind[0](random))
    lost = random.random() < 1 / 16
    if lost or lives[-1].end is not End.KILL:
        lives.append(_last(random))
    return Plan(tuple(lives), lost)


def _textbook(random: Random) -> Plan:
    """The crash that the gate is there for. Each run has it, so that no run of
    the control is without phantoms by chance."""
    waiting = Life(
        confirmed_first=True,
        fault=Traffic.CUT,
        moment=Moment.COMMIT_WAITS,
        delay=random.uniform(0.02, 0.06),
    )
    read = replace(_last(random), repaired=None)
    return Plan((waiting, read), primary_lost=False)


def _under_load(random: Random) -> Life:
    """Ends while clients work."""
    fault = random.choice(
        (
            *(None, Traffic.SLOW),
            *(Traffic.CUT, Traffic.CUT, Traffic.CUT),
            *(Traffic.DATA_HELD, Traffic.ACKS_HELD),
        )
    )
    waits = fault not in (None, Traffic.SLOW)
    silence = random.choice((0.0, 0.0, random.uniform(0.1, 0.8)))
    return _with_end(
        random,
        Life(
            traffic=random.choice((Traffic.FLOWS, Traffic.FLOWS, Traffic.SLOW)),
            confirmed_first=True,
            silence=silence,
            fault=fault,
            silent_to_the_end=not waits,
            moment=Moment.COMMIT_WAITS if waits else Moment.COMMIT_CONFIRMED,
            delay=random.uniform(0.0, 0.12),
            connect_wait=_connect_wait(random),
        ),
    )


def _idle(random: Random) -> Life:
    """Ends when nobody has written for long enough for a gate to have it on
    record that everything is acknowledged: the next start may owe nothing."""
    return _with_end(
        random,
        Life(
            confirmed_first=True,
            silence=random.uniform(0.2, 1.0),
            silent_to_the_end=True,
            connect_wait=_connect_wait(random),
        ),
    )


def _young(random: Random) -> Life:
    """Ends during recovery, or about when the network is opened."""
    moment = random.choice((Moment.LAUNCHED, Moment.RECOVERS, Moment.READY))
    return Life(
        traffic=random.choice((Traffic.CUT, Traffic.CUT, Traffic.FLOWS)),
        moment=moment,
        delay=random.uniform(0.0, 0.12 if moment is Moment.LAUNCHED else 0.03),
        connect_wait=_connect_wait(random),
    )


def _kept_out(random: Random) -> Life:
    """Ends while its replica is away: with the gate, before anybody is in."""
    # At times long enough for recovery_gate_timeout, were it set.
    patience = 0.15 if random.random() < 0.9 else 2.0
    return _with_end(
        random,
        Life(
            traffic=Traffic.CUT,
            delay=random.uniform(patience / 2, patience),
            connect_wait=_connect_wait(random),
        ),
    )


def _opening(random: Random) -> Life:
    """Ends about when the replica has acknowledged everything."""
    return _with_end(
        random,
        Life(
            traffic=Traffic.CUT,
            repaired=random.uniform(0.0, 0.2),
            moment=random.choice((Moment.READY, Moment.CLIENT_IN)),
            delay=random.uniform(0.0, 0.04),
            connect_wait=_connect_wait(random),
        ),
    )


def _last(random: Random) -> Life:
    """A loss that shows what clients were admitted to, replica or none."""
    return Life(
        traffic=Traffic.CUT,
        repaired=random.choice((None, None, random.uniform(0.05, 0.4))),
        delay=random.uniform(0.03, 0.1),
        connect_wait=_connect_wait(random),
    )


def _with_end(random: Random, life: Life) -> Life:
    end = random.choices(tuple(End), (8, 1, 1))[0]
    return replace(life, end=end, struggle=random.uniform(0.0, 0.05))


def _connect_wait(random: Random) -> int:
    return random.choice((0, 0, 100))
