"""What the contract suite needs to know of a protocol: recorded bodies, and what they mean.

One module a protocol in `cases/`, with a `CASE`. Bodies are written after the vendor's published schema or after what
its official client or server was seen to exchange; the images in them are tiny.
"""

from __future__ import annotations

import base64
import importlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from arena.domain.request import GenerationRequest, SourceImage
from harness.providers import provider
from harness.providers.base import Answer, Exchange, Job, Pending, WireCall
from tests.factories import make_endpoint
from tests.servers import png

if TYPE_CHECKING:
    from arena.domain.failure import FailureKind

KEY = "canary-key-4711"
PNG = base64.b64encode(png()).decode()
SOURCE = SourceImage(name="in.png", media_type="image/png", data=png(16, 16))
BASE_URL = "https://lab.example/v1"
IMAGE_URL = "https://cdn.example/i.png"


@dataclass(frozen=True)
class Reply:
    """One answer of a server; `body` is JSON unless it is bytes."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Case:
    """A protocol under test.

    `pending` are the answers, in order, that lead to the one with the image: none for a blocking call, the accepted
    submission and further answers for a polled one. `inline` and `address` are the last answer (None: the protocol
    delivers only the other way). `moderated` and `failures` come in place of the last answer. `kinds` are deviations
    from what an HTTP status means elsewhere, by stage (0: the submitting call) and status; None means "not yet". `mode`
    is the mode that the recorded bodies belong to.
    """

    protocol: str
    pending: tuple[Reply, ...] = ()
    inline: Reply | None = None
    address: Reply | None = None
    moderated: tuple[tuple[Reply, FailureKind], ...] = ()
    failures: tuple[tuple[Reply, FailureKind], ...] = ()
    kinds: dict[tuple[int, int], FailureKind | None] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    endpoint: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    base_url: str = BASE_URL
    modes: tuple[str, ...] = ("t2i", "edit")

    @property
    def stages(self) -> range:
        """0 for the submitting call, then one for each further call."""
        return range(len(self.pending) + 1)

    def job(self, mode: str = "t2i", *, key: str | None = KEY, **changes: Any) -> Job:
        """A job for this protocol that asks for everything."""
        fields = {"prompt": "a cat", "size": "512x768", "seed": 7, "steps": 4, "guidance": 2.5, "mode": mode}
        fields |= {**self.request, **changes}
        if mode == "edit":
            fields.setdefault("images", (SOURCE,))
        endpoint = make_endpoint(
            **{
                "protocol": self.protocol,
                "base_url": self.base_url,
                "options": self.options,
                "key_env": "LAB_KEY",
                **self.endpoint,
            }
        )
        return Job(endpoint, GenerationRequest.model_validate(fields), SecretStr(key) if key else None)

    def call(self, stage: int = 0, job: Job | None = None) -> WireCall:
        """The call that the answer of a stage answers."""
        job = job or self.job()
        adapter = provider(self.protocol)
        call = adapter.build(job)
        for reply in self.pending[:stage]:
            answer = adapter.parse(job, Exchange(call, reply.status, reply.headers, reply.content))
            assert isinstance(answer, Pending), answer
            call = answer.next
        return call

    def parse(self, reply: Reply, stage: int | None = None, job: Job | None = None) -> Answer:
        """What an answer means at a stage; by default at the last one."""
        stage = len(self.pending) if stage is None else stage
        job = job or self.job()
        exchange = Exchange(self.call(stage, job), reply.status, reply.headers, reply.content)
        return provider(self.protocol).parse(job, exchange)

    def kind(self, stage: int, status: int, usual: FailureKind) -> FailureKind | None:
        """What a status means here; None: not yet."""
        return self.kinds.get((stage, status), usual)


def all_cases() -> dict[str, Case]:
    """Every recorded protocol by the name of its module."""
    modules = sorted(p.stem for p in (Path(__file__).parent / "cases").glob("*.py"))
    return {name: importlib.import_module(f"tests.contracts.cases.{name}").CASE for name in modules}
