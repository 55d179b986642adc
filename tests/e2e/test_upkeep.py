"""Backups, checks and pruning, as an operator does them."""

import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing

import pytest

from tests.e2e.test_run import wait_for_outcomes
from tests.e2e.warm import ARENA
from tests.postgres import new_postgres_database


def images(arena):
    return sorted(p for p in (arena.data / "images").rglob("*") if p.is_file())


def test_a_backup_comes_back_whole(arena, tmp_path):
    arena("run", arena.plan("quick"), "--yes")
    shown = arena.json("runs", "show", "last")
    assert "5 images, 5 copied" in arena("db", "backup", "safe", "--images").out
    for listed in ("SHA256SUMS", "IMAGES.sha256"):
        subprocess.run(["sha256sum", "--check", "--quiet", listed], cwd=tmp_path / "safe", check=True)
    assert "is there already" in arena("db", "backup", "safe", code=2).sentence
    assert "is there already and is not overwritten" in arena("db", "restore", "safe", code=2).sentence

    arena.env["ARENA_DATA_DIR"] = str(tmp_path / "other")
    assert "5 images, 5 of them copied" in arena("db", "restore", "safe").out
    assert arena.json("runs", "show", "last") == shown
    assert "5 images: all there, 5 read to the last byte" in arena("db", "check").out


def test_a_backup_without_images_says_which_are_missing(arena, tmp_path):
    arena("run", arena.plan("quick"), "--yes")
    assert "5 images listed" in arena("db", "backup", "safe").out
    arena.env["ARENA_DATA_DIR"] = str(tmp_path / "other")
    assert "5 images are neither in the backup nor in" in arena("db", "restore", "safe").err
    assert "is recorded but missing" in arena("db", "check", code=2).sentence


def test_a_backup_that_finds_no_room_says_where_and_leaves_none_taken(arena, tmp_path):
    arena("run", arena.plan("quick"), "--yes")
    within = ["sh", "-c", f"ulimit -f 100 && exec {ARENA} db backup safe"]
    done = subprocess.run(within, cwd=tmp_path, env=arena.env, capture_output=True, text=True, check=False)
    assert (done.returncode, "cannot be copied to safe: " in done.stderr) == (2, True), done.stderr
    assert list((tmp_path / "safe").iterdir()) == []


def test_a_damaged_backup_is_not_restored(arena, tmp_path):
    arena("run", arena.plan("quick"), "--yes")
    arena("db", "backup", "safe")
    with (tmp_path / "safe" / "arena.db").open("r+b") as file:
        file.seek(5000)
        file.write(b"\xff" * 100)
    arena.env["ARENA_DATA_DIR"] = str(tmp_path / "other")
    assert "is damaged: its bytes are not those of SHA256SUMS" in arena("db", "restore", "safe", code=2).sentence
    assert "is no backup" in arena("db", "restore", "nowhere", code=2).sentence
    assert not (tmp_path / "other" / "arena.db").exists()


def test_what_a_live_database_left_behind_is_not_written_into_a_restored_one(arena, tmp_path):
    arena("run", arena.plan("quick"), "--yes")
    arena("db", "backup", "safe")
    live = arena.data / "arena.db"
    with closing(sqlite3.connect(live, isolation_level=None)) as app:
        app.execute("PRAGMA wal_autocheckpoint=0")
        app.execute("UPDATE run SET status = 'failed'")
        live.rename(arena.data / "old.db")
        said = arena("db", "restore", "safe", code=2).sentence
        assert "arena.db-wal belongs to the database that was here" in said
        assert not live.exists()
        for suffix in ("-wal", "-shm"):
            (arena.data / f"arena.db{suffix}").rename(arena.data / f"old.db{suffix}")
    arena("db", "restore", "safe")
    assert arena.json("runs", "ls")[0]["status"] == "finished"


def test_a_backup_of_a_database_in_use_is_one_instant_of_it(arena, tmp_path):
    running = arena.start("run", arena.plan("slow", repetitions=100), "--yes")
    wait_for_outcomes(arena, 5)
    arena("db", "backup", "safe", "--images")
    assert "is being executed" in arena("db", "vacuum", code=2).sentence
    assert "is being executed" in arena("prune", "--images-older-than", "0d", "--yes", code=2).err
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=100)
    assert running.returncode == 130, err
    arena.env["ARENA_DATA_DIR"] = str(tmp_path / "other")
    arena("db", "restore", "safe")
    (run,) = arena.json("runs", "ls")
    assert 5 <= run["succeeded"] < 500
    assert run["status"] == "running"
    assert "the database is sound" in arena("db", "check", "--all").out


def test_an_image_whose_bytes_changed_is_found(arena):
    arena("run", arena.plan("quick"), "--yes")
    victim = images(arena)[2]
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    assert f"the image {victim} is damaged" in arena("db", "check", "--all", code=2).sentence


def test_pruning_says_what_goes_and_changes_no_figure(arena):
    arena("run", arena.plan("quick"), "--yes")
    shown = arena.json("runs", "show", "last")
    before = images(arena)
    size = sum(p.stat().st_size for p in before)
    assert "0 of 5 images" in arena("prune", "--images-older-than", "90d", "--dry-run").out
    dry = arena.json("prune", "--images-older-than", "0d", "--calls-older-than", "0d", "--dry-run")
    assert (dry["images"], dry["image_bytes"], dry["calls"]) == (5, size, 5)
    assert images(arena) == before
    assert "there is no terminal to ask on" in arena("prune", "--images-older-than", "0d", code=2).err
    arena("prune", "--images-over", "0.0001MB", "--calls-older-than", "0d", "--yes")
    assert images(arena) == []
    assert arena.json("runs", "show", "last") == shown
    assert "the records of its calls were pruned on 20" in arena("runs", "show", "last", "--trial", "0").out
    assert "5 images were pruned" in arena("db", "check").out
    assert "MB ->" in arena("db", "vacuum").out
    with sqlite3.connect(arena.data / "arena.db") as connection:
        assert connection.execute("SELECT count(*) FROM call").fetchone()[0] == 0
    connection.close()


def test_what_is_pruned_is_missed_by_no_export(arena, tmp_path):
    arena("run", arena.plan("quick"), "--yes")
    shown = arena.json("runs", "show", "last")
    arena("prune", "--images-older-than", "0d", "--yes")
    assert "0 images copied" in arena("export", "--images", "copies").err
    arena("prune", "--attempts-older-than", "0d", "--yes")
    assert "the attempts of 1 runs were pruned: their rows are not in it" in arena("export", "last", "--force").err
    assert "were pruned" not in arena("export", "last", "--table", "summary").err
    arena("export", "card", "--out", "card.md")
    assert "The attempts of 1 runs were pruned here" in (tmp_path / "card.md").read_text()
    assert "were pruned, so that only its figures" in arena("otel", "export", "last", code=2).sentence
    assert arena.json("runs", "show", "last") == shown


def test_a_partition_that_holds_what_was_pruned_since_is_not_replaced_by_less(arena, tmp_path):
    def rows():
        return sum(len(p.read_text().splitlines()) - 1 for p in (tmp_path / "days").rglob("*.csv"))

    arena("run", arena.plan("quick"), "--yes")
    by_day = ("export", "--by-day", "--out", "days")
    arena(*by_day)
    arena("prune", "--attempts-older-than", "0d", "--yes")
    arena("run", arena.plan("quick"), "--yes")
    assert "may hold rows that were pruned here since" in arena(*by_day, code=2).sentence
    assert "may hold rows" in arena(*by_day, "--since-last", "archive", code=2).sentence
    assert rows() == 5
    arena("export", "--by-day", "--out", "others")
    assert "5 rows written" in arena(*by_day, "--force").err


def test_an_export_refuses_what_it_would_not_heed(arena):
    arena("run", arena.plan("quick"), "--yes")
    assert "leave out --out x" in arena("export", "--publish", "here", "--out", "x", code=2).sentence
    assert "leave out --table" in arena("export", "card", "--table", "votes", code=2).sentence
    assert "leave out --table" in arena("export", "--publish", "here", "--format", "jsonl", code=2).sentence


def test_files_that_a_crash_has_left_go_with_the_next_pruning_of_anything(arena):
    arena("run", arena.plan("quick"), "--yes")
    (victim, *rest) = images(arena)
    data = victim.read_bytes()
    arena("prune", "--images-older-than", "0d", "--yes")
    victim.write_bytes(data)
    assert "1 files of images that were pruned before" in arena("prune", "--calls-older-than", "90d", "--yes").out
    assert rest
    assert images(arena) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "say what may go: --images-older-than 90d"),
        (("--images-older-than", "90"), "--images-older-than '90' is no age; write days, weeks or years, as 90d"),
        (("--images-over", "50 GBs"), "--images-over '50 GBs' is no size; write it as 50GB"),
    ],
)
def test_what_cannot_be_read_is_refused(arena, words, sentence):
    assert sentence in arena("prune", *words, code=2).sentence


def test_an_older_database_can_be_copied_before_it_is_upgraded(arena):
    arena("run", arena.plan("quick"), "--yes")
    with sqlite3.connect(arena.data / "arena.db") as connection:
        connection.execute("DROP INDEX ix_artifact_pruned_at")
        connection.execute("ALTER TABLE artifact DROP COLUMN pruned_at")
        connection.execute("UPDATE alembic_version SET version_num = '0005'")
    connection.close()
    assert "is from an older version" in arena("runs", "ls", code=2).sentence
    assert "5 images" in arena("db", "backup", "safe").out


@pytest.mark.slow
def test_in_postgresql_its_own_tools_are_named(arena, postgres_url):
    arena.env["ARENA_DATABASE_URL"] = new_postgres_database(postgres_url)
    arena("run", arena.plan("quick"), "--yes")
    assert "`pg_dump --format=custom" in arena("db", "backup", "safe", code=2).sentence
    assert "pg_restore" in arena("db", "restore", "safe", code=2).sentence
    assert "VACUUM ANALYZE" in arena("db", "vacuum", code=2).sentence
    assert "5 images: all there" in arena("db", "check", "--all").out
    arena("prune", "--images-older-than", "0d", "--calls-older-than", "0d", "--yes")
    assert "5 images were pruned" in arena("db", "check").out
    assert shutil.which("pg_dump") is None or not (arena.data / "arena.db").exists()
