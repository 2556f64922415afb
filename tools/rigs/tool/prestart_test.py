# SPDX-License-Identifier: GPL-2.0-only
"""build/recovery-gate prestart and wait --wake, on real servers.

    tools/rigs/start tool.prestart_test [STORY ...]

Servers crash, others are promoted, and prestart decides what the old one comes back
as; it is then started with what prestart left. Environment: RECOVERY_GATE_TOOL and
RECOVERY_GATE_PLUGIN, the built tool and plugin; those of build/ when they are not
set. Exits 0 only if everything was as expected.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator

from rigs import PROJECT
from rigs.servers import (
    SEMISYNC_REPLICA,
    Interrupted,
    Replication,
    Servers,
    Unexpected,
    free_port,
    program,
    wait_for,
)
from rigs.story import run_stories
from rigs.tool.inspect_test import Machine, expect, pair, promote, rows_of
from rigs.tool_under_test import QUICK, TOOL

START, USAGE, NOT_WRITTEN, NOT_RUN = 0, 1, 8, 9
REBUILD, UNKNOWN, RUNNING = 13, 14, 15

PACKAGING = PROJECT / "packaging" / "systemd"


# --- prestart, and the start after it -------------------------------------------


class Result:
    def __init__(self, status: int, errors: str, took: float):
        self.status = status
        self.errors = errors
        self.took = took  # seconds

    def ended(self, status: int) -> Result:
        if self.status != status:
            raise Unexpected(f"the exit code {status}", f"{self.status}\n{self.errors}")
        return self

    def says(self, pattern: str) -> Result:
        if not re.search(pattern, self.errors):
            raise Unexpected(f"it to say '{pattern}'", self.errors)
        return self

    def within(self, seconds: float) -> Result:
        expect(f"{self.took:.2f} s to be less than {seconds}", self.took < seconds, True)
        return self


class Unit:
    """A server, and what runs before it."""

    def __init__(self, machine: Machine, *peers: str):
        self.machine = machine
        self.server = machine.server
        self.environment_file = machine.server.folder / "run" / "mariadbd.env"
        machine.options.write_text(
            machine.options.read_text()
            + f"log-error={machine.server.log}\n"
            + "[recovery-gate]\n"
            + f"peers={','.join(peers)}\n"
            + f"peer-user={machine.user}\npeer-password={machine.password}\n"
            + f"environment-file={self.environment_file}\n"
            + "peer-timeout=1\nconnect-timeout=5\n"
        )

    def command(self, *options: str) -> list[str]:
        return [str(TOOL), "prestart", f"--defaults-file={self.machine.options}", *options]

    def prestart(self, *options: str, environment: dict[str, str] | None = None) -> Result:
        begun = time.monotonic()
        ran = subprocess.run(
            self.command(*options),
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **(environment or {})},
        )
        expect("the standard output", ran.stdout, "")
        return Result(ran.returncode, ran.stderr, time.monotonic() - begun)

    def left(self) -> list[str]:
        """The options for the start, as systemd splits them."""
        if not self.environment_file.exists():
            return []
        variables = dict(
            assignment.split("=", 1)
            for line in self.environment_file.read_text().splitlines()
            if not line.startswith("#")
            for assignment in shlex.split(line)
        )
        return variables["MYSQLD_OPTS"].split()

    def launch(self) -> None:
        self.server.launch_command(
            ["mariadbd", f"--defaults-file={self.machine.options}", *self.left()]
        )

    def start(self) -> None:
        self.launch()
        self.server.wait_ready()


def crashed_pair(servers: Servers, name: str, rows: int = 1) -> tuple[Unit, Machine, Replication]:
    """Their primary has crashed with rows that no replica has. The replica tries to
    connect."""
    primary, replica, link = pair(servers, name)
    primary.wait_for_record()
    link.cut()
    primary.crash_with(*(f"INSERT INTO test.t VALUES ({11 + i})" for i in range(rows)))
    link.restore()
    return Unit(primary, replica.address()), replica, link


def expect_no_start(unit: Unit) -> None:
    expect("what is left for the start", unit.environment_file.exists(), False)


@contextmanager
def listener(*answers: bytes, endless: bool = False) -> Iterator[tuple[str, list[int]]]:
    """Its address, and a list that has an entry for each connection: to each it sends
    the answers, and then hangs."""
    seen: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            kept = []
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                seen.append(1)
                kept.append(connection)
                with suppress(OSError):
                    for answer in answers:
                        connection.sendall(answer)
                    while endless:
                        connection.sendall(answers[-1])

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}", seen
        finally:
            server.shutdown(socket.SHUT_RDWR)


# --- The stories ----------------------------------------------------------------


def another_server_has_taken_over(servers: Servers) -> None:
    unit, replica, link = crashed_pair(servers, "replica", rows=2)
    promote(replica, 21, 22)
    found = unit.prestart(environment={"MYSQLD_OPTS": "--max-connections=77"})
    found.ended(START).says("start_as_replica: .*started with --init-rpl-role=SLAVE")
    found.says(f"because: {replica.address()} has 0-2-").says("to do: CHANGE MASTER")
    expect("what the administrator set", unit.left()[0], "--max-connections=77")
    unit.start()
    server = unit.server
    expect("read_only", server.value("SELECT @@global.read_only"), 1)
    expect("what was set", server.value("SELECT @@max_connections"), 77)
    expect("its semi-sync",
           server.value("SELECT @@rpl_semi_sync_master_enabled, @@rpl_semi_sync_slave_enabled"), 0)
    expect("what only it had", rows_of(unit.machine), [1, 2, 3])
    log = server.log.read_text()
    expect("the error log", "[Warning] Recovery gate: prestart: start_as_replica: " in log, True)
    back = Replication(replica.server, server)
    back.begin()
    wait_for(lambda: rows_of(unit.machine), lambda rows: rows == [1, 2, 3, 21, 22],
             "it to have what the new primary has")


def nobody_has_taken_over(servers: Servers) -> None:
    unit, replica, link = crashed_pair(servers, "primary")
    unit.prestart("--on-start-as-primary=stop").ended(11).says("it is not started")
    expect_no_start(unit)
    unit.prestart().ended(START).says("start_as_primary: ")
    unit.start()
    server = unit.server
    expect("read_only", server.value("SELECT @@global.read_only"), 0)
    server.wait_for_status("Recovery_gate_opened_by", "ACK")
    expect("the reason", server.status("Recovery_gate_reason"), "CRASH")
    wait_for(lambda: rows_of(replica), lambda rows: rows == [1, 2, 3, 11], "all rows")

    unit.prestart().ended(RUNNING).says(r"a server is running in .*process \d+")
    expect_no_start(unit)

    # Nothing is owed: no peer is asked, and no time lost.
    unit.machine.wait_for_record()
    server.kill9()
    with listener() as (hanging, seen):
        unit.prestart(f"--peers={hanging}").ended(START).within(5).says("nothing_owed")
        expect("the peers that were asked", seen, [])
        unit.prestart(f"--peers={hanging}", "--ask-peers=crash").ended(UNKNOWN)
    unit.start()
    unit.machine.wait_for_record()
    server.stop()
    with listener() as (hanging, seen):
        unit.prestart(f"--peers={hanging}", "--ask-peers=crash").ended(START)
        expect("the peers that were asked", seen, [])
    unit.environment_file.write_text('MYSQLD_OPTS="--init-rpl-role=SLAVE"\n')
    with listener() as (hanging, seen):
        found = unit.prestart(f"--peers={hanging}").ended(START).within(5)
        found.says("nothing_owed: .*started as it was")
        expect("the peers that were asked", seen, [])
        expect_no_start(unit)
        # Unless that is wanted.
        unit.prestart(f"--peers={hanging}", "--ask-peers=always").ended(UNKNOWN)
        expect("that it was asked", bool(seen), True)
    promote(replica, 21)
    unit.prestart("--ask-peers=always").ended(START).says("start_as_replica")


def peers_that_are_of_no_help(servers: Servers) -> None:
    unit, replica, link = crashed_pair(servers, "peers")
    own, good = unit.machine.address(), replica.address()
    stranger = Machine(servers.add("peers/stranger", *QUICK))
    stranger.server.query("CREATE DATABASE elsewhere")

    unit.prestart("--peers", "").ended(UNKNOWN).says("no other server was asked")
    unit.prestart(f"--peers={own}").ended(UNKNOWN).says("is this server itself")
    unit.prestart(f"--peers={own},{good}").ended(START).says("is this server itself")
    expect("options", unit.left()[:1], ["--rpl-semi-sync-master-enabled=ON"])
    unit.prestart(f"--peers={good},{stranger.address()}").ended(UNKNOWN)
    expect_no_start(unit)
    unit.prestart(f"--peers={stranger.address()}").ended(UNKNOWN).says("of another group")
    unit.prestart("--peer-user=nobody").ended(UNKNOWN).says("could not be asked: error 1045")
    with listener() as (hanging, _):
        unit.prestart(f"--peers={good},{hanging}").ended(UNKNOWN).within(15).says(
            f"{hanging} could not be asked: no answer within")
    rubbish = os.urandom(200)
    greeting = b"\x4a\x00\x00\x00\x0a5.5.5-10.11.18-MariaDB\0"
    for answers, endless in (((b"SSH-2.0-OpenSSH\r\n",), False), ((rubbish,), False),
                             ((greeting,), False), ((greeting, b"\xff" * 65536), True)):
        with listener(*answers, endless=endless) as (talks, _):
            unit.prestart(f"--peers={talks}").ended(UNKNOWN).within(20).says(
                f"{talks} could not be asked: ")
    expect_no_start(unit)

    # One that has this server's own id.
    stranger.server.query("SET GLOBAL server_id = %s", unit.server.id)
    unit.prestart(f"--peers={stranger.address()}").ended(UNKNOWN).says("each server of a group")

    # One that comes while it is waited for.
    replica.server.kill9()
    waiting = subprocess.Popen(
        unit.command("--peer-timeout=50"), stderr=subprocess.PIPE, text=True
    )
    told = waiting.stderr.readline()
    expect("that it waits", "asked again for up to 50 s" in told, True)
    replica.server.launch()
    replica.server.wait_ready()
    _, errors = waiting.communicate(timeout=60)
    Result(waiting.returncode, errors, 0).ended(START).says("start_as_primary")


def two_others_are_primaries(servers: Servers) -> None:
    primary, replica, link = pair(servers, "two")
    second = Machine(servers.add("two/second", *SEMISYNC_REPLICA, *QUICK))
    Replication(primary.server, second.server).set_up()
    end = primary.server.value("SELECT @@gtid_binlog_pos")
    wait_for(lambda: second.server.value("SELECT @@gtid_slave_pos"), lambda at: at == end,
             "the second replica to have all")
    primary.wait_for_record()
    link.cut()
    second.server.query("STOP SLAVE IO_THREAD")
    primary.crash_with("INSERT INTO test.t VALUES (11)")
    unit = Unit(primary, replica.address(), second.address())
    for machine in (replica, second):
        promote(machine, 20 + machine.server.id)
    unit.prestart().ended(UNKNOWN).says("which server is the primary now")
    expect_no_start(unit)
    unit.prestart("--on-unknown=read-only").ended(START).says("unknown: .*started with")
    unit.start()
    expect("read_only", unit.server.value("SELECT @@global.read_only"), 1)
    expect("its gate", unit.server.status("Recovery_gate_state"), "CLOSED")
    expect("its rows", rows_of(primary), [1, 2, 3, 11])


def what_it_keeps_for_good(servers: Servers) -> None:
    """A proper shutdown: nothing is cut off."""
    primary, replica, link = pair(servers, "rebuild")
    primary.wait_for_record()
    link.cut()
    primary.server.query("SET GLOBAL rpl_semi_sync_master_enabled=OFF")
    primary.server.query("INSERT INTO test.t VALUES (11)")
    primary.server.stop()
    promote(replica, 21)
    unit = Unit(primary, replica.address())
    unit.prestart().ended(REBUILD).says("rebuild: .*it is not started")
    expect_no_start(unit)
    unit.prestart("--on-rebuild=read-only").ended(START)
    expect("what is left", "--read-only=ON" in unit.left(), True)


def what_cannot_be_read_or_written(servers: Servers) -> None:
    unit, replica, link = crashed_pair(servers, "bad")
    server = unit.server

    def run(*arguments: str | Path) -> Result:
        ran = subprocess.run(
            [TOOL, "prestart", *arguments], capture_output=True, text=True, timeout=60
        )
        return Result(ran.returncode, ran.stderr, 0)

    run("--defaults-file=/nonexistent.cnf").ended(USAGE).says("cannot read /nonexistent.cnf")
    run("--no-defaults", "--datadir=/nonexistent").ended(USAGE).says("cannot open /nonexistent")
    broken = server.folder / "broken.cnf"
    broken.write_text("[recovery-gate]\non-unknown=start\n")
    run(f"--defaults-file={broken}").ended(USAGE).says("read-only, stop, and not 'start'")
    broken.write_text("[recovery-gate]\npeerz=db1\n")
    run(f"--defaults-file={broken}").ended(USAGE).says("unknown option 'peerz'")
    broken.write_text("[recovery-gate\n")
    run(f"--defaults-file={broken}").ended(USAGE).says("is missing")

    index = server.datadir / "bin.index"
    logs = index.read_text()
    index.unlink()
    unit.prestart().ended(UNKNOWN).says("what this server owes").says("bin.index")
    index.write_text("bin.999999\n")
    unit.prestart().ended(UNKNOWN)
    index.write_text(logs)

    # A folder that cannot be made, and one without room.
    unit.prestart(f"--environment-file={broken}/mariadbd.env").ended(NOT_WRITTEN)
    full = server.folder / "full"
    full.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", full],
                      stderr=subprocess.DEVNULL).returncode == 0:
        try:
            with suppress(OSError), open(full / "filler", "wb", 0) as filler:
                while True:
                    filler.write(b"x" * 1024)
            unit.prestart(f"--environment-file={full}/mariadbd.env").ended(NOT_WRITTEN).says(
                "No space left on device").says("must not be started")
            expect("what is left there", [path.name for path in full.iterdir()], ["filler"])
        finally:
            subprocess.run(["umount", full], check=True)


def without_a_service_manager(servers: Servers) -> None:
    unit, replica, link = crashed_pair(servers, "exec")
    promote(replica, 21)
    server, options = unit.server, f"--defaults-file={unit.machine.options}"

    def run(*words: str | Path) -> Result:
        ran = subprocess.run([TOOL, "prestart", "--", *words], capture_output=True, text=True,
                             timeout=60)
        return Result(ran.returncode, ran.stdout + ran.stderr, 0)

    # What starts no server runs as it is.
    run(program("mariadbd"), options, "--version").ended(0).says(r"Ver 1\d\.\d+")
    run("/nonexistent", options).ended(NOT_RUN).says("cannot run /nonexistent: No such file")
    # The option file is the server's, and the port its own.
    server.launch_command([str(TOOL), "prestart", "--", program("mariadbd"), options])
    server.wait_ready()
    expect("read_only", server.value("SELECT @@global.read_only"), 1)
    expect("its rows", rows_of(unit.machine), [1, 2, 3])
    server.wait_for_log("prestart: start_as_replica: ")
    with server.connect_as_admin() as session:
        command = Path(f"/proc/{server.pid}/cmdline").read_bytes()
        expect("that it is the server itself", command.split(b"\0")[0].endswith(b"mariadbd"), True)
        session.close()


# The commands of the official image's docker-entrypoint.sh, 10.11, in its order:
# mysql_check_config, docker_init_database_dir, docker_temp_server_start and _stop,
# _main.
ENTRY_POINT = """\
#!/bin/sh -e
"$@" --verbose --help >/dev/null 2>&1
if [ ! -d "{datadir}/mysql" ]; then
  mariadb-install-db --no-defaults --datadir="{datadir}" --skip-test-db \\
    --auth-root-authentication-method=socket --auth-root-socket-user=root {user} \\
    >/dev/null
  "$@" --skip-networking --default-time-zone=SYSTEM --socket="{folder}/init" \\
    --expire-logs-days=0 --skip-slave-start \\
    --loose-innodb_buffer_pool_load_at_startup=0 &
  while ! mariadb-admin --no-defaults --socket="{folder}/init" ping >/dev/null 2>&1; do
    kill -0 $!
  done
  kill $!
  wait $!
fi
exec "$@"
"""


def in_a_container(servers: Servers) -> None:
    """The command is prestart, the entry point, and the server."""
    unit, replica, link = crashed_pair(servers, "container")
    promote(replica, 21)
    server = unit.server
    script = server.folder / "docker-entrypoint.sh"
    script.write_text(ENTRY_POINT.format(
        datadir=server.datadir, folder=server.folder,
        user="--user=root" if os.geteuid() == 0 else ""))
    script.chmod(0o755)
    command = [
        *(str(TOOL), "prestart", "--", str(script)),
        *(program("mariadbd"), f"--defaults-file={unit.machine.options}"),
    ]
    server.launch_command(command)
    server.wait_ready()
    expect("read_only", server.value("SELECT @@global.read_only"), 1)
    expect("its rows", rows_of(unit.machine), [1, 2, 3])
    server.stop()

    # The first start, without a data directory. Its own log is not there yet either.
    shutil.rmtree(server.datadir)
    server.launch_command(command)
    server.wait_for_log("no .*yet: nothing is owed")
    wait_for(lambda: (server.datadir / "mysql").exists(), bool, "system tables", 120)
    server.wait_for_log(r"socket: '[^']*/s'  port", 120)
    expect("read_only", server.value("SELECT @@global.read_only"), 0)


def as_systemd_does(servers: Servers) -> None:
    """The shipped drop-in: its lines, and those of the unit, are run one by one."""
    unit, replica, link = crashed_pair(servers, "systemd")
    promote(replica, 21)
    dropin = (PACKAGING / "mariadb.service.d" / "recovery-gate.conf").read_text()
    lines = dict(line.split("=", 1) for line in dropin.splitlines()
                 if "=" in line and not line.startswith("#"))
    expect("the file", lines["EnvironmentFile"], "-/run/recovery-gate/mariadbd.env")
    expect("its folder", lines["RuntimeDirectory"], "recovery-gate")
    tool, *words = lines["ExecStartPre"].split()
    expect("the tool", tool, "/usr/bin/recovery-gate")
    help_text = subprocess.run([TOOL, *words, "--help"], capture_output=True, text=True)
    expect("the default file",
           "/run/recovery-gate/mariadbd.env" in " ".join(help_text.stdout.split()), True)
    unit.prestart().ended(START)
    # systemd gives what is in the file to ExecStartPre= as well, should it be there.
    before = dict(line.split("=", 1) for line in unit.environment_file.read_text().splitlines()
                  if not line.startswith("#"))
    left = unit.left()
    unit.prestart(environment={name: shlex.split(value)[0] for name, value in before.items()})
    expect("what is left the second time", unit.left(), left)
    service = Path("/lib/systemd/system/mariadb.service")
    if service.exists() and shutil.which("systemd-analyze"):
        folder = unit.server.folder / "units"
        shutil.copytree(PACKAGING, folder)
        shutil.copy(service, folder)
        for file in folder.rglob("*"):
            if file.is_file():
                file.write_text(file.read_text().replace("/usr/bin/recovery-gate", str(TOOL)))
        checked = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
             folder / "mariadb.service", folder / "mariadb-open.service"],
            capture_output=True, text=True,
            env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:/lib/systemd/system"},
        )
        expect("complaints", [line for line in checked.stderr.splitlines()
                              if "recovery-gate" in line or "mariadb-open" in line], [])


def a_sleeping_replica_is_woken(servers: Servers) -> None:
    unit, replica, link = crashed_pair(servers, "wake")
    server, sleeper = unit.server, replica.server
    for statement in ("STOP SLAVE", "CHANGE MASTER TO MASTER_CONNECT_RETRY=600", "START SLAVE"):
        sleeper.query(statement)
    wait_for(link.status, lambda row: row["Last_IO_Errno"] != 0, "it to have tried")
    with sleeper.connect_as_admin() as session:
        session.query("SET sql_log_bin=OFF")
        session.query("GRANT REPLICATION SLAVE ADMIN ON *.* TO inspector@'127.0.0.1'")
    unit.prestart().ended(START)
    unit.start()

    def tool(*words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [TOOL, *words, "--no-defaults", f"--socket={server.socket}",
             f"--replica={replica.address()}", f"--peer-user={replica.user}",
             f"--peer-password={replica.password}"],
            capture_output=True, text=True, timeout=timeout)

    shown = tool("status")
    expect("closed", shown.returncode, 4)
    for text in ("sleeps up to 600 s", "recovery-gate wait --wake --replica"):
        if text not in " ".join(shown.stdout.split()):
            raise Unexpected(f"'{text}'", shown.stdout)

    # An administrator has stopped it: it stays so.
    sleeper.query("STOP SLAVE IO_THREAD")
    waited = tool("wait", "--wake", "--timeout=2")
    expect("still closed", waited.returncode, 5)
    expect("what it says", "was stopped" in waited.stdout, True)
    expect("its I/O thread", link.status()["Slave_IO_Running"], "No")
    # Also when that happens just before it is woken.
    with sleeper.connect_as_admin() as session:
        session.query("SET sql_notes=1")
        session.query("SHOW ALL SLAVES STATUS")
        session.query("BEGIN NOT ATOMIC STOP SLAVE '' IO_THREAD; "
                      "IF @@warning_count = 0 THEN START SLAVE '' IO_THREAD; END IF; END")
    expect("its I/O thread", link.status()["Slave_IO_Running"], "No")

    # It sleeps again.
    server.kill9()
    sleeper.query("START SLAVE IO_THREAD")
    wait_for(link.status, lambda row: row["Last_IO_Errno"] != 0, "it to have tried")
    unit.prestart().ended(START)
    unit.start()
    waited = tool("wait", "--wake", "--timeout=30")
    if waited.returncode != 0 or "woken" not in waited.stdout:
        raise Unexpected("it to be woken", waited.stdout + waited.stderr)
    expect("by an acknowledgement", server.status("Recovery_gate_opened_by"), "ACK")
    wait_for(lambda: rows_of(replica), lambda rows: rows == [1, 2, 3, 11], "all rows")
    server.kill9()
    nobody = subprocess.run(
        [TOOL, "wait", "--wake", "--no-retry", "--no-defaults", f"--socket={server.socket}"],
        capture_output=True, text=True)
    expect("what it says", "no replica is named" in nobody.stderr, True)


STORIES = [
    another_server_has_taken_over,
    nobody_has_taken_over,
    peers_that_are_of_no_help,
    two_others_are_primaries,
    what_it_keeps_for_good,
    what_cannot_be_read_or_written,
    without_a_service_manager,
    in_a_container,
    as_systemd_does,
    a_sleeping_replica_is_woken,
]


def main() -> int:
    return run_stories("prestart-test", STORIES, sys.argv[1:])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Interrupted as interruption:
        sys.exit(interruption.exit_status)
