"""Keys beside the database: made once, whole, and their owner's alone."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from arena.errors import StoreError
from arena.keys import secret_key


def test_everybody_who_asks_gets_the_same_key_and_nobody_else_can_read_it(tmp_path):
    path = tmp_path / "new" / "voters.key"
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: secret_key(path), range(64)))
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["voters.key"]


def test_what_is_no_key_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "voters.key"
    path.write_bytes(b"short")
    with pytest.raises(StoreError, match="delete it"):
        secret_key(path)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be used"):
        secret_key(tmp_path / "file" / "voters.key")
