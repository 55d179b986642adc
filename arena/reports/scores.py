"""What machines say of the images of a run: means by endpoint with intervals, and what stands beside them.

Metrics never rank: nothing here is sorted by value (see decision 24).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arena.battles.image_marks import LEAST_PROMPTS_ALIKE, prompts_alike
from arena.battles.renditions import BLANK_DEVIATION
from arena.metrics.means import clustered_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from arena.domain.score import Instrument
    from arena.metrics.base import Figure

CONTRAST = "contrast"
"""The metric whose value tells blank images and whose thumbnails tell repeated ones."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One instrument's figure for one endpoint. `truncated` images had a prompt longer than the model reads at once.

    `untold` images could not be scored; `reader_error` is the reader's own mean error on the same texts.
    """

    endpoint: str
    simulated: bool
    instrument: Instrument
    mean: Figure
    prompts: int
    truncated: int
    untold: int
    reader_error: float | None


@dataclass(frozen=True, slots=True)
class Suspect:
    """Images of one endpoint that show nothing, or that came for several prompts."""

    endpoint: str
    simulated: bool
    images: int
    blank: int
    repeated: int


def scored(rows: pd.DataFrame, instruments: Mapping[int, Instrument]) -> list[Scored]:
    """One entry an endpoint and instrument; rows as of `arena.store.scores.delivered_scores`, warm-up left out."""
    measured = rows[rows["phase"] == "measure"]
    found = []
    groups: Any = measured.groupby(["endpoint", "simulated", "instrument"])
    for (endpoint, simulated, instrument), mine in groups:
        told = mine.dropna(subset=["value"])
        errors = [d["reader_error"] for d in told["detail"] if "reader_error" in d]
        found.append(
            Scored(
                endpoint=str(endpoint),
                simulated=bool(simulated),
                instrument=instruments[int(instrument)],
                mean=clustered_mean(told["value"].tolist(), told["prompt_sha256"].tolist()),
                prompts=int(told["prompt_sha256"].nunique()),
                truncated=sum(d.get("chunks", 1) > 1 for d in told["detail"]),
                untold=len(mine) - len(told),
                reader_error=sum(errors) / len(errors) if errors else None,
            )
        )
    return sorted(found, key=lambda s: (s.instrument.title, s.instrument.model, s.endpoint, s.simulated))


def suspects(rows: pd.DataFrame, instruments: Mapping[int, Instrument]) -> list[Suspect]:
    """Blank and repeated images by endpoint, as far as contrast was scored.

    Repeated is the same file for two prompts, or the same picture for three, of one endpoint; edits of one source look
    alike without being so, and are left out.
    """
    plain = {i for i, one in instruments.items() if one.metric == CONTRAST}
    looked_at = rows[rows["instrument"].isin(plain)].dropna(subset=["value"])
    looked_at = looked_at.drop_duplicates(["endpoint", "simulated", "prompt_sha256", "sha256"])
    return [
        Suspect(
            str(endpoint),
            bool(simulated),
            len(mine),
            int((mine["value"] < BLANK_DEVIATION).sum()),
            _repeated(mine[mine["mode"] != "edit"]),
        )
        for (endpoint, simulated), mine in looked_at.groupby(["endpoint", "simulated"], sort=True)
    ]


def _repeated(mine: pd.DataFrame) -> int:
    if mine.empty:
        return 0
    thumbnails = [base64.b64decode(d["thumbnail"]) for d in mine["detail"]]
    subjects = mine["prompt_sha256"].tolist()
    alike = prompts_alike(thumbnails, subjects, range(len(subjects)))
    prompts_of = mine.groupby("sha256")["prompt_sha256"].nunique()
    return sum(
        alike.get(place, 1) >= LEAST_PROMPTS_ALIKE or prompts_of[sha256] > 1
        for place, sha256 in enumerate(mine["sha256"])
    )


def instrument_json(instrument: Instrument) -> dict[str, Any]:
    """An instrument for machines."""
    return instrument.model_dump(exclude={"title"})


def figure_json(figure: Figure) -> dict[str, Any]:
    """A figure for machines."""
    return {"value": figure.value, "low": figure.low, "high": figure.high, "n": figure.n}


def as_json(run_id: str, found: Sequence[Scored], apart: Sequence[Suspect]) -> dict[str, Any]:
    """The same for machines."""
    return {
        "run": run_id,
        "scores": [
            {
                "endpoint": s.endpoint,
                "simulated": s.simulated,
                **instrument_json(s.instrument),
                "mean": figure_json(s.mean),
                "prompts": s.prompts,
                "truncated": s.truncated,
                "untold": s.untold,
                "reader_error": s.reader_error,
            }
            for s in found
        ],
        "suspects": [
            {"endpoint": s.endpoint, "simulated": s.simulated, "images": s.images, "blank": s.blank,
             "repeated": s.repeated}
            for s in apart
        ],
    }  # fmt: skip
