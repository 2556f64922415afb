# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
from pathlib import Path
from typing import Callable

from rigs import PROJECT
from rigs.bench_door import instructions, opening, restart, starts, unnoticed
from rigs.bench_door.pair import Bench
from rigs.servers import (
    Interrupted,
    Servers,
    SqlError,
    Unexpected,
    catch_signals,
)
from rigs.tool_under_test import PLUGIN

DESCRIPTION = """\
Measures what the gate costs, on throw-away servers on loopback.

  open      When it is open: connections, selects and semi-sync commits each second
            with the gate and without, and as a control without and without.
  opening   When it opens: from the replica's acknowledgement, seen on the network,
            to the first answer for clients that were held.
  restart   A whole restart after a crash: from the start of mariadbd to the
            application's first answer; without a gate, with it, and with a script
            that keeps the application out instead.
  instructions
            When it is open: what a connection and a statement cost the server in
            instructions, counted by callgrind; only when asked for.
  starts    How much longer a start takes where nothing in many binary logs has been
            acknowledged; only when asked for.

Prints a table in Markdown for each. What is compared is measured in turn, in many
short runs, since other things happen on a machine meanwhile: a ratio is of runs
that followed each other. Times and rates are this machine's."""

USUAL = ("open", "opening", "restart")
PARTS = (*USUAL, "instructions", "starts")


def run_open(bench: Bench, arguments: argparse.Namespace) -> tuple[str, object]:
    extent = unnoticed.Extent(
        arguments.blocks,
        arguments.rounds,
        arguments.seconds,
        arguments.clients,
        arguments.workloads,
    )
    cells = unnoticed.measure(bench, extent)
    return (
        "When it is open. Throughput, the median of the ratios (quartiles); servers"
        f" were started anew {extent.blocks} times, and took turns in who has the"
        f" gate:\n\n{unnoticed.report(cells)}\n\n"
        "The primary's processor time for each operation, likewise:\n\n"
        + unnoticed.report_processor_time(cells),
        [vars(cell) for cell in cells],
    )


def run_opening(bench: Bench, arguments: argparse.Namespace) -> tuple[str, object]:
    crowds = {1: arguments.openings}
    if arguments.crowd_openings:
        crowds[arguments.crowd] = arguments.crowd_openings
    openings = opening.measure(bench, crowds)
    return (
        "When it opens. From the replica's acknowledgement, about to reach the"
        " primary, to held clients' first answers; and without a gate, from the"
        " moment that as many clients ask. Median (quartiles; all):\n\n"
        + opening.report(openings),
        [vars(one) for one in openings],
    )


def run_restart(bench: Bench, arguments: argparse.Namespace) -> tuple[str, object]:
    restarts = restart.measure(bench, arguments.restarts)
    return (
        "A whole restart after a crash with a commit that no replica has; the replica"
        " tries to connect each second. Median (quartiles; all):\n\n"
        f"{restart.report(restarts)}\n\n"
        "The script, benchmarks/let-in-when-received.sh: the server listens on a port"
        " that the application does not know; every half second it compares"
        " @@gtid_binlog_pos on the primary with Gtid_IO_Pos on the replica, and"
        " forwards the application's port once they are the same.",
        [vars(one) for one in restarts],
    )


def run_instructions(
    bench: Bench, arguments: argparse.Namespace
) -> tuple[str, object]:
    counts = instructions.measure(bench, arguments.connections)
    return (
        "Instructions of the server in user space, the mean of"
        f" {arguments.connections} connections one after the other:\n\n"
        + instructions.report(counts),
        [vars(one) for one in counts],
    )


def run_starts(bench: Bench, arguments: argparse.Namespace) -> tuple[str, object]:
    measured = starts.measure(bench, arguments.logs, arguments.starts)
    return (
        "A start after a crash with nothing in the binary logs acknowledged, from the"
        " start of mariadbd to ready for connections. Median; of what the gate adds,"
        f" median (quartiles; all):\n\n{starts.report(measured)}",
        [vars(one) for one in measured],
    )


RUN: dict[str, Callable[[Bench, argparse.Namespace], tuple[str, object]]] = {
    "open": run_open,
    "opening": run_opening,
    "restart": run_restart,
    "instructions": run_instructions,
    "starts": run_starts,
}


def measure(arguments: argparse.Namespace) -> None:
    raw: dict[str, object] = {}
    with Servers("bench-door") as servers:
        # A copy, since the plugin may be built again while the servers run.
        plugins = servers.folder / "plugin"
        plugins.mkdir()
        shutil.copyfile(arguments.plugin, plugins / "ha_recovery_gate.so")
        gate = (f"--plugin-dir={plugins}", "--plugin-load-add=ha_recovery_gate")
        bench = Bench(servers, arguments.programs, gate)
        for part in arguments.parts:
            print(f"measuring: {part}", flush=True)
            text, raw[part] = RUN[part](bench, arguments)
            print(f"\n{text}\n", flush=True)
    if arguments.raw:
        arguments.raw.write_text(json.dumps(raw, indent=1) + "\n")


# --- The command line ---------------------------------------------------------


def one_of(names: tuple[str, ...]) -> Callable[[str], list[str]]:
    def chosen(text: str) -> list[str]:
        if not set(text.split(",")) <= set(names):
            raise argparse.ArgumentTypeError(f"there are {', '.join(names)}")
        return text.split(",")

    return chosen


def counts(text: str) -> list[int]:
    return [positive(one) for one in text.split(",")]


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError("a number from 1 on is expected")
    return int(text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/bench-door",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def add(name: str, kind: Callable[[str], object], default: object, text: str):
        parser.add_argument(
            name,
            type=kind,
            default=default,
            metavar="LIST" if isinstance(default, str) else "N",
            help=f"{text} (default: %(default)s)",
        )

    add("--parts", one_of(PARTS), ",".join(USUAL), "what to measure")
    add(
        "--workloads",
        one_of(tuple(unnoticed.WORKLOADS)),
        ",".join(unnoticed.WORKLOADS),
        "open: which",
    )
    add("--clients", counts, "1,8,64", "open: how many at a time")
    add("--blocks", positive, 9, "open: how often servers start anew")
    add("--rounds", positive, 5, "open: rounds in each block")
    add("--seconds", float, 0.5, "open: length of each run")
    add("--openings", positive, 50, "opening: with one client")
    add("--crowd", positive, 1000, "opening: how many clients are a crowd")
    add("--crowd-openings", int, 15, "opening: with a crowd")
    add("--connections", positive, 400, "instructions: how many")
    add("--logs", positive, 5000, "starts: how many binary logs")
    add("--starts", positive, 20, "starts: rounds, of two starts each")
    add("--restarts", positive, 15, "restart: rounds, of three restarts each")
    parser.add_argument(
        "--raw", type=Path, metavar="FILE", help="also write all values, as JSON"
    )
    parser.add_argument(
        "--plugin",
        type=Path,
        default=PLUGIN,
        help="the plugin to measure (default: $RECOVERY_GATE_PLUGIN, or"
        " build/ha_recovery_gate.so)",
    )
    parser.add_argument(
        "--programs",
        type=Path,
        default=PROJECT / "build" / "benchmarks",
        help="where load-server and stamp-acks are (default: build/benchmarks)",
    )
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    programs = [arguments.programs / name for name in ("load-server", "stamp-acks")]
    for path in (arguments.plugin, *programs):
        if not path.is_file():
            print(
                f"bench-door: there is no {path}; build it first: cmake --preset"
                " release && cmake --build build --target ha_recovery_gate"
                " load-server stamp-acks",
                file=sys.stderr,
            )
            return 2
    # Each client is an open file for load-server, and for the server.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    catch_signals()
    try:
        measure(arguments)
    except Interrupted as interrupted:
        return interrupted.exit_status
    except (Unexpected, SqlError, OSError) as error:
        print(f"bench-door: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
