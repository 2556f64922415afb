# SPDX-License-Identifier: GPL-2.0-only
"""Drivers at a closed gate: those of docs/clients.md whose packages tools/setup
installs, and the command-line tools. tools/check-clients does the same with all.

    tools/rigs/start clients.clients_test

Environment: RECOVERY_GATE_TOOL and RECOVERY_GATE_PLUGIN, the built tool and
plugin; those of build/ when they are not set. Exits 0 only if everything was as
that page says.
"""

import sys

from rigs.clients.closed_gate import ClosedGate
from rigs.clients.drivers import FEW
from rigs.story import main


class AFew(ClosedGate):
    drivers = FEW
    connect_wait = 3000


if __name__ == "__main__":
    sys.exit(main("recovery-gate-clients", AFew))
