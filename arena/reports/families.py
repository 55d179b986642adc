"""Reports over all runs of one plan: a capacity search, a look at behaviour. Everything comes from stored runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from arena.domain.purpose import RunPurpose
from arena.errors import ConfigError
from arena.store import queries, runs

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from arena.domain.run import Run
    from arena.reports.behaviour import Behaviour
    from arena.reports.capacity import Capacity
    from arena.store.engine import Connection

_PAUSE = re.compile(r"after a pause of (\d+(?:\.\d+)?) s")


def describe_pause(pause_s: float) -> str:
    """The description of a plan whose run waited so long before it began; `pause_of` understands it."""
    return f"after a pause of {pause_s:g} s"


def pause_of(description: str) -> float | None:
    """The pause before a run in seconds, from its plan's description; None where there was none."""
    told = _PAUSE.fullmatch(description)
    return None if told is None else float(told[1])


def family(connection: Connection, name: str) -> list[tuple[Run, pd.DataFrame]]:
    """All runs of the plan of this name, oldest first, each with its outcome rows."""
    return [(run, queries.outcomes(connection, run.id)) for run in runs.runs_of_plan(connection, name)]


def capacity_of_plan(connection: Connection, name: str) -> Capacity:
    """What the capacity search of this name found. ConfigError if its runs are no steps of one."""
    from arena.reports.capacity import capacity, read_steps

    try:
        endpoint, objective, steps = read_steps(family(connection, name))
    except ValueError as error:
        raise ConfigError(f"{error}; `arena capacity` makes them, and `arena runs ls` lists them") from None
    return capacity(endpoint, objective, steps)


def behaviours_of(connection: Connection, run: Run, images_dir: Path, pause_s: float | None = None) -> list[Behaviour]:
    """What a run says about seeds, sizes and pauses; of a run that was made for this, with all of its look.

    `pause_s`: how long nothing must have been sent for a cold call; None: as long as the shortest pause of the look.
    """
    found = [(run, queries.outcomes(connection, run.id))]
    if run.plan.purpose is RunPurpose.BEHAVIOUR:
        found = family(connection, run.plan.name)
    return behaviours_of_runs(connection, found, images_dir, pause_s)


def behaviours_of_runs(
    connection: Connection, found: list[tuple[Run, pd.DataFrame]], images_dir: Path, pause_s: float | None = None
) -> list[Behaviour]:
    """The same over some runs with their outcome rows."""
    import pandas as pd

    from arena.metrics.likeness import Gallery
    from arena.reports.behaviour import PAUSE_S, behaviours
    from arena.store.blobs import BlobStore
    from arena.store.images import delivered_images

    images = pd.concat([delivered_images(connection, run.id) for run, _ in found], ignore_index=True)
    told = [pause for run, _ in found if (pause := pause_of(run.plan.description)) is not None]
    return behaviours(
        pd.concat([rows for _, rows in found], ignore_index=True),
        images,
        {run.id: run.plan.request.n for run, _ in found},
        Gallery(BlobStore(images_dir).get),
        pause_s if pause_s is not None else min(told, default=PAUSE_S),
    )
