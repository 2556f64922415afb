# SPDX-License-Identifier: GPL-2.0-only
"""What tools/bench-door is made of.

    programs   load-server, stamp-acks and the operator's script, as they run
    pair       a primary with its semi-sync replica, and an application's account
    ratios     medians of ratios, and how far to trust them
    unnoticed  the gate that is open, against no gate
    opening    how long after the acknowledgement clients have their answer
    restart    how long after a crash an application is served
    starts     what many binary logs that nobody has acknowledged add to a start

Time is read from one clock, CLOCK_MONOTONIC, by all programs.
"""
