"""How few votes would change the top, held against fits without them; partial pooling."""

import numpy as np
import pytest

from arena.ratings.davidson import ELO_PER_LOGIT, Model, fit
from arena.ratings.influence import by_voter, fragility, gap_influence
from arena.ratings.votes import Result, Votes
from tests.arena.ratings.simulated_votes import simulate


def without(votes, chosen):
    kept = np.ones(len(votes), dtype=bool)
    kept[chosen] = False
    return votes.where(kept)


def test_a_votes_influence_is_what_leaving_it_out_does():
    _, votes = simulate(5, 2000, tie=0.5, seed=1)
    fitted = fit(votes.counts())
    pull = gap_influence(fitted, votes, 0, 1)
    gap = fitted.elo[0] - fitted.elo[1]
    for vote in (3, 500, 1999):
        other = fit(without(votes, [vote]).counts(), start=fitted)
        assert gap - (other.elo[0] - other.elo[1]) == pytest.approx(pull[vote], abs=0.01)


def test_a_close_race_hangs_on_a_handful_and_a_clear_one_does_not():
    _, close = simulate(4, 4000, spread_elo=3, seed=2)
    found = fragility(fit(close.counts()), close)
    assert 0 < found.share < 0.02
    clear = Votes.of(
        [("a", "b", Result.LEFT if i % 4 else Result.RIGHT, f"p{i % 20}", f"v{i % 30}") for i in range(800)]
    )
    sure = fragility(fit(clear.counts()), clear)
    assert sure.share is None or sure.share > 0.2
    assert sure.first == 0


def test_what_is_said_to_change_the_top_changes_it():
    _, votes = simulate(6, 3000, spread_elo=20, tie=0.5, seed=3)
    fitted = fit(votes.counts())
    found = fragility(fitted, votes)
    order = np.argsort(-gap_influence(fitted, votes, found.first, found.second), kind="stable")
    again = fit(without(votes, order[: found.votes]).counts())
    assert np.argmax(again.theta) != found.first


def test_the_voter_who_moves_the_top_most_is_found():
    _, votes = simulate(4, 2000, voters=40, spread_elo=5, seed=4)
    rigged = Votes(
        votes.contenders,
        np.concatenate((votes.left, np.zeros(200, np.int64))),
        np.concatenate((votes.right, np.ones(200, np.int64))),
        np.concatenate((votes.result, np.zeros(200, np.int64))),
        np.concatenate((votes.prompt, np.arange(200) % 20)),
        np.concatenate((votes.voter, np.full(200, 40))),
    )
    order, pull = by_voter(fit(rigged.counts()), rigged, 0, 1)
    assert order[0] == 40
    assert pull[0] > 3 * abs(pull[1])


def test_nothing_can_be_said_of_nothing():
    empty = Votes.of([], ["a", "b"])
    assert fragility(fit(empty.counts()), empty) is None


def test_a_board_without_votes_that_is_pooled_with_another_reads_like_it():
    towards = np.array([120.0, 0.0, -120.0]) / ELO_PER_LOGIT
    empty = Votes.of([], ["a", "b", "c"])
    assert fit(empty.counts(), towards=towards).elo == pytest.approx([120, 0, -120])


def test_many_votes_outweigh_the_board_that_they_are_pooled_with():
    votes = Votes.of([("a", "b", Result.RIGHT if i % 4 else Result.LEFT, "p", f"v{i}") for i in range(2000)])
    model = Model(prior_sd_elo=100, side=False)
    few = fit(votes.where(np.arange(2000) < 4).counts(), model, towards=np.array([1.0, -1.0]))
    many = fit(votes.counts(), model, towards=np.array([1.0, -1.0]))
    assert few.elo[0] > few.elo[1]
    assert many.elo[1] - many.elo[0] == pytest.approx(400 * np.log10(3), abs=8)
