"""Covariances against sums written out by hand; what clustering is for."""

import numpy as np
import pytest

from arena.ratings import intervals
from arena.ratings.connectivity import connectivity
from arena.ratings.contrasts import better, contrast, rank_ranges, simultaneous_quantile, standard_errors, tiers
from arena.ratings.davidson import ELO_PER_LOGIT, Model, fit, probabilities
from arena.ratings.intervals import precision
from arena.ratings.sequence import lead
from arena.ratings.votes import Result, Votes
from tests.arena.ratings.simulated_votes import simulate


def score(fitted, votes, v):
    """The gradient of one vote's log likelihood, by its definition."""
    n, i, j = len(votes.contenders), votes.left[v], votes.right[v]
    p_left, p_right, p_tie = (p[i, j] for p in probabilities(fitted.theta, fitted.side, fitted.tie))
    expected = (p_left - p_right) / 2
    got = {Result.LEFT: 0.5, Result.RIGHT: -0.5, Result.TIE: 0.0}[Result(votes.result[v])]
    gradient = np.zeros(n + 2)
    gradient[i] += got - expected
    gradient[j] -= got - expected
    gradient[n] = got - expected
    gradient[n + 1] = (votes.result[v] == Result.TIE) - p_tie
    return gradient


def by_hand(fitted, votes, label):
    groups = {}
    for v in range(len(votes)):
        groups.setdefault(label(v), np.zeros(len(votes.contenders) + 2))
        groups[label(v)] += score(fitted, votes, v)
    count = len(groups)
    return sum(np.outer(s, s) for s in groups.values()) * count / (count - 1)


@pytest.mark.parametrize("dense_cells", [10**9, 0], ids=["dense", "sparse"])
def test_the_two_way_sandwich_is_what_its_definition_says(dense_cells, monkeypatch):
    monkeypatch.setattr(intervals, "DENSE_CELLS", dense_cells)
    _, votes = simulate(5, 400, prompts=12, voters=9, tie=0.6, side=0.2, prompt_elo=80, seed=1)
    fitted = fit(votes.counts())
    scores = intervals._Scores(fitted, votes)
    assert scores.meat(votes.prompt) == pytest.approx(by_hand(fitted, votes, lambda v: votes.prompt[v]))
    assert scores.meat(votes.voter) == pytest.approx(by_hand(fitted, votes, lambda v: votes.voter[v]))
    pair = votes.prompt * 9 + votes.voter
    assert scores.meat(pair) == pytest.approx(by_hand(fitted, votes, lambda v: pair[v]))
    each = sum(np.outer(score(fitted, votes, v), score(fitted, votes, v)) for v in range(len(votes)))
    assert scores.meat(None) == pytest.approx(each)


def test_without_shared_prompts_and_voters_clustering_changes_nothing():
    _, votes = simulate(5, 600, tie=0.5, seed=2)
    alone = Votes(votes.contenders, votes.left, votes.right, votes.result, np.arange(600), np.arange(600))
    found = precision(fit(alone.counts()), alone)
    assert np.diag(found.covariance) == pytest.approx(np.diag(found.independent), rel=0.02)
    assert found.design_effect(5) == pytest.approx(1, abs=0.01)


def test_votes_that_share_prompts_are_worth_fewer():
    _, votes = simulate(10, 20_000, prompts=20, tie=0.5, prompt_elo=100, seed=3)
    found = precision(fit(votes.counts()), votes)
    assert found.freedom == 19
    assert found.design_effect(10) > 5
    assert (found.half_widths_elo(10) > 2 * 1.96 * np.sqrt(np.diag(found.independent)[:10]) * ELO_PER_LOGIT).all()


def test_two_prompts_carry_next_to_nothing_across_prompts():
    _, votes = simulate(4, 4000, prompts=2, prompt_elo=50, seed=4)
    found = precision(fit(votes.counts()), votes)
    assert found.freedom == 1
    assert found.t() == pytest.approx(12.7, abs=0.1)
    assert not better(fit(votes.counts()), found).any()


def test_one_prompt_is_spoken_of_as_one_prompt():
    _, votes = simulate(4, 500, prompts=1, voters=40, seed=5)
    found = precision(fit(votes.counts()), votes)
    assert found.scope == "this prompt"
    assert 30 <= found.freedom <= 39


def test_without_votes_nothing_can_be_said():
    votes = Votes.of([], ["a", "b"])
    fitted = fit(votes.counts())
    found = precision(fitted, votes)
    assert found.freedom == 0
    assert contrast(fitted, found, 0, 1).low_elo == -np.inf
    assert not better(fitted, found).any()
    assert tiers(fitted, better(fitted, found)).tolist() == [1, 1]


def test_a_difference_has_its_own_interval():
    """Two intervals may overlap while their difference is decided."""
    _, votes = simulate(3, 3000, prompts=60, spread_elo=30, seed=6)
    fitted = fit(votes.counts())
    found = precision(fitted, votes)
    half = found.half_widths_elo(3)
    best, worst = int(np.argmax(fitted.theta)), int(np.argmin(fitted.theta))
    gap = contrast(fitted, found, best, worst)
    assert gap.difference_elo == pytest.approx(fitted.elo[best] - fitted.elo[worst])
    assert gap.difference_elo - gap.low_elo < half[best] + half[worst]
    other = contrast(fitted, found, worst, best)
    assert (other.low_elo, other.high_elo) == pytest.approx((-gap.high_elo, -gap.low_elo))


def test_comparing_all_pairs_at_once_asks_for_more():
    _, votes = simulate(10, 20_000, prompts=400, tie=0.5, seed=7)
    found = precision(fit(votes.counts()), votes)
    assert found.t() + 0.5 < simultaneous_quantile(found, np.ones(10, dtype=bool)) < 4.5
    assert simultaneous_quantile(found, np.ones(10, dtype=bool)) == simultaneous_quantile(
        found, np.ones(10, dtype=bool)
    )
    assert standard_errors(found, 10).shape == (10, 10)


def test_tiers_follow_the_leader_and_ranks_say_what_is_open():
    skill, votes = simulate(6, 40_000, prompts=400, spread_elo=150, seed=8)
    fitted = fit(votes.counts())
    is_better = better(fitted, precision(fitted, votes))
    tier = tiers(fitted, is_better)
    order = np.argsort(-fitted.theta)
    assert tier.min() == 1
    assert not (is_better & (tier[:, None] >= tier[None, :])).any()
    assert tier.max() >= 4
    ranges = rank_ranges(is_better)
    place = np.empty(6, int)
    place[order] = np.arange(1, 7)
    assert (ranges[:, 0] <= place).all()
    assert (place <= ranges[:, 1]).all()
    assert not (is_better & (skill[:, None] <= skill[None, :])).any()


@pytest.mark.parametrize("wins", [1, 3, 5])
def test_a_handful_of_wins_proves_nothing(wins):
    votes = Votes.of([("a", "b", Result.LEFT, f"p{i}", f"v{i}") for i in range(wins)])
    fitted = fit(votes.counts())
    found = precision(fitted, votes)
    assert not contrast(fitted, found, 0, 1).decided


def test_a_newcomer_and_a_stranger_do_not_widen_the_intervals_of_the_others():
    _, votes = simulate(8, 8000, prompts=100, voters=200, tie=0.5, seed=11)
    alone = precision(fit(votes.counts()), votes)
    more = Votes(
        (*votes.contenders, "newcomer"),
        *(np.concatenate((column, extra)) for column, extra in (
            (votes.left, np.full(6, 8)), (votes.right, np.arange(6)), (votes.result, np.zeros(6, np.int64)),
            (votes.prompt, np.arange(6)), (votes.voter, np.arange(6)),
        )),
    )  # fmt: skip
    settled = np.arange(9) < 8
    joined = precision(fit(more.counts()), more, settled)
    assert joined.half_widths_elo(9)[:8] == pytest.approx(alone.half_widths_elo(8), rel=0.05)
    assert joined.half_widths_elo(9)[8] > 100


def with_newcomer(prompts_of_newcomer, count=200):
    """Eight veterans on a hundred prompts, and a newcomer (the last one) that was seen on few."""
    _, votes = simulate(8, 8000, prompts=100, voters=200, tie=0.5, seed=13)
    more = np.arange(count)
    extra = (np.full(count, 8), more % 8, more % 3, prompts_of_newcomer[more % len(prompts_of_newcomer)], more % 200)
    old = (votes.left, votes.right, votes.result, votes.prompt, votes.voter)
    joined = Votes((*votes.contenders, "newcomer"), *(np.concatenate(c) for c in zip(old, extra, strict=True)))
    fitted = fit(joined.counts())
    return fitted, precision(fitted, joined, np.arange(9) < 8)


def test_a_newcomer_has_the_freedom_of_its_own_prompts():
    fitted, few = with_newcomer(np.arange(4))
    _, many = with_newcomer(np.arange(100))
    assert few.freedoms[8] == pytest.approx(3)
    assert many.freedoms[8] > 60
    assert (few.freedoms[:8] > 60).all()
    assert few.half_widths_elo(9)[8] > 1.5 * many.half_widths_elo(9)[8]
    assert few.half_widths_elo(9)[:8] == pytest.approx(many.half_widths_elo(9)[:8], rel=0.2)
    against, among = contrast(fitted, few, 8, 0), contrast(fitted, few, 1, 0)
    assert against.high_elo - against.low_elo > among.high_elo - among.low_elo


def test_a_newcomer_on_a_single_prompt_has_no_interval_on_a_board_of_many():
    fitted, found = with_newcomer(np.array([5]), 2000)
    assert found.freedoms[8] == 0
    assert found.half_widths_elo(9)[8] == np.inf
    assert not contrast(fitted, found, 8, 0).decided
    assert not better(fitted, found)[:, 8].any()


def test_only_ties_are_not_known_to_the_last_digit():
    rows = [("a", "b", Result.TIE, f"p{i % 20}", f"v{i % 30}") for i in range(200)]
    votes = Votes.of(rows)
    assert (precision(fit(votes.counts()), votes).half_widths_elo(2) > 5).all()


def test_few_voters_are_what_limits_a_claim_about_voters():
    _, many = simulate(6, 4000, prompts=100, voters=400, seed=12)
    _, few = simulate(6, 4000, prompts=100, voters=4, seed=12)
    assert precision(fit(few.counts()), few).freedom <= 3
    assert precision(fit(many.counts()), many).freedom > 60
    mostly_one = np.where(np.arange(4000) < 3600, 0, np.arange(4000))
    dominated = Votes(few.contenders, few.left, few.right, few.result, few.prompt, mostly_one)
    assert precision(fit(dominated.counts()), dominated).freedom == 1


def test_groups_without_a_vote_between_them_are_not_compared():
    rows = [("a", "b", Result.LEFT, f"p{i}", f"v{i}") for i in range(200)] + [
        ("c", "d", Result.RIGHT if i % 4 else Result.LEFT, f"p{i}", f"v{i}") for i in range(200)
    ]
    votes = Votes.of(rows, ["a", "b", "c", "d", "e"])
    linked = connectivity(votes.counts())
    assert linked.components == 2
    assert linked.component[4] == -1
    assert (linked.comparable[0, 1], linked.comparable[0, 2], linked.comparable[0, 4]) == (True, False, False)
    assert linked.main.sum() == 2
    assert linked.never_lost.tolist() == [True, False, False, False, False]
    assert linked.never_won.tolist() == [False, True, False, False, False]
    assert linked.separated
    inside = votes.among(linked.main)
    assert (inside.contenders, len(inside)) == (("a", "b"), 200)
    fitted = fit(inside.counts(), Model())
    assert better(fitted, precision(fitted, inside))[0, 1]


def test_a_board_on_which_everybody_has_lost_to_somebody_is_not_separated():
    votes = Votes.of(
        [("a", "b", Result.LEFT, "p", "v"), ("b", "c", Result.LEFT, "p", "v"), ("c", "a", Result.LEFT, "p", "v")]
    )
    linked = connectivity(votes.counts())
    assert not linked.separated
    assert not linked.never_lost.any()


def test_a_lead_that_is_looked_at_after_every_vote_is_wrong_in_at_most_one_run_of_twenty():
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(300):
        wins = np.cumsum(rng.random(2000) < 0.5)
        wrong += any(lead(int(wins[m - 1]), int(m - wins[m - 1])).verdict != "open" for m in range(10, 2001, 10))
    assert wrong / 300 <= 0.05


def test_a_true_lead_is_found():
    assert lead(70, 30).verdict == "ahead"
    assert lead(30, 70).verdict == "behind"
    assert lead(6, 0).verdict == "open"
    assert (lead(0, 0).share, lead(0, 0).verdict) == (None, "open")
