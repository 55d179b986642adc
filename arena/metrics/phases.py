"""Where the time of a success goes: medians of its phases, one literal and one function each.

Our own marks are taken at the socket; `server queue` and `server compute` are what the provider says of its own clock
and are never subtracted from ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arena.domain.timings import COMPUTE_NAMES, QUEUE_NAMES, reported_ms
from arena.metrics.base import Figure, Metric
from arena.metrics.figures import numbers, quantile_of, succeeded

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray


def accepted(rows: pd.DataFrame) -> Figure:
    """Median of the first byte of the answer to the submitting call − sent."""
    return _median(rows, numbers(rows, "accepted_ms"))


def server_queue(rows: pd.DataFrame) -> Figure:
    """Median of what the provider reports as queueing."""
    return _median(rows, _reported(rows, "server_queue_ms", QUEUE_NAMES))


def server_compute(rows: pd.DataFrame) -> Figure:
    """Median of what the provider reports as the time that the model took."""
    return _median(rows, _reported(rows, "server_compute_ms", COMPUTE_NAMES))


def result(rows: pd.DataFrame) -> Figure:
    """Median of the end of the answer that carries the image or its address − sent."""
    return _median(rows, numbers(rows, "generation_ms"))


def download(rows: pd.DataFrame) -> Figure:
    """Median of last image byte − end of the result answer, where the image is fetched from an address."""
    after_ms = numbers(rows, "time_to_image_ms") - numbers(rows, "generation_ms")
    return _median(rows, np.where(after_ms > 0, after_ms, np.nan))


def poll_bracket(rows: pd.DataFrame) -> Figure:
    """Median of first done − last pending."""
    return _median(rows, numbers(rows, "first_done_ms") - numbers(rows, "last_pending_ms"))


def _median(rows: pd.DataFrame, values: NDArray[np.float64]) -> Figure:
    return quantile_of(values, rows, 0.5, succeeded(rows))


def _reported(rows: pd.DataFrame, column: str, names: tuple[str, ...]) -> NDArray[np.float64]:
    """What the servers said under one of these names, (n,): from a column of its own where there is one."""
    if column in rows:
        return numbers(rows, column)
    return np.asarray([reported_ms(text, names) for text in rows["server_ms"]], dtype=float)


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
