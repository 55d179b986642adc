"""Reading what Replicate says of a prediction or a model: https://replicate.com/docs/reference/http"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose
from harness.providers import wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from harness.providers.base import Exchange, ImageAddress, InlineImage, Rejected

UNDER_WAY = frozenset({"starting", "processing"})
ENDED_BADLY = {
    "failed": FailureKind.PROVIDER_ERROR,
    "canceled": FailureKind.CANCELED,
    "aborted": FailureKind.TIMEOUT_START,  # stopped before it ran
}
# The words of the safety checker of [klein] are not confirmed; these are other models', beside those of `wire`.
_MODERATED = re.compile(r"\bE005\b|flagged as sensitive", re.IGNORECASE)
_NOT_STARTED = re.compile(r"\bE6716\b")
_SEED_IN_LOGS = re.compile(r"\bseed\s*[:=]?\s*(\d{1,18})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Prediction:
    """A prediction as far as it can be read; `status` is "" where it says none that is known."""

    body: Mapping[str, JsonValue] = field(repr=False)

    @property
    def status(self) -> str:
        """Its state, in Replicate's words."""
        status = wire.text(self.body.get("status")) or ""
        return status if status in UNDER_WAY | {"succeeded"} | set(ENDED_BADLY) else ""

    @property
    def id(self) -> str | None:
        """Its name."""
        return wire.label(self.body.get("id"))

    @property
    def model(self) -> str | None:
        """The model that ran it."""
        return wire.label(self.body.get("model"))

    def images(self, base_url: str) -> tuple[InlineImage | ImageAddress, ...]:
        """The output, also of one under way; none while any part of it cannot be read, or if it ended badly."""
        if self.status not in UNDER_WAY | {"succeeded"}:
            return ()
        output = self.body.get("output")
        entries = output if isinstance(output, list) else [output]
        found = [wire.image_reference(entry, base_url) for entry in entries]
        return () if None in found else tuple(image for image in found if image is not None)

    def poll_address(self, exchange: Exchange) -> str | None:
        """Where to ask for it again; None if it is over, or does not say where."""
        if self.status not in UNDER_WAY:
            return None
        address = wire.text(wire.table(self.body.get("urls")).get("get"))
        return address or (exchange.call.url if exchange.call.purpose is CallPurpose.POLL else None)

    def rejected(self, exchange: Exchange) -> Rejected:
        """Why no image will come of it."""
        kind, message = self._failure()
        rejected = wire.rejected(exchange, kind, message)
        return replace(rejected, request_id=self.id or rejected.request_id)

    def timings_ms(self) -> dict[str, float]:
        """The wait before it ran, the model's own time, and the whole, as far as they are known yet."""
        metrics = wire.table(self.body.get("metrics"))
        queue = wire.spans(queue=(self.body.get("created_at"), self.body.get("started_at")))
        return queue | wire.seconds_as_ms(predict=metrics.get("predict_time"), total=metrics.get("total_time"))

    def seed(self) -> int | None:
        """From the logs, if they tell it (not confirmed for [klein]); `input` only echoes what was asked for."""
        found = _SEED_IN_LOGS.search((wire.text(self.body.get("logs")) or "")[:5000])
        return int(found[1]) if found else None

    def _failure(self) -> tuple[FailureKind, str]:
        if self.status not in ENDED_BADLY:
            lacking = {"": "no known `status`", "succeeded": "no usable `output`"}
            return FailureKind.BAD_RESPONSE, f"the answer has {lacking.get(self.status, 'no `urls.get` to poll')}"
        message = wire.text(self.body.get("error")) or f"the prediction was {self.status}"
        if self.status == "failed" and (wire.says_moderated(message) or _MODERATED.search(message)):
            return FailureKind.MODERATED_OUTPUT, message
        if _NOT_STARTED.search(message):
            return FailureKind.TIMEOUT_START, message
        return ENDED_BADLY[self.status], message


def declared_inputs(model: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """The inputs in the schema of a model's latest version; empty where there is none."""
    found = model
    for name in ("latest_version", "openapi_schema", "components", "schemas", "Input", "properties"):
        found = wire.table(found.get(name))
    return found
