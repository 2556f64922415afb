# SPDX-License-Identifier: GPL-2.0-only
"""The drivers, what they need, and the programs that use them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rigs import PROJECT
from rigs.servers import Unexpected, program

PROGRAMS = Path(__file__).resolve().parent / "programs"
NODE_MODULES = PROJECT / ".deps" / "clients"  # npm's, not the system's

_JARS = ("mariadb-java-client", "HikariCP", "slf4j-api", "slf4j-nop", "commons-dbcp2")
_CLASSPATH = ":".join(
    f"/usr/share/java/{jar}.jar" for jar in (*_JARS, "commons-pool2", "commons-logging")
)


@dataclass(frozen=True)
class Driver:
    name: str  # as in the first column of docs/clients.md
    command: tuple[str, ...]  # {built} is where build() has put its results
    packages: tuple[str, ...]
    npm: str = ""
    has_pool: bool = False
    starts_pool: bool = False  # a pool that fails if it begins at a closed gate


def _python(name: str, which: str, *packages: str, pool: bool = False) -> Driver:
    # Not a virtual environment's or another version's: the one of the packages.
    command = ("/usr/bin/python3", "-B", str(PROGRAMS / "python_client.py"), which)
    return Driver(name, command, packages, has_pool=pool)


def _java(name: str, pool: str = "", options: str = "") -> Driver:
    # HikariCP does not check what it has used in the last 500 ms: it would depend on
    # how soon after the pool was filled the server is killed.
    check_all = "-Dcom.zaxxer.hikari.aliveBypassWindowMs=0"
    command = ("java", check_all, "-cp", f"{{built}}:{_CLASSPATH}", "JdbcClient")
    command = (*command, pool, options)
    packages = ("default-jdk-headless", "libmariadb-java", "libhikaricp-java")
    packages = (*packages, "libslf4j-java", "libcommons-dbcp2-java")
    return Driver(
        *(name, command, packages),
        has_pool=bool(pool),
        starts_pool=pool == "hikari",
    )


def _node(name: str, module: str, options: str = "{}") -> Driver:
    command = ("node", str(PROGRAMS / "node_client.js"), module, str(NODE_MODULES))
    return Driver(name, (*command, options), (), npm=module, has_pool=True)


def _php(name: str, which: str) -> Driver:
    command = ("php", str(PROGRAMS / "php_client.php"), which)
    return Driver(name, command, ("php-cli", "php-mysql"), has_pool=True)


def _perl(name: str, which: str, package: str) -> Driver:
    return Driver(
        name, ("perl", str(PROGRAMS / "perl_client.pl"), which), (package,)
    )


def _ruby(name: str, which: str, *packages: str) -> Driver:
    return Driver(
        *(name, ("ruby", str(PROGRAMS / "ruby_client.rb"), which)),
        ("ruby", *packages),
        has_pool=which == "activerecord",
    )


# What the machine of a developer has, or gets from tools/setup.
FEW = (
    _python("PyMySQL", "pymysql", "python3-pymysql"),
    _python("mysqlclient", "mysqlclient", "python3-mysqldb"),
    _perl("DBD::MariaDB", "MariaDB", "libdbd-mariadb-perl"),
)
_ALCHEMY = ("python3-sqlalchemy", "python3-pymysql")
_GO = ("golang-go", "golang-github-go-sql-driver-mysql-dev")
ALL = (
    _java("Connector/J 2.7"),
    _java("Connector/J 2.7, `usePipelineAuth=false`", options="usePipelineAuth=false"),
    _java("Connector/J 2.7, HikariCP", "hikari"),
    _java(
        "Connector/J 2.7, HikariCP, `usePipelineAuth=false`",
        *("hikari", "usePipelineAuth=false"),
    ),
    _java(
        "Connector/J 2.7, Commons DBCP, `usePipelineAuth=false`",
        *("dbcp2", "usePipelineAuth=false"),
    ),
    _node("Node mysql2", "mysql2"),
    _node("Node mariadb", "mariadb"),
    _node(
        "Node mariadb, `connectTimeout: 15000`", "mariadb", '{"connectTimeout": 15000}'
    ),
    *FEW,
    _python("SQLAlchemy", "sqlalchemy", *_ALCHEMY, pool=True),
    _python(
        "SQLAlchemy, `pool_pre_ping=True`", "sqlalchemy_pre_ping", *_ALCHEMY, pool=True
    ),
    _python("pyodbc with Connector/ODBC", "pyodbc", "python3-pyodbc", "odbc-mariadb"),
    _perl("DBD::mysql", "mysql", "libdbd-mysql-perl"),
    _php("PHP mysqli", "mysqli"),
    _php("PHP PDO", "pdo"),
    Driver("Go go-sql-driver/mysql", ("{built}/go_client",), _GO, has_pool=True),
    _ruby("Ruby mysql2", "mysql2", "ruby-mysql2"),
    _ruby("ActiveRecord", "activerecord", "ruby-mysql2", "ruby-activerecord"),
)


def build(drivers: tuple[Driver, ...], built: Path) -> None:
    """Compiles what has to be."""
    programs = {driver.command[0] for driver in drivers}
    built.mkdir()
    if "java" in programs:
        _run(
            ["javac", "-d", built, "-cp", _CLASSPATH, PROGRAMS / "JdbcClient.java"], {}
        )
    if "{built}/go_client" in programs:
        environment = {
            "GOPATH": "/usr/share/gocode",
            "GO111MODULE": "off",
            "GOCACHE": str(NODE_MODULES / "go-build"),
        }
        _run(
            ["go", "build", "-o", built / "go_client", PROGRAMS / "go_client.go"],
            environment,
        )


def _run(command: list[str | Path], environment: dict[str, str]) -> None:
    name, *arguments = command
    ended = subprocess.run(
        [program(str(name)), *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    if ended.returncode:
        raise Unexpected(f"{name} to build a program", ended.stdout)
