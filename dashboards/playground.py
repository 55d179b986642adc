"""The Playground's choices: who may use it, which endpoints can be fired at, what that costs at most, and the plan."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from arena.catalog import Catalog
from arena.domain.plan import Plan
from arena.domain.prompt import Prompt
from arena.domain.purpose import RunPurpose
from arena.domain.request import GenerationRequest, ImageFormat, Mode
from arena.errors import BudgetError, ConfigError
from arena.settings import Settings
from dashboards import logins

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from arena.domain.endpoint import Endpoint

MOST_CHARACTERS, MOST_ENDPOINTS = 1000, 8
SIZES = ("512x512", "768x768", "1024x1024", "1344x768", "768x1344")
ESTIMATE_WITHIN_S = 60
NANO = Decimal("1e-9")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Choice:
    """An endpoint of the data files; `objection` says why it cannot be fired at from here, None if it can."""

    id: str
    simulated: bool
    formats: tuple[ImageFormat, ...]
    objection: str | None


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be fired."""

    text: str
    endpoints: tuple[str, ...]
    size: str
    image_format: ImageFormat


@dataclass(frozen=True, slots=True)
class Price:
    """What a wish costs at most, by endpoint. Simulated endpoints have prices, too, which nobody is charged."""

    by_endpoint: Mapping[str, Decimal]
    simulated: frozenset[str]

    @property
    def budget_usd(self) -> Decimal:
        """What the run may count, made-up prices included."""
        return sum(self.by_endpoint.values(), Decimal(0))

    @property
    def charged_usd(self) -> Decimal:
        """What somebody is charged at most: nothing for simulated endpoints."""
        return sum((usd for name, usd in self.by_endpoint.items() if name not in self.simulated), Decimal(0))


def closed() -> str | None:
    """Why nobody, or not this visitor, can fire anything; None if the playground is open."""
    if Settings().playground_usd_per_day is None:
        return (
            "The playground is off, as it spends money. Set `ARENA_PLAYGROUND_USD_PER_DAY` to what it may spend on a "
            "day (0: simulated endpoints only) where the app is started, and start the app again."
        )
    if util.find_spec("harness") is None:
        return "The `arena` command is not installed beside the app, so nothing can be fired from here."
    if logins.missing():
        return "The playground spends money; log in to use it."
    return None


def choices(size: str, environ: Mapping[str, str] = os.environ) -> list[Choice]:
    """Every endpoint that makes images from text, those that can be fired at first, then by name."""
    catalog, today = Catalog(Settings().config_dir, environ=environ), datetime.now(UTC).date()
    prices = catalog.prices()
    found = []
    for endpoint in catalog.endpoints().values():
        if Mode.TEXT_TO_IMAGE not in endpoint.modes:
            continue
        priced = prices.card(endpoint.id, today) is not None
        objection = _objection(endpoint, size, environ, priced=priced)
        found.append(Choice(endpoint.id, endpoint.simulated, endpoint.limits.formats, objection))
    return sorted(found, key=lambda c: (c.objection is not None, c.simulated, c.id))


def _objection(endpoint: Endpoint, size: str, environ: Mapping[str, str], *, priced: bool) -> str | None:
    if endpoint.key_env and not environ.get(endpoint.key_env, "").strip():
        return f"its key is missing: set {endpoint.key_env} where the app is started"
    if not priced:
        return "its price is not known: add one to prices.toml in ARENA_CONFIG_DIR"
    request = GenerationRequest.model_validate(
        {"prompt": "x", "mode": Mode.TEXT_TO_IMAGE, "size": size, "format": endpoint.limits.formats[0]}
    )
    return endpoint.limits.objection(request)


def common_format(chosen: Sequence[Choice]) -> ImageFormat:
    """The format that all of them make, PNG before the others; ConfigError if there is none."""
    found = next((f for f in ImageFormat if all(f in choice.formats for choice in chosen)), None)
    if found is None:
        raise ConfigError("no image format is made by all of these endpoints; choose fewer of them")
    return found


def price(wish: Wish, simulated: frozenset[str]) -> Price:
    """What a wish costs at most, as `arena plan check` says it; ConfigError with its sentence if it refuses."""
    told = _estimate(wish.endpoints, wish.size, wish.image_format.value, str(Settings().config_dir))
    ceilings = {name: Decimal(usd).quantize(NANO, ROUND_CEILING) for name, usd in told.items()}
    return Price(ceilings, simulated & set(wish.endpoints))


@st.cache_data(ttl=600, max_entries=64, show_spinner="Asking what it costs…")
def _estimate(endpoints: tuple[str, ...], size: str, image_format: str, config_dir: str) -> dict[str, str]:
    """Dollars by endpoint; they do not depend on the words of the prompt."""
    wish = Wish("x", endpoints, size, ImageFormat(image_format))
    with tempfile.TemporaryDirectory() as directory:
        plan = written(wish, Path(directory))
        arguments = [*command(), "plan", "check", str(plan), "--json"]
        asked = subprocess.run(  # noqa: S603 - our own command, a file of ours
            arguments, env=environ_of_child(), stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=ESTIMATE_WITHIN_S,
        )  # fmt: skip
    if asked.returncode:
        raise ConfigError(last_sentence(asked.stderr.decode(errors="replace")))
    told: dict[str, str | None] = json.loads(asked.stdout)["worst_case_usd_by_endpoint"]
    unpriced = [name for name, usd in told.items() if usd is None]
    if unpriced:
        raise BudgetError(f"the price of {', '.join(unpriced)} is not known; leave it out")
    return {name: usd for name, usd in told.items() if usd is not None}


def last_sentence(said: str) -> str:
    """The sentence that a command ends with when it refuses."""
    lines = [line for line in said.splitlines() if line.strip()]
    return lines[-1].removeprefix("arena: ") if lines else "the `arena` command ended without a word"


def command() -> list[str]:
    """The `arena` command, as a child runs it."""
    return [sys.executable, "-m", "harness.cli"]


def environ_of_child() -> dict[str, str]:
    """Ours; the command finds its package as the app found its own."""
    root = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "NO_COLOR": "1"}


def plan_of(wish: Wish) -> Plan:
    """The plan of a wish: its own prompt, once at each endpoint, counted nowhere."""
    text = _CONTROL.sub(" ", wish.text.strip())
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    prompt = Prompt(id=f"playground-{name}", text=text, category="playground", clip_tokens=max(1, len(text.split())))
    return Plan.model_validate(
        {
            "name": "playground",
            "description": "One prompt, fired from the app.",
            "seed": secrets.randbelow(2**31),
            "purpose": RunPurpose.PLAYGROUND,
            "endpoints": wish.endpoints,
            "prompts": {"own": (prompt,)},
            "request": {"size": wish.size, "format": wish.image_format},
        }
    )


def written(wish: Wish, directory: Path) -> Path:
    """The plan as a file: strings of JSON are strings of TOML, once control characters are gone."""
    plan = plan_of(wish)
    (prompt,) = plan.prompts.own

    def text(value: object) -> str:
        return json.dumps(value, ensure_ascii=False)

    lines = [
        *(f"{name} = {text(getattr(plan, name))}" for name in ("name", "description", "seed", "purpose")),
        f"endpoints = {text(list(plan.endpoints))}",
        "[[prompts.own]]",
        *(f"{name} = {text(getattr(prompt, name))}" for name in ("id", "text", "category", "clip_tokens")),
        "[request]",
        f"size = {text(wish.size)}",
        f"format = {text(wish.image_format)}",
    ]
    path = directory / "playground.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
