# SPDX-License-Identifier: GPL-2.0-only
"""What Prometheus sees of a gate: docs/monitoring.md and tools/monitoring/, with the
real exporter and Prometheus.

    tools/rigs/start monitoring_test

A primary and its semi-sync replica, scraped by an exporter each.

Environment: RECOVERY_GATE_TOOL and RECOVERY_GATE_PLUGIN, the built tool and plugin;
those of build/ when they are not set. Exits 0 only if everything was as expected.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from rigs import PROJECT
from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Replication,
    Server,
    Servers,
    SqlError,
    expect,
    free_port,
    program,
    tail,
    wait_for,
)
from rigs.story import Story, main
from rigs.tool_under_test import GATE, QUICK

FOLDER = PROJECT / "tools" / "monitoring"
RULES = FOLDER / "recovery-gate.rules.yml"
RULES_TEST = FOLDER / "recovery-gate.rules_test.yml"
DASHBOARD = FOLDER / "recovery-gate.dashboard.json"
PAGE = PROJECT / "docs" / "monitoring.md"
REFERENCE = PROJECT / "docs" / "reference.md"
UNPACKED = PROJECT / ".deps" / "monitoring" / "usr" / "bin"

PASSWORD = "secret"
OPTIONS = (*GATE, *QUICK)
INTERVAL = "1s"  # between two scrapes


def program_of(name: str) -> Path | str:
    """tools/setup unpacks it where it is not installed (tools/setup.d/monitoring.sh)."""
    unpacked = UNPACKED / name
    return unpacked if unpacked.exists() else program(name)


def documented_codes(heading: str) -> dict[str, str]:
    section = REFERENCE.read_text().partition(f"\n### {heading}\n")[2].partition("\n#")[0]
    return {code: word for word, code in re.findall(r"^\| `(\w+)` \| `(\d+)` \|", section, re.M)}


class Monitoring(Story):
    def __init__(self, servers: Servers):
        super().__init__(servers)
        self.primary = servers.add("primary", *SEMISYNC_PRIMARY, *QUICK)
        self.replica = servers.add("replica", *OPTIONS, *SEMISYNC_REPLICA)
        self.link = Replication(self.primary, self.replica)
        self.ports: dict[str, int] = {}  # of the exporters
        self.prometheus = 0

    def steps(self):
        yield self.rules_are_right
        yield self.pages_agree
        yield self.open
        yield self.every_panel_shows_something
        yield self.closed_and_unseen
        yield self.closed
        yield self.beyond_proof
        yield self.opened_manually
        yield self.switched_off
        yield self.gone

    def more(self) -> str:
        return "\n".join(f"{log.name}\n{tail(log)}" for log in self.folder.glob("*.out"))

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
            (panel,) = [
                panel
                for panel in self.panels()
                if panel["description"] == f"Recovery_gate_{name}_code"
            ]
            options = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
            shown = {code: option["text"] for code, option in options.items()}
            codes = {"0": "open"} | documented_codes(f"Recovery_gate_{name}")
            expect(f"the words of {name}", shown, shown == codes)

    def open(self) -> None:
        self.primary.start(*GATE)
        self.replica.start()
        self.link.set_up()
        self.primary.wait_for_status("Rpl_semi_sync_master_clients", "1")
        account = re.findall(r"^(?:CREATE USER|GRANT) .*;$", PAGE.read_text(), re.M)
        for statement in (
            *(line.replace("'...'", f"'{PASSWORD}'") for line in account),
            *("CREATE DATABASE shop", f"CREATE USER app IDENTIFIED BY '{PASSWORD}'"),
            "CREATE TABLE shop.orders (id INT PRIMARY KEY) ENGINE=InnoDB",
        ):
            self.primary.query(statement)
        self.start_exporter(self.primary)
        self.start_exporter(self.replica)
        self.start_prometheus()
        for server in (self.primary, self.replica):
            self.wait_for_value("mysql_global_status_recovery_gate_open", 1, server)
        expect("no alert", self.alerts(), not self.alerts())

    def every_panel_shows_something(self) -> None:
        def panels_without_values() -> list[str]:
            return [
                expression
                for panel in self.panels()
                for expression in (target["expr"] for target in panel["targets"])
                if not self.values(
                    expression.replace("$instance", ".*").replace("$__rate_interval", "1m")
                )
            ]

        # A rate needs two scrapes.
        wait_for(panels_without_values, lambda empty: not empty, "a value in each panel")
        self.replica.query("STOP SLAVE")
        self.replica.query("CHANGE MASTER TO MASTER_CONNECT_RETRY=60")
        self.replica.query("START SLAVE")
        self.wait_for_alerts("RecoveryGateReplicaConnectsLate", server=self.replica)
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
        (line,) = re.findall(r"^recovery_gate_admit_users = (\w+)$", PAGE.read_text(), re.M)
        self.primary.query("SET GLOBAL recovery_gate_admit_users = %s", line)
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

    # The programs

    def launch(self, name: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
        with open(self.folder / f"{name}.out", "ab") as log:
            process = subprocess.Popen(
                # Should this process be killed, the kernel kills it.
                [*(program("setpriv"), "--pdeathsig", "KILL", "--"), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        return process

    def start_exporter(self, server: Server) -> None:
        port = self.ports[server.name] = free_port()
        login = self.folder / f"{server.name}.cnf"
        login.write_text(
            f"[client]\nuser=exporter\npassword={PASSWORD}\nsocket={server.socket}\n"
        )
        self.launch(
            f"{server.name}-exporter",
            program_of("prometheus-mysqld-exporter"),
            f"--config.my-cnf={login}",
            f"--web.listen-address=127.0.0.1:{port}",
        )

    def start_prometheus(self) -> None:
        rules = RULES.read_text()
        # Not what is waited for, but how long: a test has less time.
        rules = re.sub(r"for: \w+", "for: 0s", rules).replace("> 120", "> 1")
        (self.folder / "rules.yml").write_text(rules)
        targets = [f"127.0.0.1:{port}" for port in self.ports.values()]
        configuration = self.folder / "prometheus.yml"
        configuration.write_text(
            f"global: {{scrape_interval: {INTERVAL}, scrape_timeout: {INTERVAL},"
            f" evaluation_interval: {INTERVAL}}}\n"
            f"rule_files: [{self.folder / 'rules.yml'}]\n"
            f"scrape_configs: [{{job_name: mysql, static_configs: [{{targets: {targets}}}]}}]\n"
        )
        self.prometheus = free_port()
        self.launch(
            "prometheus",
            program_of("prometheus"),
            f"--config.file={configuration}",
            f"--storage.tsdb.path={self.folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.prometheus}",
        )

    # What is seen

    def ask(self, path: str, **parameters: str) -> Any:
        """The answer's data; nothing while Prometheus starts."""
        url = f"http://127.0.0.1:{self.prometheus}/api/v1/{path}"
        try:
            with urllib.request.urlopen(
                f"{url}?{urllib.parse.urlencode(parameters)}", timeout=30
            ) as answer:
                return json.load(answer)["data"]
        except OSError:
            return {"result": [], "alerts": []}

    def values(self, expression: str) -> dict[str, float]:
        """The value of each server."""
        found = self.ask("query", query=expression)["result"]
        return {row["metric"]["instance"]: float(row["value"][1]) for row in found}

    def instance(self, server: Server | None) -> str:
        return f"127.0.0.1:{self.ports[(server or self.primary).name]}"

    def wait_for_value(self, metric: str, value: float, server: Server | None = None) -> None:
        wait_for(
            lambda: self.values(metric).get(self.instance(server)),
            lambda seen: seen == value,
            f"{metric} {value}",
        )

    def alerts(self, server: Server | None = None) -> set[str]:
        return {
            alert["labels"]["alertname"]
            for alert in self.ask("alerts")["alerts"]
            if alert["state"] == "firing"
            and (not server or alert["labels"]["instance"] == self.instance(server))
        }

    def wait_for_alerts(
        self, *names: str, but_not: tuple[str, ...] = (), server: Server | None = None
    ) -> None:
        wait_for(
            lambda: self.alerts(server or self.primary),
            lambda seen: set(names) <= seen and not seen & set(but_not),
            f"the alerts {names}, not {but_not}",
        )

    def panels(self) -> list[dict[str, Any]]:
        return json.loads(DASHBOARD.read_text())["panels"]


if __name__ == "__main__":
    sys.exit(main("monitoring-test", Monitoring))
