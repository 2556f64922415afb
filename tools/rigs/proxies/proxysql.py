# SPDX-License-Identifier: GPL-2.0-only
"""ProxySQL before a closed gate, as docs/proxies.md has it.

    tools/rigs/start proxies.proxysql PROGRAM [SCENE...]

No test of ctest's: ProxySQL is in no distribution, and whoever runs this brings its
program. Each scene is a primary with two replicas, all three with the options of
docs/managers.md, behind ProxySQL with the configuration and the account that are
printed in docs/proxies.md, and applications that read and write through it all the
time: what they read is sent to the readers. Takes eight minutes; exits 0 only if
everything was as the page says.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable

from rigs.proxies import documented, monitors
from rigs.proxies.background import Background, chosen
from rigs.proxies.group import LOST, NEVER, PASSWORD, READ, WRITE, Group
from rigs.servers import (
    Server,
    Servers,
    Session,
    SqlError,
    Unexpected,
    expect,
    free_port,
    wait_for,
)
from rigs.story import run_stories

NO_SERVER = 9001  # ProxySQL has waited for one of the hostgroup in vain
GATE_TEXT = "Recovery gate is closed: "
# In an error packet of ProxySQL, and nothing of the gate.
LOST_TEXT = "error 2013: Lost connection to MySQL server during query"

# Of the printed configuration: writers are in hostgroup 10, readers in 20.
_VARIABLES = "mysql_variables=\n{\n"

# Who connects, and what is sent to whom; which is nothing of the gate's.
_APPLICATIONS = """
mysql_users=
(
    { username="app", password="...", default_hostgroup=10 },
    { username="reporting", password="...", default_hostgroup=10 }
)
mysql_query_rules=
(
    { rule_id=1, active=1, match_digest="^SELECT", destination_hostgroup=20, apply=1 }
)
"""


class ProxySQL(Background):
    name = "proxysql"

    def __init__(self, path: Path, folder: Path, configuration: str):
        super().__init__(folder)
        self.port, self._admin = free_port(), free_port()
        self._path = path
        self._file = folder / "proxysql.cnf"
        expect(_VARIABLES, configuration, _VARIABLES in configuration)
        self._file.write_text(
            'admin_variables=\n{\n    admin_credentials="admin:admin"\n'
            f'    mysql_ifaces="127.0.0.1:{self._admin}"\n}}\n'
            + configuration.replace(
                _VARIABLES,
                f'{_VARIABLES}    interfaces="127.0.0.1:{self.port}"\n    threads=2\n',
            )
        )

    def command(self) -> list[str | Path]:
        return [
            *(self._path, "--foreground", "--initial", "--no-version-check"),
            *("--config", self._file, "--datadir", self.folder),
        ]

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """Its admin interface; nothing before it answers."""
        try:
            with Session("admin", "admin", port=self._admin) as session:
                return session.query(sql)
        except SqlError:
            return []

    def places(self) -> set[tuple[int, int, str]]:
        """Hostgroup, port and status of each server in each of its hostgroups."""
        rows = self.ask("SELECT hostgroup_id, port, status FROM runtime_mysql_servers")
        return {
            (int(row["hostgroup_id"]), int(row["port"]), row["status"]) for row in rows
        }


class Behind(Group):
    """A group behind ProxySQL. Nobody manages it, so the primary comes back writable,
    unless it is to be `read_only`."""

    def __init__(
        self,
        servers: Servers,
        stack: ExitStack,
        *,
        may_pass: bool,
        wait: int = 10000,
        read_only: bool = False,
        admitted: str = "",
        limits_lag: bool = False,
        **variables: str,  # ProxySQL's, others than are printed
    ):
        names = ["monitor"] * may_pass + [admitted] * bool(admitted)
        super().__init__(
            *(servers, f"--recovery-gate-connect-wait={wait}"),
            "--log-output=TABLE",
            admitted=",".join(names),
            accounts=documented.block("CREATE USER monitor@")
            + "CREATE USER reporting@'192.0.2.1' IDENTIFIED BY '...';\n"
            "GRANT SELECT ON shop.* TO reporting@'192.0.2.1';\n",
            retry=NEVER,
        )
        self._read_only = read_only
        self.proxysql = ProxySQL(
            _chosen, self.folder, self._configuration(limits_lag, variables)
        )
        stack.enter_context(self.proxysql)
        self._seen: list[dict[str, str]] = []
        watch = threading.Thread(target=self._watch, daemon=True)
        self._ends = threading.Event()
        watch.start()
        stack.callback(lambda: (self._ends.set(), watch.join()))
        self.wait_for(db1="10 ONLINE", db2="20 ONLINE", db3="20 ONLINE")
        self.start_applications(stack, self.proxysql.port)

    def _configuration(self, limits_lag: bool, variables: dict[str, str]) -> str:
        text = documented.block("mysql_replication_hostgroups=") + _APPLICATIONS
        text = text.replace("...", PASSWORD)
        for name, value in variables.items():
            text = re.sub(rf".*\b{name}=.*\n", "", text)
            text = text.replace(_VARIABLES, f"{_VARIABLES}    {name}={value}\n")
        more = ", max_replication_lag=10" if limits_lag else ""
        for address, hostgroup, here in (
            ("192.0.2.11", 10, [self.db1]),
            ("192.0.2.12", 20, self.replicas),
        ):
            printed = f'address="{address}", port=3306, hostgroup={hostgroup}'
            expect(printed, text, printed in text)
            text = text.replace(
                printed,
                " },\n    { ".join(
                    f'address="127.0.0.1", port={one.port}, hostgroup={hostgroup}{more}'
                    for one in here
                ),
            )
        return text

    def restart(self, *options: str) -> None:
        super().restart(f"--read-only={'ON' if self._read_only else 'OFF'}", *options)

    def places(self) -> dict[str, str]:
        """For each server, in which hostgroup it is what."""
        seen = self.proxysql.places()
        return {
            server.name: ", ".join(
                f"{hostgroup} {status}"
                for hostgroup, port, status in sorted(seen)
                if port == server.port
            )
            for server in self.servers
        }

    def _watch(self) -> None:
        while not self._ends.wait(0.1):
            places = self.places()
            if any(places.values()) and places not in self._seen[-1:]:
                self._seen.append(places)
                self.say(", ".join(map(": ".join, places.items())))

    def wait_for(self, timeout: float = 30, **places: str) -> None:
        wait_for(
            self.places,
            lambda seen: places.items() <= seen.items(),
            f"{places} in ProxySQL",
            timeout,
        )

    def crash_and_restart_slowly(self) -> None:
        """It is down for so long that ProxySQL takes it for read-only."""
        self.crash()
        wait_for(
            lambda: self.places()["db1"],
            lambda place: place.startswith("20 "),
            "the primary among the readers",
        )
        self.restart()
        self.db1.wait_for_status("Recovery_gate_state", "CLOSED")

    def wait_for_read_error(self, code: int, begin: float) -> None:
        wait_for(
            lambda: {one.error for one in self.readers.since(begin)},
            lambda seen: code in seen,
            f"a read to end with {code}",
            60,
        )

    def expect_no_held_reads(self, begin: float) -> None:
        slow = [one for one in self.readers.since(begin) if one.took > 2]
        expect("reads to fail immediately", slow, not slow)

    def expect_only(self, **places: set[str]) -> None:
        """Where a server has been, from when it was watched until now."""
        for name, expected in places.items():
            seen = {one[name] for one in self._seen}
            expect(f"{name} in {expected}", seen, seen <= expected)

    def wait_for_looks(self, number: int = 3) -> None:
        """Until the monitor has looked so many times whether db1 is read-only."""
        self._wait_for_more("read_only", self.db1, number)

    def wait_for_lag_checks(self, number: int) -> None:
        self._wait_for_more("replication_lag", self.db2, number)

    def _wait_for_more(self, check: str, server: Server, number: int) -> None:
        def checks() -> int:
            rows = self.proxysql.ask(
                f"SELECT COUNT(*) AS checks FROM monitor.mysql_server_{check}_log"
                f" WHERE port={server.port}"
            )
            return int(rows[0]["checks"]) if rows else 0

        enough = checks() + number
        wait_for(
            checks, lambda seen: seen >= enough, f"{number} checks of {check}", 60
        )

    def promote_db2(self) -> None:
        """By hand: ProxySQL only sees that it is writable."""
        for statement in ("STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only=OFF"):
            self.db2.query(statement)
        self.db3.query("STOP SLAVE")
        self.db3.query(
            "CHANGE MASTER TO MASTER_PORT=%s, MASTER_USE_GTID=slave_pos", self.db2.port
        )
        self.db3.query("START SLAVE")


def _failure(session: Session, sql: str) -> tuple[SqlError, float]:
    """The error that it ends with, and after how long."""
    begin = time.monotonic()
    try:
        rows = session.query(sql)
    except SqlError as error:
        return error, time.monotonic() - begin
    raise Unexpected(f"{sql} to fail", rows)


# --- A crash, and the primary comes back --------------------------------------


def may_pass(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Behind(servers, stack, may_pass=True)
        begin = time.monotonic()
        group.crash_and_restart()
        with Session("app", PASSWORD, port=group.proxysql.port, timeout=60) as session:
            error, took = _failure(session, WRITE)
            expect("2013 without the text", error, str(error) == LOST_TEXT)
            expect("it to be sent once only", took, 9 < took < 15)
            answer = session.query("SELECT 1")
            expect("the session to go on", answer, answer)
        group.wait_for_write_error(LOST, group.back)
        group.expect_no_phantom()
        group.bring_replicas_back()
        opened = group.wait_for_opening("ACK")
        group.writers.wait_for_success(opened - 1)
        group.wait_for(db1="10 ONLINE", db2="20 ONLINE", db3="20 ONLINE")
        group.expect_only(db1={"10 ONLINE", "10 SHUNNED"}, db2={"20 ONLINE"})
        group.expect_undisturbed_reads(begin)
        group.expect_errors(begin, LOST)


def _slow_restart(servers: Servers, place: str, **variables: str) -> None:
    with ExitStack() as stack:
        group = Behind(servers, stack, may_pass=True, **variables)
        group.crash_and_restart_slowly()
        group.wait_for(db1=place)
        back = time.monotonic()
        if "20" in place:
            group.wait_for_read_error(LOST, back)
        group.wait_for_write_error(LOST, back)
        group.expect_no_phantom()
        group.bring_replicas_back()
        opened = group.wait_for_opening("ACK")
        group.writers.wait_for_success(opened - 1)
        if "20" not in place:
            group.expect_undisturbed_reads(back)


def slow_restart(servers: Servers) -> None:
    _slow_restart(servers, "10 ONLINE")


def slow_restart_where_the_writer_is_also_a_reader(servers: Servers) -> None:
    _slow_restart(
        servers, "10 ONLINE, 20 ONLINE", monitor_writer_is_also_reader="true"
    )


def read_only_in_its_option_file(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Behind(servers, stack, may_pass=True, read_only=True)
        group.crash_and_restart()
        group.wait_for(db1="20 ONLINE")
        group.wait_for_read_error(LOST, group.back)
        group.wait_for_write_error(NO_SERVER, group.back)
        group.db1.query("SET GLOBAL read_only=OFF")  # as a manager does
        group.wait_for(db1="10 ONLINE")
        writable = time.monotonic()
        group.wait_for_write_error(LOST, writable)
        group.expect_undisturbed_reads(writable)
        group.expect_no_phantom()


def may_not_pass(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Behind(servers, stack, may_pass=False)
        group.crash_and_restart()
        group.wait_for(db1="20 ONLINE")
        group.wait_for_read_error(LOST, group.back)
        group.wait_for_write_error(NO_SERVER, group.back)
        group.wait_for(60, db1="20 SHUNNED")
        shunned = time.monotonic()
        group.wait_for_write_error(NO_SERVER, shunned)
        group.expect_undisturbed_reads(shunned)
        group.expect_no_phantom()
        group.bring_replicas_back()
        opened = group.wait_for_opening("ACK")
        group.wait_for(db1="10 ONLINE", db2="20 ONLINE", db3="20 ONLINE")
        group.writers.wait_for_success(opened)


def may_not_pass_and_is_not_held(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Behind(servers, stack, may_pass=False, wait=0)
        begin = time.monotonic()
        group.crash_and_restart()
        group.wait_for(db1="10 SHUNNED")
        group.wait_for_write_error(LOST, group.back)
        group.wait_for_looks(5)
        group.expect_only(db1={"10 ONLINE", "10 SHUNNED"}, db2={"20 ONLINE"})
        group.expect_no_phantom()
        group.bring_replicas_back()
        opened = group.wait_for_opening("ACK")
        group.writers.wait_for_success(opened)
        group.wait_for(db1="10 ONLINE", db2="20 ONLINE", db3="20 ONLINE")
        group.expect_undisturbed_reads(begin)
        group.expect_errors(begin, LOST, NO_SERVER)


def slow_restart_and_is_not_held(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Behind(servers, stack, may_pass=False, wait=0)
        group.crash_and_restart_slowly()
        group.wait_for_read_error(LOST, group.back)
        group.wait_for_write_error(NO_SERVER, group.back)
        group.expect_no_held_reads(group.back)
        group.expect_no_phantom()
        group.bring_replicas_back()
        opened = group.wait_for_opening("ACK")
        group.wait_for(db1="10 ONLINE", db2="20 ONLINE", db3="20 ONLINE")
        group.writers.wait_for_success(opened)


# --- Another one is the primary meanwhile --------------------------------------


def _replaced(servers: Servers, *, may_pass: bool, wait: int = 10000) -> None:
    """db1 comes back with a closed gate, read-only, and its successor lacks nothing."""
    with ExitStack() as stack:
        group = Behind(servers, stack, may_pass=may_pass, wait=wait, read_only=True)
        group.db1.kill9()
        group.back = time.monotonic()
        group.promote_db2()
        group.wait_for(db2="10 ONLINE")
        group.writers.wait_for_success(time.monotonic())
        group.wait_for(db1="20 SHUNNED", db2="10 ONLINE", db3="20 ONLINE")
        group.restart_replaced()
        group.wait_for_read_error(LOST, group.back)
        if not wait:
            group.expect_no_held_reads(group.back)
        elif not may_pass:
            group.wait_for(60, db1="20 SHUNNED")
            shunned = time.monotonic()
            wait_for(
                lambda: len(group.readers.since(shunned)),
                lambda number: number > 20,
                "more reads",
            )
            group.expect_undisturbed_reads(shunned)
        group.rejoin(group.db2)
        opened = group.wait_for_opening("PRIMARY")
        group.wait_for(db1="20 ONLINE", db2="10 ONLINE", db3="20 ONLINE")
        for application in (group.reads, group.readers):
            application.wait_for_success(opened)
        group.expect_undisturbed_reads(opened)
        group.expect_errors(group.back)


def replaced(servers: Servers) -> None:
    _replaced(servers, may_pass=True)


def replaced_and_may_not_pass(servers: Servers) -> None:
    _replaced(servers, may_pass=False)


def replaced_and_is_not_held(servers: Servers) -> None:
    _replaced(servers, may_pass=False, wait=0)


# --- What else is sent to it ---------------------------------------------------


def limited_lag(servers: Servers) -> None:
    """While the primary is away, a replica does not know how late it is."""
    with ExitStack() as stack:
        group = Behind(servers, stack, may_pass=True, limits_lag=True)
        begin = time.monotonic()
        group.crash_and_restart()
        group.wait_for(db1="10 ONLINE", db2="20 SHUNNED", db3="20 SHUNNED")
        group.wait_for_read_error(NO_SERVER, begin)
        group.bring_replicas_back()
        opened = group.wait_for_opening("ACK")
        group.wait_for(db1="10 ONLINE", db2="20 ONLINE", db3="20 ONLINE")
        group.readers.wait_for_success(opened)


def limited_lag_where_null_is_none(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Behind(
            *(servers, stack),
            may_pass=True,
            limits_lag=True,
            monitor_slave_lag_when_null="0",
        )
        begin = time.monotonic()
        group.crash_and_restart()
        group.wait_for_lag_checks(3)
        group.expect_only(db2={"20 ONLINE"}, db3={"20 ONLINE"})
        group.expect_undisturbed_reads(begin)


def pooled_connection(servers: Servers) -> None:
    """One of an account that may pass is given to another account."""
    with ExitStack() as stack:
        group = Behind(servers, stack, may_pass=True, admitted="reporting")
        group.writes.end()
        group.writers.end()
        group.crash_and_restart()

        def connect(user: str) -> Session:
            return Session(user, PASSWORD, port=group.proxysql.port)

        # In parentheses, so that it is sent to the primary.
        with connect("reporting") as session:
            seen = session.value(f"({READ})")
            expect("the row in doubt", seen, seen == 1)
        with connect("app") as session:
            error, took = _failure(session, f"({READ})")
            expect("1047 with its text", error, error.text.startswith(GATE_TEXT))
            expect("it to be rejected immediately", took, took < 2)


def proxysql_restarts(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Behind(servers, stack, may_pass=True)
        group.proxysql.stop()
        group.crash_and_restart()
        group.proxysql.start()
        begin = time.monotonic()
        group.readers.wait_for_success(begin)
        took = time.monotonic() - begin
        group.say(f"the first read, {took:.1f} s after ProxySQL's start")
        expect("logins that do not wait", took, took < 6)
        group.wait_for(db1="10 ONLINE", db2="20 ONLINE", db3="20 ONLINE")
        group.expect_no_phantom()
        group.bring_replicas_back()
        group.writers.wait_for_success(group.wait_for_opening("ACK") - 1)


def statements(servers: Servers) -> None:
    """What the monitor sends is what rigs.proxies.monitors replays, but for COM_PING,
    which no general log has."""
    with ExitStack() as stack:
        group = Behind(servers, stack, may_pass=True, limits_lag=True)
        group.proxysql.stop()
        for server in (group.db1, group.db2):
            server.query("SET GLOBAL general_log=ON")
        group.proxysql.start()
        expected = {
            ("Connect", "monitor@127.0.0.1 on  using TCP/IP"),
            ("Query", monitors.PROXYSQL_READ_ONLY),
            ("Query", monitors.PROXYSQL_LAG),
            ("Query", monitors.PROXYSQL_CONNECTED),
            ("Quit", ""),
        }
        for server in (group.db1, group.db2):
            wait_for(
                lambda server=server: {
                    (row["command_type"], str(row["argument"] or ""))
                    for row in server.query(
                        "SELECT DISTINCT command_type, argument FROM mysql.general_log"
                        " WHERE user_host LIKE '%monitor%'"
                    )
                },
                lambda seen: seen == expected,
                f"{expected} on {server.name}",
                60,
            )


SCENES: tuple[Callable[[Servers], None], ...] = (
    may_pass,
    slow_restart,
    slow_restart_where_the_writer_is_also_a_reader,
    read_only_in_its_option_file,
    may_not_pass,
    may_not_pass_and_is_not_held,
    slow_restart_and_is_not_held,
    replaced,
    replaced_and_may_not_pass,
    replaced_and_is_not_held,
    limited_lag,
    limited_lag_where_null_is_none,
    pooled_connection,
    proxysql_restarts,
    statements,
)
_chosen = Path()

if __name__ == "__main__":
    _chosen = chosen(__doc__)
    sys.exit(run_stories("proxysql", SCENES, sys.argv[2:]))
