# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import argparse
import random
import shutil
import sys
import textwrap
import time
from pathlib import Path
from statistics import median
from typing import Callable

from rigs.failover_check.cluster import Cluster
from rigs.failover_check.cycle import AS_IT_WAS, PRESTART, Runner, Tally
from rigs.failover_check.managers import ALL, MORE
from rigs.phantom_check.timeline import Timeline
from rigs.servers import (
    Interrupted,
    Servers,
    SqlError,
    Unexpected,
    catch_signals,
    checkpoint,
    tail,
)
from rigs.tool_under_test import PLUGIN

DESCRIPTION = """\
Failovers on three MariaDB servers with the gate, under load, as failover managers
carry them out, statement by statement. Servers are killed (kill -9) at moments that
a seed decides: the primary, a replica, both, also while the manager is at work; and
each is started again at a time of its own.

Then the group has to be whole again by itself: two servers replicate from one that
takes writes, and every gate is open. A server that has diverged is rebuilt, and
counted. Then, with nobody writing: no row may be missing that a client read after a
start of the server that wrote it, or whose commit was confirmed after a replica had
acknowledged it; all servers have the same rows; and never may two have taken writes.
What is missing after a replica died together with its primary is counted apart:
semi-sync waits for one replica.

Exits 0 only if there was no violation with the gate and, with --control, there were
phantom reads without it."""
_STORIES = 2  # of each group
_GROUPS = 3  # that may break before a manager is given up


class Check:
    def __init__(self, servers: Servers, arguments: argparse.Namespace):
        self._servers = servers
        self._arguments = arguments
        self._timeline = Timeline()
        self._tallies: list[Tally] = []
        self._problems: list[str] = []
        # A copy, since the plugin may be built again while the servers run.
        plugins = servers.folder / "plugin"
        plugins.mkdir()
        shutil.copyfile(arguments.plugin, plugins / "ha_recovery_gate.so")
        self._gate = (
            f"--plugin-dir={plugins}",
            "--plugin-load-add=ha_recovery_gate",
            "--recovery-gate=FORCE_PLUS_PERMANENT",
        )

    def run(self) -> bool:
        arguments, managers = self._arguments, self._arguments.managers
        chosen = [each for each in (*ALL, *MORE) if each.name in managers]
        runs = [Tally(each, how, True) for each in chosen for how in arguments.starts]
        if arguments.control:
            runs += [Tally(each, AS_IT_WAS, False) for each in chosen]
        deadline = time.monotonic() + (arguments.time_limit or float("inf"))
        for number, tally in enumerate(runs):
            now = time.monotonic()
            share = (deadline - now) / (len(runs) - number)
            self._run(tally, -(-arguments.failovers // len(runs)), now + share)
        print(f"\n{table(self._tallies)}\n\nseed {arguments.seed}")
        return self._verdict()

    def _run(self, tally: Tally, failovers: int, deadline: float) -> None:
        self._tallies.append(tally)
        number = 0
        for group in range(_GROUPS):
            runner = self._make_runner(tally, group)
            try:
                runner.start()
                while tally.failovers < failovers:
                    checkpoint()
                    number += 1
                    runner.carry_out(number)
                    if time.monotonic() > deadline:
                        break
                break
            except (Unexpected, SqlError, OSError) as error:
                self._problems.append(f"{title(tally)}: {error}")
                print(f"\nFAILED, {self._problems[-1]}")
                print(self._timeline.show(time.monotonic() - 30))
                for server in self._servers.all[-3:]:
                    print(f"--- {server.name}'s error log\n{tail(server.log)}")
            finally:
                runner.stop()
        print(
            f"failover-check: {title(tally)}: {tally.cycles} cycles, "
            f"{tally.violations()} violations; gates opened by "
            f"{counted(tally.opened_by)}; rebuilt {counted(tally.rebuilt)}",
            flush=True,
        )

    def _make_runner(self, tally: Tally, group: int) -> Runner:
        arguments = self._arguments
        self._timeline = Timeline(tell_all=arguments.verbose)
        timeout = f"--rpl-semi-sync-master-timeout={arguments.semisync_timeout}"
        cluster = Cluster(
            self._servers,
            f"{len(self._tallies)}-{group}",
            self._gate if tally.gate else (),
            self._timeline,
            (*tally.manager.options, timeout),
        )
        told = 0

        def tell(what: str, since: float) -> None:
            nonlocal told
            told += tally.gate
            if tally.gate and told <= _STORIES:
                print(f"\nVIOLATION, {title(tally)}: {what}")
                print(textwrap.indent(self._timeline.show(since), "  "), flush=True)

        seed = f"{arguments.seed}/{tally.manager.name}/{tally.start}"
        return Runner(cluster, tally, seed, tell)

    def _verdict(self) -> bool:
        violations = sum(each.violations() for each in self._tallies if each.gate)
        if violations:
            self._problems.append(f"{violations} violations with the gate")
        if self._arguments.control:
            control = [each for each in self._tallies if not each.gate]
            if not any(each.phantoms for each in control):
                self._problems.append("no phantom reads in the control")
        for problem in self._problems:
            print(f"failover-check: FAILED: {problem}")
        if not self._problems:
            print("failover-check: passed")
        return not self._problems


def title(tally: Tally) -> str:
    gate = "with the gate" if tally.gate else "without the gate"
    return f"{tally.manager.name}, {tally.start}, {gate}"


def counted(counter: dict[str, int]) -> str:
    return ", ".join(f"{n} {what}" for what, n in sorted(counter.items())) or "0"


COLUMNS: dict[str, Callable[[Tally], object]] = {
    "manager": lambda each: each.manager.name,
    "started": lambda each: each.start,
    "gate": lambda each: "yes" if each.gate else "no",
    "failovers": lambda each: each.failovers,
    "switchovers": lambda each: each.switchovers,
    "crashes": lambda each: each.crashes,
    "phantom reads": lambda each: each.phantoms,
    "lost commits": lambda each: each.lost,
    "with two dead": lambda each: each.two_dead,
    "differing": lambda each: each.differing,
    "two writers": lambda each: each.two_writers,
    "gates stuck": lambda each: counted(each.stuck),
    "by hand": lambda each: each.by_hand,
    "rebuilt": lambda each: sum(each.rebuilt.values()),
    "in vain": lambda each: each.in_vain,
    "opened after, s": lambda each: (
        f"{median(each.waits):.1f} / {max(each.waits):.1f}" if each.waits else "-"
    ),
}


def table(tallies: list[Tally]) -> str:
    rows = [[str(of(each)) for of in COLUMNS.values()] for each in tallies]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows)]
    rule = ["-" * width for width in widths]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths))} |"
        for row in (list(COLUMNS), rule, *rows)
    )


def names_of(all_of_them: list[str], more: list[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        chosen = all_of_them if text == "all" else text.split(",")
        if unknown := set(chosen) - {*all_of_them, *more}:
            raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}")
        return chosen

    return parse


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/failover-check",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names, more = [each.name for each in ALL], [each.name for each in MORE]
    starts = [PRESTART, AS_IT_WAS]
    seed = random.SystemRandom().randrange(1_000_000)
    add = parser.add_argument
    add("--seed", type=int, default=seed, help="what decides what happens, and when")
    add("--failovers", type=int, default=20, metavar="N", help="in all (default: 20)")
    add(
        "--managers",
        type=names_of(names, more),
        default=names,
        metavar="LIST",
        help=f"of {', '.join(names)} (default: all); or {', '.join(more)}",
    )
    add(
        "--starts",
        type=names_of(starts, []),
        default=starts,
        metavar="LIST",
        help="how servers are started: prestart, as recovery-gate prestart decides; "
        "as-it-was, at any moment (default: both)",
    )
    add("--control", action="store_true", help="then as-it-was without the gate")
    add("--time-limit", type=float, default=0, metavar="SECONDS", help="about")
    add("--semisync-timeout", type=int, default=2000, metavar="MILLISECONDS")
    add("--plugin", type=Path, default=PLUGIN, help="(default: %(default)s)")
    add("--keep", action="store_true", help="do not remove the servers' folders")
    add("--verbose", action="store_true", help="the timeline as it happens")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    catch_signals()
    with Servers("failover-check", keep=arguments.keep) as servers:
        try:
            return 0 if Check(servers, arguments).run() else 1
        except Interrupted as interrupted:
            return interrupted.exit_status


if __name__ == "__main__":
    sys.exit(main())
