"""How tests on real servers are told: as steps, one after the other."""

from __future__ import annotations

import time
from typing import Any, Callable, Iterable

from servers import Interrupted, Servers, checkpoint, tail


def run_steps(
    servers: Servers,
    steps: Iterable[Callable[..., None]],
    *arguments: Any,
    also: Callable[[], str] | None = None,
) -> int:
    """Takes each step, with these arguments, and prints its name and how long it
    took. Returns the program's exit status. When a step fails, prints the servers'
    error logs, and what `also` has to say, and raises what the step raised."""
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
            if also is not None:
                print(f"--- {also()}")
            print(f"FAILED: {step.__name__}", flush=True)
            raise
        took = time.monotonic() - begin
        print(f"{took:6.2f} s  {step.__name__}", flush=True)
    return 0
