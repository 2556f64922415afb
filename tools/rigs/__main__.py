# SPDX-License-Identifier: GPL-2.0-only
"""Runs a module of this package, as python3 -m rigs.MODULE would if it found it."""

import runpy
import sys
from pathlib import Path

# Isolated (-I), Python looks for modules among its own only.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
runpy.run_module(f"rigs.{sys.argv.pop(1)}", run_name="__main__", alter_sys=True)
