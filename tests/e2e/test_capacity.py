"""`arena capacity` from the outside, at a simulated provider whose capacity is known."""

import json
import signal

import pytest

from harness.sim.contender import SimContender
from harness.sim.process import background
from tests.e2e.conftest import QUICK, endpoint, price

WORKERS, SERVICE_MS = 2, 100.0
PACE = ("--size", "64x64", "--seconds-per-step", "4", "--yes")


@pytest.fixture
def two(config):
    """`t/two`: two workers of 100 ms each behind one queue, so 20 images/s; `t/narrow`: it, one call at a time."""
    law = {"latency": {"kind": "fixed", "ms": SERVICE_MS}, "workers": WORKERS, "max_in_flight": 1024}
    two = {**QUICK, "name": "two", "protocol": "openai", "model": "sim-two", **law, "price_usd": "0.001"}
    with background([SimContender.model_validate(two)]) as url:
        wide = endpoint(two, f"{url}/two/v1", 'seed = "seed"').replace("max_in_flight = 8", "max_in_flight = 256")
        narrow = endpoint({**two, "name": "narrow"}, f"{url}/two/v1", 'seed = "seed"')
        with (config / "endpoints.toml").open("a") as file:
            file.write("\n" + wide + narrow.replace("max_in_flight = 8", "max_in_flight = 1"))
        with (config / "prices.toml").open("a") as file:
            file.write("\n" + price("two") + price("narrow"))
        yield


@pytest.mark.slow
def test_the_capacity_of_a_known_queue_is_found_and_can_be_shown_again(arena, two):
    said = arena(
        "capacity", "t/two", "--slo", "p90<800ms,success>0.8", "--start-rate", "10", "--precision", "1",
        "--max-rate", "40", "--json", *PACE,
    )  # fmt: skip
    found = json.loads(said.out)
    assert found["simulated"] is True
    assert found["objective"] == "p90<800ms,success>0.8"
    if "this machine" in (found["limited_by"] or ""):
        pytest.skip("this machine was too busy to send on time, and says so")
    # No more than the workers can do, and what a backlog of 800 ms hides in a step of four seconds.
    assert found["holds_per_s"] <= 1.4 * WORKERS * 1000 / SERVICE_MS
    assert found["fails_per_s"] > found["holds_per_s"]
    assert found["limited_by"] == "the provider"
    assert found["held_repeats"] == 2
    assert max(p["delivered_per_s"] for p in found["curve"]) <= 1.1 * WORKERS * 1000 / SERVICE_MS
    assert found["spent_at_most_usd"] == pytest.approx(0.01 * (sum(p["n"] for p in found["curve"]) + 2 * runs(found)))
    again = arena.json("runs", "capacity", found["plan"])
    assert again["curve"] == found["curve"]
    assert "SIMULATED" in arena("runs", "capacity", "last").out


def runs(found):
    return sum(len(p["run_ids"]) for p in found["curve"])


@pytest.mark.slow
def test_a_limit_of_the_data_is_not_taken_for_the_providers(arena, two):
    found = arena.json("capacity", "t/narrow", "--slo", "p90<600ms", "--start-rate", "5", "--max-rate", "40",
                       "--precision", "1", "--repeats", "1", *PACE)  # fmt: skip
    if "this machine" in found["limited_by"]:
        pytest.skip("this machine was too busy to send on time, and says so")
    assert found["limited_by"] == "the endpoint's limits in Arena's data"
    assert found["curve"][-1]["waited_share"] > 0.05


def test_what_it_would_cost_is_shown_without_firing(arena):
    shown = arena.json("capacity", "t/quick", "--slo", "p95<2s,success>0.95", "--dry-run")
    assert shown["first_step_requests"] == 73
    assert shown["first_step_usd"] == pytest.approx(0.75)
    assert shown["most_requests"] > 73
    assert not arena.data.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["t/quick", "--slo", "p95<2"], "write clauses such as"),
        (["t/quick", "--slo", "p95<2s", "--budget-usd", "0.3"], "does not pay for the first step"),
        (["t/*", "--slo", "p95<2s"], "name one"),
        (["t/quick", "--slo", "p95<2s", "--size", "63x1"], "makes sides from"),
        (["t/keyed", "--slo", "p95<2s", "--budget-usd", "5"], "needs a price"),
        (["t/keyed", "--slo", "p95<2s"], "TEST_API_KEY"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_fired(arena, arguments, words):
    said = arena("capacity", *arguments, "--yes", code=2)
    assert words in said.err.strip().splitlines()[-1]
    assert not arena.data.exists()


@pytest.mark.slow
def test_the_search_stops_before_it_passes_its_budget(arena):
    said = arena("capacity", "t/quick", "--slo", "p50<2s", "--start-rate", "8", "--max-rate", "32", "--size", "64x64",
                 "--seconds-per-step", "1", "--budget-usd", "0.2", "--yes", "--json", code=3)  # fmt: skip
    found = json.loads(said.out)
    assert "the budget does not pay for the next step" in said.err
    assert found["spent_at_most_usd"] == pytest.approx(0.1)
    assert found["holds_per_s"] == 8
    assert found["held_repeats"] == 1


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_there(arena):
    process = arena.start("capacity", "t/quick", "--slo", "p50<2s", "--start-rate", "4", "--max-rate", "4",
                          "--size", "64x64", "--seconds-per-step", "60", "--yes", "--json")  # fmt: skip
    for line in process.stderr:
        if "done" in line and not line.startswith("0/"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    found = json.loads(out)
    assert 0 < found["curve"][0]["n"] < 240
    assert arena.json("runs", "capacity", "last")["curve"] == found["curve"]
