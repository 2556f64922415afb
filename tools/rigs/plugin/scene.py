# SPDX-License-Identifier: GPL-2.0-only
"""A primary that comes back with something in doubt, and played replicas."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Callable

from rigs.plugin.played_replica import PlayedReplica
from rigs.servers import (
    SEMISYNC_PRIMARY,
    Pending,
    Position,
    Server,
    Servers,
    expect,
    wait_for,
)
from rigs.tool_under_test import GATE, QUICK

PLAYER = ("player", "player-secret")


@dataclass
class Scene:
    """A primary that has crashed with something in doubt, and its gate."""

    servers: Servers
    options: tuple[str, ...]
    primary: Server = field(init=False)
    awaited: Position = field(init=False)
    gtid: str = field(init=False)  # of everything
    before: str = field(init=False)  # ... but what was written last
    end: Position = field(init=False)  # of everything

    def __post_init__(self) -> None:
        self.primary = self.servers.add(
            f"primary{len(self.servers.all)}", *SEMISYNC_PRIMARY, *QUICK, *GATE
        )
        self.primary.id += 100  # those below are replicas'

    def prepare(self) -> None:
        primary = self.primary
        primary.start()
        with primary.connect_as_admin() as session:
            session.query("SET sql_log_bin=OFF")
            session.query("CREATE USER %s@'127.0.0.1' IDENTIFIED BY %s", *PLAYER)
            session.query("GRANT REPLICATION SLAVE ON *.* TO %s@'127.0.0.1'", PLAYER[0])
        primary.query("SET GLOBAL rpl_semi_sync_master_enabled=OFF")
        primary.query("CREATE DATABASE shop")
        primary.query("CREATE TABLE shop.orders (id INT PRIMARY KEY) ENGINE=InnoDB")
        primary.query("SET GLOBAL rpl_semi_sync_master_enabled=ON")

    def crash(self, *options: str) -> None:
        primary = self.primary
        self.before = primary.value("SELECT @@GLOBAL.gtid_binlog_pos")
        with primary.connect_as_admin() as session:
            Pending(session, "INSERT INTO shop.orders VALUES (1)")
            primary.wait_for_status("Rpl_semi_sync_master_wait_sessions", "1")
            self.gtid = primary.value("SELECT @@GLOBAL.gtid_binlog_pos")
            self.end = primary.binlog_end()
            primary.kill9()
        primary.start(*self.options, *options)
        status = primary.statuses("Recovery_gate%")
        expect("a closed gate", status, status["Recovery_gate_state"] == "CLOSED")
        self.awaited = Position(
            status["Recovery_gate_ack_file"], int(status["Recovery_gate_ack_pos"])
        )

    def play(
        self, server_id: int, at: str | Position, **more: Any
    ) -> PlayedReplica:
        return PlayedReplica(self.primary, server_id, at, account=PLAYER, **more)

    def acknowledge(self, *replicas: PlayedReplica, position=None) -> None:
        """Returns when the primary has the replies."""
        before = int(self.primary.status("Rpl_semi_sync_master_get_ack"))
        for replica in replicas:
            replica.acknowledge(position or self.awaited)
        wait_for(
            lambda: int(self.primary.status("Rpl_semi_sync_master_get_ack")),
            lambda acks: acks >= before + len(replicas),
            "the acknowledgements to arrive",
        )

    def leaves(self, replica: PlayedReplica) -> None:
        """Returns when the primary has no session of it any more. Of one that hangs up
        it would learn only when it has something to send."""
        self.primary.query("KILL %s", replica.connection_id)
        wait_for(
            lambda: self.primary.query("SHOW PROCESSLIST"),
            lambda threads: all(one["Id"] != replica.connection_id for one in threads),
            "its session to end",
        )
        replica.leave()

    def as_they_are_closed(
        self, replicas: list[PlayedReplica], at: Callable[[], str | Position]
    ) -> None:
        """Whoever is made to connect once more does, until the gate opens. The replies
        may also have been seen one by one, which is as good."""
        left = list(replicas)

        def look() -> bool:
            for one in [one for one in left if one.was_closed]:
                left.remove(one)
                self.play(one.server_id, at())
            return self.primary.status("Recovery_gate_open") == "ON"

        wait_for(look, bool, "the gate to open")

    def page(self) -> str:
        """With all that the primary knows now taken into account."""
        (row,) = self.primary.query("SHOW ENGINE RECOVERY_GATE STATUS")
        return re.sub(r"\n {25}", " ", row["Status"])

    def stays_closed(self, proven: int, *patterns: str) -> None:
        # Where one by file and position began may take a moment to be certain.
        wait_for(
            lambda: (self.page(), self.primary.status("Recovery_gate_replicas_proven")),
            lambda seen: seen[1] == str(proven),
            f"{proven} to be proven",
        )
        page = self.page()
        status = self.primary.statuses("Recovery_gate%")
        expect("a closed gate", page, status["Recovery_gate_state"] == "CLOSED")
        expect(
            f"{proven} to be proven",
            (status["Recovery_gate_replicas_proven"], page),
            status["Recovery_gate_replicas_proven"] == str(proven),
        )
        for pattern in patterns:
            expect(f"'{pattern}'", page, re.search(pattern, page))

    def opens(self) -> None:
        self.page()
        self.primary.wait_for_status("Recovery_gate_opened_by", "ACK")


def scene(servers: Servers, *options: str) -> Scene:
    made = Scene(servers, tuple(f"--recovery-gate-{option}" for option in options))
    made.prepare()
    made.crash()
    return made
