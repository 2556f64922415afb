# SPDX-License-Identifier: GPL-2.0-only
"""A server whose machine's clock is set while its gate is closed.

    tools/rigs/start plugin.clock_test

Environment: RECOVERY_GATE_PLUGIN and RECOVERY_GATE_SET_CLOCK, the built plugin and
set_clock.cc; those of build/ when they are not set. Exits 0 only if
everything was as expected.
"""

from __future__ import annotations

import sys

from rigs.servers import (
    SEMISYNC_PRIMARY,
    Servers,
    expect,
    wait_for,
)
from rigs.story import Story, main
from rigs.tool_under_test import GATE, QUICK, built

SET_CLOCK = built("RECOVERY_GATE_SET_CLOCK", "tools/rigs/libset_clock.so")
AN_HOUR = 60 * 60
WAITS = "Recovery gate: waiting for a semi-sync acknowledgement"


class ClockIsSet(Story):
    def __init__(self, servers: Servers):
        super().__init__(servers)
        self.off = servers.folder / "clock-is-off"
        self.server = servers.add("server", *SEMISYNC_PRIMARY, *QUICK, *GATE)
        self.server.environment["LD_PRELOAD"] = str(SET_CLOCK)
        self.server.environment["CLOCK_IS_OFF"] = str(self.off)

    def steps(self):
        yield self.set_back
        yield self.set_forward

    # Helpers

    def set_clock(self, seconds: int) -> None:
        new = self.off.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(self.off)

    def start_closed(self) -> None:
        self.set_clock(0)
        self.server.start("--recovery-gate-mode=ALWAYS")
        self.server.query("SET GLOBAL recovery_gate_timeout_action=OPEN")
        wait_for(
            lambda: self.server.query("SHOW PROCESSLIST"),
            lambda threads: any(thread["State"] == WAITS for thread in threads),
            "the gate's thread to wait",
        )

    def time_out_in(self, seconds: int) -> None:
        closed_for = int(self.server.status("Recovery_gate_closed_ms"))
        self.server.query(
            f"SET GLOBAL recovery_gate_timeout={closed_for // 1000 + seconds}"
        )

    def stop(self) -> None:
        status = self.server.stop()
        expect("a proper shutdown", status, status == 0)

    # Steps

    def set_back(self) -> None:
        """The time-out comes when it would have come."""
        self.start_closed()
        self.time_out_in(5)
        self.set_clock(-AN_HOUR)
        state = self.server.status("Recovery_gate_state")
        expect("that the time-out is still to come", state, state == "CLOSED")
        self.server.wait_for_log("recovery_gate_timeout", timeout=30)
        self.server.wait_for_status("Recovery_gate_opened_by", "TIMEOUT")
        closed_for = int(self.server.status("Recovery_gate_closed_ms"))
        expect("seconds, not an hour", closed_for, closed_for < AN_HOUR * 1000 // 2)
        self.stop()

    def set_forward(self) -> None:
        """It does not come early."""
        self.start_closed()
        self.time_out_in(AN_HOUR // 2)
        self.set_clock(AN_HOUR)
        self.server.query("SET GLOBAL recovery_gate_connect_wait=1")
        state = self.server.status("Recovery_gate_state")
        expect("that the gate stays closed", state, state == "CLOSED")
        self.stop()


if __name__ == "__main__":
    sys.exit(main("recovery-gate-clock", ClockIsSet))
