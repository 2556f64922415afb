# SPDX-License-Identifier: GPL-2.0-only
"""How tests on real servers are told: as steps, one after the other."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import Any, Callable, Iterable, Sequence

from rigs.servers import (
    Interrupted,
    Servers,
    Unexpected,
    catch_signals,
    checkpoint,
    tail,
)


class Story:
    """The steps, in their order: each leaves the servers as the next one needs
    them."""

    def __init__(self, servers: Servers):
        self.folder = servers.folder
        self.stack = ExitStack()  # what is to be closed in the end, before the servers

    def steps(self) -> Iterable[Callable[[], None]]:
        raise NotImplementedError

    def more(self) -> str:
        """What else there is to show when a step has failed."""
        return ""


def main(name: str, story: Callable[[Servers], Story]) -> int:
    """Of a program that tells one story; its exit status."""
    catch_signals()
    with Servers(name) as servers:
        told = story(servers)
        with told.stack:
            return run_steps(servers, told.steps(), more=told.more)


def run_stories(
    name: str, stories: Iterable[Callable[[Servers], None]], chosen: Sequence[str]
) -> int:
    """Of a program whose stories do not depend on one another; its exit status. Plays
    those that are chosen, or all: each has no server left over from the one before."""
    catch_signals()
    with Servers(name) as servers:
        for story in stories:
            if chosen and story.__name__ not in chosen:
                continue
            begun = time.monotonic()
            try:
                story(servers)
            except Unexpected as failure:
                print(f"{story.__name__}: {failure}", file=sys.stderr)
                for server in servers.all:
                    print(f"--- {server.name}\n{tail(server.log, 15)}", file=sys.stderr)
                return 1
            finally:
                for server in servers.all:
                    server.kill9()
            print(f"ok: {story.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
    return 0


def run_steps(
    servers: Servers,
    steps: Iterable[Callable[..., None]],
    *arguments: Any,
    more: Callable[[], str] = str,
) -> int:
    """Takes each step, with these arguments, and prints its name and how long it
    took. Returns the program's exit status. When a step fails, prints the servers'
    error logs, and what `more` has to say, and raises what the step raised."""
    for step in steps:
        begin = time.monotonic()
        try:
            checkpoint()
            step(*arguments)
        except Interrupted as interrupted:
            return interrupted.exit_status
        except BaseException:
            for server in servers.all:
                print(f"--- {server.name}'s error log\n{tail(server.log)}")
            if text := more():
                print(f"--- {text}")
            print(f"FAILED: {step.__name__}", flush=True)
            raise
        took = time.monotonic() - begin
        print(f"{took:6.2f} s  {step.__name__}", flush=True)
    return 0
