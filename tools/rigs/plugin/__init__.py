# SPDX-License-Identifier: GPL-2.0-only
"""The plugin in a server: how it loads, what it tells systemd, a clock that is set."""
