"""Figures in a terminal: none without its n, and what is simulated is marked."""

import io

from rich.console import Console

from arena.metrics.base import Figure
from arena.metrics.figures import METRICS
from arena.metrics.phases import PHASES
from arena.reports.summary import EndpointSummary, verdicts
from harness.cli import tables


def summary(endpoint, *, simulated=False, n=40, usd=0.01):
    figures = {metric.name: Figure(None, 0) for metric in METRICS} | {
        "attempts": Figure(float(n), n),
        "success_rate": Figure(0.975, n, 0.93, 0.99),
        "time_to_image_p50_ms": Figure(143.2, n - 1, 139.0, 151.0),
        "cost_per_image_usd": Figure(usd, n - 2),
    }
    phases = {phase.name: Figure(None, 0) for phase in PHASES} | {"result_p50_ms": Figure(140.0, n - 3, 138.0, 142.0)}
    return EndpointSummary(endpoint, "p", "m", None, simulated, figures, {}, 0, phases)


def printed(show, *arguments):
    out = io.StringIO()
    show(Console(file=out, width=200), *arguments)
    return out.getvalue()


def test_every_figure_of_a_summary_says_its_n():
    text = printed(tables.print_summary, [summary("lab/one")], "run r")
    assert [f"n={n}" in text for n in (40, 39, 38)] == [True] * 3


def test_phases_say_their_n_and_what_is_simulated():
    text = printed(tables.print_phases, [summary("lab/one"), summary("lab/one", simulated=True, n=30)])
    assert text.count("simulated") == 1
    assert "n=37" in text
    assert "n=27" in text


def test_who_costs_the_same_is_not_said_to_have_an_interval():
    text = printed(tables.print_verdicts, verdicts([summary("lab/one"), summary("lab/two")]))
    cheapest = next(line for line in text.splitlines() if line.startswith("cheapest"))
    assert "not told apart from lab/two: the prices are the same" in cheapest
    assert "interval" not in cheapest
    assert "n=38" in cheapest
