# SPDX-License-Identifier: GPL-2.0-only
"""Throw-away MariaDB servers on this machine, for demonstrations and checks.

    catch_signals()
    with Servers("my-check") as servers:
        primary = servers.add("primary", *SEMISYNC_PRIMARY)
        replica = servers.add("replica", *SEMISYNC_REPLICA)
        primary.start()
        replica.start()
        link = Replication(primary, replica)
        link.set_up()
        primary.kill9()

Each server has a folder, a socket and a port on 127.0.0.1 of its own and reads
no configuration file. However the `with` block is left, its servers are killed,
by process id, and its folder is removed; should this process be killed with
kill -9, the kernel kills the servers.

Nothing here waits without a deadline, except for other programs in run().
"""

from __future__ import annotations

import os
import pwd
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, TypeVar

Value = TypeVar("Value")

PAUSE = 0.01  # seconds between two looks at something that is awaited

# How many times longer than usual anything may take: under a checker that slows
# the servers down.
patience = 1.0


# --- Being interrupted --------------------------------------------------------


class Interrupted(BaseException):
    """This process was asked to end. Not an error, so not an Exception."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.exit_status = 128 + number


_caught: list[int] = []


def catch_signals() -> None:
    """From now on a signal that asks to end is only taken down, and raised as
    Interrupted by the next checkpoint(). Clean-up has no checkpoints: it is
    never cut in half, however often somebody presses Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, lambda number, _: _caught.append(number))


def checkpoint() -> None:
    if _caught:
        raise Interrupted(_caught[0])


# --- Waiting ------------------------------------------------------------------


class Unexpected(Exception):
    """Something was expected, and something else was seen."""

    def __init__(self, expected: str, seen: Any):
        super().__init__(f"expected {expected}, but saw {seen}")
        self.expected = expected
        self.seen = seen


def expect(what: str, seen: Any, accepted: Any) -> None:
    """Raises Unexpected, with what was seen, unless that was accepted."""
    if not accepted:
        raise Unexpected(what, repr(seen))


def wait_for(
    look: Callable[[], Value],
    accept: Callable[[Value], Any],
    expected: str,
    timeout: float | None = 30,
) -> Value:
    """Looks until what it sees is accepted, and returns that; raises
    Unexpected, with what it saw last, after `timeout` seconds."""
    if timeout is not None:
        timeout *= patience
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        checkpoint()
        # In this order: what came before the deadline counts, although a slow
        # machine got round to looking only after it.
        late = deadline is not None and time.monotonic() > deadline
        seen = look()
        if accept(seen):
            return seen
        if late:
            raise Unexpected(f"{expected} within {timeout:g} s", seen)
        time.sleep(PAUSE)


def run(command: list[str | Path], *, log: Path | None = None, **options: Any) -> int:
    """Runs a program to its end and returns its exit status. With a log it
    gets a process group of its own, which ends with it; without one it has the
    terminal, and Ctrl-C reaches it directly."""
    if log is None:
        process = subprocess.Popen(command, **options)
    else:
        with open(log, "ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **options,
            )
    try:
        return wait_for(process.poll, lambda status: status is not None, "", None)
    except BaseException:
        if log is None:
            process.terminate()
            process.wait()  # it may have something to finish first
        else:
            _end_group(process)
        raise


def _end_group(leader: subprocess.Popen[bytes]) -> None:
    """Returns when no process is left that could write anything."""
    for number, patience in ((signal.SIGTERM, 0.5), (signal.SIGKILL, 10)):
        with suppress(ProcessLookupError):
            os.killpg(leader.pid, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            leader.poll()
            if not _is_alive(leader.pid):
                return
            time.sleep(PAUSE)


def _is_alive(session: int) -> bool:
    # The session, as ninja gives each compiler a group of its own. Asking with
    # a signal would also count what has ended and is collected by nobody: in a
    # container, process 1 may be anything.
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        state, _parent, _group, its_session = fields[:4]
        if int(its_session) == session and state not in "ZX":
            return True
    return False


# --- Positions in the binary log ----------------------------------------------


@dataclass(frozen=True)
class Position:
    """A place in a server's binary log. Only positions of the same server can
    be compared."""

    file: str
    offset: int

    def __str__(self) -> str:
        return f"{self.file}:{self.offset}"

    def __lt__(self, other: Position) -> bool:
        return self._key() < other._key()

    def __le__(self, other: Position) -> bool:
        return self._key() <= other._key()

    def _key(self) -> tuple[int, int]:
        # By number: as a string, bin.1000000 would come before bin.999999.
        return int(self.file.rpartition(".")[2] or 0), self.offset


# --- Talking to a server ------------------------------------------------------


class SqlError(Exception):
    """A server's error, or a connection's (numbers from 2000 to 2999)."""

    def __init__(self, code: int, text: str):
        super().__init__(f"error {code}: {text}")
        self.code = code
        self.text = text

    def is_of_connection(self) -> bool:
        return 2000 <= self.code < 3000


class Session:
    """One client connection, in autocommit mode. For one thread at a time."""

    def __init__(
        self,
        user: str,
        password: str = "",
        *,
        port: int | None = None,
        socket: Path | None = None,
        database: str | None = None,
        timeout: float | None = 20,
    ):
        # Here and not above: tools/setup, which installs it, may be run by a
        # program that has loaded this module already.
        import pymysql
        from pymysql.connections import Connection

        class Silent(Connection):
            """Says nothing before it is asked: from 1.1 on the driver would run SET
            NAMES while it connects, and be held at a closed gate."""

            def set_character_set(self, *_: Any, **__: Any) -> None:
                pass

        if timeout is not None:
            timeout *= patience
        self._driver = pymysql
        self._connection = self._checked(
            lambda: Silent(
                user=user,
                password=password,
                host="localhost" if socket else "127.0.0.1",
                port=port or 0,
                unix_socket=str(socket) if socket else None,
                database=database,
                charset="utf8mb4",
                autocommit=True,
                connect_timeout=10 * patience,
                read_timeout=timeout,
                write_timeout=timeout,
                cursorclass=pymysql.cursors.DictCursor,
            )
        )

    def _checked(self, call: Callable[[], Value]) -> Value:
        try:
            return call()
        except self._driver.MySQLError as error:
            # Without a number, or with 0, the driver means the connection.
            code, text = error.args[0] if error.args else 0, error.args[-1:]
            if not (isinstance(code, int) and code):
                code = 2006
            raise SqlError(code, text[0] if text else repr(error)) from error
        except OSError as error:
            raise SqlError(2013, str(error)) from error

    def query(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        """The rows of the answer, by column name; %s in `sql` stands for an
        argument, quoted as needed."""

        def call() -> list[dict[str, Any]]:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, arguments or None)
                return list(cursor.fetchall())

        return self._checked(call)

    def value(self, sql: str, *arguments: Any) -> Any:
        """The first column of the first row; None when there is no row."""
        rows = self.query(sql, *arguments)
        return next(iter(rows[0].values())) if rows else None

    def close(self) -> None:
        with suppress(self._driver.MySQLError):  # it is closed already
            self._connection.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class Pending:
    """A statement under way in a thread of its own, on a session that nobody
    else uses meanwhile."""

    def __init__(self, session: Session, sql: str, *arguments: Any):
        self.error: SqlError | None = None
        self.rows: list[dict[str, Any]] = []  # of the answer
        self._session = session
        self._thread = threading.Thread(
            target=self._run, args=(sql, arguments), daemon=True
        )
        self._thread.start()

    def _run(self, sql: str, arguments: tuple[Any, ...]) -> None:
        try:
            self.rows = self._session.query(sql, *arguments)
        except SqlError as error:
            self.error = error

    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def outcome(self) -> str:
        if not self.is_over():
            return "still waiting for an answer"
        return str(self.error) if self.error else "success"


# --- Servers ------------------------------------------------------------------

SEMISYNC_PRIMARY = (
    "--rpl-semi-sync-master-enabled=ON",
    # Never give up waiting and go on without an acknowledgement.
    f"--rpl-semi-sync-master-timeout={24 * 60 * 60 * 1000}",
)
SEMISYNC_REPLICA = ("--rpl-semi-sync-slave-enabled=ON",)

# For the bootstrap and for each server alike. Small and quick to start; what
# has to survive a crash is written as safely as in production.
_STORAGE_OPTIONS = ("--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M")
_OPTIONS = (
    *_STORAGE_OPTIONS,
    "--innodb-flush-log-at-trx-commit=1",
    "--sync-binlog=1",
    "--log-bin=bin",
    "--log-slave-updates=ON",
    "--relay-log=relay",
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--port-open-timeout=10",
)

# Below the range that the kernel takes ports for outgoing connections from,
# so that a server finds its port free when it comes back.
_PORTS = range(20000, 32000)


def program(name: str) -> str:
    # A user's PATH rarely has sbin.
    folders = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"
    found = shutil.which(name, path=folders)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed; run tools/setup")
    return found


def tied(*command: str | Path) -> list[str | Path]:
    """Should this process be killed, so is the one that this starts."""
    return [program("setpriv"), "--pdeathsig", "KILL", "--", *command]


# One name cannot be bound twice, and is free again when this process is gone. A long
# run has forgotten its first servers when it would have no descriptors left.
_reserved: deque[socket.socket] = deque(maxlen=300)


def free_port() -> int:
    """A port of 127.0.0.1 that no other test takes, also while its server is down."""
    for port in random.sample(_PORTS, 200):
        reservation = socket.socket(socket.AF_UNIX)
        try:
            reservation.bind(f"\0recovery-gate-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            reservation.close()
            continue
        _reserved.append(reservation)
        return port
    raise OSError(f"no free port on 127.0.0.1 in {_PORTS}")


def tail(path: Path, lines: int = 30) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return str(error)


# The kernel kills a server when the thread that started it ends, so that is
# this one, which lives as long as the process.
_starter = ThreadPoolExecutor(max_workers=1)


class Server:
    """One server. Made by Servers.add()."""

    def __init__(self, servers: Servers, path: str, options: tuple[str, ...]):
        self.name = Path(path).name
        self.folder = servers.folder / path
        self.log = servers.folder / f"{path}.log"  # outlives the folder
        self.port = 0  # known, and the same, from the first start on
        self.id = len(servers.all) + 1
        self.options = options
        self.environment: dict[str, str] = {}  # besides this process's own
        self.runner: list[str] = []  # a program that runs it, with options
        self._servers = servers
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._session: Session | None = None
        self._lock = threading.Lock()

    @property
    def datadir(self) -> Path:
        return self.folder / "data"

    @property
    def socket(self) -> Path:
        return self.folder / "s"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._process.pid

    # Its life

    def start(self, *options: str, timeout: float = 60) -> None:
        """Starts it, with its own and these options, and returns when it is
        ready for connections. Its data directory is made at the first start."""
        tries = 1 if self.port else 5
        while True:
            self.launch(*options)
            try:
                self.wait_ready(timeout)
                return
            except Unexpected:
                tries -= 1
                if not (tries and "Address already in use" in self.log_of_this_start()):
                    raise
                self.port = 0

    def launch(self, *options: str) -> None:
        """As start(), but does not wait for anything."""
        if self.is_running():
            raise RuntimeError(f"{self.name} is running")
        if not self.datadir.exists():
            template = self._servers.template()
            self.folder.mkdir(parents=True)
            shutil.copytree(template, self.datadir)
        self.port = self.port or free_port()
        self._execute(options)

    def wait_ready(self, timeout: float = 60) -> None:
        try:
            self.wait_for_log("ready for connections", timeout)
        except BaseException:
            self.kill9()
            raise

    def command(self, *options: str) -> list[str]:
        """What start() runs."""
        return [
            *(program("mariadbd"), "--no-defaults"),
            f"--datadir={self.datadir}",
            f"--tmpdir={self.folder}",
            f"--socket={self.socket}",
            f"--pid-file={self.folder / 'pid'}",
            f"--port={self.port}",
            f"--server-id={self.id}",
            *(("--user=root",) if os.geteuid() == 0 else ()),
            *_OPTIONS,
            *self.options,
            *options,
        ]

    def _execute(self, options: tuple[str, ...]) -> None:
        self.launch_command(self.command(*options))

    def launch_command(self, command: list[str]) -> None:
        """Starts it as launch() does, with a command line of the caller's."""
        if self.is_running():
            raise RuntimeError(f"{self.name} is running")
        name, *arguments = command
        with open(self.log, "ab") as log:
            self._log_start = log.tell()
            self._process = _starter.submit(
                subprocess.Popen,
                tied(*self.runner, program(name), *arguments),
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # out of Ctrl-C's reach
            ).result()

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill9(self) -> None:
        """Ends it at once, as a crash does. Harmless when it does not run."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
        self._forget_session()

    def kill9_during(self, commit: str, *arguments: Any) -> None:
        """Kills it while that statement waits for an acknowledgement: it is in the
        binary log, and a semi-sync replica's link is cut."""
        before = self.binlog_end()
        waiting = Pending(self.connect_as_admin(), commit, *arguments)
        wait_for(
            self.binlog_end,
            lambda end: before < end,
            "the commit in the binary log",
        )
        self.kill9()
        wait_for(waiting.is_over, lambda over: over, "the commit to be cut off")

    def stop(self, timeout: float = 60) -> int:
        """Shuts it down properly and returns its exit status."""
        self.ask_to_stop()
        return self.wait_end(timeout)

    def wait_end(self, timeout: float = 60) -> int:
        """Waits until it has ended, and returns its exit status."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        status = wait_for(
            self._process.poll,
            lambda status: status is not None,
            f"{self.name} to end",
            timeout,
        )
        self._process = None
        self._forget_session()
        return status

    def ask_to_stop(self) -> None:
        """Has it begin to shut down, and does not wait for that."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        self._process.terminate()

    def destroy(self) -> None:
        """Loses it for good: it is killed, and its folder removed. Where the
        folders are to be kept, it only gets another name."""
        self.kill9()
        if self._servers.keep:
            self.folder.rename(self.folder.with_name(f"{self.name}.lost"))
        else:
            shutil.rmtree(self.folder)

    # Talking to it

    def connect_as_admin(self) -> Session:
        user = pwd.getpwuid(os.geteuid()).pw_name
        return Session(user, socket=self.socket)

    def connect(
        self, user: str, password: str, database: str | None = None, **options: Any
    ) -> Session:
        return Session(user, password, port=self.port, database=database, **options)

    def query(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        """As an administrator. Any thread."""
        with self._lock:
            if self._session is None:
                self._session = self.connect_as_admin()
            try:
                return self._session.query(sql, *arguments)
            except SqlError as error:
                if error.is_of_connection():
                    self._session.close()
                    self._session = None
                raise

    def value(self, sql: str, *arguments: Any) -> Any:
        rows = self.query(sql, *arguments)
        return next(iter(rows[0].values())) if rows else None

    def _forget_session(self) -> None:
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None

    # What it shows

    def statuses(self, pattern: str) -> dict[str, str]:
        rows = self.query("SHOW GLOBAL STATUS LIKE %s", pattern)
        return {row["Variable_name"]: row["Value"] for row in rows}

    def status(self, name: str) -> str:
        return self.statuses(name).get(name, "(no such status variable)")

    def wait_for_status(self, name: str, expected: str, timeout: float = 30) -> None:
        wait_for(
            lambda: self.status(name),
            lambda value: value == expected,
            f"{name} = {expected} on the {self.name}",
            timeout,
        )

    def binlog_end(self) -> Position:
        (row,) = self.query("SHOW MASTER STATUS")
        return Position(row["File"], row["Position"])

    def log_of_this_start(self) -> str:
        with open(self.log, "rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def wait_for_log(self, pattern: str, timeout: float = 30) -> None:
        """Waits for a regular expression in what it logged since it started."""

        def look() -> str:
            running = self.is_running()
            log = self.log_of_this_start()
            if re.search(pattern, log):
                return "found"
            if not running:
                errors = [line for line in log.splitlines() if "[ERROR]" in line]
                raise Unexpected(expected, "\n".join(["that it has ended", *errors]))
            return "no such line"

        expected = f'"{pattern}" in the error log of the {self.name}'
        wait_for(look, lambda seen: seen == "found", expected, timeout)


class Servers:
    """All servers of a program, in one temporary folder."""

    def __init__(self, name: str, *, keep: bool = False):
        self.keep = keep
        self.folder = self._make_folder(f"{name}-")
        self.all: list[Server] = []

    @staticmethod
    def _make_folder(prefix: str) -> Path:
        # The path of a socket may have about 100 bytes.
        place = tempfile.gettempdir()
        if len(os.fsencode(place)) > 40:
            place = "/tmp"
        return Path(tempfile.mkdtemp(prefix=prefix, dir=place))

    def add(self, path: str, *options: str) -> Server:
        """A server that is not started yet. `path` is where its folder is to
        be within this one's; the last part is the server's name."""
        server = Server(self, path, options)
        self.all.append(server)
        return server

    def template(self) -> Path:
        """A data directory to copy, made when it is needed first."""
        datadir = self.folder / "template"
        if datadir.exists():
            return datadir
        log = self.folder / "install-db.log"
        unfinished = self.folder / "template.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        # Without --user, also for root: with it, mariadb-install-db gives a
        # folder of the installed server's PAM plugin to that user.
        status = run(
            [
                *(program("mariadb-install-db"), "--no-defaults"),
                f"--datadir={unfinished}",
                # Not the usual /tmp: a server that starts removes the temporary
                # tables it finds in its tmpdir, other servers' as well.
                f"--tmpdir={self.folder}",
                "--auth-root-authentication-method=socket",
                f"--auth-root-socket-user={pwd.getpwuid(os.geteuid()).pw_name}",
                "--skip-test-db",
                "--cross-bootstrap",
                *_STORAGE_OPTIONS,
            ],
            log=log,
        )
        if status:
            raise Unexpected(
                "mariadb-install-db to succeed",
                f"exit status {status}:\n{tail(log, 60)}",
            )
        unfinished.rename(datadir)
        return datadir

    def close(self) -> None:
        for server in self.all:
            server.kill9()
        if not self.keep:
            shutil.rmtree(self.folder)

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


# --- Replication --------------------------------------------------------------


class Replication:
    """A replica that follows a primary, and the link between the two. Where
    another port than the primary's leads to it, `port` says so; where a replica
    follows several, `name` is the connection's. Without `tls` the link has none where it
    is the default, as it is from 11.4 on: for who reads along."""

    def __init__(
        self,
        primary: Server,
        replica: Server,
        *,
        gtid: bool = True,
        port: int | None = None,
        name: str = "",
        tls: bool = True,
    ):
        self.primary = primary
        self.replica = replica
        self.gtid = gtid
        self._port = port
        self._name = f"'{name}' " if name else ""
        self._tls = "" if tls else " MASTER_SSL=0,"

    def set_up(self) -> None:
        """Once, while the primary still has its first binary log; returns when
        the replica is connected."""
        self.begin()
        self.wait_connected()

    def begin(self, position: str = "slave_pos") -> None:
        """As set_up(), but does not wait. `position` is where a GTID replica is
        to begin; it needs no first binary log."""
        user, password = f"replica_{self.replica.id}", secrets.token_hex(12)
        first_log = self.primary.value("SHOW BINARY LOGS")
        with self.primary.connect_as_admin() as session:
            # Else a semi-sync primary would wait for the replica.
            session.query("SET sql_log_bin=OFF")
            session.query(
                "CREATE OR REPLACE USER %s@'127.0.0.1' IDENTIFIED BY %s", user, password
            )
            session.query("GRANT REPLICATION SLAVE ON *.* TO %s@'127.0.0.1'", user)
        self.replica.query(
            f"CHANGE MASTER {self._name}TO MASTER_HOST='127.0.0.1', MASTER_PORT=%s,"
            f" MASTER_USER=%s, MASTER_PASSWORD=%s, MASTER_CONNECT_RETRY=1,{self._tls}"
            + (
                f" MASTER_USE_GTID={position}"
                if self.gtid
                else " MASTER_USE_GTID=no, MASTER_LOG_POS=4, MASTER_LOG_FILE=%s"
            ),
            *(self._port or self.primary.port, user, password),
            *(() if self.gtid else (first_log,)),
        )
        self.start()

    def end(self) -> None:
        """For good: the replica forgets that it followed the primary."""
        self.stop()
        self.replica.query(f"RESET SLAVE {self._name}ALL")

    def status(self) -> dict[str, Any]:
        (row,) = self.replica.query(f"SHOW SLAVE {self._name}STATUS")
        return row

    def received(self) -> Position:
        """How far the replica has received the primary's binary log."""
        row = self.status()
        return Position(row["Master_Log_File"], row["Read_Master_Log_Pos"])

    def wait_connected(self, timeout: float = 30) -> None:
        self._wait_for(
            {"Slave_IO_Running": "Yes", "Slave_SQL_Running": "Yes"},
            "the replica to follow the primary",
            timeout,
        )

    def start(self, thread: str = "") -> None:
        """One thread, IO_THREAD or SQL_THREAD, or both."""
        self.replica.query(f"START SLAVE {self._name}{thread}")

    def stop(self, thread: str = "") -> None:
        self.replica.query(f"STOP SLAVE {self._name}{thread}")

    def cut(self) -> None:
        """From now on nothing gets from the primary to the replica."""
        self.stop("IO_THREAD")

    def restore(self) -> None:
        """Lets the replica connect again; does not wait until it has."""
        self.start("IO_THREAD")

    def promote(self, timeout: float = 30) -> None:
        """Makes the replica a primary, with all that it has received."""
        self.cut()
        end = self.received()
        self._wait_for(
            {"Relay_Master_Log_File": end.file, "Exec_Master_Log_Pos": end.offset},
            f"the replica to have applied all that it received, up to {end}",
            timeout,
        )
        self.end()

    def _wait_for(self, wanted: dict[str, Any], expected: str, timeout: float) -> None:
        interesting = {*wanted, "Last_IO_Error", "Last_SQL_Error"}
        wait_for(
            lambda: {k: v for k, v in self.status().items() if k in interesting},
            lambda seen: wanted.items() <= seen.items(),
            expected,
            timeout,
        )
