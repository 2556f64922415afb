# SPDX-License-Identifier: GPL-2.0-only
"""Carries scripts out on three servers, and judges what clients read.

The public methods from write() on are the verbs of a script. One that makes no
sense as things have turned out, as a write on a server that is down, does
nothing: scripts are the same with the gate and without it.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Iterable, NamedTuple

from rigs.phantom_check.clients import REJECTED, insertion
from rigs.phantom_check.cycle import Violation, pause
from rigs.phantom_check.group import Broken
from rigs.phantom_check.observations import Observations, Row
from rigs.phantom_check.plan import Traffic
from rigs.phantom_check.tally import Tally
from rigs.phantom_check.timeline import Timeline
from rigs.phantom_check.topologies.script import Script
from rigs.phantom_check.topologies.trio import Trio
from rigs.servers import Pending, Server, Session, SqlError, wait_for

_CLIENT = "client"
_SERVER_LOST = 2013  # CR_SERVER_LOST


class _Commit(NamedTuple):
    server: str
    rows: list[Row]
    session: Session
    pending: Pending


class TopologyRunner:
    """Cycles of one topology, with the gate or without."""

    def __init__(
        self,
        trio: Trio,
        tally: Tally,
        timeline: Timeline,
        on_violation: Callable[[Violation], None],
    ):
        self.tally = tally
        self._trio = trio
        self._timeline = timeline
        self._on_violation = on_violation
        self._observations = Observations()
        self._waiting: list[_Commit] = []
        # Lives that began with a crash, in which no client has been admitted yet.
        self._kept_out: set[int] = set()
        self._refusals: set[tuple[int, str]] = set()
        self._begun = 0.0

    def start(self) -> None:
        """Nothing: each cycle has servers of its own."""

    def stop(self) -> None:
        self._trio.close()
        self._let_go(self._waiting)

    def servers(self) -> list[Server]:
        return list(self._trio.servers.values())

    def carry_out(self, script: Script) -> None:
        self._begun = time.monotonic()
        self._timeline.note("checker", f"plays {script.title}: {script.setup}")
        try:
            self._trio.build(script.setup)
            for step in script.steps:
                step.verb(self, *step.arguments, **step.options)
        except Broken as broken:
            self._break_off(broken)
        except SqlError as error:
            # A script may have a statement wait for what never comes, with a gate
            # and without: for a commit that waits for an acknowledgement, say.
            if error.code != _SERVER_LOST or "timed out" not in str(error):
                raise
            self._break_off(error)
        finally:
            self._trio.clear()
            self._let_go(self._waiting)
        self.tally.cycles += 1
        self.tally.stayed_closed += len(self._kept_out)
        self._kept_out.clear()
        self._observations.forget_open()
        self._refusals.clear()
        self.tally.rows_read = self._observations.rows_read()

    def _break_off(self, why: Exception) -> None:
        self._timeline.note("checker", f"breaks off: {why}")
        print(f"phantom-check: a cycle is broken off, since {why}", flush=True)
        self.tally.broken_off += 1

    # What clients do

    def write(
        self,
        name: str,
        rows: int = 1,
        *,
        domain: int | None = None,
        number: int | None = None,
        skipped: bool = False,
    ) -> None:
        """One transaction; in a certain GTID domain, or with a certain number,
        which take an administrator; or marked for replicas to skip."""
        server = self._server(name)
        if server is None:
            return
        try:
            session, life = self._trio.connect_to(server)
        except SqlError as error:
            self._note_refusal(name, error)
            return
        if not (domain is None and number is None):
            session.close()
            session = server.connect_as_admin()
        for variable, value in (
            ("gtid_domain_id", domain),
            ("gtid_seq_no", number),
            ("skip_replication", 1 if skipped else None),
        ):
            if value is not None:
                session.query(f"SET {variable}=%s", value)
        written = self._observations.begin(rows, _CLIENT, life)
        statement, arguments = insertion([row.token for row in written], _CLIENT)
        before = server.status("Rpl_semi_sync_master_yes_tx")
        commit = _Commit(
            name, written, session, Pending(session, statement, *arguments)
        )
        which = f"row {written[0].token}"
        if rows > 1:
            which = f"rows {written[0].token} to {written[-1].token}"
        if not self._is_over(commit):
            self._waiting.append(commit)
            self._note(name, f"{which}: the commit waits for an acknowledgement")
            return
        after = server.status("Rpl_semi_sync_master_yes_tx")
        self._settle(commit, acknowledged=before != after)
        position = server.value("SELECT @@gtid_binlog_pos")
        how = "acknowledged" if before != after else "not acknowledged"
        self._note(name, f"{which}: {commit.pending.outcome()}, {how}; at {position}")

    def await_client(self, name: str, patience: float) -> None:
        """Until one is admitted, as long as patience lasts."""
        server = self._server(name)
        if server is None or self._trio.life_of(server) not in self._kept_out:
            return
        end = time.monotonic() + patience
        wait_for(
            lambda: self._visit(name) or time.monotonic() > end,
            bool,
            f"{name} to let a client in, or patience to end",
            patience + 60,
        )
        if self._trio.life_of(server) in self._kept_out:
            self._note(name, f"stays closed: {self._trio.gate_state_of(server)}")

    def _visit(self, name: str) -> bool:
        server = self._server(name)
        if server is None:
            return False
        try:
            session, life = self._trio.connect_to(server)
            with session:
                rows = session.query("SELECT token FROM journal.entries")
        except SqlError as error:
            self._note_refusal(name, error)
            return False
        if self._counts(server):
            self._observations.read([row["token"] for row in rows], _CLIENT, life)
        self._note(name, f"a client reads {len(rows)} rows, life {life}")
        if life in self._kept_out:
            self._kept_out.remove(life)
            self.tally.opened += 1
        self._judge(name)
        return True

    def _counts(self, server: Server) -> bool:
        """What a replica acknowledged while the gate was open is settled, whatever
        the count: that is about what was in doubt at a start."""
        return self._trio.setup.copies == 1 or (
            server.status("Recovery_gate_opened_by") == "ACK"
        )

    def _note_refusal(self, name: str, error: SqlError) -> None:
        if error.code != REJECTED:
            raise error
        server = self._trio.servers[name]
        self.tally.rejected += 1
        life, state = self._trio.life_of(server), self._trio.gate_state_of(server)
        if (life, state) not in self._refusals:
            self._refusals.add((life, state))
            self._note(name, f"turns a client away: {state}")

    # What happens to servers

    def kill(self, name: str) -> None:
        """kill -9. A replica is granted what it has received, which MariaDB
        would fetch once more, from a primary that may be gone."""
        server = self._server(name)
        if server is None:
            return
        self._have_applied(name)
        self._save(name)
        server.kill9()
        self.tally.crashes += 1
        self._note(name, "is killed (kill -9)")
        self._trio.note_gate_log(server)
        mine = [commit for commit in self._waiting if commit.server == name]
        self._let_go(mine)
        self._judge(name)

    def restart(self, name: str) -> None:
        """After a kill; the first client comes at once."""
        server = self._trio.servers[name]
        if server.is_running():
            return
        self._trio.launch(name)
        server.wait_ready()
        life = self._trio.life_of(server)
        self._note(name, f"is ready, life {life}: {self._trio.gate_state_of(server)}")
        self._kept_out.add(life)
        if self._visit(name) and self._trio.gate:
            self.tally.opened_at_once += 1

    def reset(self, name: str) -> None:
        """RESET MASTER, by somebody who gives up what is not acknowledged."""
        server = self._server(name)
        if server is None or not self._is_open(server) or self._waits(name):
            return
        server.query("RESET MASTER")
        self._note(name, "RESET MASTER")
        self._observations.forget_open(self._trio.lives_of(server))

    def rotate(self, name: str) -> None:
        self._execute(name, "FLUSH BINARY LOGS")

    def purge(self, name: str) -> None:
        server = self._server(name)
        if server is not None:
            newest = server.query("SHOW BINARY LOGS")[-1]["Log_name"]
            self._execute(name, f"PURGE BINARY LOGS TO '{newest}'")

    def lead(self, name: str, leads: bool = True) -> None:
        """With semi-sync as a primary's, or without."""
        if self._server(name) is not None:
            self._trio.lead(name, leads)
            self._note(name, "leads" if leads else "leads no more")

    def reseed_if_broken(self, name: str, source: str) -> None:
        """Makes a replica anew that cannot follow another one as it is."""
        connection = name + source
        if (
            self._there(connection)
            and self._server(source) is not None
            and self._trio.error_of(connection)
            # One that waits is in the binary log, and cannot be copied yet.
            and not self._waits(source)
        ):
            self._trio.reseed(name, source)
            self._note(name, f"is made anew, as a copy of {source}")
            self.follow(connection)

    def pause(self, seconds: float) -> None:
        pause(seconds)

    def _execute(self, name: str, statement: str) -> None:
        server = self._server(name)
        # With AFTER_SYNC, nothing gets past a commit that waits.
        if server is not None and not self._waits(name):
            server.query(statement)
            self._note(name, statement)

    # What happens to connections, "RP": R follows P

    def follow(self, connection: str, position: str = "slave_pos") -> None:
        replica, primary = connection[0], connection[1]
        if self._server(replica) is None or self._server(primary) is None:
            return
        if connection in self._trio.connections_of(replica):
            return
        self._trio.follow(connection, position)
        error = "the network is cut"
        if self._flows(connection):
            error = self._trio.wait_connected(connection, 10) or "connected"
        self._note(replica, f"follows {primary} from {position}: {error}")

    def unfollow(self, replica: str) -> None:
        """Nobody any more (RESET SLAVE ALL)."""
        if self._server(replica) is None:
            return
        for connection in self._trio.connections_of(replica):
            self._trio.unfollow(connection)
            self._note(replica, f"follows {connection[1]} no more")

    def halt(self, connection: str) -> None:
        if self._there(connection):
            running = self._asked_to_run(connection[0])
            for each in running:
                self._trio.stop(each)
            self._note(connection[0], f"stops receiving from {connection[1]}")
            self._start(each for each in running if each != connection)

    def resume(self, connection: str, afresh: bool = False) -> None:
        """Goes on where it was, or afresh: from what the replica has applied."""
        replica, primary = connection[0], connection[1]
        if not self._there(connection):
            return
        running = self._asked_to_run(replica)
        for each in running:
            self._trio.stop(each)
        if afresh:
            self._trio.stop(connection, wholly=True)
        self._note(replica, f"receives from {primary} again")
        self._start({*running, connection})

    def _asked_to_run(self, replica: str) -> list[str]:
        return [
            each
            for each in self._trio.connections_of(replica)
            if self._trio.is_asked_to_run(each)
        ]

    def _start(self, connections: Iterable[str]) -> None:
        """All that the replica follows at once, should it follow several: in the
        server, the end of one semi-sync connection makes the others fail."""
        started = sorted(connections)
        for each in started:
            self._trio.start(each)
        for each in started:
            if self._server(each[1]) is not None and self._flows(each):
                error = self._trio.wait_connected(each, 10)
                if error:
                    self._note(each[0], f"does not receive from {each[1]}: {error}")

    def _flows(self, connection: str) -> bool:
        return self._trio.traffic(connection) is Traffic.FLOWS

    def cut(self, connection: str) -> None:
        self._set_traffic(connection, Traffic.CUT)

    def hold_replies(self, connection: str) -> None:
        """The replica receives, and its acknowledgements are late."""
        self._set_traffic(connection, Traffic.ACKS_HELD)

    def mend(self, connection: str) -> None:
        self._set_traffic(connection, Traffic.FLOWS)

    def _set_traffic(self, connection: str, traffic: Traffic) -> None:
        self._trio.set_traffic(connection, traffic)
        self._note("network", f"of {connection[0]} and {connection[1]} {traffic.value}")

    def catch_up(self, connection: str, patience: float = 2.0) -> None:
        """Waits for it, as long as that makes sense."""
        if not self._there(connection) or self._server(connection[1]) is None:
            return
        end = time.monotonic() + patience
        has = False

        def look() -> Any:
            nonlocal has
            has = self._trio.has_caught_up(connection)
            return has or time.monotonic() > end or self._trio.error_of(connection)

        wait_for(look, bool, "a replica to catch up, or patience to end", patience + 60)
        what = f"has all that {connection[1]} has"
        if not has:
            what = f"does not catch up: {self._trio.error_of(connection) or 'no error'}"
        self._note(connection[0], what)

    def _there(self, connection: str) -> bool:
        replica = connection[0]
        there = connection in self._trio.connections_of(replica)
        return there and self._server(replica) is not None

    # Judging

    def _judge(self, name: str) -> None:
        """As if the server were lost for good now, and the others all that is
        left; with two copies, any one of them."""
        lives = self._trio.lives_of(self._trio.servers[name])
        oldest = self._observations.oldest()
        found = []
        for other in self._trio.running():
            if other != name:
                stopped = self._have_applied(other)
                found.append(self._trio.tokens(self._trio.servers[other], oldest))
                self._start(stopped)
        combine = set.union if self._trio.setup.copies == 1 else set.intersection
        elsewhere: set[int] = combine(*found) if found else set()
        judgement = self._observations.judge(elsewhere, lives)
        lost = judgement.lost
        if not self._trio.setup.acks_hold:
            judgement.own.extend(lost)
            lost = []
        self.tally.phantoms += len(judgement.phantoms)
        self.tally.lost += len(lost)
        self.tally.own += len(judgement.own)
        if judgement.phantoms or lost:
            self._note(
                name,
                f"if it were lost now: {len(judgement.phantoms)} phantom reads, "
                f"{len(lost)} lost commits",
            )
            if self._server(name) is not None:
                self._trio.note_gate_log(self._trio.servers[name])
        for what, rows in (("phantom read", judgement.phantoms), ("lost commit", lost)):
            for row in rows:
                story = self._timeline.show(self._begun, row.events())
                self._on_violation(Violation(what, row, story))

    def _have_applied(self, replica: str) -> list[str]:
        """All that it has received, and receive nothing more; the connections
        that it takes to go on."""
        running = self._asked_to_run(replica)
        for connection in self._trio.connections_of(replica):
            self._trio.drain(connection)
        return running

    def _save(self, name: str) -> None:
        """What it has of the others' rows before it dies."""
        if self._trio.setup.copies > 1:
            return
        oldest = self._observations.oldest()
        tokens = self._trio.tokens(self._trio.servers[name], oldest)
        for other, server in self._trio.servers.items():
            if other != name:
                self._observations.save(tokens, self._trio.lives_of(server))

    # Commits

    def _is_over(self, commit: _Commit) -> bool:
        end = time.monotonic() + self._trio.setup.longest_commit
        return wait_for(
            lambda: (commit.pending.is_over(), time.monotonic() > end),
            any,
            "a commit to end, or to wait",
            None,
        )[0]

    def _settle(self, commit: _Commit, acknowledged: bool) -> None:
        if commit.pending.error is None:
            self._observations.confirm(commit.rows, acknowledged)
        else:
            self._observations.fail(commit.rows, str(commit.pending.error))
        commit.session.close()

    def _let_go(self, commits: list[_Commit]) -> None:
        """Of a server that is dead."""
        for commit in list(commits):
            wait_for(commit.pending.is_over, bool, "a commit to notice a crash")
            self._settle(commit, acknowledged=False)
            self._waiting.remove(commit)

    def _waits(self, name: str) -> bool:
        return any(
            commit.server == name and not commit.pending.is_over()
            for commit in self._waiting
        )

    # Small things

    def _server(self, name: str) -> Server | None:
        """If it runs."""
        server = self._trio.servers[name]
        return server if server.is_running() else None

    def _is_open(self, server: Server) -> bool:
        return not self._trio.gate or server.status("Recovery_gate_open") == "ON"

    def _note(self, who: str, what: str) -> None:
        self._timeline.note(who, what)
