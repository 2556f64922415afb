# SPDX-License-Identifier: GPL-2.0-only
"""A wire to a server that carries the first connection and closes every other one
before the server has said a word; then it prints "hung up", once. Ends when the first one
is gone.
Usage: one_call_only.py LISTEN_PORT SERVER_PORT
"""

import os
import socket
import sys
import threading

listen_port, server_port = (int(argument) for argument in sys.argv[1:])


def carry(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    os._exit(0)


listener = socket.create_server(("127.0.0.1", listen_port))
client = listener.accept()[0]
server = socket.create_connection(("127.0.0.1", server_port))
for ends in ((client, server), (server, client)):
    threading.Thread(target=carry, args=ends, daemon=True).start()
listener.accept()[0].close()
print("hung up", flush=True)
while True:
    listener.accept()[0].close()
