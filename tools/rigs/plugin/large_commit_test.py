# SPDX-License-Identifier: GPL-2.0-only
"""A primary that is killed while it commits by renaming a file to a binary log, as
11.8 does with large transactions (binlog_large_commit_threshold).

    tools/rigs/start plugin.large_commit_test

Environment: RECOVERY_GATE_PLUGIN and RECOVERY_GATE_STOP_AT_RENAME, the built plugin
and stop_at_rename.cc; those of build/ when they are not set. Exits 0 only if
everything was as expected.
"""

from __future__ import annotations

import sys

from rigs.record import wait_settled
from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Pending,
    Replication,
    Servers,
    expect,
    wait_for,
)
from rigs.story import Story, main
from rigs.tool_under_test import GATE, QUICK, built

STOP_AT_RENAME = built("RECOVERY_GATE_STOP_AT_RENAME", "tools/rigs/libstop_at_rename.so")
LARGE = 12 * 1024 * 1024


class LargeCommits(Story):
    def __init__(self, servers: Servers):
        super().__init__(servers)
        common = (*QUICK, *GATE, "--max-allowed-packet=64M")
        self.primary = servers.add(
            "primary",
            *SEMISYNC_PRIMARY,
            *common,
            "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
            "--binlog-format=ROW",
            "--binlog-large-commit-threshold=10M",
        )
        self.replica = servers.add("replica", *SEMISYNC_REPLICA, *common)
        self.link = Replication(self.primary, self.replica)

    def steps(self):
        yield self.set_up
        yield self.killed_before_it_renames
        yield self.killed_before_the_index_has_the_log
        yield self.killed_while_the_commit_waits

    # Helpers

    def insert(self, number: int) -> Pending:
        return Pending(
            self.primary.connect_as_admin(),
            f"INSERT INTO shop.films VALUES ({number}, REPEAT('x', {LARGE}))",
        )

    def killed_as_it_renames(self, when: str) -> None:
        stopped = self.folder / f"stopped-{when}"
        self.primary.stop()
        self.primary.environment = {
            "LD_PRELOAD": str(STOP_AT_RENAME),
            "STOP_RENAMING": when,
            "STOPPED": str(stopped),
        }
        self.primary.start()
        self.link.wait_connected()
        wait_settled(self.primary)
        self.insert(1)
        wait_for(stopped.exists, bool, "the server to rename a file to a binary log")
        self.primary.kill9()
        self.primary.environment = {}
        self.primary.start()
        # Nobody was sent it, and it is not there.
        opened_by = self.primary.status("Recovery_gate_opened_by")
        expect("a gate that nothing is owed to", opened_by, opened_by == "NOT_NEEDED")
        self.expect_films()

    def expect_films(self, *numbers: int) -> None:
        query = "SELECT id FROM shop.films ORDER BY id"
        seen = [row["id"] for row in self.primary.query(query)]
        expect(f"films {numbers}", seen, seen == list(numbers))
        wait_for(
            lambda: [row["id"] for row in self.replica.query(query)],
            lambda there: there == seen,
            f"films {numbers} on the replica",
        )

    # Steps

    def set_up(self) -> None:
        self.primary.start()
        self.replica.start()
        self.link.set_up()
        self.primary.query("CREATE DATABASE shop")
        self.primary.query("CREATE TABLE shop.films (id INT PRIMARY KEY, film LONGBLOB)")

    def killed_before_it_renames(self) -> None:
        self.killed_as_it_renames("before")

    def killed_before_the_index_has_the_log(self) -> None:
        self.killed_as_it_renames("after")

    def killed_while_the_commit_waits(self) -> None:
        """It is a binary log by then, and in doubt."""
        self.link.wait_connected()
        wait_settled(self.primary)
        self.link.cut()
        self.insert(1)
        self.primary.wait_for_log("Renamed binlog cache to binlog")
        self.primary.wait_for_status("Rpl_semi_sync_master_wait_sessions", "1")
        self.primary.kill9()
        self.primary.start()
        state = self.primary.status("Recovery_gate_state")
        expect("a closed gate", state, state == "CLOSED")
        self.link.restore()
        self.primary.wait_for_status("Recovery_gate_opened_by", "ACK")
        self.expect_films(1)


if __name__ == "__main__":
    sys.exit(main("large-commit-test", LargeCommits))
