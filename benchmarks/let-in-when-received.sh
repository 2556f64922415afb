#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What an operator without the gate might run beside a primary that starts after
# a crash, for tools/bench-door to compare with. The server listens on a port
# that applications do not know. Every half second this asks the primary for the
# last transaction in its binary log, and the replica for the last that it has
# received; once they are the same, and only then, the applications' port leads
# to the server.
#
#   let-in-when-received.sh PRIMARY-SOCKET REPLICA-SOCKET FORWARDER [ARG...]
set -eu
primary=$1 replica=$2
shift 2

# ask SOCKET STATEMENT [OPTION...]
ask() {
  socket=$1 statement=$2
  shift 2
  mariadb --no-defaults --socket="$socket" "$@" -Be "$statement" 2>/dev/null
}

# Gtid_IO_Pos is what the replica has in its relay log, as an acknowledgement of
# semi-sync is.
received() {
  ask "$replica" 'SHOW SLAVE STATUS\G' | tr -d ' ' | sed -n 's/^Gtid_IO_Pos://p'
}

until written=$(ask "$primary" 'SELECT @@gtid_binlog_pos' -N) &&
  [ -n "$written" ] && [ "$(received)" = "$written" ]; do
  sleep 0.5
done
exec "$@"
