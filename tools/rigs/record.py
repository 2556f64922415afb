# SPDX-License-Identifier: GPL-2.0-only
"""What a server with the plugin has on record: its recovery_gate.state."""

from __future__ import annotations

from rigs.servers import Server, wait_for


def wait_for_record(server: Server, lines: str) -> None:
    record = server.datadir / "recovery_gate.state"
    wait_for(record.read_text, lambda text: lines in text, f"on record: {lines}")


def wait_settled(server: Server) -> None:
    """All that it has written so far."""
    end = server.binlog_end()
    wait_for_record(server, f"settled-file {end.file}\nsettled-offset {end.offset}\n")
