# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import argparse
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from rigs import PROJECT
from rigs.monitoring.dashboard import Window, panels
from rigs.monitoring.drawing import Mark, picture
from rigs.monitoring.prometheus import PASSWORD, Prometheus, account, admitted
from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Replication,
    Servers,
    SqlError,
    wait_for,
)
from rigs.story import Story, main
from rigs.tool_under_test import GATE, QUICK

DESCRIPTION = """\
Draws the panels of tools/monitoring/recovery-gate.dashboard.json from a real run, as
docs/monitoring.md shows them: a primary under load loses its replica, is killed, comes
back with a closed gate, and opens it when the replica connects. Debian's Prometheus and
its exporter look once a second; each panel's own expression is put to Prometheus, and
the answers are drawn. No Grafana is involved.

RECOVERY_GATE_PLUGIN says which plugin; that of build/ when it is not set."""

ABOUT = (
    "While the primary is down, both of its rows are empty. It comes back closed,"
    " waiting for a replica; clients are held, and rejected after ten seconds. When the"
    " replica connects, it opens."
)

CLIENTS = 4


class Picture(Story):
    def __init__(self, output: Path, servers: Servers):
        super().__init__(servers)
        self.output = output
        options = (*GATE, *QUICK, f"--recovery-gate-admit-users={admitted()}")
        self.primary = servers.add(
            "primary", *SEMISYNC_PRIMARY, "--rpl-semi-sync-master-timeout=3000", *options
        )
        self.replica = servers.add("replica", *SEMISYNC_REPLICA, *options)
        self.link = Replication(self.primary, self.replica)
        self.prometheus = Prometheus(self.folder, self.stack)
        self.done = threading.Event()
        self.marks: list[Mark] = []
        self.begun = 0.0

    def steps(self):
        yield self.prepare
        yield self.open_under_load
        yield self.replica_is_gone
        yield self.primary_is_killed
        yield self.closed
        yield self.open_again
        yield self.draw

    def more(self) -> str:
        return self.prometheus.output()

    def prepare(self) -> None:
        self.primary.start()
        self.replica.start()
        self.link.set_up()
        self.primary.wait_for_status("Rpl_semi_sync_master_clients", "1")
        for statement in (
            *account(),
            *("CREATE DATABASE shop", f"CREATE USER app IDENTIFIED BY '{PASSWORD}'"),
            "CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB",
            "GRANT INSERT ON shop.* TO app",
        ):
            self.primary.query(statement)
        for server in (self.primary, self.replica):
            self.prometheus.watch(server)
        self.prometheus.start()
        self.stack.callback(self.done.set)
        for number in range(1, CLIENTS + 1):
            threading.Thread(target=self.order, args=(number,), daemon=True).start()
        for server in (self.primary, self.replica):
            self.prometheus.wait_for_value("mysql_up", 1, server)
        self.scrapes(5)  # which a rate needs

    def open_under_load(self) -> None:
        # Just after a scrape, and so is each look from here on: what is shown is new.
        self.begun = time.time()
        self.scrapes(10)

    def replica_is_gone(self) -> None:
        self.mark("replica gone")
        self.link.cut()
        self.primary.wait_for_status("Rpl_semi_sync_master_status", "OFF")
        self.scrapes(5)

    def primary_is_killed(self) -> None:
        self.mark("kill -9")
        self.primary.kill9()
        self.scrapes(6)

    def closed(self) -> None:
        self.mark("started again")
        self.primary.start()
        self.primary.wait_for_status("Recovery_gate_waiting_for", "REPLICA")
        self.scrapes(20)

    def open_again(self) -> None:
        self.mark("replica connects")
        self.link.restore()
        self.primary.wait_for_status("Recovery_gate_open", "ON")
        self.scrapes(10)

    def draw(self) -> None:
        window = Window(self.begun, time.time())
        answers = [(panel, panel.ask(self.prometheus, window)) for panel in panels()]
        self.output.write_text(picture(answers, window, self.marks, ABOUT))

    # What goes on meanwhile

    def order(self, number: int) -> None:
        """What one client does. They come back one after the other."""
        pause = 0.2
        while not self.done.wait(pause):
            pause = 1.5 * number
            with suppress(SqlError), self.primary.connect("app", PASSWORD, "shop") as session:
                session.query("INSERT INTO orders VALUES ()")
                pause = 0.2

    def mark(self, text: str) -> None:
        self.marks.append(Mark(time.time(), text))

    def scrapes(self, number: int) -> None:
        """Until Prometheus has looked so often."""

        def seen() -> float:
            counts = self.prometheus.values("count_over_time(up[1h])")
            return counts.get(self.primary.name, 0)

        wanted = seen() + number
        wait_for(seen, lambda now: now >= wanted, f"{number} scrapes", timeout=60)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/rigs/start monitoring_picture",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "output",
        metavar="OUTPUT.svg",
        type=Path,
        nargs="?",
        default=PROJECT / "docs" / "dashboard.svg",
        help="where to draw; docs/dashboard.svg when it is not said",
    )
    return parser.parse_args()


if __name__ == "__main__":
    output = parse_arguments().output
    sys.exit(main("monitoring-picture", partial(Picture, output)))
