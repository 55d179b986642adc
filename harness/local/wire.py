"""What clients may ask for: fields of a call, reference images, and the reply."""

from __future__ import annotations

import io
import json
import re
import secrets
from typing import TYPE_CHECKING, Any, Literal

from PIL import Image, ImageOps
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile

from arena.domain.request import Delivery, ImageFormat
from harness.local.envelope import RefusalError
from harness.local.pipeline import LocalJob
from harness.local.settings import MIN_SIDE_PX, SIDE_MULTIPLE_PX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

    from harness.local.settings import LocalSettings

MAX_REFERENCES = 8
_DEFAULT_SIDE_PX = 1024
_MAX_ASPECT_RATIO = 8
_MAX_REFERENCE_PIXELS = 64_000_000


class ImageCall(BaseModel):
    """The fields of a call that this server honours; others, such as `user`, are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str | None = None
    prompt: str = Field(min_length=1, max_length=32_000)
    n: int = Field(default=1, ge=1, le=4)
    size: str = "auto"
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    num_inference_steps: int | None = Field(default=None, ge=1, le=100)
    guidance_scale: float | None = Field(default=None, ge=0, le=20)
    output_format: ImageFormat = ImageFormat.PNG
    response_format: Delivery = Delivery.INLINE
    stream: Literal[False] = False

    def job(self, settings: LocalSettings, references: tuple[Image.Image, ...]) -> LocalJob:
        """The job that this call asks for; raises `RefusalError` for an unknown model or a bad size."""
        self._check_model(settings)
        width_px, height_px = self._sides_px(settings, references)
        return LocalJob(
            prompt=self.prompt,
            width_px=width_px,
            height_px=height_px,
            seed=secrets.randbelow(2**32) if self.seed is None else self.seed,
            steps=self.num_inference_steps or settings.steps,
            guidance=settings.guidance if self.guidance_scale is None else self.guidance_scale,
            n=self.n,
            images=references,
        )

    def _check_model(self, settings: LocalSettings) -> None:
        names = {settings.served_name} if settings.tiny else {settings.served_name, settings.model}
        if self.model is not None and self.model not in names:
            message = f"there is no model {self.model!r} here; this server has {settings.served_name!r}"
            raise RefusalError(404, message, code="model_not_found", param="model")

    def _sides_px(self, settings: LocalSettings, references: tuple[Image.Image, ...]) -> tuple[int, int]:
        if self.size == "auto" and references:
            # As large as the picture that is edited, as far as that is served.
            scale = min(1.0, settings.max_side_px / max(references[0].size))
            width_px, height_px = (
                int(side * scale + 1e-6) // SIDE_MULTIPLE_PX * SIDE_MULTIPLE_PX for side in references[0].size
            )
        elif self.size == "auto":
            width_px = height_px = min(_DEFAULT_SIDE_PX, settings.max_side_px // SIDE_MULTIPLE_PX * SIDE_MULTIPLE_PX)
        else:
            match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", self.size)
            width_px, height_px = (int(match[1]), int(match[2])) if match else (0, 0)
        if any(px % SIDE_MULTIPLE_PX or not MIN_SIDE_PX <= px <= settings.max_side_px for px in (width_px, height_px)):
            raise RefusalError(400, settings.sizes_in_words, code="invalid_size", param="size")
        return width_px, height_px


async def read_json(request: Request) -> ImageCall:
    """The call in a JSON body; raises `RefusalError`."""
    try:
        fields = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise RefusalError(400, "the body is not JSON", code="invalid_json") from error
    if not isinstance(fields, dict):
        raise RefusalError(400, "the body is not a JSON object", code="invalid_json")
    return _call(fields)


async def read_form(request: Request) -> tuple[ImageCall, tuple[bytes, ...]]:
    """The call in a multipart body and the bytes of its reference images; raises `RefusalError`."""
    async with request.form(max_files=MAX_REFERENCES + 1) as form:
        fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        uploads = [(name, value) for name, value in form.multi_items() if isinstance(value, UploadFile)]
        if any(name == "mask" for name, _ in uploads):
            raise RefusalError(400, "a mask is not supported; describe the place in the prompt", param="mask")
        files = [value for name, value in uploads if name in {"image", "image[]"}]
        if not 1 <= len(files) <= MAX_REFERENCES:
            message = f"an edit takes 1 to {MAX_REFERENCES} files named image or image[], not {len(files)}"
            raise RefusalError(400, message, param="image")
        return _call(fields), tuple([await file.read() for file in files])


def decode_references(files: Iterable[bytes]) -> tuple[Image.Image, ...]:
    """RGB images from the bytes of image files, turned upright; raises `RefusalError`. Takes CPU time."""
    return tuple(_reference(data) for data in files)


def _reference(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data)) as image:
            _check_reference_sides(*image.size)
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RefusalError(400, "a reference is not an image that can be read", param="image") from error


def _check_reference_sides(width_px: int, height_px: int) -> None:
    short_px, long_px = sorted((width_px, height_px))
    if short_px < MIN_SIDE_PX or long_px > _MAX_ASPECT_RATIO * short_px or width_px * height_px > _MAX_REFERENCE_PIXELS:
        message = (
            f"a reference of {width_px}x{height_px} pixels cannot be used: sides are at least {MIN_SIDE_PX} "
            f"pixels, the longer at most {_MAX_ASPECT_RATIO} times the shorter, "
            f"and {_MAX_REFERENCE_PIXELS} pixels in all"
        )
        raise RefusalError(400, message, param="image")


def _call(fields: dict[str, Any]) -> ImageCall:
    try:
        return ImageCall.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0]) if first["loc"] else None
        raise RefusalError(400, f"{name}: {first['msg']}", code="invalid_value", param=name) from error
