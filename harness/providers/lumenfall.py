"""Lumenfall, a gateway to several vendors: https://docs.lumenfall.ai/client-libraries/http

The OpenAI protocol under `/openai/v1`. A bare model is balanced over several vendors and falls back from one to the
next; a prefix such as `fal/` pins it, and who answered is in headers and in the body's `metadata`, with the cost in
dollars. A model makes a table of sizes (`options.tiers`: resolution, ratio, size); the gateway takes the nearest, so
Arena asks for that one. All but 1024x1024 are off the grid of 16 px, so that the pixels that come may differ a little.
A ratio is told as `aspect_ratio` and `resolution`. Moderation of prompt and image share one code. What a request took
and cost can be asked later under the gateway's native `/v1/requests/{id}`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose
from arena.domain.request import PixelSize
from arena.units import parse_usd
from harness.providers import wire
from harness.providers.base import Exchange, How, Job, Lookup, Probed, Sizing, Support, WireCall
from harness.providers.openai_images import Extras, OpenAIImages, read_model_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from pydantic import JsonValue, SecretStr

    from arena.domain.endpoint import Endpoint
    from arena.domain.failure import Failure

OPENAI_PATH = "/openai/v1"
GRID_PX = 16
SAME_RATIO = 0.02
"""Ratios whose logarithms differ by less are one ratio, in rounded pixels."""


@dataclass(frozen=True, slots=True)
class Tier:
    """One size that a model makes, and how it is called."""

    resolution: str
    ratio: str
    size: PixelSize

    @property
    def exact(self) -> bool:
        """Whether the size is on the model's grid, so that these very pixels come."""
        return self.size.width_px % GRID_PX == 0 and self.size.height_px % GRID_PX == 0


class Lumenfall(OpenAIImages):
    """Blocking call; images by address or in base64."""

    options = OpenAIImages.options | {"max_prompt_characters", "tiers"}

    notes: ClassVar[Mapping[str, str]] = {
        "n": "the gateway makes as many calls",
        "format": "the gateway converts what the vendor makes",
    }
    request_id_header: ClassVar[str] = "x-lumenfall-request-id"

    def parameters(self, endpoint: Endpoint) -> Mapping[str, Support]:
        """As the protocol's, but for sizes."""
        return {
            **super().parameters(endpoint),
            "size": Support(How.CONVERTED, "size", "the nearest that the model makes"),
            "ratio": Support(How.CONVERTED, "aspect_ratio, resolution", "size where the model has no such ratio"),
            "input_size": Support(How.CONVERTED, "size", "auto"),
        }

    def sizing(self, job: Job) -> Sizing:
        """The nearest tier; nominal where it is off the grid. What `auto` comes to is the vendor's choice."""
        if job.request.size_from == "input":
            return Sizing("auto", None)
        tier = nearest_tier(job)
        if tier is None:
            return Sizing(str(job.request.size), job.request.size, exact=False)
        words = f"{tier.ratio} at {tier.resolution}" if _as_ratio(job, tier) else str(tier.size)
        return Sizing(words, tier.size, tier.exact)

    def size_fields(self, job: Job) -> dict[str, JsonValue]:
        """`aspect_ratio` and `resolution`, or `size`."""
        tier = None if job.request.size_from == "input" else nearest_tier(job)
        if tier is not None and _as_ratio(job, tier):
            return {"aspect_ratio": tier.ratio, "resolution": tier.resolution}
        return {"size": self.sizing(job).wire}

    def objection(self, job: Job) -> str | None:
        """A prompt beyond `options.max_prompt_characters`."""
        most, has = wire.integer(job.endpoint.options.get("max_prompt_characters")), len(job.request.prompt)
        return f"takes prompts of at most {most} characters, not {has}" if most is not None and has > most else None

    def kind_of(self, failure: Failure, error: Mapping[str, JsonValue]) -> FailureKind:
        """A refusal by every vendor that was tried arrives as a failure of theirs, whatever the status."""
        if wire.text(error.get("code")) in {"ALL_PROVIDERS_EXHAUSTED", "UPSTREAM_ERROR"} and wire.says_moderated(
            failure.message
        ):
            return FailureKind.MODERATED_INPUT
        return super().kind_of(failure, error)

    def extras(self, job: Job, reply: Mapping[str, JsonValue], exchange: Exchange) -> Extras:
        """Who answered, what it cost, and whether that was who was asked."""
        metadata, headers = wire.table(reply.get("metadata")), exchange.headers
        vendor = wire.label(headers.get("x-lumenfall-provider") or metadata.get("provider"))
        executed = metadata.get("executed_model") or headers.get("x-lumenfall-model") or metadata.get("model")
        model = wire.label(executed)
        served = f"{vendor}/{model}" if vendor and model and "/" not in model else model
        pinned, slash, _ = job.endpoint.model.partition("/")
        remarks = [f"served by {vendor}, although pinned to {pinned}"] if slash and vendor not in {None, pinned} else []
        attempts = metadata.get("attempts")
        if isinstance(attempts, list) and len(attempts) > 1:
            remarks.append(f"the gateway made {len(attempts)} attempts")
        return Extras(cost_usd=_cost(metadata, "cost_currency"), model=served, remarks=tuple(remarks))

    def read_probe(self, endpoint: Endpoint, exchange: Exchange) -> Probed:
        """The list has models without the vendor that they are pinned to."""
        return read_model_list({endpoint.model, endpoint.model.rpartition("/")[2]}, exchange)

    def lookups(self, endpoint: Endpoint, key: SecretStr | None, request_id: str) -> tuple[WireCall, ...]:
        """The request in the gateway's own log, beside the OpenAI paths."""
        if not endpoint.base_url.endswith(OPENAI_PATH):
            return ()
        url = f"{endpoint.base_url.removesuffix(OPENAI_PATH)}/v1/requests/{quote(request_id, safe='')}"
        return (WireCall(CallPurpose.RESULT, "GET", url, auth=wire.auth_header("Authorization", "Bearer ", key)),)

    def read_lookup(self, endpoint: Endpoint, exchange: Exchange) -> Lookup:
        """The gateway's own duration, and what it charged once the request is over."""
        said = wire.table(wire.read_json(exchange.body)) if exchange.status == 200 else {}
        over = wire.text(said.get("status")) not in {None, "pending", "processing"}
        server_ms = wire.milliseconds({"total": said.get("duration_ms")})
        return Lookup(server_ms, _cost(said, "currency") if over else None)


def nearest_tier(job: Job) -> Tier | None:
    """The tier that the request comes to, or None where the endpoint names none.

    Of those with the ratio that was asked for by name, the nearest in area; else the nearest in shape, then in area.
    """
    request, tiers = job.request, tuple(_tiers(job.endpoint))
    named = [t for t in tiers if request.size_from == "ratio" and t.ratio == str(request.aspect_ratio)]

    def off_shape(tier: Tier) -> float:
        ours, theirs = request.size, tier.size
        return abs(math.log(theirs.width_px * ours.height_px / (theirs.height_px * ours.width_px)))

    def off_area(tier: Tier) -> float:
        return abs(math.log(tier.size.pixels / request.size.pixels))

    nearest = min(map(off_shape, tiers), default=0.0)
    alike = named or [t for t in tiers if off_shape(t) <= nearest + SAME_RATIO]
    return min(alike, key=off_area, default=None)


def _as_ratio(job: Job, tier: Tier) -> bool:
    return job.request.size_from == "ratio" and tier.ratio == str(job.request.aspect_ratio)


def _tiers(endpoint: Endpoint) -> Iterable[Tier]:
    for resolution, sizes in wire.table(endpoint.options.get("tiers")).items():
        for ratio, text in wire.table(sizes).items():
            match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", str(text))
            if match:
                yield Tier(resolution, ratio, PixelSize(width_px=int(match[1]), height_px=int(match[2])))


def _cost(said: Mapping[str, JsonValue], currency: str) -> Decimal | None:
    """Dollars; a sum in another currency is no cost that can be kept."""
    in_dollars = (wire.text(said.get(currency)) or "usd").lower() == "usd"
    return parse_usd(said.get("cost")) if in_dollars and "cost" in said else None
