"""A run whose attempts were pruned: every figure is what it was, and what votes rest on stays."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from arena.errors import ConfigError, RunBusyError, StoreError
from arena.reports.progress import progress
from arena.reports.summary import as_json, summarize
from arena.reports.windows import provider_summaries
from arena.store import digests, pruning, queries, runs, totals
from arena.store.endpoint_runs import last_runs
from harness.session import resume
from tests.arena.test_windows import EVER, NOW, database, measured

__all__ = ["database"]  # a fixture of both databases
KEPT = ["run_id", "trial", "attempt", "endpoint", "prompt_id", "category", "repetition", "seed", "status",
        "failure_kind", "failure_blame", "started_at", "ttfb_ms", "generation_ms", "time_to_image_ms", "ended_ms",
        "cost_usd", "image_count", "region", "requested_width_px"]  # fmt: skip


def read(database, run_id):
    """Everything that must not change."""
    with database.read() as connection:
        rows = queries.outcomes(connection, run_id)
        return {
            "summary": as_json(summarize(rows)),
            "window": provider_summaries(connection, EVER, phases=True),
            "progress": progress(connection, runs.get_run(connection, run_id), now=NOW),
            "overview": queries.run_overview(connection).astype(str).to_dict("records"),
            "counted": totals.counted(connection, {}),
            "last measured": last_runs(connection, sorted(set(rows["endpoint"])), simulated=False),
        }, rows


def forget(database, run_id):
    with database.write() as connection:
        return pruning.forget_attempts(connection, run_id, datetime.now(UTC))


def test_no_figure_changes_when_attempts_go(database):
    for run_id in ("one", "two"):
        measured(database, run_id, NOW - timedelta(days=1))
    digests.refresh(database)
    before, rows = read(database, "one")
    gone = forget(database, "one")
    after, told = read(database, "one")
    assert after == before
    assert before["last measured"]
    assert gone == []  # the other run delivered the same bytes
    pd.testing.assert_frame_equal(told[KEPT], rows[KEPT])
    with database.read() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM attempt").scalar_one()
        both = queries.outcomes(connection)
        assert len(queries.outcomes(connection, "one", trial=3)) == 1
        assert pruning.calls_pruned_at(connection, "one") is not None
        assert [run.id for run in pruning.with_attempts(connection, datetime(2100, 1, 1, tzinfo=UTC))] == ["two"]
    assert count == 60
    assert both["run_id"].value_counts().to_dict() == {"one": 60, "two": 60}
    assert forget(database, "two") == ["a" * 64]
    assert read(database, "one")[0] == before


@pytest.mark.parametrize("purpose", ["capacity", "behaviour"])
def test_what_a_digest_cannot_tell_is_not_pruned(database, purpose):
    """How long requests waited for our own limits, and the images themselves."""
    measured(database, "one", NOW - timedelta(days=1))
    with database.write() as connection:
        connection.execute(runs.RUN.update().values(purpose=purpose))
    with database.read() as connection:
        assert pruning.with_attempts(connection, datetime(2100, 1, 1, tzinfo=UTC)) == []


def test_the_digest_of_a_pruned_run_stays_whatever_is_asked_of_it(database):
    measured(database, "one", NOW - timedelta(days=1))
    digests.refresh(database)
    forget(database, "one")
    with database.write() as connection:
        runs.forget_digest(connection, "one")
    assert digests.refresh(database) == 0
    assert len(read(database, "one")[1]) == 60


def test_without_a_digest_nothing_is_deleted(database):
    measured(database, "one", NOW - timedelta(days=1))
    with pytest.raises(StoreError, match="no digest"):
        forget(database, "one")
    assert len(read(database, "one")[1]) == 60


def test_nothing_goes_while_a_run_is_being_executed(database):
    measured(database, "one", NOW - timedelta(days=1))
    digests.refresh(database)
    measured(database, "live", NOW - timedelta(hours=1), status=runs.RunStatus.RUNNING)
    with pytest.raises(RunBusyError):
        forget(database, "one")


def test_a_pruned_run_is_not_resumed(database, tmp_path):
    from arena.catalog import Catalog

    measured(database, "one", NOW - timedelta(days=1), status=runs.RunStatus.INTERRUPTED)
    digests.refresh(database)
    forget(database, "one")
    with pytest.raises(ConfigError, match="cannot be resumed"):
        resume(database, Catalog(environ={}), "one")
