"""The tables behind scores: what a machine says of stored images, and with what it was measured.

No `from __future__ import annotations` here: SQLModel reads the annotations at class creation.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

__all__ = ["InstrumentRow", "ScoreRow"]


class InstrumentRow(SQLModel, table=True):
    """A metric with the revision of its function and the weights that it was computed with."""

    __tablename__ = "instrument"
    __table_args__ = (
        UniqueConstraint("metric", "revision", "model", "weights_sha256"),
        CheckConstraint("better IN ('lower', 'higher')", name="better"),
    )
    id: int | None = Field(default=None, primary_key=True)
    metric: str
    revision: int
    title: str
    unit: str
    better: str | None = None
    negligible: float | None = None
    tool: str
    model: str
    weights: str
    weights_sha256: str = Field(max_length=64)
    """Empty for what needs no weights: two missing values would count as different in a unique key."""


class ScoreRow(SQLModel, table=True):
    """What one instrument says of one image under one prompt: once, however often it is asked."""

    __tablename__ = "score"
    __table_args__ = (
        ForeignKeyConstraint(["prompt_id", "prompt_sha256"], ["prompt.id", "prompt.sha256"]),
        Index(None, "instrument_id"),
    )
    image_sha256: str = Field(primary_key=True, max_length=64, foreign_key="artifact.sha256")
    prompt_id: str = Field(primary_key=True)
    prompt_sha256: str = Field(primary_key=True, max_length=64)
    instrument_id: int = Field(primary_key=True, foreign_key="instrument.id")
    against: str = Field(primary_key=True, max_length=64)
    value: float | None = None
    tool_version: str
    device: str
    detail_json: str
    scored_at: datetime
