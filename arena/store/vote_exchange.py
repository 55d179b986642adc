"""Votes of other arenas, read from rows: in the column names of LMArena's public human-preference data.

`id`, `model_a`, `model_b`, `winner`, `evaluation_session_id` and `evaluation_order` are theirs
(https://huggingface.co/datasets/lmarena-ai/arena-human-preference-140k); the other columns are ours. What such data
lacks gets a default on the way in.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from arena.domain.battle import Battle, Cell, Entry, Purpose, Rule, Verdict, Vote, VoterKind
from arena.domain.request import Mode
from arena.errors import ConfigError
from arena.store.battles import BATTLE, CONTENDER, VOTE, register_voter, write_battle, write_vote
from arena.store.engine import OF_A_VALUE
from arena.store.exchange.voted import WINNER
from arena.store.runs import PROMPT, insert_ignore

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

VERDICT = {winner: verdict for verdict, winner in WINNER.items()} | {"tie (bothbad)": Verdict.BOTH_BAD}
LONGEST_VOTER, LONGEST_NAME = 64, 200


@dataclass(frozen=True, slots=True)
class Imported:
    """How many votes were stored, and how many were there already."""

    stored: int
    known: int


def imported(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> Imported:
    """Store votes from rows, in their order; what was imported before is not stored again.

    ConfigError names the row that cannot be read; the caller's transaction ends with it, so that none is stored.
    """
    people: dict[tuple[str, bool], int] = {}
    stored = known = 0
    for number, row in enumerate(rows, start=1):
        try:
            if _store(connection, row, number, people):
                stored += 1
            else:
                known += 1
        except (KeyError, ValueError, TypeError, OverflowError, OSError, *OF_A_VALUE) as error:
            raise ConfigError(f"row {number}: {_problem(error)}") from None
    return Imported(stored, known)


def _problem(error: Exception) -> str:
    if isinstance(error, OF_A_VALUE):
        return "holds a value that the database cannot store"
    return f"the column {error} is missing" if isinstance(error, KeyError) else str(error).split("\n")[0]


def _store(connection: Connection, row: Mapping[str, Any], number: int, people: dict[tuple[str, bool], int]) -> bool:
    """Store one row; False if it was imported before."""
    winner = str(row["winner"])
    if winner not in VERDICT:
        raise ValueError(f"winner is {winner!r}; known are {', '.join(WINNER.values())}")
    verdict, simulated = VERDICT[winner], _boolean(_or(row, "simulated", False))
    token_sha256 = _fingerprint(row, number)
    if connection.execute(sa.select(BATTLE.c.id).where(BATTLE.c.token_sha256 == token_sha256)).first():
        return False
    cast_at = _moment(_or(row, "tstamp", None)) or datetime.now(UTC)
    left, right = (_entry(connection, row, side, people, simulated=simulated, at=cast_at) for side in ("a", "b"))
    side = _or(row, "side_a", "left")
    if side not in {"left", "right"}:
        raise ValueError(f"side_a is {side!r}; it is left or right")
    if left.contender == right.contender:
        raise ValueError(f"model_a and model_b are both {row['model_a']!r}")
    if side == "right":
        left, right = right, left
        verdict = {Verdict.LEFT: Verdict.RIGHT, Verdict.RIGHT: Verdict.LEFT}.get(verdict, verdict)
    kind = VoterKind(_or(row, "voter_kind", VoterKind.HUMAN))
    voter = str(_or(row, "evaluation_session_id", "unknown"))
    voter = voter if len(voter) <= LONGEST_VOTER else hashlib.sha256(voter.encode()).hexdigest()
    register_voter(connection, voter, kind, _or(row, "voter_label", None))
    battle = write_battle(
        connection,
        Battle(
            id=0,
            voter_id=voter,
            cell=_cell(connection, row, simulated=simulated),
            left=left,
            right=right,
            rule=Rule(_or(row, "rule", Rule.UNIFORM)),
            propensity=float(_or(row, "propensity", 1.0)),
            purpose=Purpose(_or(row, "purpose", Purpose.RATE)),
            salt="",
            created_at=cast_at,
            shown_at=cast_at,
            expires_at=cast_at,
        ),
        token_sha256,
    )
    dwell_ms = int(_or(row, "dwell_ms", 0))
    vote = Vote(battle_id=battle.id, voter_id=voter, verdict=verdict, cast_at=cast_at, dwell_ms=dwell_ms)
    write_vote(connection, battle, vote, kind)
    marks = {"undone_at": _moment(_or(row, "undone_at", None)), "quarantine": _or(row, "quarantine", None)}
    if any(marks.values()):
        connection.execute(VOTE.update().where(VOTE.c.battle_id == battle.id).values(marks))
    return True


def _fingerprint(row: Mapping[str, Any], number: int) -> str:
    """What tells an imported vote from every other one: the same file gives the same once more."""
    named = ("id", "evaluation_session_id", "evaluation_order", "tstamp", "model_a", "model_b", "winner", "prompt_id")
    parts = [str(_or(row, name, "")) for name in named]
    return hashlib.sha256("\x00".join(parts if parts[0] else [*parts, str(number)]).encode()).hexdigest()


def _boolean(value: Any) -> bool:
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    text = str(value).strip().lower().removesuffix(".0")
    if text not in known:
        raise ValueError(f"simulated is {value!r}; it is true or false")
    return known[text]


def _entry(
    connection: Connection,
    row: Mapping[str, Any],
    side: str,
    people: dict[tuple[str, bool], int],
    *,
    simulated: bool,
    at: datetime,
) -> Entry:
    name = str(_or(row, f"model_{side}", "")).strip()
    if not name or len(name) > LONGEST_NAME:
        raise ValueError(f"model_{side} names no contender")
    provider = str(_or(row, f"provider_{side}", name.partition("/")[0]))
    weights = str(_or(row, f"weights_{side}", name.partition("/")[2] or name))
    if (name, simulated) not in people:
        values = {
            "endpoint_id": name,
            "simulated": simulated,
            "provider": provider,
            "model": weights,
            "family": weights,
        }
        insert_ignore(connection, CONTENDER, [{**values, "added_at": at}])
        known = (CONTENDER.c.endpoint_id == name) & (CONTENDER.c.simulated == simulated)
        people[name, simulated] = int(connection.execute(sa.select(CONTENDER.c.id).where(known)).scalar_one())
    sha256 = _or(row, f"image_{side}_sha256", None)
    return Entry(contender=people[name, simulated], attempt_id=None, position=None, sha256=sha256, cell="imported")


def _cell(connection: Connection, row: Mapping[str, Any], *, simulated: bool) -> Cell:
    """The prompt of a row; one that is not known here is made known, so that it can be read."""
    text = str(_or(row, "prompt", ""))
    prompt_id = str(_or(row, "prompt_id", hashlib.sha256((text or str(row.get("id"))).encode()).hexdigest()[:16]))
    sha256 = str(_or(row, "prompt_sha256", hashlib.sha256(text.encode()).hexdigest()))
    mode, category = Mode(_or(row, "mode", Mode.TEXT_TO_IMAGE)), str(_or(row, "category", "imported"))
    values = {"id": prompt_id, "sha256": sha256, "text": text, "category": category, "mode": mode, "clip_tokens": 1}
    lists = dict.fromkeys(("tags_json", "sources_json", "source_sha256_json", "legible_text_json"), "[]")
    insert_ignore(connection, PROMPT, [{**values, **lists}])
    return Cell(
        key="imported", prompt_id=prompt_id, prompt_sha256=sha256, mode=mode, category=category, simulated=simulated
    )


def _or(row: Mapping[str, Any], name: str, default: Any) -> Any:
    """A value, or the default where it is missing, empty or not a number."""
    value = row.get(name)
    missing = value is None or value == "" or value != value
    return default if missing else value


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    moment = (
        datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else datetime.fromisoformat(str(value))
    )
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
