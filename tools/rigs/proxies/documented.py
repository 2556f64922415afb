# SPDX-License-Identifier: GPL-2.0-only
"""The configuration in docs/proxies.md, and in other pages. The test uses what is
written there, so that the two cannot differ."""

from __future__ import annotations

import json
import re

from rigs import PROJECT

_PAGES = PROJECT / "docs"


def block(mark: str, page: str = "proxies.md") -> str:
    """The one code block that contains `mark`."""
    text = (_PAGES / page).read_text()
    blocks = re.findall(r"^```\n(.*?)^```$", text, re.S | re.M)
    found = [block for block in blocks if mark in block]
    if len(found) != 1:
        raise LookupError(f"{len(found)} blocks of {page} contain {mark!r}")
    return found[0]


def options(page: str, mark: str) -> list[str]:
    """A server's, as in an option file, for its command line."""
    lines = block(mark, page).splitlines()
    return [f"--{re.sub(' *= *', '=', line)}" for line in lines if "=" in line]


def line(mark: str, key: str) -> str:
    """What comes after `key` in the one line of a block that begins so."""
    (found,) = re.findall(rf"^\s*{re.escape(key)}(.*)$", block(mark), re.M)
    return found.strip()


def probe(name: str) -> list[str] | int:
    """A probe of the pod: its command, or the number of its TCP port."""
    lines = block("readinessProbe:").splitlines()
    begin = lines.index(f"{name}:") + 1
    for text in lines[begin:]:
        key, _, value = text.strip().partition(": ")
        if not text.startswith(" "):
            break
        if key == "command":
            return json.loads(value)
        if key == "port":
            return int(value)
    raise LookupError(f"{name} has neither a command nor a port")
