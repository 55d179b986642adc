"""Embeddings of recent prompts, kept on the device, so that a prompt that comes again costs no text encoding."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch


class EmbeddingCache:
    """The embeddings of the `max_prompts` prompts that were used last; 0 keeps none.

    An embedding of FLUX.2 [klein] 4B is 512 tokens of 7680 numbers: 7.9 MB of the device's memory in bfloat16.
    """

    def __init__(self, max_prompts: int) -> None:
        self._max_prompts = max_prompts
        self._kept: OrderedDict[str, torch.Tensor] = OrderedDict()

    def get(self, prompt: str, encode: Callable[[str], torch.Tensor]) -> tuple[torch.Tensor, bool]:
        """The embedding of `prompt`, made by `encode` where it is not kept, and whether it was kept."""
        if prompt in self._kept:
            self._kept.move_to_end(prompt)
            return self._kept[prompt], True
        embedding = encode(prompt)
        if self._max_prompts:
            self._kept[prompt] = embedding
            if len(self._kept) > self._max_prompts:
                self._kept.popitem(last=False)
        return embedding, False

    def clear(self) -> None:
        """Let go of all of them, and of the memory that they take."""
        self._kept.clear()
