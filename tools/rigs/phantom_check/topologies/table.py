# SPDX-License-Identifier: GPL-2.0-only
"""The topologies, by name."""

from __future__ import annotations

from dataclasses import replace

from rigs.phantom_check.topologies import draws, stories
from rigs.phantom_check.topologies.draws import Action, Topology

_ANYWHERE: dict[Action, int] = {
    draws.write: 8,
    draws.stop_a_replica: 3,
    draws.start_a_replica: 3,
    draws.cut_a_link: 2,
    draws.hold_replies: 1,
    draws.mend_a_link: 2,
    draws.catch_up: 3,
    draws.linger: 2,
    draws.rotate: 2,
    draws.purge: 1,
    draws.crash: 2,
}
_LOCAL: dict[Action, int] = {**_ANYWHERE, draws.write_locally: 5}

TOPOLOGIES = {
    topology.name: topology
    for topology in (
        Topology(
            "failover",
            "P and R follow A; A is lost, and comes back as a replica",
            stories.SIBLINGS,
            "A",
            (stories.RECEIVED_HIDES_OWN,),
            {**_LOCAL, draws.fail_over: 3},
            local="P",
        ),
        Topology(
            "switch-over",
            "P and R follow A; the primary changes, and changes back",
            stories.SIBLINGS,
            "A",
            (stories.OWN_APPLIED_POSITION,),
            {**_LOCAL, draws.switch_over: 4},
            local="P",
        ),
        Topology(
            "intermediate",
            "R follows P, which follows A and has writes of its own",
            stories.CHAIN,
            "A",
            (stories.RECEIVED_SETTLES_OWN,),
            {**_LOCAL, draws.move_a_replica: 3},
            local="P",
            vary=("strict", "domains"),
        ),
        Topology(
            "beside",
            "R follows P, and beside it A, without semi-sync",
            replace(stories.BESIDE, acks_hold=True),
            "P",
            (stories.GIVEN_UP,),
            _ANYWHERE,
            patient=True,
        ),
        Topology(
            "reset",
            "R follows P, and beside it A, without semi-sync; RESET MASTER on P",
            stories.BESIDE,
            "P",
            (stories.HISTORY_BEGUN_AGAIN, stories.GTID_TWICE),
            {**_ANYWHERE, draws.reset: 3},
            patient=True,
        ),
        Topology(
            "two-primaries",
            "R follows P and A, and ignores duplicates, or does not",
            stories.TWO_PRIMARIES,
            "P",
            (stories.DOUBTFUL_AND_GONE, stories.LEGITIMATE),
            _LOCAL,
            local="A",
            # In one domain, R passes over one primary's transactions, and
            # acknowledges them all the same, which no primary can know.
            vary=("updates", "strict", "ignores"),
        ),
        Topology(
            "two-replicas",
            "R and A follow P; P is lost together with one of them",
            stories.TWO_REPLICAS,
            "P",
            (stories.ONE_OF_TWO,),
            _ANYWHERE,
            patient=True,
        ),
        Topology(
            "filtered",
            "R follows P, which does not send what is marked for skipping",
            stories.FILTERED,
            "P",
            (stories.MARKED_FOR_SKIP,),
            {**_ANYWHERE, draws.write_skipped: 4},
            patient=True,
        ),
        Topology(
            "domains",
            "P and R follow A; each writes in several GTID domains",
            replace(stories.SIBLINGS, domains=True),
            "A",
            (stories.HIDDEN_IN_ITS_DOMAIN,),
            {**_LOCAL, draws.write_in_a_domain: 6, draws.switch_over: 1},
            local="P",
            vary=("updates", "strict"),
        ),
    )
}
