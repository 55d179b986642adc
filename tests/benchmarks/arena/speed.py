"""A million votes over 200 contenders: from the database to the board, one more vote, and beside other libraries."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import sqlalchemy as sa

from arena.domain.battle import Verdict
from arena.ratings.davidson import ELO_PER_LOGIT, Model, fit
from arena.ratings.intervals import precision
from arena.reports.leaderboard import leaderboard
from arena.settings import Settings
from arena.store.battles import FACTS, VERDICT_CODE
from arena.store.engine import open_database
from tests.benchmarks.arena.truth import Truth

CONTENDERS, PROMPTS, VOTERS = 200, 400, 20_000
VERDICTS = ["left", "right", "tie"]


def report(share: float) -> None:
    count = 1_000_000 if share == 1 else 100_000
    rng = np.random.default_rng(5)
    votes = Truth.drawn(rng, CONTENDERS, PROMPTS, prompt_elo=30).votes(rng, count, VOTERS)
    with tempfile.TemporaryDirectory() as directory:
        database = _filled(Path(directory), votes)
        _board(database, count)
        database.close()
    _one_more(votes)
    _peers(votes)


def _filled(directory: Path, votes):
    """A database that holds these votes; a battle and a prompt stand for all of them, which the board does not read."""
    database = open_database(Settings(data_dir=directory), create=True)
    now = "2026-11-20 12:00:00.000000"
    with database.write() as connection:
        run = connection.exec_driver_sql
        people = [(i + 1, name, 0, "p", "m", name, now) for i, name in enumerate(votes.contenders)]
        run("INSERT INTO contender VALUES (?,?,?,?,?,?,?,NULL)", people)
        run("INSERT INTO voter VALUES ('v','human',NULL,?)", (now,))
        run("INSERT INTO prompt VALUES ('p','h','t','c','t2i','[]',1,'[]','[]','[]')")
        columns = "id, battle_id, voter_id, verdict, cast_at, dwell_ms, kind, mode, category, simulated, purpose, facts"
        run("PRAGMA defer_foreign_keys = ON")
        battle = (
            "INSERT INTO battle (id, token_sha256, voter_id, cell, prompt_id, prompt_sha256, mode, category, simulated,"
            " left_contender, right_contender, rule, propensity, purpose, salt, created_at, expires_at)"
            " VALUES (?,?,'v','c','p','h','t2i','c',0,1,2,'uniform',1,'rate','',?,?)"
        )
        run(battle, [(i, f"{i:064}", now, now) for i in range(1, len(votes) + 1)])
        rows = zip(votes.left + 1, votes.right + 1, votes.result, votes.prompt, votes.voter, strict=True)
        run(
            f"INSERT INTO vote ({columns}) VALUES (?,?,'v',?,?,900,'human','t2i','c',0,'rate',?)",
            [
                (k, k, VERDICTS[r], now, FACTS.pack(a, b, p, v, VERDICT_CODE[Verdict(VERDICTS[r])]))
                for k, (a, b, r, p, v) in enumerate(rows, start=1)
            ],
        )
    with database.read() as connection:
        connection.execute(sa.text("SELECT count(*) FROM vote")).one()
    return database


def _timed_ms(work, times=5) -> float:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begun) * 1000)
    return median(taken)


def _board(database, count: int) -> None:
    def read():
        with database.read() as connection:
            return leaderboard(connection)

    board = read()
    print(
        f"{count:,} votes, {CONTENDERS} contenders, {PROMPTS} prompts, {VOTERS:,} voters: leaderboard with clustered"
        f" intervals and {max(r.tier or 0 for r in board.rows)} tiers from SQLite in {_timed_ms(read):.0f} ms"
        " (aim < 1,000)"
    )


def _one_more(votes) -> None:
    before = fit(votes.counts())
    counts = votes.counts()
    counts[3, 4, 0] += 1
    print(f"refit after one more vote: {_timed_ms(lambda: fit(counts, start=before), 20):.2f} ms (aim < 5)")


def _peers(votes) -> None:
    """Bradley-Terry as others do it, on the same votes; ours from the same arrays."""
    names = np.array(votes.contenders)
    half = Model(ties="half", side=False, prior_sd_elo=None)
    print(f"ours, point ratings from arrays: {_timed_ms(lambda: fit(votes.counts(), half), 3):.0f} ms")
    print(f"ours, with intervals: {_timed_ms(lambda: precision(fit(votes.counts(), half), votes), 3):.0f} ms")
    if importlib.util.find_spec("evalica"):
        import evalica

        winners = [(evalica.Winner.X, evalica.Winner.Y, evalica.Winner.Draw)[r] for r in votes.result]
        xs, ys = names[votes.left].tolist(), names[votes.right].tolist()
        scores = evalica.bradley_terry(xs, ys, winners, tolerance=1e-10).scores.sort_index().to_numpy()
        theirs = 400 * np.log10(scores)
        off = np.abs(theirs - theirs.mean() - fit(votes.counts(), half).elo).max()
        taken = _timed_ms(lambda: evalica.bradley_terry(xs, ys, winners), 2)
        print(
            f"evalica, point ratings from lists: {taken:.0f} ms; largest difference from ours {off:.4f} Elo (aim 0.01)"
        )
    if importlib.util.find_spec("arena_rank"):
        _arena_rank(votes, names, half)


def _arena_rank(votes, names, half) -> None:
    import pandas as pd
    from arena_rank.models.bradley_terry import BradleyTerry
    from arena_rank.utils.data_utils import PairDataset

    outcome = np.array(["model_a", "model_b", "tie"])[votes.result]
    frame = pd.DataFrame({"model_a": names[votes.left], "model_b": names[votes.right], "winner": outcome})

    def theirs():
        return BradleyTerry(CONTENDERS).compute_ratings_and_cis(PairDataset.from_pandas(frame), ci_method="sandwich")

    errors = np.sqrt(np.asarray(theirs()["variances"]))
    ours = np.sqrt(np.diag(precision(fit(votes.counts(), half), votes).independent)[:CONTENDERS]) * ELO_PER_LOGIT
    print(
        f"arena-rank, with intervals: {_timed_ms(theirs, 2):.0f} ms; largest difference of a standard error "
        f"{np.abs(errors - ours).max():.4f} Elo (aim 0.05)"
    )
