"""What came with an attempt: its images and its HTTP exchanges."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from arena.domain.outcome import CallPurpose
from arena.domain.request import ImageFormat
from arena.store.exchange.attempts_in import ENDED, SAME_PROMPT, WRITTEN_AT, changed, of_attempts
from arena.store.exchange.columns import Scope, Spec, integer, text
from arena.store.exchange.measured import TRIAL_COLUMNS
from arena.store.runs import ARTIFACT, ATTEMPT, CALL, GLIMPSE, IMAGE, PROMPT, TRIAL

ATTEMPT_KEY = (
    *TRIAL_COLUMNS,
    integer("attempt", "Which try of the trial, from 1.", required=True),
    integer("position", "Its place among those of the attempt, from 0.", required=True),
)


def _images(scope: Scope) -> sa.Select[Any]:
    key = (TRIAL.c.run_id, TRIAL.c.seq.label("trial"), ATTEMPT.c.number.label("attempt"))
    about = ("format", "width_px", "height_px", "size_bytes")
    kept = sa.select(ATTEMPT.c.id, IMAGE.c.position, IMAGE.c.sha256, *(ARTIFACT.c[n] for n in about))
    kept = kept.join(IMAGE, IMAGE.c.attempt_id == ATTEMPT.c.id).join(ARTIFACT, ARTIFACT.c.sha256 == IMAGE.c.sha256)
    seen = sa.select(ATTEMPT.c.id, GLIMPSE.c.position, sa.null(), *(GLIMPSE.c[n] for n in about))
    seen = seen.join(GLIMPSE, GLIMPSE.c.attempt_id == ATTEMPT.c.id)
    all_images = sa.union_all(kept, seen).subquery()
    rest = (all_images.c[n] for n in ("position", "sha256", *about))
    query = sa.select(*key, *rest).select_from(all_images).join(ATTEMPT, ATTEMPT.c.id == all_images.c.id)
    joined = query.join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id).join(PROMPT, SAME_PROMPT).where(ENDED)
    return of_attempts(joined, scope).order_by(all_images.c.position)


IMAGES = Spec(
    name="images",
    version=1,
    about="One row an image that was delivered. The files themselves go with `--images DIR`, named by their hash.",
    columns=(
        *ATTEMPT_KEY,
        text("sha256", "SHA-256 of its bytes; missing where it was looked at in passing and not kept."),
        text("format", "Its format.", required=True, choices=tuple(ImageFormat)),
        integer("width_px", "Its width, in pixels.", required=True),
        integer("height_px", "Its height, in pixels.", required=True),
        integer("size_bytes", "Its size, in bytes.", required=True),
    ),
    key=("run_id", "trial", "attempt", "position"),
    query=_images,
    day=WRITTEN_AT,
    changed=changed,
    first=ATTEMPT.c.first_epoch,
)


def _calls(scope: Scope) -> sa.Select[Any]:
    key = (TRIAL.c.run_id, TRIAL.c.seq.label("trial"), ATTEMPT.c.number.label("attempt"))
    rest = (CALL.c[c.name] for c in CALLS.columns[len(key) :])
    query = sa.select(*key, *rest).select_from(CALL).join(ATTEMPT, ATTEMPT.c.id == CALL.c.attempt_id)
    joined = query.join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id).join(PROMPT, SAME_PROMPT).where(ENDED)
    return of_attempts(joined, scope).order_by(CALL.c.position)


CALLS = Spec(
    name="calls",
    version=1,
    about="One row an HTTP exchange of an attempt; marks are nanoseconds since the attempt's request was sent.",
    columns=(
        *ATTEMPT_KEY,
        text("purpose", "What it was for.", required=True, choices=tuple(CallPurpose)),
        text("method", "The HTTP method.", required=True),
        text("url", "Its address, without query values, user info or key.", required=True, private=True),
        integer("http_status", "The status of the answer."),
        text("http_version", "The version of HTTP."),
        text("remote_address", "The server's address.", private=True),
        integer("body_bytes", "Size of the answer's body, in bytes.", required=True),
        integer("started_ns", "It began.", required=True),
        integer("resolved_ns", "The server's name was looked up; missing on a warm connection."),
        integer("tcp_ns", "The TCP connection was open; missing on a warm one."),
        integer("connected_ns", "TLS was agreed on; missing on a warm one."),
        integer("request_sent_ns", "The last byte of the request was sent."),
        integer("headers_ns", "The head of the answer was read."),
        integer("first_byte_ns", "First byte of the answer's body."),
        integer("ended_ns", "It was over.", required=True),
    ),
    key=("run_id", "trial", "attempt", "position"),
    query=_calls,
    day=WRITTEN_AT,
    changed=changed,
    first=ATTEMPT.c.first_epoch,
)
