"""What a prompt set must satisfy beyond its types: unique ids and texts, sources that are there, token counts that are
true.
"""

from __future__ import annotations

from importlib import util
from typing import TYPE_CHECKING

from arena.catalog import read_prompt_set
from arena.errors import ConfigError
from harness.images import BadImageError, inspect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from arena.catalog import Catalog
    from arena.domain.prompt import Prompt

CLIP_CONTEXT_TOKENS = 75
"""What CLIP reads: 77 positions less start and end."""


def lint_prompts(catalog: Catalog, files: Sequence[Path]) -> tuple[list[str], int]:
    """Notes worth reading, and how many prompts were checked; ConfigError for the first thing that is wrong.

    Token counts are recounted where open-clip-torch is installed, else that is one of the notes.
    """
    notes: list[str] = []
    checked: list[tuple[str, Prompt]] = []
    ids: dict[str, Path] = {}
    texts: dict[tuple[str, tuple[str, ...]], str] = {}
    for path in files:
        for prompt in read_prompt_set(path).prompts:
            where = f"{path}: prompt {prompt.id}"
            if prompt.id in ids:
                raise ConfigError(f"{where}: the id is used in {ids[prompt.id]} already; ids are unique over all sets")
            ids[prompt.id] = path
            same = texts.setdefault((prompt.text, prompt.sources), prompt.id)
            if same != prompt.id:
                raise ConfigError(f"{where}: has the same text as {same}; drop one of the two")
            _check(catalog, prompt, where)
            checked.append((where, prompt))
            if prompt.clip_tokens > CLIP_CONTEXT_TOKENS:
                read = f"CLIP reads the first {CLIP_CONTEXT_TOKENS}"
                notes.append(f"{prompt.id} has {prompt.clip_tokens} CLIP tokens; {read}")
    notes += _recount(checked)
    return notes, len(checked)


def _recount(checked: Sequence[tuple[str, Prompt]]) -> list[str]:
    """Last, because loading open_clip takes seconds that nobody should wait for a misspelt field."""
    count_tokens = clip_token_counter()
    if count_tokens is None:
        return ["clip_tokens was not recounted; `pip install 'provider-arena[scoring]'` lets it be"]
    for where, prompt in checked:
        counted = count_tokens(prompt.text)
        if counted != prompt.clip_tokens:
            raise ConfigError(f"{where}: clip_tokens is {prompt.clip_tokens}, but CLIP counts {counted}; write that")
    return []


def _check(catalog: Catalog, prompt: Prompt, where: str) -> None:
    if prompt.text != prompt.text.strip() or "  " in prompt.text:
        raise ConfigError(f"{where}: the text has stray spaces; remove them, as every provider would be sent them")
    for words in prompt.legible_text:
        if words not in prompt.text:
            raise ConfigError(f"{where}: legible_text {words!r} does not occur in the text")
    for name in prompt.sources:
        try:
            inspect(catalog.source_path(name).read_bytes())
        except BadImageError as error:
            raise ConfigError(f"{where}: source {name}: {error}") from None


def clip_token_counter() -> Callable[[str], int] | None:
    """A function that counts CLIP tokens as open_clip does, or None where open_clip is not installed."""
    if util.find_spec("open_clip") is None:
        return None
    from open_clip.tokenizer import SimpleTokenizer

    tokenizer = SimpleTokenizer()
    return lambda text: len(tokenizer.encode(text))
