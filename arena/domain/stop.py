"""When a run may end before its plan does."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from arena.domain.base import Value

StopMetric = Literal["time_to_image_p50_ms", "time_to_image_p90_ms", "time_to_image_p95_ms", "time_to_image_p99_ms"]


class StopRule(Value):
    """Stop once this figure's interval, from end to end, is at most so wide in relation to the figure, everywhere.

    The run goes on until each endpoint has got there, so that all have been given the same prompts; or until its plan
    or its budget is used up, whichever comes first.
    """

    metric: StopMetric
    relative_width: float = Field(ge=0.005, le=2)

    @property
    def q(self) -> float:
        """The quantile that the metric is."""
        return int(self.metric.removesuffix("_ms").rpartition("_p")[2]) / 100
