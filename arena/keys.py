"""Secret keys of this installation: beside the database, made once, readable by their owner alone."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from arena.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 32


def secret_key(path: Path) -> bytes:
    """The key in a file, which is made if it is missing; every process gets the same one.

    StoreError if it can be neither read nor made, or if what is there is no key.
    """
    try:
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"the key {path} cannot be used: {error.strerror}; it belongs to whoever runs the app"
        ) from None
    if len(key) < KEY_BYTES:
        raise StoreError(f"the key {path} is too short to be one; delete it, and a new one is made")
    return key


def _make(path: Path) -> None:
    """A whole key appears under its name, or none: whoever comes second keeps the first one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()
