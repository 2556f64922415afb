# SPDX-License-Identifier: GPL-2.0-only
"""PyMySQL, mysqlclient, pyodbc, and SQLAlchemy before the first two."""

import os
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor

STATEMENT = "SELECT COUNT(*) FROM orders"
HOST, USER, PASSWORD = "127.0.0.1", os.environ["DB_USER"], os.environ["DB_PASSWORD"]
PORT, TLS = int(os.environ["DB_PORT"]), os.environ["DB_TLS"] == "1"
POOL = 4


def pymysql():
    import pymysql

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    options = {"ssl": context} if TLS else {}
    return pymysql.connect(
        host=HOST, port=PORT, user=USER, password=PASSWORD, db="shop", **options
    )


def mysqlclient():
    import MySQLdb

    options = {"ssl": {"cipher": "DEFAULT"}} if TLS else {}
    return MySQLdb.connect(
        host=HOST, port=PORT, user=USER, passwd=PASSWORD, db="shop", **options
    )


def pyodbc():
    import pyodbc

    return pyodbc.connect(
        f"DRIVER={os.environ['DB_ODBC_DRIVER']};SERVER={HOST};PORT={PORT};"
        f"DATABASE=shop;UID={USER};PWD={PASSWORD}" + (";FORCETLS=1" if TLS else "")
    )


def counted(connection):
    cursor = connection.cursor()
    cursor.execute(STATEMENT)
    return cursor.fetchone()[0]


class Plain:
    def __init__(self, connect):
        self._connect = connect

    def connect(self):
        connection = self._connect()
        try:
            return counted(connection)
        finally:
            connection.close()

    def keep(self):
        self._kept = self._connect()
        return counted(self._kept)

    def kept(self):
        return counted(self._kept)


class SQLAlchemy:
    def __init__(self, connect, name, **options):
        import sqlalchemy

        self._make = lambda: sqlalchemy.create_engine(
            f"mysql+{name}://", creator=connect, pool_size=POOL, **options
        )
        self._engine = self._make()
        self._text = sqlalchemy.text(STATEMENT)
        self._threads = ThreadPoolExecutor(POOL)

    def _counted(self, connection):
        return connection.execute(self._text).scalar()

    def connect(self):  # as a program that has just begun
        engine = self._make()
        try:
            return self._use(engine)
        finally:
            engine.dispose()

    def _use(self, engine):
        with engine.connect() as connection:
            return self._counted(connection)

    def keep(self):
        self._kept = self._make().connect()
        return self._counted(self._kept)

    def kept(self):
        return self._counted(self._kept)

    def fill(self):
        connections = [self._engine.connect() for _ in range(POOL)]
        for connection in connections:
            self._counted(connection)
            connection.close()
        return POOL

    def pool(self):
        def use(_):
            return outcome(lambda: self._use(self._engine))

        return list(self._threads.map(use, range(POOL)))


def outcome(call):
    try:
        return f"ok {call()}"
    except Exception as error:
        return "error " + " ".join(str(error).split())


CLIENTS = {
    "pymysql": lambda: Plain(pymysql),
    "mysqlclient": lambda: Plain(mysqlclient),
    "pyodbc": lambda: Plain(pyodbc),
    "sqlalchemy": lambda: SQLAlchemy(pymysql, "pymysql"),
    "sqlalchemy_pre_ping": lambda: SQLAlchemy(pymysql, "pymysql", pool_pre_ping=True),
}
client = CLIENTS[sys.argv[1]]()
print("> ready", flush=True)
for line in sys.stdin:
    if line == "pool\n":
        for seen in client.pool():
            print(">", seen)
    else:
        print(">", outcome(getattr(client, line.strip())))
    print("> done", flush=True)
