"""Whether two runs can be compared at all, and what else than the endpoints may have a part in a difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.domain.run import RunStatus
from arena.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from datetime import timedelta

    import pandas as pd

    from arena.domain.plan import LoadProfile, RequestTemplate
    from arena.domain.run import Run


def differences(a: Run, b: Run) -> list[str]:
    """What differs between two runs beside what was measured, one sentence each.

    ConfigError where they asked for different images: the difference would be one of settings.
    """
    if a.id == b.id:
        return _unfinished(a)
    asked = _asked(a.plan.request), _asked(b.plan.request)
    other = [f"{name} {asked[0][name]} and {asked[1][name]}" for name in asked[0] if asked[0][name] != asked[1][name]]
    if other:
        raise ConfigError(
            f"runs {a.id} and {b.id} asked for different images ({', '.join(other)}): the difference would be one of "
            "settings; compare runs of one request"
        )
    found = [*_unfinished(a), *_unfinished(b)]
    found.append(f"the runs were made {_apart(abs(a.created_at - b.created_at))} apart")
    if a.plan.load != b.plan.load:
        found.append(f"the load differs: {_load(a.plan.load)} and {_load(b.plan.load)}")
    if a.plan.request.delivery != b.plan.request.delivery:
        found.append(
            f"delivery differs: {a.plan.request.delivery or 'default'}, {b.plan.request.delivery or 'default'}"
        )
    for name in ("hostname", "region", "arena_version"):
        values = [getattr(run.environment, name) for run in (a, b)]
        if values[0] != values[1]:
            found.append(f"{name.replace('_', ' ')} differs: {values[0] or 'none'} and {values[1] or 'none'}")
    return found


def matching(
    runs: tuple[Run, Run], frames: tuple[pd.DataFrame, pd.DataFrame], named: tuple[str, str] | None
) -> list[tuple[str, str]]:
    """Which endpoint of the first run meets which of the second: two that are named, or the same in both.

    `frames` are the outcome rows of the runs. ConfigError where there is nobody to compare, or too many.
    """
    there = [sorted(set(frame[frame["phase"] == "measure"]["endpoint"])) for frame in frames]
    if named is not None:
        for name, known, run in zip(named, there, runs, strict=True):
            if name not in known:
                raise UnknownNameError("endpoint", name, known, f"run {run.id}")
        return [named]
    if runs[0].id != runs[1].id:
        shared = sorted(set(there[0]) & set(there[1]))
        if not shared:
            raise ConfigError(
                f"runs {runs[0].id} and {runs[1].id} have no endpoint in common; name one of each: --endpoints X Y"
            )
        return [(name, name) for name in shared]
    if len(there[0]) != 2:
        raise ConfigError(
            f"run {runs[0].id} has {len(there[0])} endpoints with measured attempts; name two: --endpoints X Y"
        )
    return [(there[0][0], there[0][1])]


def _asked(request: RequestTemplate) -> dict[str, object]:
    """The settings that change what is made, or how long making it takes."""
    named = {name: getattr(request, name) for name in ("edit_size", "steps", "guidance", "n", "format", "safety")}
    return {"size": str(request.pixel_size), **{k: "default" if v is None else v for k, v in named.items()}}


def _unfinished(run: Run) -> list[str]:
    return [] if run.status is RunStatus.FINISHED else [f"run {run.id} is {run.status}: what it has so far is compared"]


def _apart(time: timedelta) -> str:
    hours = time.total_seconds() / 3600
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"


def _load(load: LoadProfile) -> str:
    return (
        f"closed, {load.in_flight} in flight" if load.rate_per_s is None else f"{load.kind}, {load.rate_per_s:g} per s"
    )
