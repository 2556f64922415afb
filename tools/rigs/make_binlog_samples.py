# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Callable

from rigs import PROJECT
from rigs.binlog_listing import Listing, list_events
from rigs.servers import (
    Interrupted,
    Pending,
    Replication,
    Server,
    Servers,
    SqlError,
    Unexpected,
    catch_signals,
    wait_for,
)

DESCRIPTION = """\
Makes the sample binary logs in testdata/binlog: real MariaDB servers, which are
started for it, write them. Beside each is a list of its events, as the server's
own mariadb-binlog shows them, for tests to compare with."""

# For the encrypted logs; it protects nothing else.
ENCRYPTION_KEY = "00112233445566778899aabbccddeeff" * 2

# Each in a log of its own, on one server: name, what it shows, statements.
SCRIPTS: list[tuple[str, str, list[str]]] = [
    (
        "row",
        "row events: insert, update, delete, several rows, several statements",
        [
            "SET binlog_format=ROW",
            "INSERT INTO t VALUES (1, 'one')",
            "BEGIN",
            "INSERT INTO t VALUES (2, 'two'), (3, 'three')",
            "UPDATE t SET b = 'drei' WHERE a = 3",
            "DELETE FROM t WHERE a = 2",
            "COMMIT",
            "SET binlog_row_image=MINIMAL, binlog_annotate_row_events=OFF",
            "UPDATE t SET b = 'eins' WHERE a = 1",
        ],
    ),
    (
        "statement",
        "statements, with the events that give them their context (Intvar, Rand, "
        "User_var), and one with the flag of skip_replication",
        [
            "SET binlog_format=STATEMENT",
            "INSERT INTO auto (b) VALUES ('x'), ('y')",
            "BEGIN",
            "INSERT INTO auto (b) VALUES (RAND())",
            "SET @v = 'from a variable'",
            "INSERT INTO auto (b) VALUES (@v)",
            "COMMIT",
            "SET skip_replication=ON",
            "INSERT INTO auto (b) VALUES ('skipped')",
        ],
    ),
    (
        "mixed",
        "MIXED: a statement, and one that is written as rows",
        [
            "SET binlog_format=MIXED",
            "INSERT INTO t VALUES (10, 'a statement')",
            "INSERT INTO t VALUES (11, UUID())",
        ],
    ),
    (
        "load-data",
        "LOAD DATA as a statement, with the file's content",
        ["SET binlog_format=STATEMENT", "LOAD DATA INFILE 'rows.txt' INTO TABLE t"],
    ),
    (
        "non-transactional",
        "MyISAM and Aria, in both formats; a transaction that changed a MyISAM "
        "table and was rolled back",
        [
            "SET binlog_format=STATEMENT",
            "INSERT INTO myisam VALUES (1)",
            "INSERT INTO aria VALUES (1)",
            "BEGIN",
            "INSERT INTO t VALUES (20, 'rolled back')",
            "INSERT INTO myisam VALUES (2)",
            "ROLLBACK",
            "SET binlog_format=ROW",
            "INSERT INTO myisam VALUES (3)",
            "INSERT INTO aria VALUES (3)",
        ],
    ),
    (
        "ddl",
        "DDL: tables, a view, a procedure, an account, CREATE ... SELECT in both "
        "formats, an ALTER in two phases",
        [
            "SET binlog_format=STATEMENT",
            "CREATE TABLE copied ENGINE=InnoDB SELECT * FROM t",
            "SET binlog_format=ROW",
            "CREATE OR REPLACE TABLE copied ENGINE=InnoDB SELECT * FROM t",
            "SET binlog_alter_two_phase=ON",
            "ALTER TABLE copied ADD COLUMN c INT",
            "CREATE VIEW v AS SELECT a FROM t",
            "CREATE PROCEDURE p() SELECT 1",
            "CREATE USER somebody",
            "DROP USER somebody",
            "DROP PROCEDURE p",
            "DROP VIEW v",
            "TRUNCATE TABLE copied",
            "DROP TABLE copied",
        ],
    ),
    (
        "xa",
        "XA: prepared and committed, prepared and rolled back, committed in one "
        "phase, and prepared without a change",
        [
            "SET binlog_format=ROW",
            "XA START 'global','branch',7",
            "INSERT INTO t VALUES (30, 'xa')",
            "XA END 'global','branch',7",
            "XA PREPARE 'global','branch',7",
            "XA COMMIT 'global','branch',7",
            "XA START 0x0001ff",
            "INSERT INTO t VALUES (31, 'xa')",
            "XA END 0x0001ff",
            "XA PREPARE 0x0001ff",
            "XA ROLLBACK 0x0001ff",
            "XA START 'one'",
            "INSERT INTO t VALUES (32, 'xa')",
            "XA END 'one'",
            "XA COMMIT 'one' ONE PHASE",
            "XA START 'nothing'",
            "XA END 'nothing'",
            "XA PREPARE 'nothing'",
            "XA COMMIT 'nothing'",
        ],
    ),
    (
        "savepoint",
        "savepoints, in both formats",
        [
            "SET binlog_format=STATEMENT",
            "BEGIN",
            "INSERT INTO t VALUES (40, 'kept')",
            "SAVEPOINT s",
            "INSERT INTO myisam VALUES (40)",
            "INSERT INTO t VALUES (41, 'rolled back')",
            "ROLLBACK TO s",
            "COMMIT",
            "SET binlog_format=ROW",
            "BEGIN",
            "INSERT INTO t VALUES (42, 'kept')",
            "SAVEPOINT s",
            "INSERT INTO t VALUES (43, 'rolled back')",
            "ROLLBACK TO s",
            "INSERT INTO t VALUES (44, 'kept')",
            "RELEASE SAVEPOINT s",
            "COMMIT",
        ],
    ),
    (
        "compressed",
        "events that are compressed (log_bin_compress)",
        [
            "SET GLOBAL log_bin_compress=ON, GLOBAL log_bin_compress_min_len=10",
            "SET binlog_format=STATEMENT",
            "INSERT INTO t VALUES (50, 'oooooooooooooooooooooooooooooooooooooooooo')",
            "SET binlog_format=ROW",
            "INSERT INTO t VALUES (51, REPEAT('x', 90))",
            "UPDATE t SET b = REPEAT('y', 90) WHERE a = 51",
            "DELETE FROM t WHERE a = 51",
            "SET GLOBAL log_bin_compress=OFF",
        ],
    ),
    (
        "multi-engine",
        "a transaction of two engines, InnoDB and RocksDB",
        [
            "SET binlog_format=ROW",
            "BEGIN",
            "INSERT INTO t VALUES (60, 'both')",
            "INSERT INTO rocks VALUES (60)",
            "COMMIT",
        ],
    ),
    (
        "domains",
        "transactions of several GTID domains and server ids",
        [
            "SET binlog_format=STATEMENT",
            *(
                statement
                for number in range(1, 21)
                for statement in (
                    f"SET gtid_domain_id={number}, server_id={100 + number % 3}",
                    f"INSERT INTO t VALUES ({100 + number}, '')",
                )
            ),
            "SET gtid_domain_id=4294967295, server_id=4294967295, "
            "gtid_seq_no=18446744073709551614",
            "INSERT INTO t VALUES (121, '')",
        ],
    ),
    (
        "gtid-list",
        "nothing but what a log begins with, and a long Gtid_list in it",
        [],
    ),
]

TABLES = [
    "CREATE DATABASE d",
    "CREATE TABLE d.t (a INT PRIMARY KEY, b VARCHAR(100)) ENGINE=InnoDB",
    "CREATE TABLE d.auto (a INT AUTO_INCREMENT PRIMARY KEY, b VARCHAR(100)) "
    "ENGINE=InnoDB",
    "CREATE TABLE d.myisam (a INT PRIMARY KEY) ENGINE=MyISAM",
    "CREATE TABLE d.aria (a INT PRIMARY KEY) ENGINE=Aria",
    "CREATE TABLE d.rocks (a INT PRIMARY KEY) ENGINE=RocksDB",
]


class Maker:
    """Has servers write the samples into a folder."""

    def __init__(self, servers: Servers, folder: Path):
        self._servers = servers
        self._folder = folder
        self._what: list[tuple[str, str]] = []
        keys = servers.folder / "keys"
        keys.write_text(f"1;{ENCRYPTION_KEY}\n")
        self._options = (
            "--plugin-load-add=file_key_management",
            f"--file-key-management-filename={keys}",
            "--plugin-load-add=ha_rocksdb",
            "--secure-file-priv=",
        )
        self.version = ""

    def make(self) -> None:
        server = self._servers.add("samples", *self._options)
        server.start()
        self.version = server.value("SELECT VERSION()")
        for statement in TABLES:
            server.query(statement)
        (server.datadir / "d" / "rows.txt").write_text("80\tloaded\n81\tloaded\n")

        for name, what, statements in SCRIPTS:
            statements = ["USE d", *statements]
            self._closed(server, name, what, lambda: self._run(server, statements))
        server.query("RESET MASTER")  # the lists of GTIDs are short again
        self._closed(
            server,
            "group-commit",
            "two transactions that were committed in one group",
            lambda: self._commit_together(server),
        )
        self._without_checksums(server)
        self._stopped_and_in_use(server)
        self._encrypted(server)
        server.kill9()
        self._torn()
        self._of_a_replica()
        self._crashed_between_logs()
        self._write_readme()

    # Pieces

    @staticmethod
    def _run(server: Server, statements: list[str]) -> None:
        with server.connect_as_admin() as session:
            for statement in statements:
                session.query(statement)

    def _closed(
        self, server: Server, name: str, what: str, write: Callable[[], None]
    ) -> None:
        """Keeps the log that `write` writes, closed by a rotation."""
        server.query("FLUSH BINARY LOGS")
        log = server.binlog_end().file
        write()
        server.query("FLUSH BINARY LOGS")
        self._keep(server.datadir / log, name, what)

    def _keep(
        self, log: Path, name: str, what: str, listing: Listing | None = None
    ) -> None:
        copy = self._folder / f"{name}.binlog"
        shutil.copyfile(log, copy)
        listing = listing or list_events(copy)
        copy.with_suffix(".events").write_text(listing.text())
        self._what.append((name, what))
        print(f"{name}: {copy.stat().st_size} bytes, {len(listing.events)} events")

    @staticmethod
    def _commit_together(server: Server) -> None:
        server.query("SET GLOBAL binlog_commit_wait_count=2")
        server.query("SET GLOBAL binlog_commit_wait_usec=20000000")
        pending = []
        for number in (70, 71):
            session = server.connect_as_admin()
            pending.append(
                Pending(session, f"INSERT INTO d.t VALUES ({number}, 'together')")
            )
        wait_for(
            lambda: [one.outcome() for one in pending],
            lambda seen: seen == ["success", "success"],
            "two transactions to be committed",
        )
        server.query("SET GLOBAL binlog_commit_wait_count=0")
        server.query("SET GLOBAL binlog_commit_wait_usec=100000")

    def _without_checksums(self, server: Server) -> None:
        server.query("SET GLOBAL binlog_checksum=NONE")
        self._closed(
            server,
            "no-checksums",
            "binlog_checksum=NONE; all others have CRC32",
            lambda: self._run(
                server,
                [
                    "SET binlog_format=ROW",
                    "INSERT INTO d.t VALUES (90, 'none')",
                    "SET binlog_format=STATEMENT",
                    "INSERT INTO d.t VALUES (91, 'none')",
                    "CREATE TABLE d.none (a INT)",
                ],
            ),
        )
        server.query("SET GLOBAL binlog_checksum=CRC32")

    def _stopped_and_in_use(self, server: Server) -> None:
        server.query("FLUSH BINARY LOGS")
        log = server.binlog_end().file
        self._run(server, ["INSERT INTO d.t VALUES (92, 'stopped')"])
        server.stop()
        self._keep(server.datadir / log, "stopped", "closed by a shutdown")

        server.start()
        log = server.binlog_end().file
        self._run(
            server,
            [
                "INSERT INTO d.t VALUES (93, 'in use')",
                "SET binlog_format=ROW",
                "XA START 'left'",
                "INSERT INTO d.t VALUES (94, 'left prepared')",
                "XA END 'left'",
                "XA PREPARE 'left'",
            ],
        )
        self._run(server, ["INSERT INTO d.t VALUES (95, 'in use')"])
        server.kill9()
        self._keep(
            server.datadir / log,
            "in-use",
            "the server was killed (kill -9), and an XA transaction left prepared",
        )

    def _encrypted(self, server: Server) -> None:
        for name, checksum in (
            ("encrypted", "CRC32"),
            ("encrypted-no-checksums", "NONE"),
        ):
            server.start("--encrypt-binlog=ON", f"--binlog-checksum={checksum}")
            log = server.binlog_end().file
            self._run(
                server,
                [
                    "SET binlog_format=ROW",
                    "INSERT INTO d.t SELECT MAX(a) + 1, 'secret' FROM d.t",
                    "CREATE TABLE d.secret (a INT)",
                    "DROP TABLE d.secret",
                ],
            )
            # Only the server can decrypt it; it sends what it decrypted.
            listing = list_events(server.datadir / log, server.socket)
            server.kill9()
            self._keep(
                server.datadir / log,
                name,
                f"encrypted, binlog_checksum={checksum}, and in use; the list of "
                "events is of what the server decrypts",
                listing,
            )

    def _torn(self) -> None:
        whole = (self._folder / "in-use.binlog").read_bytes()
        last = list_events(self._folder / "in-use.binlog").events[-1]
        start = int(last.offset)
        for name, what, content in (
            ("torn-body", "in the last event's body", whole[: start + 25]),
            ("torn-header", "in the last event's header", whole[: start + 11]),
            (
                "torn-zeros",
                "at the last event, which is zeros, as a file system may leave it",
                whole[:start] + bytes(len(whole) - start),
            ),
        ):
            torn = self._servers.folder / name
            torn.write_bytes(content)
            before = self._servers.folder / f"{name}.before"
            before.write_bytes(whole[:start])
            self._keep(torn, name, f"`in-use`, cut {what}", list_events(before))

    def _of_a_replica(self) -> None:
        primary = self._servers.add("primary")
        replica = self._servers.add("replica")
        primary.start()
        replica.start()
        link = Replication(primary, replica)
        link.set_up()
        self._run(
            primary,
            [
                "CREATE DATABASE d",
                "CREATE TABLE d.t (a INT PRIMARY KEY) ENGINE=InnoDB",
                "SET binlog_format=ROW",
                "INSERT INTO d.t VALUES (1)",
            ],
        )
        link.promote()  # it has applied all
        replica.query("INSERT INTO d.t VALUES (2)")
        self._keep(
            replica.datadir / replica.binlog_end().file,
            "replica",
            "the binary log of a replica, with its primary's transactions and one "
            "of its own; in use",
        )

        # RESET SLAVE has removed the relay logs.
        second = self._servers.add("second")
        second.start()
        link = Replication(primary, second)
        link.set_up()
        self._run(primary, ["SET binlog_format=ROW", "INSERT INTO d.t VALUES (3)"])
        wait_for(link.received, primary.binlog_end().__le__, "all to be received")
        second.query("STOP SLAVE")
        relay_log = link.status()["Relay_Log_File"]
        self._keep(
            second.datadir / relay_log,
            "relay-log",
            "a replica's relay log: not a binary log, although it looks like one; "
            "its `end` positions are the primary's",
        )
        for server in (primary, replica, second):
            server.kill9()

    def _crashed_between_logs(self) -> None:
        """InnoDB does not get round to syncing its own log while the binary log
        is rotated: the checkpoint stays behind, and recovery needs all logs."""
        server = self._servers.add("chain")
        server.start()
        self._run(
            server,
            [
                "CREATE DATABASE d",
                "CREATE TABLE d.t (a INT PRIMARY KEY) ENGINE=InnoDB",
                "FLUSH BINARY LOGS",
                "SET GLOBAL innodb_flush_log_at_timeout=2700",
                "SET GLOBAL innodb_flush_log_at_trx_commit=0",
                "INSERT INTO d.t VALUES (1)",
                "FLUSH BINARY LOGS",
                "INSERT INTO d.t VALUES (2)",
                "FLUSH BINARY LOGS",
                "INSERT INTO d.t VALUES (3)",
            ],
        )
        server.kill9()
        chain = self._folder / "chain"
        chain.mkdir()
        for file in server.datadir.glob("bin.*"):
            shutil.copyfile(file, chain / file.name)

    def _write_readme(self) -> None:
        rows = [f"| `{name}` | {what} |" for name, what in self._what]
        (self._folder / "README.md").write_text(
            README.format(
                version=self.version, key=ENCRYPTION_KEY, rows="\n".join(rows)
            )
        )


README = """\
# Sample binary logs

Binary logs of a few hundred bytes to a few KB, written by real servers (MariaDB
{version}), and what the server's own `mariadb-binlog` says is in them. Tests compare the
reader with it; the fuzzer starts from them. All files here, this one too, are made by

```
tools/make-binlog-samples
```

which says how each came about. It needs the RocksDB plugin, and leaves other times, nonces and thread ids
each time. The torn ones, alone, were cut by hand.

| file (`.binlog`) | what it shows |
| --- | --- |
{rows}

`chain/` is the binary log, with its index, of a server that was killed while InnoDB had not yet synced what
was in `bin.000002`: crash recovery begins there, as the last `Binlog_checkpoint` in the last log says.

The encrypted logs were written with key 1 of `file_key_management`, `{key}`.

## NAME.events

One line for each event, fields separated by tabs, `-` where there is none: where it begins in the file, its
length, the end position that it states, its type as a number, its flags in hexadecimal, the server id, the
GTID, the XID (`Xid` events), the XA XID (`XA PREPARE`: format, gtrid and bqual in hexadecimal, separated by colons),
and what `mariadb-binlog` calls it. From `mariadb-binlog --hexdump`; for encrypted logs with
`--read-from-remote-server`, from the server that wrote them; for torn ones, of what comes before the cut.
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tools/make-binlog-samples",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=PROJECT / "testdata" / "binlog",
        help="where to (default: testdata/binlog)",
    )
    arguments = parser.parse_args()
    catch_signals()
    try:
        with Servers("make-binlog-samples") as servers:
            made = servers.folder / "made"
            made.mkdir()
            Maker(servers, made).make()
            shutil.rmtree(arguments.folder, ignore_errors=True)
            shutil.copytree(made, arguments.folder)
    except Interrupted as interrupted:
        return interrupted.exit_status
    except (Unexpected, SqlError, OSError) as error:
        print(f"make-binlog-samples: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
