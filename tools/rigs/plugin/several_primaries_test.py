# SPDX-License-Identifier: GPL-2.0-only
"""A replica of several primaries whose connections start and end in all orders.

    tools/rigs/start plugin.several_primaries_test [--seed N] [--rounds N]
        [--primaries N] [--modes gtid,position] [--checksum CRC32|NONE]
        [--within SECONDS] [--control]

Two primaries with semi-sync and one without write all the time. In each round a seed
draws what happens to one connection, or to all: STOP and START, CHANGE MASTER as in a
failover, a network that is cut, a primary that is killed or shut down. After it, every
connection has to replicate again by itself; at the end, primaries and replica have the
same rows.

First the same is done with recovery_gate_repair_connections=OFF, and has to break:
else it would show nothing. --control does all rounds on a replica without the plugin,
repairs by hand what breaks, and says how often that was.

Environment: RECOVERY_GATE_PLUGIN, the built plugin; build/ha_recovery_gate.so when it
is not set. Exits 0 only if everything was as expected.
"""

from __future__ import annotations

import argparse
import re
import sys
import threading
import time
from contextlib import suppress
from random import Random
from typing import Any, Callable

from rigs.phantom_check.link import Link
from rigs.phantom_check.plan import Traffic
from rigs.servers import (
    SEMISYNC_REPLICA,
    Interrupted,
    Replication,
    Server,
    Servers,
    Session,
    SqlError,
    Unexpected,
    catch_signals,
    checkpoint,
    expect,
    tail,
    wait_for,
)
from rigs.tool_under_test import GATE, QUICK

# What ends a connection when semi-sync is switched for all of them.
SWITCHED = {1593, 1594, 1595}
REPAIR = "recovery_gate_repair_connections"
STARTED_AGAIN = r"Recovery gate: connection '.*' had ended with error \d+, because"


class Network(Link):
    """May make a primary look as if it had never heard of semi-sync."""

    hides_semisync = False

    async def _pump(self, reader: Any, writer: Any, held: Traffic) -> None:
        if held is Traffic.ACKS_HELD:  # what goes to the primary
            writer = Blinded(writer, self)
        await super()._pump(reader, writer, held)


class Blinded:
    """The replica asks for a variable that no server has."""

    def __init__(self, writer: Any, network: Network):
        self._writer, self._network = writer, network

    def write(self, piece: bytes) -> None:
        if self._network.hides_semisync:
            asked = b"LIKE 'rpl_semi_sync_master_enabled'"
            piece = piece.replace(asked, asked.replace(b"rpl", b"no_"))
        self._writer.write(piece)

    async def drain(self) -> None:
        await self._writer.drain()


class Primary:
    """A primary, what writes there all the time, and the connection to it."""

    def __init__(self, servers: Servers, name: str, number: int, semisync: bool):
        self.name = name
        self.semisync = semisync
        self.server = servers.add(
            name,
            *QUICK,
            # Of the server alone, a replica that comes and goes too fast gets nothing
            # any more (ack_receiver_test).
            *GATE,
            "--recovery-gate-mode=OFF",
            f"--gtid-domain-id={number}",
            f"--rpl-semi-sync-master-enabled={'ON' if semisync else 'OFF'}",
            # Writes go on while the replica is away.
            "--rpl-semi-sync-master-timeout=300",
        )
        self.network = Network()
        self.link: Replication
        self._ends = threading.Event()
        self._writer = threading.Thread(target=self._write, daemon=True)

    def begin(self, checksum: str) -> None:
        self.server.start(f"--binlog-checksum={checksum}")
        self.network.lead_to(self.server.port)
        self.server.query(f"CREATE DATABASE {self.name}")
        self.server.query(
            f"CREATE TABLE {self.name}.t (id INT AUTO_INCREMENT PRIMARY KEY, s TEXT)"
        )

    def load(self) -> None:
        self._writer.start()

    def end_load(self) -> None:
        self._ends.set()
        if self._writer.is_alive():
            self._writer.join()

    def last(self, server: Server) -> int:
        try:
            return server.value(f"SELECT COALESCE(MAX(id), 0) FROM {self.name}.t")
        except SqlError as error:
            if error.is_of_connection():
                raise
            return 0  # the replica has not got the table yet

    def _write(self) -> None:
        session: Session | None = None
        while not self._ends.wait(0.004):
            try:
                session = session or self.server.connect_as_admin()
                session.query("BEGIN")
                for _ in range(3):
                    session.query(f"INSERT INTO {self.name}.t (s) VALUES (REPEAT('x', 300))")
                session.query("COMMIT")
            except (SqlError, OSError):  # it is down
                session = None


class Group:
    """The primaries and their replica."""

    def __init__(self, servers: Servers, options: argparse.Namespace):
        self.options = options
        names = ("p", "q", "r")[: options.primaries]
        # With two, both have semi-sync.
        self.primaries = [
            Primary(servers, name, number, semisync=number < 3)
            for number, name in enumerate(names, 1)
        ]
        self.replica = servers.add(
            "replica",
            *QUICK,
            *SEMISYNC_REPLICA,
            *(() if options.control else GATE),
        )
        self.slowest = 0.0

    def begin(self) -> None:
        for primary in self.primaries:
            primary.begin(self.options.checksum)
        self.replica.start()
        for primary in self.primaries:
            primary.load()

    def connect(self, gtid: bool) -> None:
        """Each from the beginning, the first time; then from where it is."""
        for primary in self.primaries:
            again = getattr(primary, "link", None)
            primary.link = Replication(
                primary.server,
                self.replica,
                gtid=gtid,
                port=primary.network.port,
                name=primary.name,
                tls=False,  # else there is nothing that Blinded could see
            )
            if again is None:
                primary.link.begin()
            elif gtid != again.gtid:
                again.stop()
                self.replica.query(
                    f"CHANGE MASTER '{primary.name}' TO MASTER_USE_GTID="
                    + ("slave_pos" if gtid else "no")
                )
                again.start()
        self.catch_up("connecting", 60)

    def statuses(self) -> dict[str, dict[str, Any]]:
        rows = self.replica.query("SHOW ALL SLAVES STATUS")
        return {row["Connection_name"]: row for row in rows}

    def others(self, but: Primary) -> list[Primary]:
        return [primary for primary in self.primaries if primary is not but]

    def started_again(self) -> int:
        """How many connections the plugin has."""
        return len(re.findall(STARTED_AGAIN, self.replica.log_of_this_start()))

    def catch_up(self, what: str, within: float) -> float:
        """Every connection has replicated what its primary has now; how long that
        took."""
        return self.catch_up_with(self.primaries, what, within)

    def catch_up_with(
        self, primaries: list[Primary], what: str, within: float
    ) -> float:
        begin = time.monotonic()
        behind = {primary.name: primary.last(primary.server) for primary in primaries}

        def look() -> dict[str, Any]:
            for primary in primaries:
                if primary.name in behind:
                    if primary.last(self.replica) >= behind[primary.name]:
                        del behind[primary.name]
            return dict(behind)

        try:
            wait_for(look, lambda left: not left, f"all to replicate after {what}", within)
        except Unexpected as failure:
            columns = ("Slave_IO_Running", "Last_IO_Error", "Last_SQL_Error")
            seen = {
                name: {column: row[column] for column in columns}
                for name, row in self.statuses().items()
            }
            raise Unexpected(failure.expected, f"{failure.seen} behind: {seen}") from None
        return time.monotonic() - begin

    def settle(self) -> None:
        """None is just connecting, or it would not notice that another one ends."""
        for primary in self.primaries:
            wait_for(
                lambda: primary.link.status()["Slave_IO_State"],
                lambda state: state == "Waiting for master to send event",
                f"{primary.name} to be received",
            )
            if primary.semisync:
                primary.server.wait_for_status("Rpl_semi_sync_master_clients", "1")

    def fallen(self) -> set[int]:
        """The errors that connections have ended with."""
        found = {
            int(row[f"Last_{thread}_Errno"])
            for row in self.statuses().values()
            for thread in ("IO", "SQL")
            if row[f"Slave_{thread}_Running"] == "No"
        } - {0}
        expect("no error but those of the switch", found, found <= SWITCHED)
        return found

    def repair_by_hand(self) -> None:
        # A GTID connection then receives again what it has not applied; the other
        # kind needs its position.
        for name, row in self.statuses().items():
            self.replica.query(f"STOP SLAVE '{name}'")
            if row["Using_Gtid"] == "No":
                row = self.statuses()[name]
                self.replica.query(
                    f"CHANGE MASTER '{name}' TO MASTER_LOG_FILE=%s, MASTER_LOG_POS=%s",
                    row["Relay_Master_Log_File"],
                    row["Exec_Master_Log_Pos"],
                )
        self.replica.query("START ALL SLAVES")
        self.catch_up("a repair by hand", 60)

    # What may happen

    def happens(self, random: Random) -> str:
        one = random.choice(self.primaries)
        what: Callable[[Primary], None] = random.choices(
            (
                self.stop_and_start,
                self.stop_and_start_receiving,
                self.stop_one_start_another,
                self.stop_all,
                self.fail_over,
                self.cut,
                self.kill,
                self.shut_down,
            ),
            (4, 3, 3, 2, 3, 2, 1, 1),
        )[0]
        what(one)
        return f"{what.__name__} of {one.name}"

    def others_go_on(self, but: Primary) -> None:
        """Some events come while it is away."""
        for primary in self.others(but):
            seen = primary.last(primary.server)
            wait_for(
                lambda: primary.last(primary.server),
                lambda last: last > seen,
                f"{primary.name} to write",
            )

    def stop_and_start(self, one: Primary) -> None:
        one.link.stop()
        self.others_go_on(one)
        one.link.start()

    def stop_and_start_receiving(self, one: Primary) -> None:
        one.link.stop("IO_THREAD")
        one.link.start("IO_THREAD")

    def stop_one_start_another(self, one: Primary) -> None:
        """Both at a time, in two sessions."""
        other = self.primaries[self.primaries.index(one) - 1]
        other.link.stop()
        with self.replica.connect_as_admin() as session:
            starts = threading.Thread(
                target=session.query, args=(f"START SLAVE '{other.name}'",)
            )
            starts.start()
            one.link.stop()
            starts.join()
        self.others_go_on(one)
        one.link.start()

    def stop_all(self, one: Primary) -> None:
        self.replica.query("STOP ALL SLAVES")
        expect(
            "all to be stopped",
            self.statuses(),
            all(row["Slave_IO_Running"] == "No" for row in self.statuses().values()),
        )
        one.link.start()
        self.replica.query("START ALL SLAVES")

    def fail_over(self, one: Primary) -> None:
        """STOP, CHANGE, START, one after the other: nobody else may start it."""
        one.link.stop()
        self.replica.query(f"CHANGE MASTER '{one.name}' TO MASTER_CONNECT_RETRY=1")
        one.link.start()

    def cut(self, one: Primary) -> None:
        one.network.set(Traffic.REFUSED)
        self.others_go_on(one)
        one.network.set(Traffic.FLOWS)

    def kill(self, one: Primary) -> None:
        one.server.kill9()
        one.server.start(f"--binlog-checksum={self.options.checksum}")

    def shut_down(self, one: Primary) -> None:
        one.server.stop()
        one.server.start(f"--binlog-checksum={self.options.checksum}")

    # The end

    def compare(self) -> None:
        for primary in self.primaries:
            primary.end_load()
        self.catch_up("the end of all writes", 60)
        for primary in self.primaries:
            table = f"{primary.name}.t"
            sums = [
                server.query(f"CHECKSUM TABLE {table}")[0]["Checksum"]
                for server in (primary.server, self.replica)
            ]
            expect(f"the same rows in {table}", sums, sums[0] == sums[1])
            if primary.semisync:
                primary.server.wait_for_status("Rpl_semi_sync_master_clients", "1")


def breaks(group: Group, random: Random) -> None:
    """Without repair it breaks soon; with it, the rest is started by hand."""
    group.replica.query(f"SET GLOBAL {REPAIR}=OFF")
    for _ in range(20):
        with suppress(Unexpected):
            group.stop_and_start(random.choice(group.primaries))
            group.catch_up("a connection's end", 3)
        if errors := group.fallen():
            print(f"without repair: error {min(errors)}")
            break
    else:
        raise Unexpected("connections to end without repair", "none")
    group.replica.query(f"SET GLOBAL {REPAIR}=ON")
    group.repair_by_hand()


def fell_before_it_looked(group: Group) -> None:
    """All but one have just ended when repair is switched on, and somebody has stopped
    one of them: the others are started again, and that one is not."""
    replica = group.replica
    one, stopped, *others = group.primaries
    for _ in range(10):
        group.settle()
        again = group.started_again()
        replica.query(f"SET GLOBAL {REPAIR}=OFF")
        one.link.stop()
        for primary in (stopped, *others):
            wait_for(
                primary.link.status,
                lambda row: row["Slave_IO_Running"] == "No",
                f"{primary.name} to end",
            )
        stopped.link.stop()
        replica.query(f"SET GLOBAL {REPAIR}=ON")
        with suppress(Unexpected):  # too late: it would have ended long before
            group.catch_up_with(others, "repair being switched on", 5)
            break
        group.repair_by_hand()
    expect("them to be started again", again, group.started_again() > again)
    row = stopped.link.status()
    expect(f"{stopped.name} to be stopped", row, row["Slave_IO_Running"] == "No")
    replica.query("START ALL SLAVES")
    group.catch_up("a start of all", 30)


def setting_changes(group: Group) -> None:
    """rpl_semi_sync_slave_enabled is changed between two starts: the plugin says so
    before anything happens. What then ends comes back as the setting says."""
    replica, one = group.replica, group.primaries[0]
    for setting in ("OFF", "ON"):
        replica.query(f"SET GLOBAL rpl_semi_sync_slave_enabled={setting}")
        replica.wait_for_log(
            f"Recovery gate: rpl_semi_sync_slave_enabled is {setting}, and connections"
        )
        page = replica.query("SHOW ENGINE RECOVERY_GATE STATUS")[0]["Status"]
        expect("it on the page", page, f"slave_enabled is {setting}" in page)
        one.link.stop()
        one.link.start()
        for primary in group.primaries:
            if primary.semisync:
                clients = "1" if setting == "ON" else "0"
                primary.server.wait_for_status("Rpl_semi_sync_master_clients", clients)
        group.catch_up(f"the start of one with {setting}", 30)


def has_no_semisync(group: Group) -> None:
    """A primary that knows nothing of semi-sync: the others go on with it, and the one
    that cannot go together with them is left to an administrator, and not to a loop."""
    replica, one = group.replica, group.primaries[0]
    group.settle()
    one.link.stop()
    one.network.hides_semisync = True
    again = group.started_again()
    one.link.start()
    trouble = rf"connection '{one.name}' has ended .*MDEV-32947.* not started again"
    replica.wait_for_log(f"Recovery gate: {trouble}")
    group.catch_up_with(group.others(one), "one without semi-sync", 30)
    page = re.sub(r"\s+", " ", replica.query("SHOW ENGINE RECOVERY_GATE STATUS")[0]["Status"])
    expect("it on the page", page, re.search(f"Replication: .*{trouble}", page))
    now = group.started_again() - again
    # Each may end whenever the one starts or ends, before that is given up. In a loop they
    # would do so many times a second.
    expect("no loop", now, now <= 8 * len(group.primaries))
    for primary in group.others(one):
        if primary.semisync:
            primary.server.wait_for_status("Rpl_semi_sync_master_clients", "1")
    one.network.hides_semisync = False
    replica.query("STOP ALL SLAVES")
    replica.query("START ALL SLAVES")
    group.catch_up("a start of all, with semi-sync", 60)


def play(group: Group, random: Random) -> None:
    options = group.options
    broken: dict[int, int] = {}
    took = []
    for number in range(options.rounds):
        checkpoint()
        what = group.happens(random)
        try:
            took.append(group.catch_up(what, options.within))
        except Unexpected:
            if not options.control:
                raise
            for error in group.fallen():
                broken[error] = broken.get(error, 0) + 1
            group.repair_by_hand()
    if options.control:
        print(f"without the plugin: {sum(broken.values())} ended, by error: {broken}")
        expect("connections to end without the plugin", broken, broken)
        return
    took.sort()
    print(
        f"{len(took)} rounds; all replicated again within {took[len(took) // 2]:.2f} s"
        f" (median), {took[-1]:.2f} s (longest)"
    )


def run(servers: Servers, options: argparse.Namespace) -> None:
    group = Group(servers, options)
    random = Random(options.seed)
    group.begin()
    for mode in options.modes.split(","):
        group.connect(gtid=mode == "gtid")
        print(f"{mode}, seed {options.seed}", flush=True)
        if not options.control:
            breaks(group, random)
        play(group, random)
    if not options.control:
        if options.primaries > 2:
            fell_before_it_looked(group)
        setting_changes(group)
        has_no_semisync(group)
    group.compare()
    if not options.control:
        log = group.replica.log_of_this_start()
        again = group.started_again()
        kept = len(re.findall("Recovery gate: .* it is on again for", log))
        print(f"switched on again {kept} times; {again} connections started again")
        expect("the plugin to have done something", (kept, again), kept + again)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--rounds", type=int, default=8, help="of each mode")
    parser.add_argument("--primaries", type=int, choices=(2, 3), default=3)
    parser.add_argument("--modes", default="gtid,position")
    parser.add_argument("--checksum", choices=("CRC32", "NONE"), default="CRC32")
    parser.add_argument("--within", type=float, default=10)
    parser.add_argument("--control", action="store_true")
    options = parser.parse_args()
    catch_signals()
    with Servers("recovery-gate-several") as servers:
        try:
            run(servers, options)
        except Interrupted as interrupted:
            return interrupted.exit_status
        except Exception as failure:
            print(f"seed {options.seed}: {failure}", file=sys.stderr)
            for server in servers.all:
                print(f"--- {server.name}\n{tail(server.log, 25)}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
