"""A semi-sync replica that receives everything and acknowledges nothing.

Ends when the primary closes the connection. Usage: silent_replica.py PORT GTID,
where GTID is the position after which it wants to receive.
"""

import struct
import sys

import pymysql

COM_BINLOG_DUMP = 0x12
SERVER_ID = 77

port, gtid = int(sys.argv[1]), sys.argv[2]
replica = pymysql.connect(
    host="127.0.0.1", port=port, user="repl", password="repl-secret"
)
with replica.cursor() as cursor:
    cursor.execute("SET @rpl_semi_sync_slave= 1")
    cursor.execute("SET @mariadb_slave_capability= 4")
    cursor.execute("SET @master_binlog_checksum= @@GLOBAL.binlog_checksum")
    cursor.execute("SET @slave_connect_state= %s", (gtid,))
replica._execute_command(COM_BINLOG_DUMP, struct.pack("<IHI", 4, 0, SERVER_ID))
try:
    while True:
        replica._read_packet()
except pymysql.MySQLError:
    pass
