"""A wire between a replica and its primary on which acknowledgements are lost.

Carries everything from the primary to the replica; from the replica only what it
sends until it asks for the binary log. Ends when the replica is gone.
Usage: one_way_wire.py LISTEN_PORT PRIMARY_PORT
"""

import os
import socket
import sys
import threading

COM_BINLOG_DUMP = 0x12

listen_port, primary_port = (int(argument) for argument in sys.argv[1:])


def hang_up(*ends):
    for end in ends:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Call:
    def __init__(self, replica):
        self.replica = replica
        self.primary = socket.create_connection(("127.0.0.1", primary_port))
        self.primary_left = False
        threading.Thread(target=self.to_primary, daemon=True).start()
        threading.Thread(target=self.to_replica, daemon=True).start()

    def to_replica(self):
        try:
            while data := self.primary.recv(65536):
                self.replica.sendall(data)
        except OSError:
            pass
        self.primary_left = True
        hang_up(self.replica, self.primary)

    def to_primary(self):
        lost = False
        try:
            stream = self.replica.makefile("rb")
            while header := stream.read(4):
                payload = stream.read(int.from_bytes(header[:3], "little"))
                if lost:
                    continue
                self.primary.sendall(header + payload)
                # The first packet of a command has the number 0.
                lost = header[3] == 0 and payload[0] == COM_BINLOG_DUMP
        except OSError:
            pass
        if lost and not self.primary_left:
            os._exit(0)
        hang_up(self.replica, self.primary)


listener = socket.create_server(("127.0.0.1", listen_port))
while True:
    Call(listener.accept()[0])
