# SPDX-License-Identifier: GPL-2.0-only
"""Three servers, each with the gate or none, connected in one way or another.

    script     what a cycle is made of: steps, each a verb of the runner
    trio       the servers A, P and R, and who follows whom
    runner     carries scripts out, and judges what clients read
    stories    the scripted cycles, which each topology begins with
    draws      what a seed decides in all others
    table      the topologies, by name
"""
