"""Figures over a stretch of time: the same from digests and from rows, and nothing from outside it."""

from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest
import sqlalchemy as sa

from arena.domain.failure import FailureKind
from arena.domain.run import RunStatus
from arena.errors import ConfigError
from arena.reports.summary import summarize
from arena.reports.windows import Window, at_warmth, outcome_frame, parse_window, provider_summaries, summaries_of
from arena.settings import Settings
from arena.store import attempts, digests, queries, runs
from arena.store.engine import open_database
from arena.store.totals import runs_between
from arena.store.windows import Between
from tests.factories import failed, make_endpoint, make_plan, make_prompt, make_run, make_trial, succeeded
from tests.postgres import new_postgres_database

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
PLUS_TWO = timezone(timedelta(hours=2))
EVER = Window(NOW - timedelta(days=400), datetime(2100, 1, 1, tzinfo=UTC))  # intents are dated by the real clock
KINDS = (FailureKind.PROVIDER_ERROR, FailureKind.TIMEOUT, FailureKind.MODERATED_OUTPUT, FailureKind.AUTH)
PROMPTS = {p.id: p for p in (make_prompt("cat"), make_prompt("poster", category="typography"))}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    if request.param == "postgresql":
        url = new_postgres_database(request.getfixturevalue("postgres_url"))
        made = open_database(Settings(data_dir=tmp_path, database_url=url), create=True)
    else:
        made = open_database(Settings(data_dir=tmp_path), create=True)
    yield made
    made.close()


def outcome_of(trial, at):
    """A law of its own for each endpoint, with every seventh attempt failing in another way."""
    if trial.seq % 7 == 3:
        return failed(KINDS[trial.seq % len(KINDS)], started_at=at)
    slow = 300_000_000 if trial.endpoint_id.endswith("two") else 0
    made = succeeded(ttfb_ns=200_000_000 + slow + 1_234_567 * trial.seq, total_ns=700_000_000 + slow, started_at=at)
    cold = {"connected_ns": 9_000_001} if trial.seq % 2 else {}
    return made.model_copy(
        update={
            "timings": made.timings.model_copy(update=cold),
            "server_ms": {"queue": 10.5 + trial.seq, "predict": 400.25},
        }
    )


def measured(database, run_id, began, *, status=RunStatus.FINISHED, count=60, unknown=2):
    """A run of two endpoints by two prompts, fired once a minute; the last attempts are left open."""
    names = ("lab/one", "lab/two")
    plan = make_plan(endpoints=list(names))
    trials = [
        make_trial(i, names[i % 2], list(PROMPTS)[i // 2 % 2], repetition=i // 4, phase="measure") for i in range(count)
    ]
    run = make_run(plan, run_id, created_at=began)
    with database.write() as connection:
        stored = runs.create_run(
            connection, run, [(make_endpoint(n, region="eu"), None) for n in names], trials, PROMPTS, "o:1:1"
        )
        for entry in stored:
            attempt = attempts.write_intent(connection, entry.id, 1, simulated=False)
            if entry.trial.seq < count - unknown:
                at = began + timedelta(minutes=entry.trial.seq)
                attempts.write_outcome(connection, attempt, outcome_of(entry.trial, at))
        if status is not RunStatus.RUNNING:
            runs.end_run(connection, run_id, "o:1:1", status)
    return run_id


def test_digests_rows_and_the_summary_of_a_run_give_the_same_figures(database):
    run_id = measured(database, "r1", NOW - timedelta(days=1))
    with database.read() as connection:
        of_run = summarize(queries.outcomes(connection, run_id))
        from_rows = provider_summaries(connection, EVER, phases=True)
    assert digests.refresh(database) == 1
    with database.read() as connection:
        from_digest = provider_summaries(connection, EVER, phases=True)
    assert from_digest == from_rows
    for ours, theirs in zip(from_digest, of_run, strict=True):
        assert {name: ours.figures[name] for name in theirs.figures} == theirs.figures
        assert ours.phases == theirs.phases
        assert (ours.failures, ours.unknown, ours.region) == (theirs.failures, theirs.unknown, "eu")
        assert theirs.phases["server_queue_p50_ms"].value is not None
    assert sum(s.unknown for s in from_digest) == 2


def test_every_column_survives_the_digest(database):
    measured(database, "r1", NOW - timedelta(days=1))
    with database.read() as connection:
        before = outcome_frame(connection, EVER, phases=True)
        told = queries.outcomes(connection, "r1")
    digests.refresh(database)
    with database.read() as connection:
        after = outcome_frame(connection, EVER, phases=True)
    pd.testing.assert_frame_equal(before, after)
    for column in ("endpoint", "status", "failure_kind", "failure_blame", "prompt_id", "region"):
        assert after[column].astype("string").equals(told[column]), column
    for column in ("ttfb_ms", "generation_ms", "ended_ms", "cost_usd", "image_count"):
        assert after[column].astype("Float64").equals(told[column].astype("Float64")), column
    assert after["started_at"].equals(told["started_at"])


def test_a_window_holds_what_was_sent_in_it_and_the_rest_of_its_run_stays_outside(database):
    measured(database, "old", NOW - timedelta(days=50))
    measured(database, "new", NOW - timedelta(days=1))
    digests.refresh(database)
    window = Window(NOW - timedelta(days=1) + timedelta(minutes=10), NOW - timedelta(days=1) + timedelta(minutes=20))
    with database.read() as connection:
        found = outcome_frame(connection, window)
        both = outcome_frame(connection, EVER)
    assert len(found) == 10
    assert found["started_at"].min() == window.start
    assert len(both) == 120


def test_a_run_that_goes_on_is_read_from_its_rows_and_mixes_with_digests(database):
    measured(database, "old", NOW - timedelta(days=2))
    digests.refresh(database)
    measured(database, "live", NOW - timedelta(hours=5), status=RunStatus.RUNNING)
    with database.read() as connection:
        assert len(outcome_frame(connection, EVER)) == 60 + 58  # what is still open is nobody's yet
    assert digests.refresh(database) == 0


def test_whatever_changes_a_row_drops_the_digest(database):
    def figures():
        with database.read() as connection:
            return provider_summaries(connection, EVER, phases=True)

    def digested():
        with database.read() as connection:
            return not digests.missing(connection)

    measured(database, "r1", NOW - timedelta(days=1))
    digests.refresh(database)
    with database.write() as connection:
        named = connection.exec_driver_sql("SELECT min(id) FROM attempt").scalar_one()
        runs.looked_up(connection, named, {"queue": 9_999_999.0}, None)
    assert not digested()
    by_rows = figures()
    digests.refresh(database)
    assert digested()
    assert figures() == by_rows
    with database.write() as connection:  # given up as unknown, and then its process tells after all
        late = connection.exec_driver_sql("SELECT max(id) FROM attempt").scalar_one()
        attempts.write_outcome(connection, late, succeeded(started_at=NOW))
    assert sum(s.unknown for s in figures()) == 1
    digests.refresh(database)
    with database.write() as connection:
        runs.claim_run(connection, "r1", "o:1:2")
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM digest").scalar_one() == 0


def test_uptime_counts_hours_and_not_attempts(database):
    measured(database, "r1", NOW - timedelta(days=1))
    with database.read() as connection:
        one, _ = sorted(provider_summaries(connection, EVER), key=lambda s: s.endpoint)
        frame = outcome_frame(connection, EVER)
    assert (one.figures["uptime"].value, one.figures["uptime"].n) == (1.0, 1)
    frame["started_at"] += pd.to_timedelta(range(len(frame)), unit="h")  # each attempt in an hour of its own
    alone = next(s for s in summaries_of(frame) if s.endpoint == "lab/one")
    assert alone.figures["uptime"].value == pytest.approx(alone.figures["success_rate"].value)
    assert alone.figures["uptime"].n == alone.figures["success_rate"].n


@pytest.mark.parametrize(
    ("window", "text"),
    [
        (parse_window("2026-10-01..2026-11-01"), "2026-10-01 to 2026-10-31 UTC"),
        (parse_window("30d", NOW), "2026-03-01 to 2026-03-31 UTC"),
        (parse_window("2026-10-01..2026-10-02"), "2026-10-01 00:00 to 2026-10-02 00:00 UTC"),
        (Window(datetime(2026, 3, 2, tzinfo=PLUS_TWO), datetime(2026, 4, 1, tzinfo=PLUS_TWO)),
         "2026-03-01 to 2026-03-31 UTC"),
    ],
)  # fmt: skip
def test_a_window_names_the_last_day_that_is_in_it_by_utc(window, text):
    assert window.text == text


@pytest.mark.parametrize("kind", [FailureKind.CONNECT, FailureKind.TLS, FailureKind.CONNECT_TIMEOUT, FailureKind.DNS])
def test_a_connection_that_never_stood_is_a_cold_one(database, kind):
    measured(database, "r1", NOW - timedelta(days=1), count=4, unknown=0)
    with database.write() as connection:
        first = connection.execute(sa.select(sa.func.min(runs.ATTEMPT.c.id))).scalar_one()
        failure = {"status": "failed", "failure_kind": kind}
        connection.execute(runs.ATTEMPT.update().where(runs.ATTEMPT.c.id == first).values(failure))
    digests.refresh(database)
    with database.read() as connection:
        frame = outcome_frame(connection, EVER)
        rows = queries.outcomes(connection, "r1")
    for outcomes in (frame, rows):
        assert kind not in set(at_warmth(outcomes, "warm")["failure_kind"].dropna())
        assert kind in set(at_warmth(outcomes, "cold")["failure_kind"].dropna())


def test_cold_and_warm_connections_make_up_the_whole(database):
    measured(database, "r1", NOW - timedelta(days=1))
    with database.read() as connection:
        frame = outcome_frame(connection, EVER)
    cold, warm = (at_warmth(frame, which) for which in ("cold", "warm"))
    assert len(cold) + len(warm) == len(frame)
    assert cold["connected_ms"].min() == pytest.approx(9.000001)
    assert warm["connected_ms"].isna().all()


def test_a_run_whose_process_died_is_no_run_of_later_windows(database):
    began = NOW - timedelta(days=50)
    measured(database, "died", began, status=RunStatus.RUNNING)
    measured(database, "alive", NOW - timedelta(hours=1), status=RunStatus.RUNNING)
    with database.write() as connection:
        heard = {"heartbeat_at": began + timedelta(hours=1)}
        connection.execute(runs.RUN.update().where(runs.RUN.c.id == "died").values(heard))
    with database.read() as connection:
        lately = runs_between(connection, Between(NOW - timedelta(days=30), NOW))
        then = runs_between(connection, Between(began, began + timedelta(days=1)))
    assert [run.id for run in lately] == ["alive"]
    assert [run.id for run in then] == ["died"]


def test_an_empty_database_has_no_providers(database):
    with database.read() as connection:
        assert provider_summaries(connection, EVER, phases=True) == []


@pytest.mark.parametrize(
    ("text", "hours"), [("30d", 720), ("12h", 12), ("2w", 336), ("2026-03-01..2026-03-02", 24)]
)  # fmt: skip
def test_windows_are_written_as_people_say_them(text, hours):
    window = parse_window(text, NOW)
    assert window.end - window.start == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "30", "d", "30y", "yesterday", "2026-03-02..2026-03-01", "2026-03-01"])
def test_a_window_that_is_none_is_refused_in_a_sentence(text):
    with pytest.raises(ConfigError, match="--window"):
        parse_window(text, NOW)
