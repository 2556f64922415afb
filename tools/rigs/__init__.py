# SPDX-License-Identifier: GPL-2.0-only
"""Rigs: what starts MariaDB servers of its own, does something to them, and looks.

    servers          servers, sessions and replication, for all of them
    story            how a test on servers is told: step by step
    tool_under_test  the plugin and the command-line tool that are tested
    binlog_listing   a binary log's events, as mariadb-binlog shows them

What is started by name, tools/rigs/start NAME; tools/phantom-check starts
phantom_check, and so on:

    demo, phantom_check, failover_check, check_memory, clients (tools/check-clients),
    bench_door, bench_binlog_reader, bench_wake, make_binlog_samples,
    monitoring_picture (docs/dashboard.svg)

With a program that is in no distribution: proxies.maxscale, proxies.proxysql,
proxies.orchestrator.

Tests, which ctest runs as servers.*:

    door.*_test      who is held, rejected or admitted
    plugin.*_test    loading, which replicas count, what systemd is told, a clock
                     that is set, a replica of several primaries, large commits
    proxies.*_test   what proxies and probes see
    clients.*_test   what drivers and command-line tools see
    tool.*_test      the command-line tool
    backups_test     what a mariadb-backup carries of a gate
    monitoring_test  what Prometheus sees of a gate, and its alerts
    runbook_test     every command in docs/runbook.md
    upgrade_test     to another series of the server, and back
"""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
START = PROJECT / "tools" / "rigs" / "start"
