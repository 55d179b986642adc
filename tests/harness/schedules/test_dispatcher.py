"""What becomes of slots: when they run, when they are missed, what they may spend, who resumes them."""

import os
from datetime import timedelta
from itertools import pairwise

import anyio
import pytest

from arena.domain.run import RunStatus
from arena.errors import ConfigError, UnknownNameError
from arena.store import owners, runs, schedules
from harness.schedules.files import read
from harness.session import resume
from tests.harness.schedules.world import OWNER, World, utc, write_config, write_schedule

pytestmark = pytest.mark.slow

START = utc("2026-03-02T00:10")  # a Monday
HOURLY = {"cron": "0 * * * *"}


@pytest.fixture
def world(tmp_path, database, settings, machines):
    OWNER.set("here:1:1")
    world = World(database, settings, write_config(tmp_path / "c", {}), START)
    world.config = tmp_path / "c"
    return world


def given(world, name="hourly", **fields):
    write_schedule(world.config, name, **{**HOURLY, **fields})


async def pass_time(world, *, until, service=None):
    """Serve as one machine until an instant."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon((service or world.service()).serve, lambda: None)
        await world.clock.turn_until(utc(until))
        tasks.cancel_scope.cancel()


async def run_due(world, at=None, service=None):
    """One call of `run-due`."""
    if at is not None:
        world.clock.now = utc(at)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon((service or world.service()).run_due)
        await world.clock.turn_until(world.clock.now + timedelta(hours=3))


def told(world, name="hourly"):
    """Slot (as HH:MM), status and reason, oldest first."""
    with world.database.read() as connection:
        rows = schedules.past_slots(connection, [name], 20_000)
    return [(f"{r.slot_at:%H:%M}", r.status.value, r.reason and r.reason.value) for r in reversed(rows)]


async def test_a_schedule_seen_for_the_first_time_starts_from_now(world):
    given(world)
    await run_due(world, "2026-03-02T10:30")
    assert told(world) == []
    await run_due(world, "2026-03-02T11:01")
    assert told(world) == [("11:00", "done", None)]
    await run_due(world, "2026-03-02T11:02")
    assert told(world) == [("11:00", "done", None)], "asked again, nothing happens again"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("none", {"08:00": "missed", "09:00": "missed", "10:00": "missed", "11:00": "missed"}),
        ("latest", {"08:00": "missed", "09:00": "missed", "10:00": "missed", "11:00": "done"}),
        ("all", {"08:00": "missed", "09:00": "done", "10:00": "done", "11:00": "done"}),
    ],
)
async def test_a_machine_that_was_off_catches_up_as_it_is_told(world, policy, expected):
    given(world, catch_up=policy, backlog_most=3)
    await run_due(world, "2026-03-02T07:30")
    await run_due(world, "2026-03-02T11:40")  # suspended for four hours
    assert {slot: status for slot, status, _ in told(world)} == expected
    assert {reason for _, status, reason in told(world) if status == "missed"} <= {"off"}


async def test_a_slot_of_now_stands_in_for_those_that_were_missed(world):
    given(world, catch_up="latest")
    await run_due(world, "2026-03-02T07:30")
    await run_due(world, "2026-03-02T11:05")
    assert told(world)[-1] == ("11:00", "done", None)
    assert {status for _, status, _ in told(world)[:-1]} == {"missed"}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("skip", [("01:00", "done", None), ("02:00", "missed", "overlap"), ("03:00", "done", None)]),
     ("queue", [("01:00", "done", None), ("02:00", "done", None), ("03:00", "done", None)])],
)  # fmt: skip
async def test_a_slot_that_comes_due_while_an_earlier_one_runs(world, policy, expected):
    given(world, overlap=policy, catch_up="none")
    world.seconds_per_call = 2000.0  # about 65 minutes for both
    world.rng.uniform = lambda _a, _b: 1.0
    await pass_time(world, until="2026-03-02T04:20")
    assert told(world)[:3] == expected


async def test_a_slot_waits_for_another_schedules_run_and_is_not_late_by_that(world):
    given(world, "long", cron="0 1 * * *")
    given(world, "short", cron="5 1 * * *", catch_up="none")
    world.seconds_per_call = 3600.0
    world.rng.uniform = lambda _a, _b: 1.0
    await pass_time(world, until="2026-03-02T05:30")
    assert told(world, "short") == [("01:05", "done", None)]
    began = {e["schedule"]: e["began"] for e in world.executions}
    assert began["short"] == utc("2026-03-02T03:00"), "right after the other one, which took two hours"


async def test_a_changed_schedule_invents_nothing_and_forgets_nothing(world):
    given(world)
    await run_due(world, "2026-03-02T00:30")
    given(world, cron="*/10 * * * *")
    await run_due(world, "2026-03-02T01:05")
    assert told(world) == [("01:00", "missed", "changed")]
    await run_due(world, "2026-03-02T01:11")
    assert told(world) == [("01:00", "missed", "changed"), ("01:10", "done", None)]


async def test_a_schedule_that_was_switched_off_owes_nothing_when_it_is_on_again(world):
    given(world)
    await run_due(world, "2026-03-02T00:30")
    given(world, enabled=False)
    await run_due(world, "2026-03-02T00:40")
    await run_due(world, "2026-03-02T09:00")
    given(world)
    await run_due(world, "2026-03-02T12:10")
    assert told(world) == []
    await run_due(world, "2026-03-02T13:00")
    assert told(world) == [("13:00", "done", None)]


async def test_a_month_that_is_used_up_stops_runs_before_it_is_passed_and_says_so(world):
    given(world, month_budget_usd=0.05)
    world.rng.choice = lambda _: "image"
    await pass_time(world, until="2026-03-02T04:30")
    assert told(world) == [("01:00", "done", None), ("02:00", "done", None), ("03:00", "done", None),
                           ("04:00", "missed", "budget")]  # fmt: skip
    assert [e["budget"] for e in world.executions] == [50_000_000, 30_000_000, 10_000_000]
    assert len(world.fired) == 5
    (line,) = [e.line() for e in world.events if e.kind == "missed"]
    assert "budget: of the $0.0500 of 2026-03, $0 are left; one call at t/one costs $0.0100" in line


async def test_what_a_run_reserved_and_did_not_spend_is_there_again(world):
    given(world, run_budget_usd=0.02, month_budget_usd=0.02)
    world.rng.choice = lambda _: "cheap"  # 0.4 cents instead of one
    await pass_time(world, until="2026-03-02T04:30")
    # $0.02, then $0.012 of which one call at a cent is reserved, then $0.008: not enough for one.
    assert [status for _, status, _ in told(world)] == ["done", "done", "missed", "missed"]
    assert sum(e["spent"] for e in world.executions) == 12_000_000


async def test_a_month_begins_by_the_schedules_own_clocks(world):
    given(world, cron="30 * * * *", timezone="Pacific/Auckland", month_budget_usd=0.02)
    world.rng.choice = lambda _: "image"
    world.clock.now = utc("2026-03-31T09:45")
    await run_due(world)
    await pass_time(world, until="2026-03-31T11:45")  # April begins in Auckland at 11:00 UTC
    assert told(world) == [("10:30", "done", None), ("11:30", "done", None)]


async def test_a_run_that_was_cut_short_is_resumed_and_fires_nothing_twice(world):
    given(world)
    await run_due(world, "2026-03-02T00:30")
    service = world.service()
    world.clock.now = utc("2026-03-02T01:00")
    world.seconds_per_call = 60.0
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(service.run_due)
        await world.clock.turn_until(utc("2026-03-02T01:00") + timedelta(seconds=1))
        service.stop()  # SIGTERM: what is in flight comes home
        await world.clock.turn_until(utc("2026-03-02T01:05"))
    assert told(world) == [("01:00", "interrupted", None)]
    assert len(world.fired) == 1
    OWNER.set("there:2:2")
    await run_due(world, "2026-03-02T05:30")
    assert told(world)[0] == ("01:00", "done", None)
    assert len([f for f in world.fired if f[0] == world.executions[0]["run"]]) == len(set(world.fired[:2])) == 2


async def test_a_run_whose_process_died_is_taken_over_only_once_it_is_silent(world):
    given(world, month_budget_usd=0.05)
    await killed_in_its_second_call(world, "image")
    world.clock.now = heard_at = max(e["ended"] for e in world.executions)
    assert world.dispatcher().next_work(heard_at + timedelta(seconds=20)) is None, "it may be alive"
    work = world.dispatcher().next_work(heard_at + timedelta(seconds=40))
    assert work.session.became_unknown == 1
    assert len(work.session.trials) == 1
    with world.database.read() as connection:
        # Two cents, one of them for the call that nobody knows the end of; and all that may still be spent.
        assert schedules.month_spent_nano_usd(connection, "hourly", "2026-03") == 50_000_000
    assert work.session.run.budget_nano_usd == 50_000_000


async def killed_in_its_second_call(world, outcome):
    """The run of one o'clock, of three calls; each has the same outcome, and the second is in flight."""
    write_config(world.config, {}, prompts=3)
    await run_due(world, "2026-03-02T00:30")
    world.clock.now = utc("2026-03-02T01:00")
    world.seconds_per_call = 60.0
    world.rng.choice = lambda _: outcome
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.service().run_due)
        await world.clock.turn_until(utc("2026-03-02T01:00") + timedelta(seconds=1))
        tasks.cancel_scope.cancel()  # kill -9
    OWNER.set("there:2:2")


def spent(world):
    with world.database.read() as connection:
        return schedules.month_spent_nano_usd(connection, "hourly", "2026-03")


async def test_a_run_that_died_and_is_given_up_as_it_was_switched_off_costs_what_it_spent(world):
    given(world, cron="0 1 * * *", month_budget_usd=0.05)  # five cents; 0.4 will be spent, and a cent be in flight
    await killed_in_its_second_call(world, "cheap")
    assert spent(world) == 50_000_000
    given(world, cron="0 1 * * *", month_budget_usd=0.05, enabled=False)
    await run_due(world, "2026-03-02T03:10")
    assert told(world) == [("01:00", "failed", None)]
    assert spent(world) == 14_000_000


async def test_a_run_that_cannot_be_resumed_costs_what_it_spent_and_is_not_given_up_within_a_minute(world, monkeypatch):
    given(world, cron="0 1 * * *", month_budget_usd=0.05)  # five cents; 0.4 will be spent, and a cent be in flight
    await killed_in_its_second_call(world, "cheap")

    def without_key(*_):
        raise ConfigError("set T_KEY")

    monkeypatch.setattr("harness.schedules.dispatcher.check_keys", without_key)
    service = world.service()
    world.clock.now = utc("2026-03-02T01:10")
    await pass_time(world, until="2026-03-02T01:12", service=service)
    assert told(world) == [("01:00", "interrupted", None)]
    assert spent(world) == 14_000_000
    await pass_time(world, until="2026-03-02T01:25", service=service)
    assert told(world) == [("01:00", "failed", None)]
    assert spent(world) == 14_000_000


async def test_a_run_that_fails_for_ever_is_given_up(world):
    given(world, cron="0 1 * * *")
    write_config(world.config, {}, prompts=9)
    world.trouble = 1.1
    await pass_time(world, until="2026-03-02T02:00")
    assert told(world) == [("01:00", "failed", None)]
    starts = [e["began"] for e in world.executions]
    assert len(starts) == 3
    assert min(b - a for a, b in pairwise(starts)) >= timedelta(minutes=5)


async def test_a_run_that_a_person_finished_meanwhile_is_done(world):
    given(world, cron="0 1 * * *")
    await run_due(world, "2026-03-02T00:30")
    work = world.dispatcher().next_work(utc("2026-03-02T01:00"))
    with world.database.write() as connection:
        runs.end_run(connection, work.session.run.id, work.session.owner, RunStatus.INTERRUPTED)
    world.dispatcher().ended(work, RunStatus.INTERRUPTED, utc("2026-03-02T01:01"))
    session = resume(world.database, world.catalog, work.session.run.id)  # arena run --resume
    OWNER.set("there:2:2")
    assert world.dispatcher().next_work(utc("2026-03-02T01:05")) is None
    with world.database.write() as connection:
        runs.end_run(connection, session.run.id, session.owner, RunStatus.FINISHED)
    assert world.dispatcher().next_work(utc("2026-03-02T01:06")) is None
    assert told(world) == [("01:00", "done", None)]


async def test_an_unusable_plan_is_a_missed_slot_with_the_sentence_and_no_others_are_stopped(world):
    given(world, "broken", plan="missing-endpoint")
    given(world, "fine")
    text = (world.config / "plans" / "small.toml").read_text()
    (world.config / "plans" / "missing-endpoint.toml").write_text(text.replace("t/one", "t/onne"))
    await run_due(world, "2026-03-02T00:30")
    await run_due(world, "2026-03-02T01:00")
    assert told(world, "fine") == [("01:00", "done", None)]
    assert told(world, "broken") == [("01:00", "missed", "unusable")]
    assert any("there is no endpoint 't/onne'; did you mean 't/one'?" in e.line() for e in world.events)


async def test_a_clock_that_ran_ahead_and_was_put_right_loses_nothing(world):
    given(world, catch_up="none")
    await run_due(world, "2026-03-02T00:30")
    await run_due(world, "2027-08-02T00:30")  # a battery was empty
    assert len(told(world)) > 10_000
    await run_due(world, "2026-03-02T00:40")
    assert told(world) == []
    await run_due(world, "2026-03-02T01:00")
    assert told(world) == [("01:00", "done", None)]


async def test_jitter_is_the_same_for_every_scheduler_and_keeps_the_order(world):
    given(world, jitter_s=1800)
    one, two = world.entries(), world.entries()
    slots = list(one[0].cron.between(START, START + timedelta(days=3)))
    delays = [one[0].due_at(s) - s for s in slots]
    assert delays == [two[0].due_at(s) - s for s in slots]
    assert len(set(delays)) > 60
    assert timedelta(0) <= min(delays) < timedelta(minutes=3)
    assert timedelta(minutes=27) < max(delays) <= timedelta(minutes=30)
    await pass_time(world, until="2026-03-02T02:59")
    assert [e["began"] for e in world.executions] == [one[0].due_at(s) for s in slots[:2]]


def test_one_scheduled_run_at_a_time_on_a_machine(tmp_path, database, settings):
    """Two processes of one machine, this one and another that is alive."""
    world = World(database, settings, write_config(tmp_path / "c", {"a": HOURLY, "b": HOURLY}), START)
    host, _, _ = owners.new_owner().rsplit(":", 2)
    parent = f"{host}:{os.getppid()}:{owners.began(os.getppid())}"
    world.dispatcher().next_work(START)
    first = world.dispatcher().next_work(utc("2026-03-02T01:00"))
    with database.write() as connection:
        connection.execute(runs.RUN.update().values(owner=parent))
    assert world.dispatcher().next_work(utc("2026-03-02T01:01")) is None
    (waits,) = [e for e in world.events if e.kind == "waits"]
    assert f"until {parent} has executed run {first.session.run.id} of a" in waits.line()
    with database.write() as connection:
        runs.end_run(connection, first.session.run.id, parent, RunStatus.FINISHED)
    assert world.dispatcher().next_work(utc("2026-03-02T01:02")).entry.schedule.name == "b"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"cron": "0 25 * * *"}, r"hourly.toml: `cron`: '0 25 \* \* \*': the hour '25' cannot be used"),
        ({"timezone": "Europe/Berln"}, "hourly.toml: `timezone`: .*did you mean 'Europe/Berlin'"),
        ({"plan": "smal"}, r"hourly.toml: `plan`: there is no plan \(file or name\) 'smal'; did you mean 'small'"),
        ({"overlap": "wait"}, "hourly.toml: `overlap`: Input should be 'skip' or 'queue'"),
        ({"catchup": "all"}, "there is no field `catchup`; did you mean 'catch_up'"),
        ({"month_budget_usd": 0}, "`month_budget_usd`: Input should be greater than 0"),
        ({"jitter_s": 3600}, "`jitter_s`: must be less than 3600, the seconds between two slots"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_file_and_field(world, fields, sentence):
    given(world, **fields)
    with pytest.raises(ConfigError, match=sentence):
        world.entries()


def test_an_unknown_name_is_answered_with_the_nearest(world):
    given(world)
    with pytest.raises(UnknownNameError, match=r"schedule \(file or name\) 'hurly'; did you mean 'hourly'"):
        read(world.catalog, ["hurly"])


def test_a_plan_may_lie_beside_its_schedule(world, tmp_path):
    given(world)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "p.toml").write_text(
        'name = "p"\nendpoints = ["t/one"]\n[prompts]\nsets = ["core"]\n[request]\nsize = "64x64"\n'
    )
    path = tmp_path / "mine" / "s.toml"
    path.write_text('name = "s"\nplan = "p.toml"\ncron = "0 0 * * *"\ntimezone = "UTC"\n')
    (entry,) = read(world.catalog, [str(path)])
    assert entry.plan == str(path.parent / "p.toml")
