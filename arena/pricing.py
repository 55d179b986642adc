"""What an image costs: dated price cards with their source, and the worst case that a budget must reckon with."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from arena.domain.base import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from arena.domain.request import GenerationRequest

PIXELS_PER_MP = {"decimal": 1_000_000, "binary": 1_048_576}


class PriceCard(Value):
    """The price of one endpoint from one day on.

    `per_image_usd` is charged for each image, `per_mp_usd` for each megapixel of it. A megapixel is 10⁶ (`decimal`) or
    2²⁰ (`binary`) pixels; `round_up_mp` is the step up to which the size is rounded (0: exact). `simulated` prices are
    made up and marked so.
    """

    endpoint: str
    from_date: date
    per_image_usd: Decimal = Field(default=Decimal(0), ge=0)
    per_mp_usd: Decimal = Field(default=Decimal(0), ge=0)
    mp: Literal["decimal", "binary"] = "decimal"
    round_up_mp: Decimal = Field(default=Decimal(0), ge=0)
    source: str
    confidence: Literal["high", "medium", "low", "simulated"]

    def cost_usd(self, request: GenerationRequest) -> Decimal:
        """Dollars for a request in which every image is delivered."""
        mp = Decimal(request.size.pixels) / PIXELS_PER_MP[self.mp]
        if self.round_up_mp:
            mp = (mp / self.round_up_mp).to_integral_value(rounding=ROUND_CEILING) * self.round_up_mp
        return request.n * (self.per_image_usd + self.per_mp_usd * mp)


class PriceBook:
    """All price cards; the one in force is the latest that has begun."""

    def __init__(self, cards: Iterable[PriceCard]) -> None:
        self._cards = sorted(cards, key=lambda card: card.from_date)

    def card(self, endpoint_id: str, on: date) -> PriceCard | None:
        """The card in force at `endpoint_id` on a day, or None where no price is known."""
        in_force = [c for c in self._cards if c.endpoint == endpoint_id and c.from_date <= on]
        return in_force[-1] if in_force else None

    def __iter__(self) -> Iterator[PriceCard]:
        return iter(self._cards)
