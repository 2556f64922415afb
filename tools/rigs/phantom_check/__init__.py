# SPDX-License-Identifier: GPL-2.0-only
"""What tools/phantom-check is made of.

    plan          what a seed decides: loads, faults and deaths, before anything runs
    link          the network between a replica and its primary, at our command
    group         servers under an application's clients, whatever their roles
    pair          a primary and its replica, and the roles they change
    clients       application sessions that write, and read whenever they are admitted
    observations  what clients wrote, saw confirmed and read; what of it is lost
    timeline      what happened when
    cycle         carries a plan out on a pair, and judges each crash
    topologies    three servers in the place of a pair: its own parts
    tally         the numbers of a run, and the table

Time is read from one clock, time.monotonic(), everywhere.
"""
