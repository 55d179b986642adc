"""The tables of the arena: contenders, renditions, voters, battles, votes.

No `from __future__ import annotations` here: SQLModel reads the annotations at class creation.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from arena.domain.battle import Purpose, Rule, Verdict, VoterKind
from arena.domain.request import Mode
from arena.store.exchange_tables import CHANGED, CurrentEpoch
from arena.store.tables import ROW_ID, one_of

__all__ = ["BattleRow", "ContenderRow", "RenditionRow", "VoteRow", "VoterRow"]


def _only(condition: str) -> dict[str, Any]:
    """An index over the rows that meet a condition, on either database."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class ContenderRow(SQLModel, table=True):
    """An endpoint that takes part; its simulated and its real images are two contenders, never one."""

    __tablename__ = "contender"
    __table_args__ = (UniqueConstraint("endpoint_id", "simulated"),)
    id: int | None = Field(default=None, primary_key=True)
    endpoint_id: str
    simulated: bool
    provider: str
    model: str
    family: str
    added_at: datetime
    retired_at: datetime | None = None


class RenditionRow(SQLModel, table=True):
    """An image as it is shown: made once, or kept out of every battle for a reason."""

    __tablename__ = "rendition"
    source_sha256: str = Field(primary_key=True, max_length=64, foreign_key="artifact.sha256")
    recipe: str
    sha256: str | None = Field(default=None, max_length=64)
    kept_out: str | None = None
    made_at: datetime


class VoterRow(SQLModel, table=True):
    """Somebody who votes, under a pseudonym; `label` names an automatic judge."""

    __tablename__ = "voter"
    __table_args__ = (one_of("kind", VoterKind),)
    id: str = Field(primary_key=True, max_length=64)
    kind: str
    label: str | None = None
    created_at: datetime


class BattleRow(SQLModel, table=True):
    """A pair that was drawn, with its sides and its token's hash: stored before anything is shown.

    Of an imported one there may be neither attempts nor images here.
    """

    __tablename__ = "battle"
    __table_args__ = (
        UniqueConstraint("token_sha256"),
        ForeignKeyConstraint(["prompt_id", "prompt_sha256"], ["prompt.id", "prompt.sha256"]),
        ForeignKeyConstraint(["left_attempt_id", "left_position"], ["image.attempt_id", "image.position"]),
        ForeignKeyConstraint(["right_attempt_id", "right_position"], ["image.attempt_id", "image.position"]),
        one_of("mode", Mode),
        one_of("rule", Rule),
        one_of("purpose", Purpose),
        CheckConstraint("left_contender <> right_contender", name="two_contenders"),
        CheckConstraint("propensity > 0 AND propensity <= 1", name="propensity"),
        Index(None, "voter_id", "created_at"),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    token_sha256: str = Field(max_length=64)
    voter_id: str = Field(foreign_key="voter.id", max_length=64)
    cell: str
    prompt_id: str
    prompt_sha256: str = Field(max_length=64)
    mode: str
    category: str
    simulated: bool
    left_contender: int = Field(foreign_key="contender.id")
    right_contender: int = Field(foreign_key="contender.id")
    left_attempt_id: int | None = Field(default=None, sa_type=ROW_ID)
    left_position: int | None = None
    left_sha256: str | None = Field(default=None, max_length=64)
    right_attempt_id: int | None = Field(default=None, sa_type=ROW_ID)
    right_position: int | None = None
    right_sha256: str | None = Field(default=None, max_length=64)
    rule: str
    propensity: float
    purpose: str
    salt: str
    created_at: datetime
    shown_at: datetime | None = None
    expires_at: datetime


class VoteRow(SQLModel, table=True):
    """What was said of a battle, once; a vote that was taken back stays, marked, and leaves room for another.

    `facts` are contenders, verdict, prompt and voter in 28 bytes, which is what a million of them are read by.
    """

    __tablename__ = "vote"
    __table_args__ = (
        one_of("verdict", Verdict),
        one_of("kind", VoterKind),
        one_of("mode", Mode),
        Index(
            "uq_vote_standing",
            "battle_id",
            unique=True,
            **_only("undone_at IS NULL"),
        ),
        Index(None, "voter_id", "cast_at"),
        Index(None, "network", "cast_at"),
        # Few votes are set apart or check a voter: boards count them without reading the others.
        Index("ix_vote_set_apart", "quarantine", **_only("quarantine IS NOT NULL")),
        Index("ix_vote_checks", "voter_id", "purpose", **_only("purpose <> 'rate'")),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    battle_id: int = Field(foreign_key="battle.id", sa_type=ROW_ID)
    voter_id: str = Field(foreign_key="voter.id", max_length=64)
    verdict: str
    cast_at: datetime
    dwell_ms: int = Field(sa_type=BigInteger)
    network: str | None = Field(default=None, max_length=64)
    undone_at: datetime | None = None
    quarantine: str | None = None
    kind: str
    mode: str
    category: str
    simulated: bool
    purpose: str
    facts: bytes = Field(sa_type=LargeBinary)
    first_epoch: int | None = Field(default=None, sa_type=BigInteger, sa_column_kwargs={"default": CurrentEpoch()})
    changed_epoch: int = Field(default=None, sa_type=BigInteger, sa_column_kwargs=CHANGED)
