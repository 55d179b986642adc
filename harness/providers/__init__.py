"""Provider adapters: one file a vendor, no I/O. The table below is all there is to registering one."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from arena.errors import UnknownNameError

if TYPE_CHECKING:
    from harness.providers.base import Provider

PROVIDERS = {
    "cog": "harness.providers.cog:Cog",
    "openai": "harness.providers.openai_images:OpenAIImages",
}


def provider(protocol: str, where: str = "endpoint") -> Provider:
    """The adapter for a protocol, imported on first use; UnknownNameError if there is none."""
    if protocol not in PROVIDERS:
        raise UnknownNameError("protocol", protocol, PROVIDERS, where)
    module, _, name = PROVIDERS[protocol].partition(":")
    return cast("Provider", getattr(importlib.import_module(module), name)())
