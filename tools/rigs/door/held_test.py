# SPDX-License-Identifier: GPL-2.0-only
"""The door on real servers: who is held, for how long, and what ends it.

    tools/rigs/start door.held_test [STORY...]

Environment: RECOVERY_GATE_PLUGIN, the built plugin; that of build/ when it is not
set. Exits 0 only if everything was as expected.
"""

from __future__ import annotations

import resource
import socket
import sys
import time
from pathlib import Path

from rigs.door.scene import (
    COM_CHANGE_USER,
    COM_PING,
    COM_QUERY,
    COM_QUIT,
    Client,
    Scene,
    frame,
)
from rigs.servers import (
    Servers,
    Session,
    SqlError,
    Unexpected,
    catch_signals,
    expect,
    free_port,
    wait_for,
)
from rigs.story import run_steps

LOGIN_WITH_WRONG_PASSWORD = frame(
    (1 | 0x200 | 0x8000 | 0x80000).to_bytes(4, "little")
    + b"\0\0\0\1\x2d"
    + bytes(23)
    + b"shy\0\x14"
    + bytes(20)
    + b"mysql_native_password\0",
    1,
)

LONG = 3_600_000  # milliseconds: whatever ends a wait, it is not the time


def everywhere(scene: Scene) -> list[Client]:
    """One client by each way in."""
    primary = scene.primary
    return [
        Client(primary),
        Client(primary, by_socket=True),
        Client(primary, compress=True),
        Client(primary, by_socket=True, compress=True),
        Client(primary, tls=True),
        Client(primary, tls=True, compress=True),
    ]


def served_when_it_opens(scene: Scene) -> None:
    scene.close_gate(f"--recovery-gate-connect-wait={LONG}")
    asking = [client.query("DO 1") for client in everywhere(scene)]
    silent = everywhere(scene)
    scene.wait_held(12)
    states = {row["state"] for row in scene.sessions()}
    expected = {"Held at the recovery gate: waiting for REPLICA"}
    expect("what they wait for", states, states == expected)
    expect("no answer yet", None, all(c.is_silent() for c in asking + silent))

    scene.open_gate()
    for client in asking:
        client.expect_served()
    for client in silent:
        client.query("DO 1").expect_served()
    for client in asking + silent:
        client.query("DO 2").expect_served()
        client.close()
    counts = scene.held(), scene.rejected()
    expect("that nobody was rejected", counts, counts == (0, 0))
    left = {row["state"] for row in scene.sessions()}
    expect("nobody who is held", left, not any("gate" in (s or "") for s in left))


def rejected_when_its_time_is_up(scene: Scene) -> None:
    scene.close_gate("--recovery-gate-connect-wait=300")
    begin = time.monotonic()
    clients = [client.query("DO 1") for client in everywhere(scene)]
    late = everywhere(scene)
    for client in clients:
        client.expect_rejected()
    expect("that it took the time", time.monotonic() - begin, True)
    # The sessions are over; the error waits for those who have not asked.
    scene.wait_no_sessions()
    for client in late:
        expect("no answer before a question", client.name, client.is_silent())
        client.query("DO 1").expect_rejected()
    expect("12 rejected", scene.rejected(), scene.rejected() == 12)


def rejected_immediately(scene: Scene) -> None:
    """... and without a slot, however long it keeps silent."""
    scene.close_gate("--recovery-gate-connect-wait=0")
    clients = everywhere(scene)
    scene.wait_no_sessions()
    for client in clients:
        client.send(COM_PING).expect_rejected()
    for command in (COM_QUERY, COM_CHANGE_USER, b"\x16", b"\x12", b"\xff"):
        with Client(scene.primary) as client:
            client.send(command, b"DO 1\0\0\0").expect_rejected()


def nobody_stays_who_leaves(scene: Scene) -> None:
    scene.close_gate(f"--recovery-gate-connect-wait={LONG}")
    for says in (None, COM_QUERY + b"DO 1", COM_QUIT):
        clients = everywhere(scene)
        scene.wait_held(len(clients))
        for client in clients:
            if says is not None:
                client.send(says)
            client.close()
        scene.wait_held(0)
        scene.wait_no_sessions()
    # One that has said goodbye and does not hang up is gone, too.
    clients = everywhere(scene)
    scene.wait_held(len(clients))
    for client in clients:
        client.send(COM_QUIT)
    scene.wait_held(0)
    for client in clients:
        client.expect_end()
    expect("nobody rejected", scene.rejected(), scene.rejected() == 0)


def kill_ends_it(scene: Scene) -> None:
    scene.close_gate(f"--recovery-gate-connect-wait={LONG}")
    for kind in ("", "HARD", "SOFT"):
        with Client(scene.primary) as client:
            client.query("DO 1")
            scene.wait_held(1)
            scene.primary.query(f"KILL {kind} {scene.sessions()[0]['id']}")
            scene.wait_held(0)
            scene.wait_no_sessions()
            client.expect_end()
    # There is no statement that KILL QUERY could end.
    with Client(scene.primary) as client:
        scene.wait_held(1)
        scene.primary.query(f"KILL QUERY {scene.sessions()[0]['id']}")
        expect("it is held still", scene.held(), scene.held() == 1)
        scene.primary.query("KILL USER app")
        client.expect_end()
    scene.wait_held(0)


def change_of_user_ends_it(scene: Scene) -> None:
    scene.close_gate(f"--recovery-gate-connect-wait={LONG}")
    clients = everywhere(scene)
    scene.wait_held(6)
    for client in clients:
        # As long as with what real clients say of themselves: then it is compressed.
        client.send(COM_CHANGE_USER, b"root\0\0\0" + b"x" * 100)
        client.expect_rejected()
    scene.wait_held(0)
    # In two pieces, with a pause that the server has noticed.
    with Client(scene.primary) as client:
        packet = frame(COM_CHANGE_USER + b"root\0\0\0", 0)
        client.socket.sendall(packet[:4])
        scene.wait_held(1)
        client.socket.sendall(packet[4:])
        client.expect_rejected()
    # Of a session that was admitted: no place is taken by it.
    with Client(scene.primary, "ops") as client:
        client.send(
            COM_CHANGE_USER, b"app\0" + b"\0\0" + b"\x2d\0mysql_native_password\0"
        )
        question = client.packet()
        expect("a question for the password", question, question[:1] == b"\xfe")
        client.socket.sendall(frame(b"", 2))
        client.expect_rejected()
    scene.wait_held(0)


def shutdown_ends_it(scene: Scene) -> None:
    scene.close_gate(f"--recovery-gate-connect-wait={LONG}")
    held = [client.query("DO 1") for client in everywhere(scene)]
    scene.wait_held(6)
    scene.set("max_held", 6)
    away = everywhere(scene)
    wait_for(scene.sessions, lambda rows: len(rows) == 6, "six sessions")
    # The server gives sessions 20 seconds before it complains.
    begin = time.monotonic()
    scene.primary.stop()
    expect("a quick end", time.monotonic() - begin, time.monotonic() - begin < 10)
    for client in held + away:
        expect("the end", client.name, _ends(client))
    log = scene.primary.log_of_this_start()
    expect("no complaint", log, "active after" not in log and "Got signal" not in log)


def _ends(client: Client) -> bool:
    try:
        return client.socket.recv(1) == b""
    except ConnectionResetError:
        return True


def only_so_many(scene: Scene) -> None:
    scene.close_gate(
        f"--recovery-gate-connect-wait={LONG}",
        "--max-connections=40",
        "--extra-port=0",
    )
    held = [Client(scene.primary).query("DO 1") for _ in range(20)]
    scene.wait_held(20)
    for _ in range(5):
        with Client(scene.primary) as client:
            client.query("DO 1").expect_rejected()
    # An administrator and a replica have room. More, when it is asked for, but not
    # all.
    scene.set("max_held", 1000)
    held += [Client(scene.primary).query("DO 1") for _ in range(10)]
    scene.wait_held(30)
    with Client(scene.primary) as client:
        client.query("DO 1").expect_rejected()
    # Fewer: those that are too many go at once.
    scene.set("max_held", 3)
    scene.wait_held(3)
    scene.open_gate()
    outcomes = {"served": 0, "rejected": 0}
    for client in held:
        try:
            client.answer()
            outcomes["served"] += 1
        except SqlError as error:
            expect("error 1047", error, error.code == 1047)
            outcomes["rejected"] += 1
    expected = {"served": 3, "rejected": 27}
    expect(expected, outcomes, outcomes == expected)


def settings_count_at_once(scene: Scene) -> None:
    scene.close_gate(f"--recovery-gate-connect-wait={LONG}")
    with Client(scene.primary) as client:
        scene.wait_held(1)
        scene.set("admit_users", "somebody,app")
        client.query("DO 1").expect_served()
        scene.set("admit_users", "")
    with Client(scene.primary) as client:
        client.query("DO 1")
        scene.wait_held(1)
        scene.set("connect_wait", 1)
        client.expect_rejected()
    scene.set("connect_wait", LONG)
    with Client(scene.primary) as client:
        client.query("DO 1")
        scene.wait_held(1)
        for _ in range(50):  # settings that change nothing for it
            scene.set("timeout", 1000)
            scene.set("max_held", 7)
        expect("it is held still", scene.held(), scene.held() == 1)
        scene.primary.query("SET GLOBAL recovery_gate_open_now = ON")
        client.expect_served()


def no_thread_pool_stalls(scene: Scene) -> None:
    """Few threads, in one group and in several: held clients take no more than
    their part, and all who are admitted are served, whatever they have sent."""
    for groups, threads, places in ((1, 14, 6), (4, 20, 6)):
        scene.close_gate(
            f"--recovery-gate-connect-wait={LONG}",
            "--thread-handling=pool-of-threads",
            f"--thread-pool-size={groups}",
            f"--thread-pool-max-threads={threads}",
            # It would hide threads that do not say that they wait.
            "--thread-pool-stall-limit=1000000",
        )
        held = [client.query("DO 1") for client in everywhere(scene)]
        expect("places for all of them", len(held), len(held) == places)
        scene.wait_held(places)
        for _ in range(3):
            with Client(scene.primary) as client:
                client.query("DO 1").expect_rejected()
        for _ in range(16):
            with Client(scene.primary, "ops", timeout=10) as client:
                client.query("DO 1").expect_served()
        scene.open_gate()
        for client in held:
            client.expect_served()
            client.query("DO 2").expect_served()
            client.close()


def extra_port_is_for_administrators(scene: Scene) -> None:
    port = free_port()
    scene.close_gate(
        f"--recovery-gate-connect-wait={LONG}",
        "--max-connections=10",
        f"--extra-port={port}",
        "--extra-max-connections=1",
    )
    for _ in range(3):
        with _gets_place(scene, port) as client:
            client.query("DO 1").expect_rejected()
        with _gets_place(scene, port):  # says nothing
            wait_for(
                lambda: _gets_in(port),
                lambda in_: in_,
                "an administrator to get in on the extra port",
            )


def _gets_place(scene: Scene, port: int) -> Client:
    """Whoever has just left keeps a place until the server has noticed."""

    def login() -> Client | SqlError:
        try:
            return Client(scene.primary, port=port)
        except SqlError as error:
            expect("too many connections, at worst", error, error.code == 1040)
            return error

    return wait_for(
        login,
        lambda found: isinstance(found, Client),
        "a client to get a place on the extra port",
    )


def _gets_in(port: int) -> bool:
    try:
        with Session("ops", port=port) as session:
            return session.value("SELECT 1") == 1
    except SqlError:
        return False


def it_is_the_account_that_counts(scene: Scene) -> None:
    """... whose privileges apply, not the name somebody logs in with."""
    scene.close_gate("--recovery-gate-connect-wait=0")
    primary = scene.primary
    with Client(primary, "agent", password="app") as client:
        client.query("DO 1").expect_rejected()
    with Client(primary, "chief", password="ops") as client:
        client.query("DO 1").expect_served()
    with Client(primary, "anybody") as client:
        client.query("DO 1").expect_rejected()
    scene.set("admit_users", "agent,anybody")
    with Client(primary, "agent", password="app") as client:
        client.query("DO 1").expect_rejected()
    with Client(primary, "anybody") as client:
        client.query("DO 1").expect_rejected()
    scene.set("admit_users", "app")
    with Client(primary, "agent", password="app") as client:
        client.query("DO 1").expect_served()
    scene.set("connect_wait", LONG)
    scene.set("admit_users", "")
    with Client(primary, "agent", password="app"), Client(primary, "anybody"):
        scene.wait_held(2)
    scene.wait_held(0)


def strangers_learn_nothing(scene: Scene) -> None:
    """Who has not authenticated sees what he sees of any server."""
    scene.close_gate(f"--recovery-gate-connect-wait={LONG}")
    try:
        Client(scene.primary, "shy")
        raise Unexpected("a refused login", "success")
    except SqlError as error:
        expect("access denied", error, error.code == 1045)
    # One that stays on the line after that is nobody either.
    with socket.create_connection(("127.0.0.1", scene.primary.port), 20) as stranger:
        stranger.recv(4096)
        stranger.sendall(LOGIN_WITH_WRONG_PASSWORD)
        answer = stranger.recv(4096)
        expect("access denied", answer, b"28000" in answer)
        wait_for(
            lambda: stranger.recv(4096), lambda rest: rest == b"", "the end of it"
        )
    counts = scene.held(), scene.rejected()
    expect("nobody counted", counts, counts == (0, 0))


def with_few_descriptors(scene: Scene) -> None:
    """... the error comes unasked, and the server keeps what it needs."""
    scene.close_gate("--recovery-gate-connect-wait=0")
    pid = scene.primary.pid
    used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    limit = (used + 10) * 4 // 3
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, before[1]))
    clients = [Client(scene.primary) for _ in range(limit)]
    told = sum(not client.is_silent() for client in clients)
    expect("some are told unasked", told, 0 < told < len(clients))
    with scene.primary.connect_as_admin() as admin:
        admin.query("SELECT * FROM mysql.help_topic LIMIT 1")
    for client in clients:
        client.query("DO 1").expect_rejected()
    with Client(scene.primary, compress=True) as client:
        client.query("DO 1").expect_rejected()
    for client in clients:
        client.close()
    scene.open_gate()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def held_to_the_limit_is_no_crowd(scene: Scene) -> None:
    scene.close_gate(f"--recovery-gate-connect-wait={LONG}", "--max-connections=40")
    scene.set("max_held", 1000)
    held = [Client(scene.primary) for _ in range(30)]
    scene.wait_held(30)
    begin = time.monotonic()
    with Client(scene.primary) as client:
        client.query("DO 1").expect_rejected()
    expect("at once", time.monotonic() - begin, time.monotonic() - begin < 5)
    for client in held:
        client.close()


def what_they_send_meanwhile(scene: Scene) -> None:
    """Garbage, half a packet, a huge packet, nothing; held or rejected."""
    huge = 16 * 1024 * 1024 - 1
    for wait in (LONG, 0):
        scene.close_gate(
            f"--recovery-gate-connect-wait={wait}", "--max-allowed-packet=64M"
        )
        primary = scene.primary
        garbage, half, large, larger, empty, silent = (
            Client(primary) for _ in range(6)
        )
        garbage.socket.sendall(b"\x00\x01\x02GET / HTTP/1.1\r\n\r\n" * 50)
        half.socket.sendall(frame(b"\x03DO 1", 0)[:7])
        empty.socket.sendall(frame(b"", 0))
        # More than socket buffers take: who is held is not read from.
        large.socket.setblocking(False)
        packet = frame(b"\x03DO '" + b"x" * 5_000_000 + b"'", 0)
        sent = large.socket.send(packet)
        if wait:
            scene.wait_held(6)
            expect("that it is not read", sent, sent < len(packet))
            scene.open_gate()
        large.socket.settimeout(60)
        large.socket.sendall(packet[sent:])
        half.socket.sendall(frame(b"\x03DO 1", 0)[7:])
        silent.query("DO 1")
        larger.socket.sendall(frame(b"\x03DO '" + b"x" * (huge - 5), 0))
        larger.socket.sendall(frame(b"x'", 1))
        if wait:
            for client in (half, large, larger, silent):
                client.expect_served()
        else:
            for client in (half, large, larger, silent, empty):
                client.expect_rejected()
        for client in (garbage, half, large, larger, empty, silent):
            client.close()
        scene.wait_no_sessions()
        expect("nobody held", scene.held(), scene.held() == 0)
        expect("a server", None, primary.is_running())


def everything_at_once(scene: Scene) -> None:
    """The acknowledgement, the time-out and an administrator meet, while clients
    come, wait and leave, and settings change."""
    for _ in range(4):
        scene.close_gate(
            "--recovery-gate-connect-wait=1000",
            "--recovery-gate-timeout-action=OPEN",
        )
        clients = [Client(scene.primary) for _ in range(40)]
        for client in clients[::2]:
            client.query("DO 1")
        scene.wait_held(40)
        scene.set("timeout", 1)  # a second from the start, about now
        scene.link.restore()
        for client in clients[::5]:
            client.close()
        scene.set("max_held", 20)
        try:
            scene.primary.query("SET GLOBAL recovery_gate_open_now = ON")
        finally:
            scene.wait_open()
        for number, client in enumerate(clients):
            if number % 5 == 0:
                continue
            if number % 2:
                client.query("DO 1")
            try:
                client.answer()
            except SqlError as error:
                expect("an answer or error 1047", error, error.code == 1047)
            client.close()
        scene.wait_held(0)
        by = scene.primary.status("Recovery_gate_opened_by")
        expect("one of the three", by, by in ("ACK", "TIMEOUT", "OVERRIDE"))


STORIES = (
    served_when_it_opens,
    rejected_when_its_time_is_up,
    rejected_immediately,
    nobody_stays_who_leaves,
    kill_ends_it,
    change_of_user_ends_it,
    shutdown_ends_it,
    only_so_many,
    settings_count_at_once,
    no_thread_pool_stalls,
    extra_port_is_for_administrators,
    it_is_the_account_that_counts,
    strangers_learn_nothing,
    with_few_descriptors,
    held_to_the_limit_is_no_crowd,
    what_they_send_meanwhile,
    everything_at_once,
)


def main() -> int:
    catch_signals()
    wanted = sys.argv[1:]
    stories = [s for s in STORIES if not wanted or s.__name__ in wanted]
    with Servers("door-held") as servers:
        return run_steps(servers, stories, Scene(servers))


if __name__ == "__main__":
    sys.exit(main())
