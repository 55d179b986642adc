"""How many incidents are open now, for monitoring that asks again and again."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from arena.reports.watch import report

if TYPE_CHECKING:
    from arena.domain.watch import Rules
    from arena.reports.exposition import OpenIncidents
    from arena.store.engine import Connection


def open_now(rules: Rules) -> OpenIncidents:
    """Counts, by endpoint and whether it is simulated, what `arena watch` lists; 0 where all that is watched is quiet.

    An endpoint of which nothing is watched has no count.
    """

    def count(connection: Connection) -> Counter[tuple[str, bool]]:
        found = report(connection, datetime.now(UTC), rules)
        counts = Counter({(one.endpoint, one.simulated): 0 for one in found.series})
        counts.update((incident.endpoint, incident.simulated) for incident in found.incidents if incident.open)
        return counts

    return count
