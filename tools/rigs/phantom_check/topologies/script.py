# SPDX-License-Identifier: GPL-2.0-only
"""What a script is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

from rigs.phantom_check.topologies.trio import Setup


@dataclass(frozen=True)
class Step:
    """A verb of the runner, and what it is about."""

    verb: Callable[..., None]
    arguments: tuple[Any, ...]
    options: dict[str, Any]


def step(verb: Callable[..., None], *arguments: Any, **options: Any) -> Step:
    return Step(verb, arguments, options)


@dataclass(frozen=True)
class Script:
    """One cycle: servers are made, and go through this."""

    title: str
    setup: Setup
    steps: tuple[Step, ...]
