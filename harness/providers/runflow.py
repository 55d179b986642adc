"""Runflow's runs: https://docs.runflow.io/concepts/runs and https://docs.runflow.io/concepts/errors

`POST {base}/models/{model}/runs`, for an edit `{base}/models/{model}/edit/runs` (or the path `options.edit_path`),
answers with a run, which is asked for at `{base}/runs/{id}` until its `status_code` is a last one. Odd things:

- The edit of FLUX.2 [klein] 4B is a model of another kind: it takes prompt, images, steps and seed and makes a JPEG of
  a size of its own choice. It is an endpoint of its own, with `options.fields`.
- `image_size` is one of six names, or width and height. The pages list the names; whether the pair is taken by every
  model is not confirmed (`options.custom_sizes = false` for one that does not).
- The output is documented as `outputs[]`; models have been seen to answer with `image_urls[]`, `images[]` or `image`.
- `canceled` is also spelt `cancelled`. What `duration_ms` covers is not said, so it keeps its name.
- Failed runs have codes, of which the pages give examples only; what speaks of moderation is read as such, by its stage
  of the prompt or of the image.
- Inline images are documented for less than 1 MiB, without an example: sent are data URIs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose
from arena.domain.request import Mode
from harness.providers import wire
from harness.providers.base import (
    Answer,
    Done,
    Exchange,
    How,
    Job,
    JsonBody,
    Lookup,
    Pending,
    Probed,
    Provider,
    Sizing,
    Support,
    WireCall,
)
from harness.providers.runflow_run import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue, SecretStr

    from arena.domain.endpoint import Endpoint

SIZE_NAMES = {
    "1024x1024": "square_hd",
    "512x512": "square",
    "768x1024": "portrait_4_3",
    "576x1024": "portrait_16_9",
    "1024x768": "landscape_4_3",
    "1024x576": "landscape_16_9",
}
"""The names of sizes, with the pixels that the maker of the underlying API gives them."""
LINKS = ("self", "run", "get")


class Runflow(Provider):
    """Submitted, then polled; images come as addresses."""

    options = frozenset({"custom_sizes", "edit_path", "fields", "input"})

    fields: ClassVar[Mapping[str, str]] = {
        "size": "image_size",
        "images": "image_urls",
        "seed": "seed",
        "steps": "num_inference_steps",
        "guidance": "",
        "n": "num_images",
        "format": "output_format",
        "safety": "enable_safety_checker",
    }
    """The names that all models but the edit of FLUX.2 [klein] 4B take; "" for what is not taken."""

    def parameters(self, endpoint: Endpoint) -> Mapping[str, Support]:
        """From `options.fields` over the names above."""
        names = wire.field_names(endpoint, self.fields)
        sized = Support(How.CONVERTED, f"input.{names['size']}", "a name where there is one, else width and height")
        return {
            "prompt": Support(How.RENAMED, "input.prompt"),
            "mode": Support(How.CONVERTED, "", "/runs or /edit/runs"),
            **(dict.fromkeys(("size", "ratio", "input_size"), sized) if names["size"] else {}),
            "images": Support(How.CONVERTED, f"input.{names['images']}", "data URIs"),
            **{n: wire.support(n, names[n]) for n in ("seed", "steps", "guidance", "n", "format", "safety")},
            "delivery": Support(How.EMULATED, "", "always an address, which is downloaded"),
        }

    def sizing(self, job: Job) -> Sizing:
        """By name where the size has one."""
        told = super().sizing(job)
        return replace(told, wire=SIZE_NAMES.get(told.wire, told.wire))

    def objection(self, job: Job) -> str | None:
        """A size without a name, where only names are taken."""
        told, named_only = self.sizing(job), job.endpoint.options.get("custom_sizes") is False
        if told.expected is None or told.wire in SIZE_NAMES.values() or not named_only:
            return None
        return f"makes only the sizes {', '.join(SIZE_NAMES)}, not {job.request.size}"

    def build(self, job: Job) -> WireCall:
        """One run."""
        path = f"models/{quote(job.endpoint.model)}/runs"
        if job.request.mode is Mode.EDIT:
            own = wire.text(job.endpoint.options.get("edit_path"))
            path = own.strip("/") if own else f"models/{quote(job.endpoint.model)}/edit/runs"
        url, body = f"{job.endpoint.base_url}/{path}", JsonBody({"input": self.inputs(job)})
        return WireCall(CallPurpose.SUBMIT, "POST", url, body=body, auth=wire.bearer(job))

    def inputs(self, job: Job) -> dict[str, JsonValue]:
        """What the model is told, in its own names."""
        request, names = job.request, wire.field_names(job.endpoint, self.fields)
        pixels: JsonValue = {"width": request.size.width_px, "height": request.size.height_px}
        values: dict[str, JsonValue] = {
            "size": SIZE_NAMES.get(str(request.size), pixels),
            "seed": request.seed,
            "steps": request.steps,
            "guidance": request.guidance,
            "n": request.n,
            "format": request.format.value,
            "safety": request.safety,
            "images": [wire.data_uri(image) for image in request.images] if request.mode is Mode.EDIT else None,
        }
        return {
            **wire.table(job.endpoint.options.get("input")),
            "prompt": request.prompt,
            **{names[name]: value for name, value in values.items() if value is not None and names[name]},
        }

    def parse(self, job: Job, exchange: Exchange) -> Answer:
        """The images as soon as the run has succeeded, another look while it has not ended, or how it ended."""
        if exchange.status >= 300:
            return wire.rejected_by_status(exchange)
        run = Run(wire.table(wire.read_json(exchange.body)))
        if run.pending:
            return _pending(job, exchange, run)
        images = run.images(job.endpoint.base_url) if run.succeeded and not run.flagged else ()
        if not images:
            return run.rejected(exchange)
        return Done(
            images,
            server_ms=run.timings_ms(),
            cost_usd=run.cost_usd,
            seed=run.seed,
            request_id=run.id,
            remarks=("the run succeeded in part only",) if run.status == "partial_succeeded" else (),
        )

    def lookups(self, endpoint: Endpoint, key: SecretStr | None, request_id: str) -> tuple[WireCall, ...]:
        """The run once more: its charge may be told late."""
        auth = wire.auth_header("Authorization", "Bearer ", key)
        return (WireCall(CallPurpose.RESULT, "GET", _address(endpoint, request_id), auth=auth),)

    def read_lookup(self, endpoint: Endpoint, exchange: Exchange) -> Lookup:
        """Its timings and its charge."""
        run = Run(wire.table(wire.read_json(exchange.body)))
        return Lookup(run.timings_ms(), run.cost_usd) if exchange.status < 300 else Lookup()

    def probe(self, endpoint: Endpoint, key: SecretStr | None) -> WireCall | None:
        """The balance."""
        auth = wire.auth_header("Authorization", "Bearer ", key)
        return WireCall(CallPurpose.RESULT, "GET", f"{endpoint.base_url}/billing/balance", auth=auth)

    def read_probe(self, endpoint: Endpoint, exchange: Exchange) -> Probed:
        """Whether the key is good; of the model it says nothing, and how a balance is told is not documented."""
        if exchange.status >= 300:
            # A key may be good for runs and yet not for looking at the balance, which is a 403.
            return Probed(False if exchange.status == 401 else None, f"HTTP {exchange.status}")
        return Probed(None, "the key is good; of the model nothing is said")


def _pending(job: Job, exchange: Exchange, run: Run) -> Answer:
    """Ask again where it was asked, or at the link that comes with the run, or where runs are."""
    if exchange.call.purpose is CallPurpose.POLL:
        address = exchange.call.url
    elif run.id is None:
        return wire.rejected(exchange, FailureKind.BAD_RESPONSE, "the answer has no `id`")
    else:
        links = (run.link(name) for name in LINKS)
        own = (wire.own_address(job.endpoint, link, run.id) for link in links)
        address = next((found for found in own if found), _address(job.endpoint, run.id))
    poll = WireCall(CallPurpose.POLL, "GET", address, auth=wire.bearer(job))
    return Pending(poll, provider_status=run.status, request_id=run.id, cost_usd=run.cost_usd)


def _address(endpoint: Endpoint, run_id: str) -> str:
    return f"{endpoint.base_url}/runs/{quote(run_id, safe='')}"
