# SPDX-License-Identifier: GPL-2.0-only
"""What tests on real servers run: the plugin and the command-line tool."""

from __future__ import annotations

import os
from pathlib import Path

from rigs import PROJECT


def built(variable: str, path: str) -> Path:
    """What was built: where the environment says, or in build/."""
    return Path(os.environ.get(variable, PROJECT / "build" / path))


TOOL = built("RECOVERY_GATE_TOOL", "recovery-gate")
PLUGIN = built("RECOVERY_GATE_PLUGIN", "ha_recovery_gate.so")
# A sanitizer's library, for a plugin that was built with it: it has to be in the
# server before all else.
PRELOAD = os.environ.get("RECOVERY_GATE_PRELOAD")

# A server that has the gate, or does not start.
GATE = (
    f"--plugin-dir={PLUGIN.parent}",
    f"--plugin-load-add={PLUGIN.stem}",
    "--recovery-gate=FORCE_PLUS_PERMANENT",
)

# For servers that are started often.
QUICK = ("--innodb-buffer-pool-dump-at-shutdown=OFF", "--skip-performance-schema")
