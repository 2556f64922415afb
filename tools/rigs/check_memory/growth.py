# SPDX-License-Identifier: GPL-2.0-only
"""Whether clients at the door leave anything behind in a server as it ships."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from rigs.check_memory.scenes import LONG, Client, Scenes
from rigs.servers import checkpoint, wait_for

AT_ONCE = 50
# A heap has its ups and downs. What is left behind for each client is left behind
# in each round; the best of some rounds is therefore no worse than that.
ROUNDS = 5
BYTES_PER_CLIENT = 128


@dataclass(frozen=True)
class Usage:
    kib: int
    descriptors: int
    threads: int

    @staticmethod
    def of(pid: int) -> Usage:
        status = Path(f"/proc/{pid}/status").read_text()

        def number(name: str) -> int:
            found = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
            assert found
            return int(found[1])

        descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return Usage(number("RssAnon"), descriptors, number("Threads"))


class Growth:
    def __init__(self, scenes: Scenes, clients: int):
        self.scenes = scenes
        self.primary = scenes.primary
        self.clients = clients

    def run(self) -> bool:
        self.scenes.before_the_crash()
        self.primary.start(
            # Else the server keeps a thread for each client of a crowd a while.
            "--thread-cache-size=0",
            "--max-connections=400",
        )
        print(f"{'clients':<28} {'grown by':>14}  {'fds':>4} {'threads':>7}   rounds")
        good = True
        for name, make in (
            ("TCP", lambda: Client(self.primary)),
            ("TLS", lambda: Client(self.primary, tls_version=ssl.TLSVersion.TLSv1_3)),
        ):
            for what, turn in (
                ("rejected", self.reject),
                ("held, then left", self.hold),
            ):
                good = self.measure(f"{what}, {name}", turn, make) and good
        self.scenes.stop()
        return good

    def measure(self, name: str, turn: Callable, make: Callable[[], Client]) -> bool:
        turn(make, self.clients // 4)  # what is there once, is there now
        before = self.usage()
        rounds = []
        good = False
        for _ in range(ROUNDS):
            start = self.usage()
            turn(make, self.clients)
            end = self.usage()
            rounds.append((end.kib - start.kib) * 1024 / self.clients)
            good = rounds[-1] <= BYTES_PER_CLIENT
            if good:
                break
        after = self.usage()
        # The refuser's thread and its descriptors come and go.
        same = (
            after.descriptors <= before.descriptors + 3
            and after.threads <= before.threads + 1
        )
        print(
            f"{f'{self.clients} {name}':<28} {min(rounds):8.0f} B each"
            f"  {after.descriptors - before.descriptors:+4d}"
            f" {after.threads - before.threads:+7d}  "
            f" {', '.join(f'{grown:.0f}' for grown in rounds)}"
            f"{'' if good and same else '   FAILED'}",
            flush=True,
        )
        return good and same

    def usage(self) -> Usage:
        """When nothing is under way any more."""
        self.scenes.wait_no_sessions()
        self.scenes.wait_held(0)
        pid = self.primary.pid
        last = Usage.of(pid)

        def calm() -> bool:
            nonlocal last
            before, last = last, Usage.of(pid)
            return before == last

        return wait_for(lambda: Usage.of(pid) if calm() else None, bool, "calm")

    def reject(self, make: Callable[[], Client], count: int) -> None:
        self.scenes.set("connect_wait", 0)
        for number in range(0, count, AT_ONCE):
            checkpoint()
            clients = [make() for _ in range(min(AT_ONCE, count - number))]
            for client in clients[::2]:
                client.query("DO 1")
            for client in clients[::2]:
                client.expect_rejected()
            for client in clients:  # half of them without a word
                client.close()

    def hold(self, make: Callable[[], Client], count: int) -> None:
        self.scenes.set("connect_wait", LONG)
        for number in range(0, count, AT_ONCE):
            checkpoint()
            clients = [make() for _ in range(min(AT_ONCE, count - number))]
            self.scenes.wait_held(len(clients))
            for client in clients[::2]:
                client.query("DO 1")
            for client in clients:
                client.close()
            self.scenes.wait_held(0)
