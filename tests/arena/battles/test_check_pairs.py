"""Pairs that check the voter: never a rating, never too soon, and an answer that is known."""

from datetime import UTC, datetime

import numpy as np
import pytest
import sqlalchemy as sa

from arena.battles import check_pairs, voter_checks
from arena.battles.ballots import Ballots, House
from arena.domain.battle import Purpose, Verdict
from arena.domain.check import Ruler, Ruling, Standing
from arena.errors import ConfigError
from arena.settings import Settings
from arena.store import checks, rulings
from arena.store.battles import BATTLE, FACTS, VOTE, Seen
from arena.store.checks import Answers
from arena.store.contenders import DEGRADED, contenders
from arena.store.vote_facts import facts
from tests.arena.battles.conftest import fill

AFTER = 4
GOLD_ONLY, REPEATS = House(gold_share=1.0), House(repeat_share=0.4, repeat_after=AFTER)


@pytest.fixture
def large(settings):
    """Enough images for a voter who stays for a while."""
    opened = fill(settings, prompts=14, repetitions=1)
    yield opened
    opened.close()


def voting(database, house, watch, choose, count, voter="ann"):
    """`count` votes of one voter, each as `choose(battle)` says; returns the battles."""
    ballots = Ballots(database, house, now=watch)
    ballots.register(voter)
    pool = ballots.pool(simulated=False)
    shown = []
    for seed in range(count):
        ballot = ballots.open(voter, pool, seed=seed)
        if ballot is None:
            break
        watch.ahead(seconds=3)
        battle = ballots.battle(ballot.token)
        shown.append(ballots.cast(ballot.token, voter, choose(battle), 2000).battle)
    return shown


def by_name(battle):
    """A voter with a firm taste: the lower contender's image, wherever it stands."""
    return Verdict.LEFT if battle.left.contender < battle.right.contender else Verdict.RIGHT


def always_left(battle):
    return Verdict.LEFT


def rated(database):
    with database.read() as connection:
        return len(facts(connection, simulated=False)) // FACTS.size


def standing_of(database, voter="ann"):
    with database.read() as connection:
        return voter_checks.assess(connection).get(voter)


def test_a_repeat_is_an_earlier_pair_with_the_sides_swapped_and_does_not_rate(large, watch):
    shown = voting(large, REPEATS, watch, by_name, 30)
    repeats = [(i, b) for i, b in enumerate(shown) if b.purpose is Purpose.REPEAT]
    assert len(repeats) >= 3
    for place, battle in repeats:
        (first,) = [
            i for i, b in enumerate(shown[:place])
            if (b.left.sha256, b.right.sha256) == (battle.right.sha256, battle.left.sha256)
        ]  # fmt: skip
        assert shown[first].purpose is Purpose.RATE
        assert shown[first].cell == battle.cell
        assert place - first > AFTER
    pairs = [frozenset((b.left.sha256, b.right.sha256)) for b in shown]
    assert max(pairs.count(pair) for pair in pairs) == 2
    assert rated(large) == len(shown) - len(repeats)


def test_a_firm_taste_passes_and_clicking_left_fails_and_both_are_said_with_an_interval(large, watch):
    voting(large, REPEATS, watch, by_name, 40)
    found = standing_of(large)
    assert found.standing is Standing.PASSED
    assert found.consistency.value == 1
    assert 0.5 < found.consistency.low < 1
    before = rated(large)
    voting(large, REPEATS, watch, always_left, 40, voter="bob")
    found = standing_of(large, "bob")
    assert (found.consistency.value, found.standing) == (0, Standing.FAILED)
    assert rated(large) == before  # bob's first votes counted until the check failed; none does any more
    with large.read() as connection:
        (row,) = rulings.set_apart(connection)
        total = connection.execute(sa.select(sa.func.count()).select_from(VOTE)).scalar_one()
    assert (row.voter_id, row.reason) == ("bob", voter_checks.FAILED_REPEATS)
    assert total > before + row.votes / 2  # nothing was deleted


def test_a_spoilt_image_is_the_worse_one_and_rates_nobody(large, watch):
    shown = voting(large, GOLD_ONLY, watch, lambda b: Verdict.RIGHT if b.left.sha256 is None else Verdict.LEFT, 12)
    assert {b.purpose for b in shown} == {Purpose.GOLD}
    assert all((b.left.sha256 is None) != (b.right.sha256 is None) for b in shown)
    assert {b.left.sha256 is None for b in shown} == {True, False}
    assert len({b.left.sha256 or b.right.sha256 for b in shown}) == len(shown)
    found = standing_of(large)
    assert (found.accuracy.value, found.accuracy.n, found.accurate) == (1, 12, Standing.PASSED)
    assert rated(large) == 0
    with large.read() as connection:
        assert DEGRADED not in {c.endpoint_id for c in contenders(connection)}


def test_who_prefers_the_spoilt_images_is_set_apart_and_stays_on_record(large, watch):
    voting(large, House(), watch, by_name, 5)
    assert rated(large) == 5
    voting(large, GOLD_ONLY, watch, lambda b: Verdict.TIE, 4)
    assert rated(large) == 0
    voting(large, House(), watch, by_name, 3)
    assert rated(large) == 0  # what comes after is set apart, too
    with large.read() as connection:
        (row,) = rulings.set_apart(connection)
        ruling = rulings.ruling_on_voter(connection, "ann")
    assert (row.votes, row.reason, ruling.by) == (12, voter_checks.FAILED_GOLD, Ruler.HOUSE)


def test_the_operators_word_stands_against_that_of_the_house(large, watch):
    voting(large, GOLD_ONLY, watch, lambda b: Verdict.TIE, 4)
    voting(large, House(), watch, by_name, 3)
    released = Ruling(voter_id="ann", apart=False, reason="asked them", by=Ruler.OPERATOR, at=watch())
    with large.write() as connection:
        rulings.rule(connection, released)
        assert voter_checks.review_all(connection, watch()) == []
    assert rated(large) == 3
    voting(large, GOLD_ONLY, watch, lambda b: Verdict.TIE, 2)
    assert rated(large) == 3
    declared = Ruling(voter_id="ann", apart=True, reason="declared by the operator: a script", by=Ruler.OPERATOR,
                      at=watch())  # fmt: skip
    with large.write() as connection:
        rulings.rule(connection, declared)
    assert rated(large) == 0


def test_a_vote_that_was_released_by_itself_stays_when_its_voter_is_set_apart(large, watch):
    voting(large, House(), watch, by_name, 3)
    with large.write() as connection:
        kept = connection.execute(sa.select(sa.func.min(VOTE.c.id))).scalar_one()
        for apart in (True, False):
            rulings.rule(connection, Ruling(vote_id=kept, apart=apart, reason="x", by=Ruler.OPERATOR, at=watch()))
        rulings.rule(connection, Ruling(voter_id="ann", apart=True, reason="y", by=Ruler.OPERATOR, at=watch()))
    assert rated(large) == 1


def test_a_declared_pair_is_shown_first_and_withdrawn_ones_do_not_count(large, watch):
    ballots = Ballots(large, now=watch)
    pool = ballots.pool(simulated=False)
    cell = pool.cell_keys[0]
    nothing, rng = Seen(frozenset(), frozenset()), np.random.default_rng(1)
    better, worse, same, other = (
        pool.pick(key, contender, nothing, rng).sha256
        for key in (cell, pool.cell_keys[1])
        for contender in pool.contenders[:2]
    )
    with large.write() as connection:
        pair = checks.declare_gold(connection, better, worse, "five fingers against seven", watch())
        for a, b, sentence in ((better, "0" * 64, "no image"), (better, other, "one prompt"), (better, same, "two"),
                               (worse, better, "already")):  # fmt: skip
            with pytest.raises(ConfigError, match=sentence):
                checks.declare_gold(connection, a, b, "?", watch())
    (battle,) = voting(large, GOLD_ONLY, watch, lambda b: Verdict.LEFT, 1)
    assert {battle.left.sha256, battle.right.sha256} == {better, worse}
    with large.read() as connection:
        assert checks.answers(connection)["ann"] == Answers(gold=1, right=int(battle.left.sha256 == better))
    with large.write() as connection:
        assert checks.withdraw_gold(connection, pair.id, watch())
        assert not checks.withdraw_gold(connection, pair.id, watch())
    with large.read() as connection:
        assert checks.answers(connection) == {}


def test_taking_a_check_back_does_not_take_back_its_answer(large, watch):
    ballots = Ballots(large, GOLD_ONLY, now=watch)
    ballots.register("ann")
    ballot = ballots.open("ann", ballots.pool(simulated=False))
    watch.ahead(seconds=2)
    ballots.cast(ballot.token, "ann", Verdict.TIE, 2000)
    assert ballots.undo(ballot.token, "ann")
    with large.read() as connection:
        assert checks.answers(connection)["ann"] == Answers(gold=1)


@pytest.mark.parametrize(
    ("answers", "dwell_ms", "standing"),
    [
        (Answers(), [], Standing.UNCHECKED),
        (Answers(gold=3), [2000] * 50, Standing.UNCHECKED),  # three wrong ones are too few to tell
        (Answers(gold=4), [], Standing.FAILED),
        (Answers(repeats=20, alike=10), [], Standing.UNCHECKED),  # chance, or close pairs
        (Answers(repeats=40, alike=20), [], Standing.FAILED),
        (Answers(repeats=6, alike=6), [], Standing.PASSED),
        (Answers(), [800] * 19, Standing.UNCHECKED),
        (Answers(), [800] * 20, Standing.FAILED),
        (Answers(), [0] * 500, Standing.UNCHECKED),  # nobody measured these
        (Answers(gold=9, right=9), [800] * 5 + [3000] * 20, Standing.PASSED),
    ],
)
def test_too_little_is_never_a_failure(answers, dwell_ms, standing):
    assert voter_checks.assessed(answers, dwell_ms).standing is standing


def test_a_voter_who_clears_up_is_taken_back_in(large, watch):
    voting(large, GOLD_ONLY, watch, lambda b: Verdict.TIE, 4)
    voting(large, House(), watch, by_name, 2)
    assert rated(large) == 0
    with large.write() as connection:  # the pairs were bad, as it turns out
        gold = BATTLE.c.purpose == Purpose.GOLD
        connection.execute(BATTLE.update().where(gold).values(left_contender=1, right_contender=2))
        (ruling,) = voter_checks.review_all(connection, watch())
    assert (ruling.apart, rated(large)) == (False, 2)


def test_shares_are_kept_and_without_them_there_are_no_checks(large, watch):
    house = House.of(Settings())
    assert 0 < house.gold_share < 0.1
    assert 0 < house.repeat_share < 0.1
    rng = np.random.default_rng(1)
    drawn = [check_pairs.purpose(house, rng) for _ in range(4000)]
    assert drawn.count(Purpose.GOLD) / 4000 == pytest.approx(house.gold_share, abs=0.015)
    assert drawn.count(Purpose.REPEAT) / 4000 == pytest.approx(house.repeat_share, abs=0.015)
    assert {b.purpose for b in voting(large, House(), watch, by_name, 20)} == {Purpose.RATE}


def test_votes_over_a_cap_that_came_later_are_set_apart_and_come_back_with_it(large, watch):
    voting(large, House(), watch, by_name, 6)
    now = datetime(2026, 11, 21, tzinfo=UTC)
    for most, over in ((4, 2), (6, 0), (None, 0)):
        with large.write() as connection:
            assert rulings.mark_over_caps(connection, most, None, now) == over
        assert rated(large) == 6 - over
