# SPDX-License-Identifier: GPL-2.0-only
"""The dashboard's panels, and what Prometheus answers to each."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from rigs.monitoring import FOLDER
from rigs.monitoring.prometheus import INTERVAL, Prometheus

DASHBOARD = FOLDER / "recovery-gate.dashboard.json"

# As Grafana has it: a rate needs several scrapes.
RATE_INTERVAL = f"{4 * INTERVAL}s"


@dataclass(frozen=True)
class Window:
    """Seconds since 1970."""

    start: float
    end: float
    step: int = INTERVAL


@dataclass(frozen=True)
class Series:
    name: str
    labels: dict[str, str]
    points: list[tuple[float, float]]  # time and value

    def last(self) -> float:
        return self.points[-1][1]


class Panel:
    def __init__(self, written: dict[str, Any]):
        self.kind: str = written["type"]
        self.title: str = written["title"]
        self.place: dict[str, int] = written["gridPos"]
        self.options: dict[str, Any] = written["options"]
        self.field: dict[str, Any] = written["fieldConfig"]["defaults"]
        self.custom: dict[str, Any] = self.field.get("custom", {})
        self.columns: dict[str, Any] = next(
            (one["options"] for one in written.get("transformations", ())), {}
        )
        self._targets = written["targets"]

    def expressions(self) -> list[str]:
        """With what Grafana would put in."""
        return [
            target["expr"]
            .replace("$instance", ".*")
            .replace("$__rate_interval", RATE_INTERVAL)
            for target in self._targets
        ]

    def words(self) -> dict[str, dict[str, Any]]:
        """What is shown for a value: its text and its colour."""
        return {
            value: shown
            for mapping in self.field.get("mappings", ())
            for value, shown in mapping["options"].items()
        }

    def shown(self, value: float) -> tuple[str, str]:
        """The text and the colour of a value."""
        if word := self.words().get(f"{value:g}"):
            return word["text"], word["color"]
        steps = self.field.get("thresholds", {}).get("steps", ())
        reached = [step["color"] for step in steps if value >= (step["value"] or 0)]
        return with_unit(value, self.field.get("unit")), (reached or ["green"])[-1]

    def ask(self, prometheus: Prometheus, window: Window) -> list[Series]:
        """In the order of the legend."""
        return [
            series
            for target, expression in zip(self._targets, self.expressions())
            for series in sorted(
                self._series(prometheus, window, target, expression),
                key=lambda series: series.name,
            )
        ]

    @staticmethod
    def _series(
        prometheus: Prometheus, window: Window, target: dict[str, Any], expression: str
    ) -> list[Series]:
        if target.get("instant"):
            answer = prometheus.ask("query", query=expression, time=window.end)
        else:
            answer = prometheus.ask(
                "query_range",
                query=expression,
                start=window.start,
                end=window.end,
                step=window.step,
            )
        return [
            Series(
                re.sub(
                    r"{{(\w+)}}", lambda name: row["metric"][name[1]], target["legendFormat"]
                ),
                row["metric"],
                [(time, float(value)) for time, value in row.get("values") or [row["value"]]],
            )
            for row in answer["result"]
        ]


def with_unit(value: float, unit: str | None) -> str:
    if unit is None:
        return f"{value:g}"
    milliseconds = value * {"ms": 1, "s": 1000}[unit]
    for size, name in ((60_000, "min"), (1000, "s")):
        if milliseconds >= size:
            return f"{milliseconds / size:.3g} {name}"
    return f"{value:g} {unit}"


def panels() -> list[Panel]:
    return [Panel(written) for written in json.loads(DASHBOARD.read_text())["panels"]]
