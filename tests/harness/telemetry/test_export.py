"""A stored run at a real receiver: spans at their true times, histograms that hold what the summary holds."""

from datetime import UTC, datetime, timedelta

import pytest

from arena.domain.run import RunStatus
from arena.errors import ConfigError
from arena.metrics.figures import attempts as count_attempts
from arena.settings import Settings
from arena.store import attempts as writing
from arena.store import owners, queries, runs
from arena.store.engine import open_database
from arena.store.traces import traced, untimed
from harness.telemetry import names
from harness.telemetry.export import export_run
from tests.collector import receiving, values
from tests.dashboards import small_run
from tests.factories import failed, make_endpoint, make_prompt, make_run, make_trial, succeeded
from tests.postgres import new_postgres_database

pytestmark = pytest.mark.slow

KIND_CLIENT, STATUS_ERROR, DELTA = 3, 2, 1


@pytest.fixture
def stored(tmp_path):
    small_run.make_run(tmp_path, done=11)
    made = open_database(Settings(data_dir=tmp_path))
    yield made
    made.close()


@pytest.fixture
def exported(stored):
    with receiving() as receiver:
        receiver.said = export_run(stored, "last", receiver.url)
    return receiver


def test_one_trace_an_attempt_with_its_calls_at_their_true_times(exported, stored):
    with stored.read() as connection:
        rows = queries.outcomes(connection, "20260102-030405-test")
    parents = {s.span_id: s for s in exported.spans if not s.parent_span_id}
    calls = [s for s in exported.spans if s.parent_span_id]
    assert (len(parents), len(calls)) == (11, 11)
    assert len({s.trace_id for s in parents.values()}) == 11
    by_trial = {values(s.attributes)["arena.trial"]: s for s in parents.values()}
    for row in rows.itertuples():
        span = by_trial[row.trial]
        began_ns = int(row.started_at.timestamp() * 1e6) * 1000
        assert span.start_time_unix_nano == began_ns
        assert (span.end_time_unix_nano - began_ns) / 1e6 == pytest.approx(row.ended_ms)
        assert span.kind == KIND_CLIENT
        assert (span.status.code == STATUS_ERROR) == (row.status == "failed")
    for call in calls:
        parent = parents[call.parent_span_id]
        assert call.trace_id == parent.trace_id
        assert parent.start_time_unix_nano <= call.start_time_unix_nano
        assert call.end_time_unix_nano <= parent.end_time_unix_nano
        marks = [e.time_unix_nano for e in call.events]
        assert marks == sorted(marks)
        assert [e.name for e in call.events] == ["connected", "request_sent", "headers", "first_byte"]


def test_attributes_have_the_names_of_the_conventions(exported):
    attempts = [values(s.attributes) for s in exported.spans if not s.parent_span_id]
    for told in attempts:
        assert told["gen_ai.operation.name"] == "generate_content"
        assert told["gen_ai.output.type"] == "image"
        assert told["gen_ai.provider.name"] == "test"
        assert told["gen_ai.request.model"] == "m"
        assert told["server.address"] == "127.0.0.1"
        assert told["arena.simulated"] is True
        assert told["arena.run.id"] == "20260102-030405-test"
    assert {told.get("error.type") for told in attempts} == {None, "capacity"}
    for span in (s for s in exported.spans if s.parent_span_id):
        told = values(span.attributes)
        assert span.name == told["http.request.method"] == "POST"
        assert told["http.response.status_code"] == 200
        assert told["url.full"] == "http://127.0.0.1/v1"


def test_the_names_are_those_of_the_published_package():
    from opentelemetry.semconv._incubating.attributes import gen_ai_attributes, http_attributes
    from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
    from opentelemetry.semconv.attributes import (
        error_attributes,
        network_attributes,
        server_attributes,
        url_attributes,
    )
    from opentelemetry.semconv.metrics import http_metrics

    modules = (
        gen_ai_attributes, http_attributes, gen_ai_metrics, error_attributes, network_attributes, server_attributes,
        url_attributes, http_metrics,
    )  # fmt: skip
    published = {v for module in modules for n, v in vars(module).items() if n.isupper() and isinstance(v, str)}
    dotted = {v for n, v in vars(names).items() if n.isupper() and isinstance(v, str) and "." in v}
    assert len(dotted) > 15
    assert dotted <= published


def test_histograms_hold_every_measured_attempt_and_nothing_else(exported, stored):
    with stored.read() as connection:
        rows = queries.outcomes(connection, "20260102-030405-test")
        run = runs.get_run(connection, "last")
    (metric,) = exported.points["gen_ai.client.operation.duration"]
    assert metric.unit == "s"
    assert metric.histogram.aggregation_temporality == DELTA
    points = metric.histogram.data_points
    for endpoint, of in rows.groupby("endpoint"):
        mine = [p for p in points if values(p.attributes)["arena.endpoint"] == endpoint]
        assert sum(p.count for p in mine) == count_attempts(of).n
        assert sum(p.sum for p in mine) == pytest.approx(of["ended_ms"].sum() / 1000)
        assert {values(p.attributes).get("error.type") for p in mine} == {
            kind or None for kind in of["failure_kind"].fillna("")
        }
    for point in points:
        assert list(point.explicit_bounds) == list(names.DURATION_BOUNDS_S)
        assert sum(point.bucket_counts) == point.count
        assert values(point.attributes)["arena.simulated"] is True
        assert point.start_time_unix_nano // 10**9 == int(run.created_at.timestamp())
        assert point.time_unix_nano // 10**9 == int(run.ended_at.timestamp())
    assert sum(p.count for p in exported.points["http.client.request.duration"][0].histogram.data_points) == 11


def test_prompts_and_messages_stay_here_unless_asked_for(exported, stored):
    secret = [small_run.NASTY.encode(), small_run.NASTY_MESSAGE.encode()]
    assert not any(text in body for text in secret for body in exported.raw)
    with receiving() as receiver:
        export_run(stored, "last", receiver.url, with_prompts=True)
    told = [values(s.attributes) for s in receiver.spans if not s.parent_span_id]
    assert any(small_run.NASTY in t["gen_ai.input.messages"] for t in told)
    assert small_run.NASTY_MESSAGE in {t.get("arena.failure.message") for t in told}


def test_a_second_export_gives_the_same_traces(exported, stored):
    with receiving() as again:
        export_run(stored, "last", again.url)
    assert {(s.trace_id, s.span_id) for s in again.spans} == {(s.trace_id, s.span_id) for s in exported.spans}


def test_what_was_exported_is_said(exported):
    assert exported.said.sentence == f"run 20260102-030405-test: 11 attempts as 22 spans to {exported.url}"


def test_attempts_whose_end_nobody_knows_have_no_span(tmp_path, stored):

    with stored.write() as connection:
        left = runs.untried(connection, "20260102-030405-test")
        writing.write_intent(connection, left.pop(), 1, simulated=True)
        owner = owners.new_owner()
        runs.claim_run(connection, "20260102-030405-test", owner)
        runs.end_run(connection, "20260102-030405-test", owner, RunStatus.INTERRUPTED)
    with receiving() as receiver:
        said = export_run(stored, "last", receiver.url)
    assert (said.attempts, said.untimed) == (11, 1)
    assert said.sentence.endswith("; left out, as nobody knows when they ended: 1")


def test_a_run_that_is_still_measured_is_not_exported(tmp_path, stored):
    small_run.make_run(tmp_path, status=RunStatus.RUNNING, done=2, run_id="20260103-030405-live")
    with receiving() as receiver, pytest.raises(ConfigError, match="is still being measured"):
        export_run(stored, "20260103-030405-live", receiver.url)
    assert receiver.raw == []


@pytest.mark.parametrize("endpoint", ["nonsense", "ftp://host", "http://", "http://host:x"])
def test_what_is_no_address_is_refused(stored, endpoint):
    with pytest.raises(ConfigError, match="is no address"):
        export_run(stored, "last", endpoint)


def test_a_collector_that_refuses_is_one_sentence(stored):
    with receiving() as receiver:
        receiver.status = 400
        with pytest.raises(ConfigError, match="does not take the traces of run 20260102-030405-test"):
            export_run(stored, "last", receiver.url)


def test_both_databases_tell_the_same(tmp_path, postgres_url):
    read = []
    for url in (None, new_postgres_database(postgres_url)):
        settings = Settings(data_dir=tmp_path, database_url=url)
        database = open_database(settings, create=True)

        at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
        with database.write() as connection:
            trials = [make_trial(i, repetition=i) for i in range(3)]
            made = runs.create_run(
                connection,
                make_run(created_at=at),
                [(make_endpoint(), None)],
                trials,
                {"a-cat": make_prompt()},
                "o:1:1",
            )

            for index, entry in enumerate(made):
                attempt = writing.write_intent(connection, entry.id, 1, simulated=False)
                began = at + timedelta(seconds=index)
                ends = [succeeded(started_at=began), failed(started_at=began)]
                if index < 2:
                    writing.write_outcome(connection, attempt, ends[index])
            runs.end_run(connection, "20260101-000000-test", "o:1:1", "finished")
        with database.read() as connection:
            read.append([a for batch in traced(connection, "20260101-000000-test") for a in batch])
            assert untimed(connection, "20260101-000000-test") == 1
        database.close()
    assert len(read[0]) == 2
    assert read[0] == read[1]
    assert read[0][0].started_at == datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
