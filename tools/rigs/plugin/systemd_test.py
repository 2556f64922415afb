# SPDX-License-Identifier: GPL-2.0-only
"""What a server with the plugin tells systemd, which is a socket here.

    tools/rigs/start plugin.systemd_test

Environment: RECOVERY_GATE_PLUGIN and RECOVERY_GATE_SLOW_NOTIFY, the built plugin
and slow_notify.cc; those of build/ when they are not set. Exits 0 only
if everything was as expected.
"""

from __future__ import annotations

import socket
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Replication,
    Servers,
    expect,
    wait_for,
)
from rigs.story import Story, main
from rigs.tool_under_test import GATE, QUICK, built

SLOW_NOTIFY = built("RECOVERY_GATE_SLOW_NOTIFY", "tools/rigs/libslow_notify.so")

READY, STOPPING, HELD = "READY=1", "STOPPING=1", "X_HELD=1"
SERVING = "Taking your SQL requests now..."
CLOSED = "Recovery gate is closed: "
OPEN = "Recovery gate is open: "
ALWAYS = "--recovery-gate-mode=ALWAYS"


class Systemd:
    """Takes in what it is told, in that order."""

    def __init__(self, path: Path):
        self.path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.setblocking(False)
        self._told: list[str] = []

    def told(self) -> list[str]:
        """Since the last forget(), one assignment each."""
        with suppress(BlockingIOError):
            while True:
                self._told += self._socket.recv(65536).decode().splitlines()
        return self._told

    def forget(self) -> None:
        self.told()
        self._told = []

    def fill(self) -> None:
        """Whoever tells anything more has to wait for the next told()."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    other.sendto(b"X_FULL=1", self.path)

    def lines(self) -> list[str]:
        """The texts that `systemctl status` showed, one after the other; not what
        InnoDB tells of its recovery, and the server of its end."""
        texts = [line.removeprefix("STATUS=") for line in self.told()]
        return [text for text in texts if text.startswith((SERVING, CLOSED, OPEN))]

    def wait_for(self, assignment: str) -> None:
        wait_for(self.told, lambda told: assignment in told, assignment)

    def wait_for_line(self, start: str) -> None:
        """Waits until the line that is shown begins so."""
        wait_for(
            self.lines,
            lambda lines: lines and lines[-1].startswith(start),
            f"that the line becomes '{start}...'",
        )


class ToldToSystemd(Story):
    def __init__(self, servers: Servers):
        super().__init__(servers)
        self.systemd = Systemd(servers.folder / "notify")
        self.primary = servers.add("primary", *SEMISYNC_PRIMARY, *QUICK, *GATE)
        self.primary.environment["NOTIFY_SOCKET"] = self.systemd.path
        self.replica = servers.add("replica", *SEMISYNC_REPLICA, *QUICK)
        self.link = Replication(self.primary, self.replica)

    def steps(self):
        yield self.never_closed
        yield self.server_is_slow_to_tell
        yield self.replica_comes
        yield self.shutdown_while_the_line_is_sent
        yield self.opened_after_the_shutdown_began
        yield self.queue_is_full
        yield self.nobody_to_tell

    def more(self) -> str:
        return f"told to systemd\n{self.systemd.told()}"

    # Helpers

    def start(self, *options: str) -> None:
        self.systemd.forget()
        self.primary.start(*options)

    def stop(self) -> None:
        """Nothing may come between the server's last lines."""
        status = self.primary.stop()
        expect("a proper shutdown", status, status == 0)
        told = self.systemd.told()
        expect("that the server tells of its shutdown", told, STOPPING in told)
        after = told[told.index(STOPPING) :]
        expect(
            "only what the server itself tells after STOPPING=1",
            told,
            not any(line in text for text in after for line in (CLOSED, OPEN)),
        )
        expect("the last line", told, "down" in told[-1])

    @contextmanager
    def held(self, when: str, what: str):
        """Who tells this stops for half a second."""
        environment = self.primary.environment
        before = dict(environment)
        environment.update({"LD_PRELOAD": str(SLOW_NOTIFY), when: what})
        yield
        environment.clear()
        environment.update(before)

    # Steps

    def never_closed(self) -> None:
        """What the server tells without the plugin, and nothing else."""
        self.replica.start()
        self.start()
        self.link.set_up()
        self.link.cut()
        self.stop()
        lines = self.systemd.lines()
        expect("the server's line, once", lines, lines == [SERVING])

    def server_is_slow_to_tell(self) -> None:
        """The server's line for a server that is ready replaces the gate's, which
        comes once more."""
        with self.held("HOLD_BEFORE", READY):
            self.start(ALWAYS)
            self.systemd.wait_for(HELD)
            self.systemd.wait_for(f"STATUS={SERVING}")
            self.systemd.wait_for_line(CLOSED)
        gate = self.primary.statuses("Recovery_gate%")
        awaited = f"{gate['Recovery_gate_ack_file']}:{gate['Recovery_gate_ack_pos']}"
        line = self.systemd.lines()[-1]
        expect(
            "what is missing",
            line,
            line == f"{CLOSED}waiting for REPLICA: no semi-sync replica is connected"
            f"; the awaited position is {awaited}",
        )

    def replica_comes(self) -> None:
        self.link.restore()
        self.systemd.wait_for_line(OPEN)
        opened_by = self.primary.status("Recovery_gate_opened_by")
        expect("by a replica", opened_by, opened_by == "ACK")
        self.link.cut()
        self.stop()

    def shutdown_while_the_line_is_sent(self) -> None:
        """The server's lines wait for the gate's, which would replace them."""
        with self.held("HOLD_BEFORE", CLOSED):
            self.start(ALWAYS)
            self.systemd.wait_for(HELD)
        self.stop()

    def opened_after_the_shutdown_began(self) -> None:
        with self.held("HOLD_AFTER", STOPPING):
            self.start(ALWAYS)
            self.systemd.wait_for_line(CLOSED)
        self.primary.query("SELECT 1")
        self.primary.ask_to_stop()
        self.systemd.wait_for(HELD)
        self.primary.query("SET GLOBAL recovery_gate_open_now=ON")
        self.stop()

    def queue_is_full(self) -> None:
        """Nobody waits for systemd but the server itself."""
        self.start(ALWAYS)
        self.systemd.wait_for_line(CLOSED)
        self.systemd.fill()
        self.primary.query("SET GLOBAL recovery_gate_open_now=ON")
        wait_for(
            lambda: self.primary.value(
                "SELECT COUNT(*) FROM information_schema.PROCESSLIST"
                " WHERE USER='recovery gate'"
            ),
            lambda count: count == 0,
            "the end of the thread that waits",
        )
        self.systemd.forget()
        self.stop()

    def nobody_to_tell(self) -> None:
        """Without a service manager the gate does what it does with one."""
        del self.primary.environment["NOTIFY_SOCKET"]
        self.start(ALWAYS)
        self.primary.wait_for_status("Recovery_gate_waiting_for", "REPLICA")
        status = self.primary.stop()
        expect("a proper shutdown", status, status == 0)
        told = self.systemd.told()
        expect("silence", told, not told)


if __name__ == "__main__":
    sys.exit(main("recovery-gate-systemd", ToldToSystemd))
