"""What was measured in a window: nothing else, of one kind, one mode and one size."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from arena.domain.request import Mode
from arena.reports.measured import Conditions, last_days, measured, of_rows
from arena.settings import Settings
from arena.store.endpoint_runs import last_runs
from arena.store.engine import open_database
from arena.store.queries import outcomes, typed
from tests.dashboards.small_run import BEGAN, make_run

DAY = timedelta(days=1)
AROUND = Conditions(BEGAN - DAY, BEGAN + DAY)


@pytest.fixture
def store(tmp_path):
    make_run(tmp_path, repetitions=4)
    database = open_database(Settings(data_dir=tmp_path))
    yield database
    database.close()


def read(store, wanted=AROUND, *, simulated=True):
    with store.read() as connection:
        return measured(connection, wanted, simulated=simulated)


def rows_of(store, **changes):
    with store.read() as connection:
        return typed(outcomes(connection).assign(**changes))


def test_figures_are_those_of_the_window_and_say_so(store):
    found = read(store)
    assert {s.endpoint for s in found.summaries} == {"sim/steady", "sim/flaky"}
    assert {s.figures["attempts"].n for s in found.summaries} == {8}
    assert found.conditions.sentence == "measured 2026-01-01 to 2026-01-03 UTC, text to image, 64x48"
    assert found.sizes == {"64x48": 16}


def test_the_end_of_a_window_is_not_in_it(store):
    assert not read(store, Conditions(BEGAN - DAY, BEGAN)).summaries
    assert (
        sum(s.figures["attempts"].n for s in read(store, Conditions(BEGAN, BEGAN + timedelta(seconds=1))).summaries)
        == 1
    )


def test_real_and_simulated_attempts_are_never_one_figure(store):
    assert not read(store, simulated=False).summaries
    assert all(s.simulated for s in read(store).summaries)


def test_searches_for_limits_are_not_what_a_user_waits_for(tmp_path, monkeypatch):
    from tests.dashboards import small_run

    real = small_run.Plan
    monkeypatch.setattr(small_run, "Plan", lambda **fields: real(**{**fields, "purpose": "capacity"}))
    make_run(tmp_path)
    database = open_database(Settings(data_dir=tmp_path))
    assert not read(database).summaries
    database.close()


def test_two_modes_are_never_pooled(store):
    both = pd.concat([rows_of(store), rows_of(store, mode="edit")], ignore_index=True)
    undecided = of_rows(both, AROUND)
    assert not undecided.summaries
    assert "choose a mode" in undecided.note
    chosen = of_rows(both, Conditions(AROUND.start, AROUND.end, Mode.EDIT))
    assert sum(s.figures["attempts"].n for s in chosen.summaries) == 16


def test_two_sizes_are_never_pooled_and_the_most_frequent_is_taken(store):
    few = rows_of(store, requested_width_px=2048).head(3)
    both = pd.concat([rows_of(store), few], ignore_index=True)
    assert of_rows(both, AROUND).conditions.size == "64x48"
    assert of_rows(both, AROUND).sizes == {"2048x48": 3, "64x48": 16}
    large = of_rows(both, Conditions(AROUND.start, AROUND.end, size="2048x48"))
    assert sum(s.figures["attempts"].n for s in large.summaries) == 3


def test_warm_times_are_of_standing_connections_and_success_is_of_all(store):
    rows = rows_of(store)
    won = rows.index[rows["status"] == "succeeded"]
    rows.loc[won[:5], "connected_ms"] = None
    warm = of_rows(rows, Conditions(AROUND.start, AROUND.end, warm=True))
    everything = of_rows(rows, AROUND)
    for name, n in (("time_to_image_p50_ms", 5), ("success_rate", 16)):
        assert sum(s.figures[name].n for s in warm.summaries) == n
    assert [s.figures["success_rate"] for s in sorted(warm.summaries, key=lambda s: s.endpoint)] == [
        s.figures["success_rate"] for s in sorted(everything.summaries, key=lambda s: s.endpoint)
    ]
    rows["connected_ms"] = 5.0
    cold = of_rows(rows, Conditions(AROUND.start, AROUND.end, warm=True))
    assert [s.figures["time_to_image_p50_ms"].value for s in cold.summaries] == [None, None]


def test_a_window_ends_now_and_is_as_long_as_asked():
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert last_days(30, now) == (datetime(2026, 1, 30, tzinfo=UTC), now)


def test_the_last_run_is_the_newest_that_made_an_attempt(store, tmp_path):
    later = BEGAN + 40 * DAY
    make_run(tmp_path, names=("sim/steady",), run_id="20260211-000000-next", began=later)
    make_run(tmp_path, names=("sim/flaky",), run_id="20260212-000000-none", began=later + DAY, done=0)
    with store.read() as connection:
        assert last_runs(connection, ["sim/steady", "sim/flaky", "no/one"], simulated=True) == {
            "sim/steady": later, "sim/flaky": BEGAN,
        }  # fmt: skip
        assert last_runs(connection, ["sim/steady"], simulated=False) == {}
