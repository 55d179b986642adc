"""Uptime: in how many of the hours in which it was asked a provider delivered anything at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arena.metrics.base import Figure, Metric
from arena.metrics.figures import reached, succeeded
from arena.metrics.intervals import wilson

if TYPE_CHECKING:
    import pandas as pd

US_PER_HOUR = 3_600_000_000


def uptime(rows: pd.DataFrame) -> Figure:
    """Hours with a success over hours with an attempt that reached the provider; n counts those hours.

    An hour says one thing, however often it was asked: a schedule that fires more in some hours than in others gives
    none of them more weight, and hours in which nothing was asked say nothing.
    """
    here = reached(rows) & rows["started_at"].notna().to_numpy()
    if not here.any():
        return Figure(None, 0)
    at_us = rows["started_at"][here].astype("datetime64[us, UTC]").astype("int64").to_numpy()
    _, hour = np.unique(at_us // US_PER_HOUR, return_inverse=True)
    delivered = np.bincount(hour, succeeded(rows)[here]) > 0
    return wilson(int(delivered.sum()), int(delivered.size))


UPTIME = Metric(
    "uptime",
    "uptime",
    "ratio",
    "higher",
    "Hours in which at least one image was delivered as asked, over hours in which at least one attempt reached the "
    "provider; Wilson interval over those hours. Hours in which nothing was asked say nothing.",
    uptime,
)
