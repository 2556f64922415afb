# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of the door share: a primary whose gate is closed, and clients
that speak the protocol byte by byte."""

from __future__ import annotations

import os
import re
import select
import socket
import ssl
import struct
import zlib
from contextlib import suppress
from pathlib import Path

from rigs import servers as all_servers
from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Replication,
    Server,
    Servers,
    SqlError,
    Unexpected,
    expect,
    wait_for,
)
from rigs.tool_under_test import PLUGIN, PRELOAD, QUICK

CLOSED = re.compile(r"Recovery gate is closed: .* bin\.\d+:\d+$")


def certificates() -> list[str]:
    """The server's options for TLS, with the certificates of its test suite."""
    for folder in (
        *filter(None, [os.environ.get("RECOVERY_GATE_MTR")]),
        "/usr/share/mysql/mysql-test",
        "/usr/share/mysql/mariadb-test",
        "/usr/share/mariadb/mysql-test",
        "/usr/share/mariadb/mariadb-test",
    ):
        data = Path(folder) / "std_data"
        if (data / "server-cert.pem").exists():
            return [
                f"--ssl-ca={data / 'cacert.pem'}",
                f"--ssl-cert={data / 'server-cert.pem'}",
                f"--ssl-key={data / 'server-key.pem'}",
            ]
    raise FileNotFoundError("the server's test suite is not installed; run tools/setup")


class Scene:
    """A primary with the gate, its semi-sync replica, and some accounts: those of
    an application (app) and an administrator (ops), and what logs in on behalf of
    them (agent, chief); of nobody in particular (''), and of somebody who has a
    password (shy)."""

    def __init__(self, servers: Servers, *options: str):
        self.replica = servers.add("replica", *SEMISYNC_REPLICA, *QUICK)
        self.replica.start()
        self.primary = servers.add(
            "primary",
            *SEMISYNC_PRIMARY,
            *QUICK,
            f"--plugin-dir={self._plugins(servers.folder / 'plugins')}",
            f"--plugin-load-add={PLUGIN.stem}",
            *certificates(),
            *("--plugin-load-add=auth_test_plugin", "--plugin-maturity=unknown"),
            "--recovery-gate=FORCE_PLUS_PERMANENT",
        )
        if PRELOAD:
            self.primary.environment["LD_PRELOAD"] = PRELOAD
        self.primary.start()
        self.link = Replication(self.primary, self.replica)
        self.link.set_up()
        for sql in (
            "CREATE USER app@'%' IDENTIFIED BY ''",
            "CREATE USER shy@'%' IDENTIFIED BY 'secret'",
            "CREATE USER ops@'%' IDENTIFIED BY ''",
            "GRANT CONNECTION ADMIN ON *.* TO ops@'%'",
            # Whoever logs in as "agent" acts as the account in the password.
            "CREATE USER agent@'%' IDENTIFIED VIA test_plugin_server USING 'app'",
            "CREATE USER chief@'%' IDENTIFIED VIA test_plugin_server USING 'ops'",
            "GRANT PROXY ON app@'%' TO agent@'%'",
            "GRANT PROXY ON ops@'%' TO chief@'%'",
            "CREATE USER ''@'%' IDENTIFIED BY ''",
            "CREATE DATABASE shop",
            "CREATE TABLE shop.orders (id INT PRIMARY KEY) ENGINE=InnoDB",
            "GRANT SELECT, INSERT ON shop.* TO app@'%'",
        ):
            self.primary.query(sql)
        self.options = options

    def _plugins(self, folder: Path) -> Path:
        """A server has one folder for its plugins: ours, and one of its own."""
        folder.mkdir()
        (folder / PLUGIN.name).symlink_to(PLUGIN.resolve())
        installed = Path(self.replica.value("SELECT @@plugin_dir"))
        (folder / "auth_test_plugin.so").symlink_to(installed / "auth_test_plugin.so")
        return folder

    def close_gate(self, *options: str) -> None:
        """Starts the primary after a crash that nobody has acknowledged; the
        replica stays away."""
        self.link.cut()
        if self.primary.is_running():
            self.primary.stop()
        # It closes at each start: what an acknowledgement is for is no matter here.
        self.primary.start("--recovery-gate-mode=ALWAYS", *self.options, *options)
        expect("a closed gate", self.state(), self.state() == "CLOSED")

    def open_gate(self) -> None:
        """Has the replica come back, and waits for what follows from that."""
        self.link.restore()
        self.wait_open()

    def wait_open(self) -> None:
        self.primary.wait_for_status("Recovery_gate_state", "OPEN")

    def state(self) -> str:
        return self.primary.status("Recovery_gate_state")

    def held(self) -> int:
        return int(self.primary.status("Recovery_gate_connections_held"))

    def rejected(self) -> int:
        return int(self.primary.status("Recovery_gate_connections_rejected"))

    def wait_held(self, count: int, timeout: float = 30) -> None:
        self.primary.wait_for_status(
            "Recovery_gate_connections_held", str(count), timeout
        )

    def sessions(self) -> list[dict]:
        """The application's, in the server's list."""
        return self.primary.query(
            "SELECT id, state FROM information_schema.processlist WHERE user = 'app'"
        )

    def wait_no_sessions(self, timeout: float = 30) -> None:
        wait_for(
            self.sessions, lambda rows: not rows, "no session of app's", timeout
        )

    def set(self, variable: str, value: object) -> None:
        self.primary.query(f"SET GLOBAL recovery_gate_{variable} = %s", value)


# --- The protocol -------------------------------------------------------------

COM_QUIT, COM_QUERY, COM_PING, COM_CHANGE_USER = b"\x01", b"\x03", b"\x0e", b"\x11"

_LONG_PASSWORD, _PROTOCOL_41, _SECURE = 1, 0x200, 0x8000
_PLUGIN_AUTH, _COMPRESS, _TLS = 0x80000, 0x20, 0x800


def _tls(version: ssl.TLSVersion | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # Test certificates are old, and may be too short for today.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


class Client:
    """One connection, logged in unless it was refused; blocks nowhere longer than
    `timeout`. With `tls_version` it speaks that and no other TLS."""

    def __init__(
        self,
        server: Server,
        user: str = "app",
        *,
        password: str = "",
        by_socket: bool = False,
        tls: bool = False,
        tls_version: ssl.TLSVersion | None = None,
        port: int | None = None,
        compress: bool = False,
        timeout: float = 20,
    ):
        tls = tls or tls_version is not None
        timeout *= all_servers.patience
        if by_socket:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(str(server.socket))
        else:
            address = "127.0.0.1", port or server.port
            self.socket = socket.create_connection(address, timeout)
        self.name = f"{user} by {'socket' if by_socket else 'TCP'}"
        if compress:
            self.name += ", compressing"
        if tls:
            self.name += ", with TLS"
        self._compress = False
        self._received = b""
        try:
            self.greeting = self.packet()
            if self.greeting[:1] == b"\xff":
                raise _error(self.greeting)
            flags = _LONG_PASSWORD | _PROTOCOL_41 | _SECURE | _PLUGIN_AUTH
            if compress:
                flags |= _COMPRESS
            if tls:
                flags |= _TLS
            hello = struct.pack("<IIB23x", flags, 1 << 24, 45)
            if tls:
                self.socket.sendall(frame(hello, 1))
                self.socket = _tls(tls_version).wrap_socket(self.socket)
            hello += user.encode() + b"\0\0mysql_native_password\0"
            self.socket.sendall(frame(hello, 1 + tls))
            answer = self.packet()
            if answer[:1] == b"\xfe":  # another way to authenticate
                self.socket.sendall(frame(password.encode() + b"\0", 3 + tls))
                answer = self.packet()
            if answer[:1] == b"\xff":
                raise _error(answer)
        except BaseException:
            self.socket.close()
            raise
        self._compress = compress

    def send(self, command: bytes, argument: bytes = b"") -> Client:
        packet = frame(command + argument, 0)
        if self._compress:
            packet = struct.pack("<I", len(packet))[:3] + b"\0\0\0\0" + packet
        self.socket.sendall(packet)
        return self

    def query(self, sql: str) -> Client:
        return self.send(COM_QUERY, sql.encode())

    def answer(self) -> bytes:
        """The first packet of an answer; raises SqlError for an error."""
        packet = self.packet()
        if packet[:1] == b"\xff":
            raise _error(packet)
        return packet

    def error(self) -> SqlError:
        try:
            answer = self.answer()
        except SqlError as error:
            return error
        raise Unexpected("an error", repr(answer))

    def expect_rejected(self) -> None:
        error = self.error()
        expect("error 1047", error, error.code == 1047 and CLOSED.search(error.text))
        self.expect_end()

    def expect_served(self) -> None:
        answer = self.answer()
        expect("OK", answer, answer[:1] == b"\0")

    def expect_end(self) -> None:
        with suppress(ConnectionResetError):
            rest = self._received + self.socket.recv(1)
            expect("the end of the connection", rest, rest == b"")

    def is_silent(self) -> bool:
        """Nothing has come yet."""
        if isinstance(self.socket, ssl.SSLSocket):  # its tickets have come
            timeout = self.socket.gettimeout()
            self.socket.setblocking(False)
            with suppress(ssl.SSLWantReadError):
                self._received += self.socket.recv(65536)
            self.socket.settimeout(timeout)
            return not self._received
        return not self._received and not select.select([self.socket], [], [], 0)[0]

    def packet(self) -> bytes:
        if self._compress:
            header = self._read(7)
            expect("frame number 1", header, header[3] == 1)
            if header[4:] != b"\0\0\0":
                content = self._read(int.from_bytes(header[:3], "little"))
                self._received = zlib.decompress(content) + self._received
        header = self._read(4)
        return self._read(int.from_bytes(header[:3], "little"))

    def _read(self, length: int) -> bytes:
        while len(self._received) < length:
            piece = self.socket.recv(65536)
            if not piece:
                raise SqlError(2013, "the connection has ended")
            self._received += piece
        part, self._received = self._received[:length], self._received[length:]
        return part

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def frame(payload: bytes, number: int) -> bytes:
    return struct.pack("<I", len(payload))[:3] + bytes([number]) + payload


def _error(packet: bytes) -> SqlError:
    code, text = struct.unpack_from("<H", packet, 1)[0], packet[3:]
    if text[:1] == b"#":
        text = text[6:]
    return SqlError(code, text.decode())
