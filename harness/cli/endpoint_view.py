"""One endpoint in a terminal: how it takes each field, its limits and prices, and the call that a request becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from arena.errors import ConfigError
from harness import callview
from harness.cli.console import out
from harness.cli.endpoints import as_row, key_in_words, limits_in_words
from harness.keys import KEYS
from harness.providers.base import CANONICAL_FIELDS, UNSUPPORTED, How, Job, unsupported

if TYPE_CHECKING:
    from arena.domain.endpoint import Endpoint
    from arena.domain.request import GenerationRequest
    from arena.pricing import PriceCard
    from harness.providers.base import Provider, Sizing, WireCall


class Told:
    """Everything about one endpoint, and about one request to it if there is one."""

    def __init__(
        self, adapter: Provider, endpoint: Endpoint, card: PriceCard | None, request: GenerationRequest | None
    ) -> None:
        self.adapter, self.endpoint, self.card, self.request = adapter, endpoint, card, request
        self.call: WireCall | None = None
        self.missing: tuple[str, ...] = ()
        self.sizing: Sizing | None = None
        if request is not None:
            job = Job(endpoint, request, _key(endpoint))
            _refuse(adapter, job)
            self.call, self.missing = adapter.build(job), unsupported(adapter, job)
            self.sizing = adapter.sizing(job)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        table = self.adapter.parameters(self.endpoint)
        taken = {name: table.get(name, UNSUPPORTED) for name in CANONICAL_FIELDS}
        row = as_row(self.endpoint, self.card)
        row["parameters"] = {
            name: {"how": s.how, "wire_name": s.wire_name or (name if s.how is How.PASSTHROUGH else ""), "note": s.note}
            for name, s in taken.items()
        }
        if self.call is not None and self.request is not None and self.sizing is not None:
            row["call"] = callview.as_json(self.call)
            row["size_sent"], row["unsupported"] = self.sizing.wire, list(self.missing)
            row["cost_usd"] = None if self.card is None else str(self.card.cost_usd(self.request))
        return row

    def print(self) -> None:
        """For people."""
        from rich.table import Table

        screen, told = out(), self.as_json()
        screen.print(f"{self.endpoint.id}: {self.endpoint.model} at {self.endpoint.base_url}, {self.endpoint.protocol}")
        sides, steps, n, inputs, at_once = limits_in_words(self.endpoint.limits, self.endpoint.modes)
        screen.print(f"sides {sides} px · steps {steps} · n up to {n} · input images {inputs} · open at once {at_once}")
        price = "unknown" if self.card is None else f"{self.card.in_words}, from {self.card.from_date}"
        source = "" if self.card is None else f" ({self.card.confidence}: {self.card.source})"
        screen.print(f"price {price}{source} · key {key_in_words(self.endpoint)}")
        if self.endpoint.note:
            screen.print(self.endpoint.note)
        table = Table(pad_edge=False, header_style="bold")
        for column in ("field", "how it is taken", "as", "note"):
            table.add_column(column)
        for name, taken in told["parameters"].items():
            table.add_row(name, taken["how"], taken["wire_name"], taken["note"])
        screen.print(table)
        if self.call is not None and self.sizing is not None:
            missing = f"; cannot be told: {', '.join(self.missing)}" if self.missing else ""
            screen.print(f"\nsize sent: {self.sizing.wire}{missing}; nothing is sent now:\n")
            screen.print(callview.as_text(self.call), soft_wrap=True)


def _key(endpoint: Endpoint) -> SecretStr | None:
    """A stand-in where the key is not set, so that the header shows; it is redacted either way."""
    return SecretStr(KEYS.get(endpoint.key_env, "").strip() or "not-set") if endpoint.key_env else None


def _refuse(adapter: Provider, job: Job) -> None:
    if job.request.mode not in job.endpoint.modes:
        raise ConfigError(f"--mode: {job.endpoint.id} makes {' and '.join(job.endpoint.modes)} only")
    objection = job.endpoint.limits.objection(job.request) or adapter.objection(job)
    if objection is not None:
        raise ConfigError(f"{job.endpoint.id} {objection}; change the options of the request")
