"""What Prometheus is told: the figures of the summary, over HTTP and as a file."""

import re
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from arena import __version__
from arena.domain.run import RunStatus
from arena.errors import ConfigError, StoreError
from arena.reports.exposition import EXPOSED
from arena.reports.windows import Window, provider_summaries
from arena.settings import Settings
from arena.store import attempts, digests, runs
from arena.store.engine import open_database
from harness.scrape import exposed, registry, server, write
from tests.factories import failed, make_endpoint, make_plan, make_prompt, make_run, make_trial, succeeded
from tests.postgres import new_postgres_database

NAMES = ("lab/one", "lab/two")


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request, tmp_path):
    url = None
    if request.param == "postgresql":
        url = new_postgres_database(request.getfixturevalue("postgres_url"))
    made = open_database(Settings(data_dir=tmp_path, database_url=url), create=True)
    yield made
    made.close()


def measure(
    database, run_id="r1", *, count=60, status=RunStatus.FINISHED, simulated=(), ago=timedelta(hours=1), **plan
):
    """Two endpoints, every fifth attempt failing, the last two of them unknown, a warm-up attempt before."""
    trials = [make_trial(i, NAMES[i % 2], repetition=i, phase="measure" if i else "warmup") for i in range(count)]
    run = make_run(make_plan(endpoints=list(NAMES), **plan), run_id, created_at=datetime.now(UTC) - ago)
    endpoints = [(make_endpoint(n, region="eu", simulated=n in simulated), None) for n in NAMES]
    with database.write() as connection:
        stored = runs.create_run(connection, run, endpoints, trials, {"a-cat": make_prompt()}, "o:1:1")
        for entry in stored:
            pretends = entry.trial.endpoint_id in simulated
            attempt = attempts.write_intent(connection, entry.id, 1, simulated=pretends)
            at = datetime.now(UTC) - ago + timedelta(seconds=entry.trial.seq)
            if entry.trial.seq < count - 2:
                fast = succeeded(2_000_000 * entry.trial.seq, 700_000_000 + entry.trial.seq, started_at=at)
                ended = failed(started_at=at) if entry.trial.seq % 5 == 4 else fast
                attempts.write_outcome(connection, attempt, ended.model_copy(update={"simulated": pretends}))
        if status is not RunStatus.RUNNING:
            runs.end_run(connection, run_id, "o:1:1", status)


def samples(text):
    """Every sample by name and labels."""
    return {
        (s.name, *sorted(s.labels.items())): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def total(found, name, **labels):
    wanted = set(labels.items())
    return sum(value for key, value in found.items() if key[0] == name and wanted <= set(key[1:]))


@contextmanager
def serving(database, windows=("24h",), fresh_s=0.0):
    """The address of a server that runs for the length of the block."""
    made = server(database, windows, fresh_s, "127.0.0.1", 0)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{made.server_port}/metrics"
    finally:
        made.shutdown()
        thread.join()
        made.server_close()


def scrape(url):
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own server
        return answer.read().decode()


def test_a_scrape_tells_the_figures_of_the_provider_table(either):
    measure(either)
    with serving(either, ("24h", "7d")) as url:
        found = samples(scrape(url))
    now = datetime.now(UTC)
    with either.read() as connection:
        expected = provider_summaries(connection, Window(now - timedelta(hours=24), now))
    assert len(expected) == 2
    for summary in expected:
        for window in ("24h", "7d"):
            of = {
                "endpoint": summary.endpoint, "provider": "lab", "model": "m-1", "region": "eu", "simulated": "false",
                "window": window,
            }  # fmt: skip
            where = sorted(of.items())
            for told in EXPOSED:
                figure = summary.figures[told.figure]
                for end, number in (("", figure.value), ("_low", figure.low), ("_high", figure.high)):
                    value = found.get((f"arena_{told.stem}{end}_{told.unit}", *where))
                    assert value == (None if number is None else pytest.approx(number * told.factor))
                assert total(found, "arena_figure_values", figure=told.stem, **of) == figure.n
            assert found["arena_window_attempts", *where] == summary.figures["attempts"].n
            sent = found["arena_last_attempt_timestamp_seconds", *where]
            assert now.timestamp() - 3600 < sent < now.timestamp() - 3500
    assert total(found, "arena_build_info", version=__version__) == 1


def test_counters_are_of_all_time_and_only_grow(either):
    measure(either, "r1", ago=timedelta(days=400))
    figures = registry(either, ("24h",))
    first = collected(figures)
    assert not [key for key in first if key[0] == "arena_success_ratio"]  # none of them was in the window
    assert total(first, "arena_attempts_total") == 59  # the warm-up attempt is none of them
    assert total(first, "arena_attempts_total", status="unknown") == 2
    assert total(first, "arena_failures_total", kind="provider_error", blame="provider") == 11
    measure(either, "r2", status=RunStatus.RUNNING)
    second = collected(figures)
    assert total(second, "arena_attempts_total") == 59 + 57  # what is still open is not counted
    digests.refresh(either)
    with either.write() as connection:
        runs.end_run(connection, "r2", "o:1:1", RunStatus.INTERRUPTED)
    digests.refresh(either)
    third = collected(figures)
    assert total(third, "arena_attempts_total") == 59 + 59
    for before, after in ((first, second), (second, third)):
        counters = {key: value for key, value in before.items() if key[0].endswith("_total")}
        assert counters
        assert all(after[key] >= value for key, value in counters.items())


def test_what_was_overloaded_on_purpose_or_typed_in_to_look_at_is_not_counted(database):
    measure(database, "r1")
    measure(database, "r2", purpose="capacity")
    measure(database, "r3", purpose="playground", status=RunStatus.RUNNING)
    found = samples(exposed(database, ("24h",)).decode())
    assert total(found, "arena_attempts_total") == 59
    assert total(found, "arena_window_attempts") == 59


def collected(figures):
    return samples(generate_latest(figures).decode())


def test_simulated_and_real_are_never_one_series(database):
    measure(database, "r1")
    measure(database, "r2", simulated=("lab/two",))
    found = samples(exposed(database, ("24h",)).decode())
    kinds = {dict(k[1:])["simulated"] for k in found if k[0] == "arena_attempts_total" and ("endpoint", "lab/two") in k}
    assert kinds == {"true", "false"}
    assert total(found, "arena_window_attempts", endpoint="lab/two", simulated="true") == 30
    assert total(found, "arena_attempts_total", endpoint="lab/one") == 58


def test_who_says_late_that_it_pretends_did_so_all_along(database):
    measure(database, "r1", status=RunStatus.RUNNING)
    with database.write() as connection:
        last = runs.stored_trials(connection, "r1")[59].id
        extra = attempts.write_intent(connection, last, 2, simulated=True)
        attempts.write_outcome(connection, extra, succeeded(simulated=True))
    found = samples(exposed(database, ("24h",)).decode())
    assert total(found, "arena_attempts_total", endpoint="lab/two", simulated="false") == 0


def test_names_are_those_that_prometheus_asks_for(database):
    measure(database)
    text = exposed(database, ("24h",)).decode()
    for family in text_string_to_metric_families(text):
        assert re.fullmatch(r"arena_[a-z0-9_]+", family.name)
        assert family.documentation.endswith((".", ";", "1.", "n)."))
        units = ("_seconds", "_ratio", "_usd", "_info", "_attempts", "_values")
        assert family.type == "counter" or family.name.endswith(units), family.name
        assert not family.name.endswith(("_ms", "_milliseconds", "_percent"))


def test_an_empty_database_tells_who_it_is_and_no_figure(database):
    found = samples(exposed(database, ("24h",)).decode())
    assert {key[0] for key in found} == {"arena_build_info", "arena_figures_timestamp_seconds"}


def test_scrapes_within_a_while_share_one_reading(database):
    measure(database)
    with serving(database, fresh_s=3600) as url:
        first = scrape(url)
        measure(database, "r2")
        assert scrape(url) == first
    with serving(database) as url:
        first = scrape(url)
        measure(database, "r3")
        assert scrape(url) != first


def test_a_database_that_cannot_be_read_is_no_success(tmp_path):
    made = open_database(Settings(data_dir=tmp_path), create=True)
    with serving(made) as url:
        scrape(url)
        made.close()
        for name in ("arena.db", "arena.db-wal", "arena.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        (tmp_path / "arena.db").write_bytes(b"no database at all, but long enough to be taken for one" * 40)
        with pytest.raises(urllib.error.HTTPError) as refused:
            scrape(url)
        with refused.value as answer:
            assert answer.code == 503
            assert "damaged" in answer.read().decode()
    made.close()


def test_other_paths_are_not_found(database):
    with serving(database) as url, pytest.raises(urllib.error.HTTPError) as refused:
        scrape(url.replace("/metrics", "/etc/passwd"))
    with refused.value as answer:
        assert answer.code == 404


def test_a_port_that_is_taken_is_one_sentence(database):
    with serving(database) as url, pytest.raises(ConfigError, match="choose another --host or --port"):
        server(database, ("24h",), 0, "127.0.0.1", int(re.search(r":(\d+)/", url)[1]))


def test_the_file_appears_whole_and_holds_the_same(database, tmp_path):
    measure(database)
    out = tmp_path / "textfile" / "arena.prom"
    write(database, ("24h",), out)
    write(database, ("24h",), out)
    timeless = [dict(samples(t)) for t in (out.read_text(), exposed(database, ("24h",)).decode())]
    for found in timeless:
        del found["arena_figures_timestamp_seconds",]
    assert timeless[0] == timeless[1]
    assert [p.name for p in out.parent.iterdir()] == ["arena.prom"]
    assert out.stat().st_mode & 0o444 == 0o444
    with pytest.raises(StoreError, match="cannot be written"):
        write(database, ("24h",), tmp_path / "textfile" / "arena.prom" / "arena.prom")


def test_open_incidents_are_told_where_somebody_watches(database):
    measure(database)
    watched = registry(database, ("24h",), open_incidents=lambda _: {("lab/one", False): 2})
    assert 'arena_open_incidents{endpoint="lab/one",simulated="false"} 2.0' in generate_latest(watched).decode()
