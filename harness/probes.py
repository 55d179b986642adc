"""Asks each endpoint's host a free question: does it answer, is the key good, may it use the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import anyio
from pydantic import SecretStr

from arena.errors import ArenaError
from arena.units import NS_PER_MS
from harness.addresses import belongs_to
from harness.clock import SystemClock
from harness.plan import key_problem
from harness.providers import provider
from harness.transport import Answered, Transport

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from arena.domain.endpoint import Endpoint

PROBE_S = 15.0
AT_ONCE = 8
Verdict = Literal["ready", "no key", "no answer", "refused", "answers"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of an endpoint without paying for an image.

    `ready`: the key is good, or none is needed, and the model can be used. `answers`: the host is there, but does not
    tell more. `round_trip_ms` is from sending the question to the end of the answer, on a new connection.
    """

    endpoint: Endpoint
    key_set: bool | None
    verdict: Verdict
    says: str
    round_trip_ms: float | None = None


async def check(endpoints: Sequence[Endpoint], environ: Mapping[str, str]) -> list[Checked]:
    """Probe every endpoint, in the order given; nothing that is asked costs anything."""
    found: dict[str, Checked] = {}
    transport, limiter = Transport(SystemClock()), anyio.CapacityLimiter(AT_ONCE)

    async def one(endpoint: Endpoint) -> None:
        async with limiter:
            found[endpoint.id] = await _check(endpoint, environ, transport)

    async with anyio.create_task_group() as group:
        for endpoint in endpoints:
            group.start_soon(one, endpoint)
    return [found[e.id] for e in endpoints]


async def _check(endpoint: Endpoint, environ: Mapping[str, str], transport: Transport) -> Checked:
    key = environ.get(endpoint.key_env or "", "").strip()
    key_set = None if endpoint.key_env is None else bool(key)
    if key_set is False:
        return Checked(endpoint, False, "no key", f"{endpoint.key_env} is not set")
    problem = key_problem(key)
    if problem is not None:
        return Checked(endpoint, True, "no key", f"{endpoint.key_env} {problem}")
    try:
        adapter = provider(endpoint.protocol, f"endpoint {endpoint.id}: protocol")
    except ArenaError as error:
        return Checked(endpoint, key_set, "no answer", str(error))
    call = adapter.probe(endpoint, SecretStr(key) if key else None)
    if call is None:
        return Checked(endpoint, key_set, "answers", "this protocol has no free question to ask; nothing was sent")
    clock, connection = transport.clock, transport.connection()
    try:
        begun_ns = clock.now_ns()
        with anyio.move_on_after(PROBE_S):
            prepared = connection.prepare(call, with_auth=belongs_to(endpoint, call.url))
            sent = await connection.send(prepared, origin_ns=begun_ns)
            if not isinstance(sent, Answered):
                return Checked(endpoint, key_set, "no answer", f"{sent.failure.kind}: {sent.failure.message}")
            probed = adapter.read_probe(endpoint, sent.exchange)
            verdict: Verdict = {True: "ready", False: "refused", None: "answers"}[probed.may_use]  # type: ignore[assignment]
            return Checked(endpoint, key_set, verdict, probed.says, (clock.now_ns() - begun_ns) / NS_PER_MS)
    except ValueError:
        return Checked(endpoint, key_set, "no answer", "its base_url is no valid address")
    finally:
        await connection.close()
    return Checked(endpoint, key_set, "no answer", f"no answer within {PROBE_S:g} s")
