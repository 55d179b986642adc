"""Head-to-heads: what is counted, what may be claimed, and which pairs are worth a look."""

import numpy as np
import pytest

from arena.metrics.intervals import wilson
from arena.ratings.votes import Votes
from arena.reports.leaderboard import Board, rate
from arena.reports.matchups import flat_rows, highlights, matchups
from tests.arena.boards import board_of_skills
from tests.arena.test_leaderboard import NAMES, board_of

SKILLS = {"a/one": 150, "b/two": 20, "c/three": 0, "d/four": -150}


def test_matchups_count_every_meeting_and_claim_only_what_holds_at_any_time():
    votes = [(1, 2, "left", f"p{i}", "v") for i in range(70)] + [(2, 1, "left", f"p{i}", "v") for i in range(30)]
    votes += [(1, 2, "tie", "p", "v"), (1, 3, "both_bad", "p", "v")]
    first, second = matchups(board_of(*votes))
    assert (first.a, first.b) == ("fal/large", "fal/small")
    assert (first.votes, first.a_wins, first.b_wins, first.ties) == (101, 30, 70, 1)
    assert first.verdict == "fal/small ahead"
    assert (second.votes, second.verdict, second.win_share.value) == (1, "open", None)


def test_a_hundred_votes_on_one_prompt_claim_nothing_and_are_no_highlight():
    (pair,) = found = matchups(board_of(*((1, 2, "left", "p", f"v{i}") for i in range(100)), names=NAMES[:2]))
    assert (pair.a_wins + pair.b_wins, pair.verdict, pair.prompts) == (100, "open", 1)
    told = highlights(found)
    assert (told.closest, told.most_decisive, told.surprises) == ((), (), ())
    assert told.most_voted == (pair.turned(),)  # the winner first


def test_the_interval_is_wilsons_over_votes_that_chose_and_wider_where_votes_share_prompts():
    apart = [(1, 2, "left" if i % 3 else "right", f"p{i}", f"v{i}") for i in range(60)] + [(1, 2, "tie", "q", "v")]
    (pair,) = matchups(board_of(*apart, names=NAMES[:2]))
    # a is the name that comes first in the alphabet, which is contender 2
    expected = wilson(20, 60)
    assert (pair.win_share.value, pair.win_share.n) == (expected.value, 60)
    assert (pair.win_share.low, pair.win_share.high) == pytest.approx((expected.low, expected.high))
    shared = [(1, 2, "left" if i % 3 else "right", f"p{i % 3}", f"v{i}") for i in range(60)]
    (pair,) = matchups(board_of(*shared, names=NAMES[:2]))
    assert pair.win_share.high - pair.win_share.low > 1.5 * (expected.high - expected.low)


def test_the_model_expects_what_it_was_drawn_from():
    board = board_of_skills(SKILLS, votes=30_000)
    for pair in matchups(board):
        gap = (SKILLS[pair.a] - SKILLS[pair.b]) / 400
        assert pair.expected_share == pytest.approx(1 / (1 + 10**-gap), abs=0.03)
        assert pair.win_share.low - 0.02 < pair.expected_share < pair.win_share.high + 0.02


def test_the_expectation_knows_on_which_side_they_stood():
    rng = np.random.default_rng(1)
    left = np.zeros(4000, dtype=np.int64)  # a always stands on the left, which wins three of four
    result = np.where(rng.random(4000) < 0.75, 0, 1)
    votes = Votes(
        ("a", "b", "c"), left, left + 1 + rng.integers(0, 2, 4000), result, np.arange(4000) % 200, np.arange(4000) % 90
    )
    for pair in matchups(rate(votes, Board())):
        assert pair.expected_share == pytest.approx(pair.win_share.value, abs=0.03)


def test_highlights_are_close_where_that_is_known_and_decisive_where_it_is_proven():
    found = matchups(board_of_skills(SKILLS, votes=12_000))
    told = highlights(found)
    assert (told.closest[0].a, told.closest[0].b) in {("b/two", "c/three"), ("c/three", "b/two")}
    assert (told.most_decisive[0].a, told.most_decisive[0].b) == ("a/one", "d/four")
    assert all(m.win_share.value >= 0.5 for m in told.most_decisive)
    assert [m.votes for m in told.most_voted] == sorted((m.votes for m in found), reverse=True)[:5]
    assert told.surprises == ()


def test_a_pair_that_breaks_the_scale_is_a_surprise():
    rng = np.random.default_rng(2)
    first = rng.integers(0, 3, 6000)
    second = (first + 1) % 3  # 0 beats 1 beats 2 beats 0: no scale fits
    won, swap = rng.random(6000) < 0.7, rng.random(6000) < 0.5
    votes = Votes(
        ("a", "b", "c"), np.where(swap, second, first), np.where(swap, first, second), np.where(won != swap, 0, 1),
        np.arange(6000) % 300, np.arange(6000) % 90,
    )  # fmt: skip
    told = highlights(matchups(rate(votes, Board())))
    assert len(told.surprises) == 3
    assert {(m.a, m.b) for m in told.surprises} == {("a", "b"), ("b", "c"), ("c", "a")}  # the winner first


def test_turned_is_the_same_pair():
    (pair,) = matchups(board_of_skills({"a/one": 60, "b/two": 0}, votes=500))
    other = pair.turned()
    assert (other.a, other.a_wins, other.win_share.low) == ("b/two", pair.b_wins, 1 - pair.win_share.high)
    assert other.expected_share == 1 - pair.expected_share
    assert other.verdict == pair.verdict
    back = other.turned()
    assert flat_rows([back])[0] == pytest.approx(flat_rows([pair])[0])


def test_nobody_has_met_on_an_empty_board():
    assert matchups(board_of_skills({"a/one": 0, "b/two": 0}, votes=0)) == ()
    assert highlights(()).closest == ()
