# SPDX-License-Identifier: GPL-2.0-only
"""One thread of a server is stopped, as a busy machine may stop it at any moment,
and the others go on. All calls for it come from one thread of this program."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Callable, Iterator

from rigs.servers import Server, checkpoint, wait_for
from rigs.story import run_stories

_SEIZE, _INTERRUPT, _SYSTEM_CALL, _DETACH = 0x4206, 0x4207, 24, 17
_WALL = 0x40000000
_OPENAT = ("257", "56")  # on x86-64, on ARM
SKIPPED = 77  # as CMakeLists.txt has it
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


def _ptrace(request: int, thread: int) -> None:
    if _libc.ptrace(request, thread, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


@contextmanager
def stopped(thread: int) -> Iterator[None]:
    """It may be killed meanwhile, with its server."""
    _ptrace(_SEIZE, thread)
    try:
        _ptrace(_INTERRUPT, thread)
        os.waitpid(thread, _WALL)
        yield
    finally:
        try:
            _ptrace(_DETACH, thread)
        except ProcessLookupError:
            os.waitpid(thread, _WALL)


def go_on_until_it_opens(server: Server, thread: int, file: str) -> None:
    """With a stopped thread. It is stopped again just before it does."""
    while True:
        checkpoint()
        _ptrace(_SYSTEM_CALL, thread)
        os.waitpid(thread, _WALL)
        number, *arguments = system_call(server, thread)
        if number in _OPENAT and _text(server, int(arguments[1], 16)).endswith(file):
            return


def _text(server: Server, address: int) -> str:
    with Path(f"/proc/{server.pid}/mem").open("rb") as memory:
        memory.seek(address)
        return memory.read1(4096).split(b"\0")[0].decode(errors="replace")


def threads(server: Server) -> set[int]:
    return {int(task.name) for task in Path(f"/proc/{server.pid}/task").iterdir()}


def thread_named(server: Server, name: str) -> int:
    """Waits until there is one."""

    def look() -> int:
        for task in Path(f"/proc/{server.pid}/task").iterdir():
            with suppress(FileNotFoundError):
                if (task / "comm").read_text().strip() == name:
                    return int(task.name)
        return 0

    return wait_for(look, bool, f"a thread {name}")


def system_call(server: Server, thread: int) -> list[str]:
    """The number of the one that it is in, and its arguments."""
    return Path(f"/proc/{server.pid}/task/{thread}/syscall").read_text().split()


def run_or_skip(name: str, stories: tuple[Callable, ...]) -> int:
    try:
        return run_stories(name, stories, sys.argv[1:])
    except PermissionError as error:
        print(f"skipped, since no thread can be stopped here: {error}")
        return SKIPPED
