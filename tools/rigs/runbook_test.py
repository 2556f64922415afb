# SPDX-License-Identifier: GPL-2.0-only
"""Every command in docs/runbook.md, as it is written there, where it is needed.

    tools/rigs/start runbook_test [--transcript]

db1, db2 and db3 are servers of this test's own: programs of the same names stand
before mariadb and recovery-gate, and take these hosts for ports on 127.0.0.1. A
block that no step has run fails the test, as does one that is not marked.

Environment: RECOVERY_GATE_TOOL and RECOVERY_GATE_PLUGIN, the built tool and
plugin; those of build/ when they are not set. With --transcript each command is
shown with what it printed. Exits 0 only if everything was as the page says.
"""

from __future__ import annotations

import os
import pty
import re
import secrets
import select
import shlex
import shutil
import sys
import time
from contextlib import suppress
from typing import NamedTuple

from rigs import PROJECT
from rigs.record import wait_settled
from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Replication,
    Servers,
    Unexpected,
    checkpoint,
    expect,
    program,
    wait_for,
)
from rigs.story import Story, main
from rigs.tool_under_test import GATE, QUICK, TOOL

PAGE = PROJECT / "docs" / "runbook.md"

# Exit codes of the tool.
OPEN, CLOSED = 0, 4
AS_PRIMARY, AS_REPLICA, REBUILD = 11, 12, 13
ERRORS = 16

# Stands before a client program: a host's name becomes its address, and this machine's
# server is db1.
STAND_IN = """\
#!/usr/bin/python3 -IB
import os, sys

PORTS = {ports!r}
arguments = []
for argument in sys.argv[1:]:
    port = PORTS.get(argument)
    after = arguments[-1] if arguments else ""
    if port and after == "-h":
        arguments += ["127.0.0.1", "-P", str(port)]
    elif port and after == "--replica":
        arguments.append(f"127.0.0.1:{{port}}")
    else:
        arguments.append(argument)
if not {{"-h", "inspect"}} & {{*arguments}}:
    arguments.append("--socket=" + {socket!r})
os.execv({program!r}, [{program!r}, *arguments])
"""


# --- The page -----------------------------------------------------------------


class Runbook:
    def __init__(self) -> None:
        text = PAGE.read_text()
        marked = re.findall(
            r"^<!-- (run|file): (\S+) -->\n```\n(.*?)^```$", text, re.S | re.M
        )
        expect("every block to be marked", text, text.count("\n```\n") == 2 * len(marked))
        expect("names of their own", marked, len({m[1] for m in marked}) == len(marked))
        self.commands = {name: block for kind, name, block in marked if kind == "run"}
        self.files = {name: block for kind, name, block in marked if kind == "file"}
        self.left = set(self.commands)

    def command(self, name: str) -> str:
        self.left.discard(name)
        return self.commands[name]


# --- Who sits at the terminal -------------------------------------------------


class Ended(NamedTuple):
    status: int
    output: str

    def ends_with(self, status: int) -> Ended:
        expect(f"exit code {status}", self, self.status == status)
        return self

    def says(self, *patterns: str) -> Ended:
        for pattern in patterns:
            text = re.sub(r"\n {25}", " ", self.output)  # a page's lines are broken
            expect(f"'{pattern}'", self.output, re.search(pattern, text))
        return self

    def says_not(self, pattern: str) -> Ended:
        expect(f"no '{pattern}'", self.output, not re.search(pattern, self.output))
        return self

    def of_host(self, host: str) -> Ended:
        """What a loop over hosts printed of this one."""
        parts = re.split(r"^== (\w+)\r?$", self.output, flags=re.M)
        return Ended(self.status, parts[parts.index(host) + 1])


def on_a_terminal(
    command: str, environment: dict[str, str], answers: dict[str, str], timeout: float
) -> Ended:
    """Runs it in a shell, and types each answer when it is asked for it."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve("/bin/bash", ["bash", "-c", command], environment)
    try:
        seen, left = "", dict(answers)
        deadline = time.monotonic() + timeout
        while True:
            checkpoint()
            if time.monotonic() > deadline:
                raise Unexpected(f"'{command}' to end", seen)
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(terminal, 4096)
            except OSError:  # nobody has the other side open any more
                data = b""
            if not data:
                break
            seen += data.decode(errors="replace")
            for question in [q for q in left if q in seen]:
                os.write(terminal, (left.pop(question) + "\n").encode())
        expect("all questions", seen, not left)
        return Ended(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen)
    except BaseException:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, 9)
            os.waitpid(pid, 0)
        raise
    finally:
        os.close(terminal)


# --- The story ----------------------------------------------------------------


class Night(Story):
    def __init__(self, servers: Servers):
        super().__init__(servers)
        self.runbook = Runbook()
        self.transcript = "--transcript" in sys.argv[1:]
        self.password = secrets.token_hex(8)
        self.servers = servers
        self.option_file = servers.folder / "my.cnf"
        self.db1 = servers.add(
            "db1",
            *(*SEMISYNC_PRIMARY, *QUICK, *GATE),
            "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
        )
        self.db2 = servers.add("db2", *SEMISYNC_REPLICA, *QUICK)
        self.db3 = servers.add("db3", *QUICK, "--read-only=ON")
        self.to_db2 = Replication(self.db1, self.db2)
        self.to_db3 = Replication(self.db1, self.db3)
        self.next_row = 1

    def steps(self):
        yield self.prepare
        yield self.healthy
        yield self.crash
        yield self.closed
        yield self.semisync_disabled
        yield self.no_replica
        yield self.proves_nothing
        yield self.taken_over
        yield self.former_primary
        yield self.proof_lost
        yield self.last_resort
        yield self.error_log
        yield self.nothing_left_out

    # Helpers

    def run(self, name: str, answers: dict[str, str] = {}, timeout: float = 60) -> Ended:
        text = self.runbook.command(name)
        for path, here in (
            ("/var/lib/mysql", self.db1.datadir),
            ("/etc/mysql/my.cnf", self.option_file),
            ("/var/log/mysql/error.log", self.db1.log),
        ):
            text = text.replace(path, str(here))
        text = text.replace("'secret'", f"'{self.password}'")
        ended = on_a_terminal(text, self.environment(), answers, timeout)
        if self.transcript:
            print(f"$ {text.strip()}\n{ended.output}[{ended.status}]\n")
        return ended

    def environment(self) -> dict[str, str]:
        stand_ins = self.folder / "bin"
        stand_ins.mkdir(exist_ok=True)
        ports = {s.name: s.port for s in (self.db1, self.db2, self.db3)}
        socket = str(self.db1.socket)
        for name, real in (("mariadb", program("mariadb")), ("recovery-gate", str(TOOL))):
            path = stand_ins / name
            text = STAND_IN.format(ports=ports, socket=socket, program=real)
            path.write_text(text)
            path.chmod(0o755)
        return {
            "PATH": f"{stand_ins}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.folder),
            "TERM": "dumb",
        }

    def write_option_files(self) -> None:
        """db1's own, from which inspect reads how it is started; and the person's."""
        lines = [option.removeprefix("--") for option in self.db1.command()[2:]]
        self.option_file.write_text("\n".join(["[mariadbd]", *lines]) + "\n")
        own = self.folder / ".my.cnf"
        own.write_text(self.runbook.files[".my.cnf"].replace("secret", self.password))
        own.chmod(0o600)

    def crash_db1(self) -> None:
        """It is killed while a commit waits for db2, which is cut off."""
        self.to_db2.cut()
        self.db1.kill9_during("INSERT INTO shop.orders VALUES (%s)", self.next_row)
        self.next_row += 1

    def inspect(self) -> Ended:
        return self.run("inspect", {"password: ": self.password})

    # Steps

    def prepare(self) -> None:
        for server in (self.db1, self.db2, self.db3):
            server.start()
        for link in (self.to_db2, self.to_db3):
            link.set_up()
        self.db1.wait_for_status("Rpl_semi_sync_master_clients", "1")
        self.run("account").ends_with(0)
        self.write_option_files()
        self.db1.query("CREATE DATABASE shop")
        self.db1.query("CREATE TABLE shop.orders (id INT PRIMARY KEY)")
        end = self.db1.value("SELECT @@gtid_binlog_pos")
        for replica in (self.db2, self.db3):
            wait_for(
                lambda: replica.value("SELECT @@gtid_slave_pos"),
                lambda position: position == end,
                f"{replica.name} to have the account",
            )
        wait_settled(self.db1)

    def healthy(self) -> None:
        self.run("status").ends_with(OPEN)
        plugins = self.run("plugins").ends_with(0)
        expect("three", plugins.output, plugins.output.count("| ACTIVE ") == 3)
        self.run("admitted").says("'ops'@'%'.*CONNECTION ADMIN", "REPLICATION SLAVE")
        doctor = self.run("doctor").ends_with(ERRORS)
        doctor.says(r"ERROR replica-semisync-off\S* on 127.0.0.1:%d\b" % self.db3.port)
        doctor.says("WARNING replica-without-gate").says_not("application-is")
        hosts = self.run("who_writes").ends_with(0)
        hosts.of_host("db1").says("@@read_only: 0").says_not("Slave_IO_Running")
        for replica in ("db2", "db3"):
            hosts.of_host(replica).says("Slave_IO_Running: Yes", "Master_Host")

    def crash(self) -> None:
        self.crash_db1()
        self.to_db2.restore()  # it tries to connect from now on
        page = self.inspect().ends_with(AS_PRIMARY)
        page.says("--rpl-semi-sync-master-enabled=ON")
        self.to_db2.cut()

    def closed(self) -> None:
        self.to_db3.cut()
        self.db1.start()
        self.run("status").ends_with(CLOSED).says("Waiting for: +REPLICA")

    def semisync_disabled(self) -> None:
        self.db1.query("SET GLOBAL rpl_semi_sync_master_enabled=OFF")
        self.db1.wait_for_status("Recovery_gate_waiting_for", "SEMISYNC_MASTER")
        self.run("status").ends_with(CLOSED).says("Waiting for: +SEMISYNC_MASTER")
        self.run("semisync_on").ends_with(0).says(r"Rpl_semi_sync_master_clients\s.*\b0\b")
        self.db1.wait_for_status("Recovery_gate_waiting_for", "REPLICA")

    def no_replica(self) -> None:
        self.to_db3.restore()
        self.to_db3.wait_connected()
        hosts = self.run("replicas").ends_with(0)
        hosts.of_host("db2").says("slave_enabled: 1", "Slave_IO_Running: No")
        hosts.of_host("db3").says("slave_enabled: 0", "Slave_IO_Running: Yes")
        # An asynchronous one does not count.
        self.run("status").ends_with(CLOSED).says("Waiting for: +REPLICA")

    def proves_nothing(self) -> None:
        self.db2.query("STOP SLAVE")
        self.db2.query("START SLAVE UNTIL master_gtid_pos='0-1-1000000'")
        self.db1.wait_for_status("Recovery_gate_waiting_for", "ACK")
        wait_for(
            lambda: self.db1.query("SHOW ENGINE RECOVERY_GATE STATUS")[0]["Status"],
            lambda page: "proves nothing" in " ".join(page.split()),
            "a replica that proves nothing",
        )
        page = self.run("engine_status").ends_with(0)
        page.says("sent up to", "proves nothing: it stops early", "What to do: .*START SLAVE")
        self.db2.query("STOP SLAVE")
        self.db2.query("START SLAVE")
        self.run("wait").ends_with(OPEN).says(r"open \(ACK\)")
        wait_settled(self.db1)

    def taken_over(self) -> None:
        self.to_db3.stop()
        self.crash_db1()
        self.to_db2.end()
        self.db2.query("INSERT INTO shop.orders VALUES (1000)")
        crashed = self.folder / "crashed"
        shutil.copytree(self.db1.datadir, crashed)
        # By itself, as a primary:
        self.db1.start()
        self.run("status").ends_with(CLOSED)
        hosts = self.run("who_writes").ends_with(0)
        number = self.db2.id
        hosts.of_host("db2").says("@@read_only: 0", rf"state: .*\b0-{number}-\d+")
        hosts.of_host("db2").says_not("Slave_IO_Running")
        hosts.of_host("db1").says_not(rf"state: .*\b0-{number}-\d+")
        self.run("replicas").of_host("db2").says_not("Slave_IO_Running")
        self.db1.kill9()
        self.inspect().ends_with(REBUILD)
        shutil.rmtree(self.db1.datadir)
        crashed.rename(self.db1.datadir)

    def former_primary(self) -> None:
        page = self.inspect().ends_with(AS_REPLICA)
        (line,) = re.findall(r"^  (mariadbd --defaults-file.*?)\r?$", page.output, re.M)
        self.db1.launch_command(shlex.split(line))
        self.db1.wait_ready()
        (change,) = re.findall(r"- (CHANGE MASTER .*?);", page.output)
        with self.db2.connect_as_admin() as session:
            session.query("SET sql_log_bin=OFF")
            session.query("CREATE USER follower IDENTIFIED BY %s", self.password)
            session.query("GRANT REPLICATION SLAVE ON *.* TO follower")
        change = change.replace("USER='...'", "USER='follower'")
        self.db1.query(change.replace("PASSWORD='...'", f"PASSWORD='{self.password}'"))
        self.db1.query("START SLAVE")
        Replication(self.db2, self.db1).wait_connected()
        wait_for(
            lambda: self.db1.statuses("Recovery_gate_state")["Recovery_gate_state"],
            lambda state: state == "OPEN",
            "db1's gate to open by itself",
        )
        self.run("follows").ends_with(0).says("State:", r"OPEN \(")
        self.db1.kill9()

    def proof_lost(self) -> None:
        """On another server of the name, which has no replica."""
        self.db1 = self.servers.add(
            "alone/db1",
            *(*SEMISYNC_PRIMARY, *QUICK, *GATE),
            "--rpl-semi-sync-master-wait-no-slave=OFF",
        )
        self.db1.start()
        self.run("account").ends_with(0)
        self.write_option_files()
        self.db1.kill9()
        self.db1.start()
        self.run("status").ends_with(CLOSED)
        self.db1.query("RESET MASTER")
        self.db1.wait_for_status("Recovery_gate_waiting_for", "OVERRIDE")
        self.run("status").ends_with(CLOSED).says("Waiting for: +OVERRIDE")
        self.run("who_has").ends_with(0).says(*(rf"(?m)^db{n}\t" for n in (1, 2, 3)))

    def last_resort(self) -> None:
        self.run("open", {"Type yes to open it: ": "yes"}).ends_with(OPEN)
        self.db1.wait_for_log("opened manually by ops@")
        self.run("status").ends_with(OPEN)

    def error_log(self) -> None:
        self.db1.kill9()
        (self.db1.datadir / "recovery_gate.state.new").mkdir()
        self.db1.start()
        self.db1.wait_for_log("is not on disk")
        self.run("error_log").ends_with(0).says("This is retried.*not on disk")
        self.db1.kill9()
        empty = self.folder / "no-plugin"
        empty.mkdir()
        self.db1.launch(f"--plugin-dir={empty}")
        self.db1.wait_end()
        self.run("error_log").ends_with(0).says("unknown variable 'recovery[-_]gate=")

    def nothing_left_out(self) -> None:
        expect("every command to be run", self.runbook.left, not self.runbook.left)


if __name__ == "__main__":
    sys.exit(main("runbook", Night))
