# SPDX-License-Identifier: GPL-2.0-only
"""What proxies and probes see of a gate: docs/proxies.md, on real servers.

    tools/rigs/start proxies.proxies_test

A primary with a gate and its semi-sync replica, behind HAProxy. The gate is
open, closed after a crash, opened by the replica's acknowledgement, and gone.

Environment: RECOVERY_GATE_TOOL and RECOVERY_GATE_PLUGIN, the built tool and
plugin; those of build/ when they are not set. Exits 0 only if everything was as
expected.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shlex
import socket
import socketserver
import subprocess
import sys
import threading
from pathlib import Path

from rigs.proxies import documented, monitors
from rigs.proxies.haproxy import HAProxy
from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Pending,
    Replication,
    Servers,
    Session,
    SqlError,
    Unexpected,
    checkpoint,
    expect,
    tail,
    wait_for,
)
from rigs.story import Story, main
from rigs.tool_under_test import GATE, QUICK, TOOL

REJECTED = 1047
LOST = 2013  # a client's own time-out, among others
OPEN, UNREACHABLE, CLOSED = 0, 2, 4  # of the tool

OPTIONS = (
    *GATE,
    "--recovery-gate-admit-users=admitted,"
    + documented.line("recovery_gate_admit_users =", "recovery_gate_admit_users = "),
    # Milliseconds: who is held is rejected soon.
    "--recovery-gate-connect-wait=500",
)

# Three ways in which HAProxy asks the gate, with what the server's own check says
# when it is up. One of them has another listener, "readers".
ASKING = {"primary": "L7OK", "external": "PROCOK", "agent": "L4OK"}

# Two that do not, with what their check says of a closed gate.
NAIVE = {"naive_tcp": "L4OK", "naive_mysql": "L7OK"}
NAIVE_CONFIGURATION = """
defaults naive
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout check 2s

listen naive_tcp from naive
    bind :3307
    server db1 192.0.2.11:3306 check inter 200ms

listen naive_mysql from naive
    bind :3307
    option mysql-check user haproxy
    server db1 192.0.2.11:3306 check inter 200ms
"""


class Agent(socketserver.ThreadingTCPServer):
    """The documented units, as systemd runs them: the program for each
    connection, its output to the connection."""

    def __init__(self, command: list[str], environment: dict[str, str]):
        answers: list[str] = []

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                run = subprocess.run(
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=30,
                )
                answers.append(run.stdout.decode())
                with contextlib.suppress(OSError):  # HAProxy has given up
                    self.wfile.write(run.stdout)

        super().__init__(("127.0.0.1", 0), Handler)  # accepts from here on
        self.port = self.server_address[1]
        self.answers = answers
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)
        self._thread.start()

    def __exit__(self, *_) -> None:
        self.shutdown()
        self.server_close()  # waits for the handlers


class BehindProxies(Story):
    def __init__(self, servers: Servers):
        super().__init__(servers)
        self.password = secrets.token_hex(8)
        self.primary = servers.add("primary", *SEMISYNC_PRIMARY, *QUICK, *OPTIONS)
        self.replica = servers.add("replica", *SEMISYNC_REPLICA, *QUICK, *OPTIONS)
        self.link = Replication(self.primary, self.replica)
        # No option file of the system or of this user has a say.
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("M")},
            "HOME": str(self.folder),
            "PATH": f"{TOOL.parent}:{os.environ.get('PATH', os.defpath)}",
        }
        self.haproxy: HAProxy

    def steps(self):
        yield self.set_up
        yield self.start_haproxy
        yield self.haproxy_with_open_gate
        yield self.probes_with_open_gate
        yield self.monitors_with_open_gate
        yield self.crash
        yield self.haproxy_with_closed_gate
        yield self.checks_end_properly
        yield self.haproxy_started_with_closed_gate
        yield self.naive_haproxy_with_closed_gate
        yield self.probes_with_closed_gate
        yield self.image_health_check_with_closed_gate
        yield self.maxscale_with_closed_gate
        yield self.maxscale_let_in
        yield self.proxysql_with_closed_gate
        yield self.proxysql_let_in
        yield self.proxysql_conclusions
        yield self.orchestrator_with_closed_gate
        yield self.orchestrator_hook_with_closed_gate
        yield self.gate_opens
        yield self.orchestrator_hook_with_open_gate
        yield self.haproxy_with_open_gate
        yield self.probes_with_open_gate
        yield self.monitors_with_open_gate
        yield self.server_gone

    def more(self) -> str:
        return f"HAProxy's log\n{tail(self.folder / 'haproxy.log')}"

    # Helpers

    def run(self, *command: str | Path, timeout: float = 30) -> tuple[int, str]:
        """Exit code and output."""
        checkpoint()
        ended = subprocess.run(
            list(map(str, command)),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        return ended.returncode, ended.stdout

    def expect_run(self, codes: tuple[int, ...], *command: str | Path) -> None:
        code, output = self.run(*command)
        expect(f"exit code {codes} of {command}", (code, output), code in codes)

    def at_primary(self, user: str, password: str | None = None) -> tuple[str, ...]:
        return (
            *("--no-defaults", "--protocol=tcp", "--host=127.0.0.1"),
            *(f"--port={self.primary.port}", f"--user={user}"),
            f"--password={self.password if password is None else password}",
        )

    def option_file(self, path: Path, **options: str | int | Path) -> Path:
        lines = (f"{name}={value}\n" for name, value in options.items())
        path.write_text("[recovery-gate]\n" + "".join(lines))
        path.chmod(0o600)
        return path

    def use_account(self, user: str) -> None:
        """Whose name the probes' commands find in an option file."""
        self.option_file(
            self.folder / ".my.cnf",
            host="127.0.0.1",
            port=self.primary.port,
            user=user,
            password=self.password,
        )

    def application(self, proxy: str) -> Session:
        return Session("app", self.password, socket=self.bound(proxy))

    def bound(self, proxy: str) -> Path:
        return self.folder / f"{proxy}.s"

    def execute(self, documented_statements: str) -> None:
        text = documented_statements.replace("192.0.2.1", "127.0.0.1")
        for statement in text.replace("...", self.password).split(";\n"):
            if statement:
                self.primary.query(statement)

    # Steps: setting up

    def set_up(self) -> None:
        self.replica.start()
        self.primary.start()
        self.link.set_up()
        query = self.primary.query
        for user in ("haproxy", "maxscale", "monitor"):
            self.execute(documented.block(f"CREATE USER {user}@"))
        users = ("app", "admitted", "failover", "administrator", "replicating")
        for user in users:
            query("CREATE USER %s@'127.0.0.1' IDENTIFIED BY %s", user, self.password)
        # MaxScale's, with more privileges: each has those of the simple one.
        for user in ("failover", "administrator", "replicating"):
            query(
                "GRANT REPLICATION CLIENT, REPLICA MONITOR ON *.* TO %s@'127.0.0.1'",
                user,
            )
        self.execute(
            documented.block("GRANT SUPER, RELOAD").replace("maxscale@", "failover@")
        )
        query("GRANT CONNECTION ADMIN ON *.* TO administrator@'127.0.0.1'")
        query("GRANT REPLICATION SLAVE ON *.* TO replicating@'127.0.0.1'")
        query("CREATE USER visitor@'127.0.0.1'")
        query("CREATE DATABASE shop")
        query("CREATE TABLE shop.orders (id INT PRIMARY KEY)")
        query("GRANT SELECT ON shop.* TO app@'127.0.0.1'")
        # A GTID replica is in step when it is at the end of the primary's log.
        end = self.primary.value("SELECT @@gtid_binlog_pos")
        wait_for(
            lambda: self.replica.value("SELECT @@gtid_slave_pos"),
            lambda position: position == end,
            f"the replica to be at {end}",
        )

    def start_haproxy(self) -> None:
        self.agent = Agent(
            shlex.split(documented.line("StandardInput=socket", "ExecStart=")),
            {**self.environment, "HOME": str(self.folder / "agent")},
        )
        self.stack.enter_context(self.agent)
        (self.folder / "agent").mkdir()
        # Next to the server: as an administrator, by the socket.
        self.option_file(
            self.folder / "agent" / ".my.cnf", socket=self.primary.socket
        )
        script = self.folder / "gate-is-open"
        check = self.option_file(
            self.folder / "check.cnf", user="haproxy", password=""
        )
        script.write_text(
            documented.block("gate-is-open\nexec").replace(
                "/etc/haproxy/check.cnf", str(check)
            )
        )
        script.chmod(0o755)

        # In this order: the defaults would hold for what comes after them.
        self.configuration = (
            self.adapted(documented.block("option external-check"), "external")
            + self.adapted(documented.block("agent-check"), "agent")
            + self.adapted(documented.block("defaults mariadb"))
        ).replace("/etc/haproxy/gate-is-open", str(script))
        self.haproxy = self.stack.enter_context(
            HAProxy(self.folder, self.configuration)
        )

    def adapted(self, text: str, name: str = "primary") -> str:
        """A documented configuration with this test's addresses, and another
        name for the listener `primary`."""
        for documented_value, here in (
            ("listen primary", f"listen {name}"),
            ('"/usr/local/bin:', f'"{TOOL.parent}:/usr/local/bin:'),
            ("192.0.2.11:3306", f"127.0.0.1:{self.primary.port}"),
            ("192.0.2.12:3306", f"127.0.0.1:{self.replica.port}"),
            ("agent-port 3309", f"agent-port {self.agent.port}"),
        ):
            text = text.replace(documented_value, here)
        # A socket in the folder instead of a port, which somebody may have.
        return re.sub(
            r"^listen (\w+)(.*?)^    bind \S+$",
            lambda found: f"listen {found[1]}{found[2]}"
            f"    bind {self.bound(found[1])}",
            text,
            flags=re.S | re.M,
        )

    def crash(self) -> None:
        """It is killed while a commit waits for the replica."""
        self.link.cut()
        self.primary.kill9_during("INSERT INTO shop.orders VALUES (1)")
        for proxy in ASKING:
            self.haproxy.wait_for(proxy, "db1", "DOWN")
        self.primary.start()
        self.primary.wait_for_status("Recovery_gate_state", "CLOSED")

    def gate_opens(self) -> None:
        """... while an application is held that came through a proxy whose check only
        logs in."""
        self.primary.query("SET GLOBAL recovery_gate_connect_wait=60000")
        with HAProxy(
            self.folder / "naive", self.adapted(NAIVE_CONFIGURATION)
        ) as naive:
            naive.wait_for("naive_mysql", "db1", "UP")
            with self.application("naive_mysql") as session:
                waiting = Pending(session, "SELECT * FROM shop.orders")
                self.primary.wait_for_status("Recovery_gate_connections_held", "1")
                self.link.restore()
                self.primary.wait_for_status("Recovery_gate_opened_by", "ACK")
                wait_for(waiting.is_over, lambda over: over, "it to be served")
                expect("the row", waiting.outcome(), waiting.rows == [{"id": 1}])

    # Steps: HAProxy

    def haproxy_with_open_gate(self) -> None:
        for proxy, result in ASKING.items():
            self.haproxy.wait_for(proxy, "db1", f"UP: {result}")
            with self.application(proxy) as session:
                session.query("SELECT * FROM shop.orders")
                seen = session.value("SELECT @@port")
                expect(f"db1 behind {proxy}", seen, seen == self.primary.port)

    def haproxy_with_closed_gate(self) -> None:
        # It was DOWN before: what each check says shows that it has looked.
        for proxy in ("primary", "readers"):
            self.haproxy.wait_for(proxy, "db1", "DOWN: L7RSP", "did not match content")
        wait_for(
            lambda: self.haproxy.servers()["external", "db1"]["check_code"],
            lambda code: code == str(CLOSED),
            "the script's exit code",
        )
        before = len(self.agent.answers)
        wait_for(
            lambda: self.agent.answers[before:],
            lambda answers: len(answers) > 1,
            "the agent to be asked twice",
        )
        seen = self.agent.answers[before:]
        expect("the agent to say down", seen, set(seen) == {"down\n"})
        for proxy in ASKING:
            self.haproxy.wait_for(proxy, "db1", "DOWN")

        # Nothing is sent there.
        before = [self.haproxy.sessions(proxy, "db1") for proxy in ASKING]
        for proxy in ASKING:
            try:
                self.application(proxy).close()
            except SqlError as error:
                expect("a closed connection", error, error.is_of_connection())
            else:
                raise Unexpected(f"nobody behind {proxy}", "a login")
        for _ in range(4):
            with self.application("readers") as session:
                seen = session.value("SELECT @@port")
                expect("db2 behind readers", seen, seen == self.replica.port)
        after = [self.haproxy.sessions(proxy, "db1") for proxy in ASKING]
        expect("no connection sent to db1", (before, after), before == after)
        rejected = int(self.primary.status("Recovery_gate_connections_rejected"))
        expect("nobody rejected", rejected, rejected == 0)

    def checks_end_properly(self) -> None:
        """Else each is a warning in the error log, and counts against the
        address that it comes from."""
        log = self.primary.log_of_this_start()
        seen = re.findall(r".*Aborted connection.* user: 'haproxy'.*", log)
        expect("no aborted connection of a check", seen, not seen)

    def haproxy_started_with_closed_gate(self) -> None:
        """It takes a server for healthy until the first check."""
        folder = self.folder / "another"
        folder.mkdir()
        # One more: with an account that may not pass. Its name is as long.
        block = documented.block("defaults mariadb")
        for old, new in (
            ("tcp-check send haproxy", "tcp-check send visitor"),
            ("mariadb", "for_visitor"),
            ("listen readers", "listen for_readers"),
        ):
            block = block.replace(old, new)
        text = self.configuration + self.adapted(block, "visitor")
        text = text.replace(f"bind {self.folder}/", f"bind {folder}/")
        with HAProxy(folder, text) as another:
            for proxy in (*ASKING, "readers", "visitor"):
                another.wait_for(proxy, "db1", "DOWN")
            another.wait_for("for_readers", "db2", "UP: L7OK")

    def naive_haproxy_with_closed_gate(self) -> None:
        """An application is sent to it, and gets nothing to read there."""
        folder = self.folder / "naive"
        folder.mkdir()
        with HAProxy(folder, self.adapted(NAIVE_CONFIGURATION)) as naive:
            for proxy, result in NAIVE.items():
                naive.wait_for(proxy, "db1", f"UP: {result}")
                with self.application(proxy) as session:
                    try:
                        session.query("SELECT * FROM shop.orders")
                    except SqlError as error:
                        expect("to be rejected", error, error.code == REJECTED)
                    else:
                        raise Unexpected("to be rejected", "an answer")

    # Steps: probes

    def probe_tcp(self, name: str) -> bool:
        port = documented.probe(name)
        expect("the server's port", port, port == 3306)
        try:
            socket.create_connection(("127.0.0.1", self.primary.port), 2).close()
        except OSError:
            return False
        return True

    def probe_command(self) -> list[str]:
        command = documented.probe("readinessProbe")
        expect("a command", command, isinstance(command, list))
        return command

    def probes_with_open_gate(self) -> None:
        for user in ("admitted", "app"):
            self.use_account(user)
            self.expect_run((OPEN,), *self.probe_command())
            self.expect_run((0,), "mariadb-admin", *self.at_primary(user), "ping")
        self.expect_probes_alive()

    def expect_probes_alive(self) -> None:
        for name in ("startupProbe", "livenessProbe"):
            expect(f"{name} to succeed", name, self.probe_tcp(name))

    def probes_with_closed_gate(self) -> None:
        self.expect_probes_alive()
        self.use_account("admitted")
        self.expect_run((CLOSED,), *self.probe_command())
        self.use_account("app")
        self.expect_run((CLOSED,), *self.probe_command())

        ping, status = (
            lambda *account, command=command: self.run(
                "mariadb-admin", *self.at_primary(*account), command
            )
            for command in ("ping", "status")
        )
        seen = ping("admitted")
        expect("an account that may pass: alive", seen, seen[0] == 0)
        seen = ping("app")
        expect("one that may not: dead", seen, seen[0] == 1)
        seen = ping("app", "wrong")
        expect("a wrong password: alive", seen, seen[0] == 0)
        seen = status("app")
        expect("no error in mariadb-admin status", seen, seen[0] == 0)

    def image_health_check_with_closed_gate(self) -> None:
        """The query of --innodb_initialized in healthcheck.sh of the official
        image; the script itself is not at hand."""
        query = (
            'select 1 from information_schema.ENGINES WHERE engine="innodb"'
            ' AND support in ("YES", "DEFAULT", "ENABLED")'
        )
        for user, expected in (("admitted", (0, "1\n")), ("app", (1, ""))):
            code, output = self.run(
                *("mariadb", *self.at_primary(user)),
                *("-B", "--skip-column-names", "-e", query),
            )
            seen = code, output if code == 0 else ""
            expect(f"{expected} for {user}", (code, output), seen == expected)

    def server_gone(self) -> None:
        self.primary.kill9()
        for user in ("admitted", "app"):
            self.use_account(user)
            self.expect_run((UNREACHABLE,), *self.probe_command())
            self.expect_run((1,), "mariadb-admin", *self.at_primary(user), "ping")
        for name in ("startupProbe", "livenessProbe"):
            expect(f"{name} to fail", name, not self.probe_tcp(name))
        for proxy in ASKING:
            self.haproxy.wait_for(proxy, "db1", "DOWN")
        seen = monitors.proxysql_hostgroup(
            self.primary.port, "admitted", self.password
        )
        expect("a reader", seen, seen == "reader")

    # Steps: MaxScale, ProxySQL and orchestrator, replayed

    def maxscale(self, user: str) -> monitors.MaxScaleSeen:
        checkpoint()
        return monitors.maxscale_tick(self.primary.port, user, self.password)

    def monitors_with_open_gate(self) -> None:
        for user in ("maxscale", "failover", "administrator", "replicating"):
            seen = self.maxscale(user)
            expect(f"Master for {user}", seen, seen.status == "Master, Running")
        for user in ("maxscale", "replicating"):
            seen = self.orchestrator(user)
            expect(f"nothing to be wrong for {user}", seen, seen == "")
        for user in ("monitor", "admitted"):
            for check in self.proxysql_checks(user):
                seen = check()
                expect(f"an answer for {user}", seen, seen.error is None)

    def maxscale_with_closed_gate(self) -> None:
        for user in ("maxscale", "failover"):
            seen = self.maxscale(user)
            expect(f"Down for {user}", seen, seen.status == "Down")
            expect("1047 or a time-out", seen, seen.error.code in (REJECTED, LOST))

    def maxscale_let_in(self) -> None:
        for user in ("administrator", "replicating"):
            seen = self.maxscale(user)
            expect(f"Master for {user}", seen, seen.status == "Master, Running")

    def proxysql_checks(self, user: str):
        at = (self.primary.port, user, self.password)
        # Only the documented account has the privilege that the last one needs.
        queries = [monitors.PROXYSQL_READ_ONLY]
        if user == "monitor":
            queries.append(monitors.PROXYSQL_LAG)
        yield lambda: monitors.proxysql_ping_check(*at)
        for query in queries:
            yield lambda query=query: monitors.proxysql_query_check(*at, query)

    def proxysql_with_closed_gate(self) -> None:
        at = (self.primary.port, "monitor", self.password)
        seen = monitors.proxysql_connect_check(*at)
        expect("a login to succeed", seen.outcome(), seen.error is None)
        # The default. ProxySQL loses patience before, unless nobody is held.
        self.primary.query("SET GLOBAL recovery_gate_connect_wait=10000")
        for check in self.proxysql_checks("monitor"):
            checkpoint()
            seen = check()
            expect("an error", seen.outcome(), seen.error is not None)
            expect("1047 or a time-out", seen, seen.error.code in (REJECTED, LOST))
            expect("nothing answered before", seen.answered, not seen.answered)

    def proxysql_let_in(self) -> None:
        for check in self.proxysql_checks("admitted"):
            seen = check()
            expect("an answer", seen.outcome(), seen.error is None)

    def proxysql_conclusions(self) -> None:
        """Where it keeps the primary: by the account, and by how long that waits."""
        port = self.primary.port
        for user, wait, hostgroup, shunned in (
            ("monitor", 10000, "reader", True),
            ("monitor", 0, "writer", True),
            ("admitted", 10000, "writer", False),
        ):
            self.primary.query("SET GLOBAL recovery_gate_connect_wait=%s", wait)
            seen = (
                monitors.proxysql_hostgroup(port, user, self.password),
                monitors.proxysql_is_shunned(port, user, self.password),
            )
            expect(f"{user}, {wait}", seen, seen == (hostgroup, shunned))

    def orchestrator(self, user: str) -> str:
        checkpoint()
        replicating = self.link.status()["Slave_IO_Running"] == "Yes"
        return monitors.orchestrator_analysis(
            monitors.orchestrator_check(self.primary.port, user, self.password),
            [replicating],
        )

    def orchestrator_with_closed_gate(self) -> None:
        self.primary.query("SET GLOBAL recovery_gate_connect_wait=10000")
        for user, analysis in (
            ("maxscale", "DeadMaster"),
            ("replicating", "MasterSingleReplicaNotReplicating"),
        ):
            seen = self.orchestrator(user)
            expect(f"{analysis} for {user}", seen, seen == analysis)

    def failover_hook(self, seconds: int, command: str = "") -> tuple[int, str]:
        """As orchestrator runs it, with its placeholders replaced."""
        option_file = self.option_file(
            self.folder / "gate.cnf", user="replicating", password=self.password
        )
        script = self.folder / "gate-opens"
        text = documented.block("/etc/orchestrator/gate-opens HOST")
        for documented_value, here in (
            ("/etc/orchestrator/gate.cnf", str(option_file)),
            ("--timeout=30", f"--timeout={seconds}"),
        ):
            expect(documented_value, text, documented_value in text)
            text = text.replace(documented_value, here)
        script.write_text(text)
        script.chmod(0o755)
        hook = json.loads(documented.block("RecoveryPeriodBlockSeconds"))
        line = hook["PreFailoverProcesses"][0]
        for placeholder, value in (
            ("/etc/orchestrator/gate-opens", str(script)),
            ("{failedHost}", "127.0.0.1"),
            ("{failedPort}", str(self.primary.port)),
            ("{command}", command),
        ):
            expect(placeholder, line, placeholder in line)
            line = line.replace(placeholder, value)
        return self.run("bash", "-c", line)

    def orchestrator_hook_with_closed_gate(self) -> None:
        seen = self.failover_hook(1)
        expect("it lets the failover go on", seen, seen[0] == 0)

    def orchestrator_hook_with_open_gate(self) -> None:
        seen = self.failover_hook(30)
        expect("it aborts the failover", seen, seen[0] == 1)
        seen = self.failover_hook(30, "graceful-master-takeover")
        expect("not one that somebody asked for", seen, seen[0] == 0)


if __name__ == "__main__":
    sys.exit(main("recovery-gate-proxies", BehindProxies))
