# SPDX-License-Identifier: GPL-2.0-only
"""A replica by file and position connects again in the middle of a transaction, of which
it has the first half. The primary takes its place for a reply, and tells it the GTID of
that transaction, which the replica then names.

    tools/rigs/start plugin.within_transaction_test [STORY...]

Environment: RECOVERY_GATE_PLUGIN, the built plugin; that of build/ when it is not set.
Exits 0 only if everything was as expected.
"""

from __future__ import annotations

import sys

from rigs.record import wait_for_record, wait_settled
from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Pending,
    Replication,
    Server,
    Servers,
    expect,
    wait_for,
)
from rigs.story import run_stories
from rigs.tool_under_test import GATE, QUICK

COMMON = (*QUICK, *GATE, "--binlog-format=ROW")
# The replica's I/O thread waits for its SQL thread in the middle of it.
RELAY_LOG_LIMIT = "--relay-log-space-limit=1M"
ROWS, SIZE = 30, 100_000


class Pair:
    """The replica has a part of the last transaction, and has connected again there."""

    def __init__(self, servers: Servers, *, semisync: bool):
        story = len(servers.all)
        self.primary = servers.add(
            f"primary{story}",
            *SEMISYNC_PRIMARY,
            *COMMON,
            "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
        )
        self.replica = servers.add(
            f"replica{story}", *SEMISYNC_REPLICA, *COMMON, RELAY_LOG_LIMIT
        )
        for server in (self.primary, self.replica):
            server.start()
        self.link = Replication(self.primary, self.replica, gtid=False)
        self.link.set_up()
        self.primary.query("CREATE DATABASE shop")
        self.primary.query("CREATE TABLE shop.orders (id INT PRIMARY KEY, note LONGTEXT)")
        self.primary.query("INSERT INTO shop.orders VALUES (0, '')")
        wait_settled(self.primary)
        wait_for(lambda: orders(self.replica), lambda there: there == 1, "order 0")
        if not semisync:
            self.link.stop()
            self.replica.query("SET GLOBAL rpl_semi_sync_slave_enabled=OFF")
            self.link.start()
            self.link.wait_connected()
        self.replica.query("STOP SLAVE SQL_THREAD")
        self.write_a_large_one()
        wait_for(
            lambda: self.link.status()["Slave_IO_State"],
            lambda state: "free enough relay log space" in state,
            "the replica's I/O thread to wait",
        )
        self.replica.query("STOP SLAVE IO_THREAD")
        self.replica.query("START SLAVE IO_THREAD")

    def write_a_large_one(self) -> None:
        before = self.primary.binlog_end()
        session = self.primary.connect_as_admin()
        session.query("BEGIN")
        for order in range(1, ROWS + 1):
            session.query(f"INSERT INTO shop.orders VALUES ({order}, REPEAT('x', {SIZE}))")
        Pending(session, "COMMIT")
        wait_for(self.primary.binlog_end, lambda end: before < end, "a transaction")

    def wait_told(self) -> None:
        """What the replica names is on record."""
        gtid = self.primary.value("SELECT @@gtid_binlog_pos")
        wait_for(
            lambda: self.replica.value("SELECT @@gtid_slave_pos"),
            lambda named: named == gtid,
            "the GTID of what it has in part",
        )
        number = gtid.rsplit("-", 1)[1]
        wait_for_record(self.primary, f"told-gtid 0-{self.replica.id}-{number}\n")

    def stays_closed(self, because: str) -> None:
        def page() -> str:
            (row,) = self.primary.query("SHOW ENGINE RECOVERY_GATE STATUS")
            return " ".join(row["Status"].split())

        wait_for(page, lambda text: because in text, because)
        state = self.primary.status("Recovery_gate_state")
        expect("a closed gate", state, state == "CLOSED")


def orders(server: Server) -> int:
    return int(server.value("SELECT COUNT(*) FROM shop.orders"))


def its_place_settles_nothing(servers: Servers) -> None:
    pair = Pair(servers, semisync=True)
    place = pair.link.received()
    wait_for_record(
        pair.primary, f"acknowledged-file {place.file}\nacknowledged-offset {place.offset}\n"
    )
    pair.primary.kill9()
    pair.primary.start()
    pair.primary.wait_for_status("Recovery_gate_state", "CLOSED")
    pair.replica.query("START SLAVE SQL_THREAD")
    pair.primary.wait_for_status("Recovery_gate_opened_by", "ACK")
    wait_for(lambda: orders(pair.replica), lambda there: there == ROWS + 1, "all of it")


def what_it_was_told_opens_nothing(servers: Servers) -> None:
    pair = Pair(servers, semisync=False)
    pair.wait_told()
    pair.primary.kill9()
    pair.link.stop()
    pair.primary.start()
    pair.replica.query("SET GLOBAL rpl_semi_sync_slave_enabled=ON")
    Replication(pair.primary, pair.replica).begin()
    pair.stays_closed("it began within a transaction")
    expect("a part of nothing", orders(pair.replica), orders(pair.replica) == 1)


def a_primary_that_was_told_shows_nothing(servers: Servers) -> None:
    pair = Pair(servers, semisync=False)
    pair.wait_told()
    pair.primary.kill9()
    pair.link.end()
    pair.replica.query("INSERT INTO shop.orders VALUES (-1, '')")
    pair.primary.start("--rpl-semi-sync-master-enabled=OFF")
    Replication(pair.replica, pair.primary).begin("current_pos")
    pair.stays_closed("do not show whether it has")


if __name__ == "__main__":
    sys.exit(
        run_stories(
            "within-transaction",
            (
                its_place_settles_nothing,
                what_it_was_told_opens_nothing,
                a_primary_that_was_told_shows_nothing,
            ),
            sys.argv[1:],
        )
    )
