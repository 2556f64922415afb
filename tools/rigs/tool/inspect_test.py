# SPDX-License-Identifier: GPL-2.0-only
"""build/recovery-gate inspect against real servers.

    tools/rigs/start tool.inspect_test [--transcript] [STORY ...]

Servers crash or are shut down, inspect says what will happen, its command is run
as it was printed, and what happens then is compared. A data directory that was
inspected has to be as it was before, byte for byte and to the nanosecond.

Environment: RECOVERY_GATE_TOOL and RECOVERY_GATE_PLUGIN, the built tool and
plugin; those of build/ when they are not set. With --transcript each page is
shown. Exits 0 only if everything was as expected.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Interrupted,
    Pending,
    Replication,
    Server,
    Servers,
    Unexpected,
    tail,
    wait_for,
)
from rigs.story import run_stories
from rigs.tool_under_test import PLUGIN, QUICK, TOOL

USAGE = 1
NOTHING_OWED, AS_PRIMARY, AS_REPLICA, REBUILD, UNKNOWN, RUNNING = range(10, 16)

GUARDED = (
    *SEMISYNC_PRIMARY,
    *QUICK,
    "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
    f"--plugin-dir={PLUGIN.parent}",
    f"--plugin-load-add={PLUGIN.stem}",
)

transcript = False


def expect(what: str, seen: Any, wanted: Any) -> None:
    if seen != wanted:
        raise Unexpected(f"{what} to be {wanted!r}", repr(seen))


# --- A data directory, to the nanosecond --------------------------------------


def fingerprint(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Contents, sizes, owners, modes and all three times of every file. The files
    are read in a way that leaves their access times alone."""
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        about = path.lstat()
        digest = ""
        if path.is_file():
            file = os.open(path, os.O_RDONLY | os.O_NOATIME)
            with os.fdopen(file, "rb") as content:
                digest = hashlib.file_digest(content, "blake2b").hexdigest()
        found[str(path)] = (
            *(digest, about.st_size, about.st_mode, about.st_uid, about.st_ino),
            *(about.st_atime_ns, about.st_mtime_ns, about.st_ctime_ns),
        )
    return found


# --- The tool -----------------------------------------------------------------


class Inspection:
    """Both the page and the JSON of one data directory."""

    def __init__(self, status: int, page: str, found: dict[str, Any], errors: str):
        self.status = status
        self.page = page
        self.found = found
        self.errors = errors

    def __getitem__(self, name: str) -> Any:
        return self.found[name]

    def is_verdict(self, status: int) -> Inspection:
        if self.status != status:
            raise Unexpected(f"the verdict {status}", self.page + self.errors)
        return self

    def says(self, pattern: str) -> Inspection:
        if not re.search(pattern, self.page + self.errors):
            raise Unexpected(f"the page to say '{pattern}'", self.page + self.errors)
        return self

    def doubted(self) -> list[str]:
        return [t["gtid"] for t in self["transactions"] if t["in_doubt"]]

    def replica(self, place: int = 0) -> dict[str, Any]:
        return self["replicas"][place]


class Machine:
    """A server with an option file of its own, which is what inspect reads and
    what its command lines name."""

    user, password = "inspector", secrets.token_hex(8)

    user, password = "inspector", secrets.token_hex(8)

    def __init__(self, server: Server):
        self.server = server
        server.start()
        self.options = server.folder / "my.cnf"
        lines = [option.removeprefix("--") for option in server.command()[2:]]
        self.options.write_text("\n".join(["[mariadbd]", *lines]) + "\n")
        with server.connect_as_admin() as session:
            session.query("SET sql_log_bin=OFF")
            session.query(
                "CREATE USER inspector@'127.0.0.1' IDENTIFIED BY %s", self.password
            )
            session.query("GRANT SLAVE MONITOR ON *.* TO inspector@'127.0.0.1'")

    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def inspect(self, *others: Machine, options: tuple[str, ...] = ()) -> Inspection:
        login = ()
        if others:
            login = (f"--user={self.user}", f"--password={self.password}")
        command = [
            *(TOOL, "inspect", self.server.datadir),
            f"--defaults-file={self.options}",
            *(f"--replica={other.address()}" for other in others),
            *login,
            *options,
        ]
        running = self.server.is_running()
        before = {} if running else fingerprint(self.server.datadir)
        page = subprocess.run(command, capture_output=True, text=True, timeout=60)
        objects = subprocess.run(
            [*command, "--json"], capture_output=True, text=True, timeout=60
        )
        if not running:
            after = fingerprint(self.server.datadir)
            changed = [name for name in {*before, *after}
                       if before.get(name) != after.get(name)]
            expect("what inspect changed", changed, [])
        if transcript:
            print(f"$ recovery-gate inspect ...\n{page.stdout}{page.stderr}"
                  f"$ echo $?\n{page.returncode}\n")
        expect("the exit code with --json", objects.returncode, page.returncode)
        try:
            found = json.loads(objects.stdout)
        except ValueError:
            raise Unexpected("JSON", objects.stdout + objects.stderr) from None
        expect("the exit code in the JSON", found["exit_code"], page.returncode)
        return Inspection(page.returncode, page.stdout, found, page.stderr)

    def follow(self, inspection: Inspection) -> None:
        """Runs the command that was printed."""
        line = inspection["command_line"]
        inspection.says(re.escape(line))
        expect("the command to be complete", inspection["command_is_complete"], True)
        self.server.launch_command(shlex.split(line))

    def crash_with(self, *statements: str, witness: Machine | None = None) -> list[str]:
        """Each statement, two at most, gets into the binary log and waits there for
        a replica (a third one would wait for the log); then the server is killed, when
        the witness has applied them. Returns their GTIDs."""
        gtids = []
        for statement in statements:
            before = self.server.value("SELECT @@gtid_binlog_pos")
            Pending(self.server.connect_as_admin(), statement)
            gtids.append(
                wait_for(
                    lambda: self.server.value("SELECT @@gtid_binlog_pos"),
                    lambda now: now != before,
                    f"'{statement}' in the binary log",
                )
            )
        if witness:
            wait_for(
                lambda: witness.server.value("SELECT @@gtid_slave_pos"),
                lambda position: position == gtids[-1],
                f"the witness to apply {gtids[-1]}",
            )
        self.server.kill9()
        return gtids

    def end_of_log(self) -> tuple[str, int]:
        end = self.server.binlog_end()
        return end.file, end.offset

    def wait_for_record(self) -> None:
        """recovery_gate.state says that all is settled."""
        file, offset = self.end_of_log()
        wait_for(
            lambda: (self.server.datadir / "recovery_gate.state").read_text(),
            lambda text: f"settled-file {file}\nsettled-offset {offset}\n" in text,
            f"recovery_gate.state to settle {file}:{offset}",
        )


def pair(servers: Servers, name: str, *options: str) -> tuple[Machine, Machine, Replication]:
    primary = Machine(servers.add(f"{name}/primary", *GUARDED, *options))
    replica = Machine(servers.add(f"{name}/replica", *SEMISYNC_REPLICA, *QUICK))
    link = Replication(primary.server, replica.server)
    link.set_up()
    primary.server.wait_for_status("Rpl_semi_sync_master_clients", "1")
    primary.server.query("CREATE DATABASE test")
    primary.server.query("CREATE TABLE test.t (id INT PRIMARY KEY) ENGINE=InnoDB")
    for number in range(1, 4):
        primary.server.query("INSERT INTO test.t VALUES (%s)", number)
    return primary, replica, link


def promote(replica: Machine, *rows: int) -> None:
    """When it has applied all that it has received."""
    replica.server.query("STOP SLAVE IO_THREAD")
    (link,) = replica.server.query("SHOW SLAVE STATUS")
    wait_for(
        lambda: replica.server.value("SELECT @@gtid_slave_pos"),
        lambda applied: applied == link["Gtid_IO_Pos"],
        f"{link['Gtid_IO_Pos']} to be applied",
    )
    replica.server.query("STOP SLAVE")
    replica.server.query("RESET SLAVE ALL")
    for row in rows:
        replica.server.query("INSERT INTO test.t VALUES (%s)", row)


def rows_of(machine: Machine) -> list[int]:
    return [row["id"] for row in machine.server.query("SELECT id FROM test.t ORDER BY id")]


def sequence(gtid: str) -> int:
    return int(gtid.rpartition("-")[2])


# --- The stories --------------------------------------------------------------


def crash_and_come_back_as_primary(servers: Servers) -> None:
    """Who has it? One replica was cut off, another one is asynchronous and has
    received it by file and position."""
    primary, replica, link = pair(servers, "primary")
    witness = Machine(servers.add("primary/witness", *QUICK, "--read-only=ON"))
    Replication(primary.server, witness.server, gtid=False).set_up()
    primary.inspect().is_verdict(RUNNING).says(r"process \d+ has locked .*ibdata1")

    primary.wait_for_record()
    link.cut()
    written = primary.crash_with(
        "INSERT INTO test.t VALUES (11)",
        "INSERT INTO test.t VALUES (12)",
        witness=witness,
    )
    alone = primary.inspect().is_verdict(UNKNOWN)
    expect("the crash", alone["crashed"], True)
    expect("what is in doubt", alone.doubted(), written)
    expect("the reason", alone["gate"]["reason"], "CRASH")

    vouched = primary.inspect(options=("--no-replica-check",))
    vouched.is_verdict(AS_PRIMARY).says("it is your word")

    link.restore()  # the replica tries to connect from now on
    found = primary.inspect(replica, witness).is_verdict(AS_PRIMARY)
    expect("what is in doubt", found.doubted(), written)
    expect("its count", found["in_doubt"]["count"], 2)
    expect("its last", found["in_doubt"]["last_gtid"], written[-1])
    expect("its end", found["in_doubt"]["end"], found["end"])
    expect("what nobody has", found["nobody_has"], 0)
    expect("the replica", found.replica(0)["standing"], "follows")
    expect("what it lacks", found.replica(0)["in_doubt"]["lacking"], 2)
    expect("the witness", found.replica(1)["standing"], "follows")
    expect("what it has applied", found.replica(1)["in_doubt"]["applied"], 2)
    found.says("is no semi-sync replica")
    only_last = primary.inspect(options=("--limit=1",))
    expect("the last one", only_last.doubted(), written[-1:])
    expect("the others", only_last["transactions_not_shown"], 1)

    link.replica.query("STOP SLAVE")
    primary.follow(found)
    server = primary.server
    server.wait_ready()
    shown = server.statuses("Recovery_gate%")
    awaited = {"file": shown["Recovery_gate_ack_file"],
               "offset": int(shown["Recovery_gate_ack_pos"])}
    expect("what the gate waits for", awaited, found["gate"]["waits_for"])
    recovered = {"file": shown["Recovery_gate_recovered_file"],
                 "offset": int(shown["Recovery_gate_recovered_pos"])}
    expect("what was recovered", recovered, found["end"])
    expect("its GTID", shown["Recovery_gate_recovered_gtid"], found["gtid_position"])
    expect("the gate", shown["Recovery_gate_state"], "CLOSED")
    expect("its reason", shown["Recovery_gate_reason"], found["gate"]["reason"])
    expect("what it says", found["gate"]["text"] in server.log_of_this_start(), True)
    link.replica.query("START SLAVE")
    server.wait_for_status("Recovery_gate_opened_by", "ACK")
    wait_for(lambda: rows_of(replica), lambda rows: rows == [1, 2, 3, 11, 12],
             "the replica to have all rows")

    nothing_is_owed(primary, replica)


def nothing_is_owed(primary: Machine, replica: Machine) -> None:
    server = primary.server
    server.wait_for_status("Rpl_semi_sync_master_clients", "1")
    server.query("INSERT INTO test.t VALUES (20)")
    primary.wait_for_record()
    server.kill9()
    crashed = primary.inspect(replica).is_verdict(NOTHING_OWED)
    expect("the crash", crashed["crashed"], True)
    expect("what is in doubt", crashed["in_doubt"]["count"], 0)
    primary.follow(crashed)
    server.wait_ready()
    expect("the gate", server.status("Recovery_gate_opened_by"), "NOT_NEEDED")
    expect("what it says", crashed["gate"]["text"] in server.log_of_this_start(), True)

    server.stop()
    closed = primary.inspect().is_verdict(NOTHING_OWED)
    expect("the crash", closed["crashed"], False)
    closed.says("no other server was asked")
    # The server that is asked must not be named by a wrong port.
    nobody = primary.inspect(options=("--replica=127.0.0.1:1",))
    nobody.is_verdict(UNKNOWN).says("could not be asked")
    primary.follow(closed)
    server.wait_ready()
    expect("the gate", server.status("Recovery_gate_opened_by"), "NOT_NEEDED")


def acknowledged_and_lost(servers: Servers) -> None:
    """The replica had received it and not applied it: it acknowledged, was killed, and
    begins with an empty relay log, as one with GTIDs does."""
    primary, replica, link = pair(servers, "lost")
    server = primary.server
    replica.server.query("STOP SLAVE SQL_THREAD")
    server.query("INSERT INTO test.t VALUES (11)")
    primary.wait_for_record()
    server.kill9()
    expect("what the replica has received",
           primary.inspect(replica).is_verdict(NOTHING_OWED)["in_doubt"]["count"], 0)
    replica.server.kill9()
    replica.server.start()
    found = primary.inspect(replica).is_verdict(AS_PRIMARY)
    expect("what is in doubt", found["in_doubt"]["count"], 0)
    found.says(r"lacks GTID 0-\d+-").says("start this server first")
    link.stop()
    primary.follow(found)
    server.wait_ready()
    expect("the gate", server.status("Recovery_gate_waiting_for"), "REPLICA")
    link.start()
    server.wait_for_status("Recovery_gate_opened_by", "ACK")
    wait_for(lambda: rows_of(replica), lambda rows: rows == [1, 2, 3, 11],
             "the replica to have the row")
    server.kill9()
    primary.inspect(replica).is_verdict(NOTHING_OWED)


def another_server_has_gone_on(servers: Servers) -> None:
    """Recovery cuts off what only this server has."""
    primary, replica, link = pair(servers, "replica")
    primary.wait_for_record()
    link.cut()
    written = primary.crash_with(
        "INSERT INTO test.t VALUES (11)", "INSERT INTO test.t VALUES (12)"
    )
    promote(replica, 21, 22, 23)
    found = primary.inspect(replica).is_verdict(AS_REPLICA)
    expect("the new primary", found.replica()["standing"], "gone_on")
    lacks = found.replica()["lacks"]
    expect("what it lacks", (lacks["first_gtid"], lacks["count"]), (written[0], 2))
    before = found["gtid_state"]

    primary.follow(found)
    server = primary.server
    server.wait_ready()
    cut = re.search(r"to pos:(\d+) to remove transactions starting from GTID (\S+)",
                    server.log_of_this_start())
    if not cut:
        raise Unexpected("recovery to cut something off", tail(server.log))
    at_most = found["at_most_cut_off"]
    begin = at_most["begin"]["offset"]
    expect("the cut to be in the part that was named", int(cut[1]) >= begin, True)
    expect("the first that was cut to be in it",
           sequence(cut[2]) >= sequence(at_most["first_gtid"]), True)
    left = server.value("SELECT @@gtid_binlog_pos")
    expect("all that the new primary lacks to be gone",
           sequence(left) < sequence(written[0]), True)
    if sequence(before) - sequence(left) > at_most["count"]:
        raise Unexpected(f"at most {at_most['count']} to be cut off", (before, left))

    become_replica(primary, replica, found)
    wait_for(lambda: rows_of(primary), lambda rows: rows == rows_of(replica),
             "it to have what the new primary has")
    expect("its rows", rows_of(primary), [1, 2, 3, 21, 22, 23])
    # As such it is asked by nobody to wait: the last step opens its gate.
    if server.status("Recovery_gate_open") == "OFF":
        server.query(next(step for step in found["steps"]
                          if "recovery_gate_open_now" in step).partition(";")[0])


def become_replica(primary: Machine, new: Machine, found: Inspection) -> None:
    user, password = replica_account(new)
    statement = next(s for s in found["steps"] if s.startswith("CHANGE MASTER"))
    statement = statement.replace("MASTER_USER='...'", f"MASTER_USER='{user}'")
    statement = statement.replace("PASSWORD='...'", f"PASSWORD='{password}'")
    primary.server.query(statement.rstrip(";"))
    expect("the next step", "START SLAVE;" in found["steps"], True)
    primary.server.query("START SLAVE")


def what_cannot_be_cut_off(servers: Servers) -> None:
    """After a proper shutdown, and with DDL at the end."""
    primary, replica, link = pair(servers, "rebuild")
    server = primary.server
    primary.wait_for_record()
    link.cut()
    before = server.value("SELECT @@gtid_binlog_pos")
    Pending(server.connect_as_admin(), "INSERT INTO test.t VALUES (11)")
    wait_for(lambda: server.value("SELECT @@gtid_binlog_pos"),
             lambda now: now != before, "the row in the binary log")
    last = server.value("SELECT @@gtid_binlog_pos")
    server.stop()
    found = primary.inspect(replica).is_verdict(AS_PRIMARY)
    expect("the crash", found["crashed"], False)
    expect("the reason", found["gate"]["reason"], "UNACKED_SHUTDOWN")
    expect("what is in doubt", found.doubted(), [last])
    expect("what nobody has", found["nobody_has"], 1)
    expect("the replica", found.replica()["standing"], "idle")
    found.says("does not follow this server")

    promote(replica, 21)
    found = primary.inspect(replica).is_verdict(REBUILD).says("shut down properly")
    expect("the command", found["command"], [])
    # What it says is so: nothing is cut off, and the new primary does not take it.
    server.start("--init-rpl-role=SLAVE", "--skip-slave-start",
                 "--rpl-semi-sync-master-enabled=OFF")
    expect("what is left", server.value("SELECT @@gtid_binlog_pos"), last)
    user = replica_account(replica)
    server.query(
        "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%s, MASTER_USER=%s,"
        " MASTER_PASSWORD=%s, MASTER_USE_GTID=slave_pos, MASTER_DEMOTE_TO_SLAVE=1",
        replica.server.port, *user)
    server.query("START SLAVE")
    wait_for(lambda: server.query("SHOW SLAVE STATUS")[0]["Last_IO_Errno"],
             lambda number: number == 1236, "the new primary to refuse it")


def replica_account(machine: Machine) -> tuple[str, str]:
    user, password = "follower", secrets.token_hex(8)
    with machine.server.connect_as_admin() as session:
        session.query("SET sql_log_bin=OFF")
        session.query("CREATE USER follower@'127.0.0.1' IDENTIFIED BY %s", password)
        session.query("GRANT REPLICATION SLAVE ON *.* TO follower@'127.0.0.1'")
    return user, password


def ddl_at_the_end(servers: Servers) -> None:
    primary, replica, link = pair(servers, "ddl")
    primary.wait_for_record()
    link.cut()
    written = primary.crash_with(
        "INSERT INTO test.t VALUES (11)", "CREATE TABLE test.u (id INT)"
    )
    promote(replica, 21)
    found = primary.inspect(replica).is_verdict(REBUILD)
    found.says("crash recovery cannot cut off")
    expect("what it lacks", found.replica()["lacks"]["count"], 2)
    server = primary.server
    server.launch("--init-rpl-role=SLAVE", "--skip-slave-start",
                  "--rpl-semi-sync-master-enabled=OFF")
    # Either it does not start at all, or it keeps what cannot be rolled back.
    wait_for(
        lambda: (server.is_running(), server.log_of_this_start()),
        lambda seen: not seen[0] or "ready for connections" in seen[1],
        "the server to start or to end",
    )
    if server.is_running():
        expect("what is left", server.value("SELECT @@gtid_binlog_pos"), written[-1])
    else:
        expect("why it ended",
               "Cannot truncate the binary log" in server.log_of_this_start(), True)


def overlooked_in_the_last_log(servers: Servers) -> None:
    """Recovery cuts off more than it can take back: of a MyISAM table in the last
    log it learns too late."""
    primary, replica, link = pair(servers, "overlooked")
    server = primary.server
    server.query("CREATE TABLE test.m (id INT) ENGINE=MyISAM")
    primary.wait_for_record()
    link.cut()
    server.query("SET GLOBAL rpl_semi_sync_master_enabled=OFF")
    # Committed, and not yet on disk as such: InnoDB has a second for that.
    server.query("INSERT INTO test.t VALUES (11)")
    first = server.value("SELECT @@gtid_binlog_pos")
    server.query("FLUSH BINARY LOGS")
    server.query("INSERT INTO test.m VALUES (12)")
    last = server.value("SELECT @@gtid_binlog_pos")
    server.kill9()
    promote(replica, 21)
    found = primary.inspect(replica, options=("--all",)).is_verdict(REBUILD)
    kinds = {t["gtid"]: t["kind"] for t in found["transactions"]}
    expect("its end", kinds[last], "COMMIT")
    server.start("--init-rpl-role=SLAVE", "--skip-slave-start",
                 "--rpl-semi-sync-master-enabled=OFF")
    left = server.value("SELECT @@gtid_binlog_pos")
    if left != last:
        at_most = found["at_most_cut_off"]
        expect("the last that may be cut off", at_most["last_gtid"], last)
        expect("what was cut off to be in it",
               sequence(left) + 1 >= sequence(at_most["first_gtid"]), True)
        expect("the first to be cut off", sequence(left) < sequence(first), True)
    expect("what the table keeps", server.query("SELECT id FROM test.m"), [{"id": 12}])


def what_a_replica_acknowledged_is_cut_off(servers: Servers) -> None:
    """A commit that a replica acknowledged is still prepared on disk: recovery with
    init_rpl_role=SLAVE cuts it off, and this server must not be the primary."""
    primary, replica, link = pair(servers, "acknowledged",
                                  "--innodb-flush-log-at-timeout=2700")
    behind = Machine(servers.add("acknowledged/behind", *QUICK))
    Replication(primary.server, behind.server).set_up()
    server = primary.server
    before = server.value("SELECT @@gtid_binlog_pos")
    wait_for(lambda: behind.server.value("SELECT @@gtid_slave_pos"),
             lambda position: position == before, "it to have what there is so far")
    promote(behind, 21)
    server.query("INSERT INTO test.t VALUES (11)")
    last = server.value("SELECT @@gtid_binlog_pos")
    primary.wait_for_record()
    server.kill9()

    found = primary.inspect(replica).is_verdict(NOTHING_OWED)
    expect("the last that was acknowledged",
           found["acknowledged_cut_off"]["last_gtid"], last)
    expect("what nobody else has", found["acknowledged_cut_off_for_good"]["count"], 0)
    found.says(rf"{last}.* that a replica acknowledged may be cut off")
    found.says("waits for OVERRIDE: do not start it so")
    found = primary.inspect(behind).is_verdict(UNKNOWN)
    expect("the command", found["command"], [])
    expect("what nobody else has",
           found["acknowledged_cut_off_for_good"]["last_gtid"], last)
    found.says(rf"{last}.* cut off .*; no server that was asked")
    primary.inspect(behind, replica).is_verdict(AS_REPLICA).says(
        "Servers that were asked have all of it")
    # With this role in its option file it is not started as it was.
    with primary.options.open("a") as options:
        options.write("init_rpl_role=SLAVE\n")
    found = primary.inspect(replica).is_verdict(NOTHING_OWED)
    expect("the role", "--init-rpl-role=MASTER" in found["command"], True)

    server.start("--init-rpl-role=SLAVE")
    log = server.log_of_this_start()
    expect("what is cut off",
           f"to remove transactions starting from GTID {last}" in log, True)
    expect("the gate", server.status("Recovery_gate_waiting_for"), "OVERRIDE")
    expect("what it says", f"Make a server that has GTID {last} the primary" in log,
           True)


def never_a_replica(servers: Servers) -> None:
    """It names a primary and never followed it: all that it wrote is its own."""
    primary, replica, link = pair(servers, "never")
    server = primary.server
    server.query("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_USER='nobody'")
    primary.wait_for_record()
    link.cut()
    written = primary.crash_with(
        "SET STATEMENT server_id=7 FOR INSERT INTO test.t VALUES (11)"
    )
    expect("whose it is", written[0].split("-")[1], "7")
    found = primary.inspect(options=("--no-replica-check",)).is_verdict(AS_PRIMARY)
    expect("the start as a replica", found["is_replica"], True)
    expect("what was received", found["state_file"]["received"], False)
    expect("what is in doubt", found.doubted(), written)
    server.start("--skip-slave-start")
    expect("the gate", server.status("Recovery_gate_state"), "CLOSED")
    expect("what it says", found["gate"]["text"] in server.log_of_this_start(), True)


def encrypted_logs(servers: Servers) -> None:
    keys = servers.folder / "keys.txt"
    keys.write_text("1;" + secrets.token_hex(32) + "\n")
    plain = [option for option in GUARDED if not option.startswith("--plugin-dir")]
    folder = servers.folder / "plugins"
    folder.mkdir()
    system = subprocess.run(
        ["mariadb_config", "--plugindir"], capture_output=True, text=True
    ).stdout.strip()
    candidates = [Path(system), Path("/usr/lib/mysql/plugin")]
    key_plugin = next(
        (place / "file_key_management.so" for place in candidates
         if (place / "file_key_management.so").exists()), None)
    if key_plugin is None:
        raise Unexpected("the server's file_key_management plugin", candidates)
    (folder / PLUGIN.name).symlink_to(PLUGIN)
    (folder / key_plugin.name).symlink_to(key_plugin)
    machine = Machine(servers.add(
        "encrypted", *plain, f"--plugin-dir={folder}",
        "--plugin-load-add=file_key_management",
        f"--file-key-management-filename={keys}", "--encrypt-binlog=ON"))
    end = machine.end_of_log()
    machine.crash_with("CREATE DATABASE test")
    found = machine.inspect().is_verdict(UNKNOWN).says("encrypted.*keys")
    expect("the crash", found["crashed"], True)
    expect("what is in doubt", found["in_doubt"], None)
    expect("the last log", found["end"]["file"], end[0])
    size = (machine.server.datadir / end[0]).stat().st_size
    expect("its end", found["end"]["offset"], size)
    expect("the record", found["state_file"]["present"], True)
    server = machine.server
    server.start()
    expect("the gate", server.status("Recovery_gate_state"), "CLOSED")
    server.query("SET GLOBAL recovery_gate_open_now=ON")
    server.wait_for_status("Recovery_gate_state", "OPEN")
    server.stop()
    # Nothing came after the settled position: that is known without the keys.
    machine.inspect().is_verdict(NOTHING_OWED).says("encrypted")


STORIES = (
    crash_and_come_back_as_primary,
    acknowledged_and_lost,
    another_server_has_gone_on,
    what_cannot_be_cut_off,
    ddl_at_the_end,
    overlooked_in_the_last_log,
    what_a_replica_acknowledged_is_cut_off,
    never_a_replica,
    encrypted_logs,
)


def main() -> int:
    global transcript
    arguments = sys.argv[1:]
    if "--transcript" in arguments:
        transcript = True
        arguments.remove("--transcript")
    return run_stories("inspect-test", STORIES, arguments)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Interrupted as interruption:
        sys.exit(interruption.exit_status)
