"""The leaderboard: ratings, intervals, tiers and what they rest on; the one place behind terminal, files and app."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from arena.domain.battle import Verdict, VoterKind
from arena.ratings.connectivity import Connectivity, connectivity
from arena.ratings.contrasts import Contrast, better, contrast, rank_ranges, standard_errors, tiers
from arena.ratings.davidson import ELO_PER_LOGIT, Fit, Model, fit
from arena.ratings.intervals import Precision, precision
from arena.ratings.votes import Result, Votes
from arena.store.battles import VERDICT_CODE, contenders, facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.domain.battle import Contender
    from arena.domain.request import Mode
    from arena.store.engine import Connection

ANCHOR_ELO = 1000.0
"""The mean of the contenders of a board."""
PROVISIONAL_HALF_WIDTH_ELO = 100.0
"""A contender whose interval is wider than this to either side is listed, and is not ranked."""
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
    one model.
    """

    simulated: bool = False
    mode: Mode | None = None
    category: str | None = None
    group_by: GroupBy = "endpoint"
    of_family: str | None = None
    judges: bool = False

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
        ]
        return " · ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Row:
    """One entrant. Elo figures are None where nothing can be said; `provisional` where it is too early to rank it."""

    entrant: str
    provider: str
    elo: float
    low: float | None
    high: float | None
    votes: int
    win_rate: float | None
    tier: int | None
    rank_best: int | None
    rank_worst: int | None
    provisional: bool
    note: str
    retired: bool = False


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

    def compare(self, a: str, b: str) -> Contrast:
        """The difference of two entrants with its own interval; KeyError if one is not on the board."""
        index = {name: i for i, name in enumerate(self.columns.contenders)}
        return contrast(self.fitted, self.precise, index[a], index[b])


def leaderboard(connection: Connection, board: Board | None = None, start: Fit | None = None) -> Leaderboard:
    """Read the votes of a board and rate its entrants."""
    board = board or Board()
    everybody = [c for c in contenders(connection) if c.simulated == board.simulated]
    kind = VoterKind.JUDGE if board.judges else VoterKind.HUMAN
    raw = facts(connection, simulated=board.simulated, kind=kind, mode=board.mode, category=board.category)
    votes, keys = _read(raw, everybody, board)
    return rate(votes, board, everybody, start, voter_keys=keys)


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
    return Votes(tuple(names), left, right, _RESULT[table["verdict"]], prompt, voter), keys


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
) -> Leaderboard:
    """Fit, intervals, tiers and everything that is to be said with them.

    `towards` are Elo ratings of a larger board, with which this one is pooled partially.
    """
    counts = votes.counts()
    if towards is None:
        fitted = fit(counts, Model(), start)
    else:
        centre = np.array([towards.get(name, ANCHOR_ELO) for name in votes.contenders]) / ELO_PER_LOGIT
        fitted = fit(counts, Model(prior_sd_elo=PROMPT_SD_ELO), start, centre)
    precise = precision(fitted, votes)
    linked = connectivity(counts)
    is_better = better(fitted, precise, linked.comparable)
    n = len(votes.contenders)
    half = precise.half_widths_elo(n) if n else np.zeros(0)
    rows = _rows(votes, fitted, half, linked, is_better, everybody, board)
    enough = len(votes) >= LEAST_FOR_DESIGN_EFFECT and precise.freedom > 1
    design = precise.design_effect(n) if n and enough else float("nan")
    side_se = float(np.sqrt(precise.covariance[n, n]))
    return Leaderboard(
        board=board,
        rows=rows,
        votes=len(votes),
        prompts=precise.prompts,
        voters=precise.voters,
        effective_votes=round(len(votes) / design) if np.isfinite(design) and design > 0 else None,
        tie_rate=float(np.mean(votes.result == Result.TIE)) if len(votes) else None,
        side_elo=fitted.side * ELO_PER_LOGIT if len(votes) else None,
        side_half_width_elo=precise.t() * side_se * ELO_PER_LOGIT if precise.freedom else None,
        components=linked.components,
        warnings=_warnings(votes, precise, linked, design),
        fitted=fitted,
        precise=precise,
        columns=votes,
        voter_keys=np.zeros(0, np.int64) if voter_keys is None else voter_keys,
    )


def _rows(
    votes: Votes,
    fitted: Fit,
    half: np.ndarray[Any, np.dtype[np.float64]],
    linked: Connectivity,
    is_better: np.ndarray[Any, np.dtype[np.bool_]],
    everybody: Sequence[Contender],
    board: Board,
) -> tuple[Row, ...]:
    counts = votes.counts()
    won = counts[:, :, 0].sum(1) + counts[:, :, 1].sum(0)
    tied = counts[:, :, 2].sum(1) + counts[:, :, 2].sum(0)
    played = counts.sum(axis=(1, 2)) + counts.sum(axis=(0, 2))
    tier, ranks = tiers(fitted, is_better), rank_ranges(is_better)
    main = _largest(linked)
    providers: dict[str, set[str]] = {}
    active: set[str] = set()
    for c in everybody:
        providers.setdefault(_entrant(c, board), set()).add(c.provider)
        if c.retired_at is None:
            active.add(_entrant(c, board))
    rows = []
    for i in np.argsort(-fitted.theta, kind="stable"):
        name, known = votes.contenders[i], bool(np.isfinite(half[i])) and played[i] > 0
        connected = linked.component[i] == main and main >= 0
        provisional = not (known and connected and half[i] <= PROVISIONAL_HALF_WIDTH_ELO)
        elo = ANCHOR_ELO + float(fitted.elo[i])
        rows.append(
            Row(
                entrant=name,
                provider=", ".join(sorted(providers.get(name, set()))),
                elo=elo,
                low=elo - float(half[i]) if known else None,
                high=elo + float(half[i]) if known else None,
                votes=round(float(played[i])),
                win_rate=float((won[i] + tied[i] / 2) / played[i]) if played[i] else None,
                tier=None if provisional else int(tier[i]),
                rank_best=int(ranks[i, 0]) if connected else None,
                rank_worst=int(ranks[i, 1]) if connected else None,
                provisional=provisional,
                note=_note(i, round(float(played[i])), linked, connected=bool(connected)),
                retired=bool(everybody) and name not in active,
            )
        )
    return tuple(rows)


def _largest(linked: Connectivity) -> int:
    """The component with the most contenders; -1 without any vote."""
    labels = linked.component[linked.component >= 0]
    return int(np.bincount(labels).argmax()) if labels.size else -1


def _note(i: int, played: int, linked: Connectivity, *, connected: bool) -> str:
    """What must be known to read a young or an isolated entrant's rating."""
    if not played:
        return "no votes yet"
    if not connected:
        return "not comparable: no vote links it to the others"
    if linked.never_lost[i]:
        return "has not lost yet: how far above the others it stands is open"
    if linked.never_won[i]:
        return "has not won yet: how far below the others it stands is open"
    return ""


def _warnings(votes: Votes, precise: Precision, linked: Connectivity, design: float) -> tuple[str, ...]:
    found = []
    if not len(votes):
        return ("no votes yet",)
    if precise.prompts < 10:
        noun = "prompt" if precise.prompts == 1 else "prompts"
        found.append(f"only {precise.prompts} {noun}: claims hold for these prompts, hardly for others")
    if linked.components > 1:
        found.append(
            f"{linked.components} groups of contenders that no vote links: ratings compare within a group only"
        )
    if np.isfinite(design) and design > 1.1:
        worth = round(len(votes) / design)
        found.append(f"votes share prompts and voters: your {len(votes):,} votes carry the information of {worth:,}")
    return tuple(found)


def matchups(board: Leaderboard) -> list[dict[str, Any]]:
    """Every pair that has met: votes, wins, ties, and what a claim that may be looked at at any time says of them."""
    from arena.ratings.sequence import lead

    counts, names = board.columns.counts(), board.columns.contenders
    found = []
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            wins = counts[i, j, 0] + counts[j, i, 1]
            losses = counts[i, j, 1] + counts[j, i, 0]
            ties = counts[i, j, 2] + counts[j, i, 2]
            if wins + losses + ties == 0:
                continue
            said = lead(int(wins), int(losses))
            found.append(
                {
                    "a": names[i],
                    "b": names[j],
                    "votes": int(wins + losses + ties),
                    "a_wins": int(wins),
                    "b_wins": int(losses),
                    "ties": int(ties),
                    "a_share": said.share,
                    "a_share_low": said.low,
                    "a_share_high": said.high,
                    "verdict": {"ahead": f"{names[i]} ahead", "behind": f"{names[j]} ahead"}.get(said.verdict, "open"),
                }
            )
    return sorted(found, key=lambda m: (-m["votes"], m["a"], m["b"]))


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
        "anchor_elo": ANCHOR_ELO,
        "rows": [asdict(row) for row in board.rows],
    }


def errors_in_logits(board: Leaderboard) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Standard errors of all differences, as the pairing needs them; wide where nothing is known."""
    found = standard_errors(board.precise, len(board.columns.contenders))
    return np.where(found > 0, found, 1.0)
