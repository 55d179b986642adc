"""A trial against every misbehaviour of the catalogue, beside an endpoint that works, and what became of each.

A case fails if its trial ends as something else than it should, takes longer than its deadline, lets the key out, keeps
what no one should read, or fetches what it must not; the good endpoint fails if one of its trials does.
"""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from pydantic import SecretStr

from arena.domain.endpoint import Endpoint
from arena.domain.request import GenerationRequest
from arena.store.blobs import BlobStore
from harness.clock import SystemClock
from harness.engine import Engine
from harness.providers import provider
from harness.providers.base import Job
from harness.sim.hostile.case import IMAGE_PATH, KEY, SHORT_S, Case, replying, said
from harness.sim.hostile.certificates import Certificates, can_be_made
from harness.sim.hostile.pictures import SIDE_PX, inline, picture
from harness.sim.hostile.server import serving
from harness.transport import Transport
from harness.verify import verify

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from arena.domain.outcome import Outcome
    from harness.net.dial import AddrInfo, Resolver
    from harness.sim.hostile.server import Host

MARGIN_S = 15.0
"""What a trial may take beyond its deadline on a machine that has other things to do: enough to tell a hang."""
AT_ONCE = 24
GOOD = Case("good", "works", ("ok",), replying(said(inline(picture()))))
LEAST_GOOD_TRIALS = 10
MOST_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one case; `problems` is empty if that is what should have."""

    case: Case
    became: str
    message: str
    took_ms: float
    problems: tuple[str, ...]


@dataclass(slots=True)
class Verdicts:
    """All of them, in the order of the catalogue, and how the endpoint beside them fared."""

    cases: list[Verdict] = field(default_factory=list)
    left_out: tuple[Case, ...] = ()
    good_trials: int = 0
    good_failures: list[str] = field(default_factory=list)


async def try_all(cases: Sequence[Case], images: Path, on_verdict: Callable[[Verdict], None] | None = None) -> Verdicts:
    """One trial for every case, bombs one after the other, all on one engine and one transport."""
    certificates = Certificates() if can_be_made() else None
    left_out = tuple(c for c in cases if certificates is None and c.certificate is not None)
    tried = [c for c in cases if c not in left_out]
    tls = {c.certificate: certificates.of(c.certificate) for c in tried if certificates and c.certificate}
    if certificates is not None:
        tls["good"] = certificates.of("good")
    with serving([GOOD, *tried], tls) as (good, *hosts):
        trials = _Trials(hosts, images, certificates.trusting() if certificates else None, on_verdict)
        found = await trials.run(good)
    found.left_out = left_out
    return found


class _Trials:
    """Trials on one engine."""

    def __init__(
        self,
        hosts: Sequence[Host],
        images: Path,
        tls: ssl.SSLContext | None,
        on_verdict: Callable[[Verdict], None] | None,
    ) -> None:
        clock = SystemClock()
        self._hosts, self._on_verdict = hosts, on_verdict
        self._engine = Engine(clock)
        self._transport = Transport(clock, tls=tls, resolve=_Names(hosts).resolve)
        self._blobs = BlobStore(images)
        self._many, self._one = anyio.CapacityLimiter(AT_ONCE), anyio.CapacityLimiter(1)
        self._verdicts: dict[str, Verdict] = {}

    async def run(self, good: Host) -> Verdicts:
        """All cases, and the good endpoint for as long as they take."""
        found = Verdicts()
        async with anyio.create_task_group() as beside:
            beside.start_soon(self._keep_trying, good, found)
            async with anyio.create_task_group() as group:
                for host in self._hosts:
                    group.start_soon(self._judge, host)
            while found.good_trials < LEAST_GOOD_TRIALS:
                await anyio.sleep(0.05)
            beside.cancel_scope.cancel()
        found.cases = [self._verdicts[host.case.name] for host in self._hosts]
        return found

    async def _keep_trying(self, good: Host, found: Verdicts) -> None:
        while True:
            outcome = await self._attempt(good)
            found.good_trials += 1
            if outcome.failure is not None:
                found.good_failures.append(f"{outcome.failure.kind}: {outcome.failure.message}")
            await anyio.sleep(0.02)

    async def _judge(self, host: Host) -> None:
        async with self._one if host.case.heavy else self._many:
            begun_s = time.monotonic()
            outcome = await self._attempt(host)
            took_s = time.monotonic() - begun_s
        await anyio.sleep(0.05)  # what was sent at the last moment has arrived
        became = outcome.failure.kind.value if outcome.failure else "ok"
        message = outcome.failure.message if outcome.failure else ""
        problems = tuple(_problems(host, outcome, became, message, took_s))
        verdict = Verdict(host.case, became, message, took_s * 1000, problems)
        self._verdicts[host.case.name] = verdict
        if self._on_verdict is not None:
            self._on_verdict(verdict)

    async def _attempt(self, host: Host) -> Outcome:
        case, connection = host.case, self._transport.connection()
        adapter, job = provider(case.protocol), _job(host)
        try:
            delivery = await self._engine.attempt(adapter, job, connection, timeout_s=case.deadline_s)
        finally:
            await connection.close()
        return await anyio.to_thread.run_sync(verify, delivery, adapter, self._blobs, None)


def _job(host: Host) -> Job:
    case = host.case
    endpoint = Endpoint(
        id=f"hostile/{case.name}",
        provider="hostile",
        protocol=case.protocol,
        model="m-1",
        base_url=f"{host.places.own}/v1",
        key_env="HOSTILE_API_KEY" if case.host == "127.0.0.1" or "https" in host.places.own else None,
        simulated=True,
        poll_interval_s=0.02,
        key_hosts=tuple(host.places.filled(name) for name in case.key_hosts),
        result_hosts=case.result_hosts,
        timeout_s=case.deadline_s,
    )
    request = GenerationRequest.model_validate({"prompt": case.prompt, "size": f"{SIDE_PX}x{SIDE_PX}"})
    return Job(endpoint, request, SecretStr(KEY))


class _Names:
    """A resolver that knows the names of the cases; each name belongs to one case at a time, told by its port."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts, self._lock = hosts, threading.Lock()
        self._asked: dict[tuple[str, str, int], int] = {}

    @property
    def resolve(self) -> Resolver:
        """What the transport asks."""
        return self._resolve

    def _resolve(self, host: str, port: int) -> Sequence[AddrInfo]:
        case = self._case(host, port)
        answers = case.names[host] if case else ((),)
        with self._lock:
            asked = self._asked.get((case.name if case else "", host, port), 0)
            self._asked[case.name if case else "", host, port] = asked + 1
        answer = answers[min(asked, len(answers) - 1)]
        if answer is None:
            time.sleep(SHORT_S * 2)
        if not answer:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [_entry(address, port) for address in answer]

    def _case(self, name: str, port: int) -> Case | None:
        ports = {url.rpartition(":")[2]: host.case for host in self._hosts for url in _urls(host)}
        found = ports.get(str(port))
        return found if found is not None and name in found.names else None


def _urls(host: Host) -> tuple[str, str, str]:
    return host.places.own, host.places.trap, host.places.trap_tls


def _entry(address: str, port: int) -> AddrInfo:
    if ":" in address:
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)


def _problems(host: Host, outcome: Outcome, became: str, message: str, took_s: float) -> Iterator[str]:
    case, seen = host.case, host.seen
    expected = [str(kind) for kind in case.becomes]
    if became not in expected:
        yield f"became {became}, not {' or '.join(expected)}"
    if case.mentions and case.mentions not in message:
        yield f"its message does not speak of {case.mentions!r}"
    if took_s > case.deadline_s + MARGIN_S:
        yield f"took {took_s:.1f} s with a deadline of {case.deadline_s:g} s"
    if case.most_requests is not None and len(seen.requests) > case.most_requests:
        yield f"sent {len(seen.requests)} requests where {case.most_requests} will do"
    if seen.trapped:
        yield f"{len(seen.trapped)} connections to a host that must not be called"
    if any(KEY.encode() in sent for sent in seen.trapped):
        yield "the key went to another host"
    if any(KEY.encode() in sent for path, sent in seen.requests if path.startswith(IMAGE_PATH) and KEY not in path):
        yield "the key went to a download"
    yield from (f"the case itself is broken: {error}" for error in seen.broken)
    yield from _unfit_texts(outcome)


def _unfit_texts(outcome: Outcome) -> Iterator[str]:
    for text in _texts(outcome.model_dump(mode="json")):
        if KEY.lower() in text.lower():
            yield f"the key is kept: {text[:80]!r}"
        if not text.isprintable():
            yield f"control characters are kept: {text[:80]!r}"
        if len(text) > MOST_CHARACTERS:
            yield f"a text of {len(text)} characters is kept"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield from (name, *_texts(entry))
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
