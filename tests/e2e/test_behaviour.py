"""`arena providers behaviour` from the outside: what departs from what was asked is told, nobody else is accused."""

import json

import pytest

from harness.sim.contender import SimContender
from harness.sim.process import background
from tests.e2e.conftest import QUICK, endpoint, price

HABITS = {
    "honest": {},
    "noisy": {"habits": {"seed": "nearly"}},
    "renamed": {"habits": {"seed": "restamped"}},
    "moody": {"habits": {"seed": "ignored"}},
    "cached": {"habits": {"cache": True}},
    "single": {"habits": {"ignores": ["n"]}},
    "lossy": {"habits": {"ignores": ["format"]}},
    "sleepy": {"cold_start": {"after_s": 1, "ms": 1500}},
    "small": {"failures": {"wrong_size": 1.0}},
}
HONEST = {
    "same_seed": "yes",
    "seed_cache": "no",
    "unseeded_repeat": "no",
    "size": "yes",
    "format": "yes",
    "count": "yes",
    "several_differ": "yes",
}
EXPECTED = {
    "honest": {},
    "noisy": {},
    "renamed": {},
    "moody": {"same_seed": "no"},
    "cached": {"same_seed": "cannot be told", "seed_cache": "yes", "unseeded_repeat": "yes"},
    "single": {"count": "no", "several_differ": "cannot be told"},
    "lossy": {"format": "no"},
    "sleepy": {"cold_start": "yes"},
    "small": {"size": "no"},
}


@pytest.fixture
def kinds(config):
    """One endpoint `t/NAME` for each of HABITS, and `t/seedless`, which cannot be told a seed or several images."""
    base = {**QUICK, "protocol": "openai", "max_in_flight": 64, "latency": {"kind": "fixed", "ms": 60}}
    contenders = [{**base, "name": name, "model": f"sim-{name}", **more} for name, more in HABITS.items()]
    with background([SimContender.model_validate(c) for c in contenders]) as url:
        texts = [
            endpoint(c, f"{url}/{c['name']}/v1", 'seed = "seed"').replace("limits = {", "limits = { max_n = 4,")
            for c in contenders
        ]
        texts.append(endpoint({**base, "name": "seedless", "model": "sim-honest"}, f"{url}/honest/v1", 'seed = ""'))
        with (config / "endpoints.toml").open("a") as file:
            file.write("\n" + "\n".join(texts))
        with (config / "prices.toml").open("a") as file:
            file.write("\n" + "\n".join(price(name) for name in (*HABITS, "seedless")))
        yield


def answers(shown):
    return {
        one["endpoint"].removeprefix("t/"): {f["name"]: f["answer"] for f in one["findings"]}
        for one in shown["endpoints"]
    }


@pytest.mark.slow
def test_every_way_of_not_doing_what_was_asked_is_told_and_nobody_else_is_accused(arena, kinds):
    names = [f"t/{name}" for name in (*HABITS, "seedless")]
    said = arena("providers", "behaviour", *names, "--size", "128x128", "--pause-s", "2", "--yes", "--json")
    shown = json.loads(said.out)
    found = answers(shown)
    assert all(one["simulated"] for one in shown["endpoints"])
    for name, departs in EXPECTED.items():
        told = {k: v for k, v in found[name].items() if k in HONEST or k in departs}
        assert told == {**HONEST, **departs}, name
        assert name == "sleepy" or found[name]["cold_start"] != "yes", name
    assert found["seedless"]["same_seed"] == found["seedless"]["count"] == "cannot be told"
    seen = {one["endpoint"]: {f["name"]: f["seen"] for f in one["findings"]} for one in shown["endpoints"]}
    assert "identical bytes" in seen["t/honest"]["same_seed"]
    assert "nearly the same" in seen["t/noisy"]["same_seed"]
    assert "identical pixels" in seen["t/renamed"]["same_seed"]
    # The same findings again, from the stored rows and images.
    assert arena.json("runs", "behaviour", shown["plan"])["endpoints"] == shown["endpoints"]
    assert arena.json("runs", "behaviour", "last")["endpoints"] == shown["endpoints"]
    assert arena("runs", "behaviour", "last").out.count("SIMULATED") == len(names)


def test_any_run_can_be_asked(arena):
    arena("run", arena.plan("quick", repetitions=1), "--yes")
    shown = arena.json("runs", "behaviour", "last")
    found = answers(shown)["quick"]
    assert found["size"] == found["format"] == "yes"
    assert found["same_seed"] == found["seed_cache"] == found["count"] == found["cold_start"] == "cannot be told"


def test_what_it_would_cost_is_shown_without_firing(arena):
    shown = arena.json("providers", "behaviour", "t/quick", "t/pods", "--size", "64x64", "--dry-run")
    assert shown == {"runs": 4, "calls": 66, "worst_case_usd": pytest.approx(0.66), "pauses_s": 180.0}
    assert not arena.data.exists()


def test_a_budget_that_does_not_pay_for_all_the_questions_is_refused(arena):
    said = arena("providers", "behaviour", "t/quick", "--size", "64x64", "--budget-usd", "0.2", "--yes", code=2)
    assert "does not pay for all the questions, which may cost $0.330" in said.err
    assert not arena.data.exists()
