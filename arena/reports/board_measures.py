"""What stands on a board beside its ratings: price, time and last run of each endpoint, and the verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from arena.metrics.base import Figure
from arena.reports.board_verdict import board_verdict
from arena.reports.measured import as_json as conditions_json
from arena.store.endpoint_runs import last_runs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from arena.reports.leaderboard import Leaderboard
    from arena.reports.measured import Measured
    from arena.store.engine import Connection

_UNKNOWN = Figure(None, 0)


@dataclass(frozen=True, slots=True)
class EndpointMeasures:
    """One endpoint's figures under the board's conditions; `last_run` is when its newest run of all began."""

    usd_per_1000: Figure = _UNKNOWN
    p50_ms: Figure = _UNKNOWN
    success: Figure = _UNKNOWN
    last_run: datetime | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """Measures by entrant, the conditions under which they hold, and the verdict where there is an honest one."""

    measured: Measured
    by_entrant: Mapping[str, EndpointMeasures]
    verdict: str | None

    def of(self, entrant: str) -> EndpointMeasures:
        """An entrant's measures, all unknown where it was not measured."""
        return self.by_entrant.get(entrant, EndpointMeasures())


def beside(connection: Connection, board: Leaderboard, found: Measured) -> Beside:
    """Set what was measured beside a board of endpoints; simulated figures only beside simulated ratings."""
    names = [row.entrant for row in board.rows]
    simulated = board.board.simulated
    figures = {s.endpoint: s.figures for s in found.summaries if s.simulated == simulated}
    latest = last_runs(connection, names, simulated=simulated)
    measures = {
        name: EndpointMeasures(
            usd_per_1000=figures[name]["cost_per_1000_usd"] if name in figures else _UNKNOWN,
            p50_ms=figures[name]["time_to_image_p50_ms"] if name in figures else _UNKNOWN,
            success=figures[name]["success_rate"] if name in figures else _UNKNOWN,
            last_run=latest.get(name),
        )
        for name in names
    }
    verdict = board_verdict(board, {name: m.usd_per_1000 for name, m in measures.items()})
    return Beside(found, measures, verdict)


def as_json(found: Beside) -> dict[str, Any]:
    """Verdict and measures for `--json`, beside the board's own fields."""
    rows = {name: asdict(m) for name, m in found.by_entrant.items()}
    return {"verdict": found.verdict, "measured": conditions_json(found.measured) | {"endpoints": rows}}
