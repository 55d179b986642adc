"""`arena score` and `arena providers same-weights` from the outside, over simulated providers."""

import pytest

from harness.sim.contender import SimContender
from harness.sim.process import background
from tests.e2e.conftest import QUICK, endpoint, price
from tests.scoring_models import save_clip

pytestmark = pytest.mark.timeout(300)  # each command that needs torch reads gigabytes, if nobody has lately

HOSTS = {
    "reference": {},
    "honest": {},
    "nearly": {"seed": "nearly"},
    "foreign": {"seed": "ignored"},
    "cached": {"quietly": ["cached"]},
    "downsized": {"quietly": ["downsized"]},
    "noisier": {"quietly": ["noisier"]},
}
DIFFERENT = {"cached": "cached", "downsized": "less fine detail", "noisier": "noisier"}


@pytest.fixture
def hosts(config):
    """One endpoint `t/NAME` for each of HOSTS, all of which claim the same weights, and `t/else` of another model."""
    base = {**QUICK, "protocol": "openai", "max_in_flight": 64, "latency": {"kind": "fixed", "ms": 20}}
    contenders = [{**base, "name": n, "model": f"sim-{n}", "habits": habits} for n, habits in HOSTS.items()]
    with background([SimContender.model_validate(c) for c in contenders]) as url:
        texts = [
            endpoint(c, f"{url}/{c['name']}/v1", 'seed = "seed"').replace("simulated", 'weights = "open-1"\nsimulated')
            for c in contenders
        ]
        with (config / "endpoints.toml").open("a") as file:
            file.write("\n" + "\n".join(texts))
        with (config / "prices.toml").open("a") as file:
            file.write("\n" + "\n".join(price(name) for name in HOSTS))
        yield


@pytest.mark.slow
def test_hosts_that_quietly_serve_something_else_are_told_and_honest_ones_are_not(arena, hosts):
    plan = arena.plan(
        *HOSTS, "quick", repetitions=2, prompts={"sets": ["core"], "limit": 12}, request={"size": "128x128"},
        load={"in_flight": 1},  # what `foreign` draws depends on whose turn it is: the same figures every time
    )  # fmt: skip
    arena("run", plan, "--yes")
    shown = arena.json("providers", "same-weights", "last", "--reference", "t/reference")
    found = {h["endpoint"].removeprefix("t/"): h for h in shown["hosts"]}
    assert set(found) == set(HOSTS) - {"reference"}  # `quick` claims another model
    for name, host in found.items():
        assert host["simulated"]
        assert host["prompts"] == 12
        if name in DIFFERENT:
            assert host["verdict"] == "differs", name
            assert any(DIFFERENT[name] in reason for reason in host["reasons"]), host["reasons"]
        else:
            assert host["verdict"] != "differs", host
    assert found["honest"]["verdict"] == "serves what it claims"
    assert found["honest"]["same_seed"] == {"identical bytes": 24}
    assert found["foreign"]["same_seed"] == {"different": 24}
    assert found["nearly"]["same_seed"] == {"nearly the same": 24}
    assert found["cached"]["copies"]["value"] > 0.25  # both seeds may be asked for before either is cached
    assert shown["false_alarm_rate"] == 0.01
    written = arena("providers", "same-weights", "last", "--reference", "t/reference", "--endpoint", "t/noisier").out
    assert "t/noisier: differs – noisier: noise +" in written
    assert "SIMULATED" in written
    refused = arena("providers", "same-weights", "last", "--reference", "t/refrence", code=2)
    assert "there is no endpoint 't/refrence'; did you mean 't/reference'?" in refused.sentence
    refused = arena("providers", "same-weights", "last", "--reference", "t/quick", code=2)
    assert "no other endpoint claims the model 'quick' of t/quick" in refused.sentence


@pytest.mark.slow
def test_a_run_is_scored_shown_and_scored_only_once(arena, tmp_path):
    arena("run", arena.plan("quick", "pods", repetitions=1), "--yes")
    clip = str(save_clip(tmp_path / "clip"))
    said = arena("score", "last", "--clip", clip, "--metric", "clip_score", "--metric", "noise", "--json")
    assert "10 scores of 5 images" in said.err  # both draw the same pictures, and each is scored once
    assert "images/s on" in said.err
    again = arena("score", "last", "--clip", clip, "--metric", "clip_score", "--metric", "noise", "--json")
    assert "0 scores of 0 images" in again.err
    assert "10 were there" in again.err
    assert again.out == said.out
    shown = arena.json("score", "show", "last")
    assert {(s["endpoint"], s["metric"]) for s in shown["scores"]} == {
        (e, m) for e in ("t/quick", "t/pods") for m in ("clip_score", "noise")
    }
    assert all(s["simulated"] and s["mean"]["n"] == 5 for s in shown["scores"])
    assert all(len(s["weights_sha256"]) == 64 for s in shown["scores"] if s["metric"] == "clip_score")
    written = arena("score", "show").out
    assert "CLIP score · clip" in written
    assert "SIMULATED" in written
    assert "there are no votes on images that are scored" in arena("score", "agreement").out
    assert arena.json("score", "agreement") == []


@pytest.mark.slow
def test_without_weights_what_can_be_scored_is_and_the_rest_is_explained(arena):
    arena("run", arena.plan("quick", prompts={"sets": ["core"], "limit": 2}), "--yes")
    env = {"HF_HUB_CACHE": str(arena.directory / "empty")}
    said = arena("score", "last", "--metric", "clip_score", code=2, **env)
    assert "is not in" in said.sentence
    assert "hf download" in said.sentence
    said = arena("score", "last", **env)
    assert "left out clip_score" in said.err
    assert "fine detail" in said.out


@pytest.mark.slow
def test_wrong_values_are_one_sentence(arena):
    assert "there is no database" in arena("score", "last", code=2).sentence
    assert "there is no database" in arena("score", "agreement", code=2).sentence
    assert (
        "there is no metric 'nois'; did you mean 'noise'?"
        in arena("score", "last", "--metric", "nois", code=2).sentence
    )
    arena("run", arena.plan("quick", prompts={"sets": ["core"], "limit": 1}), "--yes")
    assert "there is no run 'agreemnt'" in arena("score", "agreemnt", code=2).sentence
    said = arena("score", "last", "--clip", "ViT-B-32:nonsense", "--metric", "clip_score", code=2).sentence
    assert "there is no pretrained tag 'nonsense'" in said
    assert "cannot be used here" in arena("score", "last", "--device", "tpu", "--metric", "clip_score", code=2).sentence
    names = [m["name"] for m in arena.json("score", "metrics")]
    assert names == sorted(names)
    assert "clip_score" in names
