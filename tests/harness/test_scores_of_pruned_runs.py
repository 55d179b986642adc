"""Scores of images that went with their attempts are said to be gone, not never to have been made."""

from datetime import UTC, datetime

from arena.settings import Settings
from arena.store import digests, pruning
from arena.store.engine import open_database
from harness.cli import cli
from tests.dashboards import small_run


def test_score_show_says_that_attempts_were_pruned(tmp_path, monkeypatch, capsys):
    run_id = small_run.make_run(tmp_path)
    database = open_database(Settings(data_dir=tmp_path))
    digests.refresh(database)
    with database.write() as connection:
        pruning.forget_attempts(connection, run_id, datetime.now(UTC))
    database.close()
    monkeypatch.setenv("ARENA_DATA_DIR", str(tmp_path))
    cli(["score", "show", run_id], standalone_mode=False)
    assert "attempts of this run were pruned on" in " ".join(capsys.readouterr().out.split())
