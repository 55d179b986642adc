"""Pairs that check the voter: gold pairs, what can be shown once more, and what voters answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.domain.battle import Battle, Purpose, Verdict, VoterKind
from arena.domain.check import GoldPair
from arena.errors import ConfigError
from arena.store.battles import BATTLE, CONTENDER, VOTE, VOTER, battle_of
from arena.store.contenders import DEGRADED
from arena.store.runs import ATTEMPT, IMAGE, TRIAL
from arena.store.schema import METADATA

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

GOLD_PAIR = METADATA.tables["gold_pair"]
DECIDED = (Verdict.LEFT, Verdict.RIGHT)
CHECKING = VOTE.c.purpose != sa.literal_column(f"'{Purpose.RATE}'")
"""Spelt out, so that the index over these few votes is used."""


def repeatable(connection: Connection, voter_id: str, after: int) -> list[Battle]:
    """Battles of a voter that can be shown once more: decided, and with at least `after` pairs shown since.

    Those that were repeated before, that stand aside or were taken back, and those whose images are not here are left
    out; so are those whose pair has not been on a screen.
    """
    mine = BATTLE.c.voter_id == voter_id
    shown = mine & BATTLE.c.shown_at.is_not(None)
    recent = sa.select(BATTLE.c.id).where(shown).order_by(BATTLE.c.id.desc()).limit(after).subquery()
    before = sa.select(sa.func.min(recent.c.id)).scalar_subquery()
    again = BATTLE.alias("again")
    repeated = sa.select(again.c.id).where(
        again.c.voter_id == voter_id,
        again.c.purpose == Purpose.REPEAT,
        again.c.left_sha256 == BATTLE.c.right_sha256,
        again.c.right_sha256 == BATTLE.c.left_sha256,
        again.c.shown_at.is_not(None),
    )
    standing = (VOTE.c.battle_id == BATTLE.c.id) & VOTE.c.undone_at.is_(None) & VOTE.c.quarantine.is_(None)
    query = (
        sa.select(BATTLE)
        .join(VOTE, standing)
        .where(shown, BATTLE.c.purpose == Purpose.RATE, VOTE.c.verdict.in_(DECIDED), ~repeated.exists())
        .where(BATTLE.c.left_attempt_id.is_not(None), BATTLE.c.right_attempt_id.is_not(None))
        .order_by(BATTLE.c.id)
    )
    if after > 0:
        query = query.where(BATTLE.c.id < before)
    return [battle_of(dict(row)) for row in connection.execute(query).mappings()]


# -- gold pairs --------------------------------------------------------------------------------------------------------


def gold_pairs(connection: Connection) -> list[GoldPair]:
    """Every pair that was declared, those withdrawn included, oldest first."""
    rows = connection.execute(sa.select(GOLD_PAIR).order_by(GOLD_PAIR.c.id)).mappings()
    return [GoldPair.model_validate(dict(row)) for row in rows]


def declare_gold(connection: Connection, better: str, worse: str, reason: str, now: datetime) -> GoldPair:
    """Declare that of two images of one prompt the first is better, as everybody must see.

    ConfigError if they are not images of one prompt by two contenders, or if the pair is declared already.
    """
    prompts = {}
    for sha256 in (better, worse):
        prompts[sha256] = {
            (row.prompt_id, row.prompt_sha256, row.endpoint_id)
            for row in connection.execute(
                sa.select(TRIAL.c.prompt_id, TRIAL.c.prompt_sha256, TRIAL.c.endpoint_id)
                .join(ATTEMPT, ATTEMPT.c.trial_id == TRIAL.c.id)
                .join(IMAGE, IMAGE.c.attempt_id == ATTEMPT.c.id)
                .where(IMAGE.c.sha256 == sha256)
            )
        }
        if not prompts[sha256]:
            raise ConfigError(f"there is no image {sha256!r}; `arena competitions PROMPT --json` lists their hashes")
    met = [(a, b) for a in prompts[better] for b in prompts[worse] if a[:2] == b[:2] and a[2] != b[2]]
    if not met:
        raise ConfigError("a gold pair is two images of one prompt by two contenders; these two are not")
    standing = [p for p in gold_pairs(connection) if p.withdrawn_at is None]
    if any({p.better_sha256, p.worse_sha256} == {better, worse} for p in standing):
        raise ConfigError("this pair is declared already; `arena votes gold ls` shows it")
    row = {
        "prompt_id": met[0][0][0],
        "prompt_sha256": met[0][0][1],
        "better_sha256": better,
        "worse_sha256": worse,
        "reason": reason,
        "declared_at": now,
    }
    stored = connection.execute(GOLD_PAIR.insert().returning(*GOLD_PAIR.c), row).mappings().one()
    return GoldPair.model_validate(dict(stored))


def withdraw_gold(connection: Connection, gold_id: int, now: datetime) -> bool:
    """Give a gold pair up: it is shown no longer, and no answer to it counts. Whether there was one."""
    standing = (GOLD_PAIR.c.id == gold_id) & GOLD_PAIR.c.withdrawn_at.is_(None)
    return connection.execute(GOLD_PAIR.update().where(standing).values(withdrawn_at=now)).rowcount == 1


# -- what voters answered ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Answers:
    """What one voter answered to pairs that check: how many repeats were decided, how many of them as before, how many
    gold pairs were answered, and how many of them rightly.
    """

    repeats: int = 0
    alike: int = 0
    gold: int = 0
    right: int = 0


def answers(connection: Connection, voter_id: str | None = None) -> dict[str, Answers]:
    """What voters answered, by voter; only those who have met a pair that checks (None: every voter).

    A repeat counts when both answers chose a side. On a gold pair, both sides being equal is a wrong answer; a skip and
    both being bad are none, as the better image may be bad, too. Answers that were taken back count as given: the right
    one is told after the first. Gold pairs that were withdrawn, and those of other places, are not counted.
    """
    found: dict[str, Answers] = {}
    for row in connection.execute(_of(_repeats(), voter_id)):
        mine = found.setdefault(row.voter_id, Answers())
        mine.repeats += 1
        mine.alike += row.verdict != row.first  # the sides are swapped
    for row in connection.execute(_of(_gold(connection), voter_id)):
        better = Verdict.LEFT if row.better_left else Verdict.RIGHT
        mine = found.setdefault(row.voter_id, Answers())
        mine.gold += 1
        mine.right += row.verdict == better
    return found


def _of(query: sa.Select[tuple[object, ...]], voter_id: str | None) -> sa.Select[tuple[object, ...]]:
    return query if voter_id is None else query.where(VOTE.c.voter_id == voter_id)


def _repeats() -> sa.Select[tuple[object, ...]]:
    before, said = BATTLE.alias("before"), VOTE.alias("said")
    same = (
        (before.c.voter_id == BATTLE.c.voter_id)
        & (before.c.purpose == Purpose.RATE)
        & (before.c.left_sha256 == BATTLE.c.right_sha256)
        & (before.c.right_sha256 == BATTLE.c.left_sha256)
    )
    return (
        sa.select(VOTE.c.voter_id, VOTE.c.verdict, said.c.verdict.label("first"))
        .join(BATTLE, BATTLE.c.id == VOTE.c.battle_id)
        .join(before, same)
        .join(said, (said.c.battle_id == before.c.id) & said.c.undone_at.is_(None))
        .where(CHECKING, VOTE.c.purpose == Purpose.REPEAT, VOTE.c.verdict.in_(DECIDED), said.c.verdict.in_(DECIDED))
    )


def _gold(connection: Connection) -> sa.Select[tuple[object, ...]]:
    declared = {(p.better_sha256, p.worse_sha256) for p in gold_pairs(connection) if p.withdrawn_at is None}
    spoilt = sa.select(CONTENDER.c.id).where(CONTENDER.c.endpoint_id == DEGRADED)
    pair = sa.tuple_(BATTLE.c.left_sha256, BATTLE.c.right_sha256)
    better_left = BATTLE.c.right_contender.in_(spoilt) | pair.in_(sorted(declared))
    better_right = BATTLE.c.left_contender.in_(spoilt) | pair.in_(sorted((b, a) for a, b in declared))
    answered = (Verdict.LEFT, Verdict.RIGHT, Verdict.TIE, Verdict.BOTH_GOOD)
    return (
        sa.select(VOTE.c.voter_id, VOTE.c.verdict, better_left.label("better_left"))
        .join(BATTLE, BATTLE.c.id == VOTE.c.battle_id)
        .where(CHECKING, VOTE.c.purpose == Purpose.GOLD, VOTE.c.verdict.in_(answered), better_left | better_right)
    )


def dwell_times_ms(connection: Connection, voter_id: str | None = None) -> dict[str, list[int]]:
    """How long people looked before each vote that was cast here, in milliseconds, by voter.

    Imported votes are left out: how their arena measured is not known.
    """
    query = (
        sa.select(VOTE.c.voter_id, VOTE.c.dwell_ms)
        .join(BATTLE, BATTLE.c.id == VOTE.c.battle_id)
        .where(VOTE.c.kind == VoterKind.HUMAN, BATTLE.c.salt != "")
    )
    found: dict[str, list[int]] = {}
    for row in connection.execute(_of(query, voter_id)):
        found.setdefault(row.voter_id, []).append(row.dwell_ms)
    return found


def votes_by_voter(connection: Connection) -> dict[str, int]:
    """How many votes each voter has cast and not taken back, those set apart included; 0 for voters without any."""
    counted = (VOTE.c.voter_id == VOTER.c.id) & VOTE.c.undone_at.is_(None)
    query = sa.select(VOTER.c.id, sa.func.count(VOTE.c.id)).outerjoin(VOTE, counted).group_by(VOTER.c.id)
    return {voter: int(count) for voter, count in connection.execute(query)}
