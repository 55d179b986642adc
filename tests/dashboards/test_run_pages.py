"""Runs, one run, two runs: over nothing, over one small run and over more than a page of them."""

import itertools
from datetime import timedelta

import pandas as pd
import pytest

from arena.domain.purpose import RunPurpose
from arena.domain.run import RunStatus
from arena.reports.compare import compare
from arena.reports.progress import EndpointProgress
from arena.settings import Settings
from arena.store import runs as run_store
from arena.store.engine import open_database
from arena.store.runs import RUN
from dashboards import run_charts, run_tables
from tests.dashboards.small_run import BEGAN, make_run, stored_outcomes
from tests.dashboards.test_pages import RUN_ID, words


def make_many(directory, count):
    """More runs than a page of the list holds, the newest last."""
    for number in range(count):
        at = BEGAN + timedelta(days=number)
        make_run(directory, run_id=f"{at:%Y%m%d-%H%M%S}-test", began=at, repetitions=1)


def set_purpose(directory, purpose, name, description=""):
    """As if the run had been made for something else."""
    database = open_database(Settings(data_dir=directory))
    with database.write() as connection:
        run = run_store.get_run(connection, "last")
        plan = run.plan.model_copy(update={"name": name, "description": description, "purpose": purpose})
        changed = {"purpose": purpose, "plan_name": name, "plan_json": plan.model_dump_json()}
        connection.execute(RUN.update().values(changed))
    database.close()


@pytest.mark.parametrize("page", ["runs", "run", "compare"])
def test_without_a_database_the_page_names_the_command_that_fills_it(open_page, directory, page):
    app = open_page(page)
    assert [code.value for code in app.code] == ["arena demo"]
    assert not app.error
    assert not (directory / "arena.db").exists()


def test_the_list_tells_each_run_its_counts_and_that_it_is_simulated(open_page, small):
    app = open_page("runs")
    (row,) = app.dataframe[0].value.to_dict(orient="records")
    assert row["run"] == f"run?run={RUN_ID}"
    assert (row["status"], row["simulated"], row["made_for"]) == ("finished", "SIMULATED", "measurement")
    assert (row["trials"], row["attempts"], row["images"], row["cost_usd"]) == (12, 12, 10, 0.04)
    assert row["fit_to_measure"] == "not watched"


def test_the_list_has_pages_and_reads_one(open_page, directory):
    make_many(directory, 23)
    first = open_page("runs").dataframe[0].value["run"].tolist()
    second = open_page("runs", runs_page="2").dataframe[0].value["run"].tolist()
    assert (len(first), len(second)) == (20, 3)
    assert first[0].endswith(f"{BEGAN + timedelta(days=22):%Y%m%d}-030405-test")
    assert not set(first) & set(second)


def test_a_run_shows_what_came_of_its_trials_and_where_the_time_went(open_page, small):
    app = open_page("run")
    said = words(app)
    assert "SIMULATED" in said
    assert [m.value for m in app.metric] == ["12 of 12", "$0.0400"]
    counts = app.dataframe[0].value.set_index("endpoint")
    assert counts.loc["sim/flaky", "failed"] == 2
    assert counts.loc["sim/flaky", "failures"] == "2 capacity"
    assert "Where the time goes" in said
    phases = app.table[0].value
    assert len(phases) == 2
    assert "n 6" in phases["Result"].iloc[0]
    assert len(app.get("plotly_chart")) == 1


def test_a_running_run_tells_rate_and_time_left(open_page, directory):
    make_run(directory, status=RunStatus.RUNNING, done=5)
    app = open_page("run")
    figures = {m.label: m.value for m in app.metric}
    assert figures["Ended"] == "5 of 12"
    assert figures["Time left"] == "cannot be told"
    assert "5 of 12 trials" in str(app.get("progress")[0].proto)


def test_a_capacity_run_shows_latency_against_load_and_its_verdict(open_page, directory):
    make_run(directory, names=("sim/steady",))
    load = {"kind": "poisson", "rate_per_s": 2.0}
    database = open_database(Settings(data_dir=directory))
    with database.write() as connection:
        run = run_store.get_run(connection, "last")
        plan = run.plan.model_dump(mode="json") | {
            "name": "capacity-20260102-030405-test", "repetitions": 3, "load": load, "purpose": "capacity",
            "description": "capacity of sim/steady under p50<2s, repeat 1",
        }  # fmt: skip
        text = type(run.plan).model_validate(plan).model_dump_json()
        connection.execute(RUN.update().values(purpose="capacity", plan_name=plan["name"], plan_json=text))
    database.close()
    app = open_page("run", run=RUN_ID)
    assert not app.error
    assert "Latency against load" in words(app)
    assert len(app.get("plotly_chart")) == 2
    table = next(t.value for t in app.table if "Rate" in t.value)
    assert table["n"].tolist() == ["6"]


def test_a_run_for_behaviour_answers_its_questions(open_page, small):
    set_purpose(small, RunPurpose.BEHAVIOUR, "behaviour-20260102-030405-test")
    app = open_page("run", run=RUN_ID)
    assert not app.error
    table = next(t.value for t in app.table if "Question" in t.value)
    assert "Do the pixels match the request?" in table["Question"].tolist()[3]


def test_two_endpoints_of_a_run_are_compared_by_their_address(open_page, small):
    app = open_page("compare", a=RUN_ID, b=RUN_ID, x="sim/steady", y="sim/flaky")
    assert not app.error
    said = words(app)
    assert "SIMULATED" in said
    table = app.table[0].value.set_index("Figure")
    found = compare(*(stored_outcomes(small, RUN_ID).query("endpoint == @e") for e in ("sim/steady", "sim/flaky")))
    assert table["n"].tolist() == [str(c.difference.n) for c in found.contrasts]
    assert app.selectbox(key="a").value == RUN_ID


def test_a_comparison_that_means_nothing_is_one_sentence(open_page, small):
    app = open_page("compare", a=RUN_ID, b=RUN_ID, x="sim/steady", y="sim/steady")
    assert "is on both sides" in app.info[0].value
    assert not app.error
    assert "Choose two runs" in words(open_page("compare"))


def test_without_an_address_the_two_latest_runs_of_a_plan_are_compared(open_page, directory):
    make_many(directory, 3)
    app = open_page("compare")
    assert not app.error
    newest = [f"{BEGAN + timedelta(days=days):%Y%m%d-%H%M%S}-test" for days in (1, 2)]
    assert [app.selectbox(key=side).value for side in ("a", "b")] == newest
    assert app.query_params["a"] == newest[0]
    assert "Figure" in app.table[0].value


def test_the_newest_run_that_counts_is_shown_first_and_no_playground(open_page, small):
    newer = make_run(small, run_id="20270101-000000-play", began=BEGAN.replace(year=2027), repetitions=1)
    database = open_database(Settings(data_dir=small))
    with database.write() as connection:
        connection.execute(RUN.update().where(RUN.c.id == newer).values(purpose="playground"))
    database.close()
    assert open_page().selectbox(key="run").value == RUN_ID
    assert open_page(run=newer).selectbox(key="run").value == newer


def test_an_older_run_than_those_listed_is_found_by_its_address(open_page, directory, monkeypatch):
    monkeypatch.setattr("dashboards.data.RUNS_SHOWN", 2)
    make_many(directory, 4)
    app = open_page("run", run=f"{BEGAN:%Y%m%d-%H%M%S}-test")
    assert app.selectbox(key="run").value == f"{BEGAN:%Y%m%d-%H%M%S}-test"
    assert "There is no run" not in words(app)


# -- figures -----------------------------------------------------------------------------------------------------------


def test_progress_is_drawn_by_what_came_of_the_trials():
    endpoints = [
        EndpointProgress("a/one", 10, succeeded=4, failed=1, in_flight=2),
        EndpointProgress("sim/two", 5, simulated=True, succeeded=5),
    ]
    chart = run_charts.progress(endpoints)
    assert {bar.name: list(bar.x) for bar in chart.figure.data} == {
        "brought an image": [4, 5],
        "failed": [1, 0],
        "in flight": [2, 0],
    }
    assert chart.figure.layout.xaxis.range == (0, 10)
    assert "simulated" in chart.figure.layout.yaxis.ticktext[1]
    assert "simulated" not in chart.figure.layout.yaxis.ticktext[0]
    assert "better" in chart.subtitle
    assert "a/one: 5 of 10 ended, 1 failed" in chart.alt


def test_differences_are_drawn_with_their_intervals_and_the_direction(small):
    rows = stored_outcomes(small, RUN_ID)
    found = compare(rows[rows["endpoint"] == "sim/steady"], rows[rows["endpoint"] == "sim/flaky"])
    chart = run_charts.differences([found], "time_to_image_p50_ms")
    median = found.contrasts[0].difference
    (dot,) = chart.figure.data
    assert dot.x[0] == pytest.approx(median.value / 1000)
    assert "A is faster" in chart.subtitle
    assert "simulated" in chart.figure.layout.yaxis.ticktext[0]
    assert run_charts.differences([found], "time_to_image_p95_ms") is None


def test_the_marks_of_a_call_are_all_there(small):
    from dashboards import data

    frame = run_tables.calls(data.calls(RUN_ID, 0))
    assert [f"{m}_ms" in frame for m in run_tables.MARKS] == list(itertools.repeat(True, 8))
    assert frame["connected_ms"].tolist() == [5.0]
    assert pd.isna(frame["tcp_ms"].iloc[0])
