#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Do the includes follow the layers? Each layer of the plugin uses only those before
it, only server/ knows the server's headers, and only tests use testing/.

Usage: tools/lint/layers.py [PROJECT]

Prints each include that does not, and exits 1 when there is one.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LAYERS = ("base", "binlog", "ledger", "gate", "door", "server")
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
OWN = re.compile(r"^recovery_gate/(\w+)/\w+\.h$")
# What the layers below server/ use besides the C++ library and the system's headers.
LIBRARIES = ("boost/", "fmt/", "zlib.h", "gtest/", "gmock/", "openssl/")
SYSTEM = re.compile(r"^(sys/|netinet/|arpa/|linux/)?[a-z_]+\.h$|^[a-z_]+$")
# The server's headers lie in folders of their own, but some have such names, too.
OF_SERVER = re.compile(
    r"^(my_|mysql|sql_|sql/|log\.h|log_event|handler\.h|mysqld|semisync|slave\.h|rpl_"
    r"|table\.h|violite|m_string|service_|wsrep)"
)


def layer_of(path: Path, project: Path) -> str | None:
    """Of a file of the plugin; nothing for plugin.cc, which is above all layers."""
    parts = path.relative_to(project).parts
    if parts[0] == "include":
        return parts[2] if len(parts) == 4 else ""
    return parts[2] if len(parts) == 4 else None


def faults_in(path: Path, project: Path) -> list[str]:
    layer = layer_of(path, project)
    if layer is None or layer == "fmt":
        return []
    if layer not in LAYERS and layer != "testing":
        return [f"is in no layer ({', '.join(LAYERS)})"]
    is_test = layer == "testing" or path.stem.endswith("_test")
    faults = []
    for quote, name in INCLUDE.findall(path.read_text()):
        own = OWN.match(name)
        if own:
            if own[1] not in LAYERS:
                faults.append(f"{name}: there is no such layer")
            elif layer in LAYERS and LAYERS.index(own[1]) > LAYERS.index(layer):
                faults.append(f"{name}: {own[1]} comes after {layer}")
        elif name.startswith("testing/"):
            if not is_test:
                faults.append(f"{name}: only tests may use it")
        elif layer == "server":
            continue
        elif quote == '"':
            faults.append(f"{name}: own headers are named with their layer")
        elif OF_SERVER.match(name) or not (
            name.startswith(LIBRARIES) or SYSTEM.match(name)
        ):
            faults.append(f"<{name}>: only server/ may use the server's headers")
    return faults


def main() -> int:
    if len(sys.argv) > 2 or sys.argv[1:2] == ["--help"]:
        print(__doc__)
        return 0 if sys.argv[1:2] == ["--help"] else 2
    project = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2])
    files = [
        path
        for folder in ("include/recovery_gate", "plugin/recovery_gate")
        for path in sorted((project / folder).rglob("*"))
        if path.suffix in (".h", ".cc")
    ]
    if not files:
        print(f"layers: there is no plugin in {project}", file=sys.stderr)
        return 2
    count = 0
    for path in files:
        for fault in faults_in(path, project):
            print(f"{path.relative_to(project)}: {fault}")
            count += 1
    if count == 0:
        print(f"layers: {len(files)} files, no include runs upward")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
