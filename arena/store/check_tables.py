"""The tables behind checks of voters and images: gold pairs, rulings, and what was seen of each image.

No `from __future__ import annotations` here: SQLModel reads the annotations at class creation.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary
from sqlmodel import Field, SQLModel

from arena.domain.check import Ruler
from arena.store.tables import ROW_ID, one_of

__all__ = ["GoldPairRow", "RulingRow", "ScreeningRow"]


class GoldPairRow(SQLModel, table=True):
    """A pair whose answer the operator declared to be known; it is withdrawn, never removed."""

    __tablename__ = "gold_pair"
    __table_args__ = (
        ForeignKeyConstraint(["prompt_id", "prompt_sha256"], ["prompt.id", "prompt.sha256"]),
        CheckConstraint("better_sha256 <> worse_sha256", name="two_images"),
    )
    id: int | None = Field(default=None, primary_key=True)
    prompt_id: str
    prompt_sha256: str = Field(max_length=64)
    better_sha256: str = Field(max_length=64, foreign_key="artifact.sha256")
    worse_sha256: str = Field(max_length=64, foreign_key="artifact.sha256")
    reason: str
    declared_at: datetime
    withdrawn_at: datetime | None = None


class RulingRow(SQLModel, table=True):
    """What was set apart, or taken back in, by whom and why; rows are added and never changed."""

    __tablename__ = "ruling"
    __table_args__ = (
        one_of("by", Ruler),
        CheckConstraint(
            "(voter_id IS NULL OR vote_id IS NULL) AND (voter_id IS NULL OR image_sha256 IS NULL)"
            " AND (vote_id IS NULL OR image_sha256 IS NULL)",
            name="one_subject",
        ),
        Index(None, "voter_id"),
        Index(None, "vote_id"),
        Index(None, "image_sha256"),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    voter_id: str | None = Field(default=None, foreign_key="voter.id", max_length=64)
    vote_id: int | None = Field(default=None, foreign_key="vote.id", sa_type=ROW_ID)
    image_sha256: str | None = Field(default=None, foreign_key="artifact.sha256", max_length=64)
    apart: bool
    reason: str
    by: str
    at: datetime


class ScreeningRow(SQLModel, table=True):
    """An image that was looked at beside others of its provider: 16 x 16 pixels of three bytes, and by which rules."""

    __tablename__ = "screening"
    image_sha256: str = Field(primary_key=True, max_length=64, foreign_key="artifact.sha256")
    rules: str
    thumbnail: bytes = Field(sa_type=LargeBinary)
    screened_at: datetime
