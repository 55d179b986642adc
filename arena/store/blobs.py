"""Images on disk, each once, named by the SHA-256 of their bytes; a crash leaves a whole file or none."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arena.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Staged:
    """Bytes that are written, and not yet stored: they are in `file`."""

    sha256: str
    file: Path
    _path: Path

    def keep(self) -> str:
        """Give the bytes their name, durably; returns their SHA-256."""
        if self.file != self._path:
            self.file.replace(self._path)
            directory = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)  # makes the name durable, not only the bytes
            finally:
                os.close(directory)
        return self.sha256


class BlobStore:
    """A directory of files `ab/abcdef…`; what is in it never changes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, sha256: str) -> Path:
        """Where the bytes with this hash are, or would be."""
        return self._root / sha256[:2] / sha256

    def put(self, data: bytes) -> str:
        """Store bytes durably and return their SHA-256; the same bytes are stored once."""
        with self.staged(data) as staged:
            return staged.keep()

    @contextmanager
    def staged(self, data: bytes) -> Iterator[Staged]:
        """Bytes on disk that are stored once `keep` is called, and gone after the block if it is not.

        So they can be looked at, also by another process, before anything refers to them. StoreError if they cannot be
        written.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(sha256)
        if path.exists():
            yield Staged(sha256, path, path)
            return
        try:
            staged = Staged(sha256, self._write(path, data), path)
        except OSError as error:
            raise StoreError(f"the image directory {self._root} cannot be written: {error.strerror}") from error
        try:
            yield staged
        finally:
            staged.file.unlink(missing_ok=True)

    def get(self, sha256: str) -> bytes:
        """The bytes with this hash; StoreError if they are not there or are not what the name says."""
        try:
            data = self.path(sha256).read_bytes()
        except OSError:
            raise StoreError(f"the image {sha256[:12]}… is missing from {self._root}") from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(f"the image {self.path(sha256)} is damaged: its bytes do not match its name")
        return data

    def _write(self, path: Path, data: bytes) -> Path:
        """Write bytes durably beside `path`; returns where they are."""
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".partial-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return Path(temporary)
