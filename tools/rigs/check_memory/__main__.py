# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

from rigs import PROJECT, START
from rigs import servers as all_servers
from rigs.check_memory.checkers import CHECKERS, judge
from rigs.check_memory.growth import Growth
from rigs.check_memory.scenes import Scenes
from rigs.servers import Interrupted, Servers, catch_signals, run, tail

DESCRIPTION = """\
Runs the server, as it is installed, with the plugin under checkers of memory and
threads.

The server crashes with transactions that are prepared, recovers them, and keeps
its gate closed. Clients come by TCP, socket and TLS, with and without compression:
they are held, leave, are killed, change the user, are rejected, ask or keep
silent. The gate opens by a replica's acknowledgement and by hand, and the server
is shut down with and without clients at the door.

  asan      AddressSanitizer and UndefinedBehaviorSanitizer in the plugin
  tsan      ThreadSanitizer in the plugin
  memcheck  valgrind's checker of memory, leaks included
  helgrind  valgrind's checker of threads
  growth    no checker: thousands of clients are rejected, or held and leave,
            and the server's memory, descriptors and threads are counted

The server's own code is watched as well, as far as it goes, but only what has the
plugin in one of its stacks is judged. Exits 0 only if there was none of that."""

EPILOG = """\
environment:
  RECOVERY_GATE_PLUGIN   the plugin for valgrind and growth (build/ha_recovery_gate.so);
                         that for a sanitizer is built here
  RECOVERY_GATE_MTR      the folder of mariadb-test-run, for its certificates

examples:
  tools/check-memory
  tools/check-memory --under memcheck --performance-schema --keep"""

ALL = ("asan", "tsan", "memcheck", "helgrind", "growth")
SANITIZERS = {"asan": "plugin-asan", "tsan": "plugin-tsan"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="check-memory",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--under",
        action="append",
        choices=ALL,
        metavar="CHECKER",
        help="one of those above; can be repeated (default: all)",
    )
    parser.add_argument(
        "--performance-schema",
        action="store_true",
        help="the server's, which is switched off else",
    )
    parser.add_argument(
        "--clients",
        type=int,
        default=2000,
        help="of each kind, for growth (default: %(default)s)",
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the servers' folders and all reports"
    )
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def sanitized_plugin(preset: str) -> Path:
    for command in (
        ["cmake", "--preset", preset],
        ["cmake", "--build", "--preset", preset],
    ):
        done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"check-memory: {' '.join(command)} failed:\n{done.stdout[-4000:]}")
    return PROJECT / f"build-{preset}" / "ha_recovery_gate.so"


def options_of_server(checker, performance_schema: bool) -> list[str]:
    return [
        "--innodb-buffer-pool-dump-at-shutdown=OFF",
        *(
            ("--performance-schema=ON",)
            if performance_schema
            else ("--skip-performance-schema",)
        ),
        # Reads and writes that the kernel does on its own are not seen by a
        # checker, and fewer threads are fewer to be slow.
        "--innodb-use-native-aio=0",
        "--innodb-read-io-threads=2",
        "--innodb-write-io-threads=2",
        # Where it is larger, InnoDB reserves 8 TB of addresses.
        "--loose-innodb-buffer-pool-size-max=16M",
        # A checker's own part of a thread's stack is no small one.
        "--thread-stack=4M",
        # Everything is slow, also what a client or a replica is waited for.
        f"--connect-timeout={int(10 * checker.patience)}",
        f"--slave-net-timeout={int(60 * checker.patience)}",
    ]


def check(name: str, options: argparse.Namespace) -> bool:
    begin = time.monotonic()
    with Servers(f"check-{name}", keep=options.keep) as servers:
        checker = CHECKERS[name](
            servers.folder / "reports",
            Path(__file__).with_name(f"{name}.supp"),
        )
        all_servers.patience = checker.patience
        scenes = Scenes(
            servers, options_of_server(checker, options.performance_schema), checker
        )
        failed = None
        for scene in scenes.all():
            scene_begin = time.monotonic()
            try:
                all_servers.checkpoint()
                scene()
            except Exception as error:
                failed = scene.__name__
                print("".join(traceback.format_exception(error)))
                print(f"--- the end of the error log\n{tail(scenes.primary.log, 40)}")
                break
            took = time.monotonic() - scene_begin
            print(f"  {took:6.1f} s  {scene.__name__}", flush=True)
        for server in servers.all:
            server.kill9()
        verdict = judge(checker)
        if options.keep:
            print(f"  kept in {servers.folder}")
    for report in verdict.ours:
        print(f"--- {report.kind}\n{report.text}\n")
    others = ", ".join(f"{n} {kind}" for kind, n in sorted(verdict.others.items()))
    print(f"  without the plugin in any stack, and not judged: {others or 'nothing'}")
    if verdict.kept:
        print(f"  kept by the plugin as long as it lives: {len(verdict.kept)} blocks")
    if failed:
        print(f"FAILED {name}: {failed} did not go as it should")
    elif verdict.ours:
        print(f"FAILED {name}: {len(verdict.ours)} reports")
    else:
        print(f"ok {name} ({time.monotonic() - begin:.0f} s)", flush=True)
    return not failed and not verdict.ours


def grow(options: argparse.Namespace) -> bool:
    with Servers("check-growth", keep=options.keep) as servers:
        scenes = Scenes(servers, ["--skip-performance-schema"])
        # With a heap for each thread, memory that is freed is used again at random.
        scenes.primary.environment["MALLOC_ARENA_MAX"] = "1"
        good = Growth(scenes, options.clients).run()
    print("ok growth" if good else "FAILED growth", flush=True)
    return good


def in_own_process(name: str, plugin: Path | None) -> bool:
    """The plugin, and how long things may take, differ."""
    environment = dict(os.environ)
    if plugin:
        environment["RECOVERY_GATE_PLUGIN"] = str(plugin)
    command = [START, "check_memory", *sys.argv[1:], "--child", name]
    return run(command, env=environment) == 0


def main() -> int:
    options = arguments()
    catch_signals()
    try:
        if options.child == "growth":
            return 0 if grow(options) else 1
        if options.child:
            return 0 if check(options.child, options) else 1
        good = True
        for name in options.under or ALL:
            print(f"check-memory: {name}", flush=True)
            preset = SANITIZERS.get(name)
            plugin = sanitized_plugin(preset) if preset else None
            good = in_own_process(name, plugin) and good
        return 0 if good else 1
    except Interrupted as interrupted:
        return interrupted.exit_status
    except Exception as error:
        print(f"check-memory: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
