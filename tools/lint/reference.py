#!/usr/bin/python3 -IB
# SPDX-License-Identifier: GPL-2.0-only
"""Does docs/reference.md have what the code has, no less and no more?

    tools/lint/reference.py [FOLDER]

Compared are the names of system variables and the words that they take, the names
of status variables, the words that they show and the numbers of these, the columns
of RECOVERY_GATE_XIDS with the words of RESOLUTION, the tool's exit codes with
theirs, and the findings of doctor with their severities. Exits 0 when both agree,
else prints each difference and exits 1.

An enum's values are exit codes when the comment before it, or its name, says so.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Callable, Iterable

Names = set[str]


class Unreadable(Exception):
    """This script does not know its way about any more."""


# --- The code -----------------------------------------------------------------


def sources(folder: Path, *suffixes: str) -> dict[Path, str]:
    return {
        path: path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.suffix in suffixes and not path.stem.endswith("_test")
    }


def only(what: str, found: Iterable[re.Match[str]]) -> re.Match[str]:
    matches = list(found)
    if len(matches) != 1:
        raise Unreadable(f"{len(matches)} places in the code look like {what}")
    return matches[0]


def some(what: str, names: Names) -> Names:
    if not names:
        raise Unreadable(f"nothing in the code looks like {what}")
    return names


def literals(code: str) -> list[str]:
    return re.findall(r'"([^"\\]*)"', code)


class Code:
    def __init__(self, folder: Path):
        self.plugin = "\n".join(sources(folder / "plugin", ".cc").values())
        tool = sources(folder / "tools" / "recovery-gate", ".h", ".cc")
        self.tool = "\n".join(tool.values())

    def system_variables(self) -> Names:
        found = re.findall(r"\bMYSQL_SYSVAR_[A-Z]+\(\s*(\w+),", self.plugin)
        return some("a system variable", {f"recovery_gate_{name}" for name in found})

    def words_of_system_variable(self, name: str) -> Names:
        """ON and OFF, the words of an enumeration, or none."""
        definition = only(
            f"the definition of {name}",
            re.finditer(
                r"\bMYSQL_SYSVAR_(?P<type>[A-Z]+)\(\s*"
                + name.removeprefix("recovery_gate_")
                + r",(?P<rest>.*?)\);",
                self.plugin,
                re.S,
            ),
        )
        if definition["type"] == "BOOL":
            return {"ON", "OFF"}
        if definition["type"] != "ENUM":
            return set()
        library = only(
            f"the typelib of {name}",
            re.finditer(r"&(\w+)\s*$", definition["rest"]),
        )[1]
        names = only(
            f"what {library} is made of",
            re.finditer(rf"TYPELIB {library} = type_library\((\w+)\)", self.plugin),
        )[1]
        words = only(
            f"the words in {names}",
            re.finditer(rf"\b{names}\[\] = {{(.*?)}};", self.plugin, re.S),
        )[1]
        return some(f"a word in {names}", set(literals(words)))

    def status_variables(self) -> Names:
        found = re.findall(r'{"(\w+)", VALUE\(', self.plugin)
        return some("a status variable", {f"Recovery_gate_{name}" for name in found})

    def _states(self) -> list[tuple[str, str, str]]:
        """state_name, waiting_for and opened_by of each state that has one of both."""
        closed = re.findall(r'\bCLOSED_ROW\(\s*"(\w+)"', self.plugin)
        opened = re.findall(r'\bOPEN_ROW\(\s*"(\w+)"', self.plugin)
        return [("CLOSED", name, "") for name in closed] + [
            ("OPEN", "", name) for name in opened
        ]

    def words_of_status(self, variable: str) -> Names:
        if variable == "Recovery_gate_reason":
            found = set(
                re.findall(r'case CloseReason::\w+:\s*return {"(\w+)"', self.plugin)
            )
        else:
            order = ("state", "waiting_for", "opened_by")
            column = order.index(variable.removeprefix("Recovery_gate_"))
            found = {row[column] for row in self._states()} - {""}
        return some(f"a value of {variable}", found)

    def codes(self, variable: str) -> Names:
        """Each as "REPLICA 2"."""
        form = {
            "Recovery_gate_reason": r'case CloseReason::\w+:\s*return {"(\w+)",\s*(\d+)',
            "Recovery_gate_waiting_for": r'\bCLOSED_ROW\(\s*"(\w+)",\s*(\d+)',
        }[variable]
        found = {" ".join(pair) for pair in re.findall(form, self.plugin)}
        return some(f"a code of {variable}", found)

    def columns(self) -> Names:
        found = set(re.findall(r'\bColumn\("(\w+)"', self.plugin))
        return some("a column of RECOVERY_GATE_XIDS", found)

    def resolutions(self) -> Names:
        found = re.findall(r'case Resolution::\w+:\s*return "([A-Z ]+)"', self.plugin)
        return some("a resolution", set(found))

    def exit_codes(self) -> Names:
        """Each as "4 closed"."""
        found: Names = set()
        for comment, name, body in re.findall(
            r"((?:/\*(?:[^*]|\*(?!/))*\*/\s*)?)enum class (\w+)[^{;]*{(.*?)}",
            self.tool,
            re.S,
        ):
            if name != "ExitCode" and "exit code" not in comment:
                continue
            for key, number in re.findall(r"\b([A-Z_]+) = (\d+)", body):
                words = re.findall(rf'{{\s*{name}::{key},\s*"(\w+)"', self.tool)
                if words:  # else it only marks where others begin or end
                    found.add(f"{number} {words[0]}")
        return some("an exit code", found)

    def findings(self) -> Names:
        """Each as "sync-binlog error"."""
        found = re.findall(r'{"([a-z-]+)",\s*Severity::(\w+),', self.tool)
        return some("a check", {f"{name} {severity.lower()}" for name, severity in found})


# --- The page -----------------------------------------------------------------


class Page:
    def __init__(self, path: Path):
        self._sections: dict[str, str] = {}
        heading = ""
        for line in path.read_text().splitlines(keepends=True):
            if found := re.match(r"#+ (.*)", line):
                heading = found[1].strip()
            self._sections[heading] = self._sections.get(heading, "") + line

    def rows(self, heading: str) -> list[list[str]]:
        """The cells of the section's tables, without their heads."""
        if heading not in self._sections:
            raise Unreadable(f'docs/reference.md has no section "{heading}"')
        rows = []
        for line in self._sections[heading].splitlines():
            if line.startswith("| `"):
                rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
        return rows

    def names(self, heading: str) -> Names:
        return {self.quoted(row[0])[0] for row in self.rows(heading)}

    def cell(self, heading: str, name: str, column: int) -> str:
        for row in self.rows(heading):
            if self.quoted(row[0])[0] == name:
                return row[column]
        return ""

    @staticmethod
    def quoted(cell: str) -> list[str]:
        return re.findall(r"`([^`]+)`", cell)


# --- Both ---------------------------------------------------------------------


class Comparison:
    def __init__(self) -> None:
        self.compared = 0
        self.wrong = 0

    def compare(self, what: str, code: Names, page: Names) -> None:
        self.compared += len(code | page)
        for name in sorted(code - page):
            self._complain(f"{what} {name} is in the code, not in docs/reference.md")
        for name in sorted(page - code):
            self._complain(f"{what} {name} is in docs/reference.md, not in the code")

    def attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Unreadable as trouble:
            self._complain(f"{trouble}; teach tools/lint/reference.py how to read it")

    def _complain(self, text: str) -> None:
        self.wrong += 1
        print(text, file=sys.stderr)


def words(cell: str) -> Names:
    """Those in capitals, such as OFF and ROLLED BACK."""
    return {word for word in Page.quoted(cell) if re.fullmatch(r"[A-Z_ ]+", word)}


def main() -> int:
    default = Path(__file__).resolve().parents[2]
    folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else default
    code, page = Code(folder), Page(folder / "docs" / "reference.md")
    result = Comparison()

    def system_variables() -> None:
        names = code.system_variables()
        section = "System variables"
        result.compare("the system variable", names, page.names(section))
        for name in sorted(names):
            shown = words(page.cell(section, name, 1).partition("(")[0])
            wanted = code.words_of_system_variable(name)
            result.compare(f"the value of {name}", wanted, shown)

    def status_variables() -> None:
        result.compare(
            "the status variable",
            code.status_variables(),
            page.names("Status variables"),
        )
        state = "Recovery_gate_state"
        result.compare(
            f"the value of {state}",
            code.words_of_status(state),
            words(page.cell("Status variables", state, 1)),
        )

    def status_words(name: str) -> Callable[[], None]:
        return lambda: result.compare(
            f"the value of {name}", code.words_of_status(name), page.names(name)
        )

    def codes(name: str) -> Callable[[], None]:
        return lambda: result.compare(
            f"the code of {name}",
            code.codes(name),
            {" ".join(map("".join, map(page.quoted, row[:2]))) for row in page.rows(name)},
        )

    def xids() -> None:
        section = "INFORMATION_SCHEMA.RECOVERY_GATE_XIDS"
        result.compare("the column", code.columns(), page.names(section))
        result.compare(
            "the value of RESOLUTION",
            code.resolutions(),
            words(page.cell(section, "RESOLUTION", 1)),
        )

    def exit_codes() -> None:
        shown = {
            f"{Page.quoted(row[0])[0]} {Page.quoted(row[1])[0]}"
            for row in page.rows("Exit codes")
        }
        result.compare("the exit code", code.exit_codes(), shown)

    def findings() -> None:
        shown = {
            f"{Page.quoted(row[0])[0]} {row[1]}" for row in page.rows("Findings of doctor")
        }
        result.compare("the finding", code.findings(), shown)

    for step in (
        system_variables,
        status_variables,
        *map(
            status_words,
            (
                "Recovery_gate_reason",
                "Recovery_gate_waiting_for",
                "Recovery_gate_opened_by",
            ),
        ),
        *map(codes, ("Recovery_gate_reason", "Recovery_gate_waiting_for")),
        xids,
        exit_codes,
        findings,
    ):
        result.attempt(step)
    if result.wrong:
        print(f"reference: {result.wrong} differences", file=sys.stderr)
        return 1
    print(f"reference: {result.compared} names agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
