# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import argparse
import os
import secrets
import shutil
import sys
import textwrap
import time
from pathlib import Path

from rigs import PROJECT
from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Interrupted,
    Pending,
    Position,
    Replication,
    Servers,
    SqlError,
    Unexpected,
    catch_signals,
    checkpoint,
    run,
    tail,
    wait_for,
)

DESCRIPTION = """\
Shows what the recovery gate is for, on MariaDB servers of its own.

Sets the machine up (tools/setup), builds the plugin, and then lets the same
crash happen twice: a primary is killed while a commit waits for its replica.
Without the gate, the restarted primary shows clients a payment that is lost
with it. With the gate, it admits clients once the replica has that payment.

The servers listen on 127.0.0.1 only, on free ports, and read no configuration
of the system; in the end, also after Ctrl-C, they are stopped and their
folders removed. Exits 0 only if every step went as told."""

# What a client gets while the gate is closed (ER_UNKNOWN_COM_ERROR).
REJECTED = 1047
REJECTION_TEXT = "Recovery gate is closed:"
LOST_CONNECTION = 2013


class Printer:
    """Writes the timeline: when, who, file and position, what."""

    COLOURS = {"primary": 35, "replica": 34, "client": 33, "bad": 31, "good": 32}

    def __init__(self) -> None:
        terminal = sys.stdout.isatty()
        self._colours = (
            terminal
            and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb"
        )
        columns = shutil.get_terminal_size().columns if terminal else 110
        self._width = max(70, min(columns, 110))
        self._start = 0.0

    def colour(self, text: str, name: str) -> str:
        if not self._colours:
            return text
        return f"\033[{self.COLOURS[name]}m{text}\033[0m"

    def line(self, text: str = "") -> None:
        print(text, flush=True)

    def headline(self, text: str) -> None:
        self.line()
        self.line(f"\033[1m{text}\033[0m" if self._colours else text)
        self.line()
        self.line(f"{'seconds':>9}  {'who':7}  {'file:position':16}  what happens")
        self._start = time.monotonic()

    def event(
        self,
        who: str,
        what: str,
        position: Position | None = None,
        details: dict[str, object] | None = None,
    ) -> None:
        seconds = time.monotonic() - self._start
        shown_who = self.colour(f"{who:7}", who)
        left = f"{seconds:9.3f}  {shown_who}  {str(position or ''):16}  "
        indent = " " * (9 + 2 + 7 + 2 + 16 + 2)
        text = textwrap.wrap(
            what, self._width - len(indent), break_on_hyphens=False
        )
        for name, value in (details or {}).items():
            text.append(f"  {name:28} {value}")
        for number, line in enumerate(text):
            self.line((left if number == 0 else indent) + line)

    def failure(self, text: str) -> None:
        self.line(self.colour(text, "bad"))


class Run:
    """One crash and what comes of it, step after step."""

    def __init__(self, servers: Servers, printer: Printer, gate: bool):
        self.gate = gate
        self.tell = printer.event
        folder = "with-gate" if gate else "without-gate"
        # AFTER_SYNC is the safe wait point: while the server runs, nobody sees
        # a transaction before a replica has it.
        options = (*SEMISYNC_PRIMARY, "--rpl-semi-sync-master-wait-point=AFTER_SYNC")
        if gate:
            options += (
                f"--plugin-dir={PROJECT / 'build'}",
                "--plugin-load-add=ha_recovery_gate",
                "--recovery-gate=FORCE_PLUS_PERMANENT",
                # Turn clients away at once, and not after ten seconds.
                "--recovery-gate-connect-wait=0",
            )
        self.primary = servers.add(f"{folder}/primary", *options)
        self.replica = servers.add(f"{folder}/replica", *SEMISYNC_REPLICA)
        self.link = Replication(self.primary, self.replica)
        self.password = secrets.token_hex(12)
        self.payment_end = Position("", 0)  # where payment 2 ends in the binary log
        self.closed_ms = 0

    def steps(self):
        yield self.start_servers
        yield self.commit_acknowledged
        yield self.cut_link
        yield self.commit_unacknowledged
        yield self.hide_unacknowledged
        yield self.crash
        yield self.recover
        if self.gate:
            yield self.find_gate_closed
            yield self.turn_client_away
            yield self.hold_client
            yield self.restore_link
            yield self.open_gate
        yield self.read_payment
        yield self.lose_primary
        yield self.promote_replica
        yield self.find_payment if self.gate else self.miss_payment

    # The first part, the same in both runs

    def start_servers(self):
        """A primary and a semi-sync replica start"""
        self.primary.start()
        self.tell(
            "primary",
            "starts, with semi-sync replication (AFTER_SYNC): a commit waits until "
            "a replica has acknowledged it"
            + ("; the recovery gate is loaded" if self.gate else ""),
            self.primary.binlog_end(),
        )
        if self.gate:
            self.expect_status("Recovery_gate_state", "OPEN")
            self.expect_status("Recovery_gate_opened_by", "NOT_NEEDED")
        self.replica.start()
        self.link.set_up()
        self.primary.wait_for_status("Rpl_semi_sync_master_clients", "1")
        self.primary.wait_for_status("Rpl_semi_sync_master_status", "ON")
        self.tell(
            "replica",
            "starts, and follows the primary by GTID as its semi-sync replica",
            self.link.received(),
        )

    def commit_acknowledged(self):
        """A client commits payment 1, and the replica acknowledges it"""
        self.primary.query("CREATE DATABASE shop")
        self.primary.query(
            "CREATE TABLE shop.payments (id INT PRIMARY KEY, amount INT) ENGINE=InnoDB"
        )
        self.primary.query(
            "CREATE USER shop@'127.0.0.1' IDENTIFIED BY %s", self.password
        )
        self.primary.query("GRANT SELECT, INSERT ON shop.* TO shop@'127.0.0.1'")
        with self.connect_client() as client:
            client.query("INSERT INTO payments VALUES (1, 100)")
        end = self.primary.binlog_end()
        wait_for(
            self.link.received,
            lambda received: end <= received,
            f"the replica to have received {end}, where payment 1 ends",
        )
        self.expect(
            "the commit of payment 1 to have been acknowledged, not given up "
            "(Rpl_semi_sync_master_no_tx = 0)",
            self.primary.status("Rpl_semi_sync_master_no_tx"),
            "0",
        )
        self.tell(
            "client", "commits payment 1; the replica has acknowledged it", end
        )

    def cut_link(self):
        """The replica loses its link to the primary"""
        self.link.cut()
        self.primary.wait_for_status("Rpl_semi_sync_master_clients", "0")
        self.tell(
            "replica",
            "loses its link to the primary; this is how far it has received",
            self.link.received(),
        )

    def commit_unacknowledged(self):
        """A client's commit of payment 2 waits for an acknowledgement"""
        before = self.primary.binlog_end()
        self.payment = Pending(
            self.connect_client(timeout=None), "INSERT INTO payments VALUES (2, 250)"
        )
        self.primary.wait_for_status("Rpl_semi_sync_master_wait_sessions", "1")
        self.payment_end = self.primary.binlog_end()
        events = self.primary.query(
            "SHOW BINLOG EVENTS IN %s FROM %s", before.file, before.offset
        )
        self.expect_that(
            "payment 2 to be in the primary's binary log",
            before < self.payment_end
            and any("(2, 250)" in event["Info"] for event in events),
            [event["Info"] for event in events],
        )
        self.expect(
            "the client to wait for the answer to its commit",
            self.payment.outcome(),
            "still waiting for an answer",
        )
        self.tell(
            "client",
            "commits payment 2: it is in the primary's binary log, and no replica "
            "can acknowledge it, so the client waits for an answer",
            self.payment_end,
        )

    def hide_unacknowledged(self):
        """Other clients do not see payment 2 while its commit waits"""
        self.expect_payments([1], self.read_payments())
        self.tell(
            "client",
            "another one reads the payments and sees payment 1 only: semi-sync "
            "keeps payment 2 hidden while the primary runs",
        )

    def crash(self):
        """The primary is killed"""
        self.primary.kill9()
        wait_for(self.payment.is_over, bool, "the waiting client to be cut off")
        self.expect_that(
            "the waiting client to lose its connection",
            self.payment.error and self.payment.error.code == LOST_CONNECTION,
            self.payment.outcome(),
        )
        self.expect_that(
            f"the replica to lack payment 2, which ends at {self.payment_end}",
            self.link.received() < self.payment_end,
            f"that it has received {self.link.received()}",
        )
        self.tell(
            "primary",
            "crashes (kill -9); the client that waits gets no answer and cannot "
            "tell whether payment 2 exists",
        )

    def recover(self):
        """The primary is restarted, and recovery commits payment 2"""
        self.primary.start()
        self.primary.wait_for_log(r"Found 1 prepared transaction\(s\) in InnoDB")
        self.expect_payments(
            [1, 2], self.primary.query("SELECT id FROM shop.payments ORDER BY id")
        )
        self.tell(
            "primary",
            "restarts: crash recovery finds payment 2 prepared and in the binary "
            "log, and commits it; still no replica has it",
            self.payment_end,
        )

    # The gate

    def find_gate_closed(self):
        """The gate is closed"""
        shown = self.primary.statuses("Recovery_gate%")
        for name, expected in {
            "Recovery_gate_open": "OFF",
            "Recovery_gate_state": "CLOSED",
            "Recovery_gate_reason": "CRASH",
            "Recovery_gate_waiting_for": "REPLICA",
            "Recovery_gate_opened_by": "",
            "Recovery_gate_recovered_file": self.payment_end.file,
            "Recovery_gate_recovered_pos": str(self.payment_end.offset),
            "Recovery_gate_xids_committed": "1",
            "Recovery_gate_connections_rejected": "0",
        }.items():
            self.expect(name, shown.get(name, "(no such status variable)"), expected)
        self.awaited = Position(
            shown["Recovery_gate_ack_file"], int(shown["Recovery_gate_ack_pos"])
        )
        self.expect_that(
            f"the awaited position to be past {self.payment_end}",
            self.payment_end < self.awaited,
            self.awaited,
        )
        self.tell(
            "primary",
            "its gate is closed: a replica has to acknowledge this position first, "
            "which lies past all that was recovered",
            self.awaited,
            {
                name: shown[name]
                for name in (
                    "Recovery_gate_state",
                    "Recovery_gate_reason",
                    "Recovery_gate_waiting_for",
                    "Recovery_gate_recovered_file",
                    "Recovery_gate_recovered_pos",
                    "Recovery_gate_ack_file",
                    "Recovery_gate_ack_pos",
                )
            },
        )

    def turn_client_away(self):
        """A client that is not to wait is rejected"""
        self.primary.query("SET GLOBAL recovery_gate_connect_wait = 0")
        expected = f"error {REJECTED}: {REJECTION_TEXT} ... {self.awaited}"
        try:
            seen = self.read_payments()
        except SqlError as error:
            self.expect_that(
                expected,
                error.code == REJECTED
                and error.text.startswith(REJECTION_TEXT)
                and str(self.awaited) in error.text,
                error,
            )
            self.tell(
                "client",
                "tries to read the payments while recovery_gate_connect_wait is 0, "
                f"and is rejected, {error}",
            )
        else:
            raise Unexpected(expected, f"that the client reads {seen}")
        self.expect_status("Recovery_gate_connections_rejected", "1")
        self.expect_status("Recovery_gate_state", "CLOSED")
        self.primary.query("SET GLOBAL recovery_gate_connect_wait = 600000")

    def hold_client(self):
        """Another one is held"""
        self.reading = Pending(
            self.connect_client(timeout=None), "SELECT id FROM payments ORDER BY id"
        )
        self.primary.wait_for_status("Recovery_gate_connections_held", "1")
        state = self.primary.value(
            "SELECT state FROM information_schema.processlist WHERE user = 'shop'"
        )
        self.expect("its state", state, "Held at the recovery gate: waiting for REPLICA")
        self.tell(
            "client",
            "another one asks for the payments, and waits for the answer",
            details={"SHOW PROCESSLIST, State": state},
        )

    def restore_link(self):
        """The replica's link comes back"""
        self.tell(
            "replica",
            "its link to the primary comes back; this is how far it has received",
            self.link.received(),
        )
        self.link.restore()

    def open_gate(self):
        """The replica acknowledges, and the gate opens"""
        told = ["REPLICA"]

        def look() -> dict[str, str]:
            shown = self.primary.statuses("Recovery_gate%")
            waiting_for = shown["Recovery_gate_waiting_for"]
            if waiting_for and waiting_for != told[-1]:
                told.append(waiting_for)
                self.tell(
                    "primary",
                    "its gate is still closed",
                    details={"Recovery_gate_waiting_for": waiting_for},
                )
            return shown

        shown = wait_for(
            look,
            lambda shown: shown["Recovery_gate_state"] == "OPEN",
            "Recovery_gate_state = OPEN",
        )
        self.expect("Recovery_gate_opened_by", shown["Recovery_gate_opened_by"], "ACK")
        self.closed_ms = int(shown["Recovery_gate_closed_ms"])
        received = self.link.received()
        self.expect_that(
            f"the replica to have received {self.awaited}",
            self.awaited <= received,
            received,
        )
        self.tell("replica", "has received and acknowledged everything", received)
        self.tell(
            "primary",
            "its gate is open",
            details={
                name: shown[name]
                for name in (
                    "Recovery_gate_state",
                    "Recovery_gate_opened_by",
                    "Recovery_gate_closed_ms",
                )
            },
        )

    # The last part

    def read_payment(self):
        """A client reads payment 2"""
        if self.gate:
            wait_for(self.reading.is_over, bool, "the client's answer")
            self.expect("its outcome", self.reading.outcome(), "success")
            self.expect_payments([1, 2], self.reading.rows)
            told = "has its answer now: it reads payment 2, and sends the goods"
        else:
            self.expect_payments([1, 2], self.read_payments())
            told = "reads payment 2 at once, and sends the goods"
        self.tell("client", told)

    def lose_primary(self):
        """The primary is lost for good"""
        self.primary.destroy()
        self.expect_that(
            "the primary's data to be gone",
            not self.primary.datadir.exists(),
            self.primary.datadir,
        )
        self.tell("primary", "is lost for good: killed, and its data gone")

    def promote_replica(self):
        """The replica becomes the new primary"""
        received = self.link.received()
        self.link.promote()
        self.tell(
            "replica",
            "is promoted, with all that it has received, and is the primary now",
            received,
        )

    def find_payment(self):
        """Payment 2 is on the new primary"""
        self.expect_payments([1, 2], self.read_payments(self.replica))
        self.tell("client", "reads payment 2 from the new primary: nothing is lost")

    def miss_payment(self):
        """Payment 2 is not on the new primary"""
        self.expect_payments([1], self.read_payments(self.replica))
        self.tell(
            "client",
            "looks for payment 2 on the new primary: IT IS NOT THERE, and never was",
        )

    # Helpers

    def connect_client(self, server=None, **options):
        server = server or self.primary
        return server.connect("shop", self.password, "shop", **options)

    def read_payments(self, server=None):
        with self.connect_client(server) as client:
            return client.query("SELECT id FROM payments ORDER BY id")

    def expect_payments(self, expected, rows):
        self.expect("payments", [row["id"] for row in rows], expected)

    def expect_status(self, name, expected):
        self.expect(name, self.primary.status(name), expected)

    def expect(self, what, seen, expected):
        self.expect_that(f"{what}: {expected!r}", seen == expected, repr(seen))

    @staticmethod
    def expect_that(what, holds, seen):
        if not holds:
            raise Unexpected(what, seen)


def carry_out(story: Run, printer: Printer) -> bool:
    for step in story.steps():
        checkpoint()
        try:
            step()
        except BrokenPipeError:  # nobody reads what is printed
            raise
        except (Unexpected, SqlError, OSError) as error:
            printer.line()
            printer.failure(f"This step failed: {step.__doc__}")
            if isinstance(error, Unexpected):
                printer.line(f"  expected: {error.expected}")
                printer.line(f"  seen:     {error.seen}")
            else:
                printer.line("  expected: no error")
                printer.line(f"  seen:     {error}")
            for server in (story.primary, story.replica):
                if not server.log.exists():
                    continue
                printer.line()
                printer.line(f"The end of the {server.name}'s error log:")
                printer.line(textwrap.indent(tail(server.log), "  "))
            return False
    return True


def build(log: Path, printer: Printer) -> bool:
    printer.line("demo: building the plugin")
    start = time.monotonic()
    for command in (
        ["cmake", "--preset", "release"],
        ["cmake", "--build", "--preset", "release"],
    ):
        if run(command, cwd=PROJECT, log=log):
            printer.failure(f"demo: {' '.join(command)} failed; the end of its output:")
            printer.line(textwrap.indent(tail(log, 60), "  "))
            return False
    printer.line(f"demo: built in {time.monotonic() - start:.1f} s")
    return True


def demonstrate(servers: Servers, printer: Printer) -> bool:
    if not build(servers.folder / "build.log", printer):
        return False
    servers.template()

    printer.headline("Run 1, without the gate")
    without = Run(servers, printer, gate=False)
    if not carry_out(without, printer):
        return False

    printer.headline("Run 2, the same crash with the gate")
    gated = Run(servers, printer, gate=True)
    if not carry_out(gated, printer):
        return False

    printer.line()
    printer.line(
        printer.colour("Without the gate:", "bad")
        + " a client acted on payment 2, which no server has any more."
    )
    printer.line(
        printer.colour("With the gate:   ", "good")
        + f" clients were kept out for {gated.closed_ms / 1000:.3f} s, until the"
        " replica had payment 2; nothing was lost."
    )
    return True


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/demo",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep the servers' folders and logs, and say where they are",
    )
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    catch_signals()
    printer = Printer()
    try:
        if run([PROJECT / "tools" / "setup"]):
            printer.failure("demo: tools/setup failed")
            return 1
        with Servers("recovery-gate-demo", keep=arguments.keep) as servers:
            try:
                return 0 if demonstrate(servers, printer) else 1
            finally:
                if arguments.keep:
                    printer.line(f"demo: folders and logs are in {servers.folder}")
    except Interrupted as interrupted:
        left = "" if arguments.keep else ", and their folders removed"
        print(f"demo: {interrupted}: the servers are stopped{left}", file=sys.stderr)
        return interrupted.exit_status
    except BrokenPipeError:
        # Nor will Python find anybody to read what it prints in the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Unexpected, OSError) as error:
        printer.failure(f"demo: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
