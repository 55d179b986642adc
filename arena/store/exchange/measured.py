"""Attempts: as they are stored, and in the words of the summary; each a literal with its query."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from arena.domain.failure import Blame, FailureKind
from arena.domain.outcome import AttemptStatus, CostSource
from arena.domain.plan import Phase
from arena.domain.request import ImageFormat, Mode
from arena.store.exchange.attempts_in import ENDED, SAME_ENDPOINT, SAME_PROMPT, WRITTEN_AT, changed, of_attempts
from arena.store.exchange.columns import Column, Scope, Spec, boolean, integer, moment, real, text
from arena.store.outcome_names import BLAME_OF, MARK_NS_OF
from arena.store.runs import ARTIFACT, ATTEMPT, GLIMPSE, IMAGE, PROMPT, RUN, RUN_ENDPOINT, TRIAL
from arena.units import NANO_USD_PER_USD, NS_PER_MS

TRIAL_COLUMNS = (
    text("run_id", "The run.", required=True),
    integer("trial", "The trial: its place in the run, from 0.", required=True),
)
STATUS = tuple(s for s in AttemptStatus if s is not AttemptStatus.INTENDED)
MARKS_NS = (
    ("lateness_ns", "Sent minus scheduled under a timed load: this side's delay."),
    ("slot_wait_ns", "Time spent waiting for the endpoint's own limits."),
    ("connected_ns", "The connection was open; missing on a warm one."),
    ("accepted_ns", "First byte of the answer to the submitting call."),
    ("result_ns", "First byte of the answer that carries the image or its address."),
    ("result_end_ns", "Last byte of that answer."),
    ("first_image_byte_ns", "First byte of the image."),
    ("last_image_byte_ns", "Last byte of the image: the time to image."),
    ("ended_ns", "The attempt was over."),
    ("poll_interval_ns", "The pause between two polls."),
    ("last_pending_ns", "The last poll that was answered with `not yet`."),
    ("first_done_ns", "The first poll that was answered with `done`."),
)


WRITTEN_OR_PLANNED_AT = sa.func.coalesce(WRITTEN_AT, RUN.c.created_at)


def _attempts(scope: Scope) -> sa.Select[Any]:
    of_trial = {"trial": "seq", "endpoint": "endpoint_id", "requested_width_px": "width_px",
                "requested_height_px": "height_px", "requested_format": "format"}  # fmt: skip
    of_attempt = {"attempt": "number", "server_ms": "server_ms_json", "unsupported": "unsupported_json",
                  "remarks": "remarks_json"}  # fmt: skip
    columns = []
    for c in ATTEMPTS.columns:
        table, name = TRIAL, of_trial.get(c.name, c.name)
        if name not in TRIAL.c:
            table, name = ATTEMPT, of_attempt.get(c.name, c.name)
        columns.append(table.c[name].label(c.name))
    join = sa.and_(ATTEMPT.c.trial_id == TRIAL.c.id, ENDED)
    query = sa.select(*columns).select_from(TRIAL).join(PROMPT, SAME_PROMPT).join(RUN, RUN.c.id == TRIAL.c.run_id)
    whole = replace(scope, days=None) == Scope(scope.run_id)
    return of_attempts(query.join(ATTEMPT, join, isouter=whole), scope, WRITTEN_OR_PLANNED_AT)


ATTEMPTS = Spec(
    name="attempts",
    version=1,
    about="One row an attempt as it is stored, in integers of which nothing was rounded; marks are nanoseconds since"
    " the request was sent. Without filters also one row for each trial that was not tried, with no `attempt`.",
    columns=(
        *TRIAL_COLUMNS,
        integer("attempt", "Which try of the trial, from 1; missing where it was not tried."),
        text("endpoint", "The endpoint.", required=True),
        text("prompt_id", "The prompt.", required=True),
        text("prompt_sha256", "SHA-256 of what was sent of it.", required=True),
        integer("repetition", "Which repetition of the prompt, from 0.", required=True),
        text("phase", "Warm-up, which no figure counts, or measured.", required=True, choices=tuple(Phase)),
        integer("seed", "The seed that was asked for."),
        integer("due_ns", "When it was due, in nanoseconds since the start of the run; missing in a closed loop."),
        integer("requested_width_px", "Width asked for, in pixels.", required=True),
        integer("requested_height_px", "Height asked for, in pixels.", required=True),
        text("requested_format", "Format asked for.", required=True, choices=tuple(ImageFormat)),
        text("status", "`unknown`: this side died before the end was known.", choices=STATUS),
        moment("intended_at", "When it was written down, just before it was sent."),
        moment("started_at", "When it was sent."),
        boolean("simulated", "Whether the endpoint only pretended.", required=False),
        *(integer(name, meaning) for name, meaning in MARKS_NS),
        integer("polls", "How often its state was asked."),
        text("failure_kind", "What went wrong.", choices=tuple(FailureKind)),
        text("failure_message", "In whose words.", private=True),
        integer("http_status", "The HTTP status of the failure."),
        real("retry_after_s", "How long the provider asked to wait, in seconds."),
        integer("cost_nano_usd", "What it cost, in 10⁻⁹ US dollars."),
        text("cost_source", "Who says so: the provider, or the price book.", choices=tuple(CostSource)),
        text("request_id", "The provider's name for it.", private=True),
        text("served_model", "The model that the provider says it served."),
        integer("sent_seed", "The seed that the provider says it used."),
        text("sent_size", "The size in the words in which the endpoint was told."),
        text("server_ms", "The server's own timings in milliseconds by its own clock, as a JSON object."),
        text("unsupported", "What was asked for and could not be told, as a JSON list."),
        text("remarks", "What the provider did on the way, as a JSON list."),
    ),
    key=("run_id", "trial", "attempt"),
    query=_attempts,
    day=WRITTEN_OR_PLANNED_AT,
    changed=changed,
    first=ATTEMPT.c.first_epoch,
)

FIRST_IMAGE = (IMAGE.c.attempt_id == ATTEMPT.c.id) & (IMAGE.c.position == 0)
FIRST_GLIMPSE = (GLIMPSE.c.attempt_id == ATTEMPT.c.id) & (GLIMPSE.c.position == 0)
BLAME = sa.case(
    *((ATTEMPT.c.failure_kind.in_([k for k, of in BLAME_OF.items() if of == blame]), blame.value) for blame in Blame),
)
OUTCOME_SOURCE: dict[str, sa.ColumnElement[Any]] = {
    "trial": TRIAL.c.seq,
    "attempt": ATTEMPT.c.number,
    "endpoint": TRIAL.c.endpoint_id,
    "requested_width_px": TRIAL.c.width_px,
    "requested_height_px": TRIAL.c.height_px,
    "requested_format": TRIAL.c.format,
    "failure_blame": BLAME,
    **{name: ATTEMPT.c[mark] for name, mark in MARK_NS_OF.items()},
    "cost_usd": ATTEMPT.c.cost_nano_usd,
    "served_seed": ATTEMPT.c.sent_seed,
    "server_ms": ATTEMPT.c.server_ms_json,
    "unsupported": ATTEMPT.c.unsupported_json,
    "remarks": ATTEMPT.c.remarks_json,
    "image_sha256": IMAGE.c.sha256,
    "image_format": sa.func.coalesce(ARTIFACT.c.format, GLIMPSE.c.format),
    "image_width_px": sa.func.coalesce(ARTIFACT.c.width_px, GLIMPSE.c.width_px),
    "image_height_px": sa.func.coalesce(ARTIFACT.c.height_px, GLIMPSE.c.height_px),
    "image_bytes": sa.func.coalesce(ARTIFACT.c.size_bytes, GLIMPSE.c.size_bytes),
    "image_count": sum(
        (sa.select(sa.func.count()).where(t.c.attempt_id == ATTEMPT.c.id).correlate(ATTEMPT).scalar_subquery()
         for t in (IMAGE, GLIMPSE)),
        start=sa.literal_column("0"),
    ),
}  # fmt: skip
"""Where a column of `outcomes` comes from, if it is not named alike in one of the tables."""


def _outcomes(scope: Scope) -> sa.Select[Any]:
    return of_attempts(
        sa.select(*(_outcome_column(column) for column in OUTCOMES.columns))
        .select_from(ATTEMPT)
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .join(RUN_ENDPOINT, SAME_ENDPOINT)
        .join(PROMPT, SAME_PROMPT)
        .outerjoin(IMAGE, FIRST_IMAGE)
        .outerjoin(ARTIFACT, ARTIFACT.c.sha256 == IMAGE.c.sha256)
        .outerjoin(GLIMPSE, FIRST_GLIMPSE)
        .where(ENDED),
        scope,
    )


def _outcome_column(column: Column) -> sa.ColumnElement[Any]:
    if column.name in OUTCOME_SOURCE:
        return OUTCOME_SOURCE[column.name].label(column.name)
    tables = (ATTEMPT, TRIAL, RUN_ENDPOINT, PROMPT)
    found: sa.ColumnElement[Any] = next(table.c[column.name] for table in tables if column.name in table.c)
    return found


def _ms(name: str, meaning: str) -> Column:
    return real(name, f"{meaning} In milliseconds.", per_unit=NS_PER_MS)


OUTCOMES = Spec(
    name="outcomes",
    version=2,
    about="One row an attempt that has ended, or whose end is unknown, in the words of the summary. Times are"
    " milliseconds since the request was sent, by this side's monotonic clock. `image_*` is the first image.",
    columns=(
        *TRIAL_COLUMNS,
        integer("attempt", "Which try of the trial, from 1.", required=True),
        text("endpoint", "The endpoint: one model at one provider.", required=True),
        text("provider", "Who serves it.", required=True),
        text("model", "The model's name at the provider.", required=True),
        text("protocol", "How it is spoken to.", required=True),
        text("region", "Where it is served, as far as that is known."),
        boolean("simulated", "Whether the endpoint only pretended; never pool these rows with others."),
        text("mode", "Text to image, or edit.", required=True, choices=tuple(Mode)),
        text("phase", "Warm-up, which no figure counts, or measured.", required=True, choices=tuple(Phase)),
        text("prompt_id", "The prompt.", required=True),
        text("prompt_sha256", "SHA-256 of what was sent of it.", required=True),
        text("category", "The prompt's category.", required=True),
        integer("repetition", "Which repetition of the prompt, from 0.", required=True),
        integer("seed", "The seed that was asked for."),
        integer("requested_width_px", "Width asked for, in pixels.", required=True),
        integer("requested_height_px", "Height asked for, in pixels.", required=True),
        text("requested_format", "Format asked for.", required=True, choices=tuple(ImageFormat)),
        text("status", "`unknown`: this side died before the end was known.", required=True, choices=STATUS),
        text("failure_kind", "What went wrong.", choices=tuple(FailureKind)),
        text("failure_blame", "Whose failure it is; only the provider's count in the success rate.",
             choices=tuple(Blame)),
        text("failure_message", "What was said of it.", private=True),
        integer("http_status", "The HTTP status of the failure."),
        real("retry_after_s", "How long the provider asked to wait, in seconds."),
        moment("started_at", "When it was sent."),
        _ms("lateness_ms", "Sent minus scheduled under a timed load: this side's delay."),
        _ms("slot_wait_ms", "Time spent waiting for the endpoint's own limits."),
        _ms("connected_ms", "The connection was open; missing on a warm one."),
        _ms("accepted_ms", "First byte of the answer to the submitting call."),
        _ms("ttfb_ms", "First byte of the answer that carries the image or its address."),
        _ms("generation_ms", "Last byte of that answer."),
        _ms("time_to_first_image_byte_ms", "First byte of the image."),
        _ms("time_to_image_ms", "Last byte of the image, downloads and polls included."),
        _ms("ended_ms", "The attempt was over."),
        integer("polls", "How often its state was asked.", required=True),
        _ms("poll_interval_ms", "The pause between two polls."),
        _ms("last_pending_ms", "The last poll that was answered with `not yet`."),
        _ms("first_done_ms", "The first poll that was answered with `done`."),
        real("cost_usd", "What it cost, in US dollars; missing where that is not known.", per_unit=NANO_USD_PER_USD),
        text("cost_source", "Who says so: the provider, or the price book.", choices=tuple(CostSource)),
        text("request_id", "The provider's name for it.", private=True),
        text("served_model", "The model that the provider says it served."),
        integer("served_seed", "The seed that the provider says it used."),
        text("sent_size", "The size in the words in which the endpoint was told."),
        text("server_ms", "The server's own timings in milliseconds of its clock, as a JSON object.", required=True),
        text("unsupported", "What was asked for and could not be told, as a JSON list.", required=True),
        text("remarks", "What the provider did on the way, as a JSON list.", required=True),
        integer("image_count", "How many images came.", required=True),
        text("image_sha256", "SHA-256 of the first image; missing where it was looked at in passing and not kept."),
        text("image_format", "Its format.", choices=tuple(ImageFormat)),
        integer("image_width_px", "Its width, in pixels."),
        integer("image_height_px", "Its height, in pixels."),
        integer("image_bytes", "Its size, in bytes."),
    ),
    key=("run_id", "trial", "attempt"),
    query=_outcomes,
    day=WRITTEN_AT,
    changed=changed,
    first=ATTEMPT.c.first_epoch,
)  # fmt: skip
