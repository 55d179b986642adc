"""Every table, with its CHECKs and unique keys. Rows are built in `mapping` only: table classes validate nothing.

No `from __future__ import annotations` here: SQLModel reads the annotations at class creation.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    UniqueConstraint,
)
from sqlmodel import Field, SQLModel

from arena.domain.failure import FailureKind
from arena.domain.outcome import AttemptStatus, CallPurpose, CostSource
from arena.domain.plan import Phase
from arena.domain.purpose import RunPurpose
from arena.domain.request import ImageFormat, Mode
from arena.domain.run import RunStatus
from arena.store.exchange_tables import CHANGED

__all__ = [
    "ArtifactRow",
    "AttemptRow",
    "CallRow",
    "DigestRow",
    "GlimpseRow",
    "ImageRow",
    "PromptRow",
    "RunEndpointRow",
    "RunRow",
    "TrialRow",
]

ROW_ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite autoincrements INTEGER PRIMARY KEY only

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """A CHECK that a column holds one of an enumeration's values."""
    listed = ", ".join(f"'{v}'" for v in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class PromptRow(SQLModel, table=True):
    """A prompt as it was sent; an edited prompt is a new row with another hash."""

    __tablename__ = "prompt"
    __table_args__ = (one_of("mode", Mode),)
    id: str = Field(primary_key=True)
    sha256: str = Field(primary_key=True, max_length=64)
    text: str
    category: str
    mode: str
    tags_json: str
    clip_tokens: int
    sources_json: str
    source_sha256_json: str
    legible_text_json: str
    changed_epoch: int = Field(default=None, sa_type=BigInteger, sa_column_kwargs=CHANGED)


class RunRow(SQLModel, table=True):
    """A run. `owner` and `heartbeat_at` tell which process holds it and when it last gave a sign of life.

    `imported_from` names the database that it was made in, if that was another one.
    """

    __tablename__ = "run"
    __table_args__ = (one_of("status", RunStatus), one_of("purpose", RunPurpose))
    id: str = Field(primary_key=True)
    plan_name: str
    plan_json: str
    plan_sha256: str = Field(max_length=64)
    status: str
    created_at: datetime = Field(index=True)
    ended_at: datetime | None = None
    budget_nano_usd: int | None = Field(default=None, sa_type=BigInteger)
    environment_json: str
    simulated: bool
    owner: str | None = None
    heartbeat_at: datetime | None = None
    fitness_json: str | None = None
    purpose: str = Field(default=RunPurpose.MEASUREMENT.value, sa_column_kwargs={"server_default": "measurement"})
    calls_pruned_at: datetime | None = None
    attempts_pruned_at: datetime | None = None
    imported_from: str | None = None


class RunEndpointRow(SQLModel, table=True):
    """An endpoint and its price card as they were when the run was made; no key is part of either."""

    __tablename__ = "run_endpoint"
    run_id: str = Field(primary_key=True, foreign_key="run.id")
    endpoint_id: str = Field(primary_key=True)
    provider: str
    protocol: str
    model: str
    region: str | None = None
    simulated: bool
    endpoint_json: str
    price_json: str | None = None


class TrialRow(SQLModel, table=True):
    """One cell of the plan: this prompt at this endpoint, this repetition."""

    __tablename__ = "trial"
    __table_args__ = (
        UniqueConstraint("run_id", "seq"),
        UniqueConstraint("run_id", "endpoint_id", "prompt_id", "repetition", "phase"),
        ForeignKeyConstraint(["run_id", "endpoint_id"], ["run_endpoint.run_id", "run_endpoint.endpoint_id"]),
        ForeignKeyConstraint(["prompt_id", "prompt_sha256"], ["prompt.id", "prompt.sha256"]),
        one_of("phase", Phase),
        Index(None, "endpoint_id", "id"),
        Index(None, "prompt_id", "id"),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    run_id: str = Field(foreign_key="run.id")
    seq: int
    endpoint_id: str
    prompt_id: str
    prompt_sha256: str = Field(max_length=64)
    repetition: int
    phase: str
    seed: int | None = Field(default=None, sa_type=BigInteger)
    due_ns: int | None = Field(default=None, sa_type=BigInteger)
    width_px: int
    height_px: int
    format: str


class AttemptRow(SQLModel, table=True):
    """One try of a trial. Written as `intended` before the paid call; its outcome replaces that, once.

    `first_epoch` is when it could be exported first: once it was no longer only intended.
    """

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("trial_id", "number"),
        one_of("status", AttemptStatus),
        one_of("failure_kind", FailureKind),
        one_of("cost_source", CostSource),
        CheckConstraint("(status = 'failed') = (failure_kind IS NOT NULL)", name="failed_with_kind"),
        CheckConstraint("(cost_nano_usd IS NULL) = (cost_source IS NULL)", name="cost_with_source"),
        CheckConstraint("status <> 'succeeded' OR last_image_byte_ns IS NOT NULL", name="success_is_timed"),
        Index(None, "started_at"),
        Index(None, "simulated", "id"),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    trial_id: int = Field(foreign_key="trial.id", sa_type=ROW_ID)
    number: int
    status: str
    intended_at: datetime
    started_at: datetime | None = None
    simulated: bool
    lateness_ns: int | None = Field(default=None, sa_type=BigInteger)
    slot_wait_ns: int | None = Field(default=None, sa_type=BigInteger)
    connected_ns: int | None = Field(default=None, sa_type=BigInteger)
    accepted_ns: int | None = Field(default=None, sa_type=BigInteger)
    result_ns: int | None = Field(default=None, sa_type=BigInteger)
    result_end_ns: int | None = Field(default=None, sa_type=BigInteger)
    first_image_byte_ns: int | None = Field(default=None, sa_type=BigInteger)
    last_image_byte_ns: int | None = Field(default=None, sa_type=BigInteger)
    ended_ns: int | None = Field(default=None, sa_type=BigInteger)
    polls: int = 0
    poll_interval_ns: int | None = Field(default=None, sa_type=BigInteger)
    last_pending_ns: int | None = Field(default=None, sa_type=BigInteger)
    first_done_ns: int | None = Field(default=None, sa_type=BigInteger)
    failure_kind: str | None = None
    failure_message: str | None = None
    http_status: int | None = None
    retry_after_s: float | None = None
    cost_nano_usd: int | None = Field(default=None, sa_type=BigInteger)
    cost_source: str | None = None
    request_id: str | None = None
    served_model: str | None = None
    sent_seed: int | None = Field(default=None, sa_type=BigInteger)
    sent_size: str | None = None
    server_ms_json: str = "{}"
    unsupported_json: str = "[]"
    remarks_json: str = Field(default="[]", sa_column_kwargs={"server_default": "[]"})
    first_epoch: int | None = Field(default=None, sa_type=BigInteger)
    changed_epoch: int = Field(default=None, sa_type=BigInteger, sa_column_kwargs=CHANGED)


class ArtifactRow(SQLModel, table=True):
    """An image in the blob store; the same bytes from anywhere are one row. Pruned: its bytes were let go of."""

    __tablename__ = "artifact"
    __table_args__ = (one_of("format", ImageFormat),)
    sha256: str = Field(primary_key=True, max_length=64)
    format: str
    width_px: int
    height_px: int
    size_bytes: int = Field(sa_type=BigInteger)
    pruned_at: datetime | None = Field(default=None, index=True)


class ImageRow(SQLModel, table=True):
    """Which images an attempt delivered, in order."""

    __tablename__ = "image"
    attempt_id: int = Field(primary_key=True, foreign_key="attempt.id", sa_type=ROW_ID)
    position: int = Field(primary_key=True)
    sha256: str = Field(foreign_key="artifact.sha256", index=True, max_length=64)


class GlimpseRow(SQLModel, table=True):
    """An image that an attempt delivered, that was looked at in passing and not kept."""

    __tablename__ = "glimpse"
    __table_args__ = (one_of("format", ImageFormat),)
    attempt_id: int = Field(primary_key=True, foreign_key="attempt.id", sa_type=ROW_ID)
    position: int = Field(primary_key=True)
    format: str
    width_px: int
    height_px: int
    size_bytes: int = Field(sa_type=BigInteger)


class CallRow(SQLModel, table=True):
    """One HTTP exchange of an attempt; marks are nanoseconds since the attempt's `sent`."""

    __tablename__ = "call"
    __table_args__ = (one_of("purpose", CallPurpose),)
    attempt_id: int = Field(primary_key=True, foreign_key="attempt.id", sa_type=ROW_ID)
    position: int = Field(primary_key=True)
    purpose: str
    method: str
    url: str
    http_status: int | None = None
    http_version: str | None = None
    remote_address: str | None = None
    body_bytes: int = Field(sa_type=BigInteger)
    started_ns: int = Field(sa_type=BigInteger)
    connected_ns: int | None = Field(default=None, sa_type=BigInteger)
    request_sent_ns: int | None = Field(default=None, sa_type=BigInteger)
    headers_ns: int | None = Field(default=None, sa_type=BigInteger)
    first_byte_ns: int | None = Field(default=None, sa_type=BigInteger)
    ended_ns: int = Field(sa_type=BigInteger)
    resolved_ns: int | None = Field(default=None, sa_type=BigInteger)
    tcp_ns: int | None = Field(default=None, sa_type=BigInteger)


class DigestRow(SQLModel, table=True):
    """A settled run's outcomes in columns; a copy that is dropped whenever its rows change."""

    __tablename__ = "digest"
    run_id: str = Field(primary_key=True, foreign_key="run.id")
    version: int
    first_at: datetime
    last_at: datetime = Field(index=True)
    attempts: int
    succeeded: int
    unknown: int
    cost_nano_usd: int | None = Field(default=None, sa_type=BigInteger)
    data: bytes = Field(sa_type=LargeBinary)
