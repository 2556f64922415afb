# SPDX-License-Identifier: GPL-2.0-only
"""Which replicas count, and how many: a primary with up to four replicas.

    tools/rigs/start plugin.replica_count_test [STORY...]

Environment: RECOVERY_GATE_PLUGIN, the built plugin; that of build/ when it is not
set. Exits 0 only if everything was as expected.
"""

from __future__ import annotations

import re
import sys

from rigs.plugin.scene import Scene, scene
from rigs.servers import (
    SEMISYNC_REPLICA,
    Position,
    Replication,
    Servers,
    expect,
    wait_for,
)
from rigs.story import run_stories
from rigs.tool_under_test import GATE, QUICK

# What the server itself does with a replica that stays silent comes after this.
SILENT = "had 1 semi-sync replica connection\\(s\\) reconnect"


def excluded_alone(servers: Servers) -> None:
    """What one that does not count acknowledges opens nothing, whatever it has."""
    here = scene(servers, "replica-ids=!5")
    behind = here.play(5, "")
    behind.wait_asked(here.awaited)
    here.acknowledge(behind)
    here.stays_closed(0, r"server_id 5 .*does not count", "0 of 1 replica")
    here.leaves(behind)
    here.stays_closed(0)
    complete = here.play(5, here.gtid)
    complete.wait_asked(here.awaited)
    here.acknowledge(complete)
    here.stays_closed(0, r"server_id 5 .*does not count")
    status = here.primary.status("Recovery_gate_waiting_for")
    expect("a replica that counts to be missing", status, status == "REPLICA")

    replica = here.play(2, "")
    replica.wait_asked(here.awaited)
    here.stays_closed(0)
    here.acknowledge(replica)
    here.opens()


def excluded_first_and_late(servers: Servers) -> None:
    """The one last reply may be of one that does not count: it opens nothing, until it
    is certain who has sent it."""
    here = scene(servers, "replica-ids=2,3")
    client, replica = here.play(5, ""), here.play(2, "")
    for one in (client, replica):
        one.wait_asked(here.awaited)
    here.acknowledge(client)
    here.stays_closed(0, "may be another replica's")
    here.leaves(client)
    here.stays_closed(0)
    # Nothing else was there that could have sent the second.
    here.acknowledge(replica)
    here.opens()


def both_have_replied(servers: Servers) -> None:
    """Two replies with one position are of two replicas."""
    here = scene(servers, "replica-ids=!5")
    client, replica = here.play(5, ""), here.play(2, "")
    for one in (client, replica):
        one.wait_asked(here.awaited)
    here.acknowledge(replica)
    here.stays_closed(0, "may be another replica's")
    here.acknowledge(client)
    here.opens()


def replies_at_once(servers: Servers) -> None:
    """Of two that acknowledge in one moment, each is made to connect once more, and says
    what it has; the one that does not count is left alone."""
    here = scene(servers, "replica-count=2", "replica-ids=!5")
    client = here.play(5, "")
    replicas = [here.play(2, ""), here.play(3, "")]
    for one in (client, *replicas):
        one.wait_asked(here.awaited)
    here.acknowledge(client, *replicas)
    here.as_they_are_closed(replicas, lambda: here.gtid)
    here.opens()
    expect("the client to be left alone", client.was_closed, not client.was_closed)


def is_not_disturbed_twice(servers: Servers) -> None:
    """One that stays silent is made to connect once more, and no more than that; those
    that are proven, or do not count, not at all."""
    here = scene(servers, "replica-count=3", "replica-ids=!5")
    proven = here.play(3, here.gtid)
    client = here.play(5, "")
    replica = here.play(2, "")
    wait_for(lambda: replica.was_closed, bool, "it to be made to connect once more")
    again = here.play(2, "")
    other = here.play(4, "")
    # When this one is closed, the other had been silent as long, and before it.
    wait_for(lambda: other.was_closed, bool, "another one to be made to connect")
    once_more = here.play(4, "")
    once_more.wait_asked(here.awaited)
    for one in (proven, client, again):
        expect(f"{one.server_id} to be left alone", "closed", not one.was_closed)
    here.stays_closed(1)
    here.leaves(client)
    for one in (again, once_more, proven):
        here.acknowledge(one)
        here.page()
    here.opens()


def one_of_two(servers: Servers) -> None:
    """One is not enough, however often it connects and acknowledges; nor after it has
    left. What clients get says how many there are."""
    here = scene(servers, "replica-count=2", "connect-wait=0")
    for _ in range(2):
        replica = here.play(2, "")
        replica.wait_asked(here.awaited)
        here.acknowledge(replica)
        here.stays_closed(1, "1 of 2 replicas are", r"server_id 2 .*proven: it has ack")
        here.leaves(replica)
        here.stays_closed(1, r"server_id 2 \(not connected\): proven")
    complete = here.play(2, here.gtid)
    complete.wait_asked(here.awaited)
    here.acknowledge(complete)
    here.stays_closed(1, "1 of 2 replicas are")
    here.primary.wait_for_log("semi-sync replica 2 .*: 1 of 2 replicas are known")

    here.primary.query("SET GLOBAL recovery_gate_replica_count=1")
    here.opens()


def comes_back_behind(servers: Servers) -> None:
    for at in ("gtid", "file"):
        here = scene(servers, "replica-count=2")
        begin = Position(here.end.file, 4) if at == "file" else here.before
        complete = here.end if at == "file" else here.gtid
        replica = here.play(2, complete)
        replica.wait_asked(here.awaited)
        here.acknowledge(replica)
        here.stays_closed(1)
        here.leaves(replica)
        here.stays_closed(1)
        back = here.play(2, begin)
        back.wait_asked(here.awaited)
        here.stays_closed(0)
        other = here.play(3, complete)
        other.wait_asked(here.awaited)
        here.acknowledge(other)
        here.stays_closed(1, "server_id 3 .*proven")
        here.acknowledge(back)
        here.opens()
        here.primary.kill9()


def by_file_and_position(servers: Servers) -> None:
    """Both are there, and their replies come in one moment: each begins behind it when
    it connects once more, and that is a reply of its own."""
    here = scene(servers, "replica-count=2")
    begin = Position(here.end.file, 4)
    replicas = [here.play(2, begin), here.play(3, begin)]
    for one in replicas:
        one.wait_asked(here.awaited)
    here.acknowledge(*replicas)
    here.as_they_are_closed(replicas, lambda: here.awaited)
    here.opens()


def same_server_id(servers: Servers) -> None:
    """Two machines with one server id are one replica. (The server ends the session of
    one that has hung up when the next comes; of one that has not, it waits.)"""
    here = scene(servers, "replica-count=2")
    first = here.play(2, here.gtid)
    first.wait_asked(here.awaited)
    here.acknowledge(first)
    here.stays_closed(1)
    first.leave()
    second = here.play(2, here.gtid)
    second.wait_asked(here.awaited)
    here.acknowledge(second)
    here.stays_closed(1)
    second.leave()
    third = here.play(2, "")  # one that has nothing
    third.wait_asked(here.awaited)
    here.stays_closed(0)
    other = here.play(3, here.gtid)
    other.wait_sent(here.awaited)
    here.stays_closed(1)


def asynchronous(servers: Servers) -> None:
    """One that does not acknowledge does not count, though it names everything."""
    here = scene(servers, "replica-count=2")
    here.play(3, here.gtid, semisync=False).wait_sent(here.awaited)
    replica = here.play(2, here.gtid)
    replica.wait_asked(here.awaited)
    here.acknowledge(replica)
    here.stays_closed(1)
    other = here.play(3, here.gtid)
    other.wait_sent(here.awaited)
    here.opens()


def more_than_there_are(servers: Servers) -> None:
    here = scene(servers)
    replica = here.play(2, here.before)
    replica.wait_asked(here.awaited)
    here.stays_closed(0, "server_id 2 ")
    with here.primary.connect_as_admin() as session:
        session.query("SET GLOBAL recovery_gate_replica_count=3")
        (warning,) = session.query("SHOW WARNINGS")
        expect(
            "a warning with how many there are",
            warning,
            "1 semi-sync replica that counts has connected" in warning["Message"]
            and "(server_id 2)" in warning["Message"],
        )
    here.acknowledge(replica)
    here.stays_closed(1, "1 of 3 replicas are")
    here.primary.query("SET GLOBAL recovery_gate_replica_ids='2,3'")
    here.primary.wait_for_log("lets no more than 2 count")
    here.primary.query("SET GLOBAL recovery_gate_replica_ids='!2'")
    here.stays_closed(0, "server_id 2 .*does not count")
    here.primary.query("SET GLOBAL recovery_gate_replica_count=1")
    here.stays_closed(0)
    here.primary.query("SET GLOBAL recovery_gate_replica_ids=''")
    here.opens()


def begun_anew(servers: Servers) -> None:
    """After RESET MASTER nothing is proven any more, however many had it."""
    here = scene(servers, "replica-count=2")
    replica = here.play(2, here.gtid)
    replica.wait_asked(here.awaited)
    here.acknowledge(replica)
    here.stays_closed(1)
    here.primary.query("RESET MASTER")
    here.primary.wait_for_status("Recovery_gate_waiting_for", "OVERRIDE")
    here.primary.query("SET GLOBAL recovery_gate_replica_count=1")
    here.page()
    status = here.primary.status("Recovery_gate_open")
    expect("a closed gate", status, status == "OFF")


def four_replicas(servers: Servers, *, gtid: bool) -> None:
    """Real ones: one is complete, one behind, one asynchronous, one excluded; one that
    was proven leaves, and one restarts."""
    here = Scene(servers, ("--recovery-gate-replica-count=3",))
    here.prepare()
    complete, behind, silent, excluded = (
        servers.add(f"{name}{int(gtid)}", *SEMISYNC_REPLICA, *QUICK, *GATE)
        for name in ("complete", "behind", "silent", "excluded")
    )
    links = {}
    for server in (complete, behind, silent, excluded):
        server.start("--rpl-semi-sync-slave-enabled=OFF")
        links[server] = Replication(here.primary, server, gtid=gtid)
        links[server].set_up()
    for server in (behind, excluded):
        wait_for(
            lambda: links[server].received(),
            lambda at: at == here.primary.binlog_end(),
            "it to have received everything so far",
        )
        links[server].cut()
    for server in (behind, excluded, complete):
        server.query("SET GLOBAL rpl_semi_sync_slave_enabled=ON")
    # The complete one is asynchronous still: it receives and does not acknowledge.
    here.crash(f"--recovery-gate-replica-ids=!{excluded.id}")
    # Before another one is there, whose reply it might be.
    here.primary.wait_for_status("Recovery_gate_replicas_proven", "1")
    links[excluded].restore()
    links[excluded].wait_connected()
    wait_for(
        lambda: here.page(),
        lambda page: re.search(rf"server_id {excluded.id} .*does not count", page),
        "the excluded one to be there",
    )
    expect("no more than one", here.page(), "1 of 3" in here.page())
    complete.stop()
    here.stays_closed(1, rf"server_id {complete.id} \(not connected\): proven")
    links[behind].restore()
    here.primary.wait_for_status("Recovery_gate_replicas_proven", "2")
    here.stays_closed(2, "2 of 3")
    behind.stop()
    behind.start()
    links[behind].wait_connected()
    here.primary.wait_for_status("Recovery_gate_replicas_proven", "2", 60)
    here.stays_closed(2)
    links[silent].stop("IO_THREAD")
    silent.query("SET GLOBAL rpl_semi_sync_slave_enabled=ON")
    links[silent].start("IO_THREAD")
    here.opens()
    here.primary.wait_for_log("OPEN after .*: semi-sync replica .*; replica .*; replica")


def four_replicas_gtid(servers: Servers) -> None:
    four_replicas(servers, gtid=True)


def four_replicas_file(servers: Servers) -> None:
    four_replicas(servers, gtid=False)


STORIES = (
    excluded_alone,
    excluded_first_and_late,
    both_have_replied,
    replies_at_once,
    is_not_disturbed_twice,
    one_of_two,
    comes_back_behind,
    by_file_and_position,
    same_server_id,
    asynchronous,
    more_than_there_are,
    begun_anew,
    four_replicas_gtid,
    four_replicas_file,
)

if __name__ == "__main__":
    sys.exit(run_stories("recovery-gate-count", STORIES, sys.argv[1:]))
