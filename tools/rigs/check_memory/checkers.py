# SPDX-License-Identifier: GPL-2.0-only
"""Programs that watch a server's memory or threads, and what they report.

A server as Debian ships it is stripped and knows nothing of these programs. They
report things of its own that nobody here can judge, so what counts is a report
that has the plugin in one of its stacks: who did it, who freed the memory before,
who allocated it, the other thread of a race.
"""

from __future__ import annotations

import os
import re
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

MODULE = "ha_recovery_gate"


@dataclass
class Report:
    """One finding of a checker."""

    kind: str
    text: str  # what a person reads, with all stacks
    ours: bool  # the plugin is in one of the stacks
    blocks: int = 0  # memory that is left at the end: so many pieces


class Unavailable(Exception):
    """This checker cannot be used here; says why."""


class Checker:
    """How to run a server under a checker, and how to read what it wrote."""

    name = ""
    patience = 1.0  # how many times slower anything may be
    always = False  # the plugin cannot be loaded without it
    mark = ""  # a library that it has in each process it watches

    def __init__(self, folder: Path, suppressions: Path):
        self.folder = folder
        self.suppressions = suppressions
        folder.mkdir(parents=True, exist_ok=True)

    def runner(self) -> list[str]:
        return []

    def environment(self) -> dict[str, str]:
        return {}

    def reports(self) -> Iterator[Report]:
        raise NotImplementedError

    def watches(self, pid: int) -> bool:
        """One that is not there finds nothing."""
        return self.mark in Path(f"/proc/{pid}/maps").read_text()


# --- valgrind -----------------------------------------------------------------

# Still reachable is what lives as long as the plugin does, unless there is one
# for each client. Nobody has that many of anything else.
MANY_BLOCKS = 8


class Valgrind(Checker):
    patience = 20.0
    extra_options: tuple[str, ...] = ()

    def runner(self) -> list[str]:
        if shutil.which("valgrind") is None:
            raise Unavailable("valgrind is not installed: apt-get install valgrind")
        return [
            "valgrind",
            f"--tool={self.name}",
            "--xml=yes",
            f"--xml-file={self.folder}/%p.xml",
            "--num-callers=60",  # the plugin is often far below what it calls
            "--error-limit=no",
            "--fair-sched=try",
            f"--suppressions={self.suppressions}",
            *self.extra_options,
        ]

    def reports(self) -> Iterator[Report]:
        for path in sorted(self.folder.glob("*.xml")):
            for element in _elements(path, "error"):
                yield _report(element)


class Memcheck(Valgrind):
    name = "memcheck"
    mark = "vgpreload_memcheck"
    extra_options = (
        "--leak-check=full",
        "--show-leak-kinds=all",
        # The stack that made an undefined value may be ours, where the one that
        # uses it is the server's.
        "--track-origins=yes",
        "--keep-debuginfo=yes",
    )


class Helgrind(Valgrind):
    name = "helgrind"
    mark = "vgpreload_helgrind"
    patience = 40.0


def _elements(path: Path, tag: str) -> Iterator[ElementTree.Element]:
    """What is complete: the file of a server that was killed has no end."""
    parser = ElementTree.XMLPullParser(["end"])
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            parser.feed(piece)
            for _, element in parser.read_events():
                if element.tag == tag:
                    yield element
                    element.clear()


def _report(error: ElementTree.Element) -> Report:
    lines: list[str] = []
    ours = False
    for child in error.iter():
        if child.tag in ("what", "auxwhat"):
            lines.append((child.text or "").strip())
        elif child.tag in ("xwhat", "xauxwhat"):
            lines.append((child.findtext("text") or "").strip())
        elif child.tag == "stack":
            for frame in child.findall("frame"):
                module = Path(frame.findtext("obj") or "?").name
                place = frame.findtext("file")
                if place:
                    place = f"{place}:{frame.findtext('line')}"
                function = frame.findtext("fn") or frame.findtext("ip")
                lines.append(f"    {function} ({place or module})")
                ours = ours or module.startswith(MODULE)
    text = [line for i, line in enumerate(lines) if line and lines[i - 1 : i] != [line]]
    blocks = error.findtext("xwhat/leakedblocks")
    return Report(
        error.findtext("kind") or "?",
        "\n".join(text),
        ours,
        int(blocks) if blocks else 0,
    )


# --- The compilers' sanitizers ------------------------------------------------


class Sanitizer(Checker):
    """The plugin is built with a sanitizer, and its library is loaded into the
    server before anything else: it then watches what the plugin's own code does,
    and what the whole process does with the heap and with pthreads."""

    library = ""
    variable = ""  # the environment variable with its options
    settings: dict[str, str] = {}
    always = True

    def environment(self) -> dict[str, str]:
        settings = {
            "log_path": f"{self.folder}/log",
            # Which module each line is of, also where there are symbols.
            "stack_trace_format": "'    #%n %m %F %S'",
            "handle_segv": "0",  # the server has a handler of its own
            "suppressions": str(self.suppressions),
            **self.settings,
        }
        return {
            "LD_PRELOAD": self.library,
            self.variable: ":".join(f"{k}={v}" for k, v in settings.items()),
            **self.more_environment(),
        }

    def more_environment(self) -> dict[str, str]:
        return {}

    def reports(self) -> Iterator[Report]:
        for path in sorted(self.folder.glob("log*")):
            yield from self.parse(path.read_text(errors="replace"))

    def parse(self, log: str) -> Iterator[Report]:
        raise NotImplementedError


class AddressSanitizer(Sanitizer):
    name = "asan"
    patience = 4.0
    library = "libasan.so.8"
    mark = "libasan"
    variable = "ASAN_OPTIONS"
    settings = {"detect_stack_use_after_return": "1", "detect_leaks": "1"}

    def more_environment(self) -> dict[str, str]:
        # The server leaks by itself at its end; that must not be its exit status.
        return {
            "LSAN_OPTIONS": "exitcode=0:report_objects=0",
            "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={self.folder}/log",
        }

    def parse(self, log: str) -> Iterator[Report]:
        for part in re.split(r"\n(?=\S*(?:Direct|Indirect) leak of )|={10,}", log):
            if " leak of " in part:
                number = re.search(r"in (\d+) object", part)
                yield Report(
                    "Leak_DefinitelyLost",
                    part.strip(),
                    MODULE in part,
                    int(number[1]) if number else 0,
                )
            elif "ERROR: LeakSanitizer" not in part and (
                "ERROR: " in part or "runtime error" in part
            ):
                # In the server as well: it has ended with that.
                yield Report("Error", part.strip(), True)


class ThreadSanitizer(Sanitizer):
    name = "tsan"
    patience = 10.0
    library = "libtsan.so.2"
    mark = "libtsan"
    variable = "TSAN_OPTIONS"
    settings = {
        "exitcode": "0",
        "history_size": "4",
        "report_thread_leaks": "0",  # the server's threads, at its end
        "second_deadlock_stack": "1",
    }

    def runner(self) -> list[str]:
        # It wants some addresses for itself; a random layout may take them.
        return ["setarch", os.uname().machine, "--addr-no-randomize"]

    def parse(self, log: str) -> Iterator[Report]:
        for part in re.split(r"={10,}", log):
            found = re.search(r"(?:WARNING|ERROR|FATAL): ThreadSanitizer: ([^(\n]*)", part)
            if found:
                # Where a thread was made says nothing about who races.
                stacks = re.split(r"\n  (?:Thread|Mutex) [TM]\d+.*(?:created|tid)", part)[0]
                yield Report(found[1].strip(), part.strip(), MODULE in stacks)


CHECKERS: dict[str, type[Checker]] = {
    checker.name: checker
    for checker in (AddressSanitizer, ThreadSanitizer, Memcheck, Helgrind)
}


# --- What counts --------------------------------------------------------------


@dataclass
class Verdict:
    ours: list[Report] = field(default_factory=list)
    kept: list[Report] = field(default_factory=list)  # ours, for good, and few
    others: dict[str, int] = field(default_factory=dict)  # the server's, by kind


def judge(checker: Checker) -> Verdict:
    verdict = Verdict()
    for report in checker.reports():
        if not report.ours:
            verdict.others[report.kind] = verdict.others.get(report.kind, 0) + 1
        elif report.kind == "Leak_StillReachable" and report.blocks < MANY_BLOCKS:
            verdict.kept.append(report)
        else:
            verdict.ours.append(report)
    return verdict
