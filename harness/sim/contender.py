"""A simulated provider as data, and the file that the shipped ones are read from."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationError, field_validator

import prompts
from arena.domain.base import Value
from arena.domain.request import Mode
from arena.errors import ConfigError
from harness.sim.art.finish import Style
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
]
"""What a simulated provider can do wrong; `harness.sim.faults` says how each looks on the wire."""

Probability = Annotated[float, Field(ge=0, le=1)]


class SimContender(Value):
    """One simulated provider.

    `quality` is 0–1, `price_usd` the dollars of one image, `queue_ms` a wait before the latency law begins.
    Beyond `max_in_flight` requests at once it refuses more. With `reports_cost` a success says what it cost.
    `delivery` and `output_format` are what a client gets that does not ask. `seed` makes latencies and faults
    repeatable.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)
    protocol: Literal["openai", "cog"]
    model: str = Field(min_length=1)
    latency: LatencyLaw
    queue_ms: float = Field(default=0, ge=0, le=60_000)
    quality: float = Field(ge=0, le=1)
    style: Style
    failures: dict[Fault, Probability] = Field(default_factory=dict)
    max_in_flight: int = Field(default=8, ge=1)
    modes: frozenset[Mode] = Field(default=frozenset(Mode), min_length=1)
    price_usd: Decimal = Field(default=Decimal(0), ge=0)
    reports_cost: bool = False
    delivery: Literal["url", "b64_json"] = "b64_json"
    output_format: Literal["png", "jpeg", "webp"] = "png"
    seed: int = 0

    @field_validator("failures")
    @classmethod
    def _at_most_one(cls, value: dict[Fault, float]) -> dict[Fault, float]:
        if sum(value.values()) > 1 + 1e-9:
            raise ValueError("the probabilities of the faults add up to more than 1")
        return value


def load_contenders(path: Path | None = None) -> tuple[SimContender, ...]:
    """The contenders of a TOML file, by default the shipped `sims.toml`.

    Raises ConfigError, one sentence with file and field, if the file cannot be read or used.
    """
    path = path or prompts.ROOT / "sims.toml"
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error
    entries = tables.pop("contender", None)
    if not isinstance(entries, list) or not entries:
        raise ConfigError(f"{path}: contender: at least one [[contender]] table is needed")
    if tables:
        raise ConfigError(f"{path}: {sorted(tables)[0]}: unknown field; contenders are [[contender]] tables")
    contenders = tuple(_parse(entry, path, number) for number, entry in enumerate(entries, start=1))
    names = [contender.name for contender in contenders]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{path}: contender {name!r}: name: is given to more than one contender")
    return contenders


def _parse(entry: object, path: Path, number: int) -> SimContender:
    name = entry.get("name") if isinstance(entry, dict) else None
    try:
        return SimContender.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "table"
        reason = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{path}: contender {name or number!r}: {field}: {reason}") from error
