"""An attempt as it came off the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from harness.providers.base import InlineImage

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from arena.domain.failure import Failure
    from arena.domain.outcome import CallRecord
    from arena.domain.timings import Timings
    from harness.providers.base import Done, Job

Payload: TypeAlias = InlineImage | bytes | bytearray


@dataclass(frozen=True, slots=True)
class Delivery:
    """An attempt as it came off the wire: timed, unverified. A payload is an image in base64, or a downloaded file."""

    job: Job
    started_at: datetime
    timings: Timings
    payloads: tuple[Payload, ...] = field(default=(), repr=False)
    done: Done | None = None
    failure: Failure | None = None
    reported_cost_usd: Decimal | None = None
    request_id: str | None = None
    simulated: bool = False
    calls: tuple[CallRecord, ...] = ()
