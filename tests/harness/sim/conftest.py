"""A client, and contenders that answer at once, for the tests of the simulated providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from harness.sim.contender import SimContender
from harness.sim.process import background

if TYPE_CHECKING:
    from collections.abc import Iterator

FAULTS = (
    "server_error",
    "unavailable",
    "rate_limited",
    "moderated",
    "truncated",
    "garbage",
    "wrong_size",
    "reset",
    "html",
    "hang",
)


def contender(name: str, **fields: object) -> SimContender:
    base = {
        "name": name,
        "protocol": "openai",
        "model": "sim",
        "latency": {"kind": "fixed", "ms": 0},
        "quality": 0.9,
        "style": "flat",
        "price_usd": "0.004",
        "max_in_flight": 32,
    }
    return SimContender.model_validate(base | fields)


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    contenders = [
        contender("plain"),
        contender("billed", reports_cost=True),
        contender("by-url", delivery="url", output_format="webp"),
        contender("text-only", modes=["t2i"]),
        contender("narrow", latency={"kind": "fixed", "ms": 400}, max_in_flight=1),
        contender("slow", latency={"kind": "fixed", "ms": 30_000}),
        contender("mixed", failures={"server_error": 0.3, "moderated": 0.2, "reset": 0.1}, seed=5),
        contender("cog-plain", protocol="cog", reports_cost=True),
        contender("cog-narrow", protocol="cog", latency={"kind": "fixed", "ms": 400}, max_in_flight=1),
        contender("cog-slow", protocol="cog", latency={"kind": "fixed", "ms": 30_000}),
        *(
            contender(f"{p}-{f.replace('_', '-')}", protocol=p, failures={f: 1})
            for p in ("openai", "cog")
            for f in FAULTS
        ),
    ]
    with background(contenders) as url:
        yield url


@pytest.fixture
def client(simulator: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=simulator, timeout=20, trust_env=False) as opened:
        yield opened
