# SPDX-License-Identifier: GPL-2.0-only
"""A program that runs beside the servers: it ends before they do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rigs.servers import tail, tied


def chosen(usage: str) -> Path:
    """The program that is named first on the command line; ends without one."""
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        print(usage, file=sys.stderr)
        sys.exit(2)
    return Path(sys.argv[1]).resolve()


class Background:
    """In a `with` block: one that runs. Should this process be killed, so is it. Its
    logs are shown when something went wrong."""

    name = ""

    def __init__(self, folder: Path):
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str | Path]:
        raise NotImplementedError

    def start(self) -> None:
        with open(self.folder / f"{self.name}.log", "ab") as log:
            self._process = subprocess.Popen(
                tied(*self.command()),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_) -> None:
        self.stop()
        if kind is not None:
            for log in sorted(self.folder.glob(f"**/{self.name}.log")):
                print(f"--- {log}\n{tail(log, 15)}", file=sys.stderr)
