"""Only what is new or changed, nothing lost: whatever happens while an export runs."""

import shutil
import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from arena.domain.outcome import Cost, CostSource
from arena.errors import ConfigError
from arena.reports.exports import jobs
from arena.reports.exports.importing import import_files
from arena.store import attempts, battles, runs
from arena.store.exchange import cursors
from arena.store.exchange.columns import Scope
from arena.store.vote_facts import quarantine
from tests.arena.exports.conftest import AT, ENDPOINTS, export, figures, json_rows, outcome
from tests.factories import make_endpoint, make_prompt, make_run, make_trial

pytestmark = pytest.mark.slow


def increment(database, tmp_path, number, table="outcomes", **options):
    file = tmp_path / f"{table}-{number}.jsonl"
    written = export(database, table, "jsonl", file, since_last="nightly", **options)
    key = ("id",) if table == "votes" else ("run_id", "trial")
    return written, {tuple(r[name] for name in key): r["exported_again"] for r in json_rows(file)}


def attempt_of(database, trial):
    query = sa.select(runs.ATTEMPT.c.id).join(runs.TRIAL, runs.TRIAL.c.id == runs.ATTEMPT.c.trial_id)
    with database.read() as connection:
        return connection.execute(query.where(runs.TRIAL.c.seq == trial)).scalar_one()


def test_what_changed_later_comes_again_and_says_so(full, tmp_path):
    first, rows = increment(full, tmp_path, 1)
    assert (len(rows), first.again) == (34, 0)
    nothing, rows = increment(full, tmp_path, 2)
    assert (nothing.rows, rows) == (0, {})
    late, unknown = attempt_of(full, 0), attempt_of(full, 5)
    with full.write() as connection:
        runs.looked_up(connection, late, {"queue": 3.0}, Cost(usd="0.5", source=CostSource.REPORTED))
        attempts.write_outcome(connection, unknown, outcome(5, AT))
    changed, rows = increment(full, tmp_path, 3)
    assert list(rows.values()) == [True, True]
    assert {trial for _, trial in rows} == {0, 5}
    assert changed.again == 2
    fill_second_run(full)
    _, rows = increment(full, tmp_path, 4)
    assert rows == {("20260303-000000-next", 0): False}


def fill_second_run(database, run_id="20260303-000000-next"):
    with database.write() as connection:
        made = make_run(run_id=run_id, created_at=AT)
        prompts = {"p": make_prompt("p")}
        (stored,) = runs.create_run(
            connection, made, [(make_endpoint(), None)], [make_trial(prompt_id="p")], prompts, "o:1:1"
        )
        attempt = attempts.write_intent(connection, stored.id, 1, simulated=False)
        attempts.write_outcome(connection, attempt, outcome(1, AT))
    return attempt


def test_an_attempt_in_flight_is_new_when_it_has_ended(full, tmp_path):
    with full.write() as connection:
        made = make_run(run_id="20260304-000000-slow", created_at=AT)
        (stored,) = runs.create_run(connection, made, [(make_endpoint(), None)], [make_trial(prompt_id="p")],
                                    {"p": make_prompt("p")}, "o:1:1")  # fmt: skip
        attempt = attempts.write_intent(connection, stored.id, 1, simulated=False)
    _, rows = increment(full, tmp_path, 1)
    assert len(rows) == 34
    with full.write() as connection:
        attempts.write_outcome(connection, attempt, outcome(1, AT))
    _, rows = increment(full, tmp_path, 2)
    assert rows == {("20260304-000000-slow", 0): False}


def test_votes_that_were_taken_back_or_set_apart_come_again(full, tmp_path):
    _, rows = increment(full, tmp_path, 1, "votes")
    assert len(rows) == 241
    with full.write() as connection:
        quarantine(connection, [40], "a script")
        fifty = connection.execute(sa.select(battles.VOTE.c.battle_id).where(battles.VOTE.c.id == 50)).scalar_one()
        assert battles.undo_vote(connection, fifty, AT, AT)
    _, rows = increment(full, tmp_path, 2, "votes")
    assert rows == {("40",): True, ("50",): True}


def test_increments_bring_another_database_up_to_date(full, empty, tmp_path):
    for name in ("runs", "endpoints", "prompts", "contenders"):
        export(full, name, "jsonl", tmp_path / f"{name}.jsonl")
    for number in (1, 2):
        for name in ("outcomes", "images", "votes"):
            export(full, name, "jsonl", tmp_path / f"{name}-{number}.jsonl", since_last="nightly")
        import_files(empty, [tmp_path])
        assert figures(empty) == figures(full)
        with full.write() as connection:
            runs.looked_up(connection, 1, {"queue": 3.0}, Cost(usd="0.5", source=CostSource.REPORTED))
            quarantine(connection, [40, 41], "a script")


def test_a_crash_before_the_cursor_moves_repeats_rows_and_loses_none(full, tmp_path, monkeypatch):
    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as crashing:
        crashing.setattr(jobs, "advance", crash)
        with pytest.raises(KeyboardInterrupt):
            increment(full, tmp_path, 1)
    _, rows = increment(full, tmp_path, 2)
    assert len(rows) == 34


def test_a_file_that_cannot_be_written_moves_no_cursor(full, tmp_path):
    (tmp_path / "outcomes-1.jsonl").touch()
    with pytest.raises(ConfigError, match="is there already"):
        increment(full, tmp_path, 1)
    assert not list(tmp_path.glob(".*"))
    _, rows = increment(full, tmp_path, 2)
    assert len(rows) == 34


def test_a_name_keeps_its_filters(full, tmp_path):
    increment(full, tmp_path, 1, scope=Scope(endpoint="lab/one"))
    with pytest.raises(ConfigError, match=r"was used with the filters .*lab/one.* and not \{\}; use another name"):
        increment(full, tmp_path, 2)


def test_partitions_of_changed_days_are_replaced_whole(full, tmp_path):
    def out(**options):
        return export(full, "outcomes", "jsonl", tmp_path / "all", by_day=True, **options)

    first = out(since_last="nightly")
    assert [p.name for p in first.files] == ["day=2026-03-01", "day=2026-03-02"]
    assert out(since_last="nightly").files == []
    kept = (tmp_path / "all" / "day=2026-03-01" / "part-0000.jsonl").stat().st_ino
    with full.write() as connection:
        runs.looked_up(connection, attempt_of(full, 30), {"queue": 3.0}, None)
    assert [p.name for p in out(since_last="nightly").files] == ["day=2026-03-02"]
    assert (tmp_path / "all" / "day=2026-03-01" / "part-0000.jsonl").stat().st_ino == kept
    rows = [r for p in (tmp_path / "all").glob("day=*/*") for r in json_rows(p)]
    assert len(rows) == 34
    assert "queue" in next(r["server_ms"] for r in rows if r["trial"] == 30)
    with pytest.raises(ConfigError, match="holds an export with filters"):
        out(scope=Scope(endpoint=ENDPOINTS[0]))


def test_partitions_that_are_gone_are_written_again(full, tmp_path):
    def out(where):
        written = export(full, "outcomes", "jsonl", tmp_path / where, by_day=True, since_last="nightly")
        rows = [r for p in (tmp_path / where).glob("day=*/*") for r in json_rows(p)]
        return [p.name for p in written.files], written.missing, len(rows)

    assert out("all") == (["day=2026-03-01", "day=2026-03-02"], 0, 34)
    shutil.rmtree(tmp_path / "all" / "day=2026-03-01")
    assert out("all") == (["day=2026-03-01"], 1, 34)
    (tmp_path / "all" / "day=2026-03-02" / "part-0000.jsonl").unlink()
    assert out("all") == (["day=2026-03-02"], 1, 34)
    assert out("elsewhere") == (["day=2026-03-01", "day=2026-03-02"], 2, 34)
    assert out("all") == ([], 0, 34)


def test_a_window_replaces_no_partition_by_a_part_of_its_day(full, tmp_path):
    def out(**options):
        export(full, "outcomes", "jsonl", tmp_path / "all", by_day=True, **options)
        return {p.parent.name: len(json_rows(p)) for p in sorted((tmp_path / "all").glob("day=*/*"))}

    whole = out()
    with full.write() as connection:  # written down just before midnight, sent just after it
        late = AT + timedelta(minutes=10, microseconds=500)
        connection.execute(
            runs.ATTEMPT.update().where(runs.ATTEMPT.c.id == attempt_of(full, 13)).values(started_at=late)
        )
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    assert out(scope=Scope(begin=midnight), force=True) == whole
    assert out(scope=Scope(end=midnight), force=True) == whole
    with pytest.raises(ConfigError, match="--by-day writes whole days"):
        out(scope=Scope(begin=midnight - timedelta(minutes=5)), force=True)


def test_years_of_days_are_one_query(full, tmp_path):
    days = frozenset(AT.date() + timedelta(days=n) for n in range(3000))
    written = export(full, "outcomes", "jsonl", tmp_path / "o.jsonl", scope=Scope(days=days))
    assert written.rows == 34


def test_a_partition_that_a_crash_left_aside_is_brought_back(full, tmp_path):
    export(full, "outcomes", "jsonl", tmp_path / "all", by_day=True)
    day = tmp_path / "all" / "day=2026-03-01"
    before = (day / "part-0000.jsonl").read_text()
    day.rename(day.with_name(".replaced-day=2026-03-01"))
    export(full, "outcomes", "jsonl", tmp_path / "all", by_day=True, since_last="first")
    assert (day / "part-0000.jsonl").read_text() == before
    assert not list((tmp_path / "all").glob(".*"))


def test_what_is_being_written_while_an_export_begins_is_in_the_next_one(full, tmp_path):
    """A slow writer holds its transaction open over the end of the epoch: PostgreSQL makes the export wait for it."""
    increment(full, tmp_path, 1)
    held, ended = threading.Event(), threading.Event()

    def slow():
        with full.write() as connection:
            runs.looked_up(connection, attempt_of(full, 0), {"queue": 3.0}, None)
            held.set()
            ended.wait(1)

    writer = threading.Thread(target=slow)
    writer.start()
    held.wait(10)
    _, rows = increment(full, tmp_path, 2)
    ended.set()
    writer.join()
    _, later = increment(full, tmp_path, 3)
    assert {trial for _, trial in [*rows, *later]} == {0}
    with full.read() as connection:
        assert cursors.identity(connection).voter_salt
