"""The leaderboard: ratings, intervals, tiers and what they rest on; the one place behind terminal, files and app."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from arena.domain.battle import Verdict, VoterKind
from arena.errors import ConfigError, UnknownNameError
from arena.ratings.connectivity import connectivity
from arena.ratings.contrasts import Contrast, contrast, least_gaps, standard_errors
from arena.ratings.davidson import ELO_PER_LOGIT, Fit, Model, fit
from arena.ratings.intervals import Precision, precision
from arena.ratings.votes import Result, Votes
from arena.reports.board_rows import ANCHOR_ELO, Entrant, Rated, Row, board_rows, warnings_of
from arena.store.battles import VERDICT_CODE
from arena.store.contenders import contenders
from arena.store.vote_facts import Wanted, check_votes, facts, facts_set_apart, voted_categories

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from arena.domain.battle import Contender
    from arena.domain.request import Mode
    from arena.store.engine import Connection

SETTLED_VOTES, SETTLED_SHARE = 10, 0.25
LEAST_FOR_DESIGN_EFFECT = 100
"""With fewer votes, what they are worth is itself a guess."""
PROMPT_SD_ELO = 100.0
"""How far a contender's skill on one prompt usually lies from its skill overall."""
GroupBy = Literal["endpoint", "family", "provider"]

_FACTS = np.dtype(
    [("left", "<i4"), ("right", "<i4"), ("prompt", "<i8"), ("voter", "<i8"), ("verdict", "i1"), ("", "V3")]
)
_RESULT = np.full(len(VERDICT_CODE), -1, dtype=np.int64)
for _verdict, _result in (
    (Verdict.LEFT, Result.LEFT),
    (Verdict.RIGHT, Result.RIGHT),
    (Verdict.TIE, Result.TIE),
    (Verdict.BOTH_GOOD, Result.TIE),
    (Verdict.BOTH_BAD, Result.TIE),
):
    _RESULT[VERDICT_CODE[_verdict]] = _result


@dataclass(frozen=True, slots=True)
class Board:
    """Which votes a leaderboard is about, and what it counts as one entrant.

    `family` joins the same weights at all their providers, `provider` all models of a provider; votes between two of
    the same entrant are left out. With `of_family` only endpoints that serve those weights take part: the providers of
    one model. With `weigh_voters` a vote counts as one over the square root of its voter's votes, so that a few
    diligent voters do not decide for all.
    """

    simulated: bool = False
    mode: Mode | None = None
    category: str | None = None
    group_by: GroupBy = "endpoint"
    of_family: str | None = None
    judges: bool = False
    weigh_voters: bool = False

    @property
    def name(self) -> str:
        """In words, as it is shown."""
        parts = [
            "simulated" if self.simulated else "",
            {"endpoint": "endpoints", "family": "models", "provider": "providers"}[self.group_by],
            f"of {self.of_family}" if self.of_family else "",
            {"t2i": "text to image", "edit": "edit"}.get(self.mode or "", ""),
            self.category or "",
            "by judges" if self.judges else "",
            "voters weighed" if self.weigh_voters else "",
        ]
        return " · ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Votes of a board that do not rate: those set apart, by reason, the most first; and those on pairs that check."""

    set_apart: Mapping[str, int] = field(default_factory=dict)
    check_votes: int = 0

    @property
    def sentence(self) -> str | None:
        """How many votes are set apart and why, or None if there are none."""
        if not self.set_apart:
            return None
        total = sum(self.set_apart.values())
        why = ", ".join(f"{votes:,} {reason}" for reason, votes in self.set_apart.items())
        noun = "vote is" if total == 1 else "votes are"
        return f"{total:,} {noun} set apart and not counted ({why}): `arena votes quarantine` lists them"


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """A board with everything that it rests on. `rows` are best first."""

    board: Board
    rows: tuple[Row, ...]
    votes: int
    prompts: int
    voters: int
    effective_votes: int | None
    tie_rate: float | None
    side_elo: float | None
    side_half_width_elo: float | None
    components: int
    warnings: tuple[str, ...]
    fitted: Fit = field(repr=False)
    precise: Precision = field(repr=False)
    columns: Votes = field(repr=False)
    voter_keys: np.ndarray[Any, np.dtype[np.int64]] = field(repr=False)
    """What stands for each voter of `columns` in the database."""
    left_out: LeftOut

    def compare(self, a: str, b: str) -> Contrast:
        """The difference of two entrants with its own interval; KeyError if one is not on the board."""
        index = {name: i for i, name in enumerate(self.columns.contenders)}
        return contrast(self.fitted, self.precise, index[a], index[b])


def leaderboard(connection: Connection, board: Board | None = None, start: Fit | None = None) -> Leaderboard:
    """Read the votes of a board and rate its entrants."""
    board = board or Board()
    if board.of_family is not None and board.group_by == "family":
        raise ConfigError("one model alone has no board of models; leave --by family out")
    everybody = [c for c in contenders(connection) if c.simulated == board.simulated]
    families = {c.family for c in everybody}
    if board.of_family is not None and board.of_family not in families:
        raise UnknownNameError("model", board.of_family, families, "leaderboard")
    if board.category is not None and board.category not in (known := voted_categories(connection)):
        raise UnknownNameError("category", board.category, known, "leaderboard")
    kind = VoterKind.JUDGE if board.judges else VoterKind.HUMAN
    raw = facts(connection, simulated=board.simulated, kind=kind, mode=board.mode, category=board.category)
    votes, keys = _read(raw, everybody, board)
    return rate(votes, board, everybody, start, voter_keys=keys, left_out=left_out(connection, board, everybody))


def left_out(
    connection: Connection, board: Board, everybody: Sequence[Contender], prompt_id: str | None = None
) -> LeftOut:
    """What of a board's votes does not rate, and why; of one prompt only if it is given."""
    kind = VoterKind.JUDGE if board.judges else VoterKind.HUMAN
    wanted = Wanted(board.simulated, kind, board.mode, board.category, prompt_id)
    apart = facts_set_apart(connection, wanted)
    counted = {reason: len(columns(raw, everybody, board)) for reason, raw in apart.items()}
    most_first = sorted(((n, reason) for reason, n in counted.items() if n), key=lambda item: (-item[0], item[1]))
    return LeftOut({reason: n for n, reason in most_first}, check_votes(connection, wanted))


def columns(raw: bytes, everybody: Sequence[Contender], board: Board) -> Votes:
    """The votes of a board as columns; entrants in alphabetical order."""
    return _read(raw, everybody, board)[0]


def _read(
    raw: bytes, everybody: Sequence[Contender], board: Board
) -> tuple[Votes, np.ndarray[Any, np.dtype[np.int64]]]:
    """The same, with the keys of the voters."""
    table = np.frombuffer(raw, dtype=_FACTS)
    taking_part = [c for c in everybody if board.of_family in {None, c.family}]
    names = sorted({_entrant(c, board) for c in taking_part})
    index = {name: i for i, name in enumerate(names)}
    of_contender = np.full(max((c.id for c in everybody), default=0) + 1, -1, dtype=np.int64)
    for c in taking_part:
        of_contender[c.id] = index[_entrant(c, board)]
    left, right = of_contender[table["left"]], of_contender[table["right"]]
    counted = (left >= 0) & (right >= 0) & (left != right)
    table, left, right = table[counted], left[counted], right[counted]
    (prompt, _), (voter, keys) = (_numbered(table[name]) for name in ("prompt", "voter"))
    weight = 1 / np.sqrt(np.bincount(voter))[voter] if board.weigh_voters and voter.size else None
    return Votes(tuple(names), left, right, _RESULT[table["verdict"]], prompt, voter, weight), keys


def _entrant(contender: Contender, board: Board) -> str:
    by = {"endpoint": contender.endpoint_id, "family": contender.family, "provider": contender.provider}
    return by[board.group_by]


def _numbered(
    keys: np.ndarray[Any, np.dtype[np.int64]],
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], np.ndarray[Any, np.dtype[np.int64]]]:
    """Keys as 0 … c - 1, in the order in which they first occur, and the keys themselves."""
    import pandas as pd

    numbers, known = pd.factorize(keys)  # hashes instead of sorting: a third of the time
    return np.asarray(numbers, dtype=np.int64), np.asarray(known, dtype=np.int64)


def rate(
    votes: Votes,
    board: Board,
    everybody: Sequence[Contender] = (),
    start: Fit | None = None,
    towards: dict[str, float] | None = None,
    voter_keys: np.ndarray[Any, np.dtype[np.int64]] | None = None,
    left_out: LeftOut | None = None,
) -> Leaderboard:
    """Fit, intervals, tiers and everything that is to be said with them.

    `towards` are Elo ratings of a larger board, with which this one is pooled partially.
    """
    linked = connectivity(votes.counts())
    inside = votes.among(linked.main)
    if towards is None:
        fitted = fit(inside.counts(), Model(), start)
    else:
        centre = np.array([towards.get(name, ANCHOR_ELO) for name in inside.contenders]) / ELO_PER_LOGIT
        fitted = fit(inside.counts(), Model(prior_sd_elo=PROMPT_SD_ELO), start, centre)
    settled = _settled(inside)
    precise = precision(fitted, inside, settled)
    n, left_out = len(inside.contenders), left_out or LeftOut()
    said = (left_out.sentence,) if left_out.sentence else ()
    enough = len(inside) >= LEAST_FOR_DESIGN_EFFECT and precise.freedom > 1
    design = precise.design_effect(n) if n and enough else float("nan")
    side_se = float(np.sqrt(precise.covariance[n, n]))
    return Leaderboard(
        board=board,
        rows=board_rows(votes, linked, Rated(inside, fitted, precise, settled), _entrants(everybody, board)),
        votes=len(votes),
        prompts=precise.prompts if len(inside) == len(votes) else int(np.unique(votes.prompt).size),
        voters=precise.voters if len(inside) == len(votes) else int(np.unique(votes.voter).size),
        effective_votes=round(len(inside) / design) if np.isfinite(design) and design > 0 else None,
        tie_rate=float(np.mean(votes.result == Result.TIE)) if len(votes) else None,
        side_elo=fitted.side * ELO_PER_LOGIT if len(votes) else None,
        side_half_width_elo=precise.t() * side_se * ELO_PER_LOGIT if precise.freedom else None,
        components=linked.components,
        warnings=(*warnings_of(inside, precise, linked, design), *said),
        fitted=fitted,
        precise=precise,
        columns=inside,
        voter_keys=np.zeros(0, np.int64) if voter_keys is None else voter_keys,
        left_out=left_out,
    )


def _settled(votes: Votes) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Who has been seen often enough for the others to be held against: a quarter of the median, and some at least."""
    played = votes.played()
    most = float(np.median(played)) if played.size else 0.0
    return np.asarray(played >= max(SETTLED_VOTES, SETTLED_SHARE * most))


def _entrants(everybody: Sequence[Contender], board: Board) -> dict[str, Entrant]:
    """Who stands behind each entrant, and whether any of them still takes part."""
    found: dict[str, Entrant] = {}
    for c in everybody:
        known = found.get(_entrant(c, board), Entrant(frozenset(), active=False))
        active = known.active or c.retired_at is None
        found[_entrant(c, board)] = Entrant(known.providers | {c.provider}, active=active)
    return found


def least_gaps_elo(board: Leaderboard) -> np.ndarray[Any, np.dtype[np.float64]]:
    """How far apart two ranked entrants lie at least when they are told apart, as the tiers tell them, shape (n, n).

    In the order of `board.columns.contenders`; infinite where one of them is not ranked.
    """
    known = {row.entrant: row for row in board.rows}
    ranked = np.array([not known[name].provisional for name in board.columns.contenders], dtype=bool)
    return np.asarray(least_gaps(board.precise, ranked) * ELO_PER_LOGIT)


def as_json(board: Leaderboard) -> dict[str, Any]:
    """The board for `--json`."""
    from dataclasses import asdict

    return {
        "board": board.board.name,
        "votes": board.votes,
        "effective_votes": board.effective_votes,
        "prompts": board.prompts,
        "voters": board.voters,
        "tie_rate": board.tie_rate,
        "side_elo": board.side_elo,
        "side_half_width_elo": board.side_half_width_elo,
        "components": board.components,
        "warnings": list(board.warnings),
        "set_apart": dict(board.left_out.set_apart),
        "check_votes": board.left_out.check_votes,
        "anchor_elo": ANCHOR_ELO,
        "rows": [asdict(row) for row in board.rows],
    }


def errors_in_logits(board: Leaderboard) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Standard errors of all differences, as the pairing needs them; wide where nothing is known."""
    found = standard_errors(board.precise, len(board.columns.contenders))
    return np.where(found > 0, found, 1.0)
