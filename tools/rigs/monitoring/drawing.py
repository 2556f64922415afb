# SPDX-License-Identifier: GPL-2.0-only
"""Draws a dashboard's panels as SVG: what a reader of a document has no Grafana for."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from rigs.monitoring.dashboard import Panel, Series, Window

WIDTH = 960
GAP = 8
COLUMN = (WIDTH + GAP) / 24  # Grafana's grid has so many
ROW = 38
PADDING = 12
TITLE = 30  # of a panel: the height

# The colours of documents, on light and on dark, by Grafana's names for them.
COLOURS = {
    "green": ("#1a7f37", "#238636"),
    "yellow": ("#9a6700", "#9e6a03"),
    "orange": ("#bc4c00", "#bd561d"),
    "red": ("#cf222e", "#da3633"),
    "dark-red": ("#82071e", "#8e1519"),
    "blue": ("#0969da", "#1f6feb"),
}
LINES = (
    ("#0969da", "#58a6ff"),
    ("#bc4c00", "#f0883e"),
    ("#8250df", "#bc8cff"),
    ("#1a7f37", "#3fb950"),
)


def _style() -> str:
    light, dark = (
        "\n".join(
            [
                *(f".{name} {{ fill: {pair[which]} }}" for name, pair in COLOURS.items()),
                *(
                    f".area{n} {{ fill: {pair[which]} }} .line{n} {{ stroke: {pair[which]} }}"
                    for n, pair in enumerate(LINES)
                ),
            ]
        )
        for which in (0, 1)
    )
    return f"""
text {{ font: 12px system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; fill: #1f2328 }}
.title {{ font-size: 13px; font-weight: 600 }}
.axis {{ font-size: 11px; fill: #59636e }}
.end {{ text-anchor: end }}
.middle {{ text-anchor: middle }}
.on {{ fill: #ffffff }}
.big {{ font-weight: 600 }}
.panel {{ fill: #ffffff; stroke: #d1d9e0 }}
.grid {{ stroke: #d1d9e0; stroke-opacity: 0.7 }}
.mark {{ stroke: #59636e; stroke-dasharray: 3 3 }}
.series {{ fill: none; stroke-width: 1.5 }}
{light}
@media (prefers-color-scheme: dark) {{
text {{ fill: #f0f6fc }}
.axis {{ fill: #9198a1 }}
.on {{ fill: #ffffff }}
.panel {{ fill: #0d1117; stroke: #3d444d }}
.grid {{ stroke: #3d444d }}
.mark {{ stroke: #9198a1 }}
{dark}
}}
"""


@dataclass(frozen=True)
class Mark:
    """Something that happened."""

    time: float
    text: str


@dataclass(frozen=True)
class Box:
    """A place in a panel."""

    left: float
    top: float
    right: float
    bottom: float


def picture(
    panels: list[tuple[Panel, list[Series]]], window: Window, marks: list[Mark], about: str
) -> str:
    """`about` says in words what is to be seen."""
    rows = max(panel.place["y"] + panel.place["h"] for panel, _ in panels)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {rows * ROW - GAP}"'
            ' role="img" aria-labelledby="title description">',
            '<title id="title">The dashboard of the recovery gate</title>',
            "<!-- Drawn by tools/rigs/start monitoring_picture. -->",
            f'<desc id="description">{escape(about)}</desc>',
            f"<style>{_style()}</style>",
            *(_panel(panel, series, window, marks) for panel, series in panels),
            "</svg>\n",
        ]
    )


def _panel(panel: Panel, series: list[Series], window: Window, marks: list[Mark]) -> str:
    width = panel.place["w"] * COLUMN - GAP - 1
    height = panel.place["h"] * ROW - GAP - 1
    inside = Box(PADDING, TITLE, width - PADDING, height - PADDING)
    if not series:
        drawn = [_text("axis", inside.left, inside.top + 18, "No data")]
    elif panel.kind == "stat":
        drawn = _stat(panel, series, inside)
    elif panel.kind == "table":
        drawn = _table(panel, series, inside)
    else:
        draw = {"state-timeline": _states, "timeseries": _lines}[panel.kind]
        drawn = draw(panel, series, inside, window, marks)
    x, y = panel.place["x"] * COLUMN + 0.5, panel.place["y"] * ROW + 0.5
    return "\n".join(
        [
            f'<g transform="translate({_n(x)} {_n(y)})">',
            f'<rect class="panel" width="{_n(width)}" height="{_n(height)}" rx="6"/>',
            _text("title", PADDING, 20, panel.title),
            *drawn,
            "</g>",
        ]
    )


# --- What shows the last value ------------------------------------------------------


def _stat(panel: Panel, series: list[Series], inside: Box) -> list[str]:
    drawn = []
    width = (inside.right - inside.left + GAP) / len(series) - GAP
    for n, one in enumerate(series):
        left = inside.left + n * (width + GAP)
        word, colour = panel.shown(one.last())
        size = min(22.0, (width - 8) / (0.7 * len(word)))
        middle = left + width / 2
        drawn += [
            _rect(colour, left, inside.top, width, inside.bottom - inside.top),
            _text("on", left + 8, inside.top + 18, one.name),
            _text("on big middle", middle, (inside.top + inside.bottom) / 2 + 8, word, size),
        ]
    return drawn


def _table(panel: Panel, series: list[Series], inside: Box) -> list[str]:
    hidden = panel.columns.get("excludeByName", {})
    names = panel.columns.get("renameByName", {})
    order = panel.columns.get("indexByName", {})
    rows = [
        {"Time": ""} | one.labels | {"Value": panel.shown(one.last())[0]} for one in series
    ]
    shown = [name for name in dict.fromkeys(itertools.chain(*rows)) if not hidden.get(name)]
    shown.sort(key=lambda name: order.get(name, len(order)))
    width = (inside.right - inside.left) / len(shown)
    drawn = []
    for n, name in enumerate(shown):
        x = inside.left + n * width
        drawn.append(_text("axis", x, inside.top + 16, names.get(name, name)))
        for place, row in enumerate(rows, 1):
            drawn.append(_text("", x, inside.top + 16 + place * 26, row.get(name, "")))
    drawn += [
        _line("grid", inside.left, inside.top + 24 + n * 26, inside.right)
        for n in range(len(rows) + 1)
    ]
    return drawn


# --- What shows all of them ---------------------------------------------------------


def _states(
    panel: Panel, series: list[Series], inside: Box, window: Window, marks: list[Mark]
) -> list[str]:
    plot = Box(inside.left + 60, inside.top + 18, inside.right, inside.bottom - 16)
    drawn = _times(plot, window)
    words = []  # over the marks
    height = (plot.bottom - plot.top + GAP) / len(series) - GAP
    for n, one in enumerate(series):
        top = plot.top + n * (height + GAP)
        drawn.append(_text("", inside.left, top + height / 2 + 4, one.name))
        for run in _runs(one, window):
            for value, same in itertools.groupby(run, key=lambda point: point[1]):
                times = [time for time, _ in same]
                left = _at(plot, window, times[0])
                width = _at(plot, window, times[-1] + window.step) - left
                word, colour = panel.shown(value)
                drawn.append(_rect(colour, left, top, width, height))
                if panel.options["showValue"] != "never" and _width(word) < width:
                    middle = left + width / 2
                    words.append(_text("on middle", middle, top + height / 2 + 4, word))
    words += [
        _text("axis middle", _at(plot, window, mark.time), plot.top - 7, mark.text)
        for mark in marks
    ]
    return [*drawn, *_marks(plot, window, marks), *words]


def _lines(
    panel: Panel, series: list[Series], inside: Box, window: Window, marks: list[Mark]
) -> list[str]:
    legend = _legend(series, inside)
    lines_of_legend = 1 + max((line for line, _, _ in legend), default=0)
    below = 18 * lines_of_legend
    plot = Box(inside.left + 22, inside.top + 6, inside.right, inside.bottom - 22 - below)
    highest = max((value for one in series for _, value in one.points), default=0)
    step = _step(highest / 4, whole=panel.field.get("decimals") == 0)
    top = step * max(1, -(-highest // step))

    def height_of(value: float) -> float:
        return plot.bottom - value / top * (plot.bottom - plot.top)

    drawn = []
    for n in range(round(top / step) + 1):
        y = height_of(n * step)
        drawn.append(_line("grid", plot.left, y, plot.right))
        drawn.append(_text("axis end", plot.left - 6, y + 4, f"{n * step:g}"))
    drawn += [*_times(plot, window), *_marks(plot, window, marks)]
    stepped = panel.custom.get("lineInterpolation") == "stepAfter"
    opacity = panel.custom.get("fillOpacity", 0) / 100
    for n, one in reversed(list(enumerate(series))):  # the first is on top
        for run in _runs(one, window):
            path = ""
            for time, value in run:
                x, y = _n(_at(plot, window, time)), _n(height_of(value))
                path += (f"H{x}V{y}" if stepped else f"L{x} {y}") if path else f"M{x} {y}"
            first, last = (_n(_at(plot, window, run[end][0])) for end in (0, -1))
            if opacity:
                area = f"{path}L{last} {_n(plot.bottom)}L{first} {_n(plot.bottom)}z"
                drawn.append(f'<path class="area{n}" fill-opacity="{opacity:g}" d="{area}"/>')
            drawn.append(f'<path class="series line{n}" d="{path}"/>')
    for n, (line, x, name) in enumerate(legend):
        y = inside.bottom - 18 * (lines_of_legend - 1 - line) + 2
        drawn.append(f'<path class="series line{n}" d="M{_n(x)} {_n(y - 4)}h14"/>')
        drawn.append(_text("", x + 20, y, name))
    return drawn


def _legend(series: list[Series], inside: Box) -> list[tuple[int, float, str]]:
    """For each, its line, its place and its name."""
    placed = []
    line, x = 0, inside.left
    for one in series:
        width = 20 + _width(one.name) + 12
        if x > inside.left and x + width > inside.right + 12:
            line, x = line + 1, inside.left
        placed.append((line, x, one.name))
        x += width
    return placed


def _runs(series: Series, window: Window) -> list[list[tuple[float, float]]]:
    """Without gaps: a server that is down says nothing."""
    runs: list[list[tuple[float, float]]] = []
    for point in series.points:
        if not runs or point[0] - runs[-1][-1][0] > 1.5 * window.step:
            runs.append([])
        runs[-1].append(point)
    return runs


def _times(plot: Box, window: Window) -> list[str]:
    drawn = []
    step = _step((window.end - window.start) * 40 / (plot.right - plot.left), sixties=True)
    for seconds in range(0, int(window.end - window.start) + 1, int(step)):
        x = _at(plot, window, window.start + seconds)
        drawn.append(f'<path class="grid" d="M{_n(x)} {_n(plot.top)}V{_n(plot.bottom)}"/>')
        label = f"{seconds // 60}:{seconds % 60:02}"
        last = x + 12 > plot.right
        kind, x = ("end", plot.right) if last else ("middle", x)
        drawn.append(_text(f"axis {kind}", x, plot.bottom + 16, label))
    return drawn


def _marks(plot: Box, window: Window, marks: list[Mark]) -> list[str]:
    return [
        f'<path class="mark" d="M{_n(_at(plot, window, mark.time))} {_n(plot.top)}'
        f'V{_n(plot.bottom)}"/>'
        for mark in marks
    ]


def _at(plot: Box, window: Window, time: float) -> float:
    part = (time - window.start) / (window.end - window.start)
    return plot.left + max(0.0, min(1.0, part)) * (plot.right - plot.left)


def _step(least: float, *, whole: bool = False, sixties: bool = False) -> float:
    """The smallest that people count in."""
    if sixties:
        return next(step for step in (1, 2, 5, 10, 15, 30, 60, 300, 900, 3600) if step >= least)
    powers = range(0 if whole else -3, 12)
    return next(
        step for power in powers for n in (1, 2, 5) if (step := n * 10.0**power) >= least
    )


# --- SVG ----------------------------------------------------------------------------


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _width(text: str) -> float:
    """About."""
    return 7 * len(text)


def _text(kind: str, x: float, y: float, text: str, size: float | None = None) -> str:
    style = f' style="font-size: {_n(size)}px"' if size else ""
    kind = f" class={quoteattr(kind)}" if kind else ""
    return f'<text{kind} x="{_n(x)}" y="{_n(y)}"{style}>{escape(text)}</text>'


def _rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="{kind}" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}"'
        f' height="{_n(height)}" rx="3"/>'
    )


def _line(kind: str, left: float, y: float, right: float) -> str:
    return f'<path class="{kind}" d="M{_n(left)} {_n(y)}H{_n(right)}"/>'
