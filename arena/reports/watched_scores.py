"""What is watched as quality: votes of people, and each machine whose scores tell one endpoint from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from arena.domain.watch import VOTES
from arena.metrics.watched_figures import utc_days
from arena.reports.vote_scores import vote_scores
from arena.store.scores import instruments
from arena.store.watched_scores import machine_scores

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from arena.store.engine import Connection

VOTE_UNIT = "score"


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of images by people or by a machine, which may be compared from day to day.

    `frame`: `endpoint`, `simulated`, `day` (UTC days since 1970 on which the image was made), `prompt`, `score`.
    `worth`: the change of the score that is worth knowing, in its `unit`. `better`: which way; None: neither is.
    `absolute`: whether the mean of a day says something by itself.
    """

    name: str
    frame: pd.DataFrame
    worth: float
    unit: str = VOTE_UNIT
    better: Literal["lower", "higher"] | None = "higher"
    absolute: bool = False


def watched_scores(connection: Connection, start: datetime, end: datetime, worth_of_votes: float) -> list[Scores]:
    """Votes, and each instrument that has a difference below which nobody would care: that is what is worth knowing.

    Metrics that only describe an image have none, and are not watched.
    """
    by_votes = Scores(VOTES, vote_scores(connection, start), worth_of_votes)
    told = {i: one for i, one in instruments(connection).items() if one.negligible is not None}
    frame = machine_scores(connection, start, end, told)
    frame["day"] = utc_days(frame)
    by_machines = [
        Scores(one.label, mine, one.negligible, one.unit, one.better, absolute=True)
        for i, one in told.items()
        if one.negligible is not None and len(mine := frame[frame["instrument"] == i])
    ]
    return [by_votes, *by_machines]
