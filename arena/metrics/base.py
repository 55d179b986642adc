"""What a figure is: a name, a unit, a direction, a definition and the function that computes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its count and, where it can be had, its 95 % interval. None is unknown or withheld, never zero."""

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of the summary: what it is called, what it means, and how it comes from the rows.

    `compute` takes the outcome rows of one endpoint (columns as exported, see `arena.store.queries.OUTCOME_COLUMNS`).
    `detail`: shown where everything is, and left out of tables that have to fit on a screen.
    """

    name: str
    title: str
    unit: Literal["ms", "ratio", "usd", "1/min", "count"]
    better: Literal["lower", "higher"] | None
    definition: str
    compute: Callable[[pd.DataFrame], Figure]
    detail: bool = False
