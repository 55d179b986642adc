"""Three months, three zones, two schedulers that die at random: nothing runs twice, nothing is forgotten."""

from collections import Counter, defaultdict
from datetime import timedelta
from functools import cache
from itertools import pairwise

import anyio
import pytest
import sqlalchemy as sa

from arena.store import schedules
from arena.store.runs import ATTEMPT, TRIAL
from arena.units import NANO_USD_PER_USD
from harness.plan import prepare
from harness.schedules import funds
from tests.harness.schedules.minutes import by_arithmetic
from tests.harness.schedules.world import World, utc, write_config

SCHEDULES = {
    "berlin": {"cron": "30 0,2,8,14,20 * * *", "timezone": "Europe/Berlin", "jitter_s": 600, "month_budget_usd": 2.5,
               "catch_up": "latest"},
    "new-york": {"cron": "15 2 * * *", "timezone": "America/New_York", "overlap": "queue", "catch_up": "all",
                 "backlog_most": 2, "run_budget_usd": 0.03, "month_budget_usd": 0.5},
    "lord-howe": {"cron": "*/20 1-3 * * *", "timezone": "Australia/Lord_Howe", "catch_up": "none",
                  "month_budget_usd": 1.5},
}  # fmt: skip
MATCHING = {
    "berlin": ({30}, {0, 2, 8, 14, 20}),
    "new-york": ({15}, {2}),
    "lord-howe": ({0, 20, 40}, {1, 2, 3}),
}
NAP_S = 3 * 3600.0


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("begin", "seed"),
    [("2026-02-15T12:00", 1), ("2026-09-05T12:00", 2)],
    ids=["spring", "autumn"],
)
async def test_three_months(tmp_path, database, settings, machines, monkeypatch, begin, seed):
    start, end = utc(begin), utc(begin) + timedelta(days=92)
    # Plan and prices are the same all the time, and reading them is slow.
    once = cache(lambda plan, where, catalog: prepare(plan, where, catalog, today=start.date()))
    monkeypatch.setattr(funds, "prepare", lambda plan, where, catalog, *, today: once(plan, where, catalog))
    world = World(database, settings, write_config(tmp_path / "c", SCHEDULES, prompts=3), start, seed)
    world.seconds_per_call, world.trouble = 700.0, 0.01
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: world.machine("north", mean_life_h=40, mean_off_h=9, nap_s=NAP_S))
        tasks.start_soon(lambda: world.machine("south", mean_life_h=90, mean_off_h=25, nap_s=NAP_S))
        await world.clock.turn_until(end)
        tasks.cancel_scope.cancel()

    with database.read() as connection:
        rows = schedules.past_slots(connection, None, 100_000)
        executions = connection.execute(sa.select(schedules.EXECUTION)).mappings().all()
        tries = Counter(connection.execute(sa.select(ATTEMPT.c.trial_id)).scalars())
        trials = Counter(connection.execute(sa.select(TRIAL.c.run_id)).scalars())
        first_seen = dict(
            connection.execute(sa.select(schedules.SCHEDULE.c.name, schedules.SCHEDULE.c.first_seen_at)).all()
        )
    every_slot_is_decided_once(rows, first_seen, end)
    nothing_is_fired_twice(world, rows, tries, trials)
    no_budget_is_passed(world, executions)
    reasons_are_true(world, rows)
    seen = Counter((r.status, r.reason) for r in rows)
    assert {"off", "overlap", "budget"} <= {reason for _, reason in seen}, seen
    assert any(r.executions > 1 for r in rows), "some run was cut short and resumed"
    assert sum(trials.values()) > 900


def every_slot_is_decided_once(rows, first_seen, end):
    last = end - timedelta(days=8)  # what both machines slept through at the very end is not decided yet
    for name, (minutes, hours) in MATCHING.items():
        zone = SCHEDULES[name]["timezone"]
        expected = by_arithmetic(minutes, hours, set(range(7)), zone, first_seen[name], end + timedelta(days=1))
        decided = [r.slot_at for r in rows if r.schedule == name]
        assert len(decided) == len(set(decided))
        assert set(decided) <= set(expected)
        assert [s for s in expected if s <= last and s not in set(decided)] == []
        assert len(expected) > 85


def nothing_is_fired_twice(world, rows, tries, trials):
    assert max(Counter(world.fired).values()) == 1
    assert max(tries.values()) == 1
    ran = [r.run_id for r in rows if r.run_id]
    assert len(ran) == len(set(ran)) == len(trials)
    fired = Counter(run for run, _ in world.fired)
    for row in rows:
        if row.status == "done" and row.note is None:
            assert fired[row.run_id] == trials[row.run_id] == 3
    of_schedule = defaultdict(list)
    for e in world.executions:
        of_schedule[e["schedule"]].append((e["began"], e["ended"]))
    for spans in of_schedule.values():
        assert all(a[1] <= b[0] for a, b in pairwise(sorted(spans))), "two runs of a schedule at once"


def no_budget_is_passed(world, executions):
    """By what was really spent, not by what was recorded; and what was recorded is that."""
    spent, recorded = defaultdict(int), defaultdict(int)
    month_of = {(e["schedule"], e["slot_at"], e["began_at"]): e["month"] for e in executions}
    by_run = defaultdict(int)
    for e in world.executions:
        spent[e["schedule"], month_of[e["schedule"], e["slot"], e["began"]]] += e["spent"]
        by_run[e["schedule"], e["run"]] += e["spent"]
    for e in executions:
        recorded[e["schedule"], e["month"]] += e["spent_nano_usd"] or 0
    for (name, month), amount in spent.items():
        limit = SCHEDULES[name]["month_budget_usd"] * NANO_USD_PER_USD
        assert 0 < amount <= limit, (name, month)
        assert recorded[name, month] <= limit
    assert all(amount <= 0.03 * NANO_USD_PER_USD for (name, _), amount in by_run.items() if name == "new-york")
    # Only executions that are still open at the end are not in the record.
    unsettled = sum(e["spent_nano_usd"] is None for e in executions)
    assert abs(sum(spent.values()) - sum(recorded.values())) <= unsettled * 0.03 * NANO_USD_PER_USD
    used_up = {
        key for key, amount in spent.items() if amount > 0.9 * SCHEDULES[key[0]]["month_budget_usd"] * NANO_USD_PER_USD
    }
    assert used_up, "the budgets were of no consequence"


def reasons_are_true(world, rows):
    """Nobody who could have begun a slot was there throughout its grace, if the record says that nobody was."""
    grace = timedelta(seconds=900)
    for row in rows:
        if row.reason != "off" or row.note.startswith("more than") or row.schedule == "berlin":
            continue
        for owner, began, ended in world.up:
            if began <= row.slot_at and ended >= row.slot_at + grace:
                busy = [b for b in world.busy if b[0] == owner and b[1] <= row.slot_at + grace and b[2] >= row.slot_at]
                assert busy, f"{row} although {owner} was there and idle"
