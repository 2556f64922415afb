# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import argparse
import os
import random
import shlex
import shutil
import sys
import textwrap
import time
from pathlib import Path
from typing import Callable, Collection, NamedTuple, Sequence

from rigs.phantom_check.cycle import Runner, Violation
from rigs.phantom_check.pair import Pair
from rigs.phantom_check.plan import CONFIGURATIONS, Configuration, draw
from rigs.phantom_check.tally import Tally, pair_table, topology_table, total
from rigs.phantom_check.timeline import Timeline
from rigs.phantom_check.topologies.draws import Topology
from rigs.phantom_check.topologies.runner import TopologyRunner
from rigs.phantom_check.topologies.table import TOPOLOGIES
from rigs.phantom_check.topologies.trio import Trio
from rigs.servers import (
    Interrupted,
    Server,
    Servers,
    SqlError,
    Unexpected,
    catch_signals,
    checkpoint,
    tail,
)
from rigs.tool_under_test import PLUGIN

DESCRIPTION = """\
Looks for phantom reads, on MariaDB servers of its own.

First a primary and its semi-sync replica are put under load, and then through
what a seed decides: the network between them is cut, slow, or holds back one
direction; the primary is killed (kill -9) under load, during recovery, while
its gate is closed, as it opens, in a shutdown; it is shut down; and now and
then it is lost for good and the replica promoted. All along, clients connect
whenever they are admitted, write and read.

Each time the primary is killed, the replica applies what it has received, as
if it were promoted now. A row that it lacks is a phantom read if a client read
it after the crash, and a lost commit if a client saw its commit confirmed.
Counted apart, as semi-sync's own, is what no gate could help: a row that was
read before the crash, in the life it was committed in (AFTER_COMMIT shows rows
before they are acknowledged), and a commit that was confirmed while the primary
was shutting down, since a shutdown lets go of the commits that wait.

Then come topologies of three servers, each with a gate:
{topologies}
They have GTID in one domain or several, strict or not; log_slave_updates or not;
logs that are rotated and purged; semi-sync that gives up or waits for ever. Each
begins with cycles that are scripted, and try a known way to open a gate without
proof. A phantom is then a row that a client read after a start of the server
that wrote it, that was there before that start, and that no other server has
once each has applied what it received. What RESET MASTER gave up is not counted.
A gate that stays closed is no violation, but is counted. In two-replicas the gate
waits for both (recovery_gate_replica_count), and a phantom is a row that one of
them lacks; only what was in doubt at a start counts there.

The same is done without the gate, as the control; in two-replicas with the gate and
a count of 1. Exits 0 only if there was no
violation with the gate, and the control has found phantoms in every
configuration and topology."""

EPILOG = """\
examples:
  tools/phantom-check --crashes 1000 --control-crashes 200
  tools/phantom-check --seed 7 --configurations AFTER_SYNC/GTID --cycles 3 --verbose
  tools/phantom-check --topologies reset,domains --crashes 100
  tools/phantom-check --gate-option recovery-gate-mode=OFF     finds violations"""

# Of a cycle, and of a run: what it is about is in the first violation; the others
# are mostly its kin.
STORIES = 2
# How many times as many crashes a control is given that has seen no phantom yet.
PATIENCE = 10


class Goal(NamedTuple):
    """When one of them has been through enough."""

    crashes: int
    cycles: int  # in place of crashes, if not 0
    seconds: float  # in any case

    def reached(self, tally: Tally) -> bool:
        if not self.cycles and self._is_blind(tally):
            return False
        if self.seconds and tally.seconds >= self.seconds and tally.cycles > 0:
            return True
        if self.cycles:
            return tally.cycles >= self.cycles
        return tally.crashes >= self.crashes

    def _is_blind(self, tally: Tally) -> bool:
        """A short control that has seen no phantom yet has only had no luck."""
        most = PATIENCE * max(self.crashes, 1)
        return not tally.gate and not tally.phantoms and tally.crashes < most


class Check:
    """All configurations and topologies, with the gate and without it."""

    def __init__(self, servers: Servers, arguments: argparse.Namespace):
        self._servers = servers
        self._arguments = arguments
        self._gate = self._gate_options(servers.folder, arguments)
        self._deadline = time.monotonic() + (arguments.time_limit or float("inf"))
        self._subjects: list[Configuration | Topology] = [
            *(CONFIGURATIONS[name] for name in arguments.configurations),
            *(TOPOLOGIES[name] for name in arguments.topologies),
        ]
        self.timeline = Timeline(tell_all=arguments.verbose)
        self.tallies: list[Tally] = []
        self.failures: list[str] = []

    @staticmethod
    def _gate_options(folder: Path, arguments: argparse.Namespace) -> tuple[str, ...]:
        # A copy, since the plugin may be built again while the servers run.
        plugins = folder / "plugin"
        plugins.mkdir()
        shutil.copyfile(arguments.plugin, plugins / "ha_recovery_gate.so")
        return (
            f"--plugin-dir={plugins}",
            "--plugin-load-add=ha_recovery_gate",
            "--recovery-gate=FORCE_PLUS_PERMANENT",
            *(f"--{option}" for option in arguments.gate_option),
        )

    def run(self) -> bool:
        runs = [
            (subject, gate)
            for subject in self._subjects
            for gate, crashes in (
                (True, self._arguments.crashes),
                (False, self._arguments.control_crashes),
            )
            if crashes > 0
        ]
        for number, (subject, gate) in enumerate(runs):
            left = self._deadline - time.monotonic()
            seconds = 0.0
            if self._arguments.time_limit:
                seconds = max(left / (len(runs) - number), 0.001)
            self._run(subject, gate, seconds)
        return self._verdict()

    def _run(
        self, subject: Configuration | Topology, gate: bool, seconds: float
    ) -> None:
        tally = Tally(subject, gate)
        self.tallies.append(tally)
        goal = self._goal(gate, seconds)
        start = time.monotonic()
        cycle = self._arguments.first_cycle
        self._rerun = self._rerun_command(subject, cycle)
        runner: Runner | TopologyRunner
        play: Callable[[int], None]
        if isinstance(subject, Topology):
            runner, play = self._on_three(subject, tally)
        else:
            runner, play = self._on_pair(subject, tally)
        try:
            runner.start()
            while not goal.reached(tally):
                checkpoint()
                self.timeline.note("checker", f"cycle {cycle} of {tally.name}")
                self._rerun = self._rerun_command(subject, cycle)
                play(cycle)
                tally.seconds = time.monotonic() - start
                cycle += 1
        except (Unexpected, SqlError, OSError) as error:
            self._tell_failure(tally, error, runner.servers())
        finally:
            runner.stop()
        tally.seconds = time.monotonic() - start
        print(f"phantom-check: {tally.summary()}", flush=True)

    def _on_pair(
        self, configuration: Configuration, tally: Tally
    ) -> tuple[Runner, Callable[[int], None]]:
        pair = Pair(
            *(self._servers, self._folder(tally), configuration),
            *(self._gate if tally.gate else (), self.timeline),
        )
        seed = self._arguments.seed
        runner = Runner(
            pair,
            tally,
            self.timeline,
            f"{seed}/{configuration.name}",
            self._teller(tally),
        )
        shutdowns = not self._arguments.no_shutdowns
        return runner, lambda cycle: runner.carry_out(
            draw(seed, configuration, cycle, shutdowns), cycle
        )

    def _on_three(
        self, topology: Topology, tally: Tally
    ) -> tuple[TopologyRunner, Callable[[int], None]]:
        trio = Trio(
            *(self._servers, self._folder(tally)),
            *(self._gate_for(topology, tally.gate), self.timeline),
        )
        runner = TopologyRunner(trio, tally, self.timeline, self._teller(tally))
        seed = self._arguments.seed
        return runner, lambda cycle: runner.carry_out(topology.draw(seed, cycle))

    def _gate_for(self, topology: Topology, gate: bool) -> tuple[str, ...]:
        copies = topology.setup.copies
        if copies > 1:
            count = copies if gate else 1
            return (*self._gate, f"--recovery-gate-replica-count={count}")
        return self._gate if gate else ()

    @staticmethod
    def _folder(tally: Tally) -> str:
        return f"{tally.subject.name.lower().replace('/', '-')}-{tally.short_gate}"

    def _goal(self, gate: bool, seconds: float) -> Goal:
        arguments = self._arguments
        crashes = arguments.crashes if gate else arguments.control_crashes
        share = -(-crashes // len(self._subjects))
        return Goal(share, arguments.cycles, seconds)

    def _rerun_command(self, subject: Configuration | Topology, cycle: int) -> str:
        arguments = self._arguments
        kind = "topologies" if isinstance(subject, Topology) else "configurations"
        return shlex.join(
            [
                "tools/phantom-check",
                *("--seed", str(arguments.seed)),
                *(f"--{kind}", subject.name),
                *("--first-cycle", str(cycle)),
                *("--cycles", "1"),
                *(
                    word
                    for option in arguments.gate_option
                    for word in ("--gate-option", option)
                ),
                *(("--no-shutdowns",) if arguments.no_shutdowns else ()),
                "--verbose",
            ]
        )

    # What it has to say

    def _teller(self, tally: Tally) -> Callable[[Violation], None]:
        told: set[str] = set()

        def tell(violation: Violation) -> None:
            # Phantom reads are what the control is expected to have.
            expected = not tally.gate and violation.what == "phantom read"
            if not expected and self._rerun not in told and len(told) < STORIES:
                told.add(self._rerun)
                what = f"{violation.what}, row {violation.row.token}"
                print(f"\nVIOLATION, {tally.name}: {what}")
                print(textwrap.indent(violation.timeline, "  "))
                print(f"  this cycle again: {self._rerun}\n", flush=True)

        return tell

    def _tell_failure(
        self, tally: Tally, error: Exception, servers: Sequence[Server]
    ) -> None:
        self.failures.append(f"{tally.name}: {error}")
        print(f"\nFAILED, {tally.name}: {error}")
        print(textwrap.indent(self.timeline.show(time.monotonic() - 5), "  "))
        for server in servers:
            print(f"\nThe end of the error log of {server.name}:")
            print(textwrap.indent(tail(server.log), "  "))
        print(f"\n  this cycle again: {self._rerun}\n", flush=True)

    def _verdict(self) -> bool:
        gated = [tally for tally in self.tallies if tally.gate]
        control = [tally for tally in self.tallies if not tally.gate]
        violations = total(gated, "phantoms") + total(gated, "lost")
        blind = [tally.name for tally in control if not tally.phantoms]
        if not control:
            blind = ["there was none"]
        for kind, show in ((Configuration, pair_table), (Topology, topology_table)):
            tallies = [each for each in self.tallies if isinstance(each.subject, kind)]
            if tallies:
                print(f"\n{show(tallies)}")
        print()
        print(
            f"seed {self._arguments.seed}: with the gate {total(gated, 'crashes')} "
            f"crashes, {violations} violations; without it "
            f"{total(control, 'crashes')} crashes, {total(control, 'phantoms')} "
            f"phantom reads and {total(control, 'lost')} lost commits"
        )
        problems = [*self.failures]
        if not gated:
            problems.append("nothing was checked with the gate")
        if violations:
            problems.append(f"{violations} violations with the gate")
        if blind:
            problems.append(
                f"no phantoms in the control ({', '.join(blind)}), so that the check "
                "proves nothing"
            )
        for problem in problems:
            print(f"phantom-check: FAILED: {problem}")
        if not problems:
            print("phantom-check: passed")
        return not problems


def names_of(what: str, there: Collection[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        names = list(there) if text == "all" else text.split(",")
        for name in names:
            if name not in there:
                raise argparse.ArgumentTypeError(
                    f"no {what} {name!r}; there are {', '.join(there)}"
                )
        return names

    return names


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/phantom-check",
        description=DESCRIPTION.format(
            topologies="\n".join(
                f"  {topology.name:13}  {topology.what}"
                for topology in TOPOLOGIES.values()
            )
        ),
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=random.SystemRandom().randrange(1_000_000),
        help="what decides all loads and faults (default: another one each time)",
    )
    parser.add_argument(
        "--crashes",
        type=int,
        default=40,
        metavar="N",
        help="go on until there were as many crashes with the gate, over all "
        "configurations and topologies (default: %(default)s)",
    )
    parser.add_argument(
        "--control-crashes",
        type=int,
        default=16,
        metavar="N",
        help="the same without the gate; none with 0 (default: %(default)s)",
    )
    parser.add_argument(
        "--cycles",
        type=int,
        default=0,
        metavar="N",
        help="so many cycles of each, whatever the number of crashes",
    )
    parser.add_argument(
        "--first-cycle",
        type=int,
        default=0,
        metavar="N",
        help="begin with this cycle of the seed (default: %(default)s)",
    )
    parser.add_argument(
        "--configurations",
        type=names_of("configuration", CONFIGURATIONS),
        metavar="LIST",
        help=f"separated by commas: {', '.join(CONFIGURATIONS)} (default: all, or "
        "none where only topologies are named)",
    )
    parser.add_argument(
        "--topologies",
        type=names_of("topology", TOPOLOGIES),
        metavar="LIST",
        help=f"separated by commas: {', '.join(TOPOLOGIES)} (default: all, or none "
        "where only configurations are named)",
    )
    parser.add_argument(
        "--time-limit",
        type=float,
        default=0,
        metavar="SECONDS",
        help="begin no cycle later than that, shared out over all of them; "
        "each has one cycle at least (default: none)",
    )
    parser.add_argument(
        "--plugin",
        type=Path,
        default=PLUGIN,
        help="the plugin to check (default: $RECOVERY_GATE_PLUGIN, or "
        "build/ha_recovery_gate.so)",
    )
    parser.add_argument(
        "--gate-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another server option for the servers with the gate, as "
        "recovery-gate-mode=OFF, to see the check fail; may be given repeatedly",
    )
    parser.add_argument(
        "--no-shutdowns",
        action="store_true",
        help="kill the primary where it would be shut down",
    )
    parser.add_argument(
        "--verbose", action="store_true", help="print the timeline as it goes"
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep the servers' folders and logs, and say where they are",
    )
    arguments = parser.parse_args()
    if arguments.configurations is arguments.topologies is None:
        arguments.configurations, arguments.topologies = (
            list(CONFIGURATIONS),
            list(TOPOLOGIES),
        )
    arguments.configurations = arguments.configurations or []
    arguments.topologies = arguments.topologies or []
    return arguments


def main() -> int:
    arguments = parse_arguments()
    if not arguments.plugin.is_file():
        print(
            f"phantom-check: there is no {arguments.plugin}; build it first, or run "
            "tools/check",
            file=sys.stderr,
        )
        return 2
    catch_signals()
    print(f"phantom-check: seed {arguments.seed}", flush=True)
    # So that one client's work does not hold up the others, and the network.
    sys.setswitchinterval(0.0005)
    try:
        with Servers("phantom-check", keep=arguments.keep) as servers:
            try:
                return 0 if Check(servers, arguments).run() else 1
            finally:
                if arguments.keep:
                    print(f"phantom-check: folders and logs are in {servers.folder}")
    except Interrupted as interrupted:
        left = "" if arguments.keep else ", and their folders removed"
        print(
            f"phantom-check: {interrupted}: the servers are stopped{left}",
            file=sys.stderr,
        )
        return interrupted.exit_status
    except BrokenPipeError:
        # Nor will Python find anybody to read what it prints in the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Unexpected, SqlError, OSError) as error:
        print(f"phantom-check: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
