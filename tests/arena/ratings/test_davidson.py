"""The fit against worked cases, an independent library, and what must not matter."""

import evalica
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.ratings.davidson import ELO_PER_LOGIT, Model, fit, probabilities
from arena.ratings.votes import Result, Votes
from tests.arena.ratings.simulated_votes import simulate

LIKELIHOOD = Model(prior_sd_elo=None, side=False)
WINNERS = {0: evalica.Winner.X, 1: evalica.Winner.Y, 2: evalica.Winner.Draw}


def duel(*results, left="a", right="b"):
    return Votes.of([(left, right, r, f"p{i}", "v") for i, r in enumerate(results)])


def judged_by_evalica(votes, method):
    names = np.array(votes.contenders)
    xs, ys = names[votes.left].tolist(), names[votes.right].tolist()
    winners = [WINNERS[int(r)] for r in votes.result]
    scores = getattr(evalica, method)(xs, ys, winners, tolerance=1e-12, limit=100_000).scores.sort_index()
    elo = 400 * np.log10(scores.to_numpy())
    return elo - elo.mean()


def test_two_contenders_are_as_far_apart_as_their_odds():
    votes = duel(*[Result.LEFT] * 30, *[Result.RIGHT] * 10)
    fitted = fit(votes.counts(), LIKELIHOOD)
    assert fitted.elo[0] - fitted.elo[1] == pytest.approx(400 * np.log10(3))


def test_ties_are_a_result_of_their_own():
    votes = duel(*[Result.LEFT] * 30, *[Result.RIGHT] * 10, *[Result.TIE] * 60)
    fitted = fit(votes.counts(), LIKELIHOOD)
    assert fitted.elo[0] - fitted.elo[1] == pytest.approx(400 * np.log10(3))
    left, right, tied = (p[0, 1] for p in probabilities(fitted.theta, fitted.side, fitted.tie))
    assert (left, right, tied) == pytest.approx((0.3, 0.1, 0.6))


@pytest.mark.parametrize(("tie", "method"), [(0.0, "bradley_terry"), (0.8, "newman")])
@pytest.mark.parametrize("size", [(5, 300), (30, 10_000)])
def test_it_agrees_with_evalica(tie, method, size):
    _, votes = simulate(*size, tie=tie, seed=4)
    fitted = fit(votes.counts(), LIKELIHOOD)
    assert fitted.converged
    assert np.abs(fitted.elo - judged_by_evalica(votes, method)).max() < 0.01


def test_half_a_win_for_a_tie_is_what_bradley_terry_without_ties_makes_of_them():
    _, votes = simulate(6, 3000, tie=0.8, seed=5)
    fitted = fit(votes.counts(), Model(prior_sd_elo=None, side=False, ties="half"))
    assert np.abs(fitted.elo - judged_by_evalica(votes, "bradley_terry")).max() < 0.01


def test_the_side_is_estimated_and_does_not_move_the_skills():
    skill, votes = simulate(6, 60_000, tie=0.5, side=0.3, seed=6)
    fitted = fit(votes.counts())
    assert fitted.side == pytest.approx(0.3, abs=0.03)
    assert np.abs(fitted.elo - skill).max() < 12


def test_the_order_of_votes_and_the_names_do_not_matter():
    _, votes = simulate(6, 500, tie=0.5, seed=7)
    shuffled = votes.where(np.random.default_rng(1).permutation(len(votes)))
    assert np.array_equal(fit(votes.counts()).theta, fit(shuffled.counts()).theta)
    relabelled = np.array([3, 0, 5, 1, 2, 4])
    swapped = Votes(
        votes.contenders, relabelled[votes.left], relabelled[votes.right], votes.result, votes.prompt, votes.voter
    )
    assert fit(swapped.counts()).theta[relabelled] == pytest.approx(fit(votes.counts()).theta, abs=1e-9)


def test_a_warm_start_gives_the_same_as_a_cold_one():
    _, votes = simulate(10, 2000, tie=0.5, seed=8)
    before = fit(votes.where(np.arange(len(votes)) < 1999).counts())
    assert fit(votes.counts(), start=before).theta == pytest.approx(fit(votes.counts()).theta, abs=1e-9)


def test_half_weights_are_half_votes():
    _, votes = simulate(5, 400, seed=9)
    twice = Votes(
        votes.contenders,
        *(np.concatenate((c, c)) for c in (votes.left, votes.right, votes.result, votes.prompt, votes.voter)),
        np.full(800, 0.5),
    )
    assert twice.counts() == pytest.approx(votes.counts())


class TestYoungBoards:
    """What a board looks like before it has any right to be sure."""

    def test_without_votes_everybody_is_equal(self):
        fitted = fit(Votes.of([], ["a", "b", "c"]).counts())
        assert fitted.converged
        assert fitted.theta.tolist() == [0, 0, 0]

    def test_one_vote_moves_both_a_little(self):
        fitted = fit(duel(Result.LEFT).counts())
        assert 5 < fitted.elo[0] < 100
        assert fitted.elo[1] == pytest.approx(-fitted.elo[0])

    def test_the_undefeated_rises_with_every_win_and_stays_finite(self):
        heights = [fit(duel(*[Result.LEFT] * wins).counts(), Model(side=False)).elo[0] for wins in (1, 6, 60, 600)]
        assert heights == sorted(heights)
        assert heights[1] < 300
        assert heights[-1] < 1000

    def test_the_never_won_is_the_mirror_image(self):
        up = fit(duel(*[Result.LEFT] * 6).counts(), Model(side=False))
        down = fit(duel(*[Result.RIGHT] * 6).counts(), Model(side=False))
        assert up.elo == pytest.approx(-down.elo)

    def test_who_never_took_part_stays_at_the_mean(self):
        votes = Votes.of([("a", "b", Result.LEFT, "p", "v")] * 5, ["a", "b", "c"])
        assert fit(votes.counts()).elo[2] == pytest.approx(0)

    def test_only_ties_make_nobody_better(self):
        fitted = fit(duel(*[Result.TIE] * 20).counts())
        assert fitted.elo == pytest.approx([0, 0])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4), st.integers(0, 2)), max_size=60))
def test_any_votes_converge_to_something_finite(rows):
    votes = Votes.of(
        [(f"m{a}", f"m{(a + d) % 5}", Result(r), "p", "v") for a, d, r in rows], [f"m{i}" for i in range(5)]
    )
    fitted = fit(votes.counts())
    assert fitted.converged
    assert np.isfinite(fitted.parameters).all()
    assert abs(fitted.theta.sum()) < 1e-9
    assert (np.linalg.eigvalsh(fitted.curvature) > 0).all()
    assert np.abs(fitted.elo).max() < 10 * ELO_PER_LOGIT
