# SPDX-License-Identifier: GPL-2.0-only
"""What was seen of one driver, by TCP or with TLS."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from rigs.clients.client import Seen


@dataclass
class Measured:
    gone: Seen | None = None  # the statement of a connection from before the crash
    rejected: Seen | None = None
    starting: Seen | None = None  # of a pool that begins at a closed gate
    started: Seen | None = None  # of a pool that begins there, and is told to be patient
    pool_rejected: list[Seen] = field(default_factory=list)  # full at the crash
    pool_afterwards: list[Seen] = field(default_factory=list)  # the gate is open
    pool_served: list[Seen] = field(default_factory=list)  # full at the next crash
    served: Seen | None = None
    late: float = 0.0  # seconds from the opening to the answer

    def __str__(self) -> str:
        lines = []
        for one in fields(self):
            seen = getattr(self, one.name)
            if seen and isinstance(seen, list):
                lines.append(f"  {one.name}: {'; '.join(map(str, seen))}")
            elif seen:
                lines.append(f"  {one.name}: {seen}")
        return "\n".join(lines)
