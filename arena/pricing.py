"""What an image costs: dated price cards with their source, and the worst case that a budget must reckon with."""

from __future__ import annotations

import io
from datetime import date
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, Self

from PIL import Image
from pydantic import Field, model_validator

from arena.domain.base import Value
from arena.units import format_exact_usd

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from arena.domain.request import GenerationRequest

PIXELS_PER_MP = {"decimal": 1_000_000, "binary": 1_048_576}


AMOUNTS = frozenset({"per_image_usd", "first_mp_usd", "per_mp_usd", "per_input_mp_usd", "per_second_usd"})


class PriceCard(Value):
    """The price of one endpoint from one day on; what it charges for is added up.

    `per_image_usd` for each image. `per_mp_usd` for each megapixel of it, or, where `first_mp_usd` is given, for each
    further one after the first. `per_input_mp_usd` for each megapixel of the input images, of each image for at most
    `most_input_mp`: some hosts are sent, or make of it, a smaller one. `per_second_usd` for each second that the server
    says it computed (`seconds_from` names that timing), for at most `most_seconds`.

    A megapixel is 10⁶ (`decimal`) or 2²⁰ (`binary`) pixels; `round_up_mp` is the step up to which the size of every
    image is rounded (0: exact). `simulated` prices are made up and marked so.
    """

    endpoint: str
    from_date: date
    per_image_usd: Decimal = Field(default=Decimal(0), ge=0)
    first_mp_usd: Decimal | None = Field(default=None, ge=0)
    per_mp_usd: Decimal = Field(default=Decimal(0), ge=0)
    per_input_mp_usd: Decimal = Field(default=Decimal(0), ge=0)
    most_input_mp: Decimal | None = Field(default=None, gt=0)
    per_second_usd: Decimal = Field(default=Decimal(0), ge=0)
    seconds_from: str = "predict"
    most_seconds: Decimal | None = Field(default=None, gt=0)
    mp: Literal["decimal", "binary"] = "decimal"
    round_up_mp: Decimal = Field(default=Decimal(0), ge=0)
    source: str
    confidence: Literal["high", "medium", "low", "simulated"]

    @model_validator(mode="after")
    def _charges_something(self) -> Self:
        if not AMOUNTS & self.model_fields_set:
            raise ValueError(f"names no amount; give one of {', '.join(sorted(AMOUNTS))} (0 if it is free)")
        return self

    @model_validator(mode="after")
    def _seconds_are_bounded(self) -> Self:
        if self.per_second_usd and self.most_seconds is None:
            raise ValueError("`per_second_usd` needs `most_seconds`, or no budget could be kept to")
        return self

    def cost_usd(
        self,
        request: GenerationRequest,
        server_ms: Mapping[str, float] | None = None,
        pixels: Sequence[int] | None = None,
    ) -> Decimal:
        """Dollars for a request in which every image is delivered.

        `server_ms` are the server's own timings once they are known; without them the seconds count in full. `pixels`
        are those of each image that is made, where that is known to differ from what was asked for.
        """
        inputs = sum((self._input_mp(_pixels(image.data)) for image in request.images), Decimal(0))
        made = [request.size.pixels] * request.n if pixels is None else pixels
        images = sum((self.per_image_usd + self._output_usd(self.megapixels(p)) for p in made), Decimal(0))
        return images + self.per_input_mp_usd * inputs + self._compute_usd(server_ms or {})

    @property
    def in_words(self) -> str:
        """`$0.014 first MP + $0.001/further MP + $0.001/input MP`."""
        most = "" if self.most_input_mp is None else f" (at most {self.most_input_mp:f} an image)"
        parts = [
            (self.per_image_usd, "/image"),
            (self.first_mp_usd or Decimal(0), " first MP"),
            (self.per_mp_usd, "/further MP" if self.first_mp_usd is not None else "/MP"),
            (self.per_input_mp_usd, f"/input MP{most}"),
            (self.per_second_usd, "/s"),
        ]
        return " + ".join(f"{format_exact_usd(amount)}{unit}" for amount, unit in parts if amount) or "$0"

    def megapixels(self, pixels: int) -> Decimal:
        """Megapixels as they are charged."""
        mp = Decimal(pixels) / PIXELS_PER_MP[self.mp]
        if self.round_up_mp:
            mp = (mp / self.round_up_mp).to_integral_value(rounding=ROUND_CEILING) * self.round_up_mp
        return mp

    def _input_mp(self, pixels: int) -> Decimal:
        if self.most_input_mp is not None:
            pixels = min(pixels, int(self.most_input_mp * PIXELS_PER_MP[self.mp]))
        return self.megapixels(pixels)

    def _output_usd(self, mp: Decimal) -> Decimal:
        if self.first_mp_usd is None:
            return self.per_mp_usd * mp
        return self.first_mp_usd + self.per_mp_usd * max(Decimal(0), mp - 1)

    def _compute_usd(self, server_ms: Mapping[str, float]) -> Decimal:
        most = self.most_seconds or Decimal(0)
        computed = Decimal(str(server_ms[self.seconds_from])) / 1000 if self.seconds_from in server_ms else most
        return self.per_second_usd * min(computed, most)


@lru_cache(maxsize=256)
def _pixels(data: bytes) -> int:
    """Width times height of an image file, from its header."""
    with Image.open(io.BytesIO(data)) as image:
        return image.width * image.height


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
