"""What rounding must not do to a figure: turn it into another one."""

from datetime import date
from decimal import Decimal

import pytest

from arena.metrics.base import Figure
from arena.metrics.figures import METRICS
from arena.pricing import PriceCard
from arena.reports import limits, wording, written
from arena.units import format_percent, format_usd
from harness.cli import tables
from harness.cli.score import figure_text

SUCCESS = next(metric for metric in METRICS if metric.name == "success_rate")
P50 = next(metric for metric in METRICS if metric.name == "time_to_image_p50_ms")


def test_one_failure_in_thousands_is_not_written_as_none():
    rate = Figure(0.9996, 2500, 0.9977, 0.99993)
    assert written.figure_text(SUCCESS, rate) == "99.96 % (99.8–99.99 %, n 2500)"
    assert tables.written(SUCCESS, rate) == "99.96 % [99.8, 99.99]"
    assert wording.value_text("ratio", 0.9996) == limits.text("success", 0.9996) == "99.96 %"


def test_a_metric_that_nearly_always_agrees_is_not_said_to_do_so_always():
    assert figure_text(0.997, 0.991, 0.9991, percent=True) == "99.7 % [99, 99.9]"


def test_all_is_all_and_none_is_none():
    assert [format_percent(share) for share in (1.0, 0.0, 0.975, 0.0004)] == ["100.0 %", "0.0 %", "97.5 %", "0.04 %"]
    assert [format_percent(share, 0) for share in (1.0, 0.996, 0.5, 0.002)] == ["100 %", "99.6 %", "50 %", "0.2 %"]


def test_the_last_bit_of_a_float_is_no_share():
    assert [format_percent(share) for share in (7e-18, 1 - 2e-16)] == ["0.0 %", "100.0 %"]


def test_a_limit_is_not_told_as_a_stricter_one():
    assert limits.Limits(success=0.9995).written("success") == "success rate at least 99.95 %"


@pytest.mark.parametrize(
    ("usd", "text"),
    [(0.00052, "$0.00052"), (0.0019, "$0.0019"), (0.001148, "$0.00115"), (0.000095, "$0.000095"), (0.004, "$0.0040")],
)
def test_a_small_amount_keeps_the_digits_that_count(usd, text):
    assert format_usd(usd) == text


def test_less_than_nothing_is_not_nothing():
    assert format_usd(-0.5) == "-$0.500"


def test_a_list_price_is_written_to_its_last_digit():
    card = PriceCard(
        endpoint="a", from_date=date(2026, 1, 1), per_mp_usd=Decimal("0.001148"), per_input_mp_usd=Decimal("0.000236"),
        source="here", confidence="high",
    )  # fmt: skip
    assert card.in_words == "$0.001148/MP + $0.000236/input MP"


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (Figure(5.12, 20, 5.05, 5.4), "5.12 ms [5.05, 5.40]"),
        (Figure(87.34, 20, 86.6, 88.12), "87.3 ms [86.6, 88.1]"),
        (Figure(143.2, 20, 139.1, 151.4), "143 ms [139, 151]"),
        (Figure(1432, 20, 1391, 1514), "1.43 s [1.39, 1.51]"),
    ],
)
def test_an_interval_has_the_digits_of_its_value_so_that_it_holds_it(figure, text):
    assert tables.written(P50, figure) == text
