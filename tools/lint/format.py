#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Is every C++ file formatted as .clang-format says, and does every source file name
its licence?

Usage: tools/lint/format.py [--fix]

Prints each file that is not, and exits 1 when there is one. --fix formats them.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = ("plugin", "include", "tools", "benchmarks", "fuzz", "packaging", ".ci")
CPP = {".cc", ".h"}
LICENCE = "SPDX-License-Identifier: GPL-2.0-only"
# Text of other kinds, and data.
UNMARKED = {".md", ".svg", ".supp", ".png", ".json", ".yml"}
CORPUS = PROJECT / "fuzz" / "corpus"


def sources() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    files = [PROJECT / name for name in listing.split("\0") if name]
    return [
        file
        for file in files
        if file.relative_to(PROJECT).parts[0] in SOURCES
        and CORPUS not in file.parents
        and file.is_file()
    ]


def is_marked(file: Path) -> bool:
    with file.open(encoding="utf-8", errors="replace") as text:
        return any(LICENCE in line for _, line in zip(range(3), text))


def is_formatted(file: Path) -> bool:
    return (
        subprocess.run(
            ["clang-format", "--dry-run", "--Werror", file],
            cwd=PROJECT,
            capture_output=True,
        ).returncode
        == 0
    )


def main() -> int:
    files = sources()
    cpp = [file for file in files if file.suffix in CPP]
    if sys.argv[1:] == ["--fix"]:
        subprocess.run(["clang-format", "-i", *cpp], cwd=PROJECT, check=True)
    elif sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    with ThreadPoolExecutor() as pool:
        formatted = list(pool.map(is_formatted, cpp))
    faults = [
        f"{file.relative_to(PROJECT)} is not formatted: tools/lint/format.py --fix"
        for file, is_ in zip(cpp, formatted)
        if not is_
    ]
    faults += [
        f"{file.relative_to(PROJECT)} does not begin with {LICENCE}"
        for file in files
        if file.suffix not in UNMARKED and not is_marked(file)
    ]
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
