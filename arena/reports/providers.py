"""What providers ask and take: prices with their date and source, and how each field of a request is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from arena.catalog import Catalog
    from arena.domain.endpoint import Endpoint
    from arena.pricing import PriceCard


def shown(catalog: Catalog, *, simulated: bool) -> list[Endpoint]:
    """The catalog's real endpoints, or its simulated ones, by provider and name."""
    found = [e for e in catalog.endpoints().values() if e.simulated == simulated]
    return sorted(found, key=lambda e: (e.provider, e.id))


def price_rows(catalog: Catalog, endpoints: Iterable[Endpoint], on: date) -> list[dict[str, Any]]:
    """One flat row an endpoint: the price in force on a day, from when, by which source and how sure."""
    book = catalog.prices()
    return [price_row(endpoint, book.card(endpoint.id, on)) for endpoint in endpoints]


def price_row(endpoint: Endpoint, card: PriceCard | None) -> dict[str, Any]:
    """What an endpoint charges by a price card, from when, by which source and how sure; None where nobody knows."""
    return {
        "endpoint": endpoint.id,
        "provider": endpoint.provider,
        "model": endpoint.model,
        "modes": " ".join(endpoint.modes),
        "price": None if card is None else card.in_words,
        "from_date": None if card is None else card.from_date.isoformat(),
        "confidence": None if card is None else card.confidence,
        "source": None if card is None else card.source,
    }


def support_rows(catalog: Catalog, endpoints: Iterable[Endpoint]) -> list[dict[str, Any]]:
    """One flat row an endpoint, one column a field: `passthrough`, `renamed`, … ; None where nobody has written it."""
    told = catalog.support()
    fields = list(next(iter(told.values()), {}))
    return [
        {"endpoint": e.id, **{field: told.get(e.id, {}).get(field, {}).get("how") for field in fields}}
        for e in endpoints
    ]


def notes_of(catalog: Catalog, endpoint_id: str) -> list[dict[str, str]]:
    """One row a field of one endpoint: how it is taken, under which name, and what is done to its value."""
    fields = catalog.support().get(endpoint_id, {})
    return [{"field": field, **how} for field, how in fields.items()]
