"""Provider adapters: one file a vendor, no I/O. The table below is all there is to registering one."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from arena.errors import UnknownNameError

if TYPE_CHECKING:
    from arena.catalog import Catalog
    from arena.domain.endpoint import Endpoint
    from harness.providers.base import Provider

PROVIDERS = {
    "bfl": "harness.providers.bfl:Bfl",
    "cloudflare": "harness.providers.cloudflare:Cloudflare",
    "cog": "harness.providers.cog:Cog",
    "empiriolabs": "harness.providers.empiriolabs:EmpirioLabs",
    "fal": "harness.providers.fal:Fal",
    "fal-queue": "harness.providers.fal:FalQueue",
    "litellm": "harness.providers.litellm:LiteLLM",
    "localai": "harness.providers.localai:LocalAI",
    "lumenfall": "harness.providers.lumenfall:Lumenfall",
    "openai": "harness.providers.openai_images:OpenAIImages",
    "replicate": "harness.providers.replicate:Replicate",
    "runflow": "harness.providers.runflow:Runflow",
    "sglang": "harness.providers.sglang:SGLang",
    "together": "harness.providers.together:Together",
    "vllm-omni": "harness.providers.vllm_omni:VllmOmni",
}


def provider(protocol: str, where: str = "endpoint") -> Provider:
    """The adapter for a protocol, imported on first use; UnknownNameError if there is none."""
    if protocol not in PROVIDERS:
        raise UnknownNameError("protocol", protocol, PROVIDERS, where)
    module, _, name = PROVIDERS[protocol].partition(":")
    return cast("Provider", getattr(importlib.import_module(module), name)())


def adapter(endpoint: Endpoint, catalog: Catalog) -> Provider:
    """The adapter of an endpoint as it is in the catalog's files.

    UnknownNameError, with the file, for a protocol or a name in `options` that there is not: a name that is misspelt
    would be heeded by nobody.
    """
    if endpoint.protocol not in PROVIDERS:
        return provider(endpoint.protocol, f"{catalog.place(endpoint.id)}: protocol")
    found = provider(endpoint.protocol)
    for name in endpoint.options:
        if name not in found.options:
            raise UnknownNameError("option", name, found.options, f"{catalog.place(endpoint.id)}: options")
    return found
