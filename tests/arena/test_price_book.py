"""The shipped price book against the examples that the vendors' own pages and the listings of them give.

Each row: endpoint, what is asked for, dollars. 1 MP is 1024x1024 here.
"""

from datetime import date
from decimal import Decimal

import pytest

from arena.catalog import Catalog
from arena.domain.request import GenerationRequest, SourceImage
from tests.servers import png

ONE_MP = SourceImage(name="i.png", media_type="image/png", data=png(1024, 1024))
ON = date(2026, 11, 20)
EXAMPLES = [
    ("bfl/flux.2-klein-4b", "t2i", "1024x1024", "0.014"),
    ("bfl/flux.2-klein-4b", "edit", "1024x1024", "0.015"),
    ("bfl/flux.2-klein-9b", "t2i", "1024x1024", "0.015"),
    ("bfl/flux.2-klein-9b", "edit", "1024x1024", "0.017"),
    ("bfl/flux.2-klein-4b", "t2i", "2048x2048", "0.017"),
    ("empiriolabs/flux.2-klein-4b", "t2i", "1024x1024", "0.0085"),
    ("cloudflare/flux.2-klein-9b", "t2i", "1024x1024", "0.015"),
    ("cloudflare/flux.2-klein-9b", "t2i", "2048x1024", "0.017"),
    ("cloudflare/flux.2-klein-9b", "edit", "1024x1024", "0.017"),
    ("runflow/flux.2-klein-4b-edit", "edit", "1024x1024", "0.005"),
]
PER_DECIMAL_MP = [  # $ per megapixel; 1024x1024 is 1.048576 of them where a megapixel is 10⁶ pixels
    ("fal/flux.2-klein-4b", "0.005"),
    ("fal/flux.2-klein-9b", "0.006"),
    ("lumenfall/flux.2-klein-4b", "0.005"),
    ("lumenfall/flux.2-klein-9b", "0.006"),
    ("runflow/flux.2-klein-4b", "0.005"),
    ("runflow/flux.2-klein-9b", "0.006"),
]


def cost(endpoint, mode, size):
    card = Catalog(environ={}).prices().card(endpoint, ON)
    assert card is not None, f"{endpoint} has no price on {ON}"
    images = [ONE_MP] if mode == "edit" else []
    asked = GenerationRequest.model_validate({"prompt": "x", "size": size, "mode": mode, "images": images})
    return card.cost_usd(asked)


@pytest.mark.parametrize(("endpoint", "mode", "size", "usd"), EXAMPLES)
def test_the_book_gives_the_published_price(endpoint, mode, size, usd):
    assert cost(endpoint, mode, size) == Decimal(usd)


@pytest.mark.parametrize(("endpoint", "usd_per_mp"), PER_DECIMAL_MP)
def test_prices_per_megapixel_are_proportional_to_the_pixels(endpoint, usd_per_mp):
    one, two = cost(endpoint, "t2i", "1024x1024"), cost(endpoint, "t2i", "2048x1024")
    assert Decimal(usd_per_mp) <= one <= Decimal(usd_per_mp) * Decimal("1.05")
    assert two == 2 * one


def test_every_price_says_where_it_is_from_and_how_sure_it_is():
    catalog = Catalog(environ={})
    known = catalog.endpoints()
    for card in catalog.prices():
        assert card.endpoint in known, card.endpoint
        assert len(card.source) > 10
        assert (card.confidence == "simulated") == known[card.endpoint].simulated
