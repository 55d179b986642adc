"""What is pruned is gone and is said to be; what is needed stays; figures are what they were. On both databases."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from arena.domain.battle import Verdict
from arena.domain.outcome import CallPurpose, CallRecord
from arena.domain.run import RunStatus
from arena.errors import ConfigError, RunBusyError
from arena.reports.summary import as_json, summarize
from arena.store import attempts, pruning, queries, runs
from arena.store.battles import BATTLE
from arena.store.blobs import BlobStore
from arena.store.check import check
from arena.store.entries import entries
from harness.session import resume
from tests.factories import make_artifact, make_endpoint, make_plan, make_prompt, make_run, make_trial, succeeded
from tests.servers import png

LONG_AGO = timedelta(days=365)


@pytest.fixture
def ended(database):
    """The run of the fixture, which ended a year ago."""
    with database.write() as connection:
        (run,) = runs.list_runs(connection)
        runs.end_run(connection, run.id, "host:1:1", RunStatus.FINISHED)
        connection.execute(runs.RUN.update().values(ended_at=datetime.now(UTC) - LONG_AGO))
        connection.execute(runs.ATTEMPT.update().values(intended_at=datetime.now(UTC) - LONG_AGO))
    return run.id


def prune(database, settings, now=None, **how):
    now = now or datetime.now(UTC)
    blobs, renditions = BlobStore(settings.images_dir), BlobStore(settings.data_dir / "renditions")
    with database.read() as connection:
        chosen = pruning.to_prune(pruning.stored_images(connection, now), **{"before": None, "most_bytes": None, **how})
    hashes = [image.sha256 for image in chosen]
    with database.write() as connection:
        pruning.mark_pruned(connection, hashes, now)
    with database.write() as connection:
        pruning.delete_pruned(connection, blobs, renditions, hashes, now)
    return hashes


def figures(database, run_id):
    with database.read() as connection:
        return as_json(summarize(queries.outcomes(connection, run_id)))


def test_images_go_with_their_bytes_and_no_figure_changes(database, settings, ended):
    before = figures(database, ended)
    with database.read() as connection:
        rows = queries.outcomes(connection, ended)
    gone = prune(database, settings, before=datetime.now(UTC) - timedelta(days=90))
    assert len(gone) == 24
    assert not [p for p in settings.images_dir.rglob("*") if p.is_file()]
    assert figures(database, ended) == before
    with database.read() as connection:
        pd.testing.assert_frame_equal(queries.outcomes(connection, ended), rows)
        assert f"{pruning.pruned_at(connection, gone[0]):%Y}" == f"{datetime.now(UTC):%Y}"
    assert "24 images were pruned" in check(database, settings.images_dir)


def test_images_that_a_standing_vote_was_about_stay_and_are_never_drawn_if_they_went(
    database, settings, ended, ballots, watch
):
    watch.now = datetime.now(UTC)
    ballot = ballots.open("ann", ballots.pool(simulated=False))
    watch.ahead(seconds=3)
    ballots.cast(ballot.token, "ann", Verdict.LEFT, 2000)
    undone = ballots.open("bob", ballots.pool(simulated=False))
    watch.ahead(seconds=3)
    ballots.cast(undone.token, "bob", Verdict.LEFT, 2000)
    ballots.undo(undone.token, "bob")
    with database.write() as connection:
        connection.execute(BATTLE.update().values(expires_at=datetime.now(UTC) - LONG_AGO))
    gone = prune(database, settings, before=datetime.now(UTC))
    with database.read() as connection:
        left = {image.sha256 for image in pruning.stored_images(connection, datetime.now(UTC))}
    assert len(left) == 2
    assert len(gone) == 22
    assert all(BlobStore(settings.images_dir).get(sha256) for sha256 in left)
    with database.read() as connection:
        _, drawn = entries(connection, simulated=False)
    assert {sha256.decode() for sha256 in drawn.sha256} == left
    assert len(prune(database, settings, before=datetime.now(UTC), voted_too=True)) == 2


def test_the_oldest_go_until_the_rest_is_small_enough(database, settings, ended):
    with database.read() as connection:
        stored = pruning.stored_images(connection, datetime.now(UTC))
    total = sum(image.size_bytes for image in stored)
    gone = prune(database, settings, most_bytes=total // 2)
    with database.read() as connection:
        left = pruning.stored_images(connection, datetime.now(UTC))
    assert total // 2 - stored[0].size_bytes < sum(image.size_bytes for image in left) <= total // 2
    assert gone == [image.sha256 for image in stored[: len(gone)]]


def test_nothing_is_pruned_while_a_run_is_executed(database, settings):
    with database.write() as connection:
        connection.execute(runs.RUN.update().values(heartbeat_at=datetime.now(UTC)))
    with pytest.raises(RunBusyError, match="is being executed by host:1:1; prune images once it has ended"):
        prune(database, settings, before=datetime.now(UTC))
    assert len([p for p in settings.images_dir.rglob("*") if p.is_file()]) == 24


def test_bytes_that_are_delivered_again_are_there_again(database, settings, ended):
    gone = prune(database, settings, before=datetime.now(UTC))
    data = png(64, 48, (0, 90, 200))
    blobs = BlobStore(settings.images_dir)
    sha256 = blobs.put(data)
    assert sha256 in gone
    run, prompt = make_run(make_plan(), run_id="20270101-000000-new"), make_prompt("q")
    with database.write() as connection:
        (stored,) = runs.create_run(
            connection, run, [(make_endpoint(), None)], [make_trial(0, prompt_id="q")], {"q": prompt}, "host:1:1"
        )
        attempt = attempts.write_intent(connection, stored.id, 1, simulated=False)
        image = make_artifact(sha256, size_bytes=len(data), height_px=48)
        attempts.write_outcome(connection, attempt, succeeded(images=(image,)))
        runs.end_run(connection, run.id, "host:1:1", RunStatus.FINISHED)
    with database.read() as connection:
        assert pruning.pruned_at(connection, sha256) is None
        assert [i.sha256 for i in pruning.stored_images(connection, datetime.now(UTC))] == [sha256]
    with database.write() as connection:  # a pruning that had marked it before cannot delete it now
        assert pruning.delete_pruned(connection, blobs, blobs, gone, datetime.now(UTC)) == 0
    assert "1 images: all there, 1 read to the last byte" in check(database, settings.images_dir)


def test_a_crash_between_mark_and_deletion_leaves_what_the_next_pruning_finds(database, settings, ended):
    blobs = BlobStore(settings.images_dir)
    with database.write() as connection:
        hashes = [i.sha256 for i in pruning.stored_images(connection, datetime.now(UTC))]
        pruning.mark_pruned(connection, hashes, datetime.now(UTC))
    with database.read() as connection:
        assert sorted(pruning.left_over(connection, blobs)) == sorted(hashes)


def test_calls_of_settled_runs_go_and_nothing_else_does(database, settings, ended):
    call = CallRecord(purpose=CallPurpose.SUBMIT, method="POST", url="http://x/", started_ns=0, ended_ns=9)
    run, prompt = make_run(make_plan(), run_id="20250101-000000-old"), make_prompt("q")
    with database.write() as connection:
        one, _ = runs.create_run(
            connection, run, [(make_endpoint(), None)],
            [make_trial(0, prompt_id="q"), make_trial(1, prompt_id="q", repetition=1)], {"q": prompt}, "host:1:1",
        )  # fmt: skip
        attempt = attempts.write_intent(connection, one.id, 1, simulated=False)
        attempts.write_outcome(connection, attempt, succeeded(calls=(call,)))
    before = figures(database, run.id)
    with database.write() as connection:
        assert pruning.settled_runs(connection, datetime.now(UTC)) == [], "it has not ended"
        runs.end_run(connection, run.id, "host:1:1", RunStatus.INTERRUPTED)
    with database.write() as connection:
        (settled,) = pruning.settled_runs(connection, datetime.now(UTC) + timedelta(seconds=1))
        assert (settled.id, settled.calls) == (run.id, 1)
        pruning.forget_calls(connection, settled.id, datetime.now(UTC))
    with database.read() as connection:
        assert queries.calls(connection, run.id, 0).empty
        assert pruning.calls_pruned_at(connection, run.id) is not None
        assert pruning.calls_pruned_at(connection, ended) is None
    assert figures(database, run.id) == before
    with pytest.raises(ConfigError, match="cannot be resumed: its call records were pruned on"):
        resume(database, None, run.id)
