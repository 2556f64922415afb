# SPDX-License-Identifier: GPL-2.0-only
"""What rigs of proxies stand before: a primary with two replicas, all three with the
options of docs/managers.md, and applications that read and write through the proxy all
the time."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from rigs.proxies import documented
from rigs.servers import Servers, Session, SqlError, expect, wait_for
from rigs.tool_under_test import GATE, QUICK

PASSWORD = "in-a-rig"
READ_ONLY, REJECTED, LOST = 1290, 1047, 2013
READ = "SELECT COUNT(*) FROM shop.orders WHERE note = 'in doubt'"
WRITE = "INSERT INTO shop.orders (note) VALUES ('written')"
# Later than any retry in a scene that decides itself when a replica is back.
NEVER = 3600


@dataclass
class Outcome:
    begun: float
    took: float
    error: int = 0  # none
    text: str = ""
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
            outcome = Outcome(time.monotonic(), 0)
            try:
                outcome.rows = int(self._do() or 0)
            except SqlError as raised:
                outcome.error, outcome.text = raised.code, raised.text
                if raised.is_of_connection():
                    self._session = None
            outcome.took = time.monotonic() - outcome.begun
            self.outcomes.append(outcome)

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
    """db1 is the primary. `accounts` are statements that make them, as printed."""

    def __init__(
        self, servers: Servers, *options: str, admitted: str, accounts: str, retry: int
    ):
        self.back = time.monotonic()  # from the last start on; what is printed
        self.folder = servers.folder / f"scene-{len(servers.all)}"
        self.servers = [
            servers.add(
                f"{self.folder.name}/db{number}",
                *(*QUICK, *GATE, *documented.options("managers.md", "read_only ")),
                f"--recovery-gate-admit-users={admitted}",
                *options,
            )
            for number in (1, 2, 3)
        ]
        for user in ("replication", "app"):
            accounts += f"CREATE USER {user}@'192.0.2.1' IDENTIFIED BY '...';\n"
        accounts += (
            "GRANT REPLICATION SLAVE ON *.* TO replication@'192.0.2.1';\n"
            "GRANT SELECT, INSERT ON shop.* TO app@'192.0.2.1';\n"
        )
        statements = accounts.replace("...", PASSWORD).replace("192.0.2.1", "127.0.0.1")
        for number, server in enumerate(self.servers, 1):
            server.id = number
            server.start()
            with server.connect_as_admin() as session:
                session.query("SET sql_log_bin=OFF")
                for statement in filter(None, statements.split(";\n")):
                    session.query(statement)
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

    def start_applications(self, stack: ExitStack, port: int) -> None:
        """They come through the proxy at that port."""
        self._stack, self._port = stack, port
        self.reads, self.readers, self.writes, self.writers = (
            self.application(sql, new_sessions)
            for sql in (READ, WRITE)
            for new_sessions in (True, False)
        )
        for application in (self.reads, self.readers, self.writes, self.writers):
            application.wait_for_success(0)
        self.back = time.monotonic()

    def application(self, sql: str, new_sessions: bool) -> Application:
        application = Application(self._port, sql, new_sessions=new_sessions)
        self._stack.callback(application.end)
        return application

    # What is done to it

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

    def crash_and_restart(self, *options: str) -> None:
        self.crash()
        self.restart(*options)
        self.db1.wait_for_status("Recovery_gate_state", "CLOSED")

    def restart_replaced(self) -> None:
        """Closed in any case: whether the gate knows already that the last commit was
        acknowledged is a matter of milliseconds."""
        self.restart("--init-rpl-role=SLAVE", "--recovery-gate-mode=ALWAYS")
        self.db1.wait_for_status("Recovery_gate_state", "CLOSED")

    def bring_replicas_back(self) -> None:
        for replica in self.replicas:
            replica.query("STOP SLAVE")
            replica.query("START SLAVE")

    def rejoin(self, primary: Any) -> None:
        """db1, which was replaced, follows its successor."""
        self.db1.query(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%s,"
            " MASTER_USER='replication', MASTER_PASSWORD=%s,"
            " MASTER_USE_GTID=slave_pos, MASTER_DEMOTE_TO_SLAVE=1",
            *(primary.port, PASSWORD),
        )
        self.db1.query("START SLAVE")

    # What is seen of it

    def say(self, what: str) -> None:
        print(f"  {time.monotonic() - self.back:5.1f} s: {what}")

    def wait_for_opening(self, by: str, timeout: float = 30) -> float:
        self.db1.wait_for_status("Recovery_gate_opened_by", by, timeout)
        self.say(f"open, by {by}")
        return time.monotonic()

    def wait_for_write_error(self, code: int, begin: float) -> Outcome:
        return wait_for(
            lambda: [one for one in self.writers.since(begin) if one.error],
            lambda seen: any(one.error == code for one in seen),
            f"a write to end with {code}",
            60,
        )[-1]

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
