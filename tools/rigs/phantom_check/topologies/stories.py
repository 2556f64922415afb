# SPDX-License-Identifier: GPL-2.0-only
"""The scripted cycles: ways in which a gate can be opened that owes something.
In each, P has a row that no other server has, crashes, and then meets a replica
that acknowledges much and does not have that row.
"""

from __future__ import annotations

from dataclasses import replace

from rigs.phantom_check.topologies.runner import TopologyRunner as Verb
from rigs.phantom_check.topologies.script import Script, Step, step
from rigs.phantom_check.topologies.trio import Setup

_PATIENCE = 2.0
# Longer than a gate takes to notice what is acknowledged.
_NOTICED = 0.5

SIBLINGS = Setup(follows=("PA", "RA"), leaders="AP")
CHAIN = Setup(follows=("PA", "RP"), leaders="AP")
BESIDE = Setup(follows=("RP", "AP"), leaders="P", bystanders="A")
TWO_PRIMARIES = Setup(follows=("RP", "RA"), leaders="AP", domains=True, ignores=True)
TWO_REPLICAS = Setup(follows=("RP", "AP"), leaders="P", copies=2)
FILTERED = replace(
    BESIDE, more=("--replicate-events-marked-for-skip=FILTER_ON_MASTER",)
)


def _all_caught_up(setup: Setup) -> tuple[Step, ...]:
    return tuple(step(Verb.catch_up, connection) for connection in setup.follows)


def _crash(name: str) -> tuple[Step, ...]:
    return step(Verb.kill, name), step(Verb.restart, name)


def _taken_over() -> tuple[Step, ...]:
    """A is lost: P becomes the primary, R its replica."""
    return (
        step(Verb.unfollow, "P"),
        step(Verb.unfollow, "R"),
        step(Verb.follow, "RP"),
        step(Verb.await_client, "P", _PATIENCE),
    )


RECEIVED_HIDES_OWN = Script(
    "a received GTID hides the server's own",
    SIBLINGS,
    (
        step(Verb.write, "A", 2),
        *_all_caught_up(SIBLINGS),
        step(Verb.write, "P"),
        step(Verb.write, "A"),
        *_all_caught_up(SIBLINGS),
        step(Verb.kill, "A"),
        *_crash("P"),
        *_taken_over(),
    ),
)

RECEIVED_SETTLES_OWN = Script(
    "a received GTID hides the server's own, while the gate is open",
    CHAIN,
    (
        step(Verb.write, "A", 2),
        *_all_caught_up(CHAIN),
        step(Verb.unfollow, "R"),
        step(Verb.write, "P"),
        step(Verb.write, "A"),
        step(Verb.catch_up, "PA"),
        step(Verb.follow, "RA"),
        step(Verb.catch_up, "RA"),
        step(Verb.unfollow, "R"),
        step(Verb.follow, "RP"),
        step(Verb.write, "A"),
        *_all_caught_up(CHAIN),
        step(Verb.pause, _NOTICED),
        *_crash("P"),
        step(Verb.await_client, "P", _PATIENCE),
    ),
)

OWN_APPLIED_POSITION = Script(
    "the new replica begins where this server stopped as one",
    replace(SIBLINGS, updates=False, strict=True),
    (
        step(Verb.write, "A", 2),
        *_all_caught_up(SIBLINGS),
        step(Verb.write, "P"),
        step(Verb.write, "A", 2),
        *_all_caught_up(SIBLINGS),
        *_crash("P"),
        step(Verb.unfollow, "P"),
        step(Verb.lead, "A", False),
        step(Verb.follow, "AP", "current_pos"),
        step(Verb.await_client, "P", _PATIENCE),
    ),
)

HISTORY_BEGUN_AGAIN = Script(
    "the same numbers name other transactions, after RESET MASTER",
    BESIDE,
    (
        *[step(Verb.write, "P")] * 10,
        *_all_caught_up(BESIDE),
        step(Verb.halt, "RP"),
        step(Verb.halt, "AP"),
        step(Verb.reset, "P"),
        *[step(Verb.write, "P")] * 19,
        *_crash("P"),
        step(Verb.resume, "RP"),
        step(Verb.await_client, "P", _PATIENCE),
    ),
)

_ONE_DOMAIN = replace(TWO_PRIMARIES, domains=False)
_PASSES_BY = (
    step(Verb.resume, "RP", afresh=True),
    step(Verb.pause, _NOTICED),
    step(Verb.halt, "RP"),
)
DOUBTFUL_AND_GONE = Script(
    "a replica that ignores duplicates acknowledges what it passes over, and leaves",
    _ONE_DOMAIN,
    (
        step(Verb.write, "P"),
        step(Verb.catch_up, "RP"),
        step(Verb.halt, "RP"),
        *[step(Verb.write, "A")] * 9,
        step(Verb.catch_up, "RA"),
        step(Verb.write, "P"),
        *_PASSES_BY,
        step(Verb.pause, _NOTICED),
        *_crash("P"),
        *_PASSES_BY,
        step(Verb.await_client, "P", _PATIENCE),
    ),
)

LEGITIMATE = Script(
    "a replica of two primaries, in two domains, has everything",
    TWO_PRIMARIES,
    (
        step(Verb.write, "A"),
        step(Verb.write, "P"),
        *_all_caught_up(TWO_PRIMARIES),
        step(Verb.halt, "RP"),
        step(Verb.write, "P"),
        *_crash("P"),
        step(Verb.resume, "RP"),
        step(Verb.await_client, "P", 2 * _PATIENCE),
    ),
)

MARKED_FOR_SKIP = Script(
    "a transaction that replicas are not sent",
    replace(FILTERED, timeout=50),
    (
        step(Verb.write, "P"),
        *_all_caught_up(FILTERED),
        step(Verb.write, "P", skipped=True),
        step(Verb.write, "P"),
        *_all_caught_up(FILTERED),
        *_crash("P"),
        step(Verb.await_client, "P", _PATIENCE),
    ),
)

ONE_OF_TWO = Script(
    "one replica acknowledges, and is lost together with the primary",
    TWO_REPLICAS,
    (
        step(Verb.write, "P", 2),
        *_all_caught_up(TWO_REPLICAS),
        step(Verb.cut, "RP"),
        step(Verb.cut, "AP"),
        step(Verb.write, "P"),
        *_crash("P"),
        step(Verb.mend, "RP"),
        step(Verb.await_client, "P", _PATIENCE),
        step(Verb.mend, "AP"),
        step(Verb.await_client, "P", _PATIENCE),
    ),
)

_TWO_DOMAINS = replace(SIBLINGS, domains=True)
HIDDEN_IN_ITS_DOMAIN = Script(
    "a received GTID hides the server's own, in one of several domains",
    _TWO_DOMAINS,
    (
        step(Verb.write, "A", domain=1),
        step(Verb.write, "A", domain=7),
        *_all_caught_up(_TWO_DOMAINS),
        step(Verb.write, "P", domain=7),
        step(Verb.write, "A", domain=7),
        step(Verb.write, "A", domain=1),
        *_all_caught_up(_TWO_DOMAINS),
        step(Verb.kill, "A"),
        *_crash("P"),
        *_taken_over(),
    ),
)

_GIVES_UP = replace(BESIDE, timeout=50, wait_alone=True, acks_hold=True)
GIVEN_UP = Script(
    "semi-sync gives up, and the replica comes back after the crash",
    _GIVES_UP,
    (
        step(Verb.write, "P", 2),
        *_all_caught_up(_GIVES_UP),
        step(Verb.halt, "AP"),
        step(Verb.cut, "RP"),
        step(Verb.write, "P", 2),
        step(Verb.write, "P"),
        *_crash("P"),
        step(Verb.mend, "RP"),
        step(Verb.await_client, "P", _PATIENCE),
    ),
)

GTID_TWICE = Script(
    "the same GTID twice, the second time on no replica",
    BESIDE,
    (
        *[step(Verb.write, "P")] * 3,
        *_all_caught_up(BESIDE),
        step(Verb.halt, "RP"),
        step(Verb.halt, "AP"),
        step(Verb.write, "P", number=3),
        *_crash("P"),
        step(Verb.resume, "RP"),
        step(Verb.await_client, "P", _PATIENCE),
    ),
)
