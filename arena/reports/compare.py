"""Two sides against each other: what differs, how sure that is, and what it would take to tell.

A side is one endpoint in one run. Where both were given the same prompts, only cells that both were given (a prompt in
a repetition) are compared, pair by pair; else all there is, unpaired. Latencies are of pairs that succeeded on both
sides; how many did not is said. What would make the difference one of settings is refused, what may have a part in it
is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arena.errors import ConfigError
from arena.metrics.base import Figure
from arena.metrics.differences import (
    Charges,
    cost_difference,
    further_trials,
    quantile_difference,
    rate_difference,
)
from arena.metrics.figures import counted, prompts
from arena.metrics.intervals import order_statistic_ranks
from arena.reports.wording import Words
from arena.reports.wording import verdict as state

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

WORTH_TELLING = 0.05
"""A difference of less than 5 % (of a success rate: 5 points) is taken for none that matters, unless told otherwise."""
CELL = ["prompt_id", "prompt_sha256", "repetition"]


@dataclass(frozen=True, slots=True)
class Side:
    """One endpoint in one run."""

    run_id: str
    endpoint: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class Contrast:
    """One figure of both sides, the difference a - b with its 95 % interval, and what follows, in words.

    `smallest` is the difference that is worth telling, in the figure's unit; `further_trials` how many more trials of
    each side, like those there are, would tell it four times in five.
    """

    metric: str
    title: str
    unit: str
    a: float | None
    b: float | None
    difference: Figure
    smallest: float | None
    further_trials: int | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides. `cells` of each side (pairs, if `paired`) on `prompts` prompts; failures of the provider by side.

    `uncounted`: cells with an attempt that the success rate leaves out, refused by moderation or failed on our side.
    """

    a: Side
    b: Side
    paired: bool
    cells: tuple[int, int]
    prompts: int
    failed_a_only: int
    failed_b_only: int
    failed_both: int
    uncounted: int
    notes: tuple[str, ...]
    contrasts: tuple[Contrast, ...]


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of both sides; row i of both is one cell if `paired`."""

    a: pd.DataFrame
    b: pd.DataFrame
    paired: bool

    def where(self, a: pd.Series[bool], b: pd.Series[bool]) -> _Rows:
        """The rows for which this holds: on both sides of a pair, else on each side by itself."""
        one, other = a.to_numpy(dtype=bool), b.to_numpy(dtype=bool)
        both = one & other if self.paired else None
        return _Rows(self.a[one if both is None else both], self.b[other if both is None else both], self.paired)


def compare(a: pd.DataFrame, b: pd.DataFrame, worth: float = WORTH_TELLING, notes: Sequence[str] = ()) -> Comparison:
    """Compare the outcome rows of two sides (columns as in `OUTCOME_COLUMNS`), measured phase only.

    ConfigError if a side has no measured attempt, or where a comparison would mean nothing.
    """
    a, b = (rows[rows["phase"] == "measure"].reset_index(drop=True) for rows in (a, b))
    sides = _side(a), _side(b)
    _check_alike(sides, a, b)
    rows = _matched(a, b)
    said = [*notes, *_left_out(rows, a, b)]
    reached = rows.where(_reached(rows.a), _reached(rows.b))
    failed_a, failed_b = ((r["status"] != "succeeded").to_numpy(dtype=bool) for r in (reached.a, reached.b))
    both = int((failed_a & failed_b).sum()) if rows.paired else 0
    names = sides[0].endpoint, sides[1].endpoint
    if names[0] == names[1]:
        names = f"{names[0]} of {sides[0].run_id}", f"{names[1]} of {sides[1].run_id}"
    return Comparison(
        a=sides[0],
        b=sides[1],
        paired=rows.paired,
        cells=(len(rows.a), len(rows.b)),
        prompts=int(rows.a["prompt_id"].nunique()),
        failed_a_only=int(failed_a.sum()) - both,
        failed_b_only=int(failed_b.sum()) - both,
        failed_both=both,
        uncounted=len(rows.a) - len(reached.a) + (0 if rows.paired else len(rows.b) - len(reached.b)),
        notes=tuple(said),
        contrasts=_contrasts(rows, reached, names, worth),
    )


def _side(rows: pd.DataFrame) -> Side:
    if rows.empty:
        raise ConfigError("a side has no measured attempt to compare; `arena runs show RUN` counts them")
    endpoint, run_id = str(rows["endpoint"].iloc[0]), str(rows["run_id"].iloc[0])
    if rows["simulated"].nunique() > 1:
        raise ConfigError(
            f"{endpoint} of run {run_id} was simulated in part; what is real and what is not is not pooled"
        )
    return Side(run_id, endpoint, bool(rows["simulated"].iloc[0]))


def _check_alike(sides: tuple[Side, Side], a: pd.DataFrame, b: pd.DataFrame) -> None:
    """ConfigError where a difference would say nothing of the two sides."""
    one, other = sides
    if one == other:
        raise ConfigError(f"{one.endpoint} of run {one.run_id} is on both sides; name two different ones")
    if one.simulated != other.simulated:
        pretended = one if one.simulated else other
        raise ConfigError(f"{pretended.endpoint} of run {pretended.run_id} is simulated and the other is not; "
                          "compare two simulated or two real ones")  # fmt: skip
    modes = [set(rows["mode"]) for rows in (a, b)]
    if not modes[0] & modes[1]:
        made = [" and ".join(sorted(m)) for m in modes]
        raise ConfigError(
            f"{one.endpoint} made {made[0]} and {other.endpoint} made {made[1]}; compare endpoints in one mode"
        )


def _matched(a: pd.DataFrame, b: pd.DataFrame) -> _Rows:
    """Pairs of rows of one cell each, if both sides share any; else the rows of the modes that both were asked for."""
    cells = a[CELL].drop_duplicates().merge(b[CELL].drop_duplicates(), on=CELL)
    if cells.empty:
        shared = set(a["mode"]) & set(b["mode"])
        return _Rows(a[a["mode"].isin(shared)], b[b["mode"].isin(shared)], paired=False)
    one, other = (cells.merge(rows.drop_duplicates(CELL, keep="last"), on=CELL, how="left") for rows in (a, b))
    _check_sizes(one, other)
    return _Rows(one, other, paired=True)


def _check_sizes(a: pd.DataFrame, b: pd.DataFrame) -> None:
    sizes = [r["requested_width_px"].astype(str) + "x" + r["requested_height_px"].astype(str) for r in (a, b)]
    other = (sizes[0] != sizes[1]).to_numpy(dtype=bool)
    if other.any():
        at = int(other.argmax())
        raise ConfigError(
            f"prompt {a['prompt_id'].iloc[at]} was asked for at {sizes[0].iloc[at]} and at {sizes[1].iloc[at]}; "
            "compare runs of one size"
        )


def _left_out(rows: _Rows, a: pd.DataFrame, b: pd.DataFrame) -> list[str]:
    if not rows.paired:
        return ["no prompt was given to both, so nothing is paired, and prompts may have a part in the difference"]
    return [
        f"{len(all_rows) - len(kept)} of {len(all_rows)} attempts at {kept['endpoint'].iloc[0]} have no counterpart "
        "and are left out"
        for kept, all_rows in ((rows.a, a), (rows.b, b))
        if len(kept) < len(all_rows)
    ]


def _reached(rows: pd.DataFrame) -> pd.Series[bool]:
    return rows.index.to_series().isin(counted(rows).index)


def _timed(rows: pd.DataFrame) -> pd.Series[bool]:
    return (rows["status"] == "succeeded").fillna(value=False) & rows["time_to_image_ms"].notna()


# -- contrasts ---------------------------------------------------------------------------------------------------------


def _contrasts(rows: _Rows, reached: _Rows, names: tuple[str, str], worth: float) -> tuple[Contrast, ...]:
    timed = rows.where(_timed(rows.a), _timed(rows.b))
    return (
        _latency(timed, 0.5, "time_to_image_p50_ms", "time to image p50", names, worth),
        _latency(timed, 0.95, "time_to_image_p95_ms", "time to image p95", names, worth),
        _success(reached, names, worth),
        _cost(reached, names, worth),
    )


def _latency(rows: _Rows, q: float, metric: str, title: str, names: tuple[str, str], worth: float) -> Contrast:
    from arena.metrics.intervals import quantile

    a, b = (r["time_to_image_ms"].tolist() for r in (rows.a, rows.b))
    values = quantile(a, q).value, quantile(b, q).value
    found = quantile_difference(a, b, q, prompts(rows.a), prompts(rows.b), paired=rows.paired)
    smallest = None if values[0] is None or values[1] is None else worth * min(values[0], values[1])
    claim = "is faster" if q == 0.5 else f"is faster at p{q * 100:g}"
    lacking = f"{_least(q)} successes{' on both sides' if rows.paired else ' each'} are needed, {found.n} are there"
    return _contrast(metric, title, "ms", values, found, smallest, Words(names, claim, lacking, better_high=False))


def _least(q: float) -> int:
    """How many values an interval needs."""
    n = 1
    while order_statistic_ranks(n, q) is None:
        n += 1
    return n


def _success(rows: _Rows, names: tuple[str, str], worth: float) -> Contrast:
    a, b = ((r["status"] == "succeeded").tolist() for r in (rows.a, rows.b))
    values = (sum(a) / len(a) if a else None), (sum(b) / len(b) if b else None)
    found = rate_difference(a, b, prompts(rows.a), prompts(rows.b), paired=rows.paired)
    words = Words(names, "succeeds more often", "no attempt reached the provider on both sides", better_high=True)
    return _contrast("success_rate", "success", "ratio", values, found, worth, words)


def _cost(rows: _Rows, names: tuple[str, str], worth: float) -> Contrast:
    metric, title = "cost_per_image_usd", "$ / image"
    sides = _charges(rows.a), _charges(rows.b)
    came = all((r["status"] == "succeeded").fillna(value=False).any() for r in (rows.a, rows.b))
    lacking = "not every image's cost is known" if came else "no image came on one side"
    words = Words(names, "is cheaper", lacking, better_high=False)
    if sides[0] is None or sides[1] is None:
        return _contrast(metric, title, "usd", (None, None), Figure(None, 0), None, words)
    values = sides[0].per_image, sides[1].per_image
    found = cost_difference(sides[0], sides[1], prompts(rows.a), prompts(rows.b), paired=rows.paired)
    return _contrast(metric, title, "usd", values, found, worth * min(values), words)


def _charges(rows: pd.DataFrame) -> Charges | None:
    """What was charged; None where a success has no known cost, or there is no success."""
    won = (rows["status"] == "succeeded").fillna(value=False)
    if not won.any() or rows.loc[won, "cost_usd"].isna().any():
        return None
    images = rows["image_count"].where(won, 0).fillna(0).to_numpy(dtype=float)
    return Charges(rows["cost_usd"].fillna(0.0).to_numpy(dtype=float), images)


def _contrast(
    metric: str,
    title: str,
    unit: str,
    values: tuple[float | None, float | None],
    found: Figure,
    smallest: float | None,
    words: Words,
) -> Contrast:
    further = None if smallest is None else further_trials(found, smallest)
    verdict = state(unit, found, smallest, further, words)
    return Contrast(metric, title, unit, values[0], values[1], found, smallest, further, verdict)


def design_text(found: Comparison) -> str:
    """What was compared with what, and what came of it."""
    failed = found.failed_a_only, found.failed_b_only, found.failed_both
    if not found.paired:
        return (
            f"unpaired: {found.cells[0]} attempts at A, {found.cells[1]} at B; "
            f"failed: {failed[0]} at A, {failed[1]} at B; not counted: {found.uncounted}; times are of successes"
        )
    return (
        f"{found.cells[0]} pairs on {found.prompts} prompts; failed: {failed[0]} at A only, {failed[1]} at B only, "
        f"{failed[2]} at both; not counted: {found.uncounted}; times are of pairs without a failure"
    )


def as_json_document(found: Sequence[Comparison]) -> dict[str, Any]:
    """For `--json`; differences are a - b."""
    return {"comparisons": [_as_json(c) for c in found]}


def _as_json(found: Comparison) -> dict[str, Any]:
    return {
        "a": _side_json(found.a),
        "b": _side_json(found.b),
        "paired": found.paired,
        "cells_a": found.cells[0],
        "cells_b": found.cells[1],
        "prompts": found.prompts,
        "failed": {"a_only": found.failed_a_only, "b_only": found.failed_b_only, "both": found.failed_both},
        "uncounted": found.uncounted,
        "notes": list(found.notes),
        "contrasts": [_contrast_json(c) for c in found.contrasts],
    }


def _side_json(side: Side) -> dict[str, Any]:
    return {"run": side.run_id, "endpoint": side.endpoint, "simulated": side.simulated}


def _contrast_json(c: Contrast) -> dict[str, Any]:
    return {
        "metric": c.metric,
        "unit": c.unit,
        "a": c.a,
        "b": c.b,
        "difference": c.difference.value,
        "low": c.difference.low,
        "high": c.difference.high,
        "n": c.difference.n,
        "worth_telling": c.smallest,
        "further_trials": c.further_trials,
        "verdict": c.verdict,
    }
