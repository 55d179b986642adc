"""A report as sentences and grids of text; the terminal and Markdown show the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arena.units import format_ms, format_usd

if TYPE_CHECKING:
    from arena.metrics.base import Figure
    from harness.local.bench.distance import Distance
    from harness.local.bench.report import BatchRow, Part, Report, Row

_DASH = "–"
_TERA = 1e12
_MS_PER_S = 1000
_DRIFT = 0.05
_TOO_FAR = "has all its images within {:g} of the defaults'"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of text; the first column is words, the others are figures."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def sentences(report: Report) -> list[str]:
    """What has to be said before the figures: on what, of what, against what."""
    environment = report.environment
    driver = f", driver {environment.driver}" if environment.driver else ""
    versions = ", ".join(f"{name} {version}" for name, version in environment.versions.items())
    what = (
        f"{report.model} at {report.size}, {report.steps} steps, on {environment.card}{driver} ({environment.device})"
    )
    said = [f"{what}; {versions}; {report.measured_at:%Y-%m-%d %H:%M} UTC."]
    if report.simulated:
        said.append("Simulated: the weights are random, so the distances are between images that mean nothing.")
    return [*said, *_arithmetic(report), *_images(report), *_caveats(report)]


def _arithmetic(report: Report) -> list[str]:
    count, said = report.arithmetic, list[str]()
    if report.uncounted:
        said.append(f"There is no arithmetic limit, for counting failed: {report.uncounted}.")
    if count is not None:
        said.append(
            f"An image takes {_tera(count.needed)} TFLOP: text encoder {_tera(count.text_encoder)}, transformer "
            f"{count.steps} × {_tera(count.transformer_step)}, decoder {_tera(count.decoder)}; the text encoder's last "
            f"layers, {_tera(count.text_encoder_unused)} more, are in no image."
        )
    reached = [f"{r.dtype} {_tera(r.per_s)} TFLOP/s" for r in report.rates if r.per_s is not None]
    if reached:
        at_least = f"; in the defaults' dtype an image takes {format_ms(report.limit_ms)} at least"
        told = "" if report.limit_ms is None else at_least
        said.append(f"Dense matrix products reach {', '.join(reached)} here{told}.")
    return said


def _images(report: Report) -> list[str]:
    floor = report.floor
    told = "" if floor is None else f"; two processes of the defaults are {floor.worst:.3f} apart at worst"
    measure = "Distances are 1 - SSIM to the defaults' images of the same prompts and seeds"
    return [f"{measure}; the worst may be {report.max_distance:g}{told}."]


def _caveats(report: Report) -> list[str]:
    said = []
    if report.floor is not None and not report.floor.within(report.max_distance):
        said.append("The defaults themselves do not stay within the bound from one process to the next; widen it.")
    if report.drift is not None and report.drift > _DRIFT:
        said.append(
            f"The defaults' median differed by {report.drift:.0%} from process to process: this machine was not "
            "steady, and smaller differences than that mean nothing."
        )
    if report.ended_early:
        said.append(f"Not everything was measured: {report.ended_early}.")
    return said


def is_shown_to_be_faster(report: Report) -> bool:
    """Whether the best setting surely beats the defaults: in every turn, or by its interval where there were none."""
    if any(turn.times_faster is not None for turn in report.turns):
        return all(turn.is_faster for turn in report.turns)
    row = next((r for r in report.rows if r.name == report.best), None)
    return row is not None and row.times_faster_low is not None and row.times_faster_low > 1


def verdict(report: Report) -> str:
    """One sentence: which setting, and by how much."""
    row = next((r for r in report.rows if r.name == report.best), None)
    if row is None or row.latency_ms is None:
        measured = sum(r.refused is None for r in report.rows) > 1
        return f"No setting {_TOO_FAR.format(report.max_distance) if measured else 'but the defaults was measured'}."
    if row.times_faster is None:
        return f"Fastest within the bound: {row.name}."
    what = f"Fastest within the bound: {row.name}, {format_ms(row.latency_ms.value)}"
    times = [turn.times_faster for turn in report.turns if turn.times_faster is not None]
    doubt = "" if is_shown_to_be_faster(report) else ", with intervals that overlap: not shown to be faster"
    if not times:
        return f"{what}, {row.times_faster:.2f} × as fast as the defaults, in one process each{doubt}."
    told = " and ".join(f"{value:.2f}" for value in times)
    return f"{what}; measured in turns, {told} × as fast as the defaults{doubt}."


def grids(report: Report) -> list[Grid]:
    """The settings; what was refused; and throughput by the batch."""
    measured = [row for row in report.rows if row.refused is None]
    refused = [row for row in report.rows if row.refused is not None]
    found = [_told(Grid("one image at a time", _COLUMNS, tuple(_cells(row, report) for row in measured)))]
    if refused:
        found.append(Grid("refused", ("setting", "reason"), tuple((r.name, r.refused or "") for r in refused)))
    if report.parts:
        found.append(Grid(f"where the time goes: {report.best}", _PART_COLUMNS, tuple(map(_part_cells, report.parts))))
    if report.batches:
        found.append(Grid("several at a time", _BATCH_COLUMNS, tuple(map(_batch_cells, report.batches))))
    return found


def _told(grid: Grid) -> Grid:
    """Without the columns of which nothing is known in any row, such as energy on a processor."""
    kept = [i for i in range(len(grid.columns)) if any(row[i] not in {_DASH, ""} for row in grid.rows)]
    return Grid(
        grid.title,
        tuple(grid.columns[i] for i in kept),
        tuple(tuple(row[i] for i in kept) for row in grid.rows),
    )


def markdown(report: Report) -> str:
    """The whole report as Markdown."""
    parts = [*sentences(report), verdict(report)]
    for grid in grids(report):
        lines = [grid.columns, tuple("---" if i == 0 else "---:" for i in range(len(grid.columns))), *grid.rows]
        table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        parts += [f"**{grid.title}**", table]
    return "\n\n".join(parts) + "\n"


_COLUMNS = (
    "setting", "p50 [95 %]", "n", "images/s", "× faster [95 %]", "× limit",
    "distance, worst", "levels of 255", "peak memory", "energy/image", "cost/image", "first image", "",
)  # fmt: skip
_PART_COLUMNS = ("part", "p50", "at least", "× limit")
_BATCH_COLUMNS = ("setting", "images", "p50 of a batch [95 %]", "n", "images/s", "distance, worst")


def _cells(row: Row, report: Report) -> tuple[str, ...]:
    return (
        row.name,
        _latency(row.latency_ms),
        f"{row.n} in {row.processes}",
        _number(row.images_per_s, 3),
        _times(row),
        _number(row.times_limit, 1),
        _distance(row.distance),
        _DASH if row.distance is None else f"{row.distance.levels:.2f}",
        _DASH if row.peak_memory_mb is None else f"{row.peak_memory_mb / 1000:.1f} GB",
        _DASH if row.energy_j is None else f"{row.energy_j:.1f} J",
        format_usd(row.usd_per_image),
        _DASH if row.first_image_s is None else f"{row.first_image_s:.1f} s",
        _mark(row, report),
    )


def _mark(row: Row, report: Report) -> str:
    if row.name == report.best:
        return "fastest"
    return "beyond the bound" if row.is_within is False else ""


def _part_cells(part: Part) -> tuple[str, ...]:
    times = _number(part.latency_ms / part.limit_ms, 1) if part.limit_ms else _DASH
    return (part.name, format_ms(part.latency_ms), format_ms(part.limit_ms), times)


def _batch_cells(row: BatchRow) -> tuple[str, ...]:
    if row.refused is not None:
        return (row.name, str(row.size), row.refused, _DASH, _DASH, _DASH)
    return (
        row.name, str(row.size), _latency(row.latency_ms), str(row.n),
        _number(row.images_per_s, 3), _distance(row.distance),
    )  # fmt: skip


def _latency(figure: Figure | None) -> str:
    if figure is None or figure.value is None:
        return _DASH
    if figure.low is None or figure.high is None:
        return format_ms(figure.value)
    if figure.value >= _MS_PER_S:  # in seconds, as the value itself is written
        return f"{format_ms(figure.value)} [{figure.low / _MS_PER_S:.2f}, {figure.high / _MS_PER_S:.2f}]"
    digits = 1 if figure.value < 99.95 else 0
    return f"{format_ms(figure.value)} [{figure.low:.{digits}f}, {figure.high:.{digits}f}]"


def _times(row: Row) -> str:
    if row.times_faster is None:
        return _DASH
    if row.times_faster_low is None or row.times_faster_high is None:
        return f"{row.times_faster:.2f}"
    return f"{row.times_faster:.2f} [{row.times_faster_low:.2f}, {row.times_faster_high:.2f}]"


def _distance(distance: Distance | None) -> str:
    return _DASH if distance is None else f"{distance.worst:.3f}"


def _number(value: float | None, digits: int) -> str:
    return _DASH if value is None else f"{value:.{digits}g}" if digits > 1 else f"{value:.1f}"


def _tera(value: float | None) -> str:
    return _DASH if value is None else f"{value / _TERA:.3g}"
