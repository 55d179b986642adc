"""The choice within limits: who, how sure, what each limit costs, and what is said when nobody keeps them."""

import json

import pytest

from arena.errors import ConfigError
from arena.metrics.base import Figure
from arena.reports.leaderboard import Board
from arena.reports.limits import Kept, Limits, checks, shortfall
from arena.reports.recommend import as_json, recommend
from arena.reports.tradeoffs import tradeoffs
from tests.arena.boards import board_of_skills, summary

SKILLS = {"a/best": 200, "b/good": 60, "c/twin": 60, "d/poor": -150}
FIGURES = [
    summary("a/best", usd=60, p95=(6000, 5800, 6300)),
    summary("b/good", usd=20, p95=(3000, 2900, 3100)),
    summary("c/twin", usd=5, p95=(2000, 1900, 2100), success=(0.95, 0.91, 0.97)),
    summary("d/poor", usd=1, p95=(900, 850, 950)),
]


@pytest.fixture(scope="module")
def found():
    return tradeoffs(board_of_skills(SKILLS), FIGURES)


def chosen(found, **limits):
    return recommend(found, Limits(**limits))


def sentences(recommendation):
    return {s.limit: s.sentence for s in recommendation.shadows}


def test_without_limits_the_highest_rated_is_chosen(found):
    said = chosen(found)
    assert said.choice.candidate.endpoint == "a/best"
    assert said.choice.probability_best > 0.99
    assert said.sentence.startswith(
        "the choice is a/best: rated highest of the 4, and the best of them with a probability"
    )
    assert "told apart from all of them" in said.sentence


def test_each_limit_costs_the_rating_and_the_money_that_the_choice_without_it_has_more(found):
    said = chosen(found, usd_per_1000=30, p95_ms=3500, success=0.98)
    best, good = found.candidates[0], said.choice.candidate
    assert good.endpoint == "b/good"
    price = next(s for s in said.shadows if s.limit == "price")
    assert price.instead is None  # a/best is too slow, too
    assert "costs nothing" in price.sentence
    said = chosen(found, usd_per_1000=30)
    (price,) = said.shadows
    assert price.instead.endpoint == "a/best"
    assert price.gain.difference_elo == pytest.approx(best.elo - said.choice.candidate.elo)
    assert price.sentence.startswith(f"without the price limit: a/best, +{price.gain.difference_elo:.0f} Elo [+")
    assert "more per 1,000" in price.sentence
    assert "not told apart" not in price.sentence


def test_equals_are_not_told_apart_and_the_cheaper_one_is_named(found):
    said = chosen(found, usd_per_1000=30)
    others = {c.endpoint for c in said.not_told_apart}
    assert {said.choice.candidate.endpoint, *others} == {"b/good", "c/twin"}
    chances = [h.probability_best for h in said.held if h.admitted]
    assert sum(chances) == pytest.approx(1)
    assert 0.02 < chances[0] < 0.999


def test_the_cheapest_of_those_not_told_apart_is_named_where_it_is_cheaper():
    board = board_of_skills(SKILLS)
    first, second = (row.entrant for row in board.rows[1:3])  # b/good and c/twin, whichever won more
    said = recommend(tradeoffs(board, [summary(first, usd=20), summary(second, usd=5)]), Limits())
    assert said.cheaper.endpoint == second
    assert f"the cheapest of these, {second}, costs $5.00 per 1,000 instead of $20.00" in said.sentence
    assert recommend(tradeoffs(board, [summary(first, usd=5), summary(second, usd=5)]), Limits()).cheaper is None


def test_a_limit_that_its_interval_straddles_is_decided_by_the_figure_and_said(found):
    said = chosen(found, p95_ms=3050)
    held = {h.candidate.endpoint: h for h in said.held}
    assert [c.kept for c in held["b/good"].checks] == [Kept.LIKELY]
    assert "interval reaches beyond the limit" in held["b/good"].doubts[0].sentence
    near = {h.candidate.endpoint: h for h in chosen(found, p95_ms=2950).held}["b/good"]
    assert not near.admitted
    assert near.probability_best is None
    assert [c.kept for c in near.doubts] == [Kept.UNLIKELY]


@pytest.mark.parametrize(
    ("p95", "limit", "kept"),
    [
        (Figure(100.0, 80, 90.0, 110.0), 110, Kept.YES),
        (Figure(100.0, 80, 90.0, 110.0), 109, Kept.LIKELY),
        (Figure(100.0, 30), 109, Kept.UNPROVEN),
        (Figure(100.0, 80, 90.0, 110.0), 95, Kept.UNLIKELY),
        (Figure(100.0, 80, 90.0, 110.0), 89, Kept.NO),
        (Figure(None, 12), 500, Kept.UNKNOWN),
    ],
)
def test_what_an_interval_says_of_a_limit(p95, limit, kept):
    told = (p95.value, p95.low, p95.high) if p95.low else p95.value
    made = tradeoffs(board_of_skills(SKILLS), [summary("a/best", p95=told, n=p95.n)])
    (check,) = checks(made.candidates[0], Limits(p95_ms=limit))
    assert check.kept is kept
    assert check.kept.admits is (kept in {Kept.YES, Kept.LIKELY, Kept.UNPROVEN})


def test_success_is_held_to_a_limit_from_below(found):
    held = {h.candidate.endpoint: h.checks[0].kept for h in chosen(found, success=0.96).held}
    assert held == {"a/best": Kept.YES, "b/good": Kept.YES, "c/twin": Kept.UNLIKELY, "d/poor": Kept.YES}


def test_limits_that_nobody_keeps_say_whom_each_excludes_and_who_comes_nearest(found):
    said = chosen(found, usd_per_1000=4, p95_ms=890)
    assert said.choice is None
    assert "p95 of time to image at most 890 ms excludes all 4" in said.sentence
    assert "price per 1,000 at most $4.00 excludes" in said.sentence
    assert said.nearest.candidate.endpoint == "d/poor"
    assert "The nearest miss is d/poor: p95 of time to image 900 ms [850 ms, 950 ms]" in said.sentence
    assert sentences(said)["p95"].startswith("without the p95 limit: d/poor")
    assert "still nobody" in sentences(said)["price"]


def test_an_unknown_figure_keeps_no_limit_and_is_no_near_miss():
    made = tradeoffs(board_of_skills(SKILLS), [summary("a/best", usd=None), summary("d/poor", usd=9)])
    said = recommend(made, Limits(usd_per_1000=5))
    assert said.choice is None
    assert said.nearest.candidate.endpoint == "d/poor"
    assert recommend(made, Limits(p95_ms=5000)).choice.candidate.endpoint == "a/best"


def test_one_that_keeps_the_limits_alone_has_no_rivals(found):
    said = chosen(found, usd_per_1000=2)
    assert said.sentence == "the choice is d/poor: it alone keeps every limit"
    assert (said.choice.probability_best, said.not_told_apart) == (1, ())


def test_nothing_measured_is_said_and_not_guessed():
    said = recommend(tradeoffs(board_of_skills(SKILLS), []), Limits(p95_ms=100))
    assert said.sentence == "no endpoint is both rated and measured, so there is nothing to choose from"
    assert said.nearest is None


def test_a_simulated_choice_says_so():
    board = board_of_skills(SKILLS, board=Board(simulated=True))
    said = recommend(tradeoffs(board, [summary("a/best", simulated=True)]), Limits())
    assert said.sentence.startswith("simulated: ")


@pytest.mark.parametrize("limits", [{"p95_ms": 0}, {"usd_per_1000": -1}, {"success": 99}, {"success": 0}])
def test_a_limit_that_means_nothing_is_refused(limits):
    with pytest.raises(ConfigError, match="the limit on"):
        Limits(**limits)


def test_json_carries_the_choice_the_chances_and_every_check(found):
    told = json.loads(json.dumps(as_json(chosen(found, usd_per_1000=30, p95_ms=2950)), allow_nan=False))
    assert told["choice"] == "c/twin"
    assert {c["endpoint"]: c["admitted"] for c in told["candidates"]} == {
        "a/best": False, "b/good": False, "c/twin": True, "d/poor": True,
    }  # fmt: skip
    assert told["candidates"][0]["checks"][0]["kept"] == "no"
    assert {s["limit"] for s in told["without"]} == {"price", "p95"}


def test_a_figure_that_is_not_known_is_not_said_to_miss_its_limit():
    held = checks(tradeoffs(board_of_skills(SKILLS), [summary("a/best", usd=None)]).candidates[0],
                  Limits(usd_per_1000=30, p95_ms=1000, success=0.9))  # fmt: skip
    assert shortfall(held) == "misses p95 of time to image; price per 1,000 is not known"
    assert shortfall(held[2:]) == ""
