"""Votes as scores by the day of the image: what an endpoint won beyond what its rating led to expect."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from arena.domain.battle import Verdict
from arena.domain.watch import Direction, Rules, Watchable
from arena.reports.vote_scores import COLUMNS, scores_of, vote_scores
from arena.reports.watch import report
from arena.reports.watched_scores import Scores
from arena.store.watched import ImageVote, image_votes

FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVER = datetime(2020, 1, 1, tzinfo=UTC)


def test_every_vote_on_images_made_here_scores_both_sides(ballots, database, watch):
    for _ in range(6):
        ballot = ballots.open("ann", ballots.pool(simulated=False))
        watch.ahead(seconds=3)
        receipt = ballots.cast(ballot.token, "ann", Verdict.LEFT, 2000)
    with database.read() as connection:
        votes, scores = image_votes(connection, EVER), vote_scores(connection, EVER)
    assert len(votes) == 6
    assert {v.result for v in votes} == {0}
    assert (votes[-1].left, votes[-1].right) == (receipt.left.endpoint_id, receipt.right.endpoint_id)
    assert list(scores.columns) == list(COLUMNS)
    assert len(scores) == 12
    assert scores["score"].sum() == pytest.approx(0)
    today = (datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
    assert set(scores["day"]) <= {today - 1, today}


def votes_of(days, share):
    """Forty votes a day; lab/one's image wins a `share(day)` of its pairs against either opponent."""
    rng, found = np.random.default_rng(5), []
    for day in range(days):
        made = FIRST + timedelta(days=day)
        for other in ("lab/two", "lab/three") * 20:
            lost = int(rng.random() > share(day))
            found.append(ImageVote(False, "lab/one", other, made, made, lost))
    return found


def found(database, frame, now):
    with database.read() as connection:
        return report(connection, now, Rules(), [Scores("judge", frame, 0.1)]).incidents


def test_images_that_win_less_than_they_did_are_an_incident_of_quality(database):
    worse = pd.DataFrame(scores_of(votes_of(50, lambda day: 0.7 if day < 42 else 0.3)), columns=list(COLUMNS))
    (incident,) = [i for i in found(database, worse, FIRST + timedelta(days=50)) if i.direction is Direction.WORSE]
    assert (incident.endpoint, incident.figure, incident.by) == ("lab/one", Watchable.QUALITY, "judge")
    assert abs((incident.since - (FIRST + timedelta(days=42)).date()).days) <= 1
    assert incident.change_low < -0.4 < incident.change_high
    steady = pd.DataFrame(scores_of(votes_of(50, lambda _: 0.7)), columns=list(COLUMNS))
    assert not found(database, steady, FIRST + timedelta(days=50))
