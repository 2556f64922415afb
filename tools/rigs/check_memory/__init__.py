# SPDX-License-Identifier: GPL-2.0-only
"""What tools/check-memory is made of.

    checkers  the programs that watch a server, and what they report
    scenes    what the server goes through meanwhile
    growth    thousands of clients, and what they leave behind in a server

NAME.supp is what a checker is told to keep quiet about, and why.
"""
