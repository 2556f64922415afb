# SPDX-License-Identifier: GPL-2.0-only
"""tools/check-clients: every driver of docs/clients.md at a closed gate."""

from __future__ import annotations

import argparse
import re
import sys

from rigs.clients import documented
from rigs.clients.closed_gate import ClosedGate
from rigs.clients.drivers import ALL
from rigs.clients.installing import install
from rigs.servers import Unexpected, expect
from rigs.story import main

DESCRIPTION = """
Runs the drivers of docs/clients.md against servers with a recovery gate: turned
away, held and then served, and a pool that was full when the server crashed; by
TCP and with TLS. Exits 0 only if all was as that page says. Takes about two
minutes.

Installs what is missing: Debian's packages with apt-get (as root, where all
packages go; no installed one is replaced), npm's in .deps/clients. The plugin and
the tool have to be built.
"""


def run() -> int:
    parser = argparse.ArgumentParser(
        prog="check-clients",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", default=".", metavar="REGEX", help="drivers whose names match"
    )
    parser.add_argument(
        "--show", action="store_true", help="print all that the drivers said"
    )
    options = parser.parse_args()
    chosen = tuple(driver for driver in ALL if re.search(options.only, driver.name))

    class Chosen(ClosedGate):
        drivers = chosen

        def steps(self):
            yield self.all_are_documented
            yield from super().steps()

        def all_are_documented(self) -> None:
            names = [row.driver for row in documented.drivers()]
            expect("a row for each driver", names, names == [d.name for d in ALL])

        def as_documented(self) -> None:
            if options.show:
                print(self.table())
            super().as_documented()

    try:
        install(chosen)
    except Unexpected as failure:
        print(f"check-clients: {failure}", file=sys.stderr)
        return 2
    return main("recovery-gate-clients", Chosen)


if __name__ == "__main__":
    sys.exit(run())
