# SPDX-License-Identifier: GPL-2.0-only
"""What monitoring sees of a gate, for monitoring_test.

    prometheus  Prometheus, with an exporter for each server
    dashboard   the panels in tools/monitoring/, and what Prometheus answers to them
"""

from rigs import PROJECT

FOLDER = PROJECT / "tools" / "monitoring"
PAGE = PROJECT / "docs" / "monitoring.md"
