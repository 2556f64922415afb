# SPDX-License-Identifier: GPL-2.0-only
"""A server that is told to load the gate has all of it, or does not start.

    tools/rigs/start plugin.loading_test

A primary crashes with a commit that no replica has, and is started again in each
of the ways in which the plugin cannot load, or only in part. What is in its data
directory is put back before each.

Environment: RECOVERY_GATE_PLUGIN, and RECOVERY_GATE_OTHER_RELEASE and
RECOVERY_GATE_OTHER_LAYOUT, the same built for another server; those of build/ when
they are not set. Exits 0 only if everything was as expected.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from rigs import PROJECT
from rigs.servers import (
    SEMISYNC_PRIMARY,
    SEMISYNC_REPLICA,
    Replication,
    Servers,
    SqlError,
    expect,
    program,
    wait_for,
)
from rigs.story import Story, main
from rigs.tool_under_test import PLUGIN, QUICK, built


OTHER_RELEASE_PLUGIN = built(
    "RECOVERY_GATE_OTHER_RELEASE", "ha_recovery_gate_other_release.so"
)
OTHER_LAYOUT_PLUGIN = built(
    "RECOVERY_GATE_OTHER_LAYOUT", "ha_recovery_gate_other_layout.so"
)

LOAD = "plugin-load-add = ha_recovery_gate"
FORCE = "recovery_gate = FORCE_PLUS_PERMANENT"
OFF = "recovery_gate = OFF"
INSTALL = "INSTALL SONAME 'ha_recovery_gate'"

# What the error log says.
OTHER_RELEASE = (
    r"not loaded: this plugin was built for MariaDB [\d.]+ and the server is [\d.]+; "
    r"install the plugin that was built for .*remove plugin-load-add=ha_recovery_gate"
)
OTHER_LAYOUT = "not loaded: this plugin was built for .* another build configuration"


def documented_lines() -> tuple[str, ...]:
    """The option lines that README.md has a server configured with."""
    text = (PROJECT / "README.md").read_text()
    found = re.search(r"\n\[mariadbd\]\n(plugin-load-add.*?)\n```", text, re.DOTALL)
    expect("the option lines in README.md", found, found is not None)
    assert found is not None
    return tuple(found[1].splitlines())


class Loading(Story):
    """Each step but the first begins with what the crash left."""

    def __init__(self, servers: Servers):
        super().__init__(servers)
        self.primary = servers.add("primary", *SEMISYNC_PRIMARY, *QUICK)
        self.replica = servers.add("replica", *SEMISYNC_REPLICA, *QUICK)
        self.crashed = servers.folder / "crashed"
        self.plugins = {
            "right": self.plugin_folder("right", PLUGIN),
            "other_release": self.plugin_folder("other_release", OTHER_RELEASE_PLUGIN),
            "other_layout": self.plugin_folder("other_layout", OTHER_LAYOUT_PLUGIN),
            "missing": self.plugin_folder("missing", None),
        }

    def steps(self):
        yield self.crash
        yield self.other_release
        yield self.other_layout
        yield self.a_part_switched_off
        yield self.a_part_loaded
        yield self.cannot_guard
        yield self.file_missing
        yield self.maturity
        yield self.options_not_understood
        yield self.switched_off
        yield self.switched_off_in_another_release
        yield self.installed_then_another_release
        yield self.install_in_another_server
        yield self.install_where_it_cannot_guard
        yield self.install_in_init_file
        yield self.questions_and_bootstrap

    # Helpers

    def plugin_folder(self, name: str, plugin: Path | None) -> Path:
        folder = self.folder / "plugins" / name
        folder.mkdir(parents=True)
        if plugin is not None:
            (folder / "ha_recovery_gate.so").symlink_to(plugin.resolve())
        return folder

    def command(self, plugin: str, *lines: str) -> list[str]:
        """The primary's, with these lines in its option file."""
        options = self.folder / "my.cnf"
        options.write_text(
            "\n".join(["[mariadbd]", f"plugin-dir = {self.plugins[plugin]}", *lines])
        )
        name, _, *arguments = self.primary.command()
        return [name, f"--defaults-file={options}", *arguments]

    def put_back(self) -> None:
        """What the crash left."""
        shutil.rmtree(self.primary.datadir)
        shutil.copytree(self.crashed, self.primary.datadir)

    def start(self, plugin: str, *lines: str) -> None:
        self.primary.launch_command(self.command(plugin, *lines))
        self.primary.wait_ready()

    def stop(self) -> None:
        status = self.primary.stop()
        expect("a proper shutdown", status, status == 0)

    def does_not_start(self, said: str, plugin: str, *lines: str) -> None:
        """It says so, and afterwards nothing is forgotten."""
        self.put_back()
        self.refuses(said, plugin, *lines)
        self.start("right", *documented_lines())
        reason = self.primary.status("Recovery_gate_reason")
        expect("the crash to be found", reason, reason == "CRASH")
        waiting_for = self.primary.status("Recovery_gate_waiting_for")
        expect("a closed gate", waiting_for, waiting_for == "REPLICA")
        self.primary.kill9()

    def refuses(self, said: str, plugin: str, *lines: str) -> None:
        self.primary.launch_command(self.command(plugin, *lines))
        wait_for(
            lambda: (
                self.primary.is_running()
                and "ready for connections" not in self.primary.log_of_this_start()
            ),
            lambda starting: not starting,
            "the start to be over",
        )
        log = self.primary.log_of_this_start()
        case = f"{plugin}, {'; '.join(lines)}"
        expect(f"no start ({case})", log, "ready for connections" not in log)
        status = self.primary.wait_end()
        # 7: an unknown option.
        expect(f"the end of a start ({case})", (status, log), status in (1, 7))
        found = re.findall(rf"\[ERROR\].*{said}", log)
        expect(f"one line with '{said}' ({case})", log, len(found) == 1)
        expect(f"no recovery ({case})", log, "Starting table crash recovery" not in log)

    def fails(self, sql: str) -> None:
        try:
            self.primary.query(sql)
        except SqlError as error:
            expect("the server's answer", error, not error.is_of_connection())
        else:
            expect(f"an error from {sql}", "none", False)

    def plugins_seen(self) -> dict[str, str]:
        rows = self.primary.query(
            "SELECT PLUGIN_NAME, PLUGIN_STATUS FROM INFORMATION_SCHEMA.PLUGINS"
            " WHERE PLUGIN_NAME LIKE 'RECOVERY_GATE%'"
        )
        return {row["PLUGIN_NAME"]: row["PLUGIN_STATUS"] for row in rows}

    def nothing_is_active(self) -> None:
        seen = self.plugins_seen()
        expect("none of the plugins active", seen, "ACTIVE" not in seen.values())
        rows = self.primary.query("SELECT * FROM mysql.plugin")
        expect("nothing in mysql.plugin", rows, not rows)

    # The steps

    def crash(self) -> None:
        """The primary is killed while a commit waits for the replica."""
        self.primary.port = 0
        self.primary.start(
            f"--plugin-dir={self.plugins['right']}",
            *(f"--{line.replace(' ', '')}" for line in documented_lines()),
        )
        seen = self.plugins_seen()
        expect("all three", seen, list(seen.values()) == ["ACTIVE"] * 3)
        self.replica.start()
        link = Replication(self.primary, self.replica)
        link.set_up()
        self.primary.query("CREATE DATABASE shop")
        self.primary.query("CREATE TABLE shop.orders (id INT)")
        link.cut()
        self.primary.kill9_during("INSERT INTO shop.orders VALUES (777)")
        self.primary.datadir.rename(self.crashed)
        shutil.copytree(self.crashed, self.primary.datadir)

    def other_release(self) -> None:
        self.does_not_start(OTHER_RELEASE, "other_release", LOAD)
        self.does_not_start(OTHER_RELEASE, "other_release", LOAD, FORCE)
        self.does_not_start(OTHER_RELEASE, "other_release", *documented_lines())

    def other_layout(self) -> None:
        self.does_not_start(OTHER_LAYOUT, "other_layout", LOAD)
        self.does_not_start(OTHER_LAYOUT, "other_layout", *documented_lines())

    def a_part_switched_off(self) -> None:
        for part in "door", "xids":
            line = f"recovery_gate_{part} = OFF"
            said = f"not loaded: .*RECOVERY_GATE_{part.upper()} .*recovery_gate_{part}=OFF"
            self.does_not_start(said, "right", LOAD, line)
            self.does_not_start(said, "right", *documented_lines(), line)

    def a_part_loaded(self) -> None:
        for part, said in (
            ("RECOVERY_GATE", "RECOVERY_GATE_DOOR is not active"),
            ("RECOVERY_GATE_DOOR", "RECOVERY_GATE, which is the gate"),
            ("RECOVERY_GATE_XIDS", "RECOVERY_GATE, which is the gate"),
        ):
            self.does_not_start(said, "right", f"{LOAD.replace('= ', f'= {part}=')}")

    def cannot_guard(self) -> None:
        for lines in (LOAD,), documented_lines():
            self.put_back()
            name, options, *arguments = self.command("right", *lines)
            self.primary.launch_command([name, options, *arguments, "--skip-log-bin"])
            status = self.primary.wait_end()
            expect("no start without a binary log", status, status == 1)
            log = self.primary.log_of_this_start()
            expect("what to do", log, "start the server with log_bin" in log)

    def file_missing(self) -> None:
        self.does_not_start("unknown variable 'recovery_gate=", "missing", LOAD, FORCE)
        self.does_not_start(
            "unknown variable 'recovery_gate=", "missing", *documented_lines()
        )

    def maturity(self) -> None:
        self.does_not_start(
            "unknown variable 'recovery_gate=",
            "right",
            *documented_lines(),
            "plugin-maturity = stable",
        )

    def options_not_understood(self) -> None:
        self.does_not_start(
            "unknown variable 'recovery_gate_tiemout", "right", LOAD,
            "recovery_gate_tiemout = 5",
        )
        self.does_not_start(
            "RECOVERY_GATE, which is the gate", "right", LOAD,
            "recovery_gate_mode = SOMETIMES",
        )

    def switched_off(self) -> None:
        """Who writes so wants no gate, and is told that there is none."""
        self.put_back()
        self.start("right", *documented_lines(), OFF)
        log = self.primary.log_of_this_start()
        said = "[Warning] Recovery gate: recovery_gate=OFF: this server runs without"
        expect("one warning", log, log.count(said) == 1)
        self.stop()

    def switched_off_in_another_release(self) -> None:
        self.put_back()
        self.start("other_release", LOAD, OFF)
        self.nothing_is_active()
        self.stop()

    def installed_then_another_release(self) -> None:
        """What INSTALL left in mysql.plugin loads in part, too."""
        self.put_back()
        self.start("right")
        self.primary.query(INSTALL)
        self.stop()
        self.refuses(OTHER_RELEASE, "other_release")
        self.start("other_release", OFF)
        self.primary.query("UNINSTALL SONAME 'ha_recovery_gate'")
        self.stop()
        self.start("other_release")
        self.nothing_is_active()
        self.stop()

    def install_in_another_server(self) -> None:
        """One that runs goes on."""
        for plugin in "other_release", "other_layout":
            self.put_back()
            self.start(plugin)
            for sql in (
                INSTALL,
                INSTALL,
                "INSTALL PLUGIN RECOVERY_GATE_DOOR SONAME 'ha_recovery_gate'",
                "INSTALL PLUGIN RECOVERY_GATE SONAME 'ha_recovery_gate'",
            ):
                self.fails(sql)
                self.nothing_is_active()
            self.primary.connect_as_admin().close()
            self.stop()
            self.start(plugin)
            self.stop()

    def install_where_it_cannot_guard(self) -> None:
        """Nothing is left behind that would end the next start."""
        self.put_back()
        self.start("right")  # without the log, a crash cannot be recovered from
        self.stop()
        for _ in range(2):
            name, options, *arguments = self.command("right")
            self.primary.launch_command([name, options, *arguments, "--skip-log-bin"])
            self.primary.wait_ready()
            self.fails(INSTALL)
            self.nothing_is_active()
            self.stop()

    def install_in_init_file(self) -> None:
        script = self.folder / "init.sql"
        script.write_text(f"{INSTALL};\n")
        self.put_back()
        self.start("other_release", f"init-file = {script}")
        self.nothing_is_active()
        self.stop()

    def questions_and_bootstrap(self) -> None:
        """No start of a server with clients: as without the plugin."""
        self.put_back()
        self.start("right")
        self.stop()
        for plugin, lines in (
            ("right", documented_lines()),
            ("right", (LOAD, "recovery_gate_door = OFF")),
            ("other_release", (LOAD, FORCE)),
            ("other_layout", (LOAD,)),
        ):
            _, *arguments = self.command(plugin, *lines)
            self.succeeds("mariadbd", arguments[0], "--print-defaults")
            self.succeeds("mariadbd", *arguments, "--verbose", "--help")
            self.succeeds("mariadbd", *arguments, "--bootstrap", answer="SELECT 1;\n")
            template = self.folder / f"installed-{plugin}-{len(lines)}"
            self.succeeds(
                "mariadb-install-db",
                arguments[0],
                f"--plugin-dir={self.plugins[plugin]}",
                f"--datadir={template}",
                f"--tmpdir={self.folder}",
                "--skip-test-db",
                "--cross-bootstrap",
                "--auth-root-authentication-method=normal",
                "--innodb-log-file-size=8M",
            )

    def succeeds(self, name: str, *arguments: str, answer: str = "") -> None:
        result = subprocess.run(
            [program(name), *arguments],
            input=answer,
            capture_output=True,
            text=True,
            timeout=120,
        )
        expect(
            f"success of {name} {' '.join(arguments)}",
            (result.returncode, result.stderr[-2000:]),
            result.returncode == 0,
        )


if __name__ == "__main__":
    sys.exit(main("recovery-gate-loading", Loading))
