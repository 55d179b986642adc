"""Simulated servers that speak SGLang-diffusion's dialect of the OpenAI images protocol.

Always: the model's name is not looked at, `n` is clamped to 1–10, a generation without `response_format` asks for an
address and an edit for base64, the prompt comes back as revised. A contender whose delivery is `url` keeps its images,
and gives them as paths; any other refuses to give an address.
"""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from starlette.routing import BaseRoute, Route

from arena.domain.request import Mode
from harness.sim.fastapi_images import FastApiImages
from harness.sim.files import files_route
from harness.sim.openai_wire import DEFAULT_SIZE_PX, ImagesBody, RefusedError, drawable, sides_px

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from harness.sim.openai_app import Work
    from harness.sim.state import Provider
    from harness.sim.work import Order

MOST_IMAGES = 10


class SGLangBody(ImagesBody):
    """Its fields; the size may be told as width and height."""

    model: str = ""
    n: int = 1
    width: int | None = None
    height: int | None = None
    response_format: Literal["url", "b64_json"] | None = None
    num_inference_steps: int | None = Field(default=None, ge=1)

    def size_px(self, automatic: tuple[int, int] = DEFAULT_SIZE_PX) -> tuple[int, int]:
        """Width and height where both are there, else `size`."""
        if self.width and self.height:
            return drawable(f"{self.width}x{self.height}", (self.width, self.height))
        size = automatic if self.size == "auto" else sides_px(self.size)
        if size is None:
            raise RefusedError(400, f"Invalid size format: {self.size}")
        return drawable(self.size, size)


class SGLangImages(FastApiImages):
    """One server; its address of an image is `/v1/images/{id}/content`."""

    body_type = SGLangBody

    def routes(self, prefix: str) -> list[BaseRoute]:
        """With the one that serves kept images."""
        return [*super().routes(prefix), Route(f"{prefix}/images/{{id}}/content", self.image)]

    async def image(self, request: Request) -> Response:
        """A kept image."""
        request.path_params["name"] = _file_name(request.path_params["id"], request.query_params.get("variant", "0"))
        served: Response = await files_route(self.provider).endpoint(request)
        return served

    def check(self, body: ImagesBody, mode: Mode) -> None:
        """An address only where images are kept; any model will do."""
        asked = body.response_format or ("url" if mode is Mode.TEXT_TO_IMAGE else "b64_json")
        if asked == "url" and self.contender.delivery != "url":
            raise RefusedError(400, "response_format='url' requires cloud storage to be configured.")
        if mode not in self.contender.modes:
            raise RefusedError(400, "This model does not take input images.")

    def order(self, body: ImagesBody, width_px: int, height_px: int) -> Order:
        """With at most ten images, and at least one."""
        n = max(1, min(body.n, MOST_IMAGES))
        return super().order(body.model_copy(update={"n": n}), width_px, height_px)

    def reply(self, work: Work, images: list[bytes]) -> Response:
        """Keep the images where an address is wanted, then answer."""
        if self._by_address(work):
            for index, image in enumerate(images):
                name = f"{self.contender.name}/{_file_name(work.name, str(index))}"
                self.provider.files.keep(name, image, f"image/{work.order.format}", work.file_fault)
        return super().reply(work, images)

    def entry(self, work: Work, image: bytes) -> dict[str, object]:
        """A path, to which `content` adds the number, or base64."""
        inline = None if self._by_address(work) else base64.b64encode(image).decode()
        path = f"{work.request.scope.get('root_path', '').rstrip('/')}/v1/images/{work.name}/content"
        told = {"b64_json": inline, "url": None if inline else path, "revised_prompt": work.body.prompt}
        return {**told, "file_path": f"/srv/outputs/{work.name}.{work.order.format}" if not inline else None}

    def content(self, work: Work, data: list[dict[str, object]]) -> dict[str, object]:
        """With what the model took."""
        if len(data) > 1 and self._by_address(work):
            data = [{**entry, "url": f"{entry['url']}?variant={index}"} for index, entry in enumerate(data)]
        measured = {"peak_memory_mb": 8192.0, "inference_time_s": round(work.generate_s(), 6)}
        return {"id": work.name, "created": int(time.time()), "data": data, **measured, "usage": None}

    def headers(self, _work: Work, _images: int) -> dict[str, str]:
        """None."""
        return {}

    def _by_address(self, work: Work) -> bool:
        return (work.body.response_format or ("b64_json" if work.order.sources else "url")) == "url"


def sglang_app(provider: Provider) -> ASGIApp:
    """The ASGI app of one contender."""
    return SGLangImages(provider).app()


def _file_name(image_id: str, variant: str) -> str:
    return f"{image_id}-{variant}"
