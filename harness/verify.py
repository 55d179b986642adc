"""From a delivery to an outcome: decode, check, hash, store, price. Runs on worker threads, after the clock has
stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.domain.artifact import Artifact, Glimpse
from arena.domain.failure import Failure, FailureKind, clean_message
from arena.domain.outcome import Cost, CostSource, Outcome
from arena.domain.request import PixelSize
from harness.images import BadImageError, ImageFacts, examine_file, image_pieces
from harness.providers.base import UNSUPPORTED, How, unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from arena.domain.request import GenerationRequest
    from arena.pricing import PriceCard
    from arena.store.blobs import BlobStore
    from harness.delivery import Delivery, Payload
    from harness.providers.base import Job, Provider, Sizing


def verify(
    delivery: Delivery,
    provider: Provider,
    blobs: BlobStore,
    card: PriceCard | None,
    inspect: Callable[[Path], ImageFacts] = examine_file,
    *,
    passing: Callable[[Payload, int], Glimpse] | None = None,
) -> Outcome:
    """Decide what the attempt came to. Whatever decodes is kept, also where it is not what was asked for.

    With `passing` (`harness.images.glance`, say) images are looked at by that, and let go of.

    Raises StoreError if an image cannot be stored.
    """
    failure, sizing = delivery.failure, provider.sizing(delivery.job)
    images: tuple[Artifact | Glimpse, ...] = ()
    if failure is None:
        images, failure = _images(delivery, sizing, passing or (lambda p, _: _kept(p, blobs, inspect)))
    done = delivery.done
    return Outcome(
        started_at=delivery.started_at,
        timings=delivery.timings,
        failure=failure,
        images=tuple(i for i in images if isinstance(i, Artifact)),
        glimpses=tuple(i for i in images if isinstance(i, Glimpse)),
        cost=_cost(delivery, failure, images, sizing, card),
        simulated=delivery.simulated,
        request_id=delivery.request_id,
        served_model=None if done is None else done.model,
        sent_seed=None if done is None else done.seed,
        sent_size=sizing.wire[:200],
        server_ms={} if done is None else dict(done.server_ms),
        unsupported=unsupported(provider, delivery.job),
        remarks=(() if done is None else done.remarks) + _format_remark(provider, delivery.job, images),
        calls=delivery.calls,
    )


def _images(
    delivery: Delivery, sizing: Sizing, look: Callable[[Payload, int], Artifact | Glimpse]
) -> tuple[tuple[Artifact | Glimpse, ...], Failure | None]:
    found: list[Artifact | Glimpse] = []
    failure: Failure | None = None
    for position, payload in enumerate(delivery.payloads):
        try:
            found.append(look(payload, position))
        except BadImageError as error:
            failure = failure or Failure(kind=FailureKind.BAD_IMAGE, message=clean_message(str(error)))
    return tuple(found), failure or _mismatch(delivery.job.request, sizing, found)


def _kept(payload: Payload, blobs: BlobStore, inspect: Callable[[Path], ImageFacts]) -> Artifact:
    """An image that decodes, stored. It is looked at in its file: cheaper for another process than being sent it."""
    with blobs.staged(image_pieces(payload)) as staged:
        try:
            facts = inspect(staged.file)
        except OSError as error:  # the disk is full, perhaps, or gone
            raise blobs.unwritable(error) from error
        staged.keep(facts.sha256)
        return Artifact(
            sha256=facts.sha256,
            format=facts.format,
            width_px=facts.width_px,
            height_px=facts.height_px,
            size_bytes=staged.size_bytes,
        )


def _mismatch(request: GenerationRequest, sizing: Sizing, images: Sequence[Artifact | Glimpse]) -> Failure | None:
    if len(images) != request.n:
        return Failure(
            kind=FailureKind.WRONG_COUNT,
            message=f"{len(images)} image(s) came where {request.n} were asked for",
        )
    for image in images:
        delivered = PixelSize(width_px=image.width_px, height_px=image.height_px)
        if not sizing.accepts(delivered):
            message = f"the image is {delivered} where {sizing.expected or request.size} was asked for"
            return Failure(kind=FailureKind.WRONG_SIZE, message=message)
    return None


def _format_remark(provider: Provider, job: Job, images: Sequence[Artifact | Glimpse]) -> tuple[str, ...]:
    """An encoding that was asked for, could be told and did not come: no failure, but another number of bytes."""
    told = provider.parameters(job.endpoint).get("format", UNSUPPORTED).how is not How.UNSUPPORTED
    others = sorted({i.format.value for i in images} - {job.request.format.value})
    return (f"{job.request.format} was asked for, and {', '.join(others)} came",) if told and others else ()


def _cost(
    delivery: Delivery,
    failure: Failure | None,
    images: Sequence[Artifact | Glimpse],
    sizing: Sizing,
    card: PriceCard | None,
) -> Cost | None:
    """What the provider says, else the book's figure; what was made is paid for, whatever became of it."""
    if delivery.reported_cost_usd is not None:
        return Cost(usd=delivery.reported_cost_usd, source=CostSource.REPORTED)
    delivered = failure is None or failure.kind in {
        FailureKind.WRONG_SIZE,
        FailureKind.WRONG_COUNT,
        FailureKind.BAD_IMAGE,
        FailureKind.DOWNLOAD,
    }
    if card is None or not delivered:
        return None
    request = delivery.job.request
    server_ms = {} if delivery.done is None else delivery.done.server_ms
    nominal = (sizing.expected or request.size).pixels
    came = len(delivery.payloads) or (len(delivery.done.images) if delivery.done else 0) or request.n
    # Images that do not decode, or could not be fetched, are reckoned at the size that they were to have.
    pixels = [i.width_px * i.height_px for i in images] + [nominal] * max(0, came - len(images))
    return Cost(usd=card.cost_usd(request, server_ms, pixels), source=CostSource.BOOK)
