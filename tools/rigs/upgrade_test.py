# SPDX-License-Identifier: GPL-2.0-only
"""A server that goes from this machine's series to that of a guest, and back: what is
in doubt stays so, and nothing else is.

    tools/rigs/start upgrade_test 11.8

Needs the guest, and the plugin in it: tools/setup --server 11.8, and tools/with-server
11.8 with the commands for a build. MariaDB does not promise the way back; what is
tested is that the gate is not what goes wrong.

Environment: RECOVERY_GATE_PLUGIN, that of this machine; RECOVERY_GATE_GUEST_PLUGIN, the
guest's, as a path in there; those of build/ when they are not set. Exits 0 only if
everything was as expected.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rigs import PROJECT
from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Replication,
    Servers,
    SqlError,
    expect,
    tail,
)
from rigs.story import Story, main
from rigs.tool_under_test import GATE, QUICK

GUEST_PLUGIN = Path(
    os.environ.get("RECOVERY_GATE_GUEST_PLUGIN", PROJECT / "build" / "ha_recovery_gate.so")
)


class Upgrade(Story):
    def __init__(self, servers: Servers):
        super().__init__(servers)
        self.enter = [str(PROJECT / "tools" / "setup.d" / "enter"), "--network", series]
        self.server = servers.add(
            "server", *SEMISYNC_PRIMARY, *QUICK, "--recovery-gate-connect-wait=0"
        )
        self.replica = servers.add("replica", *SEMISYNC_REPLICA, *QUICK, *GATE)
        self.link = Replication(self.server, self.replica)

    def steps(self):
        return (
            self.set_up,
            self.crash,
            self.closed_after_an_upgrade,
            self.upgraded_and_still_closed,
            self.closed_after_the_way_back,
            self.replica_opens_it,
            self.open_after_an_upgrade,
            self.doubt_of_the_new_one,
            self.open_after_the_way_back,
        )

    def start_here(self) -> None:
        self.server.runner = []
        self.server.start(*GATE)
        version = self.server.value("SELECT VERSION()")
        expect(f"another server than {series}", version, not version.startswith(f"{series}."))

    def start_in_guest(self) -> None:
        self.server.runner = self.enter
        self.server.start(
            f"--plugin-dir={GUEST_PLUGIN.parent}",
            f"--plugin-load-add={GUEST_PLUGIN.stem}",
            "--recovery-gate=FORCE_PLUS_PERMANENT",
        )
        version = self.server.value("SELECT VERSION()")
        expect(f"a server of {series}", version, version.startswith(f"{series}."))

    def stop(self) -> None:
        # A signal would not get through to the guest.
        self.server.query("SHUTDOWN")
        status = self.server.wait_end()
        expect("a proper shutdown", status, status == 0)

    def expect_closed(self, reason: str) -> None:
        shown = self.server.statuses("Recovery_gate%")
        expect("a closed gate", shown, shown["Recovery_gate_state"] == "CLOSED")
        expect(f"for {reason}", shown, shown["Recovery_gate_reason"] == reason)
        try:
            with self.server.connect("app", "secret") as session:
                session.query("SELECT * FROM shop.orders")
        except SqlError as error:
            expect("to be rejected", str(error), "Recovery gate is closed" in str(error))
        else:
            expect("a client to be rejected", "it was admitted", False)

    def expect_open(self, *orders: int) -> None:
        self.server.wait_for_status("Recovery_gate_state", "OPEN")
        with self.server.connect("app", "secret") as session:
            seen = [row["id"] for row in session.query("SELECT id FROM shop.orders ORDER BY id")]
        expect(f"orders {orders}", seen, seen == list(orders))

    def set_up(self) -> None:
        self.start_here()
        self.replica.start()
        self.link.set_up()
        self.server.wait_for_status("Rpl_semi_sync_master_clients", "1")
        for statement in (
            "CREATE DATABASE shop",
            "CREATE TABLE shop.orders (id INT PRIMARY KEY) ENGINE=InnoDB",
            "CREATE USER app@'127.0.0.1' IDENTIFIED BY 'secret'",
            "GRANT ALL ON shop.* TO app@'127.0.0.1'",
            "INSERT INTO shop.orders VALUES (1)",
        ):
            self.server.query(statement)

    def crash(self) -> None:
        """A crash of one server is for the same one to recover from."""
        self.link.cut()
        self.server.kill9_during("INSERT INTO shop.orders VALUES (2)")
        self.start_here()
        self.expect_closed("CRASH")
        self.stop()

    def closed_after_an_upgrade(self) -> None:
        self.start_in_guest()
        self.expect_closed("CARRIED_OVER")

    def upgraded_and_still_closed(self) -> None:
        log = self.folder / "upgrade.log"
        with open(log, "ab") as output:
            status = subprocess.run(
                [*self.enter, "mariadb-upgrade", "--no-defaults", "--force",
                 f"--socket={self.server.socket}"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False,
            ).returncode
        expect(f"mariadb-upgrade to succeed\n{tail(log)}", status, status == 0)
        self.expect_closed("CARRIED_OVER")
        self.stop()
        self.start_in_guest()
        self.expect_closed("CARRIED_OVER")
        self.stop()

    def closed_after_the_way_back(self) -> None:
        self.start_here()
        self.expect_closed("CARRIED_OVER")

    def replica_opens_it(self) -> None:
        self.link.restore()
        self.server.wait_for_status("Recovery_gate_opened_by", "ACK")
        self.expect_open(1, 2)
        self.stop()

    def open_after_an_upgrade(self) -> None:
        self.start_in_guest()
        self.server.wait_for_status("Recovery_gate_opened_by", "NOT_NEEDED")
        self.expect_open(1, 2)

    def doubt_of_the_new_one(self) -> None:
        """What the newer one has left in doubt, the older one keeps."""
        self.link.wait_connected()
        self.server.wait_for_status("Rpl_semi_sync_master_clients", "1")
        self.server.query("INSERT INTO shop.orders VALUES (3)")
        self.link.cut()
        self.server.kill9_during("INSERT INTO shop.orders VALUES (4)")
        self.start_in_guest()
        self.expect_closed("CRASH")
        self.stop()
        self.start_here()
        self.expect_closed("CARRIED_OVER")
        self.link.restore()
        self.server.wait_for_status("Recovery_gate_opened_by", "ACK")
        self.expect_open(1, 2, 3, 4)
        self.stop()

    def open_after_the_way_back(self) -> None:
        self.start_here()
        self.server.wait_for_status("Recovery_gate_opened_by", "NOT_NEEDED")
        self.expect_open(1, 2, 3, 4)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    series = sys.argv[1]
    guest = PROJECT / ".deps" / series / "guest"
    if not guest.exists():
        sys.exit(f"there is no guest for MariaDB {series}; run tools/setup --server {series}")
    # A folder that is in the guest too: where the guests are.
    tempfile.tempdir = str(guest.resolve().parents[1])
    sys.exit(main("upgrade", Upgrade))
