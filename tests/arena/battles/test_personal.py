"""One voter's own board: what was said, counted against what was shown, and nothing else."""

import numpy as np
import pytest

from arena.battles.ballots import Ballots
from arena.domain.battle import Verdict
from arena.reports.personal import LEAST_VOTES, personal
from tests.arena.battles.conftest import fill

pytestmark = pytest.mark.slow


def test_it_counts_ones_own_votes_and_no_others(settings, watch):
    database = fill(settings, prompts=20, repetitions=3)
    ballots, rng = Ballots(database, now=watch), np.random.default_rng(3)
    expected = {}
    for voter in ("ann", "bob"):
        ballots.register(voter)
    pool = ballots.pool(simulated=False)
    for number in range(LEAST_VOTES + 15):
        for voter in ("ann", "bob"):
            ballot = ballots.open(voter, pool, seed=number)
            watch.ahead(seconds=2)
            verdict = list(Verdict)[int(rng.integers(len(Verdict)))] if number else Verdict.LEFT
            receipt = ballots.cast(ballot.token, voter, verdict, 2000)
            if number == 0:
                assert ballots.undo(ballot.token, voter)
            elif voter == "ann" and verdict is not Verdict.SKIP:
                left, right = (expected.setdefault(c.endpoint_id, [0, 0, 0]) for c in (receipt.left, receipt.right))
                left[{"left": 0, "right": 1}.get(verdict, 2)] += 1
                right[{"left": 1, "right": 0}.get(verdict, 2)] += 1
    with database.read() as connection:
        board = personal(connection, "ann", simulated=False)
        assert personal(connection, "ann", simulated=True).votes == 0
    database.close()
    assert not board.missing
    assert {row.endpoint: [row.won, row.lost, row.tied] for row in board.rows} == expected
    assert board.votes == sum(map(sum, expected.values())) / 2
    assert all(row.share.n == row.won + row.lost for row in board.rows)
