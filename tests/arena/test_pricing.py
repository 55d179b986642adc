from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.domain.request import GenerationRequest
from arena.pricing import PriceBook, PriceCard
from arena.units import format_usd, nano_usd, parse_usd, usd_from_nano


def card(**changes):
    fields = {"endpoint": "a", "from_date": date(2026, 1, 1), "source": "here", "confidence": "high"}
    return PriceCard.model_validate({**fields, **changes})


def request(size="1024x1024", n=1):
    return GenerationRequest.model_validate({"prompt": "x", "size": size, "n": n})


@pytest.mark.parametrize(
    ("price", "asked", "usd"),
    [
        ({"per_image_usd": "0.0085"}, request(), "0.0085"),
        ({"per_image_usd": "0.0085"}, request(n=4), "0.0340"),
        ({"per_mp_usd": "0.005"}, request(), "0.00524288"),
        ({"per_mp_usd": "0.005", "mp": "binary"}, request(), "0.005"),
        ({"per_mp_usd": "0.005", "round_up_mp": "1"}, request(), "0.010"),
        ({"per_mp_usd": "0.005", "mp": "binary", "round_up_mp": "1"}, request("1024x1025"), "0.010"),
    ],
)
def test_cost_follows_the_card(price, asked, usd):
    assert card(**price).cost_usd(asked) == Decimal(usd)


def test_the_card_in_force_is_the_latest_that_has_begun():
    book = PriceBook([card(per_image_usd="2", from_date=date(2026, 6, 1)), card(per_image_usd="1")])
    assert book.card("a", date(2025, 12, 31)) is None
    assert book.card("a", date(2026, 5, 31)).per_image_usd == 1
    assert book.card("a", date(2026, 6, 1)).per_image_usd == 2
    assert book.card("b", date(2026, 6, 1)) is None


@given(st.decimals(min_value=0, max_value=1000, places=9))
def test_stored_money_is_what_it_was(usd):
    assert usd_from_nano(nano_usd(usd)) == usd


def test_stored_money_is_never_below_the_true_cost():
    assert nano_usd(Decimal("0.0000000001")) == 1


@pytest.mark.parametrize("text", ["", "nan", "inf", "-1", "abc", None, "1e30", "1e999999"])
def test_what_is_no_amount_is_unknown_not_zero(text):
    assert parse_usd(text) is None


def test_an_unknown_cost_is_a_dash():
    assert format_usd(None) == "–"
    assert [format_usd(v) for v in (0, 0.00052, 0.8, 1.5, 1234)] == ["$0", "$0.0005", "$0.800", "$1.50", "$1,234"]
