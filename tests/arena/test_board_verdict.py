"""The verdict sentence: what it may say, and when it says nothing."""

from dataclasses import replace

from arena.metrics.base import Figure
from arena.reports.board_verdict import board_verdict
from arena.reports.leaderboard import Board
from tests.arena.boards import board_of_skills

TWINS = {"a/one": 100, "b/two": 100, "c/low": -200}


def verdict(skills, board=None, **prices):
    made = board_of_skills(skills, board=board)
    usd = {name.replace("_", "/"): Figure(price, 100) for name, price in prices.items()}
    return board_verdict(made, usd), made


def test_a_cheap_one_of_the_first_tier_is_named_with_the_ratio_and_what_is_open():
    _, made = verdict(TWINS)
    best, other = (row.entrant.replace("/", "_") for row in made.rows[:2])
    said, _ = verdict(TWINS, **{best: 30.0, other: 4.7, "c_low": 0.1})
    names = [row.entrant for row in made.rows]
    assert said.startswith(f"6.3× cheaper, and not told apart from the highest rated, {names[0]}: {names[1]}")
    assert "$4.70 instead of $30.00 per 1,000" in said
    open_ = int(said.partition("up to ")[2].split()[0])
    assert open_ > made.rows[0].elo - made.rows[1].elo


def test_who_stands_below_a_provisional_one_is_not_called_the_highest_rated_of_all():
    _, made = verdict({"a/one": 300, "b/two": 0, "c/low": -200})
    first, *others = made.rows
    newcomer = replace(first, entrant="d/new", elo=first.elo + 100, provisional=True, tier=None)
    said = board_verdict(replace(made, rows=(newcomer, first, *others)), {})
    assert said.startswith("the highest rated that is not provisional, a/one, is told apart from all 2 others")


def test_one_that_is_told_apart_from_all_others_needs_no_price():
    said, _ = verdict({"a/one": 300, "b/two": 0, "c/low": -200})
    assert said == "the highest rated, a/one, is told apart from all 2 others that are ranked"


def test_the_highest_rated_may_be_the_cheapest_too():
    _, made = verdict(TWINS)
    best, other = (row.entrant.replace("/", "_") for row in made.rows[:2])
    said, _ = verdict(TWINS, **{best: 2.0, other: 4.0})
    assert "costs no more than anybody of known price in tier 1: $2.00 per 1,000" in said


def test_nothing_is_said_where_nothing_is_told_apart():
    assert verdict({"a/one": 0, "b/two": 0, "c/three": 0}, a_one=1.0, b_two=9.0, c_three=9.0)[0] is None


def test_nothing_is_said_without_the_price_of_the_highest_rated_or_for_a_few_cents():
    _, made = verdict(TWINS)
    best, other = (row.entrant.replace("/", "_") for row in made.rows[:2])
    assert verdict(TWINS, **{other: 1.0})[0] is None
    assert verdict(TWINS, **{best: 1.1, other: 1.0})[0] is None


def test_an_empty_board_and_a_retired_leader_have_no_verdict():
    assert board_verdict(board_of_skills({}, votes=0), {}) is None
    assert board_verdict(board_of_skills({"a/one": 300, "b/two": 0, "c/low": -200}, retired=("a/one",)), {}) is None


def test_a_simulated_verdict_says_so():
    said, _ = verdict({"a/one": 300, "b/two": 0, "c/low": -200}, board=Board(simulated=True))
    assert said.startswith("simulated: ")
