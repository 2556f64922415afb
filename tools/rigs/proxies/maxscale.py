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
import sys
import time
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Callable

from rigs.proxies import documented
from rigs.proxies.background import Background, chosen
from rigs.proxies.group import (
    LOST,
    NEVER,
    PASSWORD,
    READ_ONLY,
    REJECTED,
    WRITE,
    Group,
)
from rigs.servers import (
    Servers,
    SqlError,
    expect,
    free_port,
    wait_for,
)
from rigs.story import run_stories

MASTER, SLAVE, DOWN = "Master, Running", "Slave, Running", "Down"
# What the manual wants for a service's account.
_SERVICE_TABLES = (
    *("user", "db", "tables_priv", "columns_priv", "procs_priv"),
    *("proxies_priv", "roles_mapping"),
)


class MaxScale(Background):
    name = "maxscale"

    def __init__(self, path: Path, folder: Path, configuration: str):
        super().__init__(folder)
        self.port, self._admin = free_port(), free_port()
        self._path = path
        self._file = folder / "maxscale.cnf"
        self._file.write_text(
            f"[maxscale]\nthreads=2\nadmin_host=127.0.0.1\nadmin_port={self._admin}\n"
            "admin_secure_gui=false\nadmin_gui=false\n\n"
            + configuration.replace(
                "port=3306", f"address=127.0.0.1\nport={self.port}"
            )
        )

    def command(self) -> list[str | Path]:
        options = ("datadir", "cachedir", "logdir", "piddir", "persistdir")
        options += ("module_configdir", "language")
        for option in options:
            (self.folder / option).mkdir(exist_ok=True)
        return [
            *(self._path, "--nodaemon", f"--config={self._file}"),
            *(f"--{option}={self.folder / option}" for option in options),
            *("--syslog=no", "--maxlog=yes"),
            *(("--user=root",) if os.geteuid() == 0 else ()),
        ]

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


class Behind(Group):
    """A group behind MaxScale."""

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
        admitted = ["maxscale"] * may_pass + ["maxscale_service"] * admits_service
        super().__init__(
            servers,
            admitted=",".join(admitted),
            accounts=self._accounts(),
            retry=retry,
        )
        self.maxscale = MaxScale(
            _chosen, self.folder, self._configuration(failover, writable)
        )
        stack.enter_context(self.maxscale)
        self.maxscale.wait_for(db1=MASTER, db2=SLAVE, db3=SLAVE)
        self.start_applications(stack, self.maxscale.port)

    @staticmethod
    def _accounts() -> str:
        statements = documented.block("CREATE USER maxscale@")
        statements += documented.block("GRANT SUPER, RELOAD")
        service = "maxscale_service@'192.0.2.1'"
        statements += f"CREATE USER {service} IDENTIFIED BY '...';\n"
        for table in _SERVICE_TABLES:
            statements += f"GRANT SELECT ON mysql.{table} TO {service};\n"
        return statements + f"GRANT SHOW DATABASES ON *.* TO {service};\n"

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

    def wait_for_failover(self) -> float:
        wait_for(
            lambda: [r.value("SELECT @@read_only") for r in self.replicas],
            lambda seen: 0 in seen,
            "a replica to be promoted",
            60,
        )
        self.say("a replica is writable")
        return time.monotonic()

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


# --- A crash, and the primary comes back --------------------------------------


def may_not_pass(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Behind(servers, stack, may_pass=False, retry=60)
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
        group = Behind(servers, stack, may_pass=False, retry=2)
        begin = time.monotonic()
        group.crash_and_restart()
        group.expect_healed(begin)


def may_not_pass_without_failover(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Behind(servers, stack, may_pass=False, failover=False, retry=NEVER)
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
        group = Behind(
            *(servers, stack),
            may_pass=False,
            failover=False,
            writable=False,
            retry=NEVER,
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
        group = Behind(servers, stack, may_pass=True, retry=NEVER)
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


def _replaced(group: Behind) -> None:
    """db1 is back with a closed gate, and its successor lacks nothing."""
    group.db1.kill9()
    group.back = time.monotonic()
    group.maxscale.wait_for(db1=DOWN)
    group.writers.wait_for_success(group.wait_for_failover())
    group.restart_replaced()


def rejoined(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Behind(servers, stack, may_pass=True, retry=2)
        _replaced(group)
        group.wait_for_opening("PRIMARY")
        group.maxscale.wait_for(db1=SLAVE)


def not_rejoined(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Behind(servers, stack, may_pass=False, retry=2)
        _replaced(group)
        group.maxscale.wait_for(db1=DOWN)
        group.wait_for_looks(5)
        group.maxscale.wait_for(db1=DOWN)
        successor = next(r for r in group.replicas if not r.value("SELECT @@read_only"))
        group.rejoin(successor)
        group.wait_for_opening("PRIMARY")
        group.maxscale.wait_for(db1=SLAVE)


# --- Nothing crashes, or MaxScale does ----------------------------------------


def _switchover_and_restart(servers: Servers, *, may_pass: bool) -> None:
    with ExitStack() as stack:
        group = Behind(servers, stack, may_pass=may_pass, retry=2)
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
        later = group.application(WRITE, False)
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
        group = Behind(
            *(servers, stack),
            may_pass=may_pass,
            failover=False,
            admits_service=admits_service,
            retry=NEVER,
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
    _chosen = chosen(__doc__)
    sys.exit(run_stories("maxscale", SCENES, sys.argv[2:]))
