import os
from pathlib import Path

import pytest

from arena.errors import StoreError
from arena.whole_file import whole_file


def half_written(out):
    with whole_file(out) as file:
        file.write(b"half of the sec")
        assert out.read_bytes() == b"first"
        raise ZeroDivisionError


def test_what_was_there_stays_until_the_block_has_ended_well(tmp_path):
    out = tmp_path / "new" / "figures.prom"
    with whole_file(out) as file:
        file.write(b"first")
    with pytest.raises(ZeroDivisionError):
        half_written(out)
    assert out.read_bytes() == b"first"
    assert [path.name for path in out.parent.iterdir()] == ["figures.prom"]


def test_the_bytes_are_synced_before_the_file_has_its_name_and_the_name_after(tmp_path, monkeypatch):
    out, done = tmp_path / "report.html", []
    synced = os.fsync

    def fsync(descriptor):
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        done.append(("names" if name == tmp_path.name else "bytes", out.exists()))
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with whole_file(out) as file:
        file.write(b"all of it")
    assert done == [("bytes", False), ("names", True)]


def test_others_may_read_it_as_they_may_read_any_new_file(tmp_path):
    beside = tmp_path / "beside"
    beside.touch()
    with whole_file(tmp_path / "out") as file:
        file.write(b"x")
    assert (tmp_path / "out").stat().st_mode == beside.stat().st_mode


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"), whole_file(tmp_path / "file" / "out"):
        pass


def test_a_pipe_that_breaks_stays_what_it_is(tmp_path):
    with pytest.raises(BrokenPipeError), whole_file(tmp_path / "out"):
        raise BrokenPipeError
