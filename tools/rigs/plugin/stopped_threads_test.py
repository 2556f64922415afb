# SPDX-License-Identifier: GPL-2.0-only
"""Moments that are over before anybody sees them, unless a busy machine stops a thread
just then: here a thread of the server is stopped there.

    tools/rigs/start plugin.stopped_threads_test [STORY...]

Environment: RECOVERY_GATE_PLUGIN, the built plugin; that of build/ when it is not
set. Exits 0 only if everything was as expected, 77 where threads cannot be stopped
(ptrace).
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack

from rigs.plugin.scene import Scene, scene
from rigs.plugin.stopped_thread import (
    go_on_until_it_opens,
    run_or_skip,
    stopped,
    thread_named,
)
from rigs.record import wait_settled
from rigs.servers import (
    SEMISYNC_PRIMARY,
    Position,
    Replication,
    Server,
    Servers,
    expect,
    wait_for,
)
from rigs.tool_under_test import GATE, QUICK

_TRIES = 20
_BETWEEN = "Finished reading one binlog; switching to next binlog"
_WAITER = "Recovery gate: waiting for a semi-sync acknowledgement"


def row_of(here: Scene, connection: int) -> dict:
    (row,) = here.primary.query(
        "SELECT TID, STATE FROM information_schema.PROCESSLIST WHERE ID = %s",
        connection,
    )
    return row


def seen_between_logs(servers: Servers) -> None:
    """The server shows, for who is sent them, the name of the next log with the offset
    in the one before. A replica by file and position that is seen first then began
    nowhere."""
    here = scene(servers)
    with ExitStack() as stack:

        def stop(connection: int) -> None:
            stack.enter_context(stopped(row_of(here, connection)["TID"]))

        begin = Position(here.end.file, 4)
        replica = here.play(2, begin, before_it_asks=stop)
        thread = row_of(here, replica.connection_id)["TID"]
        go_on_until_it_opens(here.primary, thread, here.awaited.file)
        state = row_of(here, replica.connection_id)["STATE"]
        expect("it to be between two logs", state, state == _BETWEEN)
        page = here.page()
        expect("it not to be judged", page, "proves nothing" not in page)
    replica.wait_asked(here.awaited)
    here.acknowledge(replica)
    here.opens()


def waiters(server: Server) -> list[int]:
    rows = server.query(
        "SELECT TID FROM information_schema.PROCESSLIST WHERE STATE = %s", _WAITER
    )
    return [row["TID"] for row in rows]


def withdraws_late(servers: Servers) -> None:
    """SHUTDOWN WAIT FOR ALL SLAVES already waits until nothing awaits an acknowledgement
    when the gate ends that."""
    here = scene(servers)
    primary = here.primary
    (waiter,) = waiters(primary)
    with stopped(waiter):
        with primary.connect_as_admin() as session:
            session.query("SHUTDOWN WAIT FOR ALL SLAVES")
        primary.wait_for_log("Delaying shutdown to await semi-sync ACK")
    primary.wait_end()


def comes_late(servers: Servers) -> None:
    """The same when the thread that waits for a replica has not even begun to, which it
    never does in a server that shuts down."""
    here = scene(servers)
    primary = here.primary
    for _ in range(_TRIES):
        primary.kill9()
        primary.launch(*here.options)
        with stopped(thread_named(primary, "gate-waiter")):
            primary.wait_ready()
            with primary.connect_as_admin() as session:
                if waiters(primary):
                    continue
                session.query("SHUTDOWN WAIT FOR ALL SLAVES")
            primary.wait_for_log("Delaying shutdown to await semi-sync ACK")
        primary.wait_end()
        return
    expect("it to be stopped in time", "too late each time", False)


def crashes_before_it_is_seen_to_receive(servers: Servers) -> None:
    """What a server received between START SLAVE and the next look at it is not its own."""
    former = servers.add(
        "former-primary", *SEMISYNC_PRIMARY, *QUICK, *GATE, "--skip-slave-start"
    )
    primary = servers.add("new-primary", *QUICK, *GATE)
    for server in (former, primary):
        server.start()
    wait_settled(former)
    with stopped(thread_named(former, "gate-keeper")):
        Replication(primary, former).begin()
        primary.query("CREATE DATABASE shop")
        wait_for(lambda: former.query("SHOW DATABASES LIKE 'shop'"), bool, "what was sent")
        os.kill(former.pid, signal.SIGKILL)
    former.wait_end()
    former.start()
    former.wait_for_status("Recovery_gate_opened_by", "NOT_NEEDED")


STORIES = (
    seen_between_logs,
    withdraws_late,
    comes_late,
    crashes_before_it_is_seen_to_receive,
)

if __name__ == "__main__":
    sys.exit(run_or_skip("stopped-threads", STORIES))
