from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.domain.request import GenerationRequest, SourceImage
from arena.pricing import PriceBook, PriceCard
from arena.units import format_usd, nano_usd, parse_usd, usd_from_nano
from tests.servers import png


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


def edit(*sizes, size="1024x1024"):
    images = [SourceImage(name="i.png", media_type="image/png", data=png(*s)) for s in sizes]
    return GenerationRequest.model_validate({"prompt": "x", "size": size, "mode": "edit", "images": images})


FIRST_AND_FURTHER = {"first_mp_usd": "0.014", "per_mp_usd": "0.001", "per_input_mp_usd": "0.001", "mp": "binary"}


@pytest.mark.parametrize(
    ("asked", "usd"),
    [
        (request(), "0.014"),
        (request("512x512"), "0.014"),
        (request("2048x1024"), "0.015"),
        (request("1024x1040"), "0.015"),
        (request("2048x2048"), "0.017"),
        (edit((1024, 1024)), "0.015"),
        (edit((1024, 1024), (2048, 1024)), "0.017"),
        (edit((100, 100)), "0.015"),
    ],
)
def test_first_further_and_input_megapixels_are_charged_apart(asked, usd):
    assert card(**FIRST_AND_FURTHER, round_up_mp="1").cost_usd(asked) == Decimal(usd)


def test_seconds_are_charged_as_the_server_counts_them_and_in_full_until_then():
    per_second = card(per_second_usd="0.001", most_seconds="60")
    assert per_second.cost_usd(request()) == Decimal("0.06")
    assert per_second.cost_usd(request(), {"predict": 2500.0}) == Decimal("0.0025")
    assert per_second.cost_usd(request(), {"queue": 2500.0}) == Decimal("0.06")
    with pytest.raises(ValueError, match="most_seconds"):
        card(per_second_usd="0.001")


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
    assert [format_usd(v) for v in (0, 0.00052, 0.8, 1.5, 1234)] == ["$0", "$0.00052", "$0.800", "$1.50", "$1,234"]
