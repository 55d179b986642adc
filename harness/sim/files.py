"""Images that are delivered by address: kept for a while, and served from under the provider's own prefix."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from harness.sim.faults import Truncated

if TYPE_CHECKING:
    from starlette.requests import Request

    from harness.sim.contender import Fault
    from harness.sim.state import Provider
    from harness.sim.work import Format


def base_of(request: Request) -> str:
    """The address under which this provider is mounted: scheme, host, port and prefix."""
    return f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '').rstrip('/')}"


def publish(
    provider: Provider, request: Request, image: bytes, image_format: Format, fault: Fault | None = None
) -> str:
    """Keep an image and give its address; with a fault, the address is `expired` or the file `truncated`."""
    name = f"{uuid.uuid4().hex}.{image_format}"
    provider.files.keep(f"{provider.contender.name}/{name}", image, f"image/{image_format}", fault)
    return f"{base_of(request)}/files/{name}"


def files_route(provider: Provider) -> Route:
    """The route that serves what was published."""

    async def file(request: Request) -> Response:
        found = provider.files.find(f"{provider.contender.name}/{request.path_params['name']}")
        if found is None:
            return PlainTextResponse("This file does not exist or has expired.", 404)
        if found.fault == "expired":
            return PlainTextResponse("The signature has expired.", 403)
        whole = Response(found.data, media_type=found.media_type)
        return Truncated(whole) if found.fault == "truncated" else whole

    return Route("/files/{name}", file)
