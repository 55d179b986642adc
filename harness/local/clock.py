"""Stopwatch for work on a device: device events on CUDA, elsewhere the synchronised monotonic clock."""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

from arena.units import NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch


class StageClock:
    """Times named stages of work on `device`; a stage that is entered several times counts as the sum."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._spans: list[tuple[str, int | torch.cuda.Event, int | torch.cuda.Event]] = []
        self._lap_begin: int | torch.cuda.Event | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the body as part of stage `name`; stages may be nested. A body that raises is not counted."""
        begin = self._mark()
        yield
        self._spans.append((name, begin, self._mark()))

    def begin_laps(self) -> None:
        """The first lap begins here."""
        self._lap_begin = self._mark() if self._laps_are_free() else None

    def lap(self, name: str) -> None:
        """End a lap, which counts as part of `name`, and begin the next; nothing where marks would hold the work up."""
        if self._lap_begin is not None:
            now = self._mark()
            self._spans.append((name, self._lap_begin, now))
            self._lap_begin = now

    def timings_ms(self) -> dict[str, float]:
        """Milliseconds by stage; waits for the device to reach the end of the last one."""
        timings_ms: dict[str, float] = defaultdict(float)
        for name, begin, end in self._spans:
            timings_ms[name] += _between_ms(begin, end)
        return {name: round(value_ms, 3) for name, value_ms in timings_ms.items()}

    def _laps_are_free(self) -> bool:
        # On mps a mark waits for the device, which would stand still after every lap.
        return self._device.type in {"cpu", "cuda"}

    def _mark(self) -> int | torch.cuda.Event:
        if self._device.type == "cpu":
            return time.perf_counter_ns()
        import torch

        if self._device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record(torch.cuda.current_stream(self._device))
            return event
        torch.mps.synchronize()
        return time.perf_counter_ns()


def _between_ms(begin: int | torch.cuda.Event, end: int | torch.cuda.Event) -> float:
    if isinstance(begin, int) or isinstance(end, int):
        return (int(end) - int(begin)) / NS_PER_MS
    end.synchronize()
    return float(begin.elapsed_time(end))
