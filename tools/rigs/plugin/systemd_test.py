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
    Pending,
    Replication,
    Servers,
    SqlError,
    expect,
    wait_for,
)
from rigs.story import Story, main
from rigs.tool_under_test import GATE, QUICK, built

SLOW_NOTIFY = built("RECOVERY_GATE_SLOW_NOTIFY", "tools/rigs/libslow_notify.so")

READY, STOPPING, HELD = "READY=1", "STOPPING=1", "X_HELD=1"
SERVING = "Taking your SQL requests now..."
CLOSED = "Recovery gate is closed: "
ALWAYS = "--recovery-gate-mode=ALWAYS"


class Systemd:
    """Takes in what it is told, in that order."""

    def __init__(self, path: Path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
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

    def lines(self) -> list[str]:
        """The texts that `systemctl status` showed, one after the other; not what
        InnoDB tells of its recovery, and the server of its end."""
        texts = [line.removeprefix("STATUS=") for line in self.told()]
        texts = [text for text in texts if text.startswith((SERVING, CLOSED))]
        return [text for i, text in enumerate(texts) if texts[i - 1 : i] != [text]]

    def wait_for(self, assignment: str) -> None:
        wait_for(self.told, lambda told: assignment in told, assignment)

    def wait_for_line(self, start: str) -> str:
        """Waits until the line that is shown begins so; returns all of it."""
        seen = wait_for(
            self.lines,
            lambda lines: lines and lines[-1].startswith(start),
            f"that the line becomes '{start}...'",
        )
        return seen[-1]

    def close(self) -> None:
        self._socket.close()


class ToldToSystemd(Story):
    def __init__(self, servers: Servers):
        super().__init__(servers)
        self.systemd = Systemd(servers.folder / "notify")
        self.primary = servers.add(
            "primary",
            *SEMISYNC_PRIMARY,
            *QUICK,
            *GATE,
        )
        self.primary.environment["NOTIFY_SOCKET"] = str(servers.folder / "notify")
        self.replica = servers.add("replica", *SEMISYNC_REPLICA, *QUICK)
        self.link = Replication(self.primary, self.replica)

    def steps(self):
        yield self.open_start
        yield self.crash
        yield self.replica_comes
        yield self.shutdown_while_open
        yield self.semisync_is_off
        yield self.opened_by_hand
        yield self.shutdown_while_closed
        yield self.opened_by_time_out
        yield self.shut_down_by_time_out
        yield self.server_is_slow_to_tell
        yield self.shutdown_while_the_line_is_sent
        yield self.shutdown_right_after_opening
        yield self.proof_lost
        yield self.nobody_to_tell

    def more(self) -> str:
        return f"told to systemd\n{self.systemd.told()}"

    # Helpers

    def start(self, *options: str) -> None:
        self.systemd.forget()
        self.primary.start(*options)

    def stop(self) -> None:
        """Nothing may come between the server's last lines."""
        if self.primary.is_running():
            status = self.primary.stop()
            expect("a proper shutdown", status, status == 0)
        told = self.systemd.told()
        expect("that the server tells of its shutdown", told, STOPPING in told)
        after = told[told.index(STOPPING) :]
        expect(
            "only what the server itself tells after STOPPING=1",
            told,
            not any(CLOSED in line or SERVING in line for line in after),
        )
        expect("the last line", told, "down" in told[-1])

    def awaited(self) -> str:
        gate = self.primary.statuses("Recovery_gate%")
        return f"{gate['Recovery_gate_ack_file']}:{gate['Recovery_gate_ack_pos']}"

    def time_out(self, action: str) -> None:
        self.start(ALWAYS)
        self.systemd.wait_for_line(CLOSED)
        self.primary.query(f"SET GLOBAL recovery_gate_timeout_action={action}")
        with suppress(SqlError):  # a shutdown may come before the answer
            self.primary.query("SET GLOBAL recovery_gate_timeout=1")

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

    def open_start(self) -> None:
        """What the server tells without the plugin, and nothing else."""
        self.replica.start()
        self.start()
        self.link.set_up()
        self.primary.query("CREATE DATABASE shop")
        self.primary.query("CREATE TABLE shop.orders (id INT PRIMARY KEY)")
        self.link.cut()
        self.stop()
        lines = self.systemd.lines()
        expect("none of the gate's lines", lines, CLOSED not in "".join(lines))
        told = self.systemd.told()
        expect("its line once", told, told.count(f"STATUS={SERVING}") == 1)

    def crash(self) -> None:
        """It is killed while a commit waits for the replica."""
        self.start()
        before = self.primary.binlog_end()
        commit = Pending(
            self.primary.connect_as_admin(), "INSERT INTO shop.orders VALUES (1)"
        )
        wait_for(
            self.primary.binlog_end,
            lambda end: before < end,
            "the commit in the binary log",
        )
        self.primary.kill9()
        wait_for(commit.is_over, lambda over: over, "the commit to be cut off")
        self.start()
        self.systemd.wait_for_line(CLOSED)
        expect(
            "the server's line, then what is missing",
            self.systemd.lines(),
            self.systemd.lines()
            == [
                SERVING,
                f"{CLOSED}waiting for REPLICA: no semi-sync replica is connected"
                f"; the awaited position is {self.awaited()}",
            ],
        )

    def replica_comes(self) -> None:
        self.link.restore()
        self.systemd.wait_for_line(SERVING)
        opened_by = self.primary.status("Recovery_gate_opened_by")
        expect("by a replica", opened_by, opened_by == "ACK")
        # It may be connected for less time than anybody looks away.
        seen = [
            line.removeprefix(f"{CLOSED}waiting for ").partition(":")[0]
            for line in self.systemd.lines()
        ]
        expect(
            "the way to an acknowledgement",
            seen,
            [line for line in seen if line != "ACK"] == [SERVING, "REPLICA", SERVING],
        )

    def shutdown_while_open(self) -> None:
        self.link.cut()
        self.stop()

    def semisync_is_off(self) -> None:
        self.start(ALWAYS, "--rpl-semi-sync-master-enabled=OFF")
        line = self.systemd.wait_for_line(f"{CLOSED}waiting for SEMISYNC_MASTER: ")
        expect("what is missing", line, "rpl_semi_sync_master_enabled is OFF" in line)
        self.primary.query("SET GLOBAL rpl_semi_sync_master_enabled=ON")
        self.systemd.wait_for_line(f"{CLOSED}waiting for REPLICA: ")

    def opened_by_hand(self) -> None:
        self.primary.query("SET GLOBAL recovery_gate_open_now=ON")
        self.systemd.wait_for_line(SERVING)
        self.stop()

    def shutdown_while_closed(self) -> None:
        self.start(ALWAYS)
        self.systemd.wait_for_line(f"{CLOSED}waiting for REPLICA: ")
        self.stop()

    def opened_by_time_out(self) -> None:
        self.time_out("OPEN")
        self.systemd.wait_for_line(SERVING)
        self.stop()

    def shut_down_by_time_out(self) -> None:
        self.time_out("SHUTDOWN")
        wait_for(self.primary.is_running, lambda runs: not runs, "a shutdown")
        self.stop()

    def server_is_slow_to_tell(self) -> None:
        """The gate's line waits for the server's, which would replace it."""
        with self.held("HOLD_BEFORE", READY):
            self.start(ALWAYS)
            self.systemd.wait_for(HELD)
            self.systemd.wait_for_line(CLOSED)
        lines = self.systemd.lines()
        expect("the server's line first", lines, lines[0] == SERVING)
        self.stop()

    def shutdown_while_the_line_is_sent(self) -> None:
        """The server's lines wait for the gate's, which would replace them."""
        with self.held("HOLD_BEFORE", CLOSED):
            self.start(ALWAYS)
            self.systemd.wait_for(HELD)
        self.stop()

    def shutdown_right_after_opening(self) -> None:
        with self.held("HOLD_AFTER", STOPPING):
            self.start(ALWAYS)
            self.systemd.wait_for_line(CLOSED)
        self.primary.query("SET GLOBAL recovery_gate_open_now=ON")
        self.primary.ask_to_stop()
        self.stop()

    def proof_lost(self) -> None:
        """The last step with these servers: the replica cannot follow any more."""
        self.start(ALWAYS)
        self.systemd.wait_for_line(CLOSED)
        self.primary.query("RESET MASTER")
        line = self.systemd.wait_for_line(f"{CLOSED}waiting for OVERRIDE: ")
        expect("who has to help", line, "administrator" in line)
        self.primary.query("SET GLOBAL recovery_gate_open_now=ON")
        self.systemd.wait_for_line(SERVING)
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
