"""Holds what INFORMATION_SCHEMA.RECOVERY_GATE_XIDS says against the binary logs.

Usage: check_xids.py PORT. $MYSQL_BINLOG is the command line of mariadb-binlog, which
the server sends its logs, decrypted. Prints a line for each row of the table,
without what differs from run to run, and "WRONG" where the two do not agree.
"""

import os
import re
import shlex
import subprocess
import sys

import pymysql

EVENT = re.compile(r"^#\d{6} +\d+:\d\d:\d\d server id (\d+) +end_log_pos (\d+) (.*)$")
GTID = re.compile(r"\bGTID (\d+-\d+-\d+)\b")
XID = re.compile(r"\bXid = (\d+)")
XA = re.compile(r"^XA (?:PREPARE|COMMIT|ROLLBACK) X'([0-9a-f]*)',X'([0-9a-f]*)',(\d+)", re.I)

port = int(sys.argv[1])
server = pymysql.connect(host="127.0.0.1", port=port, user="root", charset="utf8mb4")


def query(statement):
    with server.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def commits(log):
    """(XID as the table shows it, GTID, end position) of each commit, prepare..."""
    text = subprocess.run(
        shlex.split(os.environ["MYSQL_BINLOG"])
        + ["--read-from-remote-server", "--user=root", "--host=127.0.0.1"]
        + [f"--port={port}", log],
        stdout=subprocess.PIPE,
        check=True,
    ).stdout.decode("utf-8", "replace")
    gtid = end = None
    for line in text.splitlines():
        if event := EVENT.match(line):
            end = int(event[2])
            if found := GTID.search(event[3]):
                gtid = found[1]
            if found := XID.search(event[3]):
                yield found[1], gtid, end
        elif found := XA.match(line):
            yield bytes.fromhex(found[1] + found[2]).decode(), gtid, end


logged = [
    (xid, gtid, log["Log_name"], end)
    for log in query("SHOW BINARY LOGS")
    for xid, gtid, end in commits(log["Log_name"])
]
for row in query(
    "SELECT * FROM INFORMATION_SCHEMA.RECOVERY_GATE_XIDS ORDER BY RESOLUTION, GTID"
):
    xid = row["XID"]
    shown = (row["GTID"], row["BINLOG_FILE"], row["BINLOG_END_POS"])
    in_logs = [place for found, *place in logged if found == xid]
    # The XIDs of a run of the server before may be the same numbers.
    expected = tuple(in_logs[-1]) if in_logs else (None, None, None)
    if row["RESOLUTION"] == "ROLLED BACK":
        expected = (None, None, None)
    print(
        "the server's" if xid.isdigit() else xid,
        f"in {row['ENGINES']}: {row['RESOLUTION']},",
        f"GTID {row['GTID']}," if row["GTID"] else "in no binary log,",
        "as the binary logs say" if shown == expected else f"WRONG: {shown}, not {expected}",
    )
