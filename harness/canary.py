"""Watches the machine while it measures: a coroutine that asks to be woken, and looks how late it is."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import numpy as np
import psutil

from arena.domain.fitness import Fitness
from arena.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.clock import Clock
    from harness.delivery import Delivery

INTERVAL_NS = 50 * NS_PER_MS
CPU_EVERY = 10
"""Processor shares are read at every tenth sample: twice a second."""


class Canary:
    """One run's; `watch` runs beside it until it is cancelled, `seen` is called with every attempt that came back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lags_ms: list[float] = []
        self._step_ms = 0.0
        self._machine_cpu: list[float] = []
        self._lateness_ms: list[float] = []
        self._hand_over_ms: list[float] = []
        self._round_trips_ms: dict[str, list[float]] = {}
        self._process = psutil.Process()
        self._begun_ns, self._begun_cpu_s = clock.now_ns(), self._cpu_s()

    async def watch(self) -> None:
        """Sample until cancelled."""
        _machine_cpu()  # the first reading has nothing to compare with
        offset_ns = self._offset_ns()
        while True:
            due_ns = self._clock.now_ns() + INTERVAL_NS
            await self._clock.sleep_until(due_ns)
            self._lags_ms.append((self._clock.now_ns() - due_ns) / NS_PER_MS)
            before_ns, offset_ns = offset_ns, self._offset_ns()
            self._step_ms = max(self._step_ms, abs(offset_ns - before_ns) / NS_PER_MS)
            if len(self._lags_ms) % CPU_EVERY == 0:
                self._machine_cpu.append(_machine_cpu())

    def seen(self, endpoint_id: str, delivery: Delivery) -> None:
        """An attempt came back."""
        if delivery.timings.lateness_ns is not None:
            ours_ns = delivery.timings.lateness_ns - delivery.timings.slot_wait_ns
            self._lateness_ms.append(max(0, ours_ns) / NS_PER_MS)
        for call in delivery.calls:
            if call.tcp_ns is not None and call.resolved_ns is not None:
                took_ms = (call.tcp_ns - call.resolved_ns) / NS_PER_MS
                self._round_trips_ms.setdefault(endpoint_id, []).append(took_ms)

    def handed_over(self, waited_ns: int) -> None:
        """A place in a closed loop was free again only after so long."""
        self._hand_over_ms.append(waited_ns / NS_PER_MS)

    def fitness(self) -> Fitness | None:
        """What was seen; None if the run was over before there was anything to see."""
        if not self._lags_ms:
            return None
        lags_ms = np.asarray(self._lags_ms)
        elapsed_s = (self._clock.now_ns() - self._begun_ns) / NS_PER_S
        machine = self._machine_cpu or [_machine_cpu()]
        return Fitness(
            samples=len(self._lags_ms),
            loop_lag_p50_ms=float(np.quantile(lags_ms, 0.5)),
            loop_lag_p95_ms=float(np.quantile(lags_ms, 0.95)),
            loop_lag_max_ms=float(lags_ms.max()),
            clock_step_ms=self._step_ms,
            machine_cpu_p50=float(np.quantile(machine, 0.5)),
            machine_cpu_p95=float(np.quantile(machine, 0.95)),
            own_cpu=(self._cpu_s() - self._begun_cpu_s) / elapsed_s,
            lateness_p95_ms=_p95(self._lateness_ms),
            hand_over_p95_ms=_p95(self._hand_over_ms),
            round_trip_p50_ms={e: statistics.median(took) for e, took in self._round_trips_ms.items()},
        )

    def _offset_ns(self) -> float:
        return self._clock.utc().timestamp() * NS_PER_S - self._clock.now_ns()

    def _cpu_s(self) -> float:
        """Of this process and of the decoders, which are its children."""
        total_s = 0.0
        for process in (self._process, *self._process.children()):
            try:
                used = process.cpu_times()
            except psutil.Error:
                continue
            total_s += used.user + used.system
        return total_s


def _machine_cpu() -> float:
    """Share of all processors since the last call; low-priority work, as that of the decoders, gives way and is left
    out.
    """
    shares = psutil.cpu_times_percent()
    given_up = shares.idle + getattr(shares, "nice", 0.0) + getattr(shares, "iowait", 0.0)
    return float(max(0.0, 100.0 - given_up)) / 100


def _p95(values: Sequence[float]) -> float | None:
    return float(np.quantile(values, 0.95)) if values else None
