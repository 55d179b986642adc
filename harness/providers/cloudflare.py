"""Cloudflare Workers AI: https://developers.cloudflare.com/workers-ai/models/flux-2-klein-4b/

A blocking `POST {base}/run/{model}`, where the base ends in the account: `…/accounts/{id}/ai`. Odd things:

- FLUX.2 is told everything in a multipart form, also where there is no image to send.
- The image is base64 in `{result: {image}, success, errors, messages}`; an address cannot be asked for, nor a format.
- Input images are parts named `input_image_0` to `input_image_3` and must be smaller than 512x512. Larger ones are
  scaled down here, before the clock starts, and the outcome says so (`options.max_input_side_px`).
- One code, 3030, stands for refused prompts, input images and images made, and for bad input: the words tell which.
- Refusals for the rate, for the day's allowance and for lack of capacity are all 429, told apart by their codes, which
  are listed at https://developers.cloudflare.com/workers-ai/platform/errors/

Steps are fixed at 4. The pages about the model do not mention `seed`, which those who use it report to work;
`options.fields` names it, and what other models take.
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
    PASSTHROUGH,
    Answer,
    Done,
    Exchange,
    FilePart,
    FormBody,
    How,
    InlineImage,
    Job,
    Probed,
    Provider,
    Rejected,
    Support,
    WireCall,
)
from harness.providers.openai_images import form_text
from harness.providers.scaling import is_larger, scaled_down

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue, SecretStr

    from arena.domain.endpoint import Endpoint

NO_ACCOUNT = "account-id-not-set"
"""What the shipped base URLs hold where CLOUDFLARE_ACCOUNT_ID is not set."""
MAX_INPUT_SIDE_PX = 511
KINDS = {
    3008: FailureKind.CANCELED,
    3036: FailureKind.PAYMENT,
    3040: FailureKind.CAPACITY,
    5007: FailureKind.NOT_FOUND,
    5035: FailureKind.PAYMENT,
    7003: FailureKind.NOT_FOUND,
    9106: FailureKind.AUTH,
    10000: FailureKind.AUTH,
}
"""Codes that say more than the status does: the day's free allowance is used up (3036), no data centre has room (3040),
there is no such model (5007) or account (7003), the model takes a paid plan (5035), the token is none (9106, 10000)."""


class Cloudflare(Provider):
    """Blocking call, images in base64."""

    options = frozenset({"extra", "fields", "max_input_side_px"})

    fields: ClassVar[Mapping[str, str]] = {
        "width": "width",
        "height": "height",
        "images": "input_image_",
        "seed": "seed",
        "steps": "",
        "guidance": "",
        "n": "",
        "format": "",
        "delivery": "",
        "safety": "",
    }
    """The names of FLUX.2 [klein], of the images what comes before the number; "" for what it does not take."""

    def parameters(self, endpoint: Endpoint) -> Mapping[str, Support]:
        """From `options.fields` over the names above."""
        names = wire.field_names(endpoint, self.fields)
        sized = Support(How.CONVERTED, f"{names['width']}, {names['height']}")
        parts = f"multipart, scaled down to at most {_most_px(endpoint)} px a side"
        others = ("seed", "steps", "guidance", "n", "format", "delivery", "safety")
        return {
            "prompt": PASSTHROUGH,
            "mode": Support(How.CONVERTED, f"{names['images']}0", "an edit is a form with image parts"),
            **dict.fromkeys(("size", "ratio", "input_size"), sized),
            "images": Support(How.CONVERTED, f"{names['images']}0, {names['images']}1, …", parts),
            **{name: wire.support(name, names[name]) for name in others},
        }

    def objection(self, job: Job) -> str | None:
        """No account."""
        unset = NO_ACCOUNT in job.endpoint.base_url
        return "needs the environment variable CLOUDFLARE_ACCOUNT_ID, which is not set" if unset else None

    def build(self, job: Job) -> WireCall:
        """One form."""
        request, names = job.request, wire.field_names(job.endpoint, self.fields)
        values: dict[str, JsonValue] = {
            "width": request.size.width_px,
            "height": request.size.height_px,
            "seed": request.seed,
            "steps": request.steps,
            "guidance": request.guidance,
            "n": request.n,
            "format": request.format.value,
            "delivery": (request.delivery or job.endpoint.delivery).value,
            "safety": request.safety,
        }
        told: dict[str, JsonValue] = {"prompt": request.prompt, **wire.table(job.endpoint.options.get("extra"))}
        told |= {names[name]: value for name, value in values.items() if value is not None and names[name]}
        images = request.images if request.mode is Mode.EDIT else ()
        sent = [scaled_down(image, _most_px(job.endpoint)) for image in images]
        files = tuple(
            FilePart(f"{names['images']}{number}", image.name, image.media_type, image.data)
            for number, image in enumerate(sent)
        )
        form = FormBody(tuple((name, form_text(value)) for name, value in told.items()), files)
        url = f"{job.endpoint.base_url}/run/{quote(job.endpoint.model, safe='/@')}"
        return WireCall(CallPurpose.SUBMIT, "POST", url, body=form, auth=wire.bearer(job))

    def parse(self, job: Job, exchange: Exchange) -> Answer:
        """The image, or the failure that the envelope describes, which may come with any status."""
        reply = wire.table(wire.read_json(exchange.body))
        if exchange.status >= 300 or reply.get("success") is False:
            return _refused(exchange, reply)
        # In the envelope as other models' images are; that it is there for this one, too, is not confirmed.
        image = wire.text(wire.table(reply.get("result")).get("image")) or wire.text(reply.get("image"))
        if image is None:
            return wire.rejected(exchange, FailureKind.BAD_RESPONSE, "the answer has no `result` with an `image`")
        most_px = _most_px(job.endpoint)
        scaled = any(is_larger(source, most_px) for source in job.request.images)
        remarks = (f"input images were scaled down to at most {most_px} px a side",) if scaled else ()
        return Done((InlineImage(image),), request_id=wire.request_id(exchange.headers), remarks=remarks)

    def probe(self, endpoint: Endpoint, key: SecretStr | None) -> WireCall | None:
        """The models that there are, searched for this one; nothing is asked before the account is named."""
        if NO_ACCOUNT in endpoint.base_url:
            return None
        url = f"{endpoint.base_url}/models/search?search={quote(endpoint.model.rpartition('/')[2], safe='')}"
        return WireCall(CallPurpose.RESULT, "GET", url, auth=wire.auth_header("Authorization", "Bearer ", key))

    def read_probe(self, endpoint: Endpoint, exchange: Exchange) -> Probed:
        """Whether the account reaches the model."""
        if NO_ACCOUNT in endpoint.base_url:
            return Probed(False, "CLOUDFLARE_ACCOUNT_ID is not set")
        reply = wire.table(wire.read_json(exchange.body))
        found = reply.get("result")
        if exchange.status >= 300 or not isinstance(found, list):
            kind = _refused(exchange, reply).failure.kind
            bad = kind in {FailureKind.AUTH, FailureKind.NOT_FOUND}
            return Probed(False if bad else None, f"HTTP {exchange.status}")
        listed = endpoint.model in {wire.text(wire.table(entry).get("name")) for entry in found}
        return Probed(listed, "the model is listed" if listed else f"{endpoint.model} is not in its list of models")


def _refused(exchange: Exchange, reply: Mapping[str, JsonValue]) -> Rejected:
    """By the first error's words and code, else by the status."""
    errors = reply.get("errors")
    error = wire.table(errors[0] if isinstance(errors, list) and errors else None)
    message, code = wire.label(error.get("message")) or "", wire.integer(error.get("code"))
    told = wire.rejected_by_status(exchange)
    kind = _moderation(message) or KINDS.get(code or 0, told.failure.kind)
    if exchange.status < 300 and kind is FailureKind.BAD_RESPONSE and message:
        kind = FailureKind.PROVIDER_ERROR
    return replace(told, failure=told.failure.model_copy(update={"kind": kind}))


def _moderation(message: str) -> FailureKind | None:
    words = message.lower()
    if "nsfw" not in words and "flagged" not in words:
        return None
    return FailureKind.MODERATED_OUTPUT if "output" in words else FailureKind.MODERATED_INPUT


def _most_px(endpoint: Endpoint) -> int:
    return wire.integer(endpoint.options.get("max_input_side_px")) or MAX_INPUT_SIDE_PX
