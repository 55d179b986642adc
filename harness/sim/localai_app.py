"""Simulated servers that speak LocalAI's dialect of the OpenAI images protocol.

Always: no `/images/edits`, references as plain base64 in JSON of which the undecodable are ignored, what is no size
becomes 512x512, PNG whatever is asked for, an address unless base64 is asked for, one and the same image for every `n`,
and a prompt that ends at a `|`.
"""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from starlette.routing import BaseRoute, Route

from harness.sim.files import files_route, publish
from harness.sim.openai_app import ImagesApi
from harness.sim.openai_wire import DEFAULT_SIZE_PX, ImagesBody, RefusedError, drawable, sides_px
from harness.sim.work import BadImageError, Order, open_sources

if TYPE_CHECKING:
    from PIL import Image
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from harness.sim.openai_app import Work
    from harness.sim.state import Provider

FALLBACK_PX = (512, 512)


class LocalAIBody(ImagesBody):
    """Its fields."""

    size: str = ""
    step: int = Field(default=15, ge=0)
    response_format: Literal["url", "b64_json"] | None = None
    ref_images: list[str] = Field(default_factory=list)
    files: list[str] = Field(default_factory=list)
    file: str = ""

    def size_px(self, automatic: tuple[int, int] = DEFAULT_SIZE_PX) -> tuple[int, int]:
        """As asked for, if there is an x in it."""
        if "x" not in self.size:
            return FALLBACK_PX
        size = sides_px(self.size)
        if size is None:
            raise RefusedError(500, "invalid value for 'size'", kind="")
        return drawable(self.size, size)

    def references(self) -> list[bytes]:
        """What can be decoded of the input images; an address is beyond a simulator, and is ignored, too."""
        found = []
        for text in (*self.ref_images, *self.files, *filter(None, [self.file])):
            try:
                found.append(base64.b64decode(text, validate=True))
            except (binascii.Error, ValueError):
                continue
        return found


class LocalAIImages(ImagesApi):
    """One server; its errors have a number for a code."""

    name_header = ""
    body_type = LocalAIBody
    edits = False

    def routes(self, prefix: str) -> list[BaseRoute]:
        """With the one that serves images by address."""
        kept = Route("/generated-images/{name}", files_route(self.provider).endpoint)
        return [*super().routes(prefix), kept]

    def refuse(self, error: RefusedError) -> Response:
        """The error, in LocalAI's form of the envelope."""
        return error.told({"error": {"code": error.status, "message": error.message, "type": error.kind}})

    async def read_json(self, request: Request) -> tuple[ImagesBody, Order]:
        """The fields, and those of the input images that can be decoded."""
        body, order = await super().read_json(request)
        blobs = body.references() if isinstance(body, LocalAIBody) else []
        sources: list[Image.Image] = []
        for blob in blobs:
            try:
                sources += await open_sources(self.provider, [blob])
            except BadImageError:
                continue
        return body, replace(order, sources=tuple(sources))

    def order(self, body: ImagesBody, width_px: int, height_px: int) -> Order:
        """PNG, of the part of the prompt before a `|`."""
        positive = body.prompt.partition("|")[0]
        return Order(positive, width_px, height_px, body.seed, body.n, "png")

    def reply(self, work: Work, images: list[bytes]) -> Response:
        """One image, as often as it was asked for: every one has the same seed."""
        return super().reply(work, [images[0]] * len(images))

    def entry(self, work: Work, image: bytes) -> dict[str, object]:
        """An address unless base64 is asked for."""
        if work.body.response_format == "b64_json":
            return {"b64_json": base64.b64encode(image).decode()}
        url = publish(self.provider, work.request, image, "png", work.file_fault)
        return {"url": url.replace("/files/", "/generated-images/")}

    def content(self, work: Work, data: list[dict[str, object]]) -> dict[str, object]:
        """With the usage of a language model, all zero."""
        usage = dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), 0)
        return {"created": int(time.time()), "id": work.name, "data": data, "usage": usage}

    def headers(self, _work: Work, _images: int) -> dict[str, str]:
        """None."""
        return {}


def localai_app(provider: Provider) -> ASGIApp:
    """The ASGI app of one contender."""
    return LocalAIImages(provider).app()
