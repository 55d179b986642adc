"""What a search found, as figures: rows for a table, for Markdown and for JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any

from arena.metrics.intervals import quantile
from harness.local.bench.distance import Distance, between_files

if TYPE_CHECKING:
    from decimal import Decimal

    from arena.metrics.base import Figure
    from harness.local.bench.measured import Answer, Arithmetic, Batch, Environment, Rate
    from harness.local.bench.search import Bench, Candidate

_S_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Row:
    """One setting. None is unknown; a refused setting has a reason and no figures.

    `times_faster` than diffusers' defaults, by the medians; its interval divides the ends of both medians' intervals,
    and so is wider than it need be. `times_limit`: the median over the least time that the device's arithmetic allows.
    """

    name: str
    n: int = 0
    processes: int = 0
    latency_ms: Figure | None = None
    images_per_s: float | None = None
    times_faster: float | None = None
    times_faster_low: float | None = None
    times_faster_high: float | None = None
    times_limit: float | None = None
    distance: Distance | None = None
    is_within: bool | None = None
    peak_memory_mb: float | None = None
    energy_j: float | None = None
    usd_per_image: float | None = None
    first_image_s: float | None = None
    refused: str | None = None
    speed: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class BatchRow:
    """Throughput of one setting, so many images at a time."""

    name: str
    size: int
    n: int
    latency_ms: Figure | None
    images_per_s: float | None
    distance: Distance | None
    refused: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an image's way: its median beside the least time that the device's arithmetic allows for it."""

    name: str
    latency_ms: float
    limit_ms: float | None


@dataclass(frozen=True, slots=True)
class Turn:
    """Defaults and winner, measured one right after the other: what drifts in between is in neither."""

    defaults_ms: Figure
    winner_ms: Figure

    @property
    def times_faster(self) -> float | None:
        """The ratio of the medians."""
        return _over(self.defaults_ms.value, self.winner_ms.value)

    @property
    def is_faster(self) -> bool:
        """Whether the winner's interval is below the defaults'."""
        low, high = self.defaults_ms.low, self.winner_ms.high
        return low is not None and high is not None and high < low


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a reader needs to judge the figures, and to repeat them."""

    measured_at: datetime
    model: str
    simulated: bool
    size: str
    steps: int
    guidance: float
    environment: Environment
    arithmetic: Arithmetic | None
    rates: tuple[Rate, ...]
    uncounted: str | None
    limit_ms: float | None
    max_distance: float
    floor: Distance | None
    rows: tuple[Row, ...]
    batches: tuple[BatchRow, ...]
    turns: tuple[Turn, ...]
    parts: tuple[Part, ...]
    best: str | None
    ended_early: str | None
    drift: float | None

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        plain = asdict(self)
        plain["environment"] = self.environment.model_dump()
        plain["arithmetic"] = self.arithmetic.model_dump() if self.arithmetic else None
        plain["rates"] = [rate.model_dump() for rate in self.rates]
        plain["measured_at"] = self.measured_at.isoformat()
        return plain


def report(bench: Bench, now: datetime | None = None) -> Report | None:
    """What was found so far; None before diffusers' defaults were measured."""
    if not bench.defaults.answers:
        return None
    first = bench.defaults.answers[0]
    candidates = [bench.defaults, *bench.candidates]
    workload = bench.workload
    return Report(
        measured_at=now or datetime.now(UTC),
        model=bench.settings.served_name,
        simulated=first.simulated,
        size=f"{workload.width_px}x{workload.height_px}",
        steps=workload.steps,
        guidance=workload.guidance,
        environment=first.environment,
        arithmetic=first.arithmetic,
        rates=first.rates,
        uncounted=first.uncounted,
        limit_ms=_limit_ms(first, first.dtype),
        max_distance=bench.max_distance,
        floor=bench.floor,
        rows=tuple(_row(bench, candidate) for candidate in candidates),
        batches=tuple(row for c in candidates for row in _batch_rows(bench, c)),
        turns=_turns(bench),
        parts=_parts(bench),
        best=bench.winner.name if bench.winner else None,
        ended_early=bench.ended_early,
        drift=_drift(bench.defaults),
    )


def best_batch(found: Report) -> int:
    """How many images at a time of the winner make the most a second, within the bound; 1 where none make more."""
    single = next((row.images_per_s or 0.0 for row in found.rows if row.name == found.best), 0.0)
    rates = {
        batch.size: batch.images_per_s
        for batch in found.batches
        if batch.name == found.best and batch.images_per_s is not None
        if batch.distance is not None and batch.distance.within(found.max_distance)
    }
    return max(rates, key=lambda size: rates[size]) if rates and max(rates.values()) > single else 1


def _row(bench: Bench, candidate: Candidate) -> Row:
    speed = candidate.speed.model_dump() if candidate.speed else None
    if not candidate.answers:
        return Row(candidate.name, refused=candidate.refused or "not measured", speed=speed)
    latency, base = candidate.latency_ms, bench.defaults.latency_ms
    value = latency.value
    energies = [answer.energy_j for answer in candidate.answers if answer.energy_j is not None]
    peaks = [answer.peak_memory_mb for answer in candidate.answers if answer.peak_memory_mb is not None]
    limit_ms = _limit_of(bench, candidate)
    is_defaults = candidate is bench.defaults
    return Row(
        name=candidate.name,
        n=latency.n,
        processes=len(candidate.answers),
        latency_ms=latency,
        images_per_s=_over(1000.0, value),
        times_faster=None if is_defaults else _over(base.value, value),
        times_faster_low=None if is_defaults else _over(base.low, latency.high),
        times_faster_high=None if is_defaults else _over(base.high, latency.low),
        times_limit=_over(value, limit_ms),
        distance=bench.floor if is_defaults else candidate.distance,
        is_within=None if is_defaults else bench.is_within(candidate),
        peak_memory_mb=max(peaks, default=None),
        energy_j=median(energies) if energies else None,
        usd_per_image=_usd(bench.settings.gpu_hour_usd, value),
        first_image_s=candidate.answers[0].first_image_s,
        speed=speed,
    )


def _batch_rows(bench: Bench, candidate: Candidate) -> list[BatchRow]:
    reference = {b.size: (b, place) for b, place in _batches(bench.defaults)}
    rows = []
    for batch, place in _batches(candidate):
        theirs = reference.get(batch.size)
        distance = None
        if candidate is not bench.defaults and theirs is not None and batch.images and theirs[0].images:
            distance = between_files([place / n for n in batch.images], [theirs[1] / n for n in theirs[0].images])
        figure = quantile(batch.latencies_ms, 0.5) if batch.latencies_ms else None
        per_s = _over(1000.0 * batch.size, figure.value if figure else None)
        name = candidate.name
        rows.append(BatchRow(name, batch.size, len(batch.latencies_ms), figure, per_s, distance, batch.refused))
    return rows


def _parts(bench: Bench) -> tuple[Part, ...]:
    """The parts of the winner, where it tells them; the last process speaks, as the others do."""
    first, winner = bench.defaults.answers[0], bench.winner
    if winner is None or first.arithmetic is None:
        return ()
    count, whole_ms = first.arithmetic, _limit_of(bench, winner)
    operations = {
        "text_encode": count.text_encoder,
        "denoise": count.transformer_step * count.steps + count.reference_encoding,
        "decode": count.decoder,
        "transfer": 0,
    }
    told = winner.answers[-1].stages_ms
    return tuple(
        Part(name, told[name], None if whole_ms is None or not needed else whole_ms * needed / count.needed)
        for name, needed in operations.items()
        if name in told
    )


def _turns(bench: Bench) -> tuple[Turn, ...]:
    defaults, winner = bench.defaults.answers[1:], bench.winner.answers[1:] if bench.winner else []
    pairs = zip(defaults, winner, strict=False)  # the last turn may be cut short
    return tuple(Turn(quantile(d.latencies_ms, 0.5), quantile(w.latencies_ms, 0.5)) for d, w in pairs)


def _batches(candidate: Candidate) -> list[tuple[Batch, Any]]:
    pairs = zip(candidate.answers, candidate.places, strict=True)
    return [(batch, place) for answer, place in pairs for batch in answer.batches]


def _limit_of(bench: Bench, candidate: Candidate) -> float | None:
    """The limit for what a candidate multiplies in; unknown where that is not one of torch's dense dtypes."""
    if candidate.speed is not None and candidate.speed.quantization != "none":
        return None
    return _limit_ms(bench.defaults.answers[0], candidate.answers[0].dtype)


def _limit_ms(first: Answer, dtype: str) -> float | None:
    per_s = next((rate.per_s for rate in first.rates if rate.dtype == dtype), None)
    if first.arithmetic is None or per_s is None:
        return None
    return first.arithmetic.needed / per_s * 1000


def _drift(defaults: Candidate) -> float | None:
    """The range of the defaults' medians from process to process, as a share of the smallest; None of one process."""
    medians = [median(answer.latencies_ms) for answer in defaults.answers]
    return max(medians) / min(medians) - 1 if len(medians) > 1 else None


def _usd(gpu_hour_usd: Decimal | None, latency_ms: float | None) -> float | None:
    if gpu_hour_usd is None or latency_ms is None:
        return None
    return float(gpu_hour_usd) * latency_ms / 1000 / _S_PER_HOUR


def _over(value: float | None, by: float | None) -> float | None:
    return None if value is None or not by else value / by
