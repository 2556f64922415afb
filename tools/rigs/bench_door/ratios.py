# SPDX-License-Identifier: GPL-2.0-only
"""Medians, and how far to trust them."""

from __future__ import annotations

import math
import statistics
from typing import Sequence


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) == 1:
        return (values[0],) * 3
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def confidence(values: Sequence[float]) -> tuple[float, float] | None:
    """An interval that holds the median with 95 %, whatever the distribution:
    between the k-th smallest and the k-th largest, since each value is on either
    side of the median with the same probability. None: there are too few."""
    count = len(values)
    below, outside = -1, 0.0
    while True:
        outside += math.comb(count, below + 1) / 2**count
        if outside > 0.025:
            break
        below += 1
    if below < 0:
        return None
    ordered = sorted(values)
    return ordered[below], ordered[count - 1 - below]


def ratio_text(values: Sequence[float]) -> str:
    low, middle, high = quartiles(values)
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def confidence_text(values: Sequence[float]) -> str:
    interval = confidence(values)
    return "-" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def spread_text(values: Sequence[float], digits: int) -> str:
    """Median, quartiles, and both ends."""
    low, middle, high = quartiles(values)
    texts = [f"{v:,.{digits}f}" for v in (middle, low, high, min(values), max(values))]
    return "{} ({} to {}; all: {} to {})".format(*texts)


def table(rows: list[list[str]]) -> str:
    head, *body = rows
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in body])
