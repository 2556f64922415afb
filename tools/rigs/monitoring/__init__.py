# SPDX-License-Identifier: GPL-2.0-only
"""What monitoring sees of a gate, for monitoring_test and monitoring_picture.

    prometheus  Prometheus, with an exporter for each server
    dashboard   the panels in tools/monitoring/, and what Prometheus answers to them
    drawing     the panels as SVG
"""

from rigs import PROJECT

FOLDER = PROJECT / "tools" / "monitoring"
PAGE = PROJECT / "docs" / "monitoring.md"
