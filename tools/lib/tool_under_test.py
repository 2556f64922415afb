"""What the tests of the command-line tool on real servers run."""

from __future__ import annotations

import os
from pathlib import Path

_BUILD = Path(__file__).resolve().parent.parent.parent / "build"

TOOL = Path(os.environ.get("RECOVERY_GATE_TOOL", _BUILD / "recovery-gate"))
PLUGIN = Path(os.environ.get("RECOVERY_GATE_PLUGIN", _BUILD / "ha_recovery_gate.so"))
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
