"""Images on disk, each once, named by the SHA-256 of their bytes; a crash leaves a whole file or none."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from arena.errors import StoreError


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
        path = self.path(sha256)
        if not path.exists():
            try:
                self._write(path, data)
            except OSError as error:
                raise StoreError(f"the image directory {self._root} cannot be written: {error.strerror}") from error
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes with this hash; StoreError if they are not there or are not what the name says."""
        try:
            data = self.path(sha256).read_bytes()
        except OSError:
            raise StoreError(f"the image {sha256[:12]}… is missing from {self._root}") from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(f"the image {self.path(sha256)} is damaged: its bytes do not match its name")
        return data

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".partial-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # makes the name durable, not only the bytes
        finally:
            os.close(directory)
