# SPDX-License-Identifier: GPL-2.0-only
"""A crowd of clients that press against the door, in a process of its own.

    tools/rigs/start door.crowd PORT CLIENTS WHAT

Each client logs in as app, without a password, and then, over and over again:

    asks      sends a statement, reads the answer, leaves, and comes back
    silent    says nothing until it is thrown out, and comes back
    leaves    hangs up as soon as it has logged in, and comes back

At the end of its standard input it stops, and prints how its connections ended.
"""

from __future__ import annotations

import collections
import errno
import json
import selectors
import socket
import struct
import sys
import time

_FLAGS = 1 | 0x200 | 0x8000 | 0x80000
_LOGIN = struct.pack("<IIB23x", _FLAGS, 1 << 24, 45) + b"app\0\0mysql_native_password\0"
LOGIN = struct.pack("<I", len(_LOGIN))[:3] + b"\x01" + _LOGIN
QUERY = b"\x09\0\0\0\x03SELECT 1"


class Client:
    """What it has been told so far decides what it does next."""

    def __init__(self, crowd: Crowd):
        self.crowd = crowd
        self.connect()

    def connect(self) -> None:
        self.received = b""
        self.packets = 0
        self.socket = socket.socket()
        self.socket.setblocking(False)
        status = self.socket.connect_ex(("127.0.0.1", self.crowd.port))
        if status not in (0, errno.EINPROGRESS):
            raise OSError(status, "connect")
        self.crowd.selector.register(self.socket, selectors.EVENT_READ, self)

    def read(self) -> None:
        try:
            piece = self.socket.recv(65536)
        except OSError:
            piece = b""
        if not piece:
            self.end("lost" if self.packets < 3 else "ended")
            return
        self.received += piece
        while len(self.received) >= 4:
            length = int.from_bytes(self.received[:3], "little")
            if len(self.received) < 4 + length:
                return
            packet = self.received[4 : 4 + length]
            self.received = self.received[4 + length :]
            self.packets += 1
            if not self.understand(packet):
                return

    def understand(self, packet: bytes) -> bool:
        if packet[:1] == b"\xff":
            self.end(str(struct.unpack_from("<H", packet, 1)[0]))
            return False
        try:
            if self.packets == 1:
                self.socket.sendall(LOGIN)
            elif self.packets == 2:
                self.crowd.count["logged in"] += 1
                if self.crowd.leaves:
                    self.end("left")
                    return False
                if self.crowd.asks:
                    self.socket.sendall(QUERY)
            else:
                self.end("served")
                return False
        except OSError:
            self.end("lost")
            return False
        return True

    def end(self, how: str) -> None:
        self.crowd.count[how] += 1
        self.crowd.selector.unregister(self.socket)
        self.socket.close()
        self.connect()


class Crowd:
    def __init__(self, port: int, clients: int, what: str):
        self.port = port
        self.asks = what == "asks"
        self.leaves = what == "leaves"
        self.selector = selectors.DefaultSelector()
        self.count: collections.Counter[str] = collections.Counter()
        self.selector.register(sys.stdin, selectors.EVENT_READ, None)
        for _ in range(clients):
            Client(self)

    def run(self) -> None:
        begin = time.monotonic()
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    self.count["milliseconds"] = int(
                        1000 * (time.monotonic() - begin)
                    )
                    print(json.dumps(self.count))
                    return
                key.data.read()


if __name__ == "__main__":
    Crowd(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]).run()
