# SPDX-License-Identifier: GPL-2.0-only
"""What a server with the gate goes through while it is watched."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import Callable, Iterator

from rigs.door.scene import (
    COM_CHANGE_USER,
    COM_QUIT,
    Client,
    certificates,
    frame,
)
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
from rigs.tool_under_test import GATE, QUICK

LONG = 3_600_000  # milliseconds: whatever ends a wait, it is not the time

# Each client that there is one of, there are so many of: what each leaves behind
# differs from what is there once.
CROWD = 3


class Scenes:
    """A primary that is watched, with its replica, which is not."""

    def __init__(self, servers: Servers, options: list[str], checker=None):
        self.primary = servers.add(
            "primary", *SEMISYNC_PRIMARY, *GATE, *certificates(), *options
        )
        self.replica = servers.add("replica", *SEMISYNC_REPLICA, *QUICK)
        self.link = Replication(self.primary, self.replica)
        self._checker = checker
        if checker and checker.always:
            self._put_under_checker()
        self._sockets = servers.folder / "notify"

    def all(self) -> Iterator[Callable[[], None]]:
        yield self.before_the_crash
        yield self.recovery
        yield self.looked_at
        yield self.held_who_leave
        yield self.held_who_are_killed
        yield self.held_who_change_the_user
        yield self.rejected
        yield self.settings
        yield self.acknowledged
        yield self.shutdown_with_clients_at_the_door
        yield self.opened_by_hand
        yield self.thread_pool

    # Helpers

    def watch(self, *options: str) -> None:
        """Starts the primary, from now on under the checker."""
        self._put_under_checker()
        self.primary.start(*options)
        watched = self._checker.watches(self.primary.pid)
        expect(f"a server under {self._checker.name}", watched, watched)

    def _put_under_checker(self) -> None:
        self.primary.runner = self._checker.runner()
        self.primary.environment.update(self._checker.environment())

    def stop(self) -> None:
        status = self.primary.stop()
        expect("a clean shutdown", status, status == 0)

    def status(self, name: str) -> str:
        return self.primary.status(f"Recovery_gate_{name}")

    def set(self, variable: str, value: object) -> None:
        self.primary.query(f"SET GLOBAL recovery_gate_{variable} = %s", value)

    def everywhere(self) -> list[Client]:
        """By each way in."""
        ways = (
            {},
            {"by_socket": True},
            {"tls_version": ssl.TLSVersion.TLSv1_2},
            {"tls_version": ssl.TLSVersion.TLSv1_3},
        )
        return [
            Client(self.primary, compress=compress, **way)
            for compress in (False, True)
            for way in ways
        ]

    def crowd(self) -> list[Client]:
        return [client for _ in range(CROWD) for client in self.everywhere()]

    def wait_held(self, count: int) -> None:
        self.primary.wait_for_status("Recovery_gate_connections_held", str(count))

    def sessions(self) -> list[dict]:
        return self.primary.query(
            "SELECT id FROM information_schema.processlist WHERE user = 'app'"
        )

    def wait_no_sessions(self) -> None:
        wait_for(self.sessions, lambda rows: not rows, "the end of all sessions")

    # The scenes, in their order

    def before_the_crash(self) -> None:
        """Not watched by what is slow: only what is left on disk matters."""
        # So that what waits for an acknowledgement is prepared still.
        self.primary.start("--rpl-semi-sync-master-wait-point=AFTER_SYNC")
        self.replica.start()
        self.link.set_up()
        for sql in (
            "CREATE USER app@'%' IDENTIFIED BY ''",
            "CREATE USER ops@'%' IDENTIFIED BY ''",
            "GRANT CONNECTION ADMIN ON *.* TO ops@'%'",
            "CREATE DATABASE shop",
            "CREATE TABLE shop.orders (id INT PRIMARY KEY) ENGINE=InnoDB",
            "GRANT SELECT, INSERT ON shop.* TO app@'%'",
        ):
            self.primary.query(sql)
        self.link.cut()
        before = self.primary.binlog_end()
        waiting = Pending(
            self.primary.connect_as_admin(), "INSERT INTO shop.orders VALUES (1)"
        )
        wait_for(self.primary.binlog_end, lambda end: before < end, "it in the log")
        # XA PREPARE would wait for an acknowledgement as well.
        with self.primary.connect_as_admin() as session:
            session.query("SET sql_log_bin=OFF")
            session.query("XA START 'external'")
            session.query("INSERT INTO shop.orders VALUES (100)")
            session.query("XA END 'external'")
            session.query("XA PREPARE 'external'")
            self.primary.kill9()
        wait_for(waiting.is_over, lambda over: over, "its end")

    def recovery(self) -> None:
        self.watch(f"--recovery-gate-connect-wait={LONG}")
        reason = self.status("reason"), self.status("state")
        expect("a crash", reason, reason == ("CRASH", "CLOSED"))
        found = self.status("xids_found"), self.status("xids_external")
        expect("prepared XIDs", found, found == ("2", "1"))

    def looked_at(self) -> None:
        for _ in range(CROWD):
            self.primary.query("SHOW ENGINE RECOVERY_GATE STATUS")
            rows = self.primary.query(
                "SELECT * FROM information_schema.RECOVERY_GATE_XIDS"
            )
            expect("transactions", rows, len(rows) > 1)
            self.primary.statuses("Recovery_gate%")
            self.primary.query("SHOW GLOBAL VARIABLES LIKE 'recovery_gate%'")
        with suppress(SqlError):
            self.primary.query("UNINSTALL SONAME 'ha_recovery_gate'")

    def held_who_leave(self) -> None:
        for says in (None, b"\x03DO 1", COM_QUIT):
            clients = self.crowd()
            self.wait_held(len(clients))
            for client in clients:
                if says is not None:
                    client.send(says)
                client.close()
            self.wait_held(0)
        self.wait_no_sessions()

    def held_who_are_killed(self) -> None:
        for kind in ("CONNECTION", "HARD", "SOFT"):
            clients = self.everywhere()
            self.wait_held(len(clients))
            for row in self.sessions():
                self.primary.query(f"KILL {kind} {row['id']}")
            self.wait_held(0)
            for client in clients:
                client.close()
        self.wait_no_sessions()

    def held_who_change_the_user(self) -> None:
        clients = self.everywhere()
        self.wait_held(len(clients))
        for client in clients:
            client.send(COM_CHANGE_USER, b"root\0\0\0")
            client.expect_rejected()
            client.close()
        # An administrator who becomes somebody else.
        with Client(self.primary, "ops") as client:
            client.send(COM_CHANGE_USER, b"app\0\0\0\x2d\0mysql_native_password\0")
            answer = client.packet()
            expect("the question for a password", answer, answer[:1] == b"\xfe")
            client.socket.sendall(frame(b"", 2))
            error = client.error()
            expect("error 1047", error, error.code == 1047)
        self.wait_held(0)

    def rejected(self) -> None:
        """Who asks is told; who keeps silent is waited for, and leaves."""
        self.set("connect_wait", 0)
        asking, silent = self.crowd(), self.crowd()
        self.wait_no_sessions()
        for client in asking:
            client.query("DO 1").expect_rejected()
            client.close()
        for client in silent[::2]:
            client.close()
        for client in silent[1::4]:  # half a command, and more than one
            client.socket.sendall(b"\x05\0\0")
            client.close()
        for client in silent[3::4]:
            client.socket.sendall(frame(b"\x03DO 1", 0) * 3)
            client.close()
        # When the time is up: the refusal is told by who was held first.
        self.set("connect_wait", 100)
        late = self.everywhere()
        for client in late:
            client.query("DO 1").expect_rejected()
            client.close()

    def settings(self) -> None:
        self.set("connect_wait", LONG)
        clients = self.everywhere()
        self.wait_held(len(clients))
        for _ in range(CROWD):
            self.set("timeout", 1000)
            self.set("admit_users", "somebody,else")
        self.set("max_held", 2)
        self.wait_held(2)
        self.set("max_held", 0)
        for client in clients:
            client.close()
        self.wait_held(0)

    def acknowledged(self) -> None:
        clients = self.everywhere()
        self.wait_held(len(clients))
        for client in clients[::2]:
            client.query("DO 1")
        self.link.restore()
        self.primary.wait_for_status("Recovery_gate_state", "OPEN")
        for client in clients[1::2]:
            client.query("DO 1")
        for client in clients:
            client.expect_served()
            client.close()
        expect("ACK", self.status("opened_by"), self.status("opened_by") == "ACK")
        self.primary.query("XA ROLLBACK 'external'")
        self.primary.query("INSERT INTO shop.orders VALUES (200)")
        self.wait_no_sessions()
        self.stop()

    def shutdown_with_clients_at_the_door(self) -> None:
        """Some are held, some were rejected and keep silent."""
        self.link.cut()
        systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        systemd.bind(str(self._sockets))
        systemd.setblocking(False)
        self.primary.environment["NOTIFY_SOCKET"] = str(self._sockets)
        self.watch("--recovery-gate-mode=ALWAYS", f"--recovery-gate-connect-wait={LONG}")
        held = self.everywhere()
        self.wait_held(len(held))
        self.set("max_held", len(held))
        away = self.everywhere()
        wait_for(self.sessions, lambda rows: len(rows) == len(held), "those held")
        self.stop()
        del self.primary.environment["NOTIFY_SOCKET"]
        systemd.close()
        for client in held + away:
            client.close()

    def opened_by_hand(self) -> None:
        self.watch("--recovery-gate-mode=ALWAYS", f"--recovery-gate-connect-wait={LONG}")
        clients = self.everywhere()
        self.wait_held(len(clients))
        self.primary.query("SET GLOBAL recovery_gate_open_now = ON")
        for client in clients:
            client.query("DO 1").expect_served()
            client.close()
        self.wait_no_sessions()
        self.stop()

    def thread_pool(self) -> None:
        self.watch(
            "--recovery-gate-mode=ALWAYS",
            f"--recovery-gate-connect-wait={LONG}",
            "--thread-handling=pool-of-threads",
            "--thread-pool-size=2",
        )
        clients = self.everywhere()
        self.wait_held(len(clients))
        self.set("connect_wait", 1)
        for client in clients[:4]:
            client.query("DO 1").expect_rejected()
        for client in clients:
            client.close()
        self.set("connect_wait", LONG)
        clients = self.everywhere()
        self.wait_held(len(clients))
        self.link.restore()
        for client in clients:
            client.query("DO 1").expect_served()
            client.close()
        self.stop()
