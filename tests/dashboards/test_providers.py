"""The Providers page: figures over a window, prices and parameters; and the charts behind it as functions."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from arena.domain.run import RunStatus
from arena.metrics.base import Figure
from arena.metrics.figures import METRICS
from arena.reports.trends import Point, Trend, step_of, trends
from arena.reports.windows import Window, outcome_frame
from arena.settings import Settings
from arena.store.engine import open_database
from dashboards import trend_charts
from dashboards.format import colours
from tests.dashboards.small_run import make_run

P50 = next(m for m in METRICS if m.name == "time_to_image_p50_ms")
DAY = timedelta(days=1)
VIEWS = ("Performance", "Over time", "Distribution", "Prices", "Parameters")


@pytest.fixture
def lately(directory):
    """A simulated run of yesterday and one of last week."""
    for days in (2, 6):
        began = datetime.now(UTC) - timedelta(days=days)
        make_run(directory, run_id=f"2026010{days}-000000-test", began=began, repetitions=12)
    return directory


def words(app):
    return "\n".join(str(e.value) for kind in (app.caption, app.markdown, app.error, app.text) for e in kind)


def test_without_a_database_the_page_names_the_command_that_fills_it(open_page, directory):
    app = open_page("providers")
    assert [code.value for code in app.code] == ["arena demo"]


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_opens(open_page, lately, view):
    app = open_page("providers", view=view)
    assert [title.value for title in app.title] == ["Providers"]
    assert not app.error


def test_the_table_holds_what_was_sent_in_the_window(open_page, lately):
    month = open_page("providers").table[0].value
    day = open_page("providers", window="24h").table
    assert month["Attempts"].tolist() == [48, 48]  # two runs of two prompts, twelve times
    assert not day or day[0].value["Attempts"].tolist() == [0, 0]
    week = open_page("providers", window="7d").table[0].value
    assert week["Attempts"].tolist() == [48, 48]
    assert "simulated" in month["Endpoint"].iloc[0]
    assert {"Uptime", "Generation p95", "Time to image p95", "$ / 1,000"} <= set(month.columns)


def test_the_number_of_attempts_is_that_of_the_table_without_warm_up(open_page, lately):
    database = open_database(Settings())
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE trial SET phase = 'warmup' WHERE seq < 4")
        connection.exec_driver_sql("DELETE FROM digest")
    database.close()
    app = open_page("providers")
    counted = app.table[0].value["Attempts"].sum()
    assert counted == 88
    assert f"{counted:.0f} attempts without warm" in words(app)


def test_a_window_that_holds_nothing_says_so(open_page, directory):
    make_run(directory)  # of a year ago
    assert "Nothing was measured in this window" in words(open_page("providers", window="24h"))


def test_a_running_run_counts_as_far_as_it_has_got(open_page, directory):
    make_run(directory, status=RunStatus.RUNNING, done=4, began=datetime.now(UTC) - timedelta(minutes=1))
    assert open_page("providers").table[0].value["Attempts"].sum() == 4


def test_prices_say_from_when_and_by_which_source(open_page, lately):
    frame = open_page("providers", view="Prices").dataframe[0].value
    row = frame[frame["endpoint"] == "bfl/flux.2-klein-4b"].iloc[0]
    assert row["from_date"] == "2026-11-01"
    assert "docs.bfl.ai" in row["source"]
    assert not frame["endpoint"].str.startswith("sim/").any()


def test_parameters_say_how_each_field_is_taken(open_page, lately):
    frame = open_page("providers", view="Parameters").dataframe[0].value
    row = frame[frame["endpoint"] == "bfl/flux.2-klein-4b"].iloc[0]
    assert (row["seed"], row["steps"]) == ("passthrough", "unsupported")


def test_a_trend_has_a_point_a_day_and_the_figures_of_the_table(lately):
    database = open_database(Settings())
    window = Window.last(30)
    with database.read() as connection:
        frame = outcome_frame(connection, window)
    database.close()
    found = trends(frame, P50, step_of(window))
    assert [t.endpoint for t in found] == ["sim/flaky", "sim/steady"]
    steady = found[1]
    assert len(steady.points) == len({p.at.date() for p in steady.points}) >= 2
    whole = frame[frame["endpoint"] == "sim/steady"]
    assert sum(p.figure.n for p in steady.points) == P50.compute(whole).n


def test_a_day_without_a_request_is_a_gap_in_the_line():
    began = datetime(2026, 1, 1, tzinfo=UTC)
    figure = Figure(1000.0, 30, 900.0, 1100.0)
    points = tuple(Point(began + DAY * i, figure) for i in (0, 1, 3))
    chart = trend_charts.over_time([Trend("lab/one", False, points)], P50, colours({"lab/one": "lab"}), DAY)
    line = chart.figure.data[0]
    assert list(line.y) == [1.0, 1.0, None, 1.0]
    assert list(line.error_y.array) == pytest.approx([0.1, 0.1, 0.0, 0.1])
    assert "Lower is better" in chart.subtitle


def test_a_single_day_stands_among_days_and_not_among_milliseconds():
    began = datetime(2026, 1, 1, tzinfo=UTC)
    points = (Point(began, Figure(1000.0, 30, 900.0, 1100.0)),)
    chart = trend_charts.over_time([Trend("lab/one", False, points)], P50, colours({"lab/one": "lab"}), DAY)
    assert list(chart.figure.layout.xaxis.range) == [began - DAY, began + DAY]
    assert trend_charts.over_time([], P50, {}, DAY).figure.layout.xaxis.range is None


def test_the_distribution_draws_what_share_took_at_most_so_long():
    frame = pd.DataFrame(
        {
            "endpoint": "lab/one",
            "simulated": False,
            "phase": "measure",
            "status": "succeeded",
            "time_to_image_ms": [float(i) for i in range(1001)],
        }
    )
    line = trend_charts.distribution(frame, colours({"lab/one": "lab"})).figure.data[0]
    half = list(line.y).index(50.0)
    assert line.x[half] == pytest.approx(0.5)
    assert "n 1,001" in line.name
