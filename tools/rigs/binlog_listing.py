# SPDX-License-Identifier: GPL-2.0-only
"""The events of a binary log, as the server's own mariadb-binlog shows them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path

from rigs.servers import Unexpected, program

_AT = re.compile(r"# at (\d+)$")
# The header in hexadecimal, as --hexdump prints it.
_HEADER = re.compile(
    r"# +[0-9a-f]+ +\|(?P<time>[0-9a-f ]{11}) \|(?P<type>[0-9a-f]{2}) +"
    r"\|(?P<server>[0-9a-f ]{11}) \|(?P<size>[0-9a-f ]{11}) "
    r"\|(?P<end>[0-9a-f ]{11}) \|(?P<flags>[0-9a-f ]{5}) *$"
)
_EVENT = re.compile(r"# Event: \t(?P<text>.*)$")
_GTID = re.compile(r"GTID (\d+-\d+-\d+)")
_XID = re.compile(r"Xid = (\d+)$")
_XA = re.compile(r"XID = X'([0-9A-Fa-f]*)',X'([0-9A-Fa-f]*)',(\d+)$")


@dataclass
class Event:
    """One line of a list. All are text; "-" where there is none."""

    offset: str
    size: str
    end: str  # as the event says
    type: str
    flags: str  # hexadecimal
    server_id: str
    gtid: str = "-"
    xid: str = "-"
    xa: str = "-"  # format:gtrid:bqual, the latter two in hexadecimal
    name: str = "-"


@dataclass
class Listing:
    events: list[Event]

    def text(self) -> str:
        names = [field.name for field in fields(Event)]
        lines = ["#" + "\t".join(names)]
        for event in self.events:
            lines.append("\t".join(getattr(event, name) for name in names))
        return "\n".join(lines) + "\n"


def _number(text: str) -> int:
    return int.from_bytes(bytes.fromhex(text), "little")


def list_events(log: Path, socket: Path | None = None) -> Listing:
    """Of a log file; or, as a server reads it, of that server's log."""
    command = [program("mariadb-binlog"), "--no-defaults", "--hexdump"]
    if socket is None:
        command.append(str(log))
    else:
        command += ["--read-from-remote-server", f"--socket={socket}", log.name]
    done = subprocess.run(command, capture_output=True, errors="replace")
    if done.returncode:
        raise Unexpected(f"mariadb-binlog to read {log}", done.stderr)

    # Rows are printed late: an event's offset comes before it, but not always
    # right before it. In this order they are all the same.
    offsets: list[str] = []
    events: list[Event] = []
    for line in done.stdout.split("\n"):
        if at := _AT.match(line):
            offsets.append(at[1])
        elif header := _HEADER.match(line):
            events.append(
                Event(
                    offset="",
                    size=str(_number(header["size"])),
                    end=str(_number(header["end"])),
                    type=str(_number(header["type"])),
                    flags=f"{_number(header['flags']):x}",
                    server_id=str(_number(header["server"])),
                )
            )
        elif text := _EVENT.match(line):
            _describe(events[-1], text["text"])
    if len(offsets) != len(events):
        raise Unexpected(f"as many offsets as events in {log}", done.stdout)
    for event, offset in zip(events, offsets):
        event.offset = offset
    return Listing(events)


def _describe(event: Event, text: str) -> None:
    event.name = re.split(r"[\t:]| \[| = |(?<=GTID) |(?<=to) ", text)[0]
    if gtid := _GTID.match(text):
        event.gtid = gtid[1]
    elif xid := _XID.match(text):
        event.xid = xid[1]
    elif xa := _XA.match(text):
        event.xa = f"{xa[3]}:{xa[1].lower()}:{xa[2].lower()}"
