# SPDX-License-Identifier: GPL-2.0-only
"""What crash recovery cuts off (init_rpl_role=SLAVE), and what the server writes
afterwards under the same GTID.

    tools/rigs/start plugin.cut_off_test [STORY...]

Environment: RECOVERY_GATE_PLUGIN and RECOVERY_GATE_NO_NEW_LOGS, the built plugin and
no_new_logs.cc; those of build/ when they are not set. Exits 0 only if everything was
as expected.
"""

from __future__ import annotations

import sys

from rigs.record import wait_for_record, wait_settled
from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Pending,
    Replication,
    Server,
    Servers,
    expect,
    wait_for,
)
from rigs.story import run_stories
from rigs.tool_under_test import GATE, QUICK, built

NO_NEW_LOGS = built("RECOVERY_GATE_NO_NEW_LOGS", "tools/rigs/libno_new_logs.so")
COMMON = (*QUICK, *GATE, "--binlog-format=ROW")
AS_REPLICA = ("--init-rpl-role=SLAVE", "--rpl-semi-sync-slave-enabled=ON")
CUT = "Successfully truncated binlog file"


class Group:
    """A primary, a replica with semi-sync, and one without."""

    def __init__(self, servers: Servers, *options: str):
        story = len(servers.all)
        self.primary = servers.add(
            f"primary{story}",
            *SEMISYNC_PRIMARY,
            *COMMON,
            "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
            *options,
        )
        self.replica = servers.add(f"replica{story}", *SEMISYNC_REPLICA, *COMMON)
        self.other = servers.add(f"other{story}", *COMMON)
        self.link = Replication(self.primary, self.replica)
        self.other_link = Replication(self.primary, self.other)
        for server in (self.primary, self.replica, self.other):
            server.start()
        self.link.set_up()
        self.other_link.set_up()
        self.primary.query("CREATE DATABASE shop")
        self.primary.query("CREATE TABLE shop.orders (id INT PRIMARY KEY, note TEXT) ENGINE=InnoDB")
        self.primary.query("INSERT INTO shop.orders VALUES (1, '')")
        wait_settled(self.primary)
        wait_for(lambda: orders(self.other), lambda there: there == [1], "order 1")

    def write(self, order: int, *before: str, size: int = 0) -> None:
        self.run(*before, f"INSERT INTO shop.orders VALUES ({order}, REPEAT('x', {size}))")

    def run(self, *statements: str) -> None:
        """The last one waits for an acknowledgement that nobody gives."""
        end = self.primary.binlog_end()
        session = self.primary.connect_as_admin()
        for statement in statements[:-1]:
            session.query(statement)
        Pending(session, statements[-1])
        wait_for(self.primary.binlog_end, lambda now: end < now, "a transaction")

    def order_2_is_on_the_other_one(self) -> None:
        self.link.stop()
        self.write(2)
        wait_for(lambda: orders(self.other), lambda there: there == [1, 2], "order 2")
        self.primary.kill9()
        self.other_link.stop()

    def order_3_takes_its_number(self) -> None:
        expect("no order 2", orders(self.primary), orders(self.primary) == [1])
        self.write(3)
        self.primary.kill9()

    def follow(self, primary: Server, replica: Server) -> None:
        link = Replication(primary, replica)
        link.begin()

    @property
    def gtid(self) -> str:
        """Of order 2, and of what comes in its place."""
        return f"0-{self.primary.id}-4"

    @property
    def next_gtid(self) -> str:
        """When there was something else before order 2."""
        return f"0-{self.primary.id}-5"

    def stays_closed(self) -> None:
        (row,) = self.primary.query("SHOW ENGINE RECOVERY_GATE STATUS")
        page = " ".join(row["Status"].split())
        state = self.primary.status("Recovery_gate_state")
        expect("a closed gate", page, state == "CLOSED")
        expect("what is in doubt", page, f"up to GTID {self.gtid}" in page)


def orders(server: Server) -> list[int]:
    return [row["id"] for row in server.query("SELECT id FROM shop.orders ORDER BY id")]


def proves_nothing(group: Group, server_id: int) -> None:
    group.primary.wait_for_log(
        rf"semi-sync replica {server_id} .* acknowledges proves nothing: ", timeout=60
    )


def a_start_that_cut_it_off_is_given_up(servers: Servers) -> None:
    group = Group(servers)
    group.order_2_is_on_the_other_one()
    group.primary.environment = {"LD_PRELOAD": str(NO_NEW_LOGS)}
    group.primary.launch(*AS_REPLICA)
    group.primary.wait_end()
    log = group.primary.log_of_this_start()
    expect("a start that cuts it off", log, CUT in log)
    group.primary.environment = {}
    group.primary.start()
    group.order_3_takes_its_number()
    group.primary.start()
    group.other.query("SET GLOBAL rpl_semi_sync_slave_enabled=ON")
    group.other_link.start()
    proves_nothing(group, group.other.id)
    group.stays_closed()


def it_cannot_be_put_on_record(servers: Servers) -> None:
    group = Group(servers)
    group.order_2_is_on_the_other_one()
    in_the_way = group.primary.datadir / "recovery_gate.state.new"
    in_the_way.mkdir()
    group.primary.launch(*AS_REPLICA)
    group.primary.wait_end()
    log = group.primary.log_of_this_start()
    expect(
        "a server that does not start, and has cut off nothing",
        log,
        "what that is cannot be put on record" in log
        and "Nothing was cut off" in log
        and CUT not in log,
    )
    in_the_way.rmdir()
    group.primary.start(*AS_REPLICA)
    log = group.primary.log_of_this_start()
    expect("one that cuts it off", log, CUT in log)


def it_filled_its_log(servers: Servers) -> None:
    """Recovery cuts that one, and deletes the one behind it."""
    group = Group(servers, "--max-binlog-size=4096")
    group.link.stop()
    before = group.primary.binlog_end()
    group.write(2, size=5000)
    wait_for(group.primary.binlog_end, lambda now: now.file != before.file, "a new log")
    group.primary.kill9()
    group.primary.start(*AS_REPLICA)
    expect("no order 2", orders(group.primary), orders(group.primary) == [1])
    opened_by = group.primary.status("Recovery_gate_opened_by")
    expect("a gate that nothing is owed to", opened_by, opened_by == "NOT_NEEDED")
    # ... and which is known again when it comes back.
    wait_for_record(group.primary, f"\ncut-off-gtid {group.gtid}=")


def a_third_server_has_passed_it_on(servers: Servers) -> None:
    """The replica came in before it, and has it from there."""
    group = Group(servers)
    group.order_2_is_on_the_other_one()
    group.primary.start(*AS_REPLICA)
    group.link.start()
    wait_for_record(group.primary, f"replica-ids {group.replica.id}\n")
    group.link.stop()
    group.order_3_takes_its_number()
    group.other_link.end()
    group.link.end()
    group.follow(group.other, group.replica)
    wait_for(lambda: orders(group.replica), lambda there: there == [1, 2], "order 2")
    Replication(group.other, group.replica).end()
    group.primary.start("--skip-slave-start")
    group.follow(group.primary, group.replica)
    proves_nothing(group, group.replica.id)
    group.stays_closed()
    Replication(group.primary, group.replica).end()
    group.follow(group.replica, group.primary)
    group.primary.wait_for_log(
        f"names GTID {group.gtid}, which may be another transaction"
    )
    group.stays_closed()


def the_same_is_loaded_once_more(servers: Servers) -> None:
    """In circular replication, by who replays a log, say: with the time of then."""
    group = Group(servers, "--replicate-ignore-db=scratch")
    back = Replication(group.replica, group.primary)
    back.begin()
    back.wait_connected()
    then = "SET TIMESTAMP=1700000000"
    wait_for_record(group.primary, "received yes\n")
    group.link.stop()
    group.other_link.stop()
    group.write(2, then)
    group.primary.kill9()
    group.primary.start(*AS_REPLICA)
    expect("no order 2", orders(group.primary), orders(group.primary) == [1])
    wait_for_record(group.primary, "received yes\n")
    group.write(2, then)
    # Nothing in this binary log shows that replication has passed the number.
    group.replica.query("CREATE DATABASE scratch")
    wait_for(
        lambda: group.primary.value("SELECT @@GLOBAL.gtid_slave_pos"),
        lambda position: position == f"0-{group.replica.id}-4",
        "what the replica has written",
    )
    group.primary.kill9()
    group.primary.start()
    group.stays_closed()


def a_lower_number_is_written(servers: Servers) -> None:
    """Whoever has what was cut off names a later one."""
    group = Group(servers)
    group.link.stop()
    group.write(2, "SET gtid_seq_no=20")
    wait_for(lambda: orders(group.other), lambda there: there == [1, 2], "order 2")
    group.primary.kill9()
    group.other_link.end()
    group.primary.start(*AS_REPLICA)
    group.order_3_takes_its_number()
    group.primary.start()
    group.follow(group.other, group.primary)
    group.primary.wait_for_log(
        f"names GTID {group.gtid}, which may be another transaction"
    )
    group.stays_closed()


def it_stays_in_a_table(servers: Servers) -> None:
    """Recovery does not roll back what is in MyISAM."""
    group = Group(servers)
    group.primary.query("CREATE TABLE shop.notes (note TEXT) ENGINE=MyISAM")
    wait_settled(group.primary)
    group.link.stop()
    group.run(
        "SET binlog_format=STATEMENT, autocommit=0",
        "INSERT INTO shop.orders VALUES (2, '')",
        "INSERT INTO shop.notes VALUES ('order 2')",
        "COMMIT",
    )
    group.primary.kill9()
    group.primary.start(*AS_REPLICA)
    expect("no order 2", orders(group.primary), orders(group.primary) == [1])
    notes = group.primary.query("SELECT note FROM shop.notes")
    expect("its note", notes, len(notes) == 1)
    state = group.primary.statuses("Recovery_gate%")
    expect("a closed gate", state, state["Recovery_gate_waiting_for"] == "OVERRIDE")
    group.primary.wait_for_log("does not roll back, up to GTID " + group.next_gtid)


STORIES = [
    a_start_that_cut_it_off_is_given_up,
    it_cannot_be_put_on_record,
    it_filled_its_log,
    a_third_server_has_passed_it_on,
    the_same_is_loaded_once_more,
    a_lower_number_is_written,
    it_stays_in_a_table,
]

if __name__ == "__main__":
    sys.exit(run_stories("cut-off-test", STORIES, sys.argv[1:]))
