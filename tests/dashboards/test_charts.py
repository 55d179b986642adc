"""Charts show the summary's figures, their intervals and which direction is better."""

import pandas as pd
import pytest

from arena.metrics.base import Figure
from arena.reports.summary import EndpointSummary
from dashboards import charts
from dashboards.format import PALETTE, colours
from dashboards.timeline import SHOWN_CALLS, segments, timeline, visible

UNKNOWN = Figure(None, 0)


def summary(endpoint, *, p50=None, p95=UNKNOWN, rate=UNKNOWN, cost=UNKNOWN, failures=None, simulated=False):
    figures = {
        "attempts": Figure(24.0, 24),
        "success_rate": rate,
        "time_to_image_p50_ms": p50 or UNKNOWN,
        "time_to_image_p95_ms": p95,
        "cost_per_1000_usd": cost,
    }
    return EndpointSummary(endpoint, "p", "m", None, simulated, figures, failures or {}, 0)


SUMMARIES = [
    summary(
        "a/fast", p50=Figure(1000, 24, 800, 1500), p95=Figure(2000, 24), rate=Figure(0.9, 20, 0.7, 0.97),
        cost=Figure(4, 24), failures={"capacity": 2, "moderated_input": 1},
    ),
    summary("b/slow", p50=Figure(4000, 3), rate=Figure(1, 3, 0.44, 1), simulated=True),
    summary("c/none"),
]  # fmt: skip
COLOURS = colours({"a/fast": "a", "b/slow": "b", "c/none": "c"})


def outcomes(**times):
    rows = [
        {"endpoint": e.replace("_", "/"), "simulated": False, "phase": "measure", "status": "succeeded", "trial": i,
         "time_to_image_ms": t}
        for e, values in times.items() for i, t in enumerate(values)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_time_to_image_marks_median_with_its_interval_and_p95():
    median, slow, p95 = charts.time_to_image(SUMMARIES, COLOURS).figure.data
    assert median.x == (1.0,)
    assert median.error_x.arrayminus == pytest.approx((0.2,))
    assert median.error_x.array == pytest.approx((0.5,))
    assert "n 24" in median.text[0]
    assert median.marker.color == (COLOURS["a/fast"],)
    assert slow.x == (4.0,)
    assert slow.y == pytest.approx((0.9,))
    assert slow.error_x.visible is False
    assert p95.x == (2.0,)
    assert p95.y == pytest.approx((0.14,))
    assert p95.marker.symbol == "diamond-open"
    assert p95.error_x.visible is False


def test_rows_are_named_at_the_axis_and_simulated_ones_are_marked():
    axis = charts.time_to_image(SUMMARIES, COLOURS).figure.layout.yaxis
    assert axis.ticktext[0] == "a/fast"
    assert axis.ticktext[1].startswith("b/slow")
    assert "simulated" in axis.ticktext[1]
    assert axis.range[0] > axis.range[1]  # the first endpoint is at the top


@pytest.mark.parametrize("log", [False, True])
def test_both_time_charts_share_their_scale(log):
    rows = outcomes(a_fast=[100, 200, 100_000 if log else 900])
    assert charts.logarithmic(rows) is log
    kind = "log" if log else None
    assert charts.time_to_image(SUMMARIES, COLOURS, log=log).figure.layout.xaxis.type == kind
    assert charts.spread(rows, SUMMARIES, COLOURS, log=log).figure.layout.xaxis.type == kind


def test_spread_shows_every_success_in_its_row_and_bounds_their_number():
    few = charts.spread(outcomes(a_fast=[300, 100, 200]), SUMMARIES, COLOURS).figure.data[0]
    assert few.x == (0.1, 0.2, 0.3)
    assert all(-0.3 < y < 0.3 for y in few.y)
    many = charts.spread(outcomes(a_fast=range(1, 5001)), SUMMARIES, COLOURS).figure.data[0]
    assert len(many.x) <= charts.DOTS
    crowd = [summary(f"a/{i}", p50=Figure(1000, 9)) for i in range(20)]
    rows = outcomes(**{f"a_{i}": range(1, 1001) for i in range(20)})
    crowded = charts.spread(rows, crowd, colours({s.endpoint: "a" for s in crowd}))
    shown = [len(trace.x) for trace in crowded.figure.data]
    assert sum(shown) <= charts.DOTS_IN_ALL
    assert min(shown) >= charts.DOTS_AT_LEAST
    assert f"at most {charts.DOTS_IN_ALL // 20} an endpoint" in crowded.subtitle


def test_success_rate_has_the_wilson_interval_and_leaves_out_what_is_unknown():
    chart = charts.success_rate(SUMMARIES, COLOURS)
    (rates,) = chart.figure.data
    assert rates.x == (90.0, 100.0)
    assert rates.y == (0, 1)
    assert rates.error_x.arrayminus == pytest.approx((20.0, 56.0))
    assert rates.error_x.array == pytest.approx((7.0, 0.0))


def test_failures_are_stacked_by_kind():
    figure = charts.failures(SUMMARIES).figure
    assert {trace.name: tuple(trace.x) for trace in figure.data} == {
        "capacity": (2, 0, 0),
        "moderated input": (1, 0, 0),
    }
    assert figure.layout.barmode == "stack"
    plain = charts.success_rate(SUMMARIES, COLOURS).figure
    assert figure.layout.height > plain.layout.height, "the legend takes nothing from the rows"


def test_no_failures_is_an_empty_chart_that_says_so():
    chart = charts.failures(SUMMARIES[1:])
    assert not chart.figure.data
    assert "none" in chart.alt
    assert chart.subtitle.endswith("There were none.")


def test_cost_against_time_names_what_it_cannot_show():
    chart = charts.cost_against_time(SUMMARIES, COLOURS)
    (point,) = chart.figure.data
    assert (point.x, point.y, point.text) == ((4,), (1.0,), ("a/fast",))
    assert chart.figure.layout.xaxis.type == "log"
    assert "b/slow (simulated), c/none" in chart.subtitle


def test_neighbours_by_cost_and_time_do_not_write_over_each_other():
    near = [summary(f"a/endpoint-{i}", p50=Figure(1000 + i, 24), cost=Figure(4 + i / 1000, 24)) for i in range(3)]
    far = summary("b/far", p50=Figure(1000, 24), cost=Figure(40, 24))
    figure = charts.cost_against_time([*near, far], COLOURS).figure
    beside = [trace.textposition for trace in figure.data if trace.name != "b/far"]
    assert len(set(beside)) == 3
    crowd = charts.cost_against_time([*near * 5, far], COLOURS)
    assert any(trace.mode == "markers" for trace in crowd.figure.data)
    assert "names did not fit; hovering tells them" in crowd.subtitle


def test_a_free_endpoint_is_shown_on_a_linear_axis():
    free = summary("a/free", p50=Figure(1000, 24), cost=Figure(0.0, 24))
    assert charts.cost_against_time([free], COLOURS).figure.layout.xaxis.type is None


def test_every_chart_says_which_direction_is_better():
    made = [
        charts.time_to_image(SUMMARIES, COLOURS),
        charts.spread(outcomes(a_fast=[1]), SUMMARIES, COLOURS),
        charts.success_rate(SUMMARIES, COLOURS),
        charts.failures(SUMMARIES),
        charts.cost_against_time(SUMMARIES, COLOURS),
    ]
    assert all("better" in chart.subtitle for chart in made)
    assert all(chart.title and chart.alt for chart in made)


def test_a_provider_keeps_its_colour_and_its_endpoints_are_shades_of_it():
    seen = {"b/one": "b", "a/one": "a"}
    known = colours(seen)
    assert (known["b"], known["a"]) == (known["b/one"], known["a/one"]) == PALETTE[:2]
    more = colours({**seen, "0/one": "0", "b/two": "b"})
    assert more.items() >= known.items()
    assert more["b/two"] not in {more["b/one"], *PALETTE}


def call(position=0, **marks):
    row = {
        "position": position, "purpose": "poll", "started_ns": 0, "connected_ns": None, "request_sent_ns": None,
        "headers_ns": None, "ended_ns": 9_000_000,
    }  # fmt: skip
    return row | marks


def test_phases_of_a_call_follow_each_other():
    row = pd.Series(call(connected_ns=1_000_000, request_sent_ns=2_000_000, headers_ns=6_000_000))
    assert segments(row) == {
        "connect": (0, 1), "send request": (1, 2), "wait for headers": (2, 6), "receive body": (6, 9),
    }  # fmt: skip


def test_a_missing_mark_leaves_no_gap():
    assert segments(pd.Series(call(headers_ns=6_000_000))) == {"wait for headers": (0, 6), "receive body": (6, 9)}


def test_timeline_draws_each_phase_from_where_it_began():
    chart = timeline(pd.DataFrame([call(headers_ns=6_000_000)]), 8.0)
    bars = {bar.name: bar for bar in chart.figure.data}
    assert (bars["receive body"].base, bars["receive body"].x) == ((6.0,), (3.0,))
    assert not bars["connect"].x
    assert chart.figure.layout.shapes[0].x0 == 8.0


def test_a_long_row_of_polls_is_cut_in_the_middle():
    calls = pd.DataFrame([call(position=i) for i in range(100)])
    assert len(visible(calls)) == SHOWN_CALLS
    assert list(visible(calls)["position"].iloc[[0, -1]]) == [0, 99]
    assert "60 calls" in timeline(calls, None).subtitle
