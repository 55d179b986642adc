"""Who comes first, and when nobody can be said to."""

from arena.metrics.base import Figure
from arena.metrics.figures import METRICS
from arena.reports.summary import EndpointSummary, verdicts


def summary(endpoint, simulated=False, **figures):
    blank = {metric.name: Figure(None, 0) for metric in METRICS}
    return EndpointSummary(endpoint, "p", "m", None, simulated, {**blank, **figures}, {}, 0)


def fastest(*summaries):
    return next(v for v in verdicts(summaries) if v.claim == "fastest")


def p50(value, low=None, high=None, n=30):
    return {"time_to_image_p50_ms": Figure(value, n, low, high)}


def test_the_fastest_is_named_with_everybody_whose_interval_overlaps():
    found = fastest(
        summary("a", **p50(100, 90, 110)), summary("b", **p50(105, 95, 120)), summary("c", **p50(200, 190, 210))
    )
    assert (found.endpoint, found.overlapping) == ("a", ("b",))
    assert found.why == "the intervals overlap"


def test_a_figure_without_an_interval_tells_nobody_apart():
    found = fastest(summary("a", **p50(100, n=1)), summary("b", **p50(101, 95, 110)))
    assert found.overlapping == ("b",)
    assert found.why == "the intervals overlap, or there are too few values for one"


def test_equal_prices_are_equal_whatever_their_sums_round_to():
    tenth = {"cost_per_image_usd": Figure(sum([0.01] * 10) / 10, 10)}
    exact = {"cost_per_image_usd": Figure(0.01, 10)}
    (found,) = verdicts([summary("a", **exact), summary("b", **tenth)])
    assert found.overlapping in {("a",), ("b",)}


def test_simulated_endpoints_never_compete_with_real_ones():
    pretended = summary("sim", simulated=True, **p50(1, 1, 1))
    found = fastest(pretended, summary("a", **p50(100, 90, 110)), summary("b", **p50(200, 190, 210)))
    assert found.endpoint == "a"
    assert verdicts([pretended, summary("a", **p50(100, 90, 110))]) == []
