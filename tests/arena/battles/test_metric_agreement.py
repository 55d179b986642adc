"""Scores beside votes: only votes that count, only on images that were scored, on both databases."""

from datetime import UTC, datetime

import sqlalchemy as sa

from arena.battles.ballots import Ballots, House
from arena.domain.battle import Verdict, VoterKind
from arena.domain.score import Instrument, Score
from arena.reports.agreement import agreements
from arena.store.battles import VOTE
from arena.store.scores import INSTRUMENT, delivered_scores, instruments, register, shown_in, voted_scores, write_scores
from arena.store.vote_facts import quarantine

RUN = "20260101-000000-test"


def instrument(**changes):
    fields = {"metric": "m", "revision": 1, "title": "m", "unit": "1", "better": "higher", "tool": "t"}
    return Instrument.model_validate({**fields, **changes})


def score(shown, value, against=""):
    return Score(
        image_sha256=shown.sha256, prompt_id=shown.prompt_id, prompt_sha256=shown.prompt_sha256, against=against,
        value=value, tool_version="1", device="cpu",
    )  # fmt: skip


def brightness(shown):
    return int(shown.sha256[:6], 16) / 1000


def score_all(database, made, value=brightness, against=""):
    with database.write() as connection:
        number = register(connection, made)
        rows = [(number, score(s, value(s), against)) for s in shown_in(connection, RUN)]
        write_scores(connection, rows, datetime.now(UTC))
    return number


def cast(ballots, watch, verdict_of, voter="ann"):
    ballot = ballots.open(voter, ballots.pool(simulated=False), seed=watch.now.minute)
    watch.ahead(seconds=30)
    battle = ballots.battle(ballot.token)
    return ballots.cast(ballot.token, voter, verdict_of(battle), 5000), ballot


def brighter(battle):
    left, right = (int(side.sha256[:6], 16) for side in (battle.left, battle.right))
    return Verdict.LEFT if left > right else Verdict.RIGHT


def read(database):
    with database.read() as connection:
        return voted_scores(connection), instruments(connection)


def test_only_votes_that_count_are_held_against_scores(database, watch):
    ballots = Ballots(database, House(gold_share=0, repeat_share=0), now=watch)
    ballots.register("ann")
    ballots.register("bot", VoterKind.JUDGE, "bot")
    number = score_all(database, instrument())
    for _ in range(6):
        cast(ballots, watch, brighter)
    cast(ballots, watch, lambda _: Verdict.TIE)
    cast(ballots, watch, lambda _: Verdict.SKIP)
    cast(ballots, watch, brighter, voter="bot")
    _, undone = cast(ballots, watch, brighter)
    ballots.undo(undone.token, "ann")
    cast(ballots, watch, brighter)
    with database.write() as connection:
        last = connection.execute(sa.select(sa.func.max(VOTE.c.id))).scalar_one()
        quarantine(connection, [last], "a test")
    rows, known = read(database)
    assert len(rows) == 7
    assert set(rows["instrument"]) == {number}
    assert not rows["simulated"].any()
    everything = next(a for a in agreements(rows, known) if a.category == "all")
    assert (everything.found.votes, everything.found.decided, everything.found.agreement.value) == (7, 6, 1.0)
    assert sum(a.found.votes for a in agreements(rows, known) if a.category != "all") == 7


def test_the_same_instrument_is_one_row_and_other_weights_are_another(database):
    numbers = [
        score_all(database, instrument(model="x", weights_sha256="a" * 64)),
        score_all(database, instrument(model="x", weights_sha256="a" * 64, title="renamed")),
        score_all(database, instrument(model="x", weights_sha256="b" * 64)),
        score_all(database, instrument(model="x", weights_sha256="b" * 64, revision=2)),
    ]
    assert numbers[0] == numbers[1]
    assert len(set(numbers)) == 3
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(INSTRUMENT)).scalar_one() == 3
        assert instruments(connection)[numbers[0]].title == "renamed"


def test_a_score_stays_and_the_newest_counts_where_something_else_was_held_against_it(database):
    score_all(database, instrument(), against="one")
    score_all(database, instrument(), lambda _: 0.5, against="one")  # there already: nothing changes
    with database.read() as connection:
        first = delivered_scores(connection, RUN)
    assert set(first["value"]) != {0.5}
    score_all(database, instrument(), lambda _: 0.5, against="two")
    with database.read() as connection:
        second = delivered_scores(connection, RUN)
    assert len(first) == len(second) == 24
    assert set(second["value"]) == {0.5}
