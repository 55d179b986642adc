"""The overview of runs: the same numbers as counting everything, from these runs alone."""

import pandas as pd
import pytest
import sqlalchemy as sa

from arena.store import attempts, queries, runs
from tests.arena.store.test_gallery import add_run
from tests.factories import failed, make_endpoint, make_plan, make_prompt, make_run, make_trial

EVERYTHING = """
    SELECT run.id AS run_id, run.plan_name AS plan, run.status, run.simulated, run.created_at, run.ended_at,
           (SELECT count(*) FROM trial WHERE trial.run_id = run.id) AS trials,
           (SELECT count(*) FROM attempt JOIN trial ON trial.id = trial_id WHERE run_id = run.id) AS attempts,
           (SELECT count(*) FROM attempt JOIN trial ON trial.id = trial_id
             WHERE run_id = run.id AND attempt.status = 'succeeded') AS succeeded,
           (SELECT count(*) FROM attempt JOIN trial ON trial.id = trial_id
             WHERE run_id = run.id AND attempt.status = 'unknown') AS unknown,
           (SELECT sum(cost_nano_usd) FROM attempt JOIN trial ON trial.id = trial_id
             WHERE run_id = run.id) AS cost_nano_usd
      FROM run ORDER BY run.created_at DESC, run.id DESC
"""


@pytest.fixture
def filled(any_database):
    """Runs with images, one whose attempts all failed at no known cost, and one that never fired."""
    for number in range(3):
        add_run(any_database, f"20260101-00000{number}-runs", simulated=number == 1)
    plan = make_plan()
    for name, fired in (("20260101-000008-fail", True), ("20260101-000009-none", False)):
        with any_database.write() as connection:
            stored = runs.create_run(
                connection, make_run(plan, name), [(make_endpoint(), None)],
                [make_trial(0), make_trial(1, repetition=1)], {"a-cat": make_prompt()}, "host:1:1",
            )  # fmt: skip
            if fired:
                attempts.write_outcome(
                    connection, attempts.write_intent(connection, stored[0].id, 1, simulated=False), failed()
                )
                attempts.write_intent(connection, stored[1].id, 1, simulated=False)
                runs.end_run(connection, name, "host:1:1", "interrupted")
    return any_database


def test_the_overview_says_what_counting_everything_says(filled):
    with filled.read() as connection:
        found = queries.run_overview(connection)
        expected = [dict(row) for row in connection.execute(sa.text(EVERYTHING)).mappings()]
    assert found["run_id"].tolist() == [row["run_id"] for row in expected]
    for column in ("plan", "status", "trials", "attempts", "succeeded", "unknown"):
        assert found[column].tolist() == [row[column] for row in expected], column
    costs = [None if pd.isna(c) else round(c * 1e9) for c in found["cost_usd"]]
    assert costs == [None if row["cost_nano_usd"] is None else int(row["cost_nano_usd"]) for row in expected]
    assert found.set_index("run_id").loc["20260101-000008-fail", "unknown"] == 1


def test_pages_and_single_runs_are_rows_of_the_whole(filled):
    with filled.read() as connection:
        whole = queries.run_overview(connection)
        pages = [queries.run_overview(connection, 2, offset) for offset in (0, 2, 4)]
        single = queries.overview_of(connection, "20260101-000001-runs")
        nobody = queries.overview_of(connection, "no-such-run")
    assert [r for page in pages for r in page["run_id"]] == whole["run_id"].tolist()
    assert single["succeeded"].tolist() == [12]
    assert nobody.empty
    assert list(nobody.columns) == list(whole.columns)


def test_one_trial_and_one_prompt_are_parts_of_a_runs_outcomes(filled):
    with filled.read() as connection:
        whole = queries.outcomes(connection, "20260101-000000-runs")
        one = queries.outcomes(connection, "20260101-000000-runs", trial=5)
        dogs = queries.outcomes(connection, "20260101-000000-runs", prompt_id="a-dog")
    pd.testing.assert_frame_equal(one, whole[whole["trial"] == 5].reset_index(drop=True))
    pd.testing.assert_frame_equal(dogs, whole[whole["prompt_id"] == "a-dog"].reset_index(drop=True))
