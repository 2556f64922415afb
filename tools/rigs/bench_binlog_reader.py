# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterator

from rigs import PROJECT
from rigs.servers import (
    Interrupted,
    Servers,
    Session,
    SqlError,
    Unexpected,
    catch_signals,
    checkpoint,
    program,
    run,
)

DESCRIPTION = """\
Measures the binary log reader against what an operator would use: mariadb-binlog,
and cat, which is as fast as one can read all bytes.

A server of its own writes transactions of three kinds: small ones (one row, or a
statement), events of 8 KiB that are full of rows, and rows of 1 MiB. Each kind is
repeated, with GTIDs, XIDs, positions and checksums as they would be, to a log of
the given size, a part of which is checked with mariadb-binlog. Then, on the same
warm file, each program takes its turn right after the reader, round by round:
a ratio is of two runs that followed each other. Time is processor time, user and
system, so that it counts little what else the machine has to do; all of them have
one thread and wait for nothing."""

MIB = 1 << 20


# --- The logs -----------------------------------------------------------------


def write_small(session: Session) -> None:
    for number in range(400):
        session.query("SET binlog_format=ROW")
        session.query("INSERT INTO s VALUES (%s, 0, %s)", number, f"row {number}")
        session.query("UPDATE s SET k = k + 1 WHERE a = %s", number)
        session.query("SET binlog_format=STATEMENT")
        session.query("UPDATE s SET k = k + 1 WHERE a = %s", number)


def write_full_events(session: Session) -> None:
    session.query("SET binlog_format=ROW")
    for number in range(4):
        session.query(
            "INSERT INTO m SELECT seq + %s, REPEAT(MD5(seq), 6) FROM seq_1_to_5000",
            5000 * number,
        )


def write_large_rows(session: Session) -> None:
    session.query("SET binlog_format=ROW")
    for number in range(4):
        session.query(
            "INSERT INTO l SELECT seq + %s, REPEAT(MD5(seq), 32768)"
            " FROM seq_1_to_4",
            4 * number,
        )


@dataclass(frozen=True)
class Kind:
    name: str
    what: str
    table: str
    write: Callable[[Session], None]


KINDS = (
    Kind(
        "small",
        "small transactions",
        "s (a INT PRIMARY KEY, k INT, b VARCHAR(60))",
        write_small,
    ),
    Kind(
        "8k",
        "row events of 8 KiB",
        "m (a INT PRIMARY KEY, b VARCHAR(200))",
        write_full_events,
    ),
    Kind(
        "1m",
        "row events of 1 MiB",
        "l (a INT PRIMARY KEY, b LONGBLOB)",
        write_large_rows,
    ),
)


class Logs:
    """The logs in a folder, made when they are not there."""

    def __init__(self, folder: Path, programs: Path):
        self._folder = folder
        self._programs = programs

    def path(self, kind: Kind, size: int) -> Path:
        return self._folder / f"{kind.name}-{size}.binlog"

    def make(self, kinds: list[Kind], sizes: list[int]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        missing = [
            (kind, size)
            for kind in kinds
            for size in sizes
            if not self.path(kind, size).exists()
        ]
        if not missing:
            return
        with Servers("bench-binlog-reader") as servers:
            server = servers.add("writer", "--innodb-log-file-size=256M")
            server.start()
            server.query("CREATE DATABASE d")
            for kind in kinds:
                server.query(f"CREATE TABLE d.{kind.table}")
                server.query("FLUSH BINARY LOGS")
                log = server.datadir / server.binlog_end().file
                with server.connect_as_admin() as session:
                    session.query("USE d")
                    kind.write(session)
                server.query("FLUSH BINARY LOGS")
                for _, size in (one for one in missing if one[0] is kind):
                    self._grow(log, self.path(kind, size), size)

    def _grow(self, template: Path, path: Path, size: int) -> None:
        print(f"making {path}", flush=True)
        unfinished = path.with_suffix(".new")
        if run([self._programs / "grow-binlog", template, unfinished, str(size)]):
            raise Unexpected("grow-binlog to succeed", "an error")
        unfinished.rename(path)


def check_with_mariadb_binlog(log: Path, programs: Path) -> None:
    """That the server's tool takes a part of the log for what the reader does."""
    up_to = min(log.stat().st_size, 4 * MIB)
    command = [program("mariadb-binlog"), "--no-defaults", "--verify-binlog-checksum"]
    command += ["--base64-output=DECODE-ROWS", f"--stop-position={up_to}", str(log)]
    done = subprocess.run(command, capture_output=True, errors="replace", check=True)
    seen = len(re.findall(r"\tGTID \d+-\d+-\d+", done.stdout))
    ours = scan(programs, "transactions", log, "--up-to", str(up_to))["transactions"]
    if seen == 0 or seen != ours:
        raise Unexpected(f"{seen} transactions in the first {up_to} bytes", ours)


# --- Measuring ----------------------------------------------------------------


def scan(programs: Path, what: str, log: Path, *options: str) -> dict[str, float]:
    command = [programs / "scan-binlog", what, log, *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def seconds_of(command: list[str]) -> float:
    """Processor time, user and system, from its start to its end; its output goes
    to /dev/null."""
    checkpoint()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


@dataclass
class Rival:
    name: str
    command: list[str]
    rounds: int
    ratios: list[float] = field(default_factory=list)


@dataclass
class Measured:
    kind: Kind
    size: int
    rivals: list[Rival]
    scans: list[float]  # seconds of the scan alone, without the process around it
    rungs: dict[str, dict[str, float]]  # of the ladder, each the median run
    small_size: int
    peak_small: float  # KiB
    peak: float
    peak_open: float


RUNGS = ("read", "headers", "checksums", "transactions", "verify-all")


class Bench:
    def __init__(self, arguments: argparse.Namespace):
        self._arguments = arguments
        self._programs: Path = arguments.programs
        self._logs = Logs(arguments.folder, self._programs)

    def run(self) -> Iterator[Measured]:
        arguments = self._arguments
        sizes = sorted({min(64 * MIB, arguments.size), arguments.size})
        # From quick to slow.
        kinds = [kind for kind in reversed(KINDS) if kind.name in arguments.kinds]
        self._logs.make(kinds, sizes)
        for kind in kinds:
            yield self._measure(kind, sizes)

    def _measure(self, kind: Kind, sizes: list[int]) -> Measured:
        log = self._logs.path(kind, sizes[-1])
        check_with_mariadb_binlog(log, self._programs)
        print(f"measuring {log}", flush=True)
        reader = [str(self._programs / "scan-binlog"), "transactions", str(log)]
        tool = [program("mariadb-binlog"), "--no-defaults"]
        slow = self._arguments.slow_rounds
        rivals = [
            Rival("cat", ["cat", str(log)], self._arguments.rounds),
            Rival("mariadb-binlog", [*tool, str(log)], slow),
            Rival(
                "mariadb-binlog --base64-output=DECODE-ROWS",
                [*tool, "--base64-output=DECODE-ROWS", str(log)],
                slow,
            ),
        ]
        seconds_of(["cat", str(log)])  # it is warm now
        for rival in rivals:
            for number in range(rival.rounds):
                # Each is the first of the two every other time.
                if number % 2:
                    theirs, ours = seconds_of(rival.command), seconds_of(reader)
                else:
                    ours, theirs = seconds_of(reader), seconds_of(rival.command)
                rival.ratios.append(theirs / ours)
            print(f"  {rival.name}: {spread(rival.ratios)}", flush=True)
        scans = [
            scan(self._programs, "transactions", log)["seconds"]
            for _ in range(self._arguments.rounds)
        ]
        peaks = [
            scan(self._programs, "transactions", self._logs.path(kind, size))
            for size in sizes
        ]
        return Measured(
            kind,
            log.stat().st_size,
            rivals,
            scans,
            self._climb(log),
            sizes[0],
            peaks[0]["peak_memory_kib"],
            peaks[-1]["peak_memory_kib"],
            scan(self._programs, "open", log)["peak_memory_kib"],
        )

    def _climb(self, log: Path) -> dict[str, dict[str, float]]:
        runs: dict[str, list[dict[str, float]]] = {rung: [] for rung in RUNGS}
        for _ in range(self._arguments.rounds):
            for rung in RUNGS:
                checkpoint()
                runs[rung].append(scan(self._programs, rung, log, "--time-reads"))
        return {
            rung: sorted(seen, key=lambda one: one["seconds"])[len(seen) // 2]
            for rung, seen in runs.items()
        }


# --- What it has to say -------------------------------------------------------


def spread(values: list[float]) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    digits = 0 if middle >= 20 else 1 if middle >= 2 else 2
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(rows: list[list[str]]) -> str:
    head, *body = rows
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in body])


def speeds(measured: list[Measured]) -> str:
    rows = [
        [
            "log",
            *(f"`{rival.name}`" for rival in measured[0].rivals),
            "events",
            "transactions",
            "ns for each event",
            "peak memory",
        ]
    ]
    for one in measured:
        whole = one.rungs["transactions"]
        nanoseconds = [seconds / whole["events"] * 1e9 for seconds in one.scans]
        rows.append(
            [
                f"{one.kind.what}, {one.size / MIB:.0f} MiB",
                *(spread(rival.ratios) for rival in one.rivals),
                f"{whole['events']:,.0f}",
                f"{whole['transactions']:,.0f}",
                spread(nanoseconds),
                f"{one.peak:,.0f} KiB ({one.peak_small:,.0f} for {one.small_size / MIB:.0f}"
                f" MiB, {one.peak_open:,.0f} before the first read)",
            ]
        )
    return table(rows)


def shares(measured: list[Measured]) -> str:
    rows = [
        [
            "log",
            "reading the file",
            "headers",
            "checksums of what is reported",
            "the rest: bodies, grouping",
            "bytes read",
            "reads",
            "verifying all checksums takes",
        ]
    ]
    for one in measured:
        whole = one.rungs["transactions"]

        def computing(rung: str, one: Measured = one) -> float:
            run = one.rungs[rung]
            return run["seconds"] - run["seconds_in_reads"]

        parts = [
            whole["seconds_in_reads"],
            computing("headers"),
            computing("checksums") - computing("headers"),
            computing("transactions") - computing("checksums"),
        ]
        rows.append(
            [
                one.kind.what,
                *(f"{max(part, 0) / whole['seconds']:.0%}" for part in parts),
                f"{whole['bytes_read'] / one.size:.1%}",
                f"{whole['reads']:,.0f}",
                f"{one.rungs['verify-all']['seconds'] / statistics.median(one.scans):.1f}"
                " times as long",
            ]
        )
    return table(rows)


# --- The command line ---------------------------------------------------------


def byte_count(text: str) -> int:
    units = {"": 1, "K": 1 << 10, "M": MIB, "G": 1 << 30}
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    if not match or not 0 < int(match[1]) * units[match[2]] < 4 << 30:
        raise argparse.ArgumentTypeError("a size is like 64M or 1G, and below 4G")
    return int(match[1]) * units[match[2]]


def kinds(text: str) -> list[str]:
    names = [kind.name for kind in KINDS]
    chosen = text.split(",")
    if not set(chosen) <= set(names):
        raise argparse.ArgumentTypeError(f"there are {', '.join(names)}")
    return chosen


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/bench-binlog-reader",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--size",
        type=byte_count,
        default="1G",
        help="of each log (default: %(default)s)",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=11,
        metavar="N",
        help="against cat, and for where time goes (default: %(default)s)",
    )
    parser.add_argument(
        "--slow-rounds",
        type=int,
        default=3,
        metavar="N",
        help="against mariadb-binlog, which takes minutes (default: %(default)s)",
    )
    parser.add_argument(
        "--kinds",
        type=kinds,
        default=",".join(kind.name for kind in KINDS),
        metavar="LIST",
        help="which logs, separated by commas (default: %(default)s)",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=PROJECT / "build" / "bench-logs",
        help="where the logs are, or are to be made (default: build/bench-logs)",
    )
    parser.add_argument(
        "--programs",
        type=Path,
        default=PROJECT / "build" / "benchmarks",
        help="where scan-binlog and grow-binlog are (default: build/benchmarks)",
    )
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    if not (arguments.programs / "scan-binlog").is_file():
        print(
            f"bench-binlog-reader: there is no {arguments.programs}/scan-binlog;"
            " build it first: cmake --preset release && cmake --build build"
            " --target scan-binlog grow-binlog",
            file=sys.stderr,
        )
        return 2
    catch_signals()
    try:
        measured = [*Bench(arguments).run()][::-1]
    except Interrupted as interrupted:
        return interrupted.exit_status
    except (Unexpected, SqlError, OSError, subprocess.CalledProcessError) as error:
        print(f"bench-binlog-reader: {error}", file=sys.stderr)
        return 1
    print("\nHow many times as long as the reader they take:\n")
    print(speeds(measured))
    print("\nWhere the reader's time goes:\n")
    print(shares(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
