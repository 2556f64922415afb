#!/usr/bin/python3 -IB
# SPDX-License-Identifier: GPL-2.0-only
"""Do the links in the Markdown files lead anywhere?

    tools/lint/links.py [FOLDER]

Checks every relative link and #anchor in the *.md files that git tracks or would
track (all of them, where there is no git). Links to other sites are left alone.
Exits 0 when all targets exist, else prints each that does not and exits 1.
"""

from __future__ import annotations

import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

FENCE = re.compile(r"^(\s*)(```+|~~~+)[^\n]*\n.*?^\s*\2\s*$", re.M | re.S)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
REFERENCE = re.compile(r"^\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)", re.M)
HTML = re.compile(r"""<(?:a|img|source)\b[^>]*\b(?:href|src|srcset)=["']([^"']+)""")
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$", re.M)
HTML_ANCHOR = re.compile(r"""<[^>]*\b(?:id|name)=["']([^"']+)""")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)


def markdown_files(folder: Path) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        return sorted(folder.rglob("*.md"))
    names = filter(None, listed.stdout.split("\0"))
    return sorted(path for name in names if (path := folder / name).exists())


def blanked(text: str, pattern: re.Pattern[str]) -> str:
    """Without what matches, and with as many lines."""
    return pattern.sub(lambda found: "\n" * found[0].count("\n"), text)


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"[^\w\- ]", "", text.lower())
    return text.replace(" ", "-")


@lru_cache(maxsize=None)
def anchors(path: Path) -> frozenset[str]:
    text = blanked(path.read_text(), FENCE)
    found: set[str] = set(HTML_ANCHOR.findall(text))
    seen: dict[str, int] = {}
    for heading in HEADING.findall(text):
        name = slug(heading)
        number = seen.get(name, 0)
        seen[name] = number + 1
        found.add(f"{name}-{number}" if number else name)
    return frozenset(found)


def problem(path: Path, target: str, folder: Path) -> str | None:
    if ELSEWHERE.match(target) or target.startswith("//"):
        return None
    name, _, anchor = unquote(target).partition("#")
    if name.startswith("/"):
        return "is absolute"
    aim = (path.parent / name).resolve() if name else path
    if not aim.is_relative_to(folder):
        return "leads out of the project"
    if not aim.exists():
        return "does not exist"
    if anchor and aim.suffix == ".md" and anchor not in anchors(aim):
        return f"has no heading #{anchor}"
    return None


def main() -> int:
    default = Path(__file__).resolve().parents[2]
    folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else default
    files = markdown_files(folder)
    links = wrong = 0
    for path in files:
        text = blanked(blanked(path.read_text(), FENCE), CODE)
        for pattern in (LINK, REFERENCE, HTML):
            for found in pattern.finditer(text):
                links += 1
                if why := problem(path, found[1], folder):
                    wrong += 1
                    number = text.count("\n", 0, found.start(1)) + 1
                    name = path.relative_to(folder)
                    print(f"{name}:{number}: {found[1]} {why}", file=sys.stderr)
    if not links:
        print(f"links: none found in {len(files)} files", file=sys.stderr)
        return 1
    if wrong:
        print(f"links: {wrong} of {links} lead nowhere", file=sys.stderr)
        return 1
    print(f"links: {links} in {len(files)} files are good")
    return 0


if __name__ == "__main__":
    sys.exit(main())
