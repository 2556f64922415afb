# SPDX-License-Identifier: GPL-2.0-only
"""Between two binary logs the server shows, for who is sent them, the name of the next
one with the offset in the one before. A replica that is seen then began nowhere.

    tools/rigs/start plugin.shown_place_test

The thread that sends is stopped there, as a busy machine may stop it for a moment.

Environment: RECOVERY_GATE_PLUGIN, the built plugin; that of build/ when it is not
set. Exits 0 only if everything was as expected, 77 where threads cannot be stopped
(ptrace).
"""

from __future__ import annotations

import sys
from contextlib import ExitStack

from rigs.plugin.scene import Scene, scene
from rigs.plugin.stopped_thread import go_on_until_it_opens, run_or_skip, stopped
from rigs.servers import Position, Servers, expect

_BETWEEN = "Finished reading one binlog; switching to next binlog"


def row_of(here: Scene, connection: int) -> dict:
    (row,) = here.primary.query(
        "SELECT TID, STATE FROM information_schema.PROCESSLIST WHERE ID = %s",
        connection,
    )
    return row


def seen_between_logs(servers: Servers) -> None:
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


if __name__ == "__main__":
    sys.exit(run_or_skip("shown-place", (seen_between_logs,)))
