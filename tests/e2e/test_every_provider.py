"""The shipped plan over a simulator of every provider, as a user runs it: every image comes, every phase is told."""

import json

import pytest

from harness.sim.contender import load_contenders
from harness.sim.process import background

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_the_same_prompts_at_every_simulated_provider(arena):
    with background(load_contenders()) as url:
        arena("run", "providers", "--yes", ARENA_SIM_URL=url)
    found = {e["endpoint"]: e for e in arena.json("runs", "show", "last")["endpoints"]}
    assert len(found) >= 26
    for name, endpoint in found.items():
        expected = 5 if name == "sim/runflow-edit" else 10
        assert endpoint["figures"]["success_rate"] == pytest.approx(
            {"value": 1.0, "n": expected, "low": endpoint["figures"]["success_rate"]["low"], "high": 1.0}
        ), f"{name}: {endpoint['failures']}"
        assert endpoint["phases"]["accepted_p50_ms"]["n"] == expected
    for name in ("sim/fal-queue", "sim/replicate-polled", "sim/runflow", "sim/bfl"):
        phases = found[name]["phases"]
        assert phases["accepted_p50_ms"]["value"] < phases["result_p50_ms"]["value"]
        assert phases["poll_bracket_p50_ms"]["n"] == 10
        assert phases["download_p50_ms"]["n"] == 10
    for name in ("sim/fal-queue", "sim/replicate"):
        assert found[name]["phases"]["server_queue_p50_ms"]["n"] == 10
        assert found[name]["phases"]["server_compute_p50_ms"]["n"] == 10
    text = arena("runs", "show", "last").out
    assert "where the time goes" in text
    assert "SIMULATED" in text
    rows = [json.loads(line) for line in arena("export", "last", "--format", "jsonl", "--out", "-").out.splitlines()]
    polled = [r for r in rows if r["endpoint"] in {"sim/fal-queue", "sim/replicate-polled", "sim/runflow", "sim/bfl"}]
    assert len(polled) == 40
    for r in polled:
        assert r["polls"] >= 1
        assert (
            r["accepted_ms"] <= r["last_pending_ms"] < r["first_done_ms"] <= r["generation_ms"] <= r["time_to_image_ms"]
        )
    by_address = [r for r in rows if r["endpoint"] == "sim/fal-queue"]
    assert all(r["served_seed"] == r["seed"] for r in by_address)
    assert {r["sent_size"] for r in rows if r["endpoint"] == "sim/lumenfall"} == {"1024x1024"}
    assert {r["image_width_px"] for r in rows if r["endpoint"] == "sim/lumenfall"} == {1024}
