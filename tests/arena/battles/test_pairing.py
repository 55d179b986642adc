"""Who meets whom: shares, propensities, and that everything that can be drawn can be drawn."""

from collections import Counter

import numpy as np
import pytest

from arena.battles.pairing import SHARES, Outlook, draw, probabilities
from arena.domain.battle import Rule

N = 6
ALL = np.triu(np.ones((N, N), dtype=bool), 1)


def outlook(votes, theta=None, errors=None):
    theta = np.zeros(N) if theta is None else np.array(theta, dtype=float)
    return Outlook(np.array(votes, dtype=float), theta, np.full((N, N), 0.3) if errors is None else errors)


def test_the_shares_are_what_is_promised():
    assert 0.6 <= SHARES[Rule.NEWCOMER] <= 0.7
    assert 0.2 <= SHARES[Rule.UNCERTAIN] <= 0.3
    assert SHARES[Rule.UNIFORM] >= 0.1
    assert sum(SHARES.values()) == pytest.approx(1)


@pytest.mark.parametrize("votes", [[0] * 6, [500] * 6, [500, 500, 500, 500, 500, 3]])
def test_every_rule_is_a_distribution_over_what_is_possible(votes):
    possible = ALL.copy()
    possible[0, 1] = possible[2, 5] = False
    found = probabilities(possible, outlook(votes, theta=[0, 0.1, 0.5, -1, 2, 0]))
    assert sum(share for share, _ in found.values()) == pytest.approx(1)
    for _, table in found.values():
        assert table.sum() == pytest.approx(1)
        assert (table[~possible] == 0).all()
    mixed = sum(share * table for share, table in found.values())
    assert (mixed[possible] > 0).all()


def test_a_newcomer_gets_most_of_the_draws_and_a_balanced_pool_has_none():
    with_newcomer = probabilities(ALL, outlook([500] * 5 + [3]))
    mixed = sum(share * table for share, table in with_newcomer.values())
    assert mixed[:, 5].sum() > 0.7
    assert Rule.NEWCOMER not in probabilities(ALL, outlook([500, 480, 510, 490, 500, 505]))


def test_the_uncertain_share_goes_to_pairs_whose_order_is_open():
    settled = outlook([500] * 6, theta=[0, 0.02, 2, 4, 6, 8])
    _, table = probabilities(ALL, settled)[Rule.UNCERTAIN]
    assert table[0, 1] == table.max() > 0.5


def test_draws_come_as_often_as_their_propensity_says():
    rng, known = np.random.default_rng(3), outlook([500] * 5 + [3], theta=[0, 0.2, 0.4, 0.1, 0.9, 0])
    drawn = [draw(ALL, known, rng) for _ in range(4000)]
    by_pair = Counter((p.first, p.second) for p in drawn)
    for pair in drawn[:50]:
        assert by_pair[pair.first, pair.second] / 4000 == pytest.approx(pair.propensity, abs=0.03)
    shares = Counter(p.rule for p in drawn)
    assert shares[Rule.NEWCOMER] / 4000 == pytest.approx(SHARES[Rule.NEWCOMER], abs=0.03)


def test_the_same_seed_draws_the_same_pairs():
    one, other = (draw(ALL, outlook([0] * 6), np.random.default_rng(9)) for _ in range(2))
    assert one == other


def test_when_nothing_is_possible_nothing_is_drawn():
    assert draw(np.zeros((N, N), dtype=bool), outlook([0] * 6), np.random.default_rng(1)) is None
