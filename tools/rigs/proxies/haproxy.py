# SPDX-License-Identifier: GPL-2.0-only
"""A HAProxy of a test's own: without a service, a user or files outside of the
test's folder."""

from __future__ import annotations

import csv
import io
import os
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from rigs import PROJECT
from rigs.servers import Unexpected, program, tail, tied, wait_for

_UNPACKED = PROJECT / ".deps" / "haproxy"


def _program() -> tuple[Path | str, dict[str, str]]:
    """The program, and the environment that it needs: tools/setup unpacks it
    where it is not installed (tools/setup.d/haproxy.sh)."""
    unpacked = _UNPACKED / "usr" / "sbin" / "haproxy"
    if unpacked.exists():
        libraries = map(str, _UNPACKED.glob("usr/lib/*-linux-*"))
        return unpacked, {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}
    return program("haproxy"), dict(os.environ)


class HAProxy:
    """In a `with` block: runs until its end."""

    def __init__(self, folder: Path, configuration: str):
        self._socket = folder / "haproxy.socket"
        self.log = folder / "haproxy.log"
        self._configuration = folder / "haproxy.cfg"
        self._configuration.write_text(
            f"global\n    stats socket {self._socket}\n{configuration}"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> HAProxy:
        path, environment = _program()
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                tied(path, "-db", "-f", self._configuration),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_for(self._answers, lambda answers: answers, "HAProxy to start")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            # With the programs that it runs as checks.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise Unexpected("HAProxy to run", f"that it has ended:\n{tail(self.log)}")
        with suppress(OSError):
            self.servers()
            return True
        return False

    def servers(self) -> dict[tuple[str, str], dict[str, str]]:
        """`show stat`, by proxy and server."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self._socket))
            connection.sendall(b"show stat\n")
            with connection.makefile("rb") as answer:
                text = answer.read().decode()
        rows = csv.DictReader(io.StringIO(text.removeprefix("# ")))
        return {(row["pxname"], row["svname"]): row for row in rows}

    def status(self, proxy: str, server: str) -> str:
        """UP or DOWN, and what the last check had to say."""
        row = self.servers()[proxy, server]
        # A status about to change reads "DOWN 1/2", a check under way is "* L7OK".
        state = row["status"].split()[0]
        return f"{state}: {row['check_status'].lstrip('* ')} {row['last_chk']}"

    def sessions(self, proxy: str, server: str) -> int:
        """How many connections were sent to the server so far; checks are no
        such."""
        return int(self.servers()[proxy, server]["stot"])

    def wait_for(self, proxy: str, server: str, status: str, reason: str = "") -> None:
        wait_for(
            lambda: self.status(proxy, server),
            lambda seen: seen.startswith(status) and reason in seen,
            f"{server} {status} {reason} in {proxy}",
        )
