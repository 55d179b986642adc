"""Votes of an export, stored: in bulk, in the order in which they were cast, each once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from arena.domain.battle import Verdict
from arena.store.battles import BATTLE, CONTENDER, FACTS, VERDICT_CODE, VOTE, VOTER, key_of
from arena.store.exchange.loading.tally import Row, RowError, Tally, in_pieces
from arena.store.exchange.voted import WINNER
from arena.store.runs import PROMPT, insert_ignore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

VERDICT = {winner: verdict for verdict, winner in WINNER.items()}
MIRRORED = {Verdict.LEFT: Verdict.RIGHT, Verdict.RIGHT: Verdict.LEFT}
CELL = "imported"
LONGEST_VOTER, LONGEST_TOKEN = 64, 64


@dataclass(slots=True)
class Votes:
    """Stores votes; remembers the contenders that it has met."""

    connection: Connection
    _contenders: dict[tuple[str, bool], int] = field(default_factory=dict)

    def load(self, rows: Sequence[Row]) -> Tally:
        """Store rows of `votes`. A vote that is known gets its marks: taken back, or set apart.

        Votes that were cast here are left alone.
        """
        for place, row in enumerate(rows):
            _check(place, row)
        tokens = [_token(row) for row in rows]
        battles = self._battles(tokens)
        ours = {token for token, (_, salt) in battles.items() if salt}
        fresh = {t: row for t, row in zip(tokens, rows, strict=True) if t not in battles}
        if fresh:
            self._make_known(list(fresh.values()))
            self._insert_battles(fresh)
            battles = self._battles(tokens)
        stored = self._votes([battle_id for battle_id, _ in battles.values()])
        tally, new = Tally(), []
        for token, row in zip(tokens, rows, strict=True):
            battle_id = battles[token][0]
            vote = stored.get((battle_id, row["tstamp"]))
            if vote is None and token not in ours:
                new.append(self._vote_row(battle_id, row))
            elif vote is None or token in ours or (vote.undone_at, vote.quarantine) == _marks(row):
                tally.known += 1
            else:
                undone_at, quarantine = _marks(row)
                changed = VOTE.update().where(VOTE.c.id == vote.id)
                self.connection.execute(changed.values(undone_at=undone_at, quarantine=quarantine))
                tally.changed += 1
        if new:
            self.connection.execute(VOTE.insert(), new)
        tally.new = len(new)
        return tally

    def _battles(self, tokens: Sequence[str]) -> dict[str, tuple[int, str]]:
        found: dict[str, tuple[int, str]] = {}
        for piece in in_pieces(set(tokens)):
            query = sa.select(BATTLE.c.token_sha256, BATTLE.c.id, BATTLE.c.salt).where(BATTLE.c.token_sha256.in_(piece))
            found |= {row.token_sha256: (row.id, row.salt) for row in self.connection.execute(query)}
        return found

    def _votes(self, battle_ids: Sequence[int]) -> dict[tuple[int, datetime], Any]:
        found: dict[tuple[int, datetime], Any] = {}
        for piece in in_pieces(set(battle_ids)):
            query = sa.select(VOTE.c.id, VOTE.c.battle_id, VOTE.c.cast_at, VOTE.c.undone_at, VOTE.c.quarantine)
            for row in self.connection.execute(query.where(VOTE.c.battle_id.in_(piece))):
                found[row.battle_id, row.cast_at] = row
        return found

    def _make_known(self, rows: Sequence[Row]) -> None:
        """Contenders, voters and prompts that these votes name and that are not there."""
        voters, prompts, contenders = {}, {}, {}
        lists = dict.fromkeys(("tags_json", "sources_json", "source_sha256_json", "legible_text_json"), "[]")
        for row in rows:
            voters[row["evaluation_session_id"]] = {
                "id": row["evaluation_session_id"], "kind": row["voter_kind"], "label": row["voter_label"],
                "created_at": row["tstamp"],
            }  # fmt: skip
            key = (row["prompt_id"], row["prompt_sha256"])
            names = {"id": key[0], "sha256": key[1], "text": row["prompt"], "category": row["category"]}
            prompts[key] = {**names, "mode": row["mode"], "clip_tokens": 1, **lists}
            for side in ("a", "b"):
                who = (row[f"model_{side}"], row["simulated"])
                if who not in self._contenders:
                    weights = row[f"weights_{side}"]
                    contenders[who] = {
                        "endpoint_id": who[0], "simulated": who[1], "provider": row[f"provider_{side}"],
                        "model": weights, "family": weights, "added_at": row["tstamp"],
                    }  # fmt: skip
        for table, made in ((VOTER, voters), (PROMPT, prompts), (CONTENDER, contenders)):
            if made:
                insert_ignore(self.connection, table, list(made.values()))
        if contenders:
            query = sa.select(CONTENDER.c.id, CONTENDER.c.endpoint_id, CONTENDER.c.simulated)
            for known in self.connection.execute(query):
                self._contenders[known.endpoint_id, known.simulated] = known.id

    def _insert_battles(self, fresh: dict[str, Row]) -> None:
        rows = []
        for token, row in fresh.items():
            left, right = ("a", "b") if row["side_a"] == "left" else ("b", "a")
            same = {name: row[name] for name in ("prompt_id", "prompt_sha256", "mode", "category", "simulated", "rule",
                                                 "propensity", "purpose")}  # fmt: skip
            sides = {
                f"{name}_{what}": value
                for name, side in (("left", left), ("right", right))
                for what, value in (
                    ("contender", self._contenders[row[f"model_{side}"], row["simulated"]]),
                    ("sha256", row[f"image_{side}_sha256"]),
                )
            }
            at = dict.fromkeys(("created_at", "shown_at", "expires_at"), row["tstamp"])
            rows.append(
                {"token_sha256": token, "voter_id": row["evaluation_session_id"], "cell": CELL, **same, **sides, **at,
                 "salt": ""}
            )  # fmt: skip
        self.connection.execute(BATTLE.insert(), rows)

    def _vote_row(self, battle_id: int, row: Row) -> Row:
        verdict, left, right = VERDICT[row["winner"]], row["model_a"], row["model_b"]
        if row["side_a"] == "right":
            verdict, left, right = MIRRORED.get(verdict, verdict), right, left
        undone_at, quarantine = _marks(row)
        facts = FACTS.pack(
            self._id(left, row["simulated"]),
            self._id(right, row["simulated"]),
            key_of(f"{row['prompt_id']}/{row['prompt_sha256']}"),
            key_of(row["evaluation_session_id"]),
            VERDICT_CODE[verdict],
        )
        return {
            "battle_id": battle_id, "voter_id": row["evaluation_session_id"], "verdict": verdict,
            "cast_at": row["tstamp"], "dwell_ms": row["dwell_ms"], "network": None, "undone_at": undone_at,
            "quarantine": quarantine, "kind": row["voter_kind"], "mode": row["mode"], "category": row["category"],
            "simulated": row["simulated"], "purpose": row["purpose"], "facts": facts,
        }  # fmt: skip

    def _id(self, name: str, simulated: bool) -> int:
        if (name, simulated) not in self._contenders:
            same = (CONTENDER.c.endpoint_id == name) & (CONTENDER.c.simulated == simulated)
            found = self.connection.execute(sa.select(CONTENDER.c.id).where(same)).scalar_one()
            self._contenders[name, simulated] = int(found)
        return self._contenders[name, simulated]


def _marks(row: Row) -> tuple[datetime | None, str | None]:
    return row["undone_at"], row["quarantine"]


def _check(place: int, row: Row) -> None:
    if row["model_a"] == row["model_b"]:
        raise RowError(place, f"model_a and model_b are both {row['model_a']!r}")
    if not 0 < row["propensity"] <= 1:
        raise RowError(place, f"propensity is {row['propensity']}; it is above 0 and at most 1")
    if row["dwell_ms"] < 0:
        raise RowError(place, f"dwell_ms is {row['dwell_ms']}")
    if len(row["evaluation_session_id"]) > LONGEST_VOTER:
        raise RowError(place, f"evaluation_session_id has more than {LONGEST_VOTER} characters")
    if row["battle"] is not None and len(row["battle"]) > LONGEST_TOKEN:
        raise RowError(place, f"battle has more than {LONGEST_TOKEN} characters")


def _token(row: Row) -> str:
    """What tells a battle from every other one, also where its name was taken out for publication."""
    if row["battle"] is not None:
        return str(row["battle"])
    named = ("id", "evaluation_session_id", "evaluation_order", "tstamp", "model_a", "model_b", "winner", "prompt_id")
    return hashlib.sha256("\x00".join(str(row[name]) for name in named).encode()).hexdigest()
