"""EmpirioLabs' images API: https://docs.empiriolabs.ai/models/flux-2-klein-4b

The path and most names are OpenAI's, but the answer is a job unless `"sync": true` is sent (`options.sync = true`): it
is asked for at `{base}/jobs/{id}` until it has completed or failed. Odd things:

- A `job_id` in the answer means a job, whatever was sent.
- An edit is a generation with `image`, a list of addresses; data URIs in it are not confirmed. The codec is `format`.
- Which states a job can have is not listed: what has neither completed nor failed goes on. How its result is laid out
  is not documented for images, so several shapes are read.
- What a job tells of time is when it was made and when it completed, its wait in the queue included.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose
from arena.domain.request import Mode
from harness.providers import wire
from harness.providers.base import Answer, Done, Exchange, How, Job, JsonBody, Pending, Probed, Support, WireCall
from harness.providers.openai_images import DEFAULT_FIELDS, OpenAIImages, images_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue, SecretStr

    from arena.domain.endpoint import Endpoint

COMPLETED, FAILED = frozenset({"completed", "succeeded"}), frozenset({"failed", "error"})
CANCELED = frozenset({"canceled", "cancelled"})
KINDS = {
    "insufficient_credits": FailureKind.PAYMENT,
    "invalid_api_key": FailureKind.AUTH,
    "model_not_found": FailureKind.NOT_FOUND,
    "model_unavailable": FailureKind.CAPACITY,
    "rate_limit_exceeded": FailureKind.RATE_LIMITED,
}
"""The documented codes; the error of a job is taken to have the same."""
OF_THE_PROMPT = re.compile(r"\b(?:prompt|input)\b", re.IGNORECASE)


class EmpirioLabs(OpenAIImages):
    """Held or polled; images come as addresses or in base64."""

    options = OpenAIImages.options | {"sync"}

    fields: ClassVar[Mapping[str, str]] = {
        **DEFAULT_FIELDS,
        "images": "image",
        "seed": "seed",
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
        "format": "format",
    }

    def parameters(self, endpoint: Endpoint) -> Mapping[str, Support]:
        """As the protocol's, but for edits."""
        name = wire.field_names(endpoint, self.fields)["images"]
        return {
            **super().parameters(endpoint),
            "mode": Support(How.CONVERTED, name, "an edit is a generation with images"),
            "images": Support(How.CONVERTED, name, "a list of data URIs"),
        }

    def build(self, job: Job) -> WireCall:
        """A generation, with the input images in it if there are any."""
        values = self.values(job)
        if job.request.mode is Mode.EDIT:
            name = wire.field_names(job.endpoint, self.fields)["images"]
            values[name] = [wire.data_uri(image) for image in job.request.images]
        if _held(job):
            values["sync"] = True
        return self.call(job, "images/generations", JsonBody(values))

    def parse(self, job: Job, exchange: Exchange) -> Answer:
        """Images, or a job that is to be asked for, or how a job ended."""
        polled = exchange.call.purpose is CallPurpose.POLL
        if exchange.status >= 300:
            return self.refused(exchange)
        reply = wire.table(wire.read_json(exchange.body))
        name = wire.label(reply.get("job_id"))
        if name is None and not polled:
            return super().parse(job, exchange)
        status = (wire.label(reply.get("status")) or "").lower()
        if isinstance(reply.get("data"), list) and not polled and status not in FAILED | CANCELED:
            return super().parse(job, exchange)  # a held answer may carry the images and the job's name
        if status in COMPLETED:
            return _completed(job, exchange, reply, name)
        if status in FAILED | CANCELED or (polled and not status):
            return _ended(exchange, reply, status, name)
        address = exchange.call.url if polled else _address(job.endpoint, reply, name or "")
        poll = WireCall(CallPurpose.POLL, "GET", address, auth=wire.bearer(job))
        return Pending(poll, provider_status=status, request_id=name)

    def probe(self, endpoint: Endpoint, key: SecretStr | None) -> WireCall | None:
        """What is said of the model."""
        auth = wire.auth_header("Authorization", "Bearer ", key)
        url = f"{endpoint.base_url}/models/{quote(endpoint.model, safe='')}"
        return WireCall(CallPurpose.RESULT, "GET", url, auth=auth)

    def read_probe(self, endpoint: Endpoint, exchange: Exchange) -> Probed:
        """Whether the model is there."""
        if exchange.status >= 300:
            return Probed(False if exchange.status in {401, 403, 404} else None, f"HTTP {exchange.status}")
        if wire.label(wire.table(wire.read_json(exchange.body)).get("id")) is None:
            return Probed(None, "answers, but describes no model")
        return Probed(True, "the model is there")


def _held(job: Job) -> bool:
    return job.endpoint.options.get("sync") is True


def _address(endpoint: Endpoint, reply: Mapping[str, JsonValue], name: str) -> str:
    """Where a job is asked for: as it says, if that is on the endpoint's own host, else where jobs are."""
    told = wire.own_address(endpoint, reply.get("poll_url"), name)
    return told or f"{endpoint.base_url}/jobs/{quote(name, safe='')}"


def _completed(job: Job, exchange: Exchange, reply: Mapping[str, JsonValue], name: str | None) -> Answer:
    whole, result = reply.get("result"), wire.table(reply.get("result"))
    lists = (whole, *(result.get(field) for field in ("data", "images", "urls")), reply.get("data"))
    named = [result[field] for field in ("url", "image") if field in result]
    single = [whole] if "b64_json" in result else named or [whole]
    entries = next((found for found in lists if isinstance(found, list)), single)
    tables: list[JsonValue] = [{"url": e} if isinstance(e, str) else e for e in entries]
    images = images_of({"data": tables}, job.endpoint.base_url)
    if isinstance(images, str):
        message = "the job has completed and its `result` has no usable image"
        return replace(wire.rejected(exchange, FailureKind.BAD_RESPONSE, message), request_id=name)
    return Done(
        images,
        server_ms=wire.spans(total=(reply.get("created_at"), reply.get("completed_at"))),
        seed=wire.integer(result.get("seed")),
        model=wire.label(result.get("model")),
        request_id=name,
        remarks=("a held answer was asked for, and a job came",) if _held(job) else (),
    )


def _ended(exchange: Exchange, reply: Mapping[str, JsonValue], status: str, name: str | None) -> Answer:
    """A failed job; its error is text, or a table as in the answers to calls."""
    error = reply.get("error")
    told = wire.table(error)
    code = wire.label(told.get("code") or told.get("type")) or ""
    message = wire.label(told.get("message")) or wire.label(error) or f"the job is {status or 'without a status'}"
    kind = KINDS.get(code, FailureKind.PROVIDER_ERROR)
    if wire.says_moderated(f"{code} {message}"):
        early = OF_THE_PROMPT.search(message)
        kind = FailureKind.MODERATED_INPUT if early else FailureKind.MODERATED_OUTPUT
    if status not in FAILED:
        kind = FailureKind.CANCELED if status else FailureKind.BAD_RESPONSE
    return replace(wire.rejected(exchange, kind, message), request_id=name)
