# SPDX-License-Identifier: GPL-2.0-only
"""The first start of a primary and its replica from the official container image.

    tools/rigs/start containers_test

No container is needed: what the image's entry point and its health check run is run
here, with the option files of packaging/. Both servers are initialised by a server that
nobody can reach; then they start as docs/containers.md has it.

Environment: RECOVERY_GATE_TOOL and RECOVERY_GATE_PLUGIN, the built tool and plugin;
those of build/ when they are not set. Exits 0 only if everything was as expected.
"""

from __future__ import annotations

import os
import subprocess
import sys

from rigs import PROJECT
from rigs.servers import (
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
from rigs.tool_under_test import PLUGIN, QUICK, TOOL

REJECTED = 1047
OPEN, CLOSED, TIMED_OUT = 0, 4, 5  # of the tool
PASSWORD = "secret"

OPTION_FILES = (
    PROJECT / "packaging" / "mariadb.conf.d" / "50-recovery-gate.cnf",
    PROJECT / "packaging" / "containers" / "60-container.cnf",
)
# What the package adds where there is no binary log, and how the example of the image
# starts its servers; only that semi-sync gives up sooner.
SERVER = ("--log-bin", "--log-basename=mariadb", "--rpl-semi-sync-master-timeout=100")
PRIMARY = (*SERVER, "--rpl-semi-sync-master-enabled=ON")
REPLICA = (*SERVER, "--rpl-semi-sync-slave-enabled=ON")


class Container:
    """A server as the image runs it."""

    def __init__(self, server: Server, *options: str):
        self.server = server
        self.server.port = free_port()
        self.server.folder.mkdir()
        self._options = options

    def command(self, *options: str) -> list[str]:
        server = self.server
        configuration = server.folder / "my.cnf"
        configuration.write_text("\n".join(path.read_text() for path in OPTION_FILES))
        return [
            *("mariadbd", f"--defaults-file={configuration}"),
            f"--plugin-dir={PLUGIN.parent}",
            f"--datadir={server.datadir}",
            f"--tmpdir={server.folder}",
            f"--socket={server.socket}",
            f"--pid-file={server.folder / 'pid'}",
            f"--port={server.port}",
            "--bind-address=127.0.0.1",
            f"--server-id={server.id}",
            *(("--user=root",) if os.geteuid() == 0 else ()),
            *QUICK,
            *("--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M"),
            *self._options,
            *options,
        ]

    def initialise(self, *statements: str) -> None:
        """What the entry point does where there is no data directory yet."""
        name, *arguments = self.command()
        help_text = subprocess.run(
            [program(name), *arguments, "--verbose", "--help"], capture_output=True
        )
        expect(
            "a configuration that the entry point accepts",
            help_text.stderr.decode(),
            help_text.returncode == 0,
        )
        log = self.server.folder / "install.log"
        with open(log, "w") as output:
            status = subprocess.run(
                [
                    program("mariadb-install-db"),
                    *(text for text in arguments if "--pid-file" not in text),
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                    "--cross-bootstrap",
                    "--skip-log-bin",
                ],
                stdout=output,
                stderr=output,
            ).returncode
        expect(f"mariadb-install-db to succeed\n{tail(log)}", status, status == 0)
        # The temporary server.
        self.server.launch_command(self.command("--skip-networking", "--skip-slave-start"))
        self.server.wait_ready()
        with self.server.connect_as_admin() as session:
            session.query("SET sql_log_bin = OFF")
            session.query(f"CREATE USER healthcheck@localhost IDENTIFIED BY '{PASSWORD}'")
            session.query("SET sql_log_bin = ON")
            for statement in statements:
                session.query(statement)
        status = self.server.stop()
        expect("a proper shutdown of the temporary server", status, status == 0)

    def start(self) -> None:
        self.server.launch_command(self.command())
        self.server.wait_ready()

    def health_check(self, user: str = "healthcheck") -> str:
        """What the image's health check hears: that it is healthy, or an error."""
        for query in (
            "SELECT @@skip_networking = 0",
            "SELECT COUNT(*) FROM information_schema.engines"
            " WHERE engine = 'innodb' AND support IN ('YES', 'DEFAULT', 'ENABLED')",
        ):
            client = subprocess.run(
                [
                    *(program("mariadb"), "--no-defaults", "--protocol=socket"),
                    f"--socket={self.server.socket}",
                    *(f"--user={user}", f"--password={PASSWORD}"),
                    *("--batch", "--skip-column-names", "-e", query),
                ],
                capture_output=True,
                text=True,
            )
            if client.returncode or client.stdout.strip() != "1":
                return client.stderr.strip() or client.stdout.strip()
        return "healthy"

    def tool(self, *arguments: str) -> int:
        return subprocess.run(
            [TOOL, *arguments, "--no-defaults", f"--socket={self.server.socket}"],
            capture_output=True,
        ).returncode


class FirstStart(Story):
    def __init__(self, servers: Servers):
        super().__init__(servers)
        self.primary = Container(servers.add("primary"), *PRIMARY)
        self.replica = Container(servers.add("replica"), *REPLICA)

    def steps(self):
        yield self.primary_is_initialised
        yield self.primary_starts_closed
        yield self.health_is_not_the_gate
        yield self.replica_opens_it
        yield self.next_start_is_open

    # The steps

    def primary_is_initialised(self) -> None:
        self.primary.initialise(
            "CREATE DATABASE app",
            f"CREATE USER app@localhost IDENTIFIED BY '{PASSWORD}'",
            "GRANT ALL ON app.* TO app@localhost",
            f"CREATE USER repl@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
            "GRANT REPLICATION REPLICA ON *.* TO repl@'127.0.0.1'",
            "CREATE TABLE app.initial (a VARCHAR(36)) ENGINE=InnoDB",
            "INSERT INTO app.initial VALUES (UUID())",
        )

    def primary_starts_closed(self) -> None:
        """A row that nobody could write again is on no replica."""
        self.primary.start()
        reason = self.primary.server.status("Recovery_gate_reason")
        expect("UNACKED_SHUTDOWN", reason, reason == "UNACKED_SHUTDOWN")
        code = self.primary.tool("status")
        expect("a closed gate", code, code == CLOSED)

    def health_is_not_the_gate(self) -> None:
        self.primary.server.query("SET GLOBAL recovery_gate_connect_wait = 0")
        heard = self.primary.health_check()
        expect("the health check's account to be admitted", heard, heard == "healthy")
        heard = self.primary.health_check("app")
        expect("an application to be kept out", heard, str(REJECTED) in heard)
        code = self.primary.tool("wait", "--timeout=0")
        expect("`recovery-gate wait` to find it closed", code, code == TIMED_OUT)

    def replica_opens_it(self) -> None:
        self.replica.initialise(
            f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_USER='repl',"
            f" MASTER_PASSWORD='{PASSWORD}', MASTER_PORT={self.primary.server.port},"
            " MASTER_CONNECT_RETRY=1"
        )
        self.replica.start()
        code = self.replica.tool("status")
        expect("the replica's own gate to be open", code, code == OPEN)
        code = self.primary.tool("wait", "--timeout=60")
        expect("`recovery-gate wait` to see it open", code, code == OPEN)
        opened_by = self.primary.server.status("Recovery_gate_opened_by")
        expect("ACK", opened_by, opened_by == "ACK")
        query = "SELECT a FROM app.initial"
        with self.primary.server.connect_as_admin() as session:
            row = session.value(query)
        wait_for(self.replica_row, lambda seen: seen == row, f"the row {row}")

    def next_start_is_open(self) -> None:
        self.primary.server.stop()
        self.primary.start()
        code = self.primary.tool("status")
        expect("an open gate", code, code == OPEN)

    # Helpers

    def replica_row(self) -> str | None:
        try:
            return self.replica.server.value("SELECT a FROM app.initial")
        except SqlError as error:
            return str(error)


if __name__ == "__main__":
    sys.exit(main("containers-test", FirstStart))
