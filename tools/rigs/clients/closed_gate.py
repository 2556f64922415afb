# SPDX-License-Identifier: GPL-2.0-only
"""The story that each driver goes through, with all others at the same time."""

from __future__ import annotations

import secrets
import shlex
import subprocess
import time

from rigs.clients import documented
from rigs.clients.client import Client
from rigs.clients.measured import Measured
from rigs.clients.drivers import Driver, build
from rigs.door.scene import certificates
from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Replication,
    Servers,
    expect,
    program,
    wait_for,
)
from rigs.story import Story
from rigs.tool_under_test import GATE, QUICK, TOOL


CLOSED = "Recovery gate is closed:"


class ClosedGate(Story):
    """Everything that docs/clients.md says; what was seen is in `measured`, by driver
    and whether with TLS."""

    connect_wait = 10000  # milliseconds; the default
    drivers: tuple[Driver, ...] = ()

    def __init__(self, servers: Servers):
        super().__init__(servers)
        self.password = secrets.token_hex(8)
        self.primary = servers.add(
            *("primary", *SEMISYNC_PRIMARY, *QUICK, *GATE, *certificates()),
            f"--recovery-gate-connect-wait={self.connect_wait}",
            "--max-connections=1000",
        )
        self.replica = servers.add("replica", *SEMISYNC_REPLICA, *QUICK)
        self.link = Replication(self.primary, self.replica)
        self.clients: list[Client] = []
        self.measured: dict[tuple[str, bool], Measured] = {}
        self.says = {row.driver: row for row in documented.drivers()}

    def steps(self):
        yield self.set_up
        yield self.start_programs
        yield self.open_gate_serves
        yield self.crash
        yield self.connections_from_before
        yield self.command_line
        yield self.told_in_time
        yield self.turned_away
        if self.with_pool():
            yield self.pools_turned_away
        yield self.gate_opens
        if self.with_pool():
            yield self.pools_recover
            yield self.crash
            yield self.pools_served
        yield self.crash
        yield self.held_then_served
        yield self.as_documented

    def more(self) -> str:
        return f"what was seen\n{self.table()}"

    # Helpers

    def of(self, client: Client) -> Measured:
        return self.measured[client.driver.name, client.tls]

    def with_pool(self) -> list[Client]:
        return [c for c in self.clients if c.driver.has_pool and not c.tls]

    def all_begin(self, command: str, clients: list[Client]) -> None:
        for client in clients:
            client.begin(command)

    def is_held(self, client: Client) -> bool:
        return self.says[client.driver.name].held

    # Steps

    def set_up(self) -> None:
        build(self.drivers, self.folder / "built")
        self.replica.start()
        self.primary.start()
        self.link.set_up()
        query = self.primary.query
        query("CREATE DATABASE shop")
        query("CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT)")
        query("INSERT INTO shop.orders VALUES (1)")
        for user, requires in (("app", ""), ("app_tls", " REQUIRE SSL")):
            query(
                f"CREATE USER {user}@'127.0.0.1' IDENTIFIED BY %s{requires}",
                self.password,
            )
            query(f"GRANT SELECT ON shop.* TO {user}@'127.0.0.1'")

    def start_programs(self) -> None:
        for driver in self.drivers:
            for tls in (False, True):
                client = Client(
                    *(driver, self.folder),
                    port=self.primary.port,
                    user="app_tls" if tls else "app",
                    password=self.password,
                    tls=tls,
                )
                self.clients.append(self.stack.enter_context(client))
                self.measured[driver.name, tls] = Measured()
        for client in self.clients:
            client.wait_ready()

    def open_gate_serves(self) -> None:
        # One by one: all at once, those who lose patience first would on a busy machine.
        for client in self.clients:
            self._all_are_served("connect", [client])
            self._all_are_served("keep", [client])
        self._all_are_served("fill", self.with_pool())

    def _all_are_served(self, command: str, clients: list[Client]) -> None:
        self.all_begin(command, clients)
        seen = [(client.name, one) for client in clients for one in client.seen()]
        failed = [f"{name}: {one}" for name, one in seen if not one.is_ok]
        expect("everybody to be served", failed, not failed)

    def crash(self) -> None:
        self.link.cut()
        self.primary.kill9_during("INSERT INTO shop.orders VALUES (NULL)")
        self.primary.start()
        self.primary.wait_for_status("Recovery_gate_state", "CLOSED")

    def gate_opens(self) -> None:
        self.link.restore()
        self.primary.wait_for_status("Recovery_gate_opened_by", "ACK")

    def connections_from_before(self) -> None:
        self.all_begin("kept", self.clients)
        for client in self.clients:
            (self.of(client).gone,) = client.seen()

    def turned_away(self) -> None:
        self.all_begin("connect", self.clients)
        for client in self.clients:
            (self.of(client).rejected,) = client.seen()

    def pools_turned_away(self) -> None:
        """They were full before the crash."""
        self.all_begin("pool", self.with_pool())
        for client in self.with_pool():
            self.of(client).pool_rejected = client.seen()
        starting = [c for c in self.with_pool() if c.driver.starts_pool]
        self.all_begin("start", starting)
        for client in starting:
            (self.of(client).starting,) = client.seen()

    def pools_recover(self) -> None:
        self.all_begin("pool", self.with_pool())
        for client in self.with_pool():
            self.of(client).pool_afterwards = client.seen()
        # What that cost them is not what the next crash is to find.
        self._all_are_served("fill", self.with_pool())

    def pools_served(self) -> None:
        """... when the gate opens, while they wait or try again and again."""
        pools = self.with_pool()
        impatient = [c for c in pools if not self.is_held(c)]
        starting = [c for c in self.clients if c.driver.starts_pool and c.tls]
        before = int(self.primary.status("Connections"))
        self.all_begin("pool", impatient)
        self.all_begin("start_patiently", starting)
        wait_for(
            lambda: int(self.primary.status("Connections")),
            lambda now: now >= before + 3 * len(impatient) + len(starting),
            "three attempts of each pool whose driver does not wait",
        )
        self._opens_while("pool", [c for c in pools if self.is_held(c)])
        for client in pools:
            self.of(client).pool_served = client.seen()
        for client in starting:
            (self.of(client).started,) = client.seen()

    def held_then_served(self) -> None:
        clients = [c for c in self.clients if self.is_held(c)]
        self._opens_while("connect", clients)
        for client in clients:
            (self.of(client).served,) = client.seen()
            self.of(client).late = self.of(client).served.at - self.opened

    def command_line(self) -> None:
        """With the documented exit codes."""
        self.primary.query("SET GLOBAL recovery_gate_connect_wait=0")
        account = (
            *("--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--user=app"),
            *(f"--port={self.primary.port}", f"--password={self.password}"),
        )
        our_account = [option for option in account if "protocol" not in option]
        wrong = []
        for command in documented.commands():
            name, *arguments = shlex.split(command.line)
            # The tool takes its options after the subcommand.
            is_ours = name == TOOL.name
            ended = subprocess.run(
                [TOOL, *arguments, *our_account]
                if is_ours
                else [program(name), *account, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
            )
            code, output = ended.returncode, ended.stdout
            if code != command.exit_code or command.says not in output:
                wrong.append((command.line, code, output))
        expect("the documented exit codes and texts", wrong, not wrong)
        self._wait_as_before()

    def _wait_as_before(self) -> None:
        self.primary.query(
            "SET GLOBAL recovery_gate_connect_wait=%s", self.connect_wait
        )

    def told_in_time(self) -> None:
        """A driver that does not wait reports the error if it comes before its
        time-out."""
        impatient = [c for c in self.clients if not self.is_held(c)]
        self.primary.query("SET GLOBAL recovery_gate_connect_wait=200")
        seen = [(client.name, client.ask("connect")[0].text) for client in impatient]
        expect("error 1047", seen, all(CLOSED in text for _, text in seen))
        self._wait_as_before()

    def as_documented(self) -> None:
        wrong = [
            f"{client.name}: {fault}"
            for client in self.clients
            for fault in documented.faults(
                self.says[client.driver.name], self.of(client), self.connect_wait
            )
        ]
        expect("what docs/clients.md says", wrong, not wrong)

    def table(self) -> str:
        return "\n".join(
            f"{name}{' with TLS' if tls else ''}\n{measured}"
            for (name, tls), measured in self.measured.items()
        )

    def _opens_while(self, command: str, clients: list[Client]) -> None:
        """Has the gate open when all of these are held."""
        self.all_begin(command, clients)
        wait_for(
            lambda: int(self.primary.status("Recovery_gate_connections_held")),
            lambda held: held >= len(clients),
            f"{len(clients)} clients to be held",
        )
        self.opened = time.monotonic()
        self.gate_opens()
