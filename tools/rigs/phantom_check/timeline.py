# SPDX-License-Identifier: GPL-2.0-only
"""What happened when."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Iterable


@dataclass(frozen=True)
class Event:
    when: float
    who: str
    what: str


class Timeline:
    """The latest events of a run. Any thread."""

    _KEPT = 5000

    def __init__(self, tell_all: bool = False) -> None:
        self._start = time.monotonic()
        self._events: deque[Event] = deque(maxlen=self._KEPT)
        self._tell_all = tell_all

    def note(self, who: str, what: str) -> None:
        event = Event(time.monotonic(), who, what)
        self._events.append(event)
        if self._tell_all:
            print(self._line(event), flush=True)

    def show(self, since: float, more: Iterable[Event] = ()) -> str:
        """All from then on, with other events at their places."""
        events = [event for event in list(self._events) if event.when >= since]
        events = sorted([*events, *more], key=lambda event: event.when)
        return "\n".join(
            [f"{'seconds':>9}  {'who':11}  what happens", *map(self._line, events)]
        )

    def _line(self, event: Event) -> str:
        return f"{event.when - self._start:9.3f}  {event.who:11}  {event.what}"
