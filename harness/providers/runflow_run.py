"""One of Runflow's runs, as its answers tell of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from arena.domain.failure import FailureKind
from arena.units import parse_usd
from harness.providers import wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from pydantic import JsonValue

    from harness.providers.base import Exchange, ImageAddress, InlineImage, Rejected

PENDING = frozenset({"queued", "dispatching", "running"})
SUCCEEDED = frozenset({"succeeded", "partial_succeeded"})
FAILED = frozenset({"failed", "canceled", "cancelled"})
BEFORE_THE_MODEL = re.compile(r"dispatch|preprocess|validat|input", re.IGNORECASE)
MODERATION = re.compile(r"moderat|content_policy|nsfw|safety", re.IGNORECASE)
KINDS = {
    "INPUT_VALIDATION_FAILED": FailureKind.INVALID_REQUEST,
    "INSUFFICIENT_CREDIT": FailureKind.PAYMENT,
    "RATE_LIMITED": FailureKind.RATE_LIMITED,
    "MODEL_UNAVAILABLE": FailureKind.CAPACITY,
}


@dataclass(frozen=True, slots=True)
class Run:
    """Reads the parts of a run; nothing of it is trusted."""

    told: Mapping[str, JsonValue]

    @property
    def id(self) -> str | None:
        """The name under which it can be asked for."""
        return wire.label(self.told.get("id"))

    @property
    def status(self) -> str:
        """How it stands; "" where it does not say."""
        return wire.label(self.told.get("status_code") or self.told.get("status")) or ""

    @property
    def pending(self) -> bool:
        """Whether it has not ended; a status that is not known is one of a run under way."""
        return self.status in PENDING or bool(self.status and self.status not in SUCCEEDED | FAILED)

    @property
    def succeeded(self) -> bool:
        """Whether it has ended well."""
        return self.status in SUCCEEDED

    @property
    def output(self) -> Mapping[str, JsonValue]:
        """What came of it."""
        return wire.table(self.told.get("output"))

    @property
    def flagged(self) -> bool:
        """Whether an image was found not safe to show."""
        concepts = self.output.get("has_nsfw_concepts")
        return self.output.get("nsfw_detected") is True or (isinstance(concepts, list) and True in concepts)

    @property
    def seed(self) -> int | None:
        """The seed that was used."""
        return wire.integer(self.output.get("seed"))

    @property
    def cost_usd(self) -> Decimal | None:
        """What it is charged with, written as a decimal number."""
        return parse_usd(self.told.get("cost"))

    def link(self, name: str) -> JsonValue:
        """One of the addresses that come with it, as text or as a table with `href`."""
        entry = wire.table(self.told.get("links")).get(name)
        return entry.get("href") if isinstance(entry, dict) else entry

    def images(self, base_url: str) -> tuple[InlineImage | ImageAddress, ...]:
        """Its images, in whichever of the shapes; none if one of them cannot be read."""
        inside = (self.output.get(name) for name in ("outputs", "image_urls", "images"))
        lists = (*inside, self.told.get("outputs"), self.told.get("output"))
        entries = next((found for found in lists if isinstance(found, list) and found), [self.output.get("image")])
        told = [e for e in entries if not isinstance(e, dict) or e.get("type", "image") == "image"]
        found = [wire.image_reference(e.get("url") if isinstance(e, dict) else e, base_url) for e in told]
        images = tuple(image for image in found if image is not None)
        return images if len(images) == len(found) else ()

    def timings_ms(self) -> dict[str, float]:
        """Its own timings."""
        told = self.told
        timings = wire.table(self.output.get("timings"))
        return {
            **wire.spans(queue=(told.get("created_at"), told.get("started_at"))),
            **wire.spans(total=(told.get("created_at"), told.get("completed_at"))),
            **wire.seconds_as_ms(predict=timings.get("inference")),
            **wire.milliseconds({"duration": told.get("duration_ms")}),
        }

    def rejected(self, exchange: Exchange) -> Rejected:
        """Why no image came of it."""
        kind, message = self._reason()
        return replace(wire.rejected(exchange, kind, message), cost_usd=self.cost_usd, request_id=self.id)

    def _reason(self) -> tuple[FailureKind, str]:
        if self.flagged:
            return FailureKind.MODERATED_OUTPUT, "the image was found not safe for work"
        if self.status not in FAILED:
            return FailureKind.BAD_RESPONSE, f"the run is {self.status or 'without a status'} and has no usable image"
        error = wire.table(self.told.get("error"))
        code = wire.label(self.told.get("failure_code") or error.get("code")) or ""
        words = wire.label(self.told.get("failure_message") or error.get("message")) or ""
        message = ": ".join(part for part in (code, words) if part) or f"the run {self.status}"
        if self.status != "failed":
            return FailureKind.CANCELED, message
        return self._kind(code, message), message

    def _kind(self, code: str, message: str) -> FailureKind:
        if MODERATION.search(code) or wire.says_moderated(message):
            stage = wire.label(self.told.get("failure_stage_code") or self.told.get("failure_stage")) or ""
            early = BEFORE_THE_MODEL.search(stage)
            return FailureKind.MODERATED_INPUT if early else FailureKind.MODERATED_OUTPUT
        if "TIMEOUT" in code.upper() and self.told.get("started_at") is None:
            return FailureKind.TIMEOUT_START
        return KINDS.get(code, FailureKind.PROVIDER_ERROR)
