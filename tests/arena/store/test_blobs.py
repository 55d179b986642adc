import hashlib

import pytest

from arena.errors import StoreError
from arena.store.blobs import BlobStore


def test_bytes_are_kept_once_under_their_hash(tmp_path):
    store = BlobStore(tmp_path)
    first, second = store.put(b"image"), store.put(b"image")
    assert first == second == hashlib.sha256(b"image").hexdigest()
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == [first]
    assert store.get(first) == b"image"


def test_a_missing_or_damaged_image_is_said(tmp_path):
    store = BlobStore(tmp_path)
    sha256 = store.put(b"image")
    store.path(sha256).write_bytes(b"other")
    with pytest.raises(StoreError, match="is damaged"):
        store.get(sha256)
    store.path(sha256).unlink()
    with pytest.raises(StoreError, match="is missing"):
        store.get(sha256)


def test_nothing_half_written_stays_when_writing_fails(tmp_path, monkeypatch):
    def no_space(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(StoreError, match="No space left on device"):
        BlobStore(tmp_path).put(b"image")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_what_is_staged_is_stored_only_when_it_is_kept(tmp_path):
    store, sha256 = BlobStore(tmp_path), hashlib.sha256(b"image").hexdigest()
    with store.staged([b"no ", b"image"]) as staged:
        assert (staged.file.read_bytes(), staged.size_bytes) == (b"no image", 8)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
    for _ in range(2):
        with store.staged([b"im", memoryview(b"age")]) as staged:
            assert not staged.file.is_relative_to(store.path(sha256).parent)
            staged.keep(sha256)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [store.path(sha256)]
    assert store.get(sha256) == b"image"


def test_pieces_that_end_in_an_error_leave_nothing(tmp_path):
    def pieces():
        yield b"half"
        raise ValueError("no base64")

    with pytest.raises(ValueError, match="no base64"), BlobStore(tmp_path).staged(pieces()):
        pass
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
