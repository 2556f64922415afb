# SPDX-License-Identifier: GPL-2.0-only
"""build/recovery-gate against real servers: status, wait and open.

    tools/rigs/start tool.online_test [--transcript]

Environment: RECOVERY_GATE_TOOL and RECOVERY_GATE_PLUGIN, the built tool and
plugin; those of build/ when they are not set. With --transcript each command is
shown with what it printed. Exits 0 only if everything was as expected.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import secrets
import select
import signal
import socket
import subprocess
import sys
import termios
import time
from pathlib import Path

from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Replication,
    Server,
    Servers,
    Unexpected,
    checkpoint,
    expect,
    wait_for,
)
from rigs.story import Story, main
from rigs.tool_under_test import GATE, QUICK, TOOL

OPEN, USAGE, UNREACHABLE, NO_PLUGIN, CLOSED, TIMED_OUT, REFUSED, INTERRUPTED = range(8)
NAMES = "open usage unreachable no_plugin closed timed_out refused interrupted".split()


# Every status variable that the contract names, and its type in JSON.
TYPES = {
    "open": bool,
    "state": str,
    "reason": str,
    "reason_code": int,
    "waiting_for": str,
    "waiting_for_code": int,
    "opened_by": str,
    "recovered_file": str,
    "recovered_pos": int,
    "recovered_gtid": str,
    "ack_file": str,
    "ack_pos": int,
    "xids_found": int,
    "xids_committed": int,
    "xids_rolled_back": int,
    "xids_external": int,
    "connections_held": int,
    "connections_rejected": int,
    "connections_admitted": int,
    "replicas_proven": int,
    "replicas_needed": int,
    "closed_ms": int,
}


class Ended:
    """What a run of the tool left behind."""

    def __init__(self, status: int, output: str, errors: str):
        self.status = status
        self.output = output
        self.errors = errors

    def ends_with(self, status: int) -> Ended:
        name = f"exit code {status} ({NAMES[status]})"
        expect(name, (self.status, self.output, self.errors), self.status == status)
        return self

    def says(self, pattern: str) -> Ended:
        text = re.sub(r"\n {25}", " ", self.output) + self.errors  # as one line
        expect(f"the tool to say '{pattern}'", text, re.search(pattern, text))
        return self

    def says_not(self, pattern: str) -> Ended:
        text = self.output + self.errors
        expect(f"nobody to say '{pattern}'", text, not re.search(pattern, text))
        return self

    def json(self) -> dict:
        """The last object, checked against the exit code."""
        lines = self.output.strip()
        seen = json.loads(lines if lines.startswith("{\n") else lines.splitlines()[-1])
        expect("its exit code in the JSON", seen, seen["exit_code"] == self.status)
        expect("the code's name", seen, seen["result"] == NAMES[self.status])
        return seen


class Typist:
    """A run of the tool on a terminal of its own, and who sits there."""

    def __init__(self, command: list[str], environment: dict[str, str], columns: int):
        self._status: int | None = None
        self.seen = ""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            termios.tcsetwinsize(0, (24, columns))
            os.execve(command[0], command, environment)

    def wait_for(self, pattern: str, timeout: float = 10) -> Typist:
        deadline = time.monotonic() + timeout
        while not re.search(pattern, self.seen):
            checkpoint()
            if not self._read(deadline):
                raise Unexpected(f"'{pattern}' on the terminal", repr(self.seen))
        return self

    def _read(self, deadline: float) -> bool:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self._terminal], [], [], left)[0]:
            return False
        try:
            data = os.read(self._terminal, 4096)
        except OSError:  # the other side is closed
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self._terminal)[3] & termios.ECHO)

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def end(self, timeout: float = 10) -> Ended:
        deadline = time.monotonic() + timeout
        while self._read(deadline):
            pass
        wait_for(self._has_ended, lambda ended: ended, "the tool to end", timeout)
        return Ended(self._status, self.seen, "")

    def _has_ended(self) -> bool:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self._status = os.waitstatus_to_exitcode(status)
        return bool(pid)

    def __enter__(self) -> Typist:
        return self

    def __exit__(self, *_) -> None:
        if self._status is None:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
        os.close(self._terminal)


class Tool:
    def __init__(self, folder: Path, transcript: bool):
        self.folder = folder
        self._transcript = transcript
        self._running: list[subprocess.Popen[str]] = []
        # No option file of the system or of this user has a say.
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("M")},
            "HOME": str(folder),
            "TERM": "xterm",
        }

    def run(self, *arguments, timeout: float = 30) -> Ended:
        process = self.begin(*arguments)
        return self.finish(process, timeout)

    def begin(self, *arguments) -> subprocess.Popen[str]:
        checkpoint()
        process = subprocess.Popen(
            [TOOL, *map(str, arguments)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # without a terminal, whoever runs this
        )
        self._running.append(process)
        return process

    def finish(self, process: subprocess.Popen[str], timeout: float = 30) -> Ended:
        output, errors = process.communicate(timeout=timeout)
        self._running.remove(process)
        ended = Ended(process.returncode, output, errors)
        self._show(process.args[1:], ended)
        return ended

    def close(self) -> None:
        for process in self._running:
            process.kill()
            process.communicate()

    def type(self, *arguments, columns: int = 80) -> Typist:
        checkpoint()
        return Typist([str(TOOL), *map(str, arguments)], self.environment, columns)

    def _show(self, arguments: list[str], ended: Ended) -> None:
        if not self._transcript:
            return
        print("$ recovery-gate", *arguments)
        print(ended.output + ended.errors, end="")
        print(f"[{ended.status}]\n")


class OnServers(Story):
    def __init__(self, servers: Servers):
        super().__init__(servers)
        self.tool = Tool(servers.folder, transcript="--transcript" in sys.argv[1:])
        self.stack.callback(self.tool.close)
        self.password = secrets.token_hex(8)
        self.primary = servers.add(
            "primary",
            *SEMISYNC_PRIMARY,
            *QUICK,
            "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
            *GATE,
        )
        self.replica = servers.add("replica", *SEMISYNC_REPLICA, *QUICK)
        self.link = Replication(self.primary, self.replica)
        self.next_row = 1

    def steps(self):
        yield self.usage
        yield self.nobody_there
        yield self.silent_server
        yield self.no_plugin
        yield self.open_gate
        yield self.accounts
        yield self.option_files
        yield self.crash
        yield self.closed_gate
        yield self.timed_out
        yield self.interrupted
        yield self.on_a_terminal
        yield self.open_refused
        yield self.across_a_restart
        yield self.replica_comes
        yield self.opened_by_hand
        yield self.given_up_behind_an_open_gate

    # Helpers

    def at(self, server: Server) -> tuple[str, ...]:
        return "--no-defaults", f"--socket={server.socket}"

    def run(self, command: str, *arguments, **options) -> Ended:
        return self.tool.run(command, *self.at(self.primary), *arguments, **options)

    def as_user(self, user: str) -> tuple[str, ...]:
        return f"--user={user}", f"--password={self.password}"

    def crash_primary(self, *options: str) -> None:
        """It is killed while a commit waits for the replica."""
        self.link.cut()
        self.primary.kill9_during("INSERT INTO shop.orders VALUES (%s)", self.next_row)
        self.next_row += 1
        self.primary.start(*options)

    def awaited(self) -> str:
        gate = self.primary.statuses("Recovery_gate%")
        return f"{gate['Recovery_gate_ack_file']}:{gate['Recovery_gate_ack_pos']}"

    # Steps

    def usage(self) -> None:
        self.tool.run("--help").ends_with(OPEN).says("Exit codes:")
        self.tool.run("--version").ends_with(OPEN).says(r"^recovery-gate \d+\.\d+\n")
        for command in ("status", "wait", "open", "inspect", "doctor"):
            self.tool.run(command, "--help").ends_with(OPEN)
        self.tool.run().ends_with(USAGE)
        self.tool.run("nothing").ends_with(USAGE).says("nothing")
        self.tool.run("status", "--port=many").ends_with(USAGE)
        self.tool.run("wait", "--timeout=-1").ends_with(USAGE)
        self.tool.run("status", "--defaults-file=/nowhere").ends_with(USAGE)
        self.tool.run("doctor", "--ignore=nothing").ends_with(USAGE).says("no check")
        self.tool.run("doctor", "--account=app").ends_with(USAGE).says("--rehearse")
        self.tool.run("status", "--no-defaults", "-p").ends_with(USAGE).says(
            "no terminal to ask"
        )

    def nobody_there(self) -> None:
        self.run("status").ends_with(UNREACHABLE).says("error 2002")
        seen = self.run("status", "--json").ends_with(UNREACHABLE).json()
        expect("the client library's number", seen, seen["error"]["code"] == 2002)
        self.run("open", "--yes").ends_with(UNREACHABLE)
        self.run("doctor", "--json").ends_with(UNREACHABLE).json()
        self.run("wait", "--no-retry").ends_with(UNREACHABLE)
        self.run("wait", "--timeout=1").ends_with(TIMED_OUT).says("gave up after 1")

    def silent_server(self) -> None:
        """Connections are accepted, and never served."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            begin = time.monotonic()
            self.tool.run(
                *("status", "--no-defaults", "-h", "127.0.0.1"),
                *("-P", silent.getsockname()[1], "--connect-timeout=1"),
            ).ends_with(UNREACHABLE)
            took = time.monotonic() - begin
            expect("no hang", took, took < 8)

    def no_plugin(self) -> None:
        self.replica.start()
        at = self.at(self.replica)
        for command in (("status",), ("wait",), ("open", "--yes")):
            self.tool.run(*command, *at).ends_with(NO_PLUGIN).says("plugin-load-add")
            self.tool.run(*command, "--json", *at).ends_with(NO_PLUGIN).json()

    def open_gate(self) -> None:
        self.primary.start()
        self.link.set_up()
        with self.primary.connect_as_admin() as admin:
            admin.query("SET sql_log_bin=OFF")
            for user in ("ops", "half", "app"):
                admin.query("CREATE USER %s IDENTIFIED BY %s", user, self.password)
            admin.query("GRANT SUPER, CONNECTION ADMIN ON *.* TO ops")
            admin.query("GRANT CONNECTION ADMIN ON *.* TO half")
            admin.query("GRANT SELECT ON *.* TO app")
        self.primary.query("CREATE DATABASE shop")
        self.primary.query("CREATE TABLE shop.orders (id INT PRIMARY KEY)")
        plugins = self.primary.query(
            "SELECT PLUGIN_VERSION, PLUGIN_AUTH_VERSION FROM"
            " information_schema.PLUGINS WHERE PLUGIN_NAME LIKE 'RECOVERY_GATE%%'"
        )
        version = self.tool.run("--version").ends_with(OPEN).output.split()[1]
        versions = [tuple(plugin.values()) for plugin in plugins]
        expect("the tool's version", versions, versions == [(version, version)] * 3)

        self.run("status").ends_with(OPEN).says("Opened by: +NOT_NEEDED: this start had")
        seen = self.run("status", "--json").ends_with(OPEN).json()
        expect("nulls for what is empty", seen, seen["gate"]["waiting_for"] is None)
        expect("settings", seen, seen["settings"]["timeout"] == 0)
        self.run("wait").ends_with(OPEN).says("open .NOT_NEEDED")
        self.run("wait", "--json", "--timeout=0").ends_with(OPEN).json()
        self.run("open").ends_with(OPEN).says("is open already")
        self.run("open", "--yes").ends_with(OPEN).says("nothing is in doubt behind it")
        # Options may come first, as mariadb-admin has it.
        self.tool.run(*self.at(self.primary), "status").ends_with(OPEN)

    def accounts(self) -> None:
        self.run("status", *self.as_user("app")).ends_with(OPEN)
        # A port that is typed is wanted, although there is a socket.
        self.tool.run(
            *("status", "--no-defaults", "-P", self.primary.port),
            *self.as_user("app"),
        ).ends_with(OPEN).says(f"Server: +127.0.0.1:{self.primary.port}")
        self.run("status", "--user=app", "--password=wrong").ends_with(
            UNREACHABLE
        ).says("error 1045")
        # Trying again would not help.
        self.run("wait", "--user=app", "--password=wrong").ends_with(UNREACHABLE)
        self.run("status", "--user=app", f"-p{self.password}").ends_with(OPEN)
        with self.tool.type("status", *self.at(self.primary), "-u", "app", "-p") as you:
            you.wait_for("Enter password: ")
            expect("no echo", "echo", not you.echoes())
            you.type(self.password + "\n")
            you.end().ends_with(OPEN).says("State: +OPEN").says_not(self.password)
        with self.tool.type("status", *self.at(self.primary), "-u", "app", "-p") as you:
            you.wait_for("Enter password: ")
            you.type("\x03")
            ended = you.end().ends_with(INTERRUPTED)
            expect("an echo again", "none", you.echoes())
            expect("a finished line", ended.output, ended.output.endswith("\n"))
        waiting = self.tool.begin(
            *("wait", *self.at(self.replica), "-h127.0.0.1", "-P1", "--protocol=tcp"),
            *self.as_user("app"),
        )
        wait_for(
            lambda: Path(f"/proc/{waiting.pid}/cmdline").read_bytes(),
            lambda arguments: b"wait" in arguments and b"=xxx" in arguments,
            "a command line without the password",
        )
        waiting.terminate()
        self.tool.finish(waiting).ends_with(INTERRUPTED)

    def option_files(self) -> None:
        folder = self.tool.folder
        included = folder / "conf.d"
        included.mkdir()
        main = folder / "main.cnf"
        main.write_text(f"!includedir {included}\n[recovery-gate]\nuser = app\n")
        (included / "client.cnf").write_text(
            f"[client]\nsocket={self.primary.socket}\nuser=nobody\n"
            f"[client_site2]\npassword='{self.password}' # quoted\n"
            "[client]\ndefault-character-set = utf8mb4\n"
        )
        status = ("status", f"--defaults-file={main}")
        self.tool.run(*status).ends_with(UNREACHABLE).says("1045")
        self.tool.run(*status, "--defaults-group-suffix=_site2").ends_with(OPEN)
        extra = folder / "extra.cnf"
        extra.write_text(f"[client]\npassword={self.password}\n")
        home = folder / ".my.cnf"
        home.write_text(f"[client]\nsocket={self.primary.socket}\nuser=app\n")
        self.tool.run("status", f"--defaults-extra-file={extra}").ends_with(OPEN)
        home.write_text("[recovery-gate]\ncolour=blue\n")
        self.tool.run("status").ends_with(USAGE).says(r"\.my\.cnf.*'colour'")
        home.unlink()

    def crash(self) -> None:
        self.crash_primary()

    def closed_gate(self) -> None:
        awaited = self.awaited()
        page = self.run("status").ends_with(CLOSED)
        page.says(r"State: +CLOSED \(REPLICA\)").says("CRASH: the server crashed")
        page.says("REPLICA: no semi-sync replica").says(f"Awaited position: +{awaited}\n")
        page.says("Prepared transactions: 1 found, 1 committed")
        gate = self.run("status", "--json").ends_with(CLOSED).json()["gate"]
        expect("all variables", gate, gate.keys() == TYPES.keys())
        for name, type_ in TYPES.items():
            if name == "opened_by":
                expect("null", gate, gate[name] is None)
            else:
                expect(f"{name} as {type_}", gate, type(gate[name]) is type_)
        expect("the position", gate, f"{gate['ack_file']}:{gate['ack_pos']}" == awaited)
        # What every account can see: that it is closed. While it is held it hears
        # nothing, and that says the same.
        held = self.run("status", "--connect-timeout=1", *self.as_user("app"))
        held.ends_with(CLOSED).says("no answer to the first statement")
        self.primary.query("SET GLOBAL recovery_gate_connect_wait = 0")
        page = self.run("status", *self.as_user("app")).ends_with(CLOSED)
        page.says("Recovery gate is closed:").says(f"acknowledge {awaited}\n")
        seen = self.run("status", "--json", *self.as_user("app")).ends_with(CLOSED)
        expect("closed", seen.output, seen.json()["gate"]["open"] is False)
        self.run("doctor", "--json", *self.as_user("app")).ends_with(CLOSED).json()

    def timed_out(self) -> None:
        ended = self.run("wait", "--timeout=1").ends_with(TIMED_OUT)
        ended.says(r"closed for .* waiting for REPLICA").says("gave up after 1")
        expect("one line", ended.output, ended.output.count("\n") == 1)
        self.run("wait", "--timeout=0", "--json").ends_with(TIMED_OUT).json()
        self.run("wait", "--timeout=1", *self.as_user("app")).ends_with(
            TIMED_OUT
        ).says("Recovery gate is closed:")

    def interrupted(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            waiting = self.tool.begin("wait", *self.at(self.primary))
            line = waiting.stdout.readline()
            expect("a line immediately", line, "waiting for REPLICA" in line)
            waiting.send_signal(number)
            self.tool.finish(waiting).ends_with(INTERRUPTED)

    def on_a_terminal(self) -> None:
        with self.tool.type("wait", *self.at(self.primary)) as you:
            you.wait_for("(?s)REPLICA.*\r\033\\[K.*REPLICA")
            expect("one line", you.seen, "\n" not in you.seen)
            you.type("\x03")
            ended = you.end().ends_with(INTERRUPTED)
            expect("it is finished", ended.output, ended.output.endswith("\r\n"))
        for columns in (80, 40):
            self.on_a_terminal_of(columns)
        # To a screen reader, nothing is taken back and each text is one line.
        with self.tool.type("wait", "--plain", *self.at(self.primary), columns=40) as you:
            you.wait_for("closed for .* waiting for REPLICA: .* position is .*\r\n")
            you.type("\x03")
            ended = you.end().ends_with(INTERRUPTED)
            expect("plain lines", ended.output, "\033" not in ended.output)
        with self.tool.type("status", "--plain", *self.at(self.primary), columns=40) as you:
            ended = you.end().ends_with(CLOSED).says(r"Reason: CRASH: .* any replica\r\n")
            expect("nothing aligned", ended.output, "  " not in ended.output)

    def on_a_terminal_of(self, columns: int) -> None:
        with self.tool.type("wait", *self.at(self.primary), columns=columns) as you:
            you.wait_for("(?s)REPLICA.*\r\033\\[K.*REPLICA")
            you.type("\x03")
            ended = you.end().ends_with(INTERRUPTED)
            for line in ended.output.split("\r\033[K")[1:-1]:
                expect("a line that fits and says what is awaited", line,
                       len(line) < columns and "REPLICA" in line)
        with self.tool.type("status", *self.at(self.primary), columns=columns) as you:
            ended = you.end().ends_with(CLOSED)
            # The path of the socket is one word.
            words = max(map(len, ended.output.split()))
            for line in ended.output.splitlines():
                expect("a line that fits", line, len(line) < max(columns, words + 5))

    def open_refused(self) -> None:
        self.run("open").ends_with(REFUSED).says("--yes")
        self.run("open", "--json").ends_with(REFUSED).json()
        for user in ("app", "half"):
            self.run("open", "--yes", *self.as_user(user)).ends_with(REFUSED).says(
                "GRANT SUPER, CONNECTION ADMIN"
            )
        with self.tool.type("open", *self.at(self.primary)) as you:
            you.wait_for("Type yes to open it: ")
            you.type("y\n")
            you.end().ends_with(REFUSED).says(f"Never acknowledged: {self.awaited()}")
        self.run("status").ends_with(CLOSED)

    def across_a_restart(self) -> None:
        waiting = self.tool.begin("wait", "--json", *self.at(self.primary))
        before = json.loads(waiting.stdout.readline())
        expect("waiting", before, before["gate"]["waiting_for"] == "REPLICA")
        self.primary.kill9()
        gone = json.loads(waiting.stdout.readline())
        expect("the server is missed", gone, gone["error"]["code"] >= 2000)
        self.primary.start()
        self.link.restore()
        last = self.tool.finish(waiting).ends_with(OPEN).json()
        expect("by a replica", last, last["gate"]["opened_by"] == "ACK")

    def replica_comes(self) -> None:
        self.crash_primary()
        with self.tool.type("wait", *self.at(self.primary)) as you:
            you.wait_for("waiting for REPLICA")
            self.link.restore()
            ended = you.end().ends_with(OPEN)
            expect(
                "the line replaced by the result",
                ended.output,
                re.search(r"\r\033\[Kopen \(ACK\): [^\r\n]*\r\n$", ended.output),
            )
        self.run("status", *self.as_user("app")).ends_with(OPEN)

    def opened_by_hand(self) -> None:
        self.crash_primary()
        awaited = self.awaited()
        with self.tool.type("open", *self.at(self.primary), *self.as_user("ops")) as you:
            you.wait_for("Type yes to open it: ")
            you.type("yes\n")
            you.end().ends_with(OPEN).says(rf"no replica had acknowledged\s+{awaited}")
        self.primary.wait_for_log("opened manually by ops@")
        self.run("status").ends_with(OPEN).says("OVERRIDE: an administrator opened it manually")
        # Another time it has nothing to do.
        seen = self.run("open", "--yes", "--json").ends_with(OPEN).json()
        expect("no effect", seen, seen["done"] == "nothing")

    def given_up_behind_an_open_gate(self) -> None:
        self.link.restore()
        self.link.wait_connected()
        self.crash_primary("--recovery-gate-mode=OFF")
        self.run("status").ends_with(OPEN).says("recovery_gate_mode is OFF")
        self.run("open").ends_with(OPEN).says("is open already")
        seen = self.run("open", "--yes", "--json").ends_with(OPEN).json()
        expect("what was owed given up", seen, seen["done"] == "gave_up")
        self.primary.wait_for_log("has given up what is in doubt")


if __name__ == "__main__":
    sys.exit(main("recovery-gate-tool", OnServers))
