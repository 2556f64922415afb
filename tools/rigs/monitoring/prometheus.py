# SPDX-License-Identifier: GPL-2.0-only
"""Prometheus, and an exporter for each server, as docs/monitoring.md sets them up."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.parse
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rigs import PROJECT
from rigs.monitoring import PAGE
from rigs.servers import Server, free_port, program, tail, tied, wait_for

UNPACKED = PROJECT / ".deps" / "monitoring" / "usr" / "bin"

PASSWORD = "secret"
INTERVAL = 1  # seconds between two scrapes


def program_of(name: str) -> Path | str:
    """tools/setup unpacks it where it is not installed (tools/setup.d/monitoring.sh)."""
    unpacked = UNPACKED / name
    return unpacked if unpacked.exists() else program(name)


def account() -> list[str]:
    """The statements that create the exporter's, from the page."""
    return [
        statement.replace("'...'", f"'{PASSWORD}'")
        for statement in re.findall(r"^(?:CREATE USER|GRANT) .*;$", PAGE.read_text(), re.M)
    ]


def admitted() -> str:
    """What recovery_gate_admit_users is to be, from the page."""
    (users,) = re.findall(r"^recovery_gate_admit_users = (\w+)$", PAGE.read_text(), re.M)
    return users


class Prometheus:
    """Servers are called by their names."""

    def __init__(self, folder: Path, stack: ExitStack):
        self._folder = folder
        self._stack = stack  # on which the programs end
        self._ports: dict[str, int] = {}  # of the exporters
        self._port = 0

    # The programs

    def watch(self, server: Server) -> None:
        """Before start()."""
        port = self._ports[server.name] = free_port()
        login = self._folder / f"{server.name}.cnf"
        login.write_text(
            f"[client]\nuser=exporter\npassword={PASSWORD}\nsocket={server.socket}\n"
        )
        self._launch(
            f"{server.name}-exporter",
            program_of("prometheus-mysqld-exporter"),
            f"--config.my-cnf={login}",
            f"--web.listen-address=127.0.0.1:{port}",
        )

    def start(self, rules: str = "") -> None:
        rule_file = self._folder / "rules.yml"
        rule_file.write_text(rules)
        targets = [
            {"targets": [f"127.0.0.1:{port}"], "labels": {"instance": name}}
            for name, port in self._ports.items()
        ]
        configuration = self._folder / "prometheus.yml"
        configuration.write_text(  # JSON is YAML
            f"global: {{scrape_interval: {INTERVAL}s, scrape_timeout: {INTERVAL}s,"
            f" evaluation_interval: {INTERVAL}s}}\n"
            f"rule_files: [{rule_file}]\n"
            f"scrape_configs: [{{job_name: mysql, static_configs: {json.dumps(targets)}}}]\n"
        )
        self._port = free_port()
        self._launch(
            "prometheus",
            program_of("prometheus"),
            f"--config.file={configuration}",
            f"--storage.tsdb.path={self._folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
        )

    def output(self) -> str:
        return "\n".join(f"{log.name}\n{tail(log)}" for log in self._folder.glob("*.out"))

    def _launch(self, name: str, *arguments: str | Path) -> None:
        with open(self._folder / f"{name}.out", "ab") as log:
            process = subprocess.Popen(
                # Should this process be killed, the kernel kills it.
                tied(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)

    # What is seen

    def ask(self, path: str, **parameters: Any) -> Any:
        """The answer's data; nothing while Prometheus starts."""
        url = f"http://127.0.0.1:{self._port}/api/v1/{path}"
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

    def alerts(self, server: Server | None = None) -> set[str]:
        return {
            alert["labels"]["alertname"]
            for alert in self.ask("alerts")["alerts"]
            if alert["state"] == "firing"
            and (not server or alert["labels"]["instance"] == server.name)
        }

    def wait_for_value(self, metric: str, value: float, server: Server) -> None:
        wait_for(
            lambda: self.values(metric).get(server.name),
            lambda seen: seen == value,
            f"{metric} {value}",
        )

    def wait_for_alerts(
        self, server: Server, *names: str, but_not: tuple[str, ...] = ()
    ) -> None:
        wait_for(
            lambda: self.alerts(server),
            lambda seen: set(names) <= seen and not seen & set(but_not),
            f"the alerts {names}, not {but_not}",
        )
