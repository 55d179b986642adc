"""The work of a provider: drawing in threads while the latency passes, given up if the client goes."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

import anyio
import anyio.to_thread
from PIL import Image, UnidentifiedImageError

from harness.sim.habits import downsized, named, noisier, noisy
from harness.sim.pictures import draw, edit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive

    from harness.sim.contender import SimContender
    from harness.sim.state import Provider, Ticket

Format = Literal["png", "jpeg", "webp"]
Result = TypeVar("Result")

SMALLEST_PX, LARGEST_PX = 64, 2048
NOT_AN_IMAGE = b"these bytes are not an image\n" * 24
_MOST_SOURCE_PIXELS = 4096 * 4096


class ClientGoneError(Exception):
    """The client closed the connection before the answer was ready."""


class BadImageError(Exception):
    """An input image cannot be decoded."""


@dataclass(frozen=True)
class Order:
    """What a request asks for, in either protocol; sizes in pixels, `seed` None for any."""

    prompt: str
    width_px: int
    height_px: int
    seed: int | None
    images: int
    format: Format
    sources: tuple[Image.Image, ...] = ()


async def open_sources(provider: Provider, blobs: list[bytes]) -> tuple[Image.Image, ...]:
    """Decode the input images of an edit in a worker thread; BadImageError if one is no image."""
    return await anyio.to_thread.run_sync(_open_all, blobs, limiter=provider.drawing)


def _open_all(blobs: list[bytes]) -> tuple[Image.Image, ...]:
    sources = []
    for blob in blobs:
        try:
            with Image.open(io.BytesIO(blob)) as image:
                if image.width * image.height > _MOST_SOURCE_PIXELS:
                    raise BadImageError("the image has too many pixels")
                sources.append(image.convert("RGB"))
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
            raise BadImageError("the image cannot be decoded") from error
    return tuple(sources)


async def produce(provider: Provider, order: Order, ticket: Ticket) -> list[bytes]:
    """The encoded images, no earlier than the ticket says; several images share one latency.

    What the provider makes of the order is up to its habits; one with a cache gives an earlier answer again at once.
    """
    habits = provider.contender.habits
    order = habits.taken(order)
    if ticket.fault == "garbage":
        images = [NOT_AN_IMAGE] * order.images
    else:
        if ticket.fault == "wrong_size":
            order = replace(order, width_px=order.width_px // 2, height_px=order.height_px // 2)
        known = provider.memory.find(order) if habits.remembers else None
        if known is not None:
            if not habits.cache:
                await anyio.sleep_until(ticket.due_s)
            return known
        job = partial(_render, provider.contender, order, ticket)
        images = await anyio.to_thread.run_sync(job, limiter=provider.drawing, abandon_on_cancel=True)
    await anyio.sleep_until(ticket.due_s)
    if habits.remembers and ticket.fault is None:
        provider.memory.keep(order, images)
    return images


def seed_of(order: Order, ticket: Ticket) -> int:
    """The seed that is drawn with: the one asked for, or the ticket's."""
    return ticket.image_seed if order.seed is None else order.seed


def _render(contender: SimContender, order: Order, ticket: Ticket) -> list[bytes]:
    seed = ticket.image_seed if contender.habits.seed == "ignored" else seed_of(order, ticket)
    images = []
    for index in range(order.images):
        picture = _picture(contender, order, seed + index)
        if contender.habits.seed == "nearly":
            picture = noisy(picture, ticket.image_seed + index)
        if "downsized" in contender.habits.quietly:
            picture = downsized(picture)
        if "noisier" in contender.habits.quietly:
            picture = noisier(picture, seed + index)
        encoded = encode(picture, order.format)
        restamped = contender.habits.seed == "restamped"
        images.append(named(encoded, f"{ticket.image_seed:x}-{index}") if restamped else encoded)
    return images


def _picture(contender: SimContender, order: Order, seed: int) -> Image.Image:
    size = order.width_px, order.height_px
    if order.sources:
        return edit(order.sources[0], order.prompt, seed, *size, contender.quality, contender.style)
    return draw(order.prompt, seed, *size, contender.quality, contender.style)


def encode(image: Image.Image, image_format: Format) -> bytes:
    """`image` as a file in memory, quickly rather than smallest."""
    buffer = io.BytesIO()
    if image_format == "png":
        image.save(buffer, "PNG", compress_level=1)
    elif image_format == "jpeg":
        image.save(buffer, "JPEG", quality=90)
    else:
        image.save(buffer, "WEBP", quality=86, method=1)
    return buffer.getvalue()


async def unless_gone(receive: Receive, work: Callable[[], Awaitable[Result]]) -> Result:
    """The result of `work`, which is cancelled with ClientGoneError if the client disconnects first.

    The body of the request must have been read.
    """
    results: list[Result] = []
    async with anyio.create_task_group() as group:

        async def watch() -> None:
            await until_gone(receive)
            group.cancel_scope.cancel()

        group.start_soon(watch)
        results.append(await work())
        group.cancel_scope.cancel()
    if not results:
        raise ClientGoneError
    return results[0]


async def until_gone(receive: Receive) -> None:
    """Return when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
