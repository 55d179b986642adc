"""What is told of an attempt and of each of its calls, by the names of the conventions.

No prompt and nothing that a provider wrote is in it unless it is asked for: a message may repeat the prompt. Keys are
nowhere in what is stored.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from arena.units import NANO_USD_PER_USD, NS_PER_S
from harness.telemetry import names

if TYPE_CHECKING:
    from arena.domain.outcome import CallRecord
    from arena.store.traces import TracedAttempt

Value = str | bool | int | float
Attributes = dict[str, Value]
DEFAULT_PORTS = {"http": 80, "https": 443}
OTHER_ERROR = 400


def of_series(attempt: TracedAttempt) -> Attributes:
    """What an attempt has in common with others: few enough values to be the labels of a metric."""
    common: Attributes = {
        names.OPERATION_NAME: names.GENERATE_CONTENT,
        names.PROVIDER_NAME: attempt.provider,
        names.REQUEST_MODEL: attempt.model,
        names.OUTPUT_TYPE: names.IMAGE,
        "arena.endpoint": attempt.endpoint,
        "arena.simulated": attempt.simulated,
    }
    if attempt.region is not None:
        common["arena.region"] = attempt.region
    if attempt.failure_kind is not None:
        common[names.ERROR_TYPE] = attempt.failure_kind
    if attempt.calls:
        common |= _server(attempt.calls[0].url)
    return common


def of_attempt(attempt: TracedAttempt, *, with_prompts: bool) -> Attributes:
    """Everything about one attempt."""
    told: dict[str, Value | None] = {
        **of_series(attempt),
        names.REQUEST_SEED: attempt.seed,
        names.RESPONSE_MODEL: attempt.served_model,
        names.RESPONSE_ID: attempt.request_id,
        "arena.run.id": attempt.run_id,
        "arena.trial": attempt.trial,
        "arena.attempt": attempt.number,
        "arena.phase": attempt.phase,
        "arena.mode": attempt.mode,
        "arena.prompt.id": attempt.prompt_id,
        "arena.time_to_image_s": None if attempt.time_to_image_ns is None else attempt.time_to_image_ns / NS_PER_S,
        "arena.cost_usd": None if attempt.cost_nano_usd is None else attempt.cost_nano_usd / NANO_USD_PER_USD,
    }
    if with_prompts:
        message = {"role": "user", "parts": [{"type": "text", "content": attempt.prompt_text}]}
        told[names.INPUT_MESSAGES] = json.dumps([message], ensure_ascii=False)
        told["arena.failure.message"] = attempt.failure_message
    return {name: value for name, value in told.items() if value is not None}


def of_call(call: CallRecord, *, simulated: bool) -> Attributes:
    """Everything about one HTTP exchange. Its address is stored without query values, user info or key."""
    told: dict[str, Value | None] = {
        **of_request(call, simulated=simulated),
        names.URL_FULL: call.url,
        names.PEER_ADDRESS: call.remote_address,
        names.RESPONSE_BODY_SIZE: call.body_bytes,
        "arena.call.purpose": call.purpose.value,
    }
    return {name: value for name, value in told.items() if value is not None}


def of_request(call: CallRecord, *, simulated: bool) -> Attributes:
    """What a call has in common with others."""
    told: dict[str, Value | None] = {
        names.REQUEST_METHOD: call.method,
        names.RESPONSE_STATUS_CODE: call.http_status,
        names.PROTOCOL_NAME: None if call.http_version is None else "http",
        names.PROTOCOL_VERSION: None if call.http_version is None else call.http_version.removeprefix("HTTP/"),
        names.ERROR_TYPE: error_of(call),
        **_server(call.url),
        "arena.simulated": simulated,
    }
    return {name: value for name, value in told.items() if value is not None}


def error_of(call: CallRecord) -> str | None:
    """Why a call failed, by the conventions: its status code, `_OTHER` without an answer; None if it did not."""
    if call.http_status is None:
        return "_OTHER"
    return str(call.http_status) if call.http_status >= OTHER_ERROR else None


def _server(url: str) -> dict[str, Value]:
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    found: dict[str, Value] = {} if parts.hostname is None else {names.SERVER_ADDRESS: parts.hostname}
    return found if port is None else {**found, names.SERVER_PORT: port}
