import itertools
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from arena.catalog import Catalog
from arena.domain.plan import Phase
from arena.errors import BudgetError, ConfigError, MissingKeyError
from harness.plan import check_budget, check_keys, estimate, prepare
from tests.factories import make_plan

TODAY = date(2026, 11, 1)


def prepared(only=(), **changes):
    fields = {
        "endpoints": ["sim/steady", "sim/swift", "sim/cogwheel"],
        "prompts": {"sets": ["core"], "limit": 5},
        "request": {"size": "512x512"},
        "repetitions": 2,
        "warmup": 1,
    }
    return prepare(make_plan(**{**fields, **changes}), "p.toml", Catalog(environ={}), today=TODAY, only=only)


def test_every_cell_is_there_once():
    trials = prepared().trials
    cells = Counter((t.endpoint_id, t.prompt_id, t.repetition) for t in trials if t.phase is Phase.MEASURE)
    assert len(cells) == 3 * 5 * 2
    assert set(cells.values()) == {1}
    assert Counter(t.endpoint_id for t in trials if t.phase is Phase.WARMUP) == dict.fromkeys(prepared().targets, 1)
    assert [t.seq for t in trials] == list(range(len(trials)))


def test_the_same_plan_gives_the_same_trials_and_another_seed_another_order():
    assert prepared().trials == prepared().trials
    other = prepared(seed=1).trials
    assert {(t.endpoint_id, t.prompt_id) for t in other} == {(t.endpoint_id, t.prompt_id) for t in prepared().trials}
    assert [t.prompt_id for t in other] != [t.prompt_id for t in prepared().trials]


def test_endpoints_are_interleaved_within_each_prompt():
    measured = [t for t in prepared().trials if t.phase is Phase.MEASURE]
    blocks = [measured[i : i + 3] for i in range(0, len(measured), 3)]
    assert all(len({t.prompt_id for t in block}) == 1 for block in blocks)
    assert all({t.endpoint_id for t in block} == set(prepared().targets) for block in blocks)
    assert len({tuple(t.endpoint_id for t in block) for block in blocks}) > 1


def test_a_varied_seed_is_the_same_at_all_endpoints_and_no_other_cell():
    seeds = {}
    for trial in prepared(warmup=0).trials:
        seeds.setdefault((trial.prompt_id, trial.repetition), set()).add(trial.seed)
    assert all(len(s) == 1 for s in seeds.values())
    assert len({s.pop() for s in seeds.values()}) == 10
    fixed = prepared(request={"size": "512x512", "seed": 42}).trials
    assert {t.seed for t in fixed} == {42}
    none = prepared(request={"size": "512x512", "seed": "none"}).trials
    assert {t.seed for t in none} == {None}


def test_due_times_keep_the_rate_and_endpoints_do_not_fire_together():
    trials = [t for t in prepared(load={"kind": "constant", "rate_per_s": 10}).trials if t.phase is Phase.MEASURE]
    for endpoint in prepared().targets:
        due = [t.due_ns for t in trials if t.endpoint_id == endpoint]
        assert {b - a for a, b in itertools.pairwise(due)} == {100_000_000}
    assert len({t.due_ns for t in trials}) == len(trials)


def test_poisson_due_times_have_the_rate_on_average_and_are_drawn_once():
    def due():
        plan = prepared(load={"kind": "poisson", "rate_per_s": 10}, repetitions=100)
        return [t.due_ns for t in plan.trials if t.endpoint_id == "sim/steady" and t.phase is Phase.MEASURE]

    times = due()
    assert times == due() == sorted(times)
    assert times[-1] / 1e9 == pytest.approx(50, rel=0.2)


def test_an_endpoint_that_cannot_edit_is_given_no_edits_and_that_is_said():
    plan = prepared(endpoints=["sim/steady", "self-hosted/cog"], prompts={"sets": ["core", "edit"], "limit": 40})
    edits = {p.id for p in plan.prompts.values() if p.mode == "edit"}
    assert edits
    assert not any(t.endpoint_id == "self-hosted/cog" and t.prompt_id in edits for t in plan.trials)
    assert any(note.startswith("self-hosted/cog gets") for note in plan.notes)
    with pytest.raises(ConfigError, match="self-hosted/cog makes t2i only, and no selected prompt is of that mode"):
        prepared(endpoints=["self-hosted/cog"], prompts={"sets": ["edit"]})


def test_what_an_endpoint_cannot_be_told_is_said():
    plan = prepared(endpoints=["lumenfall/flux.2-klein-4b"], request={"size": "1024x1024", "guidance": 2.0})
    assert plan.notes == ("lumenfall/flux.2-klein-4b cannot be told: guidance",)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"request": {"size": "4096x4096"}},
            "p.toml: endpoint sim/steady makes sides from 64 to 2048 px, not 4096x4096",
        ),
        ({"request": {"size": "512x512", "n": 3}}, "makes at most 1 image(s) a call, not 3"),
        ({"endpoints": ["sim/steddy"]}, "did you mean 'sim/steady'?"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_fired(changes, expected):
    with pytest.raises(ConfigError) as caught:
        prepared(**changes)
    assert expected in str(caught.value)


def test_the_estimate_adds_up_worst_cases():
    expected = estimate(prepared())
    assert expected.calls == 33
    assert expected.worst_case_usd == Decimal("0.004") * 11 + Decimal("0.002") * 11 + Decimal("0.005") * 11
    assert expected.unpriced == ()
    assert estimate(prepared(endpoints=["self-hosted/cog"])).unpriced == ("self-hosted/cog",)


def test_a_budget_that_pays_for_nothing_or_cannot_be_kept_is_refused():
    check_budget(prepared(), Decimal("0.005"))
    with pytest.raises(BudgetError, match=r"--budget \$0.0049 is below the cost of one call at sim/cogwheel, which is"):
        check_budget(prepared(), Decimal("0.0049"))
    with pytest.raises(BudgetError, match="--budget needs a price for self-hosted/cog"):
        check_budget(prepared(endpoints=["self-hosted/cog"]), Decimal(1))


def test_a_missing_key_names_the_variable_and_every_endpoint_that_needs_it():
    plan = prepared(endpoints=["lumenfall/flux.2-klein-9b", "lumenfall/flux.2-klein-4b"], request={"size": "1024x1024"})
    with pytest.raises(MissingKeyError) as caught:
        check_keys(plan, {"LUMENFALL_API_KEY": "  "})
    both = "lumenfall/flux.2-klein-4b, lumenfall/flux.2-klein-9b"
    how = "set the environment variable LUMENFALL_API_KEY, or `arena keys set LUMENFALL_API_KEY`"
    assert str(caught.value) == f"{both}: the key is missing; {how}"
    check_keys(plan, {"LUMENFALL_API_KEY": "k"})
    for broken in ("two\nlines", "two words", "sk-\u2026"):
        with pytest.raises(ConfigError, match="LUMENFALL_API_KEY: holds spaces, line breaks or other signs") as told:
            check_keys(plan, {"LUMENFALL_API_KEY": broken})
        assert broken not in str(told.value)


def test_the_longest_time_knows_rates_and_due_times():
    plan = prepared(endpoints=["sim/steady"], load={"kind": "constant", "rate_per_s": 0.02}, warmup=0)
    assert estimate(plan).longest_s == 9 * 50 + 60
    endpoint = plan.targets["sim/steady"].endpoint
    slow = endpoint.model_copy(update={"limits": endpoint.limits.model_copy(update={"requests_per_minute": 1})})
    closed = prepared(endpoints=["sim/steady"], warmup=0)
    closed.targets["sim/steady"] = replace(closed.targets["sim/steady"], endpoint=slow)
    assert estimate(closed).longest_s == 9 * 60 + 60


def test_warm_up_asks_for_nothing_that_is_measured_later():
    trials = prepared(warmup=3).trials
    seeds = {phase: {t.seed for t in trials if t.phase is phase} for phase in Phase}
    assert not seeds[Phase.WARMUP] & seeds[Phase.MEASURE]


def test_only_keeps_the_named_endpoints():
    assert set(prepared(only=["sim/swift"]).targets) == {"sim/swift"}
    with pytest.raises(ConfigError, match="--only: none of sim/flaky is in the plan"):
        prepared(only=["sim/flaky"])
