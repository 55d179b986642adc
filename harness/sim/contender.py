"""A simulated provider as data, and the file that the shipped ones are read from."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationError, field_validator

import prompts
from arena.catalog import read_tables, vendor_files
from arena.domain.base import Value
from arena.domain.request import Mode
from arena.errors import ConfigError
from harness.sim.art.finish import Style
from harness.sim.habits import ColdStart, Habits
from harness.sim.laws import LatencyLaw

if TYPE_CHECKING:
    from pathlib import Path

Fault = Literal[
    "server_error",
    "unavailable",
    "rate_limited",
    "moderated",
    "truncated",
    "garbage",
    "wrong_size",
    "hang",
    "reset",
    "html",
    "moderated_output",
    "job_failed",
    "start_timeout",
    "payment",
    "expired",
]
"""What a simulated provider can do wrong; `harness.sim.faults` says how each looks on the wire."""

Protocol = Literal[
    "openai",
    "cog",
    "fal",
    "replicate",
    "together",
    "bfl",
    "lumenfall",
    "empiriolabs",
    "runflow",
    "vllm-omni",
    "sglang",
    "localai",
    "litellm",
    "cloudflare",
]
"""Whose HTTP protocol a simulated provider speaks; `harness.sim.server` knows the apps."""

Quirk = Literal[
    "output_before_metrics",
    "throttled_in_words",
    "task_not_found_first",
    "cost_at_the_end",
    "polls_elsewhere",
    "nsfw_flag",
    "short_hold",
    "output_images",
    "output_image_urls",
    "rerouted",
]
"""Odd behaviours that providers are known for; the app of a protocol says what it makes of them."""

Probability = Annotated[float, Field(ge=0, le=1)]


class SimContender(Value):
    """One simulated provider.

    `quality` is 0–1, `price_usd` the dollars of one image, `queue_ms` a wait before the latency law begins.
    Beyond `max_in_flight` requests at once it refuses more; with `workers`, only so many of these are worked on at
    once and the others wait in one queue, so that its capacity is `workers` over the mean of the latency law. With
    `reports_cost` a success says what it cost. `delivery` and `output_format` are what a client gets that does not
    ask. `quirks` are odd behaviours of the protocol that are not always to be met, `habits` are ways of not doing what
    was asked, `cold_start` is what the first request after a pause has to wait for. `seed` makes latencies and faults
    repeatable.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)
    protocol: Protocol
    model: str = Field(min_length=1)
    latency: LatencyLaw
    queue_ms: float = Field(default=0, ge=0, le=60_000)
    quality: float = Field(ge=0, le=1)
    style: Style
    failures: dict[Fault, Probability] = Field(default_factory=dict)
    max_in_flight: int = Field(default=8, ge=1)
    workers: int | None = Field(default=None, ge=1, le=1024)
    cold_start: ColdStart | None = None
    habits: Habits = Habits()
    modes: frozenset[Mode] = Field(default=frozenset(Mode), min_length=1)
    price_usd: Decimal = Field(default=Decimal(0), ge=0)
    reports_cost: bool = False
    delivery: Literal["url", "b64_json"] = "b64_json"
    output_format: Literal["png", "jpeg", "webp"] = "png"
    quirks: frozenset[Quirk] = frozenset()
    seed: int = 0

    @field_validator("failures")
    @classmethod
    def _at_most_one(cls, value: dict[Fault, float]) -> dict[Fault, float]:
        if sum(value.values()) > 1 + 1e-9:
            raise ValueError("the probabilities of the faults add up to more than 1")
        return value


def load_contenders(path: Path | None = None) -> tuple[SimContender, ...]:
    """The contenders of a TOML file, by default of all shipped files about providers.

    Raises ConfigError, one sentence with file and field, if a file cannot be read or used.
    """
    paths = [path] if path else vendor_files(prompts.ROOT)
    found: dict[str, SimContender] = {}
    for source in paths:
        for number, entry in enumerate(read_tables(source)["contender"], start=1):
            contender = _parse(entry, source, number)
            if contender.name in found:
                raise ConfigError(f"{source}: contender {contender.name!r}: name: is given to more than one contender")
            found[contender.name] = contender
    if not found:
        raise ConfigError(f"{path}: contender: at least one [[contender]] table is needed")
    return tuple(found.values())


def _parse(entry: object, path: Path, number: int) -> SimContender:
    name = entry.get("name") if isinstance(entry, dict) else None
    try:
        return SimContender.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "table"
        reason = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{path}: contender {name or number!r}: {field}: {reason}") from error
