"""Who is on the frontier and how likely, who is left out and why: against brute force and cases known beforehand."""

import numpy as np
import pytest
from scipy import stats

from arena.errors import ConfigError
from arena.ratings.draws import positive_draws, rating_draws
from arena.reports.leaderboard import Board
from arena.reports.tradeoffs import flat_rows, frontier, on_frontier, tradeoffs
from tests.arena.boards import board_of_skills, summary

SKILLS = {"a/best": 150, "b/good": 50, "c/fair": 0, "d/poor": -200}


def chances(found, against):
    return {p.candidate.endpoint: p.probability for p in frontier(found, against).points}


def reasons(omitted):
    return {o.endpoint: o.reasons for o in omitted}


def test_chances_are_what_brute_force_counts():
    rng = np.random.default_rng(3)
    quality, burdens = rng.integers(0, 5, (700, 6)).astype(float), rng.integers(0, 5, (700, 6)).astype(float)
    on = np.zeros(6)
    for q, b in zip(quality, burdens, strict=True):
        for i in range(6):
            beaten = any(q[j] >= q[i] and b[j] <= b[i] and (q[j] > q[i] or b[j] < b[i]) for j in range(6) if j != i)
            on[i] += not beaten
    assert on_frontier(quality, burdens) == pytest.approx(on / 700)


def test_a_contender_that_is_worse_in_both_is_never_on_the_frontier_and_one_better_in_both_always():
    board = board_of_skills(SKILLS)
    found = tradeoffs(board, [summary("a/best", usd=5), summary("c/fair", usd=8), summary("d/poor", usd=9)])
    assert chances(found, "cost") == pytest.approx({"a/best": 1, "c/fair": 0, "d/poor": 0}, abs=0.001)


def test_who_pays_more_for_a_rating_that_is_told_apart_is_on_the_frontier_with_the_cheap_one():
    board = board_of_skills(SKILLS)
    found = tradeoffs(board, [summary("a/best", usd=20), summary("d/poor", usd=1), summary("c/fair", usd=21)])
    said = frontier(found, "cost")
    assert [p.candidate.endpoint for p in said.points] == ["d/poor", "a/best", "c/fair"]  # cheapest first
    assert chances(found, "cost") == pytest.approx({"a/best": 1, "d/poor": 1, "c/fair": 0}, abs=0.001)


def test_of_two_equals_the_dearer_one_is_on_the_frontier_as_often_as_its_rating_is_the_higher_one():
    board = board_of_skills({"a/one": 0, "b/two": 0, "c/far": -400}, votes=3000, seed=4)
    found = tradeoffs(board, [summary("a/one", usd=5), summary("b/two", usd=10)])
    names = board.columns.contenders
    one, two = names.index("a/one"), names.index("b/two")
    precise = board.precise
    covariance = precise.covariance[:3, :3]
    error = np.sqrt(covariance[one, one] + covariance[two, two] - 2 * covariance[one, two])
    gap = float(board.fitted.theta[two] - board.fitted.theta[one])
    exact = stats.t.cdf(gap / error, min(precise.freedoms[one], precise.freedoms[two]))
    assert chances(found, "cost")["b/two"] == pytest.approx(exact, abs=0.03)
    assert chances(found, "cost")["a/one"] == 1  # nobody is cheaper
    assert 0.02 < exact < 0.98


def test_of_two_equal_ratings_the_slower_looking_one_may_still_be_the_faster():
    board = board_of_skills({"a/one": 100, "b/two": -100, "c/far": -400})
    clear = tradeoffs(board, [summary("a/one"), summary("b/two", p50=(1100, 1090, 1110))])
    assert chances(clear, "speed")["b/two"] == pytest.approx(0, abs=0.01)
    open_ = tradeoffs(board, [summary("a/one", p50=(1000, 700, 1400)), summary("b/two", p50=(1100, 800, 1500))])
    share = chances(open_, "speed")["b/two"]  # never better rated, so it is on the frontier when it is faster
    errors = np.log(1400 / 1000) / 1.96, np.log(1500 / 1100) / 1.96
    assert share == pytest.approx(stats.norm.cdf(-np.log(1.1) / np.hypot(*errors)), abs=0.05)


def test_draws_have_the_law_of_the_intervals():
    board = board_of_skills(SKILLS, votes=800, prompts=12, voters=12, seed=2)
    elo = board.fitted.elo + 1000
    drawn = rating_draws(board.precise, elo, 40_000)
    half = board.precise.half_widths_elo(4)
    for i in range(4):
        assert np.mean(np.abs(drawn[:, i] - elo[i]) < half[i]) == pytest.approx(0.95, abs=0.01)
    correlation = np.corrcoef(drawn.T)[0, 1]
    cov = board.precise.covariance
    assert correlation == pytest.approx(cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]), abs=0.06)
    assert (rating_draws(board.precise, elo) == rating_draws(board.precise, elo)).all()


def test_draws_of_a_time_have_its_interval():
    drawn = positive_draws(1000, 900, 1500, np.random.default_rng(0).standard_normal(200_000))
    assert np.quantile(drawn, [0.025, 0.5, 0.975]) == pytest.approx([900, 1000, 1500], rel=0.01)


def test_whoever_is_left_out_is_named_with_the_reason():
    skills = {**SKILLS, "e/gone": 20}
    board = board_of_skills(skills, retired=("e/gone",))
    measured = [
        summary("a/best"), summary("b/good", p50=None, usd=None, success=0.0), summary("c/fair", usd=None),
        summary("d/poor", p50=1000, n=4), summary("e/gone"), summary("f/unvoted"),
    ]  # fmt: skip
    found = tradeoffs(board, measured)
    assert reasons(found.omitted) == {
        "b/good": ("no success in this window",), "e/gone": ("retired",), "f/unvoted": ("no votes yet",),
    }  # fmt: skip
    assert reasons(frontier(found, "cost").omitted)["c/fair"] == ("no price is known",)
    assert "c/fair" in chances(found, "speed")
    assert reasons(frontier(found, "speed").omitted)["d/poor"] == (
        "its median rests on 4 successes and has no interval",
    )
    cold = tradeoffs(board, [summary("b/good", p50=None)])
    assert reasons(cold.omitted)["b/good"] == ("no success on a warm connection in this window",)
    everybody = {o.endpoint for o in frontier(found, "cost").omitted} | set(chances(found, "cost"))
    assert everybody == {*skills, "f/unvoted"}


def test_a_provisional_rating_is_left_out_and_says_so():
    found = tradeoffs(board_of_skills(SKILLS, votes=30), [summary(name) for name in SKILLS])
    assert not found.candidates
    assert all(o.reasons for o in found.omitted)
    assert frontier(found, "cost").points == frontier(found, "speed").points == ()


def test_simulated_figures_never_stand_beside_real_ratings():
    found = tradeoffs(board_of_skills(SKILLS), [summary(name, simulated=True) for name in SKILLS])
    assert not found.candidates
    assert {why for o in found.omitted for why in o.reasons} == {"not measured in this window"}


def test_an_empty_board_has_nobody_to_trade_off():
    found = tradeoffs(board_of_skills({}, votes=0), [])
    assert (found.candidates, found.omitted, flat_rows(found)) == ((), (), [])


def test_models_have_no_one_price():
    with pytest.raises(ConfigError, match="belong to endpoints"):
        tradeoffs(board_of_skills(SKILLS, board=Board(group_by="family")), [])


def test_rows_for_files_hold_every_figure_with_its_interval():
    (row,) = flat_rows(tradeoffs(board_of_skills(SKILLS), [summary("a/best")]))
    assert (row["p95_ms"], row["p95_ms_low"], row["p95_ms_n"], row["usd_per_1000"]) == (2000, 1900, 200, 10)
    assert row["elo_low"] < row["elo"] < row["elo_high"]
    assert (row["on_cost_frontier"], row["on_speed_frontier"]) == (1, 1)
