# SPDX-License-Identifier: GPL-2.0-only
"""The programs that a benchmark runs beside the servers, each to its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

from rigs import PROJECT
from rigs.servers import Unexpected, checkpoint, tail, tied, wait_for
SCRIPT = PROJECT / "benchmarks" / "let-in-when-received.sh"


class Program:
    """Under way until the `with` block is left, however that is; its errors
    are in a file. Should this process be killed, so is the program."""

    def __init__(self, command: list[str | Path], errors: Path, **environment: str):
        self._name = Path(command[0]).name
        self._errors = errors
        with open(errors, "ab") as output:
            self._process = subprocess.Popen(
                tied(*command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env={**os.environ, **environment},
                start_new_session=True,  # out of Ctrl-C's reach
            )

    def line(self) -> str:
        """The next line that it prints; empty when it has ended."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode()

    def answer(self, timeout: float) -> Any:
        """What it says at its end."""
        left, step = timeout, 0.2
        while True:
            checkpoint()
            try:
                output, _ = self._process.communicate(timeout=step)
                break
            except subprocess.TimeoutExpired:
                left -= step
                if left <= 0:
                    raise Unexpected(
                        f"{self._name} to end within {timeout:g} s", "it running"
                    ) from None
        if self._process.returncode:
            raise Unexpected(f"{self._name} to succeed", tail(self._errors))
        return json.loads(output)

    def is_running(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        # With what it has started itself: a script has a client under way.
        if self.is_running():
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class AckStamps:
    """The port that leads a replica to its primary, and when each of its
    acknowledgements passed there. Acknowledgements are (time, file, offset)."""

    def __init__(self, programs: Path, to: int, listen: int, errors: Path):
        self.port = listen
        self._program = Program(
            [programs / "stamp-acks", f"--to={to}", f"--listen={listen}"], errors
        )
        if self._program.line().strip() != str(listen):
            self._program.close()
            raise Unexpected(f"stamp-acks on port {listen}", tail(errors))
        self._seen: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while line := self._program.line():
            with self._lock:
                self._seen.append(json.loads(line))

    def forget(self) -> None:
        with self._lock:
            self._seen.clear()

    def first_of(self, file: str, offset: int) -> int:
        """When the first acknowledgement passed of this place, or a later one
        in the same log, since forget()."""

        def look() -> list[dict[str, Any]]:
            with self._lock:
                return list(self._seen)

        def reaches(ack: dict[str, Any]) -> bool:
            return ack["file"] == file and ack["pos"] >= offset

        seen = wait_for(
            look,
            lambda acks: any(map(reaches, acks)),
            f"the replica to acknowledge {file}:{offset}",
        )
        return next(ack["ns"] for ack in seen if reaches(ack))

    def close(self) -> None:
        self._program.close()
        self._reader.join()

    def __enter__(self) -> AckStamps:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
