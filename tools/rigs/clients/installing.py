# SPDX-License-Identifier: GPL-2.0-only
"""Installs what the drivers need: Debian's packages with apt, as root, where all
packages go; npm's in .deps/clients. No package that is installed is replaced."""

from __future__ import annotations

import os
import subprocess
from typing import Iterable

from rigs.clients.drivers import NODE_MODULES, Driver
from rigs.servers import Unexpected, program

_APT = ("apt-get", "-y", "--no-install-recommends", "--no-upgrade", "--no-remove")


def missing_packages(drivers: Iterable[Driver]) -> list[str]:
    wanted = sorted({package for driver in drivers for package in driver.packages})
    if any(driver.npm for driver in drivers):
        wanted += [
            name
            for name in ("nodejs", "npm")
            if not _found({"nodejs": "node"}.get(name, name))
        ]
    query = subprocess.run(
        ["dpkg-query", "-Wf", "${Package} ${db:Status-Status}\n", *wanted],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    installed = set(query.stdout.splitlines())
    return [name for name in wanted if f"{name} installed" not in installed]


def install(drivers: Iterable[Driver]) -> None:
    drivers = list(drivers)
    if packages := missing_packages(drivers):
        print("check-clients: installing", *packages, flush=True)
        if os.geteuid():
            command = " ".join(("sudo", *_APT, "install", *packages))
            raise Unexpected("to be root, who can install packages", command)
        # A newer server would come along with a package that needs one.
        plan = _output([*_APT, "--simulate", "install", *packages])
        replaced = [
            line
            for line in plan.splitlines()
            if line.startswith("Inst ") and " [" in line.split("(")[0]
        ]
        if replaced:
            raise Unexpected("that no installed package is replaced", replaced)
        _output([*_APT, "install", *packages])
    modules = sorted({driver.npm for driver in drivers if driver.npm})
    absent = [
        module
        for module in modules
        if not (NODE_MODULES / "node_modules" / module).exists()
    ]
    if absent:
        NODE_MODULES.mkdir(parents=True, exist_ok=True)
        print("check-clients: npm install", *absent, flush=True)
        _output(
            [
                *("npm", "install", "--no-audit", "--no-fund"),
                *("--prefix", str(NODE_MODULES), *(f"{name}@3" for name in absent)),
            ]
        )


def _found(name: str) -> bool:
    try:
        program(name)
    except FileNotFoundError:
        return False
    return True


def _output(command: list[str]) -> str:
    name, *arguments = command
    ended = subprocess.run(
        [program(name), *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
    )
    if ended.returncode:
        raise Unexpected(f"{name} to succeed", ended.stdout[-2000:])
    return ended.stdout
