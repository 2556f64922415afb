# SPDX-License-Identifier: GPL-2.0-only
"""What tools/failover-check is made of.

    cluster   three servers with the gate, and what they show
    managers  failover managers, statement by statement
    clients   applications that write wherever they can, and read everywhere
    cycle     what a seed decides about a cycle, what happens, and what came of it

What clients saw is kept and judged by phantom_check.observations.
"""
