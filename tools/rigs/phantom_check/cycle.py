# SPDX-License-Identifier: GPL-2.0-only
"""Carries plans out on a pair, and judges each crash."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable

from rigs.phantom_check.clients import Clients
from rigs.phantom_check.group import Broken, Refused
from rigs.phantom_check.observations import Observations, Row
from rigs.phantom_check.pair import Pair
from rigs.phantom_check.plan import End, Life, Moment, Plan, Traffic
from rigs.phantom_check.tally import Tally
from rigs.phantom_check.timeline import Timeline
from rigs.servers import Server, Unexpected, wait_for

_BEFORE = 0.05  # seconds of the timeline before a row's own
_UNBORN = (Moment.LAUNCHED, Moment.RECOVERS)
_PATIENCE = 60  # seconds for the gate to open, once nothing is in its way


@dataclass(frozen=True)
class Violation:
    what: str
    row: Row
    timeline: str


class Runner:
    """Cycles of one configuration, with the gate or without."""

    def __init__(
        self,
        pair: Pair,
        tally: Tally,
        timeline: Timeline,
        seed: str,
        on_violation: Callable[[Violation], None],
    ):
        self.tally = tally
        self._pair = pair
        self._timeline = timeline
        self._on_violation = on_violation
        self._observations = Observations()
        self._clients = Clients(pair.connect, self._observations, timeline, seed)
        self._ready_at: float | None = None
        # When nothing was in the replica's way any more.
        self._repaired_at: float | None = None

    def start(self) -> None:
        self._pair.build()
        self._clients.start()

    def stop(self) -> None:
        self._pair.close()
        self._clients.stop()

    def servers(self) -> list[Server]:
        return [self._pair.primary, self._pair.replica]

    def carry_out(self, plan: Plan, number: int) -> None:
        self._clients.begin_cycle(number)
        try:
            try:
                self._live_through(plan.lives)
                if plan.primary_lost:
                    self._promote()
                else:
                    self._launch(Life())
                    self._wait_ready()
            except Refused as refused:
                self._give_up(refused)
            self._settle()
        except Broken as broken:
            self._rebuild(broken)
        self.tally.cycles += 1
        self.tally.rows_read = self._observations.rows_read()
        self.tally.rejected = self._clients.rejected

    # A life

    def _live_through(self, lives: tuple[Life, ...]) -> None:
        """Beginning in the first, which the cycle before has launched."""
        self._pair.set_traffic(lives[0].traffic)
        self._work(lives[0])
        for before, life in zip(lives, lives[1:]):
            self._end(before)
            self._launch(life)
            if self._grow_up(life):
                self._work(life)
        self._end(lives[-1])

    def _launch(self, life: Life) -> None:
        self._clients.begin_life()
        self._clients.speak()
        self._ready_at = self._repaired_at = None
        self._pair.set_traffic(life.traffic)
        self._pair.launch(life.connect_wait)
        self._clients.resume()

    def _grow_up(self, life: Life) -> bool:
        """Until the primary is ready, and the network well; whether it gets
        that far."""
        if life.moment is Moment.LAUNCHED:
            pause(life.delay)
            return False
        if life.moment is Moment.RECOVERS:
            self._pair.wait_recovers()
            pause(life.delay)
            return False
        self._wait_ready()
        if life.traffic is Traffic.FLOWS:
            self._repaired_at = self._ready_at
        elif life.repaired is not None:
            pause(life.repaired)
            self._pair.set_traffic(Traffic.FLOWS)
            self._repaired_at = time.monotonic()
        return True

    def _work(self, life: Life) -> None:
        """Until just before its end."""
        if life.confirmed_first:
            self._wait_for_moment(Moment.COMMIT_CONFIRMED)
        if life.silence:
            self._clients.hush()
            pause(life.silence)
        if life.fault is not None:
            self._pair.set_traffic(life.fault)
        if not life.silent_to_the_end:
            self._clients.speak()
        self._wait_for_moment(life.moment)
        pause(life.delay)

    def _wait_ready(self) -> None:
        self._pair.wait_ready()
        self._ready_at = time.monotonic()
        self._timeline.note(
            self._pair.primary.name, f"is ready: {self._pair.gate_state()}"
        )

    def _wait_for_moment(self, moment: Moment) -> None:
        life = self._pair.life
        clients = self._clients
        look: dict[Moment, Callable[[], bool]] = {
            Moment.READY: lambda: True,
            Moment.CLIENT_TRIED: lambda: clients.have_tried(life),
            Moment.CLIENT_IN: lambda: life in clients.first_read,
            Moment.COMMIT_CONFIRMED: lambda: life in clients.first_confirmed,
            Moment.COMMIT_WAITS: self._pair.commit_waits,
        }

        def seen() -> str:
            clients.check()
            if look[moment]():
                return "seen"
            if not self._pair.primary.is_running():
                raise Unexpected(expected, "that it has ended by itself")
            return f"life {life}: {self._pair.gate_state()}"

        expected = f"of the primary that {moment.value}"
        wait_for(seen, lambda state: state == "seen", expected, _PATIENCE)

    # Its end

    def _end(self, life: Life) -> None:
        primary = self._pair.primary
        if life.end is not End.KILL:
            self._timeline.note(primary.name, "begins to shut down")
            self._observations.begin_shutdown(self._pair.life)
            primary.ask_to_stop()
        if life.end is End.KILL_IN_SHUTDOWN:
            pause(life.struggle)
        if life.end is End.SHUTDOWN or not primary.is_running():
            primary.stop()
            self._timeline.note(primary.name, "has shut down")
            self.tally.shutdowns += 1
        else:
            self._pair.kill9()
            self._timeline.note(primary.name, "is killed (kill -9)")
            self.tally.crashes += 1
        self._pair.note_gate_log(primary)
        self._note_kept_out()
        # What clients saw of a life that ended about when it got ready, if
        # anything, is judged with the next.
        if life.end is not End.SHUTDOWN and life.moment not in _UNBORN:
            self._judge()

    def _note_kept_out(self) -> None:
        """How long clients waited in this life, if they were admitted at all."""
        admitted_at = self._clients.first_read.get(self._pair.life)
        if self._ready_at is None or admitted_at is None:
            return
        self.tally.kept_out.append(max(0.0, admitted_at - self._ready_at))
        if self._repaired_at is not None:
            self.tally.after_repair.append(max(0.0, admitted_at - self._repaired_at))
        self._ready_at = None

    # The loss of the primary

    def _judge(self) -> None:
        """As if the primary, which is dead, never came back: what would be
        missing if the replica were promoted now?"""
        if self._pair.link.traffic not in (Traffic.FLOWS, Traffic.SLOW):
            self._pair.set_traffic(Traffic.CUT)
        self._clients.park()
        self._pair.wait_for_all_applied()
        replica = self._pair.replica
        on_replica = self._pair.tokens(replica, self._observations.oldest())
        judgement = self._observations.judge(on_replica)
        self.tally.phantoms += len(judgement.phantoms)
        self.tally.lost += len(judgement.lost)
        self.tally.own += len(judgement.own)
        self._timeline.note(
            replica.name,
            f"has applied all up to {self._pair.replication.received()}; if it were "
            "promoted now: "
            f"{len(judgement.phantoms)} phantom reads, {len(judgement.lost)} lost "
            f"commits, {len(judgement.own)} of semi-sync's own",
        )
        for what, rows in (
            ("phantom read", judgement.phantoms),
            ("lost commit", judgement.lost),
        ):
            for row in rows:
                self._on_violation(Violation(what, row, self._story(row)))

    def _give_up(self, refused: Refused) -> None:
        self._timeline.note(self._pair.primary.name, f"refuses to start: {refused}")
        self.tally.refused += 1
        self._judge()
        self._promote()

    def _story(self, row: Row) -> str:
        return self._timeline.show(row.begun - _BEFORE, row.events())

    def _promote(self) -> None:
        self._pair.promote()
        self._observations.forget_open()
        self._ready_at = self._repaired_at = None
        self.tally.promotions += 1
        self._clients.speak()
        self._clients.resume()

    # Between two cycles

    def _settle(self) -> None:
        """Until all is well again: with its replica back, a primary has to let
        its clients in."""
        self._pair.wait_in_step()
        self._repaired_at = self._ready_at
        self._wait_for_moment(Moment.CLIENT_IN)
        self._wait_for_moment(Moment.COMMIT_CONFIRMED)
        self._note_kept_out()
        primary = self._pair.primary
        self._observations.forget_failed(
            self._pair.tokens(primary, self._observations.oldest()), self._pair.life
        )

    def _rebuild(self, broken: Broken) -> None:
        self._timeline.note("checker", f"starts afresh: {broken}")
        print(f"phantom-check: new servers, since {broken}", flush=True)
        self._pair.primary.kill9()
        self._clients.park()
        self._pair.rebuild()
        self._observations.forget_open()
        self.tally.rebuilt += 1
        self._clients.speak()
        self._clients.resume()


def pause(seconds: float) -> None:
    """A delay that the plan asks for."""
    end = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= end, bool, "time to pass", None)
