# SPDX-License-Identifier: GPL-2.0-only
"""Real drivers at a closed gate: what docs/clients.md says, measured.

    tools/check-clients [--only REGEX]     every driver
    tools/rigs/start clients.clients_test  the few that need next to nothing

Each driver is used by a program of its own (programs/), which is told on its
standard input what to do, all of them at the same time.
"""
