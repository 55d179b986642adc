"""What is written comes back; what a crash leaves is unknown; what must be unique is."""

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import psutil
import pytest
import sqlalchemy as sa

from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose, CallRecord, Cost, CostSource
from arena.domain.run import RunStatus
from arena.errors import ConfigError, RunBusyError, UnknownNameError
from arena.pricing import PriceCard
from arena.store import attempts, owners, queries, runs
from arena.store.recorder import Recorder
from tests.factories import failed, make_artifact, make_endpoint, make_prompt, make_run, make_trial, succeeded


def create(database, trials=3, run=None, owner="me:1:x"):
    run = run or make_run()
    prompts = {f"p{i}": make_prompt(f"p{i}", legible_text=["p"]) for i in range(trials)}
    planned = [make_trial(i, prompt_id=f"p{i}", due_ns=i) for i in range(trials)]
    card = PriceCard(endpoint="lab/one", from_date="2026-01-01", per_image_usd="0.01", source="x", confidence="low")
    with database.write() as connection:
        stored = runs.create_run(connection, run, [(make_endpoint(), card)], planned, prompts, owner)
    return run, stored


def write(database, stored, outcome):
    with database.write() as connection:
        attempt = attempts.write_intent(connection, stored.id, 1, simulated=outcome.simulated)
        attempts.write_outcome(connection, attempt, outcome)
    return attempt


def test_a_run_comes_back_as_it_was_written(any_database):
    run, stored = create(any_database)
    with any_database.read() as connection:
        read = runs.get_run(connection, run.id)
        assert read.model_copy(update={"heartbeat_at": None}) == run
        assert runs.get_run(connection, "last") == runs.get_run(connection, run.id[:10]) == read
        assert runs.stored_trials(connection, run.id) == stored
        assert [s.trial for s in stored] == [make_trial(i, prompt_id=f"p{i}", due_ns=i) for i in range(3)]
        assert runs.run_prompts(connection, run.id) == {
            f"p{i}": make_prompt(f"p{i}", legible_text=["p"]) for i in range(3)
        }
        ((endpoint, card),) = runs.run_endpoints(connection, run.id)
    assert endpoint == make_endpoint()
    assert card.per_image_usd == Decimal("0.01")


def test_a_run_that_is_not_there_or_ambiguous_is_said(any_database):
    create(any_database, run=make_run(run_id="20260101-000000-aaaa"))
    create(any_database, run=make_run(run_id="20260101-000000-bbbb"))
    with any_database.read() as connection:
        with pytest.raises(UnknownNameError, match="did you mean"):
            runs.get_run(connection, "20260101-000000-aaab")
        with pytest.raises(ConfigError, match="is ambiguous: it may be any of 2 runs"):
            runs.get_run(connection, "20260101")


def test_an_outcome_comes_back_with_every_figure(any_database):
    run, stored = create(any_database)
    started = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    call = CallRecord(
        purpose=CallPurpose.SUBMIT, method="POST", url="http://x/", started_ns=0, headers_ns=2, ended_ns=9
    )
    outcome = succeeded(
        ttfb_ns=1_500_000,
        total_ns=2_000_001,
        started_at=started,
        cost=Cost(usd=Decimal("0.000000123"), source=CostSource.REPORTED),
        server_ms={"predict": 1.25},
        sent_seed=2**62,
        request_id="r",
        calls=(call,),
    )
    write(any_database, stored[0], outcome)
    with any_database.read() as connection:
        frame = queries.outcomes(connection, run.id)
        calls = queries.calls(connection, run.id, 0)
    (row,) = frame.to_dict(orient="records")
    assert row["started_at"] == started
    assert (row["ttfb_ms"], row["time_to_image_ms"]) == (1.5, 2.000001)
    assert (row["cost_usd"], row["cost_source"]) == (1.23e-07, "reported")
    assert (row["served_seed"], row["request_id"], row["image_count"]) == (2**62, "r", 1)
    assert queries.server_timings(frame).to_dict() == {"predict": {0: 1.25}}
    assert calls.to_dict(orient="records")[0]["headers_ns"] == 2


def test_a_failure_comes_back_with_whose_it_is(any_database):
    run, stored = create(any_database)
    write(any_database, stored[0], failed(FailureKind.MODERATED_INPUT, "no"))
    with any_database.read() as connection:
        (row,) = queries.outcomes(connection, run.id).to_dict(orient="records")
    assert (row["failure_kind"], row["failure_blame"], row["failure_message"]) == (
        "moderated_input",
        "moderation",
        "no",
    )


def test_the_same_image_is_one_artifact(any_database):
    run, stored = create(any_database)
    write(any_database, stored[0], succeeded())
    write(any_database, stored[1], succeeded(images=(make_artifact(), make_artifact("b" * 64))))
    with any_database.read() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM artifact")).scalar_one() == 2
        assert list(queries.outcomes(connection, run.id)["image_count"]) == [1, 2]


def test_an_attempt_has_one_outcome_and_a_trial_one_first_attempt(any_database):
    _, stored = create(any_database)
    attempt = write(any_database, stored[0], succeeded())
    with pytest.raises(RuntimeError, match="already has an outcome"), any_database.write() as connection:
        attempts.write_outcome(connection, attempt, failed())
    with pytest.raises(sa.exc.IntegrityError), any_database.write() as connection:
        attempts.write_intent(connection, stored[0].id, 1, simulated=False)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE attempt SET status = 'nonsense'",
        "UPDATE attempt SET failure_kind = 'provider_error'",
        "UPDATE attempt SET cost_source = NULL",
        "UPDATE attempt SET last_image_byte_ns = NULL",
        "UPDATE run SET status = 'paused'",
        "UPDATE trial SET phase = 'other'",
        "UPDATE attempt SET trial_id = 12345",
        "INSERT INTO image (attempt_id, position, sha256) VALUES (1, 5, 'missing')",
    ],
)
def test_the_database_itself_refuses_what_makes_no_sense(any_database, statement):
    _, stored = create(any_database)
    write(any_database, stored[0], succeeded())
    with pytest.raises(sa.exc.IntegrityError), any_database.write() as connection:
        connection.execute(sa.text(statement))


def test_what_a_crash_left_in_flight_is_unknown_and_not_fired_again(any_database):
    run, stored = create(any_database, owner="elsewhere:1:x")
    write(any_database, stored[0], succeeded())
    with any_database.write() as connection:
        attempts.write_intent(connection, stored[1].id, 1, simulated=False)
        connection.execute(runs.RUN.update().values(heartbeat_at=datetime.now(UTC) - timedelta(minutes=5)))
        assert runs.claim_run(connection, run.id, "me:2:y") == 1
        assert runs.untried(connection, run.id) == {stored[2].id}
        assert [a.status for a in runs.attempts_so_far(connection, run.id)] == ["succeeded", "unknown"]
    with any_database.read() as connection:
        assert list(queries.outcomes(connection, run.id)["status"]) == ["succeeded", "unknown"]


def test_a_run_that_gives_signs_of_life_cannot_be_taken(any_database):
    run, _ = create(any_database, owner="another-machine:1:x")
    with pytest.raises(RunBusyError, match="is being executed by another-machine"), any_database.write() as connection:
        runs.claim_run(connection, run.id, "me:2:y")


def test_a_run_without_signs_of_life_is_silent(any_database):
    run, _ = create(any_database)
    with any_database.read() as connection:
        read = runs.get_run(connection, run.id)
    assert not read.silent(read.heartbeat_at + timedelta(seconds=20))
    assert read.silent(read.heartbeat_at + timedelta(seconds=40))


def test_a_run_whose_process_is_gone_can_be_taken_at_once(any_database):
    host = owners.new_owner().rsplit(":", 2)[0]
    run, _ = create(any_database, owner=f"{host}:999999:1700000000")
    with any_database.write() as connection:
        assert runs.claim_run(connection, run.id, "me:2:y") == 0


def test_a_process_that_is_there_holds_its_run_even_when_it_is_silent(any_database):
    run, _ = create(any_database, owner=owners.new_owner())
    with any_database.write() as connection:
        connection.execute(runs.RUN.update().values(heartbeat_at=datetime.now(UTC) - timedelta(hours=1)))
    with pytest.raises(RunBusyError), any_database.write() as connection:
        runs.claim_run(connection, run.id, "me:2:3")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the kernel's own clock is read from /proc")
def test_a_wall_clock_that_is_put_right_takes_no_run_from_its_process(monkeypatch):
    me, now = owners.new_owner(), datetime.now(UTC)
    by_the_clock = f"{me.rpartition(':')[0]}:{int(psutil.Process().create_time())}"
    assert owners.alive(by_the_clock, now, now), "as earlier versions wrote it"
    booted_at = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: booted_at + 3600)
    assert not owners.alive(by_the_clock, now, now), "this is what a step of the clock did"
    assert owners.alive(me, now, now)
    assert owners.new_owner() == me


def test_a_process_id_that_is_used_again_does_not_hold_a_dead_run(any_database):
    host, pid, _ = owners.new_owner().rsplit(":", 2)
    run, _ = create(any_database, owner=f"{host}:{pid}:1700000000")
    with any_database.write() as connection:
        assert runs.claim_run(connection, run.id, "me:2:3") == 0


def test_who_has_lost_a_run_ends_nothing_but_may_still_report_what_came(any_database):
    run, stored = create(any_database, owner="other:1:2")
    with any_database.write() as connection:
        late = attempts.write_intent(connection, stored[0].id, 1, simulated=False)
        connection.execute(runs.RUN.update().values(heartbeat_at=datetime.now(UTC) - timedelta(minutes=5)))
        assert runs.claim_run(connection, run.id, "me:2:3") == 1
        mine = attempts.write_intent(connection, stored[1].id, 1, simulated=False)
        assert not runs.beat(connection, run.id, "other:1:2")
        runs.end_run(connection, run.id, "other:1:2", RunStatus.FINISHED)
        attempts.write_outcome(connection, late, succeeded())
        attempts.write_outcome(connection, mine, succeeded())
        assert runs.get_run(connection, run.id).status is RunStatus.RUNNING
        assert runs.beat(connection, run.id, "me:2:3")
    with any_database.read() as connection:
        assert list(queries.outcomes(connection, run.id)["status"]) == ["succeeded", "succeeded"]


def test_an_endpoint_that_said_once_that_it_pretends_pretended_all_along(any_database):
    run, stored = create(any_database)
    write(any_database, stored[0], failed(simulated=False))
    write(any_database, stored[1], succeeded(simulated=True))
    with any_database.write() as connection:
        runs.end_run(connection, run.id, "me:1:x", RunStatus.FINISHED)
    with any_database.read() as connection:
        assert set(queries.outcomes(connection, run.id)["simulated"]) == {True}


def test_a_prompts_newest_classification_holds(any_database):
    create(any_database, trials=1, run=make_run(run_id="20260101-000000-aaaa"))
    prompt = make_prompt("p0", category="other", legible_text=["p"])
    with any_database.write() as connection:
        run = make_run(run_id="20260101-000000-bbbb")
        runs.create_run(connection, run, [(make_endpoint(), None)], [make_trial(prompt_id="p0")], {"p0": prompt}, "o")
        assert runs.run_prompts(connection, "20260101-000000-aaaa")["p0"].category == "other"


def test_big_integers_with_gaps_keep_every_digit(any_database):
    run, stored = create(any_database)
    write(any_database, stored[0], succeeded(sent_seed=8423892384923849239))
    write(any_database, stored[1], succeeded())
    with any_database.read() as connection:
        frame = queries.outcomes(connection, run.id)
    assert frame["served_seed"][0] == 8423892384923849239
    again = queries.typed(pd.read_csv(io.StringIO(frame.to_csv(index=False)), dtype=object))
    assert again["served_seed"][0] == 8423892384923849239


def test_the_overview_counts_what_there_is(any_database):
    run, stored = create(any_database)
    write(any_database, stored[0], succeeded(usd="0.25"))
    write(any_database, stored[1], failed())
    create(any_database, trials=1, run=make_run(run_id="20260102-000000-zzzz"))
    with any_database.write() as connection:
        runs.end_run(connection, run.id, "me:1:x", RunStatus.FINISHED)
    with any_database.read() as connection:
        rows = {r["run_id"]: r for r in queries.run_overview(connection).to_dict(orient="records")}
    assert rows[run.id]["status"] == "finished"
    assert [rows[run.id][c] for c in ("trials", "attempts", "succeeded", "unknown", "cost_usd")] == [3, 2, 1, 0, 0.25]
    assert rows["20260102-000000-zzzz"]["attempts"] == 0


def intent(stored):
    return attempts.Intent(stored.id, 1, simulated=False)


def test_a_recorder_commits_before_it_answers(any_database):
    _, stored = create(any_database)
    with Recorder(any_database) as recorder:
        ids = [recorder.submit_to(attempts.write_intents, intent(s)).result(10) for s in stored]
        with any_database.read() as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM attempt")).scalar_one() == 3
    assert len(set(ids)) == 3


def test_one_bad_write_takes_no_other_down(any_database):
    _, stored = create(any_database)
    with Recorder(any_database) as recorder:
        recorder.submit(lambda _: __import__("time").sleep(0.2))  # so that the rest becomes one batch
        good = [recorder.submit_to(attempts.write_intents, intent(s)) for s in stored]
        bad = recorder.submit_to(attempts.write_intents, intent(stored[0]))
        worse = recorder.submit(lambda _: 1 / 0)
    assert all(future.result(0) for future in good)
    assert isinstance(bad.exception(0), sa.exc.IntegrityError)
    assert isinstance(worse.exception(0), ZeroDivisionError)


def test_what_is_written_in_one_go_is_each_ones_own(any_database):
    _, stored = create(any_database)
    with any_database.write() as connection:
        ids = attempts.write_intents(connection, [intent(s) for s in reversed(stored)])
        ended = [
            attempts.Ended(i, outcome) for i, outcome in zip(ids, (succeeded(), failed(), succeeded()), strict=True)
        ]
        attempts.write_outcomes(connection, ended)
    with any_database.read() as connection:
        frame = queries.outcomes(connection).set_index("trial")
    order = [frame.loc[s.trial.seq, "status"] for s in reversed(stored)]
    assert order == ["succeeded", "failed", "succeeded"]
    with pytest.raises(RuntimeError, match="already has an outcome"), any_database.write() as connection:
        attempts.write_outcomes(connection, ended)


def test_frames_of_an_empty_database_have_their_columns(any_database):
    with any_database.read() as connection:
        frame = queries.outcomes(connection)
    assert list(frame.columns) == list(queries.OUTCOME_COLUMNS)
    assert frame.empty
