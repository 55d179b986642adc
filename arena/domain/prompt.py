"""Prompts and the sets that they come in."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic import Field

from arena.domain.base import Value
from arena.domain.request import Mode

IDENTIFIER = r"^[a-z0-9]+(?:[-_.][a-z0-9]+)*$"


class Prompt(Value):
    """One text that is sent identically to every endpoint.

    `clip_tokens` counts the tokens of CLIP's byte-pair encoding without start and end; CLIP reads the first 75 only.
    `sources` are file names of input images, relative to the prompt set's `sources/` directory (edits only).
    `source_sha256` are the hashes of their bytes, filled in when they are read. `legible_text` is what the image must
    show as readable text, if anything.
    """

    id: str = Field(pattern=IDENTIFIER, max_length=80)
    text: str = Field(min_length=1, max_length=8000)
    category: str = Field(pattern=IDENTIFIER)
    mode: Mode = Mode.TEXT_TO_IMAGE
    tags: tuple[str, ...] = ()
    clip_tokens: int = Field(ge=1)
    sources: tuple[str, ...] = ()
    source_sha256: tuple[str, ...] = ()
    legible_text: tuple[str, ...] = ()

    def model_post_init(self, _context: Any, /) -> None:
        """An edit names its source images, and only an edit does."""
        if bool(self.sources) != (self.mode is Mode.EDIT):
            raise ValueError("an edit prompt names its source images in `sources`, and only an edit prompt does")

    @property
    def sha256(self) -> str:
        """Hash of everything that is sent: two prompts with equal hashes ask for the same thing."""
        content = "\x00".join([self.mode, self.text, *self.sources, *self.source_sha256])
        return hashlib.sha256(content.encode()).hexdigest()


class PromptSet(Value):
    """A file of prompts that are used together."""

    name: str = Field(pattern=IDENTIFIER)
    title: str
    licence: str
    prompts: tuple[Prompt, ...] = Field(min_length=1)
