# SPDX-License-Identifier: GPL-2.0-only
"""What Prometheus sees of a gate: docs/monitoring.md and tools/monitoring/, with the
real exporter and Prometheus.

    tools/rigs/start monitoring_test

A primary and its semi-sync replica, scraped by an exporter each.

Environment: RECOVERY_GATE_TOOL and RECOVERY_GATE_PLUGIN, the built tool and plugin;
those of build/ when they are not set. Exits 0 only if everything was as expected.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from contextlib import suppress
from xml.etree import ElementTree

from rigs import PROJECT
from rigs.monitoring import FOLDER, PAGE
from rigs.monitoring.dashboard import Window, panels
from rigs.monitoring.drawing import picture
from rigs.monitoring.prometheus import PASSWORD, Prometheus, account, admitted, program_of
from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Replication,
    Server,
    Servers,
    SqlError,
    expect,
    wait_for,
)
from rigs.story import Story, main
from rigs.tool_under_test import GATE, QUICK

RULES = FOLDER / "recovery-gate.rules.yml"
RULES_TEST = FOLDER / "recovery-gate.rules_test.yml"
REFERENCE = PROJECT / "docs" / "reference.md"

OPTIONS = (*GATE, *QUICK)


def documented_codes(heading: str) -> dict[str, str]:
    section = REFERENCE.read_text().partition(f"\n### {heading}\n")[2].partition("\n#")[0]
    return {code: word for word, code in re.findall(r"^\| `(\w+)` \| `(\d+)` \|", section, re.M)}


class Monitoring(Story):
    def __init__(self, servers: Servers):
        super().__init__(servers)
        self.primary = servers.add("primary", *SEMISYNC_PRIMARY, *QUICK)
        self.replica = servers.add("replica", *OPTIONS, *SEMISYNC_REPLICA)
        self.link = Replication(self.primary, self.replica)
        self.prometheus = Prometheus(self.folder, self.stack)

    def steps(self):
        yield self.rules_are_right
        yield self.pages_agree
        yield self.open
        yield self.replica_connects_late
        yield self.closed_and_unseen
        yield self.closed
        yield self.every_panel_shows_something
        yield self.panels_are_drawn
        yield self.beyond_proof
        yield self.opened_manually
        yield self.switched_off
        yield self.gone

    def more(self) -> str:
        return self.prometheus.output()

    # The steps

    def rules_are_right(self) -> None:
        for arguments in (("check", "rules", RULES.name), ("test", "rules", RULES_TEST.name)):
            ended = subprocess.run(
                [program_of("promtool"), *arguments],
                cwd=FOLDER,
                capture_output=True,
                text=True,
            )
            heard = ended.stdout + ended.stderr
            expect(f"promtool {' '.join(arguments)} to succeed", heard, ended.returncode == 0)

    def pages_agree(self) -> None:
        rules = set(re.findall(r"- alert: (\w+)", RULES.read_text()))
        page = set(re.findall(r"^\| `(RecoveryGate\w+)` \|", PAGE.read_text(), re.M))
        expect("docs/monitoring.md to have each alert", page ^ rules, page == rules)
        tested = set(re.findall(r"RecoveryGate\w+", RULES_TEST.read_text()))
        expect("a test of each alert", rules - tested, rules <= tested)
        for name in ("waiting_for", "reason"):
            shown = [
                {code: word["text"] for code, word in panel.words().items()}
                for panel in panels()
                if panel.words() and f"recovery_gate_{name}_code" in panel.expressions()[0]
            ]
            codes = {"0": "open"} | documented_codes(f"Recovery_gate_{name}")
            for words in shown or [{}]:
                expect(f"the words of {name}", words, words == codes)

    def open(self) -> None:
        self.primary.start(*GATE)
        self.replica.start()
        self.link.set_up()
        self.primary.wait_for_status("Rpl_semi_sync_master_clients", "1")
        for statement in (
            *account(),
            *("CREATE DATABASE shop", f"CREATE USER app IDENTIFIED BY '{PASSWORD}'"),
            "CREATE TABLE shop.orders (id INT PRIMARY KEY) ENGINE=InnoDB",
        ):
            self.primary.query(statement)
        for server in (self.primary, self.replica):
            self.prometheus.watch(server)
        # Not what is waited for, but how long: a test has less time.
        rules = re.sub(r"for: \w+", "for: 0s", RULES.read_text()).replace("> 120", "> 1")
        self.prometheus.start(rules)
        for server in (self.primary, self.replica):
            self.wait_for_value("mysql_global_status_recovery_gate_open", 1, server)
        alerts = self.prometheus.alerts()
        expect("no alert", alerts, not alerts)

    def replica_connects_late(self) -> None:
        self.replica.query("STOP SLAVE")
        self.replica.query("CHANGE MASTER TO MASTER_CONNECT_RETRY=60")
        self.replica.query("START SLAVE")
        self.prometheus.wait_for_alerts(self.replica, "RecoveryGateReplicaConnectsLate")
        self.replica.query("STOP SLAVE")
        self.replica.query("CHANGE MASTER TO MASTER_CONNECT_RETRY=1")
        self.replica.query("START SLAVE")
        self.link.wait_connected()

    def closed_and_unseen(self) -> None:
        """The account is not admitted: a quarter of a second before Prometheus would
        give up, the exporter says that the server is down."""
        self.link.cut()
        self.primary.kill9_during("INSERT INTO shop.orders VALUES (1)")
        self.primary.start(*GATE)
        self.primary.wait_for_status("Recovery_gate_waiting_for", "REPLICA")
        self.wait_for_alerts("RecoveryGateUnseen")
        self.wait_for_value("up", 1)
        self.wait_for_value("mysql_up", 0)
        rejected = "Recovery_gate_connections_rejected"
        seen = self.primary.status(rejected)
        expect("a scrape that is held not to be counted", seen, seen == "0")
        self.primary.query("SET GLOBAL recovery_gate_connect_wait = 0")
        wait_for(lambda: self.primary.status(rejected), lambda seen: seen != "0", "one to be")
        self.wait_for_alerts("RecoveryGateUnseen")

    def closed(self) -> None:
        self.primary.query("SET GLOBAL recovery_gate_admit_users = %s", admitted())
        self.wait_for_value("mysql_global_status_recovery_gate_waiting_for_code", 2)
        self.wait_for_value("mysql_global_status_recovery_gate_reason_code", 1)
        self.wait_for_alerts("RecoveryGateClosed")
        with suppress(SqlError), self.primary.connect("app", PASSWORD) as session:
            session.query("SELECT 1")
        self.wait_for_alerts("RecoveryGateRejectsClients")
        self.primary.query("SET GLOBAL rpl_semi_sync_master_enabled = OFF")
        self.wait_for_alerts("RecoveryGateSemisyncOff", but_not=())
        self.primary.query("SET GLOBAL rpl_semi_sync_master_enabled = ON")
        self.wait_for_alerts(but_not=("RecoveryGateSemisyncOff",))

    def every_panel_shows_something(self) -> None:
        def without_values() -> list[str]:
            return [
                expression
                for panel in panels()
                for expression in panel.expressions()
                if not self.prometheus.values(expression)
            ]

        # A rate needs two scrapes.
        wait_for(without_values, lambda empty: not empty, "a value in each panel")

    def panels_are_drawn(self) -> None:
        window = Window(time.time() - 10, time.time())
        answers = [(panel, panel.ask(self.prometheus, window)) for panel in panels()]
        drawn = ElementTree.fromstring(picture(answers, window, [], ""))
        words = {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
        wanted = {panel.title for panel in panels()} | {"CLOSED", "REPLICA", "CRASH", "1 s"}
        expect("each panel and what it shows", wanted - words, wanted <= words)

    def beyond_proof(self) -> None:
        self.primary.query("RESET MASTER")
        self.wait_for_alerts("RecoveryGateNeedsOverride")

    def opened_manually(self) -> None:
        self.primary.query("SET GLOBAL recovery_gate_open_now = ON")
        self.wait_for_alerts(but_not=("RecoveryGateNeedsOverride", "RecoveryGateClosed"))

    def switched_off(self) -> None:
        self.primary.stop()
        self.primary.start(*GATE, "--recovery-gate-mode=OFF")
        self.wait_for_alerts("RecoveryGateModeOff")

    def gone(self) -> None:
        self.primary.stop()
        self.primary.start()
        self.wait_for_alerts("RecoveryGateMissing", but_not=("RecoveryGateModeOff",))

    # What is seen

    def wait_for_value(self, metric: str, value: float, server: Server | None = None) -> None:
        self.prometheus.wait_for_value(metric, value, server or self.primary)

    def wait_for_alerts(self, *names: str, but_not: tuple[str, ...] = ()) -> None:
        self.prometheus.wait_for_alerts(self.primary, *names, but_not=but_not)


if __name__ == "__main__":
    sys.exit(main("monitoring-test", Monitoring))
