"""Online Elo: right for one vote, and dependent on order, which is why it only ticks."""

import pytest

from arena.ratings.elo import ticker
from arena.ratings.votes import Result, Votes


def rows(*results):
    return Votes.of([("a", "b", r, "p", "v") for r in results])


def test_one_win_between_equals_moves_half_of_k():
    assert ticker(rows(Result.LEFT), k=32).tolist() == [1016, 984]


def test_a_tie_between_equals_moves_nothing():
    assert ticker(rows(Result.TIE)).tolist() == [1000, 1000]


def test_the_same_votes_in_another_order_give_another_rating():
    one = ticker(rows(*[Result.LEFT] * 5, *[Result.RIGHT] * 5), k=32)
    other = ticker(rows(*[Result.RIGHT] * 5, *[Result.LEFT] * 5), k=32)
    assert one[0] != pytest.approx(other[0])
