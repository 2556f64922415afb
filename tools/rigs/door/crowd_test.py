# SPDX-License-Identifier: GPL-2.0-only
"""The door on a real server, with a crowd before it: the replica and the
administrator get in all the same.

    tools/rigs/start door.crowd_test [--connections N]

Environment: RECOVERY_GATE_PLUGIN, the built plugin; that of build/ when it is not
set. Exits 0 only if everything was as expected.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import traceback
from pathlib import Path

from rigs import START
from rigs.door.scene import Scene
from rigs.servers import (
    Interrupted,
    Servers,
    SqlError,
    catch_signals,
    expect,
    wait_for,
)

CLIENTS = 500
# The kernel forgets connections for which it has no room, and the client then waits
# for a greeting: a matter between it and the server, with and without a gate.
OPTIONS = ("--max-connections=40", "--back-log=1000")
# That they get in is what counts here; how soon is a matter for bench-door, since a
# machine with something else to do takes longer over 500 clients.
PATIENCE = 60


class Crowd:
    """See crowd.py."""

    def __init__(self, scene: Scene, what: str, clients: int = CLIENTS):
        self._process = subprocess.Popen(
            [
                *(START, "door.crowd"),
                *(str(scene.primary.port), str(clients), what),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def go_home(self) -> dict[str, int]:
        """How many connections ended how."""
        output, _ = self._process.communicate("")
        return json.loads(output)

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def presses(scene: Scene, count: int) -> None:
    """The crowd is there: so many were rejected, or are held."""
    wait_for(
        lambda: _pressure(scene),
        lambda seen: seen >= count,
        f"{count} clients at the door",
        60,
    )


def _pressure(scene: Scene) -> int:
    try:
        return scene.held() + scene.rejected()
    except SqlError:  # the administrator, too, may have to try again
        return -1


def administrator_gets_in(scene: Scene) -> None:
    def login() -> bool:
        try:
            with scene.primary.connect("ops", "") as session:
                return session.value("SELECT 1") == 1
        except SqlError as error:
            expect("too many connections, at worst", error, error.code == 1040)
            return False

    wait_for(login, lambda in_: in_, "an administrator to get in", PATIENCE)


def replica_gets_in(scene: Scene) -> None:
    scene.link.restore()
    # Once it is open, the crowd is served, and slots are as rare as without a gate.
    scene.primary.wait_for_log("Recovery gate: OPEN after", PATIENCE)


def crowd_is_kept_out(scene: Scene, what: str, wait: int) -> None:
    scene.close_gate(f"--recovery-gate-connect-wait={wait}")
    with Crowd(scene, what) as crowd:
        presses(scene, 300)
        for _ in range(5):
            administrator_gets_in(scene)
        held = scene.held()
        expect("no more than half of the slots taken", held, held <= 20)
        replica_gets_in(scene)
        counts = crowd.go_home()
    print(f"   {what}, held for {wait} ms: {counts}")
    unexpected = set(counts) - {
        *("milliseconds", "logged in", "1047", "served"),
        "1040",  # too many connections: what the server itself says to a crowd
    }
    expect("error 1047 and nothing else", counts, not unexpected)
    # Those of which the server has not noticed yet that they are gone.
    wait_for(scene.sessions, lambda rows: not rows, "all sessions to end", 60)


def many_in_a_minute(scene: Scene, connections: int) -> None:
    """... and not one of them leaves anything behind. Some are held, others are
    rejected; those that ask wait for their answers, those that leave do not."""
    scene.close_gate("--max-connections=151")
    before = _descriptors(scene)
    begin = time.monotonic()
    with Crowd(scene, "leaves", 100) as leaving, Crowd(scene, "asks", 20) as asking:
        wait_for(
            lambda: int(scene.primary.status("Connections")),
            lambda count: count >= connections,
            f"{connections} connections",
            180,
        )
        seconds = time.monotonic() - begin
        counts = leaving.go_home(), asking.go_home()
    print(f"   {connections} in {seconds:.0f} s: {counts}")
    scene.wait_no_sessions()
    wait_for(
        lambda: _descriptors(scene),
        lambda count: count <= before + 3,  # the thread's own, for a moment
        f"no more than the {before} descriptors of before",
    )
    scene.open_gate()


def _descriptors(scene: Scene) -> int:
    return len(list(Path(f"/proc/{scene.primary.pid}/fd").iterdir()))


def main() -> int:
    catch_signals()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=10_000)
    connections = parser.parse_args().connections
    with Servers("door-crowd") as servers:
        scene = Scene(servers, *OPTIONS)
        try:
            for what in ("asks", "silent"):
                for wait in (10_000, 0):
                    begin = time.monotonic()
                    crowd_is_kept_out(scene, what, wait)
                    print(f"ok a crowd that {what} ({time.monotonic() - begin:.1f} s)")
            many_in_a_minute(scene, connections)
            print("ok many in a minute")
        except Interrupted as interrupted:
            return interrupted.exit_status
        except Exception:
            traceback.print_exc()
            print(scene.primary.log_of_this_start()[-6000:], file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
