# SPDX-License-Identifier: GPL-2.0-only
"""A replica that connects and leaves before the thread that receives
acknowledgements has noticed, so that nobody tells its session that it may end.

    tools/rigs/start plugin.ack_receiver_test

That thread of the server is stopped meanwhile, as a busy machine may stop it for a
moment. The control is a server without the plugin, in which no replica with that
server id gets in again.

Environment: RECOVERY_GATE_PLUGIN, the built plugin; that of build/ when it is not
set. Exits 0 only if everything was as expected, 77 where threads cannot be stopped
(ptrace).
"""

from __future__ import annotations

import sys
import time

from rigs.plugin.stopped_thread import run_or_skip, stopped, system_call, threads
from rigs.servers import (
    SEMISYNC_REPLICA,
    Replication,
    Server,
    Servers,
    expect,
    wait_for,
)
from rigs.tool_under_test import GATE, QUICK

_FUTEX = ("202", "98")  # on x86-64, on ARM
_ENDS = "Waiting to finalize termination"
_TOLD = "ack receiver"
_LONG = 3.0  # seconds; the plugin needs a tenth of that


def leave_unnoticed(
    servers: Servers, group: str, *options: str, times: int = 1
) -> Replication:
    primary = servers.add(f"{group}/primary", *QUICK, *options)
    replica = servers.add(f"{group}/replica", *SEMISYNC_REPLICA, *QUICK)
    primary.start()
    replica.start()
    with primary.connect_as_admin() as session:
        before = threads(primary)
        session.query("SET GLOBAL rpl_semi_sync_master_enabled=ON")
        (receiver,) = threads(primary) - before
    primary.wait_for_log("Starting ack receiver thread")
    wait_for(
        lambda: system_call(primary, receiver)[0], _FUTEX.__contains__, "it to wait"
    )
    replication = Replication(primary, replica)
    with stopped(receiver):
        replication.set_up()
        primary.wait_for_status("Rpl_semi_sync_master_clients", "1")
        replication.stop()
        wait_for(lambda: ending(primary), bool, "the session of the replica to end")
        for _ in range(1, times):
            replication.start()
            primary.wait_for_status("Rpl_semi_sync_master_clients", "1")
            replication.stop()
            primary.wait_for_status("Rpl_semi_sync_master_clients", "0")
    return replication


def ending(server: Server) -> list[int]:
    sessions = server.query("SHOW PROCESSLIST")
    return [each["Id"] for each in sessions if each["State"] == _ENDS]


def with_the_plugin(servers: Servers) -> None:
    """It gets in again, and also when that has happened before."""
    replication = leave_unnoticed(servers, "plugin", *GATE, times=3)
    replication.start()
    replication.primary.wait_for_status("Rpl_semi_sync_master_clients", "1")
    replication.primary.wait_for_log(_TOLD)


def without_it(servers: Servers) -> None:
    """Its session never ends. A new one waits for that, and so is never served, as
    long as it may take."""
    replication = leave_unnoticed(servers, "bare")
    replication.start()
    end = time.monotonic() + _LONG
    wait_for(lambda: time.monotonic() > end, bool, "time to pass", 2 * _LONG)
    clients = replication.primary.status("Rpl_semi_sync_master_clients")
    expect("no replica", clients, clients == "0")
    sessions = ending(replication.primary)
    expect("a session that ends", sessions, sessions)


if __name__ == "__main__":
    sys.exit(run_or_skip("ack-receiver", (with_the_plugin, without_it)))
