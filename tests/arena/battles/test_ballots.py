"""One ballot, one vote: whatever arrives, in whatever order, from however many at once."""

import threading
from collections import Counter

import numpy as np
import pytest
import sqlalchemy as sa

from arena.battles.ballots import Ballots, House, image_name
from arena.domain.battle import Verdict, VoterKind
from arena.domain.request import Mode
from arena.errors import BallotError, TooEarlyError
from arena.reports.judges import agreement
from arena.store.battles import BATTLE, FACTS, VOTE
from arena.store.vote_facts import facts, quarantine

LONG_ENOUGH = 2000


def vote_rows(database):
    with database.read() as connection:
        return connection.execute(sa.select(VOTE).order_by(VOTE.c.id)).mappings().all()


def opened(ballots, voter="ann", **options):
    pool = ballots.pool(simulated=False)
    return ballots.open(voter, pool, **options)


def test_a_pair_is_stored_before_it_is_shown_and_says_nothing_of_who_made_it(ballots, database):
    ballot = opened(ballots)
    with database.read() as connection:
        (row,) = connection.execute(sa.select(BATTLE)).mappings().all()
    assert ballot.token not in str(dict(row))
    assert ballot.token not in repr(ballot)
    assert row["left_contender"] != row["right_contender"]
    assert 0 < row["propensity"] <= 1
    shown = f"{ballot.left_name} {ballot.right_name} {ballot.cell.key}"
    assert not any(word in shown for word in ("lab", "mill", row["left_sha256"], row["right_sha256"]))
    assert ballot.left_name != ballot.right_name


def test_names_are_told_in_the_receipt(ballots, watch):
    ballot = opened(ballots)
    watch.ahead(seconds=3)
    receipt = ballots.cast(ballot.token, "ann", Verdict.LEFT, LONG_ENOUGH)
    assert receipt.counted
    assert {receipt.left.endpoint_id, receipt.right.endpoint_id} <= {"lab/one", "lab/two", "mill/one", "mill/two"}
    assert image_name(receipt.battle, "left") == ballot.left_name


def test_the_same_vote_again_counts_once_and_another_is_refused(ballots, database, watch):
    ballot = opened(ballots)
    watch.ahead(seconds=3)
    assert ballots.cast(ballot.token, "ann", Verdict.LEFT, LONG_ENOUGH).counted
    assert not ballots.cast(ballot.token, "ann", Verdict.LEFT, LONG_ENOUGH).counted
    with pytest.raises(BallotError, match="voted on already"):
        ballots.cast(ballot.token, "ann", Verdict.RIGHT, LONG_ENOUGH)
    assert len(vote_rows(database)) == 1


def test_forged_foreign_late_and_hasty_votes_are_refused(ballots, database, watch):
    ballot = opened(ballots)
    with pytest.raises(BallotError, match="does not exist"):
        ballots.cast("forged", "ann", Verdict.LEFT, LONG_ENOUGH)
    with pytest.raises(BallotError, match="700 ms"):
        ballots.cast(ballot.token, "ann", Verdict.LEFT, LONG_ENOUGH)  # says 2 s, but it was opened just now
    watch.ahead(seconds=3)
    with pytest.raises(BallotError, match="does not exist"):
        ballots.cast(ballot.token, "bob", Verdict.LEFT, LONG_ENOUGH)
    with pytest.raises(BallotError, match="700 ms"):
        ballots.cast(ballot.token, "ann", Verdict.LEFT, 300)
    watch.ahead(hours=1)
    with pytest.raises(BallotError, match="expired"):
        ballots.cast(ballot.token, "ann", Verdict.LEFT, LONG_ENOUGH)
    assert vote_rows(database) == []


def test_a_pair_that_is_only_loaded_cannot_be_voted_on(ballots, watch):
    ballot = opened(ballots, shown=False)
    watch.ahead(seconds=30)
    with pytest.raises(BallotError, match="700 ms"):
        ballots.cast(ballot.token, "ann", Verdict.LEFT, LONG_ENOUGH)
    ballots.show(ballot.token, "bob")
    with pytest.raises(BallotError):
        ballots.cast(ballot.token, "ann", Verdict.LEFT, LONG_ENOUGH)
    ballots.show(ballot.token, "ann")
    watch.ahead(seconds=1)
    assert ballots.cast(ballot.token, "ann", Verdict.TIE, LONG_ENOUGH).counted


@pytest.mark.parametrize("gap_ms", [0, 30, 100, 300, 700])
def test_two_clicks_store_one_vote_for_one_battle(ballots, database, watch, gap_ms):
    """The second click meets the pair that it was meant for, or the next one, which it has not looked at."""
    first, following = opened(ballots), opened(ballots, shown=False)
    watch.ahead(seconds=3)
    ballots.cast(first.token, "ann", Verdict.LEFT, LONG_ENOUGH)
    ballots.show(following.token, "ann")
    watch.ahead(milliseconds=gap_ms - 1 if gap_ms == 700 else gap_ms)
    assert not ballots.cast(first.token, "ann", Verdict.LEFT, LONG_ENOUGH).counted
    with pytest.raises(BallotError):
        ballots.cast(following.token, "ann", Verdict.LEFT, LONG_ENOUGH)
    assert len(vote_rows(database)) == 1


def test_a_vote_can_be_taken_back_for_a_few_seconds_and_stays_on_record(ballots, database, watch):
    ballot = opened(ballots)
    watch.ahead(seconds=3)
    ballots.cast(ballot.token, "ann", Verdict.LEFT, LONG_ENOUGH)
    watch.ahead(seconds=5)
    assert not ballots.undo(ballot.token, "bob")
    assert ballots.undo(ballot.token, "ann")
    assert not ballots.undo(ballot.token, "ann")
    with pytest.raises(BallotError, match="names were told"):  # a second thought would no longer be blind
        ballots.cast(ballot.token, "ann", Verdict.RIGHT, LONG_ENOUGH)
    rows = vote_rows(database)
    assert [(r["verdict"], r["undone_at"] is None) for r in rows] == [("left", False)]
    with database.read() as connection:
        assert facts(connection, simulated=False) == b""


def test_it_is_too_late_to_take_a_vote_back_after_some_seconds(ballots, watch):
    ballot = opened(ballots)
    watch.ahead(seconds=3)
    ballots.cast(ballot.token, "ann", Verdict.LEFT, LONG_ENOUGH)
    watch.ahead(seconds=20)
    assert not ballots.undo(ballot.token, "ann")


def test_a_loaded_pair_is_void_once_one_of_its_images_was_named(database, watch):
    ballots = Ballots(database, now=watch)
    ballots.register("ann")
    pool = ballots.pool(simulated=False)
    loaded = [ballots.open("ann", pool, shown=False, seed=s) for s in range(18)]
    first, *others = [ballots.battle(b.token) for b in loaded]
    watch.ahead(seconds=1)
    ballots.show(loaded[0].token, "ann")
    watch.ahead(seconds=1)
    ballots.cast(loaded[0].token, "ann", Verdict.LEFT, LONG_ENOUGH)
    named = {first.left.sha256, first.right.sha256}
    sharing = next(i for i, b in enumerate(others, 1) if {b.left.sha256, b.right.sha256} & named)
    ballots.show(loaded[sharing].token, "ann")
    watch.ahead(seconds=1)
    with pytest.raises(BallotError, match="named to you"):
        ballots.cast(loaded[sharing].token, "ann", Verdict.LEFT, LONG_ENOUGH)


def test_pairs_that_were_loaded_and_never_shown_come_back(ballots, watch):
    pool = ballots.pool(simulated=False)
    while ballots.open("ann", pool, shown=False) is not None:
        pass
    watch.ahead(hours=1)
    assert ballots.open("ann", pool) is not None


def test_a_stranger_gets_no_ballot(ballots):
    with pytest.raises(BallotError, match="not known"):
        ballots.open("nobody", ballots.pool(simulated=False))


def test_caps_hold_for_voters_and_for_networks(database, watch):
    house = House(votes_per_voter_and_day=2, votes_per_network_and_day=3)
    ballots = Ballots(database, house, now=watch)
    for voter in ("ann", "bob", "cid"):
        ballots.register(voter)

    def vote(voter, network):
        ballot = opened(ballots, voter)
        watch.ahead(seconds=2)
        return ballots.cast(ballot.token, voter, Verdict.TIE, LONG_ENOUGH, network)

    vote("ann", "n1")
    vote("ann", "n1")
    with pytest.raises(BallotError, match="2 votes a day"):
        vote("ann", "n2")
    vote("bob", "n1")
    with pytest.raises(BallotError, match="network"):
        vote("cid", "n1")
    watch.ahead(days=1)
    assert vote("ann", "n1").counted


def test_nobody_sees_a_pair_twice_or_an_image_whose_maker_was_named(ballots, database, watch):
    pool = ballots.pool(simulated=False)
    revealed, shown = set(), []
    while (ballot := ballots.open("ann", pool)) is not None:
        watch.ahead(seconds=2)
        receipt = ballots.cast(ballot.token, "ann", Verdict.TIE, LONG_ENOUGH)
        images = {receipt.battle.left.sha256, receipt.battle.right.sha256}
        assert not images & revealed
        revealed |= images
        pair = sorted((receipt.left.id, receipt.right.id))
        shown.append((ballot.cell.key, *pair))
    assert len(set(shown)) == len(shown)
    assert len(revealed) == 2 * len(shown) >= 18  # 24 images; the last few may find nobody to meet
    assert ballots.open("bob", pool) is not None


def test_failures_are_no_battle(settings, tmp_path, watch):
    from tests.arena.battles.conftest import fill

    database = fill(settings, prompts=1, repetitions=1, failed=(0, 1, 2))
    ballots = Ballots(database, now=watch)
    ballots.register("ann")
    pool = ballots.pool(simulated=False)
    assert ballots.open("ann", pool) is None
    database.close()


def test_simulated_and_real_images_never_meet(ballots):
    assert ballots.pool(simulated=True).contenders == ()
    assert len(ballots.pool(simulated=False).contenders) == 4
    assert len(ballots.pool(simulated=False, category="people").cell_keys) == 2
    assert ballots.pool(simulated=False, mode=Mode.EDIT).cell_keys == ()


def test_a_seed_draws_the_same_pair(ballots):
    pool = ballots.pool(simulated=False)
    one, other = (ballots.open("bob", pool, seed=s) for s in (5, 5))
    assert one.cell.key == other.cell.key or one.left_name != other.left_name
    assert one.token != other.token


def test_judges_are_kept_apart(ballots, database, watch):
    ballots.register("judge-1", VoterKind.JUDGE, "a scoring model, version 3")
    ballot = opened(ballots, "judge-1")
    watch.ahead(seconds=2)
    ballots.cast(ballot.token, "judge-1", Verdict.LEFT, LONG_ENOUGH)
    with database.read() as connection:
        assert facts(connection, simulated=False) == b""
        assert len(facts(connection, simulated=False, kind=VoterKind.JUDGE)) == FACTS.size


def test_a_judges_agreement_with_people_counts_pairs_that_both_decided(ballots, database, watch):
    ballots.register("judge-1", VoterKind.JUDGE, "scorer 3")
    pool = ballots.pool(simulated=False)
    decided = {}
    for voter, verdicts in (
        ("ann", (Verdict.LEFT, Verdict.LEFT, Verdict.TIE)),
        ("judge-1", (Verdict.LEFT, Verdict.RIGHT, Verdict.LEFT)),
    ):
        for seed, verdict in enumerate(verdicts):
            ballot = ballots.open(voter, pool, seed=seed)
            watch.ahead(seconds=2)
            decided.setdefault(seed, []).append(ballots.cast(ballot.token, voter, verdict, LONG_ENOUGH).battle)
    same = [len({frozenset((b.left.sha256, b.right.sha256)) for b in pair}) == 1 for pair in decided.values()]
    with database.read() as connection:
        (found,) = agreement(connection)
    assert found.judge == "scorer 3"
    if all(same):  # the same seeds draw the same pairs unless an image was named before
        assert (found.pairs, found.agreement.value) == (2, 0.5)
    assert found.pairs <= 2


def test_quarantine_puts_aside_with_a_reason_and_takes_back_in(ballots, database, watch):
    ballot = opened(ballots)
    watch.ahead(seconds=2)
    ballots.cast(ballot.token, "ann", Verdict.LEFT, LONG_ENOUGH)
    (row,) = vote_rows(database)
    for reason, counted in (("too fast to have looked", 0), (None, 1)):
        with database.write() as connection:
            assert quarantine(connection, [row["id"]], reason) == 1
        with database.read() as connection:
            assert len(facts(connection, simulated=False)) == counted * FACTS.size
    assert len(vote_rows(database)) == 1


def test_sides_are_chosen_by_equal_chances(ballots, database):
    pool = ballots.pool(simulated=False)
    for seed in range(120):
        ballots.register(f"v{seed}")
        ballots.open(f"v{seed}", pool, seed=seed)
    with database.read() as connection:
        rows = connection.execute(sa.select(BATTLE.c.left_contender, BATTLE.c.right_contender)).all()
    lower_left = sum(left < right for left, right in rows)
    assert len(rows) == 120
    assert 36 <= lower_left <= 84


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_fifty_voters_at_once_with_doubled_late_replayed_and_forged_votes(database):
    """Real clock, real threads: exactly the right votes are there afterwards."""
    ballots = Ballots(database, House(least_dwell_ms=1, votes_per_network_and_day=None, undo_within_s=60))
    pool = ballots.pool(simulated=False)
    refused, expected, lock = Counter(), [], threading.Lock()

    def attempt(*arguments):
        try:
            return ballots.cast(*arguments).counted
        except BallotError as error:
            with lock:
                refused[str(error).split(";")[0][:30]] += 1
            return False

    def voter(number):
        name = f"voter-{number}"
        ballots.register(name)
        rng = np.random.default_rng(number)
        for _ in range(4):
            ballot = ballots.open(name, pool)
            verdict = list(Verdict)[int(rng.integers(3))]
            threading.Event().wait(0.003)
            double = [threading.Thread(target=attempt, args=(ballot.token, name, verdict, 50)) for _ in range(3)]
            for thread in double:
                thread.start()
            for thread in double:
                thread.join()
            attempt("forged", name, verdict, 50)
            attempt(ballot.token, f"voter-{number + 1}", verdict, 50)
            attempt(ballot.token, name, Verdict.SKIP, 50)
            with lock:
                expected.append((name, verdict.value))

    threads = [threading.Thread(target=voter, args=(n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = vote_rows(database)
    assert Counter((r["voter_id"], r["verdict"]) for r in rows) == Counter(expected)
    assert len(expected) == 200
    assert len({r["battle_id"] for r in rows}) == 200
    assert refused["this ballot does not exist"] == 400


def test_the_next_pair_is_loaded_without_what_the_pair_on_the_screen_will_tell(ballots, database, watch):
    pool = ballots.pool(simulated=False)
    for seed in range(3):
        shown = opened(ballots, seed=seed)
        on_screen = ballots.battle(shown.token)
        told = frozenset({on_screen.left.sha256, on_screen.right.sha256})
        following = ballots.open("ann", pool, shown=False, besides=told, seed=seed + 100)
        next_battle = ballots.battle(following.token)
        assert not told & {next_battle.left.sha256, next_battle.right.sha256}
        watch.ahead(seconds=3)
        assert ballots.cast(shown.token, "ann", Verdict.LEFT, LONG_ENOUGH).counted
        with pytest.raises(TooEarlyError):
            ballots.cast(following.token, "ann", Verdict.LEFT, LONG_ENOUGH)
        ballots.show(following.token, "ann")
        watch.ahead(seconds=3)
        assert ballots.cast(following.token, "ann", Verdict.RIGHT, LONG_ENOUGH).counted
    assert len(vote_rows(database)) == 6


def test_windows_of_one_voter_share_no_image_while_there_are_others(ballots):
    pairs = [ballots.battle(opened(ballots, seed=n).token) for n in range(18)]
    assert len({e.sha256 for pair in pairs[:9] for e in (pair.left, pair.right)}) == 18
    assert opened(ballots) is None, "three prompts with six pairs of makers each: every one was drawn"


def test_nobody_is_given_pairs_without_end(database, watch):
    ballots = Ballots(database, House(pairs_per_voter_and_day=3), now=watch)
    for voter in ("ann", "bob"):
        ballots.register(voter)
    for _ in range(3):
        assert opened(ballots) is not None
    with pytest.raises(BallotError, match="come back tomorrow"):
        opened(ballots)
    assert opened(ballots, "bob") is not None
    watch.ahead(days=1, seconds=1)
    assert opened(ballots) is not None
