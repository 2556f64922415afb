#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Does clang-tidy find anything in the core and the tool? .clang-tidy says what it
looks for.

Usage: tools/lint/tidy.py [FOLDER...]

Prints what it finds, and exits 1 when that is something. Without a folder, all of
them. It needs clang-tidy, and build/compile_commands.json, which cmake --preset release
makes: without them it says so, and exits 0.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
COMMANDS = PROJECT / "build" / "compile_commands.json"
# What includes the server's headers, is the compiler's to warn of: they are not clean.
FOLDERS = [
    f"plugin/recovery_gate/{layer}"
    for layer in ("base", "binlog", "ledger", "gate", "door")
] + ["tools/recovery-gate"]


def sources() -> dict[str, list[Path]]:
    """The files of each folder, without tests."""
    found: dict[str, list[Path]] = {}
    for folder in FOLDERS:
        for file in sorted((PROJECT / folder).rglob("*.cc")):
            if not file.name.endswith("_test.cc"):
                found.setdefault(str(file.parent.relative_to(PROJECT)), []).append(file)
    return found


def flags() -> dict[str, list[str]]:
    """How each folder's files are compiled: where headers are, and definitions."""
    found = {}
    for command in json.loads(COMMANDS.read_text()):
        file = Path(command["file"])
        if not file.is_relative_to(PROJECT) or file.name.endswith("_test.cc"):
            continue
        words = iter(shlex.split(command["command"]))
        kept = []
        for word in words:
            if word == "-isystem":
                kept += [word, next(words)]
            elif word.startswith(("-I", "-D", "-std=")):
                kept.append(word)
        found.setdefault(str(file.parent.relative_to(PROJECT)), kept)
    return found


def complaints(files: list[Path], how: list[str]) -> str:
    """Of all files of a folder at once: what takes long is to read their headers."""
    with tempfile.TemporaryDirectory() as folder:
        joined = Path(folder) / "joined.cc"
        joined.write_text("".join(f'#include "{file}"\n' for file in files))
        run = subprocess.run(
            [
                "clang-tidy",
                "--quiet",
                f"--config-file={PROJECT / '.clang-tidy'}",
                f"--header-filter={re.escape(str(PROJECT))}/(include|plugin|tools)/",
                joined,
                "--",
                *how,
            ],
            cwd=PROJECT,
            capture_output=True,
            text=True,
        )
    if run.returncode == 0:
        return ""
    return run.stdout.replace(f"{PROJECT}/", "") or run.stderr


def main() -> int:
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__)
        return 0
    if not COMMANDS.exists():
        print(f"NOT CHECKED: there is no {COMMANDS.relative_to(PROJECT)}; cmake makes it")
        return 0
    if shutil.which("clang-tidy") is None:
        print("NOT CHECKED: clang-tidy is not installed")
        return 0
    groups = sources()
    wanted = [name.rstrip("/") for name in sys.argv[1:]] or list(groups)
    if unknown := set(wanted) - set(groups):
        print(f"no sources in {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    how = flags()
    # Those that take longest first.
    wanted.sort(key=lambda name: -len(groups[name]))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(lambda name: complaints(groups[name], how[name]), wanted))
    text = "\n".join(filter(None, found))
    print(text, end="\n" if text else "")
    return 1 if text else 0


if __name__ == "__main__":
    sys.exit(main())
