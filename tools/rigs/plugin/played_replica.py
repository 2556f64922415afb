# SPDX-License-Identifier: GPL-2.0-only
"""A semi-sync replica that stores nothing and acknowledges what it is told to: for
what a real one does only by chance, or as a client does that only reads changes."""

from __future__ import annotations

import re
import socket
import struct
import threading
from contextlib import suppress
from typing import Callable

from rigs.servers import Position, Server, wait_for

COM_BINLOG_DUMP = 0x12
ROTATE_EVENT = 4
SEMISYNC = 0xEF
HEADER = struct.Struct("<IBIIIH")  # of an event


class PlayedReplica:
    """Connects at once. `at` is a GTID position, or where in which log it begins.
    `before_it_asks` for the binary log is called with the number of its connection."""

    def __init__(
        self,
        primary: Server,
        server_id: int,
        at: str | Position,
        *,
        account: tuple[str, str],
        semisync: bool = True,
        before_it_asks: Callable[[int], None] = lambda _: None,
    ):
        import pymysql

        self.server_id = server_id
        self.asked: list[Position] = []  # what it was asked to acknowledge
        self.sent = Position("", 0)
        self.was_closed = False  # by the primary
        self._connection = pymysql.connect(
            host="127.0.0.1", port=primary.port, user=account[0], password=account[1]
        )
        self.connection_id = self._connection.thread_id()
        with self._connection.cursor() as cursor:
            cursor.execute("SET @mariadb_slave_capability= 4")
            cursor.execute("SET @master_binlog_checksum= 'NONE'")
            if semisync:
                cursor.execute("SET @rpl_semi_sync_slave= 1")
            if isinstance(at, str):
                cursor.execute("SET @slave_connect_state= %s", (at,))
        before_it_asks(self.connection_id)
        begin = at if isinstance(at, Position) else Position("", 4)
        self._connection._execute_command(
            COM_BINLOG_DUMP,
            struct.pack("<IHI", begin.offset, 0, server_id) + begin.file.encode(),
        )
        self._socket: socket.socket = self._connection._sock
        self._socket.settimeout(None)
        self._input = self._connection._rfile
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        with suppress(OSError, ValueError):
            while header := self._input.read(4):
                packet = self._input.read(int.from_bytes(header[:3], "little"))
                if packet[0] != 0:
                    break
                self._take(packet[1:])
        self.was_closed = True

    def _take(self, packet: bytes) -> None:
        asks = False
        if packet[0] == SEMISYNC:
            asks = packet[1] == 1
            packet = packet[2:]
        _time, kind, _server, _size, end, _flags = HEADER.unpack_from(packet)
        if kind == ROTATE_EVENT:
            # A checksum may follow.
            name = re.match(rb"[^.]+\.[0-9]{6}", packet[HEADER.size + 8 :])
            self.sent = Position(name[0].decode(), 4) if name else self.sent
        elif end:
            self.sent = Position(self.sent.file, end)
        if asks:
            self.asked.append(self.sent)

    def wait_sent(self, position: Position) -> None:
        wait_for(
            lambda: self.sent,
            lambda sent: sent.file and position <= sent,
            f"replica {self.server_id} to be sent {position}",
        )

    def wait_asked(self, position: Position) -> None:
        wait_for(
            lambda: list(self.asked),
            lambda asked: position in asked,
            f"replica {self.server_id} to be asked for {position}",
        )

    def acknowledge(self, position: Position) -> None:
        reply = struct.pack("<BQ", SEMISYNC, position.offset) + position.file.encode()
        self._socket.sendall(len(reply).to_bytes(3, "little") + b"\0" + reply)

    def leave(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._connection._force_close()
