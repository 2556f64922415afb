# SPDX-License-Identifier: GPL-2.0-only
"""build/recovery-gate doctor against real servers: a pair that is set up as README.md
says, which is then broken in one way after the other.

    tools/rigs/start tool.doctor_test [--transcript] [BREAKAGE ...]

Environment: RECOVERY_GATE_TOOL and RECOVERY_GATE_PLUGIN, the built tool and
plugin; those of build/ when they are not set. With --transcript each page is
shown. Exits 0 only if everything was as expected.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import Any, Iterator

from rigs import PROJECT
from rigs.plugin.played_replica import PlayedReplica
from rigs.servers import Server, Servers, expect, free_port, program, wait_for
from rigs.story import Story, main
from rigs.tool_under_test import PLUGIN, TOOL

OPEN, USAGE, UNREACHABLE, NO_PLUGIN = range(4)
ERRORS, WARNINGS = 16, 17
WORDS = {OPEN: "open", NO_PLUGIN: "no_plugin", ERRORS: "errors_found"}
WORDS[WARNINGS] = "warnings_found"


def lines_of_readme() -> list[str]:
    """Those that README.md has for the option file of every server."""
    text = (PROJECT / "README.md").read_text()
    section = text.partition("## Install it")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```\n\[mariadbd\]\n(.*?)^```", section, re.M | re.S)
    expect("two option files in README.md", blocks, len(blocks) == 2)
    return [line for block in blocks for line in block.splitlines()]


# What README.md leaves to choose.
NOTES = ("wait-point", "no-extra-port", "replica-net-timeout")


class Member:
    """A server that has all its options in a file."""

    def __init__(self, server: Server, lines: list[str]):
        self.server = server
        self.lines = lines
        self.file = server.folder.with_suffix(".cnf")

    def write_file(self) -> None:
        self.file.write_text("[mariadbd]\n" + "\n".join(self.lines) + "\n")

    def start(self) -> None:
        server = self.server
        self.write_file()
        own = [
            option
            for option in server.command()[2:]
            if re.match(r"--(datadir|tmpdir|socket|pid-file|port|user|bind)", option)
        ]
        server.launch_command(
            [program("mariadbd"), f"--defaults-file={self.file}", *own]
        )
        server.wait_ready()

    def restart(self) -> None:
        self.server.stop()
        self.start()

    @contextmanager
    def with_line(self, name: str, value: str | None) -> Iterator[None]:
        """In the file only; None: without the line."""
        before = self.lines
        kept = [line for line in before if line.partition("=")[0].strip() != name]
        self.lines = kept + ([f"{name} = {value}"] if value is not None else [])
        self.write_file()
        yield
        self.lines = before
        self.write_file()

    @contextmanager
    def with_global(self, name: str, value: Any) -> Iterator[None]:
        """At run time only."""
        before = self.server.value(f"SELECT @@GLOBAL.{name}")
        self.server.query(f"SET GLOBAL {name}=%s", value)
        yield
        self.server.query(f"SET GLOBAL {name}=%s", before)

    @contextmanager
    def with_both(self, name: str, value: Any) -> Iterator[None]:
        with self.with_line(name, str(value)), self.with_global(name, value):
            yield

    @contextmanager
    def restarted_with(self, *changes: tuple[str, str | None]) -> Iterator[None]:
        before = self.lines
        for name, value in changes:
            kept = [x for x in self.lines if x.partition("=")[0].strip() != name]
            self.lines = kept + ([f"{name} = {value}"] if value is not None else [])
        self.restart()
        yield
        self.lines = before
        self.restart()


class Doctor(Story):
    def __init__(self, servers: Servers):
        super().__init__(servers)
        self.servers = servers
        arguments = sys.argv[1:]
        self.transcript = "--transcript" in arguments
        self.chosen = [name for name in arguments if not name.startswith("-")]
        self.password = secrets.token_hex(8)
        small = ["innodb_buffer_pool_size = 16M", "innodb_log_file_size = 8M"]
        place = [f"plugin_dir = {PLUGIN.parent}", "bind_address = 127.0.0.1"]
        self.primary, self.replica = (
            Member(
                servers.add(name),
                [*small, *place, f"server_id = {number}", *lines_of_readme()],
            )
            for number, name in enumerate(("primary", "replica"), 1)
        )
        self.replica.lines.append("read_only = ON")
        self.names_replica = True

    def steps(self):
        yield self.set_up
        yield self.all_is_well
        breakages = [
            getattr(self, name) for name in dir(self) if name.startswith("break_")
        ]
        breakages.sort(key=lambda step: step.__func__.__code__.co_firstlineno)
        for step in breakages:
            if not self.chosen or step.__name__.removeprefix("break_") in self.chosen:
                yield step
        yield self.all_is_well

    # Helpers

    def command(self, *arguments: str) -> list[str]:
        named = (
            f"--replica=127.0.0.1:{self.replica.server.port}",
            *("--peer-user=ops", f"--peer-password={self.password}"),
        )
        return [
            *(str(TOOL), "doctor", "--no-defaults"),
            f"--socket={self.primary.server.socket}",
            *(named if self.names_replica else ()),
            *arguments,
        ]

    def run(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        if self.transcript:
            print(self.page(*arguments))
        seen = subprocess.run(
            self.command(*arguments, "--json"),
            capture_output=True,
            text=True,
            timeout=60,
        )
        expect("JSON", seen, seen.stdout.startswith("{"))
        answer = json.loads(seen.stdout)
        expect("its exit code", answer, answer["exit_code"] == seen.returncode)
        if "findings" in answer:
            expect("its word", answer, answer["result"] == WORDS[seen.returncode])
        return seen.returncode, answer

    def page(self, *arguments: str) -> str:
        seen = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=60
        )
        return seen.stdout + seen.stderr

    def finds(self, status: int, *wanted: str, arguments: tuple[str, ...] = ()) -> None:
        """Exactly these, as "check" or "check:subject", but for notes that a pair
        has by README.md, too; returns when that is so, as a replica connects when it
        does."""

        def look() -> tuple[int, list[str]]:
            code, answer = self.run(*arguments)
            found = [
                f"{one['check']}:{one['subject']}" if one["subject"] else one["check"]
                for one in answer["findings"]
                if one["check"] not in NOTES
            ]
            return code, sorted(found)

        accepted = (status, sorted(wanted))
        wait_for(look, lambda seen: seen == accepted, f"findings {accepted}", 10)

    def restart_io_thread(self) -> None:
        self.replica.server.query("STOP SLAVE IO_THREAD")
        self.replica.server.query("START SLAVE IO_THREAD")
        self.wait_acknowledging()

    def wait_acknowledging(self) -> None:
        self.replica.server.wait_for_status("Rpl_semi_sync_slave_status", "ON")
        self.primary.server.wait_for_status("Rpl_semi_sync_master_clients", "1")

    @contextmanager
    def on_primary(self, *statements: str, undo: tuple[str, ...] = ()) -> Iterator[None]:
        """Not replicated."""
        with self.primary.server.connect_as_admin() as session:
            session.query("SET sql_log_bin=OFF")
            for statement in statements:
                session.query(statement)
            yield
            for statement in undo:
                session.query(statement)

    @contextmanager
    def account(self, *grants: str) -> Iterator[None]:
        """An application's, and more than it should have."""
        create = f"CREATE USER app@'%' IDENTIFIED BY '{self.password}'"
        with self.on_primary(
            create, "GRANT SELECT, INSERT ON shop.* TO app@'%'", *grants,
            undo=("DROP USER app@'%'",),
        ):
            yield

    @contextmanager
    def master(self, change: str, back: str) -> Iterator[None]:
        query = self.replica.server.query
        for option in (change, back):
            query("STOP SLAVE")
            query(f"CHANGE MASTER TO {option}")
            query("START SLAVE")
            if option == change:
                self.wait_acknowledging()
                yield
        self.wait_acknowledging()

    def play_replica(self) -> PlayedReplica:
        server = self.primary.server
        end = server.value("SELECT @@gtid_binlog_pos")
        return PlayedReplica(server, 77, end, account=("repl", self.password))

    def end_player(self, player: PlayedReplica) -> None:
        player.leave()
        # The server would notice only when it has something to send.
        self.primary.server.query(f"KILL {player.connection_id}")

    # Steps

    def set_up(self) -> None:
        for member in (self.primary, self.replica):
            server = member.server
            server.folder.mkdir()
            shutil.copytree(self.servers.template(), server.datadir)
            server.port = free_port()
            member.start()
        primary, replica = self.primary.server, self.replica.server
        with primary.connect_as_admin() as session:
            session.query("SET sql_log_bin=OFF")
            session.query(f"CREATE USER repl@'127.0.0.1' IDENTIFIED BY '{self.password}'")
            session.query("GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'")
        with replica.connect_as_admin() as session:
            session.query("SET sql_log_bin=OFF")
            session.query(f"CREATE USER ops@'127.0.0.1' IDENTIFIED BY '{self.password}'")
            session.query("GRANT SLAVE MONITOR, FILE ON *.* TO ops@'127.0.0.1'")
            session.query("GRANT SELECT ON mysql.gtid_slave_pos TO ops@'127.0.0.1'")
        self.follow()

    def follow(self) -> None:
        self.replica.server.query(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%s,"
            " MASTER_USER='repl', MASTER_PASSWORD=%s, MASTER_USE_GTID=slave_pos,"
            " MASTER_CONNECT_RETRY=2",
            *(self.primary.server.port, self.password),
        )
        self.replica.server.query("START SLAVE")
        self.wait_acknowledging()

    def all_is_well(self) -> None:
        self.finds(OPEN)
        _, answer = self.run()
        notes = sorted(one["check"] for one in answer["findings"])
        expect("nothing but the usual notes", notes, notes == sorted(NOTES))
        page = self.page()
        expect("that all is well", page, "\nAll is well, 3 notes: " in page)

    # Breakages: first of all

    def break_domain(self) -> None:
        """Two primaries write in domain 0. It comes first: a replica that has something
        of the domain receives nothing of it from a primary that lacks that."""
        other = self.servers.add("other", "--rpl-semi-sync-master-enabled=ON")
        other.start()
        with other.connect_as_admin() as session:
            session.query("SET sql_log_bin=OFF")
            session.query(f"CREATE USER repl@'127.0.0.1' IDENTIFIED BY '{self.password}'")
            session.query("GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'")
        query = self.replica.server.query
        query(
            "CHANGE MASTER 'other' TO MASTER_HOST='127.0.0.1', MASTER_PORT=%s,"
            " MASTER_USER='repl', MASTER_PASSWORD=%s, MASTER_USE_GTID=slave_pos,"
            " MASTER_CONNECT_RETRY=2",
            *(other.port, self.password),
        )
        query("START SLAVE 'other' IO_THREAD")
        wait_for(
            lambda: query("SHOW SLAVE 'other' STATUS")[0]["Slave_IO_Running"],
            lambda state: state == "Yes",
            "the other primary to be followed",
        )
        self.primary.server.query("CREATE DATABASE here")
        other.query("CREATE DATABASE there")
        self.finds(WARNINGS, "several-primaries-domain:gtid_domain_id")
        query("STOP SLAVE 'other'")
        query("RESET SLAVE 'other' ALL")
        other.kill9()
        self.primary.server.query("DROP DATABASE here")
        # The end of one connection may have ended semi-sync on the other.
        self.restart_io_thread()

    # Breakages: the server

    def break_sync_binlog(self) -> None:
        with self.primary.with_both("sync_binlog", 0):
            self.finds(ERRORS, "sync-binlog:sync_binlog")

    def break_flush_log(self) -> None:
        name = "innodb_flush_log_at_trx_commit"
        with self.primary.with_both(name, 2):
            self.finds(ERRORS, f"flush-log:{name}")

    def break_semisync(self) -> None:
        name = "rpl_semi_sync_master_enabled"
        with self.primary.with_both(name, 0):
            self.finds(ERRORS, f"semisync-off:{name}")
        self.restart_io_thread()

    def break_semisync_in_files(self) -> None:
        """As README.md warns: only at run time."""
        name = "rpl_semi_sync_master_enabled"
        with self.primary.with_line(name, None):
            self.primary.server.query(f"SET GLOBAL {name}=ON")
            self.finds(ERRORS, f"semisync-not-in-files:{name}")

    def break_run_time_only(self) -> None:
        with self.primary.with_global("recovery_gate_connect_wait", 20000):
            self.finds(WARNINGS, "not-in-option-files:recovery_gate_connect_wait")

    def break_semisync_timeout(self) -> None:
        name = "rpl_semi_sync_master_timeout"
        with self.primary.with_both(name, 100):
            self.finds(WARNINGS, f"semisync-timeout:{name}")

    def break_time_limit(self) -> None:
        name = "recovery_gate_timeout_action"
        with self.primary.with_both("recovery_gate_timeout", 60):
            with self.primary.with_both(name, "OPEN"):
                self.finds(WARNINGS, f"time-limit-opens:{name}")

    def break_expiry(self) -> None:
        name = "binlog_expire_logs_seconds"
        with self.primary.with_both(name, 3600):
            self.finds(WARNINGS, f"binlog-expiry:{name}")

    def break_replica_count(self) -> None:
        name = "recovery_gate_replica_count"
        with self.primary.with_both(name, 2):
            self.finds(ERRORS, f"too-few-replicas:{name}")

    def break_connect_wait(self) -> None:
        name = "recovery_gate_connect_wait"
        with self.primary.with_both(name, 0):
            self.finds(WARNINGS, f"nobody-held:{name}")

    def break_max_held(self) -> None:
        name = "recovery_gate_max_held"
        with self.primary.with_both(name, 150):
            self.finds(OPEN, f"max-held:{name}")

    def break_no_replica(self) -> None:
        self.replica.server.query("STOP SLAVE IO_THREAD")
        self.names_replica = False
        self.finds(ERRORS, "no-semisync-replica")
        self.names_replica = True
        self.replica.server.query("START SLAVE IO_THREAD")
        self.wait_acknowledging()

    def break_silent_replica(self) -> None:
        """It is connected, and acknowledges nothing."""
        primary, name = self.primary.server, "rpl_semi_sync_master_timeout"
        self.replica.server.query("STOP SLAVE IO_THREAD")
        primary.wait_for_status("Rpl_semi_sync_master_clients", "0")
        player = self.play_replica()
        primary.wait_for_status("Rpl_semi_sync_master_clients", "1")
        with self.primary.with_both(name, 1000):
            primary.query("CREATE DATABASE silence")
        player.wait_sent(primary.binlog_end())
        self.names_replica = False
        self.finds(ERRORS, "semisync-given-up")
        self.names_replica = True
        self.end_player(player)
        self.replica.server.query("START SLAVE IO_THREAD")
        self.wait_acknowledging()
        primary.query("DROP DATABASE silence")
        primary.wait_for_status("Rpl_semi_sync_master_status", "ON")

    # Breakages: accounts

    def break_doctors_account(self) -> None:
        """What it may not see, it does not pass over."""
        with self.account():
            arguments = ("--user=app", f"--password={self.password}")
            code, answer = self.run(*arguments)
            expect("an error", code, code == ERRORS)
            unseen = {x["subject"] for x in answer["findings"] if x["check"] == "not-seen"}
            expect("what is not seen", unseen, {"the accounts", "its replication"} <= unseen)

    def break_all_privileges(self) -> None:
        with self.account("GRANT ALL PRIVILEGES ON *.* TO app@'%'"):
            self.finds(ERRORS, "application-is-administrator:app@%")

    def break_administrator_from_anywhere(self) -> None:
        with self.account("GRANT ALL PRIVILEGES ON *.* TO app@'%' WITH GRANT OPTION"):
            self.finds(OPEN, "administrator-from-anywhere:app@%")

    def break_default_role(self) -> None:
        """A role that is no default one is not in force when the gate asks."""
        with self.on_primary(
            "CREATE ROLE helper", "GRANT CONNECTION ADMIN ON *.* TO helper",
            "CREATE ROLE apps", "GRANT helper TO apps",
            undo=("DROP ROLE apps", "DROP ROLE helper"),
        ):
            with self.account("GRANT apps TO app@'%'"):
                self.finds(OPEN)
            with self.account("GRANT apps TO app@'%'", "SET DEFAULT ROLE apps FOR app@'%'"):
                self.finds(ERRORS, "application-is-administrator:app@%")

    def break_super(self) -> None:
        """SUPER alone opens no gate."""
        with self.account("GRANT SUPER ON *.* TO app@'%'"):
            self.finds(OPEN)

    def break_shared_replica_account(self) -> None:
        with self.account("GRANT REPLICATION SLAVE ON *.* TO app@'%'"):
            self.finds(ERRORS, "application-is-replica:app@%")
            self.finds(OPEN, arguments=("--ignore=application-is-replica:app@%",))

    def break_public(self) -> None:
        with self.on_primary(
            "GRANT CONNECTION ADMIN ON *.* TO PUBLIC",
            undo=("REVOKE CONNECTION ADMIN ON *.* FROM PUBLIC",),
        ):
            self.finds(ERRORS, "everybody-passes:PUBLIC")

    def break_proxy(self) -> None:
        with self.account("GRANT PROXY ON root@localhost TO app@'%'"):
            self.finds(WARNINGS, "proxy-passes:app@%")

    def break_admit_users(self) -> None:
        name = "recovery_gate_admit_users"
        with self.account(), self.primary.with_both(name, "app"):
            self.finds(ERRORS, "application-is-named:app@%")
        with self.primary.with_both(name, "app@localhost"):
            self.finds(WARNINGS, "named-is-nobody:app@localhost")

    def break_rehearsal(self) -> None:
        """What doctor says of an account is what its privileges say, and the gate."""
        rehearse = ("--rehearse", f"--account=app:{self.password}")
        with self.account():
            self.finds(OPEN, arguments=rehearse)
            page = self.page(*rehearse)
            expect("that it is held", page, "app: logs in as app@%; a closed gate holds it" in page)
            self.finds(
                ERRORS, "account-not-rehearsed:app",
                arguments=("--rehearse", "--account=app:wrong"),
            )
        with self.account("GRANT CONNECTION ADMIN ON *.* TO app@'%'"):
            self.finds(
                ERRORS, "account-passes:app",
                arguments=(*rehearse, "--ignore=application-is-administrator"),
            )

    # Breakages: the replica

    def break_replica_semisync(self) -> None:
        name = "rpl_semi_sync_slave_enabled"
        with self.replica.with_both(name, 0):
            self.finds(ERRORS, f"replica-semisync-off:{name}")
        self.restart_io_thread()

    def break_replica_semisync_in_files(self) -> None:
        name = "rpl_semi_sync_slave_enabled"
        with self.replica.with_line(name, None):
            self.replica.server.query(f"SET GLOBAL {name}=ON")
            self.finds(ERRORS, f"replica-semisync-not-in-files:{name}")

    def break_acknowledging(self) -> None:
        """Enabled after it had connected."""
        server, name = self.replica.server, "rpl_semi_sync_slave_enabled"
        server.query("STOP SLAVE IO_THREAD")
        server.query(f"SET GLOBAL {name}=OFF")
        server.query("START SLAVE IO_THREAD")
        wait_for(
            lambda: server.query("SHOW SLAVE STATUS")[0]["Slave_IO_Running"],
            lambda state: state == "Yes",
            "an asynchronous connection",
        )
        server.query(f"SET GLOBAL {name}=ON")
        self.finds(ERRORS, "replica-not-acknowledging:Rpl_semi_sync_slave_status")
        self.restart_io_thread()

    def break_stopped(self) -> None:
        self.replica.server.query("STOP SLAVE SQL_THREAD")
        self.finds(ERRORS, "replica-stopped")
        self.replica.server.query("START SLAVE SQL_THREAD")

    def break_retry(self) -> None:
        with self.master("MASTER_CONNECT_RETRY=60", "MASTER_CONNECT_RETRY=2"):
            self.finds(WARNINGS, "replica-retry")

    def break_gtid(self) -> None:
        with self.master("MASTER_USE_GTID=no", "MASTER_USE_GTID=slave_pos"):
            self.finds(
                WARNINGS, "replica-relay-log-recovery:relay_log_recovery", "replica-without-gtid"
            )

    def break_ignored_servers(self) -> None:
        with self.master("IGNORE_SERVER_IDS=(7)", "IGNORE_SERVER_IDS=()"):
            self.finds(ERRORS, "replica-drops-events:IGNORE_SERVER_IDS")

    def break_position_engine(self) -> None:
        query = self.replica.server.query
        for engine in ("Aria", "InnoDB"):
            query("STOP SLAVE")
            query(f"SET STATEMENT sql_log_bin=0 FOR ALTER TABLE mysql.gtid_slave_pos ENGINE={engine}")
            query("START SLAVE")
            self.wait_acknowledging()
            if engine == "Aria":
                self.finds(ERRORS, "replica-position-engine:mysql.gtid_slave_pos")

    def break_replica_variables(self) -> None:
        for name, value, check in (
            ("replicate_events_marked_for_skip", "FILTER_ON_SLAVE", "replica-skips-marked"),
            ("gtid_ignore_duplicates", 1, "replica-ignores-duplicates"),
            ("replicate_do_db", "shop", "replica-filter"),
        ):
            subject = "Replicate_Do_DB" if name == "replicate_do_db" else name
            self.replica.server.query("STOP SLAVE")
            with self.replica.with_global(name, value):
                self.replica.server.query("START SLAVE")
                self.wait_acknowledging()
                self.finds(WARNINGS, f"{check}:{subject}")
                self.replica.server.query("STOP SLAVE")
            self.replica.server.query("START SLAVE")
            self.wait_acknowledging()

    def break_read_only(self) -> None:
        with self.replica.with_both("read_only", 0):
            self.finds(WARNINGS, "replica-writable:read_only")

    def break_promotion(self) -> None:
        with self.replica.with_both("sync_binlog", 0):
            self.finds(OPEN, "replica-cannot-lead:sync_binlog")

    def break_following(self) -> None:
        self.replica.server.query("STOP SLAVE")
        self.replica.server.query("RESET SLAVE ALL")
        self.finds(ERRORS, "replica-not-following")
        self.follow()

    def break_several_primaries(self) -> None:
        name = "recovery_gate_repair_connections"
        self.replica.server.query("CHANGE MASTER 'other' TO MASTER_HOST='127.0.0.1', MASTER_PORT=1, MASTER_CONNECT_RETRY=2")
        self.finds(ERRORS, "replica-stopped:other")
        with self.replica.with_both(name, 0):
            self.finds(ERRORS, "replica-stopped:other", f"several-primaries:{name}")
        name = "binlog_checksum"
        with self.primary.with_both(name, "NONE"):
            self.finds(ERRORS, "replica-stopped:other", f"several-primaries-checksum:{name}")
        self.replica.server.query("RESET SLAVE 'other' ALL")

    def break_unknown_client(self) -> None:
        """One that acknowledges, and stores nothing."""
        player = self.play_replica()
        self.finds(WARNINGS, "unknown-semisync-client:Rpl_semi_sync_master_clients")
        self.end_player(player)
        self.wait_acknowledging()

    def break_unreachable(self) -> None:
        with self.replica.server.connect_as_admin() as session:
            session.query("SET sql_log_bin=OFF")
            session.query("ALTER USER ops@'127.0.0.1' ACCOUNT LOCK")
            self.finds(ERRORS, "replica-unreachable")
            session.query("ALTER USER ops@'127.0.0.1' ACCOUNT UNLOCK")

    # Breakages with restarts

    def break_replica_without_gate(self) -> None:
        gate = ("plugin-load-add", "recovery_gate", "recovery_gate_mode")
        with self.replica.restarted_with(
            *((name, None) for name in gate), ("log_slave_updates", "OFF")
        ):
            self.wait_acknowledging()
            self.finds(
                WARNINGS, "replica-not-promotable:log_slave_updates", "replica-without-gate"
            )
        self.wait_acknowledging()

    def break_server_id(self) -> None:
        with self.replica.restarted_with(("server_id", "1")):
            self.finds(ERRORS, "replica-same-id:server_id", "replica-stopped")
        self.wait_acknowledging()

    def break_at_start(self) -> None:
        """Options that only a start takes."""
        with self.primary.restarted_with(
            ("binlog_ignore_db", "cache"), ("open_files_limit", "1024"), ("table_open_cache", "100")
        ):
            self.wait_acknowledging()
            self.finds(
                WARNINGS, "binlog-filter:binlog_ignore_db", "few-descriptors:open_files_limit"
            )

    def break_grant_tables(self) -> None:
        with self.primary.restarted_with(("skip_grant_tables", "ON")):
            self.wait_acknowledging()
            self.finds(ERRORS, "no-accounts:skip_grant_tables")

    def break_crash(self) -> None:
        """The gate is closed: this is no server that runs well."""
        self.replica.server.query("STOP SLAVE IO_THREAD")
        self.primary.server.kill9_during("CREATE DATABASE lost")
        self.primary.start()
        self.finds(ERRORS, "gate-closed:REPLICA", "replica-stopped")
        self.replica.server.query("START SLAVE IO_THREAD")
        self.primary.server.wait_for_status("Recovery_gate_open", "ON")
        self.wait_acknowledging()
        self.primary.server.query("DROP DATABASE lost")

    def break_not_forced(self) -> None:
        with self.primary.restarted_with(("recovery_gate", None), ("recovery_gate_mode", None)):
            self.wait_acknowledging()
            self.finds(WARNINGS, "plugin-lines:recovery_gate_mode", "plugin-not-forced")

    def break_no_gate(self) -> None:
        gate = tuple(
            (name, None) for name in ("plugin-load-add", "recovery_gate", "recovery_gate_mode")
        )
        with self.primary.restarted_with(*gate):
            self.wait_acknowledging()
            self.finds(NO_PLUGIN, "plugin-missing")
        with self.primary.restarted_with(*gate, ("log_bin", None)):
            self.finds(NO_PLUGIN, "binlog-off:log_bin", "plugin-missing", "replica-stopped")
        self.replica.server.query("START SLAVE IO_THREAD")
        self.wait_acknowledging()

    def break_mode_off(self) -> None:
        """And a crash, with something that no replica has."""
        with self.primary.restarted_with(("recovery_gate_mode", "OFF")):
            self.wait_acknowledging()
            self.finds(ERRORS, "gate-off")
            self.replica.server.query("STOP SLAVE IO_THREAD")
            self.primary.server.kill9_during("CREATE DATABASE lost")
            self.primary.start()
            self.finds(ERRORS, "gate-off", "in-doubt-behind-open-gate", "replica-stopped")
            self.replica.server.query("START SLAVE IO_THREAD")
            self.wait_acknowledging()
            self.primary.server.query("DROP DATABASE lost")
            self.finds(ERRORS, "gate-off")
        self.wait_acknowledging()


if __name__ == "__main__":
    sys.exit(main("doctor-test", Doctor))
