"""Whole runs against simulated providers: every count equals the server's, whatever happens on the way."""

from collections import Counter
from decimal import Decimal

import anyio
import pytest

from arena.catalog import Catalog
from arena.domain.run import RunStatus
from arena.errors import ConfigError, RunBusyError, StoreError
from arena.store import queries, runs
from harness.plan import prepare
from harness.progress import Progress
from harness.session import create, execute, resume, today
from harness.sim.contender import SimContender
from harness.sim.process import background
from tests.factories import make_plan
from tests.servers import png

pytestmark = pytest.mark.slow

OPENAI = '{ seed = "seed", steps = "num_inference_steps", guidance = "guidance_scale" }'
CONTENDERS = {
    "quick": {"latency": {"kind": "fixed", "ms": 20}},
    "pods": {"latency": {"kind": "fixed", "ms": 20}, "protocol": "cog"},
    "wobbly": {"latency": {"kind": "fixed", "ms": 20}, "failures": {
        "server_error": 0.1, "unavailable": 0.1, "rate_limited": 0.1, "moderated": 0.1, "truncated": 0.1,
        "garbage": 0.1, "wrong_size": 0.1, "reset": 0.1, "html": 0.1}},
    "slow": {"latency": {"kind": "fixed", "ms": 600}},
}  # fmt: skip
EXPECTED_KIND = {
    "server_error": "provider_error",
    "unavailable": "capacity",
    "rate_limited": "rate_limited",
    "moderated": "moderated_input",
    "truncated": "protocol",
    "garbage": "bad_image",
    "wrong_size": "wrong_size",
    "reset": "network",
    "html": "bad_response",
}


@pytest.fixture(scope="module")
def sim_url():
    contenders = [
        SimContender.model_validate(
            {"protocol": "openai", "name": name, "model": name, "quality": 0.5, "style": "flat", "price_usd": "0.01",
             "max_in_flight": 64, "seed": 1, **changes}
        )
        for name, changes in CONTENDERS.items()
    ]  # fmt: skip
    with background(contenders) as url:
        yield url


@pytest.fixture
def catalog(sim_url, tmp_path):
    """Endpoints `t/NAME` over the simulators, one cent an image."""
    endpoints, prices = [], []
    for name, changes in CONTENDERS.items():
        protocol = changes.get("protocol", "openai")
        suffix, fields = ("/v1", OPENAI) if protocol == "openai" else ("", '{ guidance = "guidance" }')
        endpoints.append(
            f'[[endpoint]]\nid = "t/{name}"\nprovider = "t"\nprotocol = "{protocol}"\nmodel = "{name}"\n'
            f'base_url = "{sim_url}/{name}{suffix}"\nsimulated = true\noptions.fields = {fields}\n'
            "limits = { max_in_flight = 8 }\n"
        )
        prices.append(
            f'[[price]]\nendpoint = "t/{name}"\nfrom_date = 2026-01-01\nper_image_usd = "0.01"\nsource = "here"\n'
            'confidence = "simulated"\n'
        )
    directory = tmp_path / "config"
    directory.mkdir()
    (directory / "endpoints.toml").write_text("\n".join(endpoints))
    (directory / "prices.toml").write_text("\n".join(prices))
    return Catalog(directory, environ={})


def plan_for(catalog, *names, **changes):
    fields = {"endpoints": [f"t/{n}" for n in names], "prompts": {"sets": ["core"], "limit": 5}}
    load = {"kind": "closed", "in_flight": 4}
    plan = make_plan(**{**fields, "request": {"size": "64x64"}, "load": load, **changes})
    return prepare(plan, "p.toml", catalog, today=today())


async def run(database, settings, session, on_start=lambda _: None):
    progress = Progress(s.trial.endpoint_id for s in session.trials)
    status = await execute(database, settings, session, progress, environ={}, on_start=on_start)
    return status, progress


def outcomes(database, session):
    with database.read() as connection:
        return queries.outcomes(connection, session.run.id)


async def test_a_run_stores_every_outcome_and_every_image(database, settings, catalog):
    session = create(database, plan_for(catalog, "quick", "pods", repetitions=2, warmup=2), settings, None)
    status, progress = await run(database, settings, session)
    frame = outcomes(database, session)
    assert status is RunStatus.FINISHED
    assert Counter(frame["phase"]) == {"measure": 20, "warmup": 4}
    assert set(frame["status"]) == {"succeeded"}
    assert set(frame["simulated"]) == {True}
    assert set(frame["image_width_px"]) == set(frame["image_height_px"]) == {64}
    assert len(list(settings.images_dir.rglob("[0-9a-f]*[0-9a-f]"))) > 0
    assert frame["cost_usd"].sum() == pytest.approx(0.24)
    assert progress.spent_usd == pytest.approx(0.24)
    assert progress.ended == 24
    with database.read() as connection:
        assert runs.get_run(connection, session.run.id).status is RunStatus.FINISHED


async def test_every_count_equals_the_servers(database, settings, catalog, sim_url):
    import httpx

    def truth():
        return httpx.get(f"{sim_url}/truth", timeout=10).json()["wobbly"]

    before = truth()
    session = create(database, plan_for(catalog, "wobbly", repetitions=20), settings, None)
    await run(database, settings, session)
    frame, after = outcomes(database, session), truth()
    assert after["requests"] - before["requests"] == len(frame) == 100
    sent = {kind: n - before["faults"].get(kind, 0) for kind, n in after["faults"].items()}
    expected = Counter({EXPECTED_KIND[kind]: n for kind, n in sent.items() if n})
    assert Counter(frame["failure_kind"].dropna()) == expected
    assert (frame["status"] == "succeeded").sum() == after["successes"] - before["successes"]


async def test_the_budget_is_never_passed_and_all_of_it_is_used(database, settings, catalog):
    session = create(database, plan_for(catalog, "quick", "pods", repetitions=10), settings, Decimal("0.25"))
    status, _ = await run(database, settings, session)
    frame = outcomes(database, session)
    assert status is RunStatus.BUDGET
    assert len(frame) == 25
    assert frame["cost_usd"].sum() == pytest.approx(0.25)


async def test_a_stopped_run_brings_home_what_is_open_and_resumes_with_the_rest(database, settings, catalog):
    session = create(database, plan_for(catalog, "slow", repetitions=4), settings, None)

    def stop_soon(runner):
        async def later():
            await anyio.sleep(0.3)
            runner.stop(RunStatus.INTERRUPTED)

        stopper.start_soon(later)

    async with anyio.create_task_group() as stopper:
        status, _ = await run(database, settings, session, on_start=stop_soon)
    first = outcomes(database, session)
    assert status is RunStatus.INTERRUPTED
    assert len(first) == 4, "the four that were open came home, and no other was fired"
    assert set(first["status"]) == {"succeeded"}

    again = resume(database, catalog, session.run.id)
    assert len(again.trials) == 16
    assert (await run(database, settings, again))[0] is RunStatus.FINISHED
    frame = outcomes(database, session)
    assert len(frame) == 20
    assert set(frame["attempt"]) == {1}
    with pytest.raises(ConfigError, match="has nothing left to fire"):
        resume(database, catalog, session.run.id)


async def test_an_aborted_run_counts_what_was_in_flight_as_unknown_and_never_fires_it_again(
    database, settings, catalog
):
    session = create(database, plan_for(catalog, "slow", repetitions=2), settings, None)

    def abort_soon(runner):
        async def later():
            await anyio.sleep(0.3)
            runner.abort(RunStatus.INTERRUPTED)

        stopper.start_soon(later)

    async with anyio.create_task_group() as stopper:
        status, _ = await run(database, settings, session, on_start=abort_soon)
    assert status is RunStatus.INTERRUPTED
    assert Counter(outcomes(database, session)["status"]) == {"unknown": 4}
    again = resume(database, catalog, session.run.id)
    assert len(again.trials) == 6
    assert again.spent_nano_usd == 4 * 10_000_000, "what may have been billed counts against the budget"
    await run(database, settings, again)
    assert Counter(outcomes(database, session)["status"]) == {"unknown": 4, "succeeded": 6}


async def test_a_timed_load_fires_at_its_due_times_and_says_how_late_it_was(database, settings, catalog):
    load = {"kind": "constant", "rate_per_s": 20}
    session = create(database, plan_for(catalog, "quick", load=load, repetitions=2), settings, None)
    await run(database, settings, session)
    frame = outcomes(database, session)
    sent_s = frame["started_at"].astype("int64") / 1e6
    assert (sent_s.max() - sent_s.min()) == pytest.approx(0.45, abs=0.2)
    assert frame["lateness_ms"].notna().all()
    assert (frame["lateness_ms"] >= 0).all()


async def test_a_closed_loop_with_a_length_ends_and_a_stage_changes_what_is_open(database, settings, catalog):
    stages = [{"for_s": 0.7, "in_flight": 1}, {"for_s": 0.7, "in_flight": 4}]
    plan = plan_for(catalog, "quick", load={"kind": "closed", "stages": stages}, repetitions=1000)
    session = create(database, plan, settings, None)
    status, _ = await run(database, settings, session)
    frame = outcomes(database, session)
    assert status is RunStatus.FINISHED
    assert 0 < len(frame) < 5000
    at_s = (frame["started_at"] - frame["started_at"].min()).dt.total_seconds()
    ended_s = at_s + frame["ended_ms"].astype(float) / 1000

    def open_at(moment_s):
        return int(((at_s <= moment_s) & (ended_s > moment_s)).sum())

    assert max(open_at(s) for s in at_s[at_s < 0.6]) == 1
    assert max(open_at(s) for s in at_s[at_s > 0.8]) in {2, 3, 4}
    with pytest.raises(ConfigError, match="has told what its plan asks for"):
        resume(database, catalog, session.run.id)


async def test_a_timed_load_with_a_length_fires_what_is_due_by_then(database, settings, catalog):
    plan = plan_for(catalog, "quick", load={"kind": "constant", "rate_per_s": 20, "for_s": 0.6})
    assert [t.repetition for t in plan.trials] == [0] * 5 + [1] * 5 + [2] * 2
    session = create(database, plan, settings, None)
    await run(database, settings, session)
    assert len(outcomes(database, session)) == 12


async def test_a_fast_endpoint_waits_for_a_slow_one_once_it_is_a_lead_ahead(database, settings, catalog):
    load = {"kind": "closed", "in_flight": 1, "lead": 2}
    session = create(database, plan_for(catalog, "quick", "slow", load=load), settings, None)
    await run(database, settings, session)
    frame = outcomes(database, session)
    began = {(r.endpoint, r.prompt_id): r.started_at for r in frame.itertuples()}
    order = list(dict.fromkeys(s.trial.prompt_id for s in session.trials))
    for place in range(3, 5):
        assert began["t/quick", order[place]] >= began["t/slow", order[place - 2]], "it ran too far ahead"
    assert len(frame) == 10


async def test_images_that_are_not_kept_are_still_checked(database, settings, catalog):
    kept = plan_for(catalog, "quick", "pods", keep_images=0.4, repetitions=4)
    session = create(database, kept, settings, None)
    await run(database, settings, session)
    frame = outcomes(database, session)
    assert set(frame["status"]) == {"succeeded"}
    assert set(frame["image_width_px"]) == {64}
    assert set(frame["image_count"]) == {1}
    with_file = frame[frame["image_sha256"].notna()]
    assert 0 < len(with_file) < len(frame)
    cells = {e: set(zip(g["prompt_id"], g["repetition"], strict=True)) for e, g in with_file.groupby("endpoint")}
    assert cells["t/quick"] == cells["t/pods"], "the same trials are kept everywhere, so that images can meet"

    wobbly = create(database, plan_for(catalog, "wobbly", keep_images=1e-9, repetitions=20), settings, None)
    await run(database, settings, wobbly)
    kinds = set(outcomes(database, wobbly)["failure_kind"].dropna())
    assert {"bad_image", "wrong_size", "protocol"} <= kinds
    assert outcomes(database, wobbly)["image_sha256"].isna().all()


async def test_a_run_says_how_fit_the_machine_was(database, settings, catalog):
    session = create(database, plan_for(catalog, "slow"), settings, None)
    await run(database, settings, session)
    with database.read() as connection:
        seen = runs.get_run(connection, session.run.id).fitness
    assert seen.samples > 5
    assert 0 <= seen.loop_lag_p50_ms <= seen.loop_lag_p95_ms <= seen.loop_lag_max_ms
    assert 0 <= seen.machine_cpu_p50 <= 1
    assert seen.own_cpu > 0
    assert seen.lateness_p95_ms is None
    assert seen.hand_over_p95_ms is not None
    assert seen.round_trip_p50_ms.keys() == {"t/slow"}


async def test_a_closed_loop_never_has_more_open_than_it_may(database, settings, catalog):
    session = create(database, plan_for(catalog, "slow", load={"kind": "closed", "in_flight": 2}), settings, None)
    seen = []
    progress = Progress(s.trial.endpoint_id for s in session.trials)
    async with anyio.create_task_group() as watchers:

        async def watch():
            while True:
                seen.append(progress.endpoints["t/slow"].in_flight)
                await anyio.sleep(0.01)

        watchers.start_soon(watch)
        await execute(database, settings, session, progress, environ={})
        watchers.cancel_scope.cancel()
    assert max(seen) == 2


async def test_a_full_disk_ends_the_run_with_a_sentence_and_leaves_it_resumable(
    database, settings, catalog, monkeypatch
):
    session = create(database, plan_for(catalog, "quick", repetitions=20), settings, None)
    from arena.store.blobs import BlobStore

    real, calls = BlobStore._written, []

    def fills_up(self, path, data):
        calls.append(path)
        if len(calls) > 3:
            raise OSError(28, "No space left on device")
        return real(self, path, data)

    with monkeypatch.context() as full:
        full.setattr(BlobStore, "_written", fills_up)
        with pytest.raises(StoreError, match="No space left on device"):
            await run(database, settings, session)
    with database.read() as connection:
        assert runs.get_run(connection, session.run.id).status is RunStatus.FAILED
    stored = outcomes(database, session)
    assert (stored["status"] == "succeeded").sum() == 3
    again = resume(database, catalog, session.run.id)
    await run(database, settings, again)
    assert len(outcomes(database, session)) == 100


async def test_one_failing_write_loses_nothing_that_came_home(database, settings, catalog, monkeypatch):
    session = create(database, plan_for(catalog, "quick", repetitions=20, load={"in_flight": 8}), settings, None)
    from arena.store.blobs import BlobStore

    real, calls = BlobStore._written, []

    def fails_once(self, path, data):
        calls.append(path)
        if len(calls) == 3:
            raise OSError(5, "Input/output error")
        return real(self, path, data)

    monkeypatch.setattr(BlobStore, "_written", fails_once)
    with pytest.raises(StoreError, match="Input/output error"):
        await run(database, settings, session)
    statuses = Counter(outcomes(database, session)["status"])
    assert statuses["unknown"] == 1, "the one whose image could not be stored"
    assert statuses["succeeded"] == len(calls) - 1 >= 7, "all others that were open came home and are stored"


async def test_an_outcome_that_the_database_cannot_hold_costs_that_outcome(database, settings, catalog, monkeypatch):
    session = create(database, plan_for(catalog, "quick"), settings, None)
    from arena.store import mapping

    real, seen = mapping.outcome_row, []

    def unholdable(outcome):
        seen.append(outcome)
        return real(outcome) | ({"polls": 2**80} if outcome is seen[0] else {})

    monkeypatch.setattr(mapping, "outcome_row", unholdable)
    status, _ = await run(database, settings, session)
    assert status is RunStatus.FINISHED
    assert Counter(outcomes(database, session)["failure_kind"].dropna()) == {"harness": 1}
    assert (outcomes(database, session)["status"] == "succeeded").sum() == 4


async def test_a_run_that_was_taken_over_fires_nothing_further(database, settings, catalog, monkeypatch):
    monkeypatch.setattr(runs, "HEARTBEAT_S", 0.2)
    session = create(database, plan_for(catalog, "slow", repetitions=4), settings, None)
    async with anyio.create_task_group() as others:

        async def take_over():
            await anyio.sleep(0.1)
            with database.write() as connection:
                connection.execute(runs.RUN.update().values(owner="other:1:2"))

        others.start_soon(take_over)
        with pytest.raises(RunBusyError, match="was taken over by another process"):
            await run(database, settings, session)
    frame = outcomes(database, session)
    assert len(frame) == 4
    assert set(frame["status"]) == {"succeeded"}


async def test_connections_stay_open_from_warm_up_to_the_end(database, settings, catalog):
    session = create(database, plan_for(catalog, "quick", warmup=4), settings, None)
    await run(database, settings, session)
    frame = outcomes(database, session)
    assert frame.loc[frame["phase"] == "measure", "connected_ms"].isna().all()
    assert frame.loc[frame["phase"] == "warmup", "connected_ms"].notna().all()


async def test_resuming_keeps_to_the_new_budget_and_remembers_it(database, settings, catalog):
    session = create(database, plan_for(catalog, "quick", repetitions=2), settings, Decimal("0.03"))
    assert (await run(database, settings, session))[0] is RunStatus.BUDGET
    again = resume(database, catalog, session.run.id, Decimal("0.05"))
    assert (await run(database, settings, again))[0] is RunStatus.BUDGET
    assert len(outcomes(database, session)) == 5
    with database.read() as connection:
        assert runs.get_run(connection, session.run.id).budget_nano_usd == 50_000_000


async def test_resuming_a_finished_run_changes_nothing(database, settings, catalog):
    session = create(database, plan_for(catalog, "quick"), settings, None)
    await run(database, settings, session)
    with database.read() as connection:
        before = runs.get_run(connection, session.run.id)
    with pytest.raises(ConfigError, match="has nothing left to fire"):
        resume(database, catalog, session.run.id)
    with database.read() as connection:
        assert runs.get_run(connection, session.run.id) == before


async def test_an_edit_is_not_resumed_with_another_source_image(database, settings, catalog, tmp_path):
    sources = tmp_path / "config" / "sources"
    sources.mkdir()
    image = sources / "mine.png"
    image.write_bytes(png(32, 32))
    (tmp_path / "config" / "own.toml").write_text(
        'name = "own"\ntitle = "Own"\nlicence = "CC0-1.0"\n[[prompts]]\nid = "own-edit"\ntext = "bluer"\n'
        'category = "own"\nmode = "edit"\nsources = ["mine.png"]\nclip_tokens = 1\n'
    )
    endpoints = tmp_path / "config" / "endpoints.toml"
    endpoints.write_text(endpoints.read_text().replace("simulated = true", 'simulated = true\nmodes = ["t2i", "edit"]'))
    plan = plan_for(catalog, "quick", prompts={"sets": ["own"]}, repetitions=3)
    session = create(database, plan, settings, Decimal("0.01"))
    await run(database, settings, session)
    image.write_bytes(png(32, 32, (1, 2, 3)))
    with pytest.raises(ConfigError, match=r"prompts/sources/mine.png: has changed since the run was made"):
        resume(database, catalog, session.run.id, Decimal(1))


async def test_servers_own_timings_are_kept_beside_ours(database, settings, catalog):
    session = create(database, plan_for(catalog, "quick", "pods"), settings, None)
    await run(database, settings, session)
    frame = outcomes(database, session)
    timings = queries.server_timings(frame)
    assert timings.loc[frame["endpoint"] == "t/quick", "generate"].notna().all()
    assert timings.loc[frame["endpoint"] == "t/pods", "predict"].notna().all()
