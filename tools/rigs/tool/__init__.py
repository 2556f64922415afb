# SPDX-License-Identifier: GPL-2.0-only
"""build/recovery-gate against real servers."""
