# SPDX-License-Identifier: GPL-2.0-only
"""orchestrator before a closed gate, as docs/proxies.md has it.

    tools/rigs/start proxies.orchestrator PROGRAM [SCENE...]

No test of ctest's: orchestrator is in no distribution, and whoever runs this brings
the program. Each scene is a primary with two replicas that crashes with a commit on
no replica; in some of them orchestrator does not look while the server is down. With
the configuration and the hook that are printed there. Takes three minutes; exits 0
only if everything was as the page says.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rigs.proxies import documented
from rigs.proxies.background import chosen
from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Server,
    Servers,
    expect,
    free_port,
    tied,
    wait_for,
)
from rigs.story import run_stories
from rigs.tool_under_test import GATE, QUICK, TOOL

PRIVILEGES = documented.block("GRANT SUPER, PROCESS, RELOAD")
OPTIONS = (*SEMISYNC_REPLICA, *QUICK, *GATE)


class Orchestrator:
    """In a `with` block: one that runs."""

    def __init__(self, path: Path, folder: Path, configuration: dict[str, Any]):
        self._port = free_port()
        self._file = folder / "orchestrator.json"
        self._file.write_text(
            json.dumps(
                {
                    **configuration,
                    "ListenAddress": f"127.0.0.1:{self._port}",
                    "BackendDB": "sqlite",
                    "SQLite3DataFile": str(folder / "orchestrator.db"),
                    "HostnameResolveMethod": "none",
                    "MySQLHostnameResolveMethod": "none",
                }
            )
        )
        # In its first three polls it only looks.
        self._patience = 3 * configuration["InstancePollSeconds"] + 1
        self._begun = time.monotonic()
        with open(folder / "orchestrator.log", "wb") as log:
            self._process = subprocess.Popen(
                tied(path, "-config", self._file, "http"),
                cwd=path.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Orchestrator:
        return self

    def __exit__(self, *_) -> None:
        self.looks(True)
        self._process.kill()
        self._process.wait()

    def looks(self, looks: bool) -> None:
        self._process.send_signal(signal.SIGCONT if looks else signal.SIGSTOP)

    def ask(self, what: str) -> Any:
        address = f"http://127.0.0.1:{self._port}/api/{what}"
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                return json.load(answer)
        except OSError as error:
            return str(error)

    def discover(self, server: Server) -> None:
        wait_for(
            lambda: self.ask(f"discover/127.0.0.1/{server.port}"),
            lambda answer: isinstance(answer, dict) and answer["Code"] == "OK",
            f"orchestrator to discover {server.name}",
        )

    def wait_for_calm(self) -> None:
        wait_for(
            lambda: (
                self.analysis(),
                time.monotonic() - self._begun > self._patience,
            ),
            lambda seen: seen == ({}, True),
            "orchestrator to have nothing to say, and to act",
            90,
        )

    def analysis(self) -> dict[int, str]:
        """What it says of which server, by port."""
        answer = self.ask("replication-analysis")
        return {
            found["AnalyzedInstanceKey"]["Port"]: found["Analysis"]
            for found in (answer["Details"] if isinstance(answer, dict) else [])
        }

    def failovers(self) -> list[tuple[str, bool]]:
        """Each that it has begun: for what, and whether it has succeeded."""
        return [
            (one["AnalysisEntry"]["Analysis"], one["IsSuccessful"])
            for one in self.ask("audit-recovery")
        ]


class Group:
    """A primary and two replicas, watched by orchestrator, before the crash."""

    def __init__(
        self,
        servers: Servers,
        stack: ExitStack,
        *,
        may_pass: bool,
        has_hook: bool,
        retry: int,
    ):
        folder = servers.folder / f"scene-{len(servers.all)}"
        self.primary, *self.replicas = (
            servers.add(f"{folder.name}/{name}", *SEMISYNC_PRIMARY, *OPTIONS)
            for name in ("primary", "replica1", "replica2")
        )
        for server in (self.primary, *self.replicas):
            server.start()
            self._accounts(server, may_pass)
        for replica in self.replicas:
            # Else its SQL thread would wait for an acknowledgement.
            replica.query("SET GLOBAL rpl_semi_sync_master_enabled=OFF")
            replica.query("SET GLOBAL read_only=ON")
            replica.query(
                "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%s,"
                " MASTER_USER='replicating', MASTER_CONNECT_RETRY=%s,"
                " MASTER_USE_GTID=slave_pos",
                *(self.primary.port, retry),
            )
            replica.query("START SLAVE")
        self.primary.wait_for_status("Rpl_semi_sync_master_clients", "2")
        self.primary.query("CREATE DATABASE shop")
        self.primary.query("CREATE TABLE shop.orders (id INT PRIMARY KEY)")
        self.orchestrator = stack.enter_context(
            Orchestrator(_chosen, folder, self._configuration(folder, has_hook))
        )
        for server in (*self.replicas, self.primary):
            self.orchestrator.discover(server)
        self.orchestrator.wait_for_calm()

    @staticmethod
    def _accounts(server: Server, may_pass: bool) -> None:
        grant = PRIVILEGES.replace("192.0.2.1", "127.0.0.1").strip().rstrip(";")
        if not may_pass:
            grant = grant.replace("REPLICATION SLAVE, ", "")
        with server.connect_as_admin() as session:
            for sql in (
                "SET sql_log_bin=OFF",
                "CREATE USER orchestrator@'127.0.0.1'",
                grant,
                "CREATE USER replicating@'127.0.0.1'",
                "GRANT REPLICATION SLAVE ON *.* TO replicating@'127.0.0.1'",
            ):
                session.query(sql)

    def _configuration(self, folder: Path, has_hook: bool) -> dict[str, Any]:
        configuration = json.loads(documented.block("RecoveryPeriodBlockSeconds"))
        del configuration["MySQLTopologyCredentialsConfigFile"]
        configuration["MySQLTopologyUser"] = "orchestrator"
        hooks = configuration.pop("PreFailoverProcesses")
        if has_hook:
            (folder / "gate.cnf").write_text("[recovery-gate]\nuser=orchestrator\n")
            script = folder / "gate-opens"
            script.write_text(
                documented.block("/etc/orchestrator/gate-opens HOST")
                .replace("/etc/orchestrator", str(folder))
                .replace("recovery-gate wait", f"{TOOL} wait")
            )
            script.chmod(0o755)
            configuration["PreFailoverProcesses"] = [
                hook.replace("/etc/orchestrator", str(folder)) for hook in hooks
            ]
        return configuration

    def crash(self, *, seen: bool) -> None:
        """Both replicas have lost the primary, and retry; orchestrator sees the server
        down, or only what it is when it is back."""
        self.orchestrator.looks(seen)
        for replica in self.replicas:
            replica.query("STOP SLAVE IO_THREAD")
        self.primary.kill9_during("INSERT INTO shop.orders VALUES (1)")
        for replica in self.replicas:
            replica.query("START SLAVE IO_THREAD")
        if seen:
            self.wait_for("DeadMaster")
        self.primary.start()
        self.back = time.monotonic()
        self.orchestrator.looks(True)

    def wait_for(self, analysis: str) -> None:
        wait_for(
            self.orchestrator.analysis,
            lambda seen: seen.get(self.primary.port) == analysis,
            f"{analysis} of the primary",
        )

    def expect_failover(self, timeout: float = 30) -> None:
        wait_for(
            self.orchestrator.failovers,
            lambda seen: ("DeadMaster", True) in seen,
            "a failover",
            timeout,
        )
        print(f"  a failover {time.monotonic() - self.back:.1f} s after the restart")
        state = self.primary.status("Recovery_gate_state")
        expect("an old primary with a closed gate", state, state == "CLOSED")
        wait_for(
            lambda: [r.value("SELECT @@read_only") for r in self.replicas],
            lambda read_only: sorted(read_only) == [0, 1],
            "one of the replicas to be writable",
        )

    def expect_no_failover(self, timeout: float) -> None:
        self.primary.wait_for_status("Recovery_gate_opened_by", "ACK", timeout)
        print(f"  open {time.monotonic() - self.back:.1f} s after the restart")
        self.orchestrator.wait_for_calm()
        seen = self.orchestrator.failovers()
        expect("no failover", seen, not any(succeeded for _, succeeded in seen))


def may_not_pass(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Group(servers, stack, may_pass=False, has_hook=False, retry=60)
        group.crash(seen=False)
        group.expect_failover(10)
        writable = group.primary.value("SELECT @@read_only") == 0
        expect("an old primary that is writable", writable, writable)


def may_pass(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Group(servers, stack, may_pass=True, has_hook=False, retry=20)
        group.crash(seen=False)
        group.wait_for("AllMasterReplicasNotReplicating")
        group.expect_no_failover(60)


def may_pass_and_is_seen_down(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Group(servers, stack, may_pass=True, has_hook=False, retry=60)
        group.crash(seen=True)
        group.expect_failover()


def hook(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Group(servers, stack, may_pass=True, has_hook=True, retry=5)
        group.crash(seen=True)
        group.expect_no_failover(30)
        seen = group.orchestrator.failovers()
        expect("one that was begun in vain", seen, seen == [("DeadMaster", False)])


def hook_gives_up(servers: Servers) -> None:
    with ExitStack() as stack:
        group = Group(servers, stack, may_pass=True, has_hook=True, retry=60)
        group.crash(seen=True)
        group.expect_failover(60)


SCENES = (may_not_pass, may_pass, may_pass_and_is_seen_down, hook, hook_gives_up)
_chosen = Path()

if __name__ == "__main__":
    _chosen = chosen(__doc__)
    sys.exit(run_stories("orchestrator", SCENES, sys.argv[2:]))
