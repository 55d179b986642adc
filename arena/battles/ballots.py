"""A ballot: a pair that is stored before it is shown, and a token that casts one vote on it.

Pair, sides, propensity and the hash of the token are committed first. A vote needs the token, its voter, a minimum time
on the screen and a ballot that has not expired; however often it arrives, it counts once. Names are told in the receipt
of one's own vote and nowhere else.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from arena.battles import check_pairs, voter_checks
from arena.battles.house import House as House
from arena.battles.pairing import Outlook, Pair, draw
from arena.battles.pool import Pool
from arena.domain.battle import Battle, Purpose, Verdict, Vote, VoterKind
from arena.errors import BallotError, TooEarlyError
from arena.store import battles, contenders, entries, rulings

if TYPE_CHECKING:
    from collections.abc import Callable

    from arena.domain.battle import Cell, Contender
    from arena.domain.request import Mode
    from arena.store.battles import Seen
    from arena.store.engine import Connection, Database

MOST_DRAWS = 20
"""How often a pair is drawn anew that another window of the same voter has taken meanwhile."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """What may be shown before the vote: the prompt's cell, two image names that mean nothing, and the token."""

    token: str = field(repr=False)
    cell: Cell
    left_name: str
    right_name: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """What may be shown after it: who made which image. `counted` is False for one that had been counted before."""

    battle: Battle
    vote: Vote
    left: Contender
    right: Contender
    counted: bool


class Ballots:
    """Opens ballots and counts votes over one database. Safe to use from several threads and processes."""

    def __init__(
        self, database: Database, house: House | None = None, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database, self.house, self._now = database, house or House(), now

    def register(self, voter_id: str, kind: VoterKind = VoterKind.HUMAN, label: str | None = None) -> None:
        """Make a voter known."""
        with self._database.write() as connection:
            battles.register_voter(connection, voter_id, kind, label)

    def pool(self, *, simulated: bool, mode: Mode | None = None, category: str | None = None) -> Pool:
        """Everything that can be drawn now; enrolls endpoints that have delivered their first image."""
        with self._database.read() as connection:
            new = contenders.newcomers(connection, self._now())
        if new:  # a run that is being measured writes, too, and must not wait for what is only read
            with self._database.write() as connection:
                contenders.enroll(connection, new)
        with self._database.read() as connection:
            cells, images = entries.entries(connection, simulated=simulated)
        pool = Pool.of(cells, images)
        wanted = [c.key for c in cells if mode in {None, c.mode} and category in {None, c.category}]
        return pool if len(wanted) == len(cells) else pool.restricted(wanted)

    def open(
        self,
        voter_id: str,
        pool: Pool,
        outlook: Outlook | None = None,
        *,
        shown: bool = True,
        besides: frozenset[str] = frozenset(),
        seed: int | None = None,
    ) -> Ballot | None:
        """Draw a pair for a voter and store it; None when nothing is left that this voter may see.

        `outlook` is in the order of `pool.contenders`. With `shown` False the pair is only being loaded, and `show`
        says when it appears. `besides` are images that this voter is about to be told the makers of. A seed makes the
        draw repeatable. BallotError once the voter has been given more pairs today than anybody looks at.
        """
        rng = np.random.default_rng(seed)
        if outlook is not None and len(outlook.votes) != len(pool.contenders):
            outlook = None  # of another pool: somebody has joined meanwhile
        for _ in range(MOST_DRAWS):
            battle = self._drawn(voter_id, pool, outlook or Outlook.blank(len(pool.contenders)), besides, rng)
            if battle is None:
                return None
            if shown:
                battle = battle.model_copy(update={"shown_at": battle.created_at})
            token = secrets.token_urlsafe(32)
            with self._database.write() as connection:
                battles.hold_voter(connection, voter_id)
                if battles.is_taken(connection, battle):
                    continue  # another window of this voter has drawn the same pair meanwhile
                battle = battles.write_battle(connection, battle, _hash(token))
            names = (image_name(battle, "left"), image_name(battle, "right"))
            return Ballot(token, battle.cell, *names, battle.expires_at)
        raise BallotError("other windows of yours have taken every pair that was drawn; go on there, or try again")

    def _drawn(
        self, voter_id: str, pool: Pool, outlook: Outlook, besides: frozenset[str], rng: np.random.Generator
    ) -> Battle | None:
        """A pair for this voter that is not stored yet; None when nothing is left."""
        most = self.house.pairs_per_voter_and_day
        with self._database.read() as connection:
            if battles.voter_kind(connection, voter_id) is None:
                raise BallotError("this voter is not known; reload the page")
            day = self._now() - timedelta(days=1)
            if most is not None and battles.battles_since(connection, day, voter_id) >= most:
                raise BallotError("you have been given more pairs today than anybody looks at; come back tomorrow")
            seen = battles.seen(connection, voter_id, self._now()).told(besides)
        apart = seen.told(seen.waiting)  # a vote on either of two pairs that share an image would close the other
        purpose = check_pairs.purpose(self.house, rng)
        checking = None if purpose is Purpose.RATE else self._checking(purpose, voter_id, pool, apart, rng)
        if checking is not None:
            return self._battle(voter_id, checking, purpose)
        drawn = _rating(pool, apart, outlook, rng) or _rating(pool, seen, outlook, rng)
        return None if drawn is None else self._battle(voter_id, drawn, Purpose.RATE)

    def _checking(
        self, purpose: Purpose, voter_id: str, pool: Pool, seen: Seen, rng: np.random.Generator
    ) -> check_pairs.Drawn | None:
        """A pair that checks the voter, if there is one of this kind."""
        if not pool.cell_keys:
            return None
        if purpose is Purpose.REPEAT:
            with self._database.read() as connection:
                return check_pairs.repeat(connection, voter_id, pool, self.house, rng)
        simulated = pool.cells[pool.cell_keys[0]].simulated
        with self._database.write() as connection:
            return check_pairs.gold(connection, pool, seen, self._now(), rng, simulated=simulated)

    def _battle(self, voter_id: str, drawn: check_pairs.Drawn, purpose: Purpose) -> Battle:
        now = self._now()
        cell, left, right, rule, propensity = drawn
        return Battle(
            id=0,
            voter_id=voter_id,
            cell=cell,
            left=left,
            right=right,
            rule=rule,
            propensity=propensity,
            purpose=purpose,
            salt=secrets.token_hex(16),
            created_at=now,
            expires_at=now + timedelta(seconds=self.house.expires_after_s),
        )

    def battle(self, token: str) -> Battle:
        """The stored pair of a token, for whoever makes its images; BallotError if there is none."""
        with self._database.read() as connection:
            held = battles.standing(connection, _hash(token))
        if held is None:
            raise BallotError("this ballot does not exist; the next pair is a new one")
        return held.battle

    def show(self, token: str, voter_id: str) -> None:
        """Note that a pair is on the voter's screen now; the least dwell counts from here."""
        with self._database.write() as connection:
            held = battles.standing(connection, _hash(token))
            if held is not None and held.battle.voter_id == voter_id:
                battles.mark_shown(connection, held.battle.id, self._now())

    def cast(self, token: str, voter_id: str, verdict: Verdict, dwell_ms: int, network: str | None = None) -> Receipt:
        """Count a vote, once; it is stored before this returns.

        The same vote again gives the same receipt. BallotError, in one sentence for the voter, for anything else.
        """
        now = self._now()
        with self._database.write() as connection:
            held = battles.standing(connection, _hash(token))
            if held is None or held.battle.voter_id != voter_id:
                raise BallotError("this ballot does not exist; the next pair is a new one")
            if held.vote is not None:
                return self._again(connection, held, verdict)
            battles.hold_voter(connection, voter_id)
            self._refuse(connection, held.battle, dwell_ms, network, now)
            vote = Vote(
                battle_id=held.battle.id,
                voter_id=voter_id,
                verdict=verdict,
                cast_at=now,
                dwell_ms=min(dwell_ms, _open_ms(held.battle, now)),
                network=network,
            )
            kind = battles.voter_kind(connection, voter_id) or VoterKind.HUMAN
            ruling = rulings.ruling_on_voter(connection, voter_id)
            apart = ruling.reason if ruling is not None and ruling.apart else None
            if not battles.write_vote(connection, held.battle, vote, kind, apart):
                stood = battles.standing(connection, _hash(token))
                if stood is None or stood.vote is None:
                    raise BallotError("this vote could not be counted; try again")
                return self._again(connection, stood, verdict)
            if held.battle.purpose is not Purpose.RATE or vote.dwell_ms < voter_checks.HASTY_MS:
                voter_checks.review(connection, voter_id, now)  # only what such votes tell can change it
            return _receipt(connection, held.battle, vote, counted=True)

    def undo(self, token: str, voter_id: str) -> bool:
        """Take one's own vote back, within a few seconds; whether it was.

        The pair is closed then: its names were told, and a vote on it would no longer be blind.
        """
        now = self._now()
        with self._database.write() as connection:
            held = battles.standing(connection, _hash(token))
            if held is None or held.battle.voter_id != voter_id or held.vote is None:
                return False
            return battles.undo_vote(connection, held.battle.id, now - timedelta(seconds=self.house.undo_within_s), now)

    def _again(self, connection: Connection, held: battles.Standing, verdict: Verdict) -> Receipt:
        if held.vote is None or held.vote.verdict is not verdict:
            raise BallotError("this pair has been voted on already; the next pair is a new one")
        return _receipt(connection, held.battle, held.vote, counted=False)

    def _refuse(
        self, connection: Connection, battle: Battle, dwell_ms: int, network: str | None, now: datetime
    ) -> None:
        """BallotError for what comes too early, too late, or too often."""
        if battles.was_voted(connection, battle.id):
            raise BallotError("this pair is closed: its names were told before your vote was taken back")
        revealed = battles.seen(connection, battle.voter_id).revealed if battle.purpose is Purpose.RATE else frozenset()
        if {battle.left.sha256, battle.right.sha256} & revealed:
            raise BallotError("one of these images was named to you meanwhile; the next pair is a new one")
        if now > battle.expires_at:
            raise BallotError("this ballot has expired; the next pair is a new one")
        if min(dwell_ms, _open_ms(battle, now)) < self.house.least_dwell_ms:
            raise TooEarlyError(f"look at both images for at least {self.house.least_dwell_ms} ms before voting")
        day = now - timedelta(days=1)
        most = self.house.votes_per_voter_and_day
        if most is not None and battles.votes_since(connection, day, voter_id=battle.voter_id) >= most:
            raise BallotError(f"{most} votes a day are as many as one voter's weigh; come back tomorrow")
        most = self.house.votes_per_network_and_day
        if network and most is not None:
            battles.hold_network(connection, network)
        if network and most is not None and battles.votes_since(connection, day, network=network) >= most:
            raise BallotError("too many votes have come from this network today; come back tomorrow")


def _rating(pool: Pool, seen: Seen, outlook: Outlook, rng: np.random.Generator) -> check_pairs.Drawn | None:
    """Two images that rate their makers; None when nothing is left that may be shown after what was seen."""
    meetings = pool.meetings(seen)
    pair = draw(np.asarray(meetings.any(axis=0)), outlook, rng)
    return None if pair is None else _entries(pool, seen, meetings, pair, rng)


def _entries(
    pool: Pool,
    seen: Seen,
    meetings: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    pair: Pair,
    rng: np.random.Generator,
) -> check_pairs.Drawn:
    """A cell, an image of either, and the sides, each by equal chances."""
    cell = pool.cell_keys[int(rng.choice(np.flatnonzero(meetings[:, pair.first, pair.second])))]
    sides = [pair.first, pair.second] if rng.random() < 0.5 else [pair.second, pair.first]
    left, right = (pool.pick(cell, pool.contenders[i], seen, rng) for i in sides)
    return pool.cells[cell], left, right, pair.rule, pair.propensity


def _open_ms(battle: Battle, now: datetime) -> int:
    """For how long a pair has been on the screen; 0 for one that was only loaded."""
    return 0 if battle.shown_at is None else int((now - battle.shown_at).total_seconds() * 1000)


def image_name(battle: Battle, side: str) -> str:
    """A name that says nothing: of this battle and this side alone, and equal for nobody's images."""
    return hashlib.sha256(f"{battle.salt}/{side}".encode()).hexdigest()[:32]


def _receipt(connection: Connection, battle: Battle, vote: Vote, *, counted: bool) -> Receipt:
    left, right = (contenders.contender(connection, e.contender) for e in (battle.left, battle.right))
    return Receipt(battle, vote, left, right, counted)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
