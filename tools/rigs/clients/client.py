# SPDX-License-Identifier: GPL-2.0-only
"""A program that uses a driver, told on its standard input what to do."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from rigs.clients.drivers import Driver
from rigs.servers import Unexpected, checkpoint, program, tail, tied


@dataclass(frozen=True)
class Seen:
    """What came of one statement."""

    text: str  # "ok" and the answer, or "error" and what the driver says
    seconds: float  # since it was asked for
    at: float

    @property
    def is_ok(self) -> bool:
        return self.text.startswith("ok ")

    def __str__(self) -> str:
        return f"{self.text} ({self.seconds:.1f} s)"


class Client:
    """In a `with` block. Each command is begun with begin(), and what came of it
    is fetched with seen(), so that many can be under way."""

    def __init__(
        self,
        driver: Driver,
        folder: Path,
        *,
        port: int,
        user: str,
        password: str,
        tls: bool,
    ):
        self.driver = driver
        self.tls = tls
        self.name = driver.name + (" with TLS" if tls else "")
        self._folder = folder
        self._log = folder / f"{self.name.replace('/', '_').replace(' ', '_')}.log"
        self._begun = 0.0
        self._lines: queue.SimpleQueue[tuple[float, str]] = queue.SimpleQueue()
        first, *rest = (
            part.replace("{built}", str(folder / "built")) for part in driver.command
        )
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                tied(first if "/" in first else program(first), *rest),
                env={
                    **{k: v for k, v in os.environ.items() if not k.startswith("M")},
                    "HOME": str(folder),  # no option file of this user has a say
                    "DB_PORT": str(port),
                    "DB_USER": user,
                    "DB_PASSWORD": password,
                    "DB_TLS": "1" if tls else "0",
                    "DB_ODBC_DRIVER": _odbc_driver(),
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("> "):
                self._lines.put((time.monotonic(), line[2:].strip()))
        self._lines.put((time.monotonic(), "ended"))

    def wait_ready(self) -> None:
        self._expect_line("ready", 120)

    def begin(self, command: str) -> None:
        assert self._process.stdin is not None
        self._begun = time.monotonic()
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()

    def seen(self, timeout: float = 90) -> list[Seen]:
        seen = []
        while (line := self._next(timeout))[1] != "done":
            if line[1] == "ended":
                raise Unexpected(f"{self.name} to go on", tail(self._log))
            seen.append(Seen(line[1], line[0] - self._begun, line[0]))
        return seen

    def ask(self, command: str) -> list[Seen]:
        self.begin(command)
        return self.seen()

    def _expect_line(self, expected: str, timeout: float) -> None:
        line = self._next(timeout)[1]
        if line != expected:
            raise Unexpected(f"{self.name}: {expected}", f"{line}\n{tail(self._log)}")

    def _next(self, timeout: float) -> tuple[float, str]:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            checkpoint()
            try:
                return self._lines.get(timeout=0.2)
            except queue.Empty:
                continue
        raise Unexpected(f"an answer of {self.name} within {timeout:g} s", "none")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def _odbc_driver() -> str:
    found = sorted(Path("/usr/lib").glob("*/odbc/libmaodbc.so"))
    return str(found[0]) if found else ""
