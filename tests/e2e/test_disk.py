"""Disks that are full or cannot be written, databases that are locked or damaged: one sentence, and nothing is lost.

The disk is a real one: a small tmpfs in a mount namespace of its own, where the system lets users have those.
"""

import os
import shlex
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from arena.errors import StoreError
from arena.settings import Settings
from arena.store.blobs import BlobStore
from arena.store.engine import open_database
from tests.e2e.warm import ARENA

UNSHARE = ["unshare", "--map-root-user", "--mount"]


def can_mount():
    if shutil.which("unshare") is None:
        return False
    tried = [*UNSHARE, "sh", "-c", "mount -t tmpfs tmpfs /mnt && mount -o remount,ro /mnt"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


needs_mounts = pytest.mark.skipif(not can_mount(), reason="needs a mount namespace (unshare --map-root-user --mount)")


def on_a_disk(arena, script):
    """Run a shell script in which $DATA is a tmpfs of 2 MB and `arena` the command; what it printed."""
    arena.data.mkdir()
    env = {**arena.env, "DATA": str(arena.data), "PATH": f"{Path(ARENA).parent}:{os.environ['PATH']}"}
    mounted = f"mount -t tmpfs -o size=2m tmpfs $DATA\n{script}"
    done = subprocess.run(
        [*UNSHARE, "sh", "-c", mounted], env=env, cwd=arena.directory, capture_output=True, text=True, timeout=110,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


@needs_mounts
@pytest.mark.slow
def test_a_run_on_a_full_disk_stops_with_a_sentence_and_goes_on_once_there_is_room(arena):
    plan = shlex.quote(arena.plan("quick", repetitions=20))
    done = on_a_disk(
        arena,
        f"""
        arena db upgrade >/dev/null
        free=$(df --output=avail -k $DATA | tail -1)
        head -c $(( (free - 350) * 1024 )) /dev/zero > $DATA/ballast
        arena run {plan} --yes; echo "ended with $?"
        rm $DATA/ballast; mount -o remount,size=50m $DATA
        arena db check; echo "sound: $?"
        arena run --resume last --yes; echo "resumed with $?"
        arena export last --out {shlex.quote(str(arena.directory / "all.csv"))}
        """,
    )
    assert "ended with 4" in done.stdout, (done.stdout, done.stderr)
    assert "No space left on device" in done.stderr or "full" in done.stderr
    assert "arena run --resume" in done.stderr
    assert "sound: 0" in done.stdout
    assert "resumed with 0" in done.stdout
    rows = pd.read_csv(arena.directory / "all.csv")
    assert len(rows) == 100
    assert rows["trial"].is_unique


@needs_mounts
@pytest.mark.slow
def test_a_disk_that_is_full_from_the_start_is_said_before_anything_is_fired(arena):
    plan = shlex.quote(arena.plan("quick"))
    done = on_a_disk(arena, f"head -c 3000000 /dev/zero > $DATA/ballast 2>/dev/null; arena run {plan} --yes; echo $?")
    assert done.stdout.strip().splitlines()[-1] in {"2", "4"}, (done.stdout, done.stderr)
    assert "arena: " in done.stderr
    assert "this is a bug" not in done.stderr


@needs_mounts
@pytest.mark.slow
def test_on_a_read_only_disk_what_was_measured_can_be_read_and_nothing_is_fired(arena):
    plan = shlex.quote(arena.plan("quick"))
    done = on_a_disk(
        arena,
        f"""
        mount -o remount,size=50m $DATA
        arena run {plan} --yes >/dev/null 2>&1
        mount -o remount,ro $DATA
        arena run {plan} --yes; echo "run: $?"
        arena runs ls; echo "ls: $?"
        arena export last --out -; echo "export: $?"
        arena export last; echo "export to a file: $?"
        """,
    )
    assert "run: 2" in done.stdout, (done.stdout, done.stderr)
    assert "ls: 0" in done.stdout
    assert "export: 0" in done.stdout
    assert "export to a file: 2" in done.stdout
    assert "cannot be written" in done.stderr
    assert "this is a bug" not in done.stderr


@pytest.mark.slow
def test_a_damaged_database_is_called_damaged(arena):
    arena("run", arena.plan("quick"), "--yes")
    path = arena.data / "arena.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    for command in (["runs", "ls"], ["db", "check"], ["run", arena.plan("quick"), "--yes"]):
        assert "is damaged" in arena(*command, code=2).err, command
    path.write_bytes(b"this is a letter to somebody, and no database" * 200)
    assert "is damaged" in arena("db", "upgrade", code=2).err


def test_a_database_that_cannot_be_written_is_read_as_it_is_unless_writes_are_unfinished(tmp_path, monkeypatch):
    data = tmp_path / "100% mine?"
    open_database(Settings(data_dir=data), create=True).close()
    monkeypatch.setattr("arena.store.engine._can_write", lambda _: False)
    frozen = open_database(Settings(data_dir=data))
    with frozen.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM run").scalar() == 0
    refused = r"100% mine\?/arena.db cannot be used: attempt to write a readonly database"
    with pytest.raises(StoreError, match=refused), frozen.write() as connection:
        connection.exec_driver_sql("DELETE FROM run")
    frozen.close()
    (data / "arena.db-wal").write_bytes(b"unfinished")
    with pytest.raises(StoreError, match=r"left with unfinished writes in arena\.db-wal"):
        open_database(Settings(data_dir=data))


def test_a_database_that_another_process_holds_is_said_once_the_wait_is_over(tmp_path, monkeypatch):
    monkeypatch.setattr("arena.store.engine.BUSY_TIMEOUT_MS", 200)
    database = open_database(Settings(data_dir=tmp_path), create=True)
    with sqlite3.connect(tmp_path / "arena.db") as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match=r"cannot be used: database is locked"), database.write():
            pass
        other.rollback()
    other.close()
    database.close()


def test_an_image_that_does_not_fit_leaves_no_part_of_itself(tmp_path):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(StoreError, match="cannot be written"):
            BlobStore(tmp_path / "images").put(b"x" * 50_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path for path in (tmp_path / "images").rglob("*") if path.is_file()] == []
