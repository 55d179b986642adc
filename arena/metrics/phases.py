"""Where the time of a success goes: medians of its phases, one literal and one function each.

Our own marks are taken at the socket; `server queue` and `server compute` are what the provider says of its own clock
and are never subtracted from ours.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from arena.metrics.base import Figure, Metric
from arena.metrics.figures import prompts, successes
from arena.metrics.intervals import quantile

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

COMPUTE_NAMES = ("predict", "generate", "inference")
"""Names under which providers report the time that the model took."""


def _median(values: pd.Series, rows: pd.DataFrame) -> Figure:
    """Of values that stand beside rows, clustered by their prompts."""
    known = values.notna().to_numpy()
    return quantile(values[known].tolist(), 0.5, prompts(rows[known]))


def accepted(rows: pd.DataFrame) -> Figure:
    """Median of the first byte of the answer to the submitting call − sent."""
    won = successes(rows)
    return _median(won["accepted_ms"], won)


def server_queue(rows: pd.DataFrame) -> Figure:
    """Median of what the provider reports as queueing."""
    return _median(_reported(rows, ("queue",)), successes(rows))


def server_compute(rows: pd.DataFrame) -> Figure:
    """Median of what the provider reports as the time that the model took."""
    return _median(_reported(rows, COMPUTE_NAMES), successes(rows))


def result(rows: pd.DataFrame) -> Figure:
    """Median of the end of the answer that carries the image or its address − sent."""
    won = successes(rows)
    return _median(won["generation_ms"], won)


def download(rows: pd.DataFrame) -> Figure:
    """Median of last image byte − end of the result answer, where the image is fetched from an address."""
    won = successes(rows)
    fetched = won[won["time_to_image_ms"] > won["generation_ms"]]
    return _median(fetched["time_to_image_ms"] - fetched["generation_ms"], fetched)


def poll_bracket(rows: pd.DataFrame) -> Figure:
    """Median of first done − last pending."""
    won = successes(rows)
    return _median(won["first_done_ms"] - won["last_pending_ms"], won)


def _reported(rows: pd.DataFrame, names: tuple[str, ...]) -> pd.Series:
    """The first of these server timings that a row has, in milliseconds."""
    import pandas as pd

    def first(text: str) -> float | None:
        said = json.loads(text)
        return next((said[name] for name in names if name in said), None)

    return pd.Series([first(text) for text in successes(rows)["server_ms"]], dtype="Float64")


def _phase(name: str, title: str, definition: str, compute: Callable[[pd.DataFrame], Figure]) -> Metric:
    return Metric(name, title, "ms", "lower", definition, compute)


PHASES: tuple[Metric, ...] = (
    _phase(
        "accepted_p50_ms",
        "accepted",
        "Median time from sending the request to the first byte of the answer to the submitting call: of a blocking one"
        " its only answer, of a polled one its receipt.",
        accepted,
    ),
    _phase(
        "server_queue_p50_ms",
        "server queue",
        "Median of the queueing time that the provider itself reports, by its own clock.",
        server_queue,
    ),
    _phase(
        "server_compute_p50_ms",
        "server compute",
        "Median of the time that the model took, as the provider itself reports it, by its own clock; what it includes "
        "differs between providers.",
        server_compute,
    ),
    _phase(
        "result_p50_ms",
        "result",
        "Median time from sending the request to the end of the answer that carries the image or its address.",
        result,
    ),
    _phase(
        "download_p50_ms",
        "download",
        "Median time from that answer to the last byte of the image, where the image is fetched from an address.",
        download,
    ),
    _phase(
        "poll_bracket_p50_ms",
        "poll bracket",
        "Median time between the last answer that said not yet and the first that said done: how finely the end of a "
        "polled job is known.",
        poll_bracket,
    ),
)
