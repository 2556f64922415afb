# SPDX-License-Identifier: GPL-2.0-only
"""What a seed decides in a topology, beside its stories."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Callable, Mapping

from rigs.phantom_check.topologies.runner import TopologyRunner as Verb
from rigs.phantom_check.topologies.script import Script, Step, step
from rigs.phantom_check.topologies.trio import FOREVER, NAMES, Setup

Action = Callable[["Draft"], None]

# How semi-sync gives up: after so many milliseconds, waiting without a replica.
_GIVES_UP = ((50, True), (50, False), (FOREVER, False))
_NEVER = (FOREVER, True)


@dataclass(frozen=True)
class Topology:
    """How servers are connected, and what may happen to them."""

    name: str
    what: str
    setup: Setup
    primary: str  # at first
    stories: tuple[Script, ...]
    actions: Mapping[Action, int]  # and how often
    local: str = ""  # who has writes of its own, beside the primary
    vary: tuple[str, ...] = ("updates", "strict", "domains")
    # Whether a primary may wait for ever: not if it applies what it receives.
    patient: bool = False

    @property
    def title(self) -> str:
        return self.name

    @property
    def control(self) -> tuple[str, str]:
        if self.setup.copies > 1:
            return "with a replica count of 1", "count 1"
        return "without the gate", "no"

    def draw(self, seed: int, cycle: int) -> Script:
        if cycle < len(self.stories):
            return self.stories[cycle]
        random = Random(f"{seed}/{self.name}/{cycle}")
        draft = Draft(self, random, self._draw_setup(random))
        write(draft)
        catch_up(draft)
        for _ in range(random.randint(3, 9)):
            (action,) = random.choices(list(self.actions), list(self.actions.values()))
            action(draft)
        _end(draft)
        return Script(f"cycle {cycle}", draft.setup, tuple(draft.steps))

    def _draw_setup(self, random: Random) -> Setup:
        timeout, wait_alone = random.choice(
            (*_GIVES_UP, *((_NEVER,) * 2 if self.patient else ()))
        )
        return replace(
            self.setup,
            **{name: random.random() < 0.4 for name in self.vary},
            wait_point=random.choice(("AFTER_SYNC", "AFTER_COMMIT")),
            timeout=timeout,
            wait_alone=wait_alone,
        )


@dataclass
class Draft:
    """A script as it is written, and what its steps will have led to."""

    topology: Topology
    random: Random
    setup: Setup
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.primary = self.topology.primary
        self.follows = set(self.setup.follows)
        self.stopped: set[str] = set()
        self.cut: set[str] = set()
        self.dead: set[str] = set()

    def do(self, verb: Callable[..., None], *arguments: Any, **options: Any) -> None:
        self.steps.append(step(verb, *arguments, **options))

    def replicas(self, primary: str) -> list[str]:
        return sorted(
            each[0]
            for each in self.follows
            if each[1] == primary and each[0] not in self.dead
        )

    def some(self, choices: Any) -> Any:
        """One of them, or None."""
        choices = sorted(choices)
        return self.random.choice(choices) if choices else None

    def writer(self) -> str:
        """Who has something to lose."""
        return self.random.choice((self.primary, *self.locals()))

    def locals(self) -> list[str]:
        return [
            name
            for name in self.topology.local
            if name != self.primary and name not in self.dead
        ]

    def follow(self, replica: str, primary: str, position: str) -> None:
        """That one, and nobody else."""
        self.unfollow(replica)
        self.do(Verb.follow, replica + primary, position)
        self.follows.add(replica + primary)

    def unfollow(self, replica: str) -> None:
        self.do(Verb.unfollow, replica)
        for each in [each for each in self.follows if each[0] == replica]:
            self.follows.discard(each)
            self.stopped.discard(each)
            if each in self.cut:
                self.cut.discard(each)
                self.do(Verb.mend, each)

    def repair(self, primary: str | None = None) -> None:
        """All connections run, or those to one primary."""
        for each in sorted(self.cut):
            if primary in (None, each[1]):
                self.do(Verb.mend, each)
                self.cut.discard(each)
        for each in sorted(self.stopped):
            if primary in (None, each[1]):
                self.do(Verb.resume, each)
                self.stopped.discard(each)

    def patience(self) -> float:
        return self.random.uniform(0.8, 2.0)


# What happens


def write(draft: Draft) -> None:
    draft.do(Verb.write, draft.primary, draft.random.choice((1, 1, 2, 3)))


def write_locally(draft: Draft) -> None:
    server = draft.some(draft.locals())
    if server is not None:
        draft.do(Verb.write, server)


def write_in_a_domain(draft: Draft) -> None:
    draft.do(Verb.write, draft.writer(), domain=draft.random.choice((1, 7)))


def write_skipped(draft: Draft) -> None:
    draft.do(Verb.write, draft.primary, skipped=True)


def stop_a_replica(draft: Draft) -> None:
    each = draft.some(draft.follows - draft.stopped)
    if each is not None:
        draft.do(Verb.halt, each)
        draft.stopped.add(each)


def start_a_replica(draft: Draft) -> None:
    each = draft.some(draft.stopped)
    if each is not None:
        draft.do(Verb.resume, each)
        draft.stopped.discard(each)


def cut_a_link(draft: Draft) -> None:
    _disturb(draft, Verb.cut)


def hold_replies(draft: Draft) -> None:
    _disturb(draft, Verb.hold_replies)


def _disturb(draft: Draft, fault: Callable[..., None]) -> None:
    each = draft.some(draft.follows - draft.cut)
    if each is not None:
        draft.do(fault, each)
        draft.cut.add(each)


def mend_a_link(draft: Draft) -> None:
    each = draft.some(draft.cut)
    if each is not None:
        draft.do(Verb.mend, each)
        draft.cut.discard(each)


def catch_up(draft: Draft) -> None:
    for each in sorted(draft.follows - draft.stopped - draft.cut):
        draft.do(Verb.catch_up, each, 0.5)


def linger(draft: Draft) -> None:
    """For long enough for a gate to notice what is acknowledged."""
    draft.do(Verb.pause, draft.random.uniform(0.1, 0.6))


def rotate(draft: Draft) -> None:
    draft.do(Verb.rotate, draft.writer())


def purge(draft: Draft) -> None:
    server = draft.writer()
    draft.do(Verb.rotate, server)
    draft.do(Verb.purge, server)


def reset(draft: Draft) -> None:
    """At times while replicas are away, and for as long as it takes until the
    numbers that they have come again."""
    if draft.random.random() < 0.5:
        for each in sorted(draft.follows - draft.stopped):
            draft.do(Verb.halt, each)
            draft.stopped.add(each)
    draft.do(Verb.reset, draft.primary)
    for _ in range(draft.random.randint(0, 6)):
        draft.do(Verb.write, draft.primary)


def crash(draft: Draft) -> None:
    """And come back, with what was connected before."""
    server = draft.writer()
    draft.do(Verb.kill, server)
    draft.do(Verb.restart, server)
    draft.repair(server)
    draft.do(Verb.await_client, server, draft.patience())


def switch_over(draft: Draft) -> None:
    new = draft.some(draft.replicas(draft.primary))
    if new is None:
        return
    draft.repair()
    draft.do(Verb.catch_up, new + draft.primary, 1.0)
    _promote(draft, new)


def fail_over(draft: Draft) -> None:
    """The primary crashes, and comes back as a replica: as it is, or, if that
    does not do, as a copy of the new one."""
    old, new = draft.primary, draft.some(draft.replicas(draft.primary))
    if new is None:
        return
    draft.do(Verb.kill, old)
    draft.dead.add(old)
    _promote(draft, new)
    draft.dead.discard(old)
    draft.do(Verb.restart, old)
    _demote(draft, old, new)
    draft.do(Verb.reseed_if_broken, old, new)
    draft.do(Verb.await_client, old, draft.patience())


def move_a_replica(draft: Draft) -> None:
    """To the primary's primary, and back."""
    chains = [
        (below, above)
        for below in draft.follows
        for above in draft.follows
        if below[1] == above[0]
    ]
    chain = draft.some(chains)
    if chain is None:
        return
    below, above = chain
    replica, middle, top = below[0], above[0], above[1]
    draft.follow(replica, top, "slave_pos")
    if draft.random.random() < 0.5:
        write_locally(draft)
    draft.do(Verb.write, top)
    catch_up(draft)
    draft.follow(replica, middle, "slave_pos")


def _promote(draft: Draft, new: str) -> None:
    old = draft.primary
    draft.unfollow(new)
    draft.do(Verb.lead, new)
    draft.primary = new
    for replica in draft.replicas(old):
        draft.follow(replica, new, "slave_pos")
    if old not in draft.dead:
        _demote(draft, old, new)


def _demote(draft: Draft, old: str, new: str) -> None:
    if old not in draft.topology.local:
        draft.do(Verb.lead, old, False)
    draft.follow(old, new, "current_pos")


# How it ends


def _end(draft: Draft) -> None:
    random = draft.random
    server = draft.random.choice((draft.primary, *draft.locals() * 2))
    if random.random() < 0.75:
        # Something is owed.
        for replica in draft.replicas(server):
            if replica + server not in draft.stopped | draft.cut:
                fault = random.choice((Verb.halt, Verb.cut))
                draft.do(fault, replica + server)
                (draft.stopped if fault is Verb.halt else draft.cut).add(
                    replica + server
                )
        draft.do(Verb.write, server, random.choice((1, 2)))
        if server != draft.primary and random.random() < 0.8:
            draft.do(Verb.write, draft.primary)
            catch_up(draft)
    draft.do(Verb.kill, server)
    lost = server != draft.primary and random.random() < 0.6
    if lost:
        draft.do(Verb.kill, draft.primary)
        draft.dead.add(draft.primary)
    draft.do(Verb.restart, server)
    if server == draft.primary:
        draft.repair(server)
    elif lost or not draft.replicas(server):
        _take_over(draft, server)
    else:
        draft.repair()
    draft.do(Verb.await_client, server, draft.patience())


def _take_over(draft: Draft, new: str) -> None:
    """By a server that just came back from a crash."""
    draft.unfollow(new)
    draft.do(Verb.lead, new)
    for replica in NAMES:
        if replica != new and replica not in draft.dead:
            position = draft.random.choice(("slave_pos", "current_pos"))
            draft.follow(replica, new, position)
