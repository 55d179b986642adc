"""What providers say of finished jobs when they are asked later: queue times, compute times, charges.

Asked after the measured part, so that no question travels beside a measured request. An answer that does not come is no
failure: what was measured stands without it, and `arena runs lookup` asks again.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from arena.domain.outcome import Cost, CostSource
from harness.addresses import belongs_to
from harness.providers.base import Lookup
from harness.redaction import trace
from harness.transport import Answered, Transport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from pydantic import SecretStr

    from arena.store.runs import NamedAttempt
    from harness.clock import Clock
    from harness.plan import Target
    from harness.providers.base import Exchange, WireCall
    from harness.transport import Connection

LOG = logging.getLogger(__name__)
ASKING = 4
ONE_QUESTION_S = 10.0
ALL_QUESTIONS_S = 120.0


@dataclass(frozen=True, slots=True)
class Question:
    """The calls that ask about one attempt."""

    attempt_id: int
    target: Target
    calls: tuple[WireCall, ...]


def questions(
    attempts: Sequence[NamedAttempt], targets: Mapping[str, Target], keys: Mapping[str, SecretStr]
) -> list[Question]:
    """What can be asked about these attempts; nothing for providers that answer no such questions."""
    found = []
    for attempt in attempts:
        target = targets[attempt.endpoint_id]
        calls = target.provider.lookups(target.endpoint, keys.get(attempt.endpoint_id), attempt.request_id)
        if calls:
            found.append(Question(attempt.id, target, calls))
    return found


async def look_up(
    asked: Sequence[Question], clock: Clock, learned: Callable[[int, Lookup, Cost | None], Awaitable[None]]
) -> int:
    """Ask, and hand over what was learned of each attempt; returns of how many something was."""
    todo, found = deque(asked), 0
    transport = Transport(clock)

    async def work() -> None:
        nonlocal found
        connection = transport.connection()
        try:
            while todo:
                question = todo.popleft()
                lookup = await _answer(connection, clock, question)
                if lookup.server_ms or lookup.cost_usd is not None:
                    cost = None if lookup.cost_usd is None else Cost(usd=lookup.cost_usd, source=CostSource.REPORTED)
                    await learned(question.attempt_id, lookup, cost)
                    found += 1
        finally:
            await connection.close()

    with anyio.move_on_after(ALL_QUESTIONS_S):
        async with anyio.create_task_group() as workers:
            for _ in range(min(ASKING, len(asked))):
                workers.start_soon(work)
    return found


def _read(target: Target, exchange: Exchange) -> Lookup:
    """What an answer says; one that trips its reader says nothing, for what was measured stands without it."""
    try:
        return target.provider.read_lookup(target.endpoint, exchange)
    except Exception as error:  # noqa: BLE001 - a bug of ours must not cost what was measured
        LOG.error("an answer of %s to a question could not be read\n%s", target.endpoint.id, trace(error, None))
        return Lookup()


async def _answer(connection: Connection, clock: Clock, question: Question) -> Lookup:
    """All that the calls of one question told, put together."""
    server_ms: dict[str, float] = {}
    cost_usd = None
    for call in question.calls:
        if not belongs_to(question.target.endpoint, call.url):
            continue  # the key would not go along, and the answer would only be a refusal
        with anyio.move_on_after(ONE_QUESTION_S):
            sent = await connection.send(connection.prepare(call, with_auth=True), origin_ns=clock.now_ns())
            if isinstance(sent, Answered):
                said = _read(question.target, sent.exchange)
                server_ms |= said.server_ms
                cost_usd = said.cost_usd if said.cost_usd is not None else cost_usd
    return Lookup(server_ms, cost_usd)
