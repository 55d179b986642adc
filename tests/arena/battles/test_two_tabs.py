"""One voter in several windows at once: never the same pair twice, and exactly the votes that were cast."""

import threading
from collections import Counter

import pytest
import sqlalchemy as sa

from arena.battles.ballots import Ballots, House
from arena.domain.battle import Verdict
from arena.errors import BallotError
from arena.store.battles import BATTLE, VOTE
from tests.arena.battles.conftest import fill


def at_once(count, work):
    """Run `work(number)` in that many threads, which start together; returns what each returned."""
    barrier, found = threading.Barrier(count), [None] * count

    def runner(number):
        barrier.wait()
        found[number] = work(number)

    threads = [threading.Thread(target=runner, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def pair_of(battle):
    return battle.cell.key, frozenset((battle.left.contender, battle.right.contender))


@pytest.fixture
def narrow(settings):
    """Two contenders on eight prompts: eight pairs in all."""
    opened = fill(settings, endpoints=("lab/one", "lab/two"), prompts=8, repetitions=1)
    yield opened
    opened.close()


def test_two_windows_that_open_at_the_same_moment_never_show_the_same_pair(narrow):
    ballots = Ballots(narrow)
    ballots.register("ann")
    pool = ballots.pool(simulated=False)
    for _ in range(4):
        opened = at_once(2, lambda _: ballots.open("ann", pool, seed=7))  # both would draw the same
        assert None not in opened
        first, second = (ballots.battle(b.token) for b in opened)
        assert pair_of(first) != pair_of(second)
    assert ballots.open("ann", pool) is None
    with narrow.read() as connection:
        rows = connection.execute(sa.select(BATTLE.c.cell)).scalars().all()
    assert len(rows) == len(set(rows)) == 8


def test_votes_in_two_windows_are_stored_for_the_pair_that_each_has_shown(narrow):
    ballots = Ballots(narrow, House(least_dwell_ms=0))
    ballots.register("ann")
    pool = ballots.pool(simulated=False)
    opened = at_once(2, lambda _: ballots.open("ann", pool, seed=3))
    verdicts = (Verdict.LEFT, Verdict.RIGHT)
    receipts = at_once(2, lambda n: ballots.cast(opened[n].token, "ann", verdicts[n], 2000))
    assert all(r.counted for r in receipts)
    with narrow.read() as connection:
        votes = connection.execute(sa.select(VOTE.c.battle_id, VOTE.c.verdict)).all()
    assert {v.battle_id: v.verdict for v in votes} == {r.battle.id: v for r, v in zip(receipts, verdicts, strict=True)}


def test_windows_that_show_one_image_count_the_vote_that_comes_first(settings):
    """With four contenders on one prompt every third pair shares an image; after one vote that image is named."""
    database = fill(settings, prompts=1, repetitions=1)
    ballots = Ballots(database, House(least_dwell_ms=0))
    ballots.register("ann")
    pool = ballots.pool(simulated=False)
    opened = at_once(4, lambda n: ballots.open("ann", pool, seed=n))

    def vote(number):
        try:
            return ballots.cast(opened[number].token, "ann", Verdict.LEFT, 2000).battle
        except BallotError as error:
            return str(error)

    found = at_once(4, vote)
    counted = [b for b in found if not isinstance(b, str)]
    assert all("named to you meanwhile" in b for b in found if isinstance(b, str))
    images = Counter(e.sha256 for b in counted for e in (b.left, b.right))
    assert 1 <= len(counted) <= 2
    assert set(images.values()) == {1}
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(VOTE)).scalar_one() == len(counted)
    database.close()


def test_a_cap_of_a_network_holds_for_voters_who_vote_at_the_same_moment(narrow):
    ballots = Ballots(narrow, House(least_dwell_ms=0, votes_per_network_and_day=3))
    pool = ballots.pool(simulated=False)
    tokens = []
    for n in range(8):
        ballots.register(f"v{n}")
        tokens.append(ballots.open(f"v{n}", pool).token)

    def vote(number):
        try:
            return ballots.cast(tokens[number], f"v{number}", Verdict.LEFT, 2000, "one-network").counted
        except BallotError:
            return False

    assert sum(at_once(8, vote)) == 3
