"""What is set apart and why, and what is known of each voter's care."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arena.battles import voter_checks
from arena.domain.check import Ruler, Ruling, Standing
from arena.errors import ConfigError, UnknownNameError
from arena.store import battles, checks, rulings

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from arena.battles.house import House
    from arena.metrics.base import Figure
    from arena.store.engine import Connection

DECLARED = "declared by the operator"


@dataclass(frozen=True, slots=True)
class VoterRow:
    """One voter: votes cast, the checks, and the ruling that counts, if there is one."""

    voter: str
    votes: int
    checks: voter_checks.VoterChecks
    ruling: Ruling | None


def voters(connection: Connection) -> list[VoterRow]:
    """Every voter, the most votes first. One of whom nothing is known could not be checked; that is no failure."""
    found, said = voter_checks.assess(connection), rulings.rulings_on_voters(connection)
    nothing = voter_checks.assessed(checks.Answers(), [])
    rows = [
        VoterRow(voter, votes, found.get(voter, nothing), said.get(voter))
        for voter, votes in checks.votes_by_voter(connection).items()
    ]
    return sorted(rows, key=lambda row: (-row.votes, row.voter))


def voters_json(rows: list[VoterRow]) -> list[dict[str, Any]]:
    """The same for machines."""
    return [
        {
            "voter": row.voter,
            "votes": row.votes,
            "standing": row.checks.standing,
            "consistency": _figure(row.checks.consistency, row.checks.consistent),
            "accuracy_on_gold": _figure(row.checks.accuracy, row.checks.accurate),
            "votes_under_one_second": _figure(row.checks.hasty_share, row.checks.unhurried),
            "set_apart": bool(row.ruling and row.ruling.apart),
            "ruling": None if row.ruling is None else row.ruling.model_dump(mode="json", exclude_none=True),
        }
        for row in rows
    ]


def _figure(figure: Figure, standing: Standing) -> dict[str, Any]:
    return {"share": figure.value, "n": figure.n, "low": figure.low, "high": figure.high, "standing": standing}


def quarantine(connection: Connection) -> dict[str, Any]:
    """Votes that are set apart: how many, for which reasons, whose; and how many voters passed, failed, or neither."""
    apart = rulings.set_apart(connection)
    of_voter, of_vote = rulings.rulings_on_voters(connection), rulings.rulings_on_votes(connection)
    by_reason: dict[str, int] = {}
    for group in apart:
        words = group.reason.partition(":")[0].strip()
        by_reason[words] = by_reason.get(words, 0) + group.votes
    standings = [row.checks.standing for row in voters(connection)]
    return {
        "votes": sum(group.votes for group in apart),
        "reasons": dict(sorted(by_reason.items(), key=lambda item: (-item[1], item[0]))),
        "voters": {standing.value: standings.count(standing) for standing in Standing},
        "groups": [
            {
                "voter": group.voter_id,
                "reason": group.reason,
                "by": _ruler(group, of_voter, of_vote),
                "votes": group.votes,
                "vote_ids": list(group.vote_ids),
                "last_at": group.last_at.isoformat(),
            }
            for group in apart
        ],
    }


def _ruler(group: rulings.SetApart, of_voter: dict[str, Ruling], of_vote: dict[int, Ruling]) -> str | None:
    """Who set these votes apart; None where it came with an import."""
    said = of_voter.get(group.voter_id)
    if said is not None and said.apart and said.reason == group.reason:
        return said.by.value
    by = {of_vote[i].by.value for i in group.vote_ids if i in of_vote}
    return by.pop() if len(by) == 1 else None


def declare(
    connection: Connection,
    now: datetime,
    *,
    apart: bool,
    reason: str,
    voter: str | None = None,
    vote: int | None = None,
) -> None:
    """The operator's word about a voter or one vote: it stands until another one. ConfigError for an unknown one."""
    if not reason.strip():
        raise ConfigError("--reason is empty; say why, as others will read it")
    if (voter is None) == (vote is None):
        raise ConfigError("name a voter, or one vote with --vote ID; `arena votes quarantine --json` lists both")
    if voter is not None and battles.voter_kind(connection, voter) is None:
        raise UnknownNameError("voter", voter, checks.votes_by_voter(connection), "votes quarantine")
    if vote is not None and not rulings.vote_exists(connection, vote):
        raise ConfigError(f"there is no vote {vote}; `arena votes quarantine --json` lists those set apart")
    said = f"{DECLARED}: {reason.strip()}" if apart else reason.strip()
    rulings.rule(connection, Ruling(voter_id=voter, vote_id=vote, apart=apart, reason=said, by=Ruler.OPERATOR, at=now))


def review(connection: Connection, house: House, now: datetime) -> list[Ruling]:
    """Apply the rules of the house to everything that is stored; returns the rulings on voters that this made."""
    made = voter_checks.review_all(connection, now)
    rulings.mark_over_caps(connection, house.votes_per_voter_and_day, house.votes_per_network_and_day, now)
    return made
