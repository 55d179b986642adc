"""What machines say of images: scores with the instruments that they were read from."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from arena.store.exchange.attempts_in import runs_in
from arena.store.exchange.columns import Scope, Spec, integer, moment, real, text
from arena.store.runs import ATTEMPT, IMAGE, TRIAL
from arena.store.scores import INSTRUMENT, SCORE

OF_INSTRUMENT = (
    "metric",
    "revision",
    "model",
    "weights_sha256",
    "title",
    "unit",
    "better",
    "negligible",
    "tool",
    "weights",
)


def _scores(scope: Scope) -> sa.Select[Any]:
    columns = [c.name for c in SCORES.columns]
    picked = [
        INSTRUMENT.c[n] if n in OF_INSTRUMENT else SCORE.c["detail_json" if n == "detail" else n] for n in columns
    ]
    query = sa.select(*picked).join(INSTRUMENT, INSTRUMENT.c.id == SCORE.c.instrument_id)
    runs = runs_in(scope)
    if runs is not None:
        shown = sa.select(IMAGE.c.attempt_id).join(ATTEMPT, ATTEMPT.c.id == IMAGE.c.attempt_id)
        shown = shown.join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id).where(
            IMAGE.c.sha256 == SCORE.c.image_sha256,
            TRIAL.c.prompt_id == SCORE.c.prompt_id,
            TRIAL.c.prompt_sha256 == SCORE.c.prompt_sha256,
            TRIAL.c.run_id.in_(runs),
        )
        query = query.where(shown.exists())
    return query.order_by(SCORE.c.prompt_id, SCORE.c.image_sha256, SCORE.c.instrument_id, SCORE.c.against)


SCORES = Spec(
    name="scores",
    version=1,
    about="One row an image, prompt and instrument: what a machine says of a stored image. Scores never rank anybody.",
    columns=(
        text("image_sha256", "SHA-256 of the image, as it was delivered.", required=True),
        text("prompt_id", "The prompt that it was made for.", required=True),
        text("prompt_sha256", "SHA-256 of that prompt's content.", required=True),
        text("metric", "What was computed.", required=True),
        integer("revision", "Of the metric's function: values of two revisions are never pooled.", required=True),
        text("model", "The model that it was computed with; empty where none is needed.", required=True),
        text("weights_sha256", "SHA-256 of the model's weights; empty where none are needed.", required=True),
        text("against", "Hash of what the image was held against; empty where it alone is looked at.", required=True),
        real("value", "The score, in `unit`; missing where it cannot be told, and `detail` says why."),
        text("title", "What the metric is called.", required=True),
        text("unit", "The unit of the value.", required=True),
        text("better", "The direction of better, where there is one.", choices=("lower", "higher")),
        real("negligible", "The difference between two endpoints below which nobody would care, in `unit`."),
        text("tool", "The library that computed it.", required=True),
        text("weights", "What the weights are called.", required=True),
        text("tool_version", "The version of the tool.", required=True),
        text("device", "What it was computed on.", required=True),
        text("detail", "What else there is to say, as JSON.", required=True),
        moment("scored_at", "When it was computed.", required=True),
    ),
    key=("image_sha256", "prompt_id", "prompt_sha256", "metric", "revision", "model", "weights_sha256", "against"),
    query=_scores,
)
