# SPDX-License-Identifier: GPL-2.0-only
"""A primary and its semi-sync replica, and the roles they change."""

from __future__ import annotations

import re
from typing import Any, Callable

from rigs.phantom_check.group import (
    Broken,
    Group,
    Refused,
    follow_status,
    position_applied,
    wait_applied,
)
from rigs.phantom_check.link import Link
from rigs.phantom_check.plan import Configuration, Traffic
from rigs.phantom_check.timeline import Timeline
from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Replication,
    Server,
    Servers,
    Session,
    Unexpected,
    wait_for,
)

# One of these is in each start's error log, in this order: a start after a
# clean shutdown has no recovery to wait for.
_RECOVERS = "Recovering after a crash|Server socket created|ready for connections"
_REFUSAL = r"Found \d+ prepared transactions! It means"


class Pair(Group):
    """Clients talk to the primary."""

    def __init__(
        self,
        servers: Servers,
        folder: str,
        configuration: Configuration,
        gate: tuple[str, ...],
        timeline: Timeline,
    ):
        super().__init__(servers, folder, gate, timeline)
        self.configuration = configuration
        self._made = 0
        self.primary = self._make()
        self.replica = self._make()
        self.link = Link()

    # Making them

    def build(self) -> None:
        self._start(self.primary, *SEMISYNC_PRIMARY)
        self._follow()
        self.create_journal(self.primary)

    def rebuild(self) -> None:
        """Both from nothing."""
        self.primary.destroy()
        self.replica.destroy()
        self.link.close()
        self.primary, self.replica, self.link = self._make(), self._make(), Link()
        self.build()

    def promote(self) -> None:
        """Loses the primary for good, and makes the replica one, with a new
        replica that has everything. Nobody may be writing."""
        lost = self.primary
        self.timeline.note(lost.name, "is lost for good, with its data")
        lost.destroy()
        self.link.close()
        self.replica.query("STOP SLAVE")
        self.replica.query("RESET SLAVE ALL")
        self.replica.query("SET GLOBAL rpl_semi_sync_master_enabled=ON")
        self.primary, self.replica, self.link = self.replica, self._make(), Link()
        self.timeline.note(self.primary.name, f"is promoted: life {self.life}")
        self._follow()
        self._wait_caught_up()
        self.timeline.note(self.replica.name, "is the new replica, with all rows")

    def close(self) -> None:
        self.primary.kill9()
        self.replica.kill9()
        self.link.close()

    def _make(self) -> Server:
        self._made += 1
        return self.add_server(
            f"server-{self._made}",
            *SEMISYNC_REPLICA,
            # In force once it is a primary.
            *(option for option in SEMISYNC_PRIMARY if "timeout" in option),
            f"--rpl-semi-sync-master-wait-point={self.configuration.wait_point}",
        )

    def _start(self, server: Server, *options: str) -> None:
        server.start(*options, self.number_life(server))

    def _follow(self) -> None:
        # Not a semi-sync primary itself: a replica that is one waits for an
        # acknowledgement of what it applies.
        self._start(self.replica)
        self.link.lead_to(self.primary.port)
        self.replication = Replication(
            self.primary,
            self.replica,
            gtid=self.configuration.gtid,
            port=self.link.port,
        )
        self.replication.set_up()
        self.primary.wait_for_status("Rpl_semi_sync_master_clients", "1")

    # The primary's lives

    @property
    def life(self) -> int:
        return self.life_of(self.primary)

    def launch(self, connect_wait: int) -> None:
        options = [*SEMISYNC_PRIMARY, self.number_life(self.primary)]
        if self.gate:
            options.append(f"--recovery-gate-connect-wait={connect_wait}")
        self.primary.launch(*options)
        self.timeline.note(
            self.primary.name,
            f"is launched: life {self.life}; the network {self.link.traffic.value}",
        )

    def wait_ready(self) -> None:
        self._unless_it_refuses(self.primary.wait_ready)

    def wait_recovers(self) -> None:
        self._unless_it_refuses(lambda: self.primary.wait_for_log(_RECOVERS))

    def kill9(self) -> None:
        if not self.primary.is_running():
            self._unless_it_refuses(self._fail_dead)
        self.primary.kill9()

    def _unless_it_refuses(self, wait: Callable[[], None]) -> None:
        try:
            wait()
        except Unexpected as unexpected:
            if re.search(_REFUSAL, self.primary.log_of_this_start()):
                raise Refused(str(unexpected)) from None
            raise

    def _fail_dead(self) -> None:
        raise Unexpected(f"{self.primary.name} to run", "that it has ended by itself")

    def set_traffic(self, traffic: Traffic) -> None:
        if traffic is not self.link.traffic:
            self.link.set(traffic)
            self.timeline.note("network", traffic.value)

    def gate_state(self) -> str:
        return self.gate_state_of(self.primary)

    def commit_waits(self) -> bool:
        return self.commit_waits_on(self.primary)

    # Clients

    def connect(self) -> tuple[Session, int]:
        return self.connect_to(self.primary)

    # The replica

    def wait_for_all_applied(self) -> None:
        """Once the primary is dead: returns when the replica shows all that it
        has received, as it would have to before it is promoted."""
        wait_for(
            self._replica_status,
            lambda seen: seen["Slave_IO_Running"] != "Yes",
            "the replica to notice that its primary is gone",
        )
        wait_applied(self.replication, self._replica_status)

    def _wait_caught_up(self) -> None:
        end = self.primary.binlog_end()
        wait_for(
            self._replica_status,
            lambda seen: position_applied(seen)
            and (end.file, end.offset)
            == (seen["Relay_Master_Log_File"], seen["Exec_Master_Log_Pos"]),
            f"the new replica to have applied all up to {end}",
            120,
        )
        rows = self.tokens(self.primary, 0)
        missing = rows - self.tokens(self.replica, 0)
        if missing:
            raise Unexpected("the new replica to have all rows", f"{missing} missing")

    def wait_in_step(self) -> None:
        """Until the replica follows, as a semi-sync replica."""
        try:
            wait_for(
                lambda: (self._replica_status(), self._semisync_clients()),
                lambda seen: seen[0]["Slave_IO_Running"] == "Yes" and seen[1] == "1",
                "the replica to follow the primary",
                60,
            )
        except Unexpected as failure:
            if self.gate:
                raise
            # By file and position, when the network is cut while it connects: MariaDB's.
            raise Broken(f"the replica is sent nothing: {failure}") from failure

    def _semisync_clients(self) -> str:
        return self.primary.status("Rpl_semi_sync_master_clients")

    def _replica_status(self) -> dict[str, Any]:
        return follow_status(
            self.replication, ("Slave_IO_Running", "Slave_SQL_Running")
        )
