# SPDX-License-Identifier: GPL-2.0-only
"""MaxScale before a closed gate, as docs/proxies.md has it.

    tools/rigs/start proxies.maxscale PROGRAM [SCENE...]

No test of ctest's: MaxScale is in no distribution, and whoever runs this brings the
program of an installed one. Each scene is a primary with two replicas, all three with
the options of docs/managers.md, behind MaxScale with the configuration and the accounts
that are printed in docs/proxies.md, and applications that read and write through it all
the time. Takes five minutes; exits 0 only if everything was as the pages say.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from rigs.proxies import documented
from rigs.servers import (
    Server,
    Servers,
    Session,
    SqlError,
    expect,
    free_port,
    program,
    tail,
    wait_for,
)
from rigs.story import run_stories
from rigs.tool_under_test import GATE, QUICK

PASSWORD = "in-a-rig"
MASTER, SLAVE, DOWN = "Master, Running", "Slave, Running", "Down"
READ_ONLY, REJECTED, LOST = 1290, 1047, 2013
_READ = "SELECT COUNT(*) FROM shop.orders WHERE note = 'in doubt'"
_WRITE = "INSERT INTO shop.orders (note) VALUES ('written')"
# Later than any retry in a scene that decides itself when a replica is back.
_NEVER = 3600
# What the manual wants for a service's account.
_SERVICE_TABLES = (
    *("user", "db", "tables_priv", "columns_priv", "procs_priv"),
    *("proxies_priv", "roles_mapping"),
)


class MaxScale:
    """In a `with` block: one that runs."""

    def __init__(self, path: Path, folder: Path, configuration: str):
        self.port, self._admin = free_port(), free_port()
        self._path, self._folder = path, folder
        self._file = folder / "maxscale.cnf"
        self._file.write_text(
            f"[maxscale]\nthreads=2\nadmin_host=127.0.0.1\nadmin_port={self._admin}\n"
            "admin_secure_gui=false\nadmin_gui=false\n\n"
            + configuration.replace(
                "port=3306", f"address=127.0.0.1\nport={self.port}"
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ("datadir", "cachedir", "logdir", "piddir", "persistdir")
        options += ("module_configdir", "language")
        for option in options:
            (self._folder / option).mkdir(exist_ok=True)
        with open(self._folder / "maxscale.log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    *(program("setpriv"), "--pdeathsig", "KILL", "--"),
                    *(self._path, "--nodaemon", f"--config={self._file}"),
                    *(f"--{option}={self._folder / option}" for option in options),
                    *("--syslog=no", "--maxlog=yes"),
                    *(("--user=root",) if os.geteuid() == 0 else ()),
                ],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> MaxScale:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_) -> None:
        self.stop()
        if kind is not None:
            for log in sorted(self._folder.glob("**/maxscale.log")):
                print(f"--- {log}\n{tail(log, 15)}", file=sys.stderr)

    def ask(self, what: str, method: str = "GET") -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._admin}/v1/{what}",
            method=method,
            headers={
                "Authorization": "Basic "
                + base64.b64encode(b"admin:mariadb").decode()
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.loads(answer.read() or b"{}")
        except OSError as error:
            return str(error)

    def states(self) -> dict[str, str]:
        answer = self.ask("servers")
        if not isinstance(answer, dict):
            return {}
        return {one["id"]: one["attributes"]["state"] for one in answer["data"]}

    def wait_for(self, timeout: float = 30, **states: str) -> None:
        wait_for(
            self.states,
            lambda seen: states.items() <= seen.items(),
            f"{states} in MaxScale",
            timeout,
        )


@dataclass
class Outcome:
    begun: float
    took: float
    error: int = 0  # none
    rows: int = 0


class Application:
    """Does one thing after the other, in a new session each time or in one, which it
    opens again when it is lost."""

    def __init__(self, port: int, sql: str, *, new_sessions: bool):
        self.outcomes: list[Outcome] = []
        self.sessions = 0
        self._port, self._sql, self._new = port, sql, new_sessions
        self._session: Session | None = None
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ends.wait(0.2):
            begun, error, rows = time.monotonic(), 0, 0
            try:
                rows = int(self._do() or 0)
            except SqlError as raised:
                error = raised.code
                if raised.is_of_connection():
                    self._session = None
            self.outcomes.append(Outcome(begun, time.monotonic() - begun, error, rows))

    def _do(self) -> Any:
        if self._session is None:
            self._session = Session("app", PASSWORD, port=self._port, timeout=60)
            self.sessions += 1
        try:
            return self._session.value(self._sql)
        finally:
            if self._new:
                self._session.close()
                self._session = None

    def end(self) -> None:
        self._ends.set()
        self._thread.join(60)

    def since(self, begin: float) -> list[Outcome]:
        return [one for one in list(self.outcomes) if one.begun >= begin]

    def wait_for_success(self, begin: float) -> None:
        """One that was begun after that, and succeeded."""
        wait_for(
            lambda: self.since(begin)[-3:],
            lambda seen: any(not one.error for one in seen),
            "an application to be served",
        )


class Group:
    """Three servers behind MaxScale; db1 is the primary."""

    def __init__(
        self,
        servers: Servers,
        stack: ExitStack,
        *,
        may_pass: bool,
        failover: bool = True,
        writable: bool = True,
        admits_service: bool = False,
        retry: int,
    ):
        folder = servers.folder / f"scene-{len(servers.all)}"
        admitted = ["maxscale"] * may_pass + ["maxscale_service"] * admits_service
        self.servers = [
            servers.add(
                f"{folder.name}/db{number}",
                *(*QUICK, *GATE, *documented.options("managers.md", "read_only ")),
                f"--recovery-gate-admit-users={','.join(admitted)}",
            )
            for number in (1, 2, 3)
        ]
        for number, server in enumerate(self.servers, 1):
            server.id = number
            server.start()
            self._accounts(server)
        self.db1, *self.replicas = self.servers
        self.db2, self.db3 = self.replicas
        for replica in self.replicas:
            replica.query(
                "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%s,"
                " MASTER_USER='replication', MASTER_PASSWORD=%s,"
                " MASTER_CONNECT_RETRY=%s, MASTER_USE_GTID=slave_pos",
                *(self.db1.port, PASSWORD, retry),
            )
            replica.query("START SLAVE")
        self.db1.query("SET GLOBAL read_only=OFF")
        self.db1.wait_for_status("Rpl_semi_sync_master_clients", "2")
        self.db1.query("CREATE DATABASE shop")
        self.db1.query(
            "CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, note TEXT)"
        )
        end = self.db1.value("SELECT @@gtid_binlog_pos")
        for replica in self.replicas:
            replica.value("SELECT MASTER_GTID_WAIT(%s, 30)", end)
        self.maxscale = MaxScale(
            _chosen, folder, self._configuration(failover, writable)
        )
        stack.enter_context(self.maxscale)
        self.maxscale.wait_for(db1=MASTER, db2=SLAVE, db3=SLAVE)
        self.reads, self.readers, self.writes, self.writers = (
            self.application(stack, sql, new)
            for sql in (_READ, _WRITE)
            for new in (True, False)
        )
        for application in (self.reads, self.readers, self.writes, self.writers):
            application.wait_for_success(0)
        self.back = time.monotonic()  # from the last start on; what is printed

    def application(self, stack: ExitStack, sql: str, new: bool) -> Application:
        application = Application(self.maxscale.port, sql, new_sessions=new)
        stack.callback(application.end)
        return application

    @staticmethod
    def _accounts(server: Server) -> None:
        printed = "".join(
            documented.block(mark)
            for mark in ("CREATE USER maxscale@", "GRANT SUPER, RELOAD")
        ).replace("...", PASSWORD)
        for user in ("maxscale_service", "replication", "app"):
            printed += f"CREATE USER {user}@'192.0.2.1' IDENTIFIED BY '{PASSWORD}';\n"
        for table in _SERVICE_TABLES:
            printed += f"GRANT SELECT ON mysql.{table}"
            printed += " TO maxscale_service@'192.0.2.1';\n"
        printed += (
            "GRANT SHOW DATABASES ON *.* TO maxscale_service@'192.0.2.1';\n"
            "GRANT REPLICATION SLAVE ON *.* TO replication@'192.0.2.1';\n"
            "GRANT SELECT, INSERT ON shop.* TO app@'192.0.2.1';\n"
        )
        with server.connect_as_admin() as session:
            session.query("SET sql_log_bin=OFF")
            for statement in printed.replace("192.0.2.1", "127.0.0.1").split(";\n"):
                if statement:
                    session.query(statement)

    def _configuration(self, failover: bool, writable: bool) -> str:
        text = documented.block("[Replication-Monitor]").replace("...", PASSWORD)
        text = text.replace("servers=db1,db2", "servers=db1,db2,db3")
        if not failover:
            text = re.sub(r"# With failover, also:\n(\S.*\n)*", "", text)
        if not writable:
            text = text.replace("enforce_writable_master=true\n", "")
        for server in self.servers:
            text += f"\n[{server.name}]\ntype=server\naddress=127.0.0.1\n"
            text += f"port={server.port}\n"
        return text

    def crash(self) -> None:
        """With a commit that no replica has; both have lost the primary, and retry."""
        for replica in self.replicas:
            replica.query("STOP SLAVE IO_THREAD")
        self.db1.kill9_during("INSERT INTO shop.orders (note) VALUES ('in doubt')")
        for replica in self.replicas:
            replica.query("START SLAVE IO_THREAD")
            wait_for(
                lambda replica=replica: replica.query("SHOW SLAVE STATUS")[0],
                lambda row: row["Last_IO_Errno"],
                f"{replica.name} to have tried in vain",
            )

    def restart(self, *options: str) -> None:
        self.db1.start(*options)
        self.back = time.monotonic()

    def crash_and_restart(self) -> None:
        self.crash()
        self.restart()
        self.db1.wait_for_status("Recovery_gate_state", "CLOSED")

    def bring_replicas_back(self) -> None:
        for replica in self.replicas:
            replica.query("STOP SLAVE")
            replica.query("START SLAVE")

    def wait_for_opening(self, by: str, timeout: float = 30) -> float:
        self.db1.wait_for_status("Recovery_gate_opened_by", by, timeout)
        self.say(f"open, by {by}")
        return time.monotonic()

    def wait_for_failover(self) -> float:
        wait_for(
            lambda: [r.value("SELECT @@read_only") for r in self.replicas],
            lambda seen: 0 in seen,
            "a replica to be promoted",
            60,
        )
        self.say("a replica is writable")
        return time.monotonic()

    def say(self, what: str) -> None:
        print(f"  {time.monotonic() - self.back:5.1f} s: {what}")

    def expect_no_phantom(self) -> None:
        """What is in doubt, at any time until now."""
        for application in (self.reads, self.readers):
            seen = [one for one in application.outcomes if one.rows]
            expect("nobody to read what is in doubt", seen, not seen)

    def expect_undisturbed_reads(self, begin: float) -> None:
        for application in (self.reads, self.readers):
            seen = application.since(begin)
            bad = [one for one in seen if one.error or one.took > 2]
            expect("undisturbed reads", bad, seen and not bad)

    def expect_errors(self, begin: float, *allowed: int) -> None:
        """Of writes that were begun after that."""
        for application in (self.writes, self.writers):
            seen = {one.error for one in application.since(begin)} - {0}
            expect(f"no errors of writes but {allowed}", seen, seen <= set(allowed))

    def expect_healed(self, begin: float) -> None:
        """By itself, without a failover, once the replicas are back."""
        opened = self.wait_for_opening("ACK")
        self.maxscale.wait_for(db1=MASTER, db2=SLAVE, db3=SLAVE)
        self.say("Master")
        self.writers.wait_for_success(opened)
        self.expect_undisturbed_reads(begin)
        self.expect_errors(begin, LOST, READ_ONLY)

    def wait_for_looks(self, number: int = 3) -> None:
        """Until the monitor has looked so many times."""

        def ticks() -> int:
            answer = self.maxscale.ask("monitors/Replication-Monitor")
            return answer["data"]["attributes"]["ticks"]

        enough = ticks() + number
        wait_for(ticks, lambda seen: seen >= enough, f"{number} looks", 60)

    def wait_for_write_error(self, code: int, begin: float) -> None:
        wait_for(
            lambda: {one.error for one in self.writers.since(begin)},
            lambda seen: code in seen,
            f"a write to end with {code}",
            60,
        )


# --- A crash, and the primary comes back --------------------------------------


def may_not_pass(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Group(servers, stack, may_pass=False, retry=60)
        begin = time.monotonic()
        group.crash_and_restart()
        group.maxscale.wait_for(db1=DOWN)
        group.say("Down")
        group.writers.wait_for_success(group.wait_for_failover())
        group.say("writes go on")
        group.wait_for_looks()
        group.maxscale.wait_for(db1=DOWN)
        state = group.db1.status("Recovery_gate_state")
        expect("an old primary with a closed gate", state, state == "CLOSED")
        group.expect_undisturbed_reads(begin)
        group.expect_errors(begin, LOST)
        group.expect_no_phantom()


def may_not_pass_and_opens_first(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Group(servers, stack, may_pass=False, retry=2)
        begin = time.monotonic()
        group.crash_and_restart()
        group.expect_healed(begin)


def may_not_pass_without_failover(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Group(servers, stack, may_pass=False, failover=False, retry=_NEVER)
        begin = time.monotonic()
        group.crash_and_restart()
        group.maxscale.wait_for(db1=DOWN)
        group.wait_for_looks(8)
        group.maxscale.wait_for(db1=DOWN, db2=SLAVE, db3=SLAVE)
        group.expect_no_phantom()
        group.bring_replicas_back()
        group.expect_healed(begin)


def without_enforce_writable_master(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Group(
            *(servers, stack),
            may_pass=False,
            failover=False,
            writable=False,
            retry=_NEVER,
        )
        group.crash_and_restart()
        group.maxscale.wait_for(db1=DOWN)
        group.bring_replicas_back()
        group.wait_for_opening("ACK")
        group.maxscale.wait_for(db1=SLAVE)
        group.wait_for_looks(5)
        group.maxscale.wait_for(db1=SLAVE, db2=SLAVE, db3=SLAVE)
        read_only = group.db1.value("SELECT @@read_only")
        expect("a primary that is read-only", read_only, read_only == 1)


def may_pass(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Group(servers, stack, may_pass=True, retry=_NEVER)
        begin = time.monotonic()
        group.crash_and_restart()
        group.wait_for_looks(2)
        group.maxscale.wait_for(db1=MASTER, db2=SLAVE, db3=SLAVE)
        group.say("Master")
        group.wait_for_write_error(REJECTED, group.back)
        sessions = group.writers.sessions
        group.wait_for_write_error(REJECTED, time.monotonic())
        group.expect_no_phantom()
        group.bring_replicas_back()
        group.writers.wait_for_success(group.wait_for_opening("ACK") - 1)
        expect("the session to go on", sessions, group.writers.sessions == sessions)
        group.wait_for_looks()
        group.maxscale.wait_for(db1=MASTER, db2=SLAVE, db3=SLAVE)
        group.expect_errors(begin, LOST, REJECTED)


# --- A crash, and another one is the primary meanwhile ------------------------


def _replaced(group: Group) -> None:
    """db1 is back with a closed gate, and its successor lacks nothing."""
    group.db1.query("INSERT INTO shop.orders (note) VALUES ('acknowledged')")
    group.db1.kill9()
    group.back = time.monotonic()
    group.maxscale.wait_for(db1=DOWN)
    group.writers.wait_for_success(group.wait_for_failover())
    group.restart("--init-rpl-role=SLAVE")
    reason = group.db1.status("Recovery_gate_reason")
    expect("a gate that was closed", reason, reason == "CRASH")


def rejoined(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Group(servers, stack, may_pass=True, retry=2)
        _replaced(group)
        group.wait_for_opening("PRIMARY")
        group.maxscale.wait_for(db1=SLAVE)


def not_rejoined(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Group(servers, stack, may_pass=False, retry=2)
        _replaced(group)
        group.maxscale.wait_for(db1=DOWN)
        group.wait_for_looks(5)
        group.maxscale.wait_for(db1=DOWN)
        successor = next(r for r in group.replicas if not r.value("SELECT @@read_only"))
        group.db1.query(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%s,"
            " MASTER_USER='replication', MASTER_PASSWORD=%s,"
            " MASTER_USE_GTID=slave_pos, MASTER_DEMOTE_TO_SLAVE=1",
            *(successor.port, PASSWORD),
        )
        group.db1.query("START SLAVE")
        group.wait_for_opening("PRIMARY")
        group.maxscale.wait_for(db1=SLAVE)


# --- Nothing crashes, or MaxScale does ----------------------------------------


def _switchover_and_restart(servers: Servers, *, may_pass: bool) -> None:
    with ExitStack() as stack:
        group = Group(servers, stack, may_pass=may_pass, retry=2)
        group.back = begin = time.monotonic()
        for old, new in (("db1", "db2"), ("db2", "db1")):
            command = "maxscale/modules/mariadbmon/switchover?Replication-Monitor"
            answer = group.maxscale.ask(f"{command}&{new}&{old}", "POST")
            expect("a switchover", answer, isinstance(answer, dict))
            group.maxscale.wait_for(**{old: SLAVE, new: MASTER, "db3": SLAVE})
            group.writers.wait_for_success(time.monotonic())
            group.say(f"{new} is the primary")
        # While somebody writes, or before semi-sync is on again, the gate would close,
        # and open by ACK.
        group.writes.end()
        group.writers.end()
        with suppress(SqlError):
            group.db1.query("DO 0")  # switchover has ended administrators' sessions
        group.db1.wait_for_status("Rpl_semi_sync_master_clients", "2")
        group.db1.wait_for_status("Rpl_semi_sync_master_status", "ON")
        group.db1.stop()
        group.restart()
        opened_by = group.db1.status("Recovery_gate_opened_by")
        expect("a gate that was not closed", opened_by, opened_by == "NOT_NEEDED")
        group.wait_for_looks(2)
        group.maxscale.wait_for(db1=MASTER, db2=SLAVE, db3=SLAVE)
        group.say("Master")
        group.expect_errors(begin, LOST, READ_ONLY)
        group.expect_undisturbed_reads(begin)
        later = group.application(stack, _WRITE, False)
        later.wait_for_success(time.monotonic())


def switchover(servers: Servers) -> None:
    _switchover_and_restart(servers, may_pass=False)


def switchover_may_pass(servers: Servers) -> None:
    _switchover_and_restart(servers, may_pass=True)


def _maxscale_restarts(
    servers: Servers, *, may_pass: bool, admits_service: bool
) -> float:
    """How long its first login takes while the gate is closed."""
    with ExitStack() as stack:
        group = Group(
            *(servers, stack),
            may_pass=may_pass,
            failover=False,
            admits_service=admits_service,
            retry=_NEVER,
        )
        group.maxscale.stop()
        group.crash_and_restart()
        group.maxscale.start()
        begin = time.monotonic()
        group.readers.wait_for_success(begin)
        took = time.monotonic() - begin
        group.say(f"the first read, {took:.1f} s after MaxScale's start")
        group.expect_no_phantom()
        group.bring_replicas_back()
        opened = group.wait_for_opening("ACK")
        group.maxscale.wait_for(db1=MASTER, db2=SLAVE, db3=SLAVE)
        group.writers.wait_for_success(opened)
        return took


def maxscale_restarts(servers: Servers) -> None:
    took = _maxscale_restarts(servers, may_pass=False, admits_service=False)
    expect("logins that wait for the gate", took, took > 6)


def maxscale_restarts_with_admitted_service(servers: Servers) -> None:
    took = _maxscale_restarts(servers, may_pass=False, admits_service=True)
    expect("logins that do not wait", took, took < 6)


SCENES: tuple[Callable[[Servers], None], ...] = (
    may_not_pass,
    may_not_pass_and_opens_first,
    may_not_pass_without_failover,
    without_enforce_writable_master,
    may_pass,
    rejoined,
    not_rejoined,
    switchover,
    switchover_may_pass,
    maxscale_restarts,
    maxscale_restarts_with_admitted_service,
)
_chosen = Path()

if __name__ == "__main__":
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    _chosen = Path(sys.argv[1]).resolve()
    sys.exit(run_stories("maxscale", SCENES, sys.argv[2:]))
