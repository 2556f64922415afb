#!/usr/bin/python3 -IB
# SPDX-License-Identifier: GPL-2.0-only
"""Is README.md short enough to be read?

    tools/lint/readme_length.py [FILE]

Exits 0 when it has at most 180 lines, else 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

MOST = 180


def main() -> int:
    default = Path(__file__).resolve().parents[2] / "README.md"
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    lines = len(path.read_text().splitlines())
    if lines > MOST:
        print(
            f"{path.name}: {lines} lines, {lines - MOST} too many: move details to docs/",
            file=sys.stderr,
        )
        return 1
    print(f"{path.name}: {lines} lines of {MOST}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
