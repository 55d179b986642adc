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
from arena.whole_file import make_durable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import FileIO

PARTIAL = ".partial-"
"""How the names of unfinished files begin."""


@dataclass(frozen=True, slots=True)
class Staged:
    """Bytes that are written to `file`, and not yet stored."""

    file: Path
    size_bytes: int
    _store: BlobStore

    def keep(self, sha256: str) -> None:
        """Give the bytes, durable by now (fsync), their name, which is their SHA-256; it will be durable, too."""
        self._store.adopt(self.file, sha256)


class BlobStore:
    """A directory of files `ab/abcdef…`; what is in it never changes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, sha256: str) -> Path:
        """Where the bytes with this hash are, or would be."""
        return self._root / sha256[:2] / sha256

    def put(self, data: bytes) -> str:
        """Store bytes durably and return their SHA-256; the same bytes are stored once."""
        sha256 = hashlib.sha256(data).hexdigest()
        if not self.path(sha256).exists():
            with self.staged([data]) as staged:
                try:
                    make_durable(staged.file)
                except OSError as error:
                    raise self.unwritable(error) from error
                staged.keep(sha256)
        return sha256

    @contextmanager
    def staged(self, pieces: Iterable[bytes | memoryview]) -> Iterator[Staged]:
        """Bytes in a file that are stored once `keep` is called, and gone after the block if it is not.

        So they can be looked at, also by another process, before anything refers to them; whoever looks makes them
        durable. StoreError if they cannot be written.
        """
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._root, prefix=PARTIAL)
        except OSError as error:
            raise self.unwritable(error) from error
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                try:
                    size_bytes = self._written(file, pieces)
                except OSError as error:
                    raise self.unwritable(error) from error
            yield Staged(Path(name), size_bytes, self)
        finally:
            Path(name).unlink(missing_ok=True)

    def adopt(self, file: Path, sha256: str) -> None:
        """Take a durable file beside the others under its name. StoreError if that cannot be done."""
        path = self.path(sha256)
        if path.exists():
            return
        try:
            is_new = not path.parent.exists()
            path.parent.mkdir(exist_ok=True)
            file.replace(path)
            make_durable(path.parent)
            if is_new:
                make_durable(self._root)
        except OSError as error:
            raise self.unwritable(error) from error

    def get(self, sha256: str) -> bytes:
        """The bytes with this hash; StoreError if they are not there or are not what the name says."""
        try:
            data = self.path(sha256).read_bytes()
        except OSError:
            raise StoreError(f"the image {sha256[:12]}… is missing from {self._root}") from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(f"the image {self.path(sha256)} is damaged: its bytes do not match its name")
        return data

    def delete(self, sha256: str) -> bool:
        """Delete the bytes with this hash; False if they are not there. StoreError if that cannot be done."""
        try:
            self.path(sha256).unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self.unwritable(error) from error
        return True

    def _written(self, file: FileIO, pieces: Iterable[bytes | memoryview]) -> int:
        size_bytes = 0
        for piece in pieces:
            size_bytes += len(piece)
            left = memoryview(piece)
            while len(left):
                left = left[file.write(left) :]
        return size_bytes

    def unwritable(self, error: OSError) -> StoreError:
        """The sentence for an error of the operating system."""
        return StoreError(f"the image directory {self._root} cannot be written: {error.strerror}")
