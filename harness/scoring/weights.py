"""Finding weights on this machine, and saying what to do where there are none. Nothing is ever downloaded."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from arena.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXTRA = "provider-arena[scoring]"
CHUNK_BYTES = 1 << 20


def missing_package(purpose: str, error: ImportError) -> ConfigError:
    """The sentence for an installation without what scoring needs."""
    return ConfigError(f"{purpose} needs packages that are not installed ({error}); pip install '{EXTRA}'")


def in_hub_cache(repository: str, file_names: Sequence[str]) -> Path | None:
    """The first of these files of a repository that the cache of the Hugging Face hub holds."""
    from huggingface_hub import try_to_load_from_cache

    for name in file_names:
        found = try_to_load_from_cache(repository, name)
        if isinstance(found, str):
            return Path(found)
    return None


def not_there(what: str, repository: str, file_names: Sequence[str], table: str, option: str) -> ConfigError:
    """The sentence for weights that are nowhere: which file, where it was looked for, how to get it."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return ConfigError(
        f"{what}: the weights file {' or '.join(file_names)} of {repository} is not in {HF_HUB_CACHE}; "
        f"get it with `hf download {repository} {file_names[0]}`, or name a local file with {option} "
        f"or as `path` of [{table}] in scoring/weights.toml"
    )


def given(path: Path, what: str) -> Path:
    """A path that somebody named; ConfigError if nothing is there."""
    if not path.exists():
        raise ConfigError(f"{what}: there is no {path}; name a weights file that exists")
    return path.resolve()


@lru_cache(maxsize=8)
def sha256_of(path: Path) -> str:
    """The hash of a file, read in pieces."""
    hashed = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            hashed.update(piece)
    return hashed.hexdigest()


def weights_in(directory: Path, file_names: Sequence[str]) -> Path:
    """The weights file of a directory; ConfigError if it has none of these names."""
    for name in file_names:
        if (directory / name).is_file():
            return directory / name
    raise ConfigError(f"{directory}: holds no weights file; one of {', '.join(file_names)} is needed")
