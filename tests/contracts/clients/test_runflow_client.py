"""Runflow's simulator asked by plain calls, as its documentation and its clients for JavaScript ask it; both schemas.

There is no client for Python. The calls are those of the examples at
https://docs.runflow.io/models/black-forest-labs/flux-2-klein-4b and of @runflow-io/sdk, the schema is what matters here
of https://docs.runflow.io/api-reference/models/create-and-dispatch-a-singleton-model-run.
"""

import base64
import json
import time
from decimal import Decimal

import jsonschema
import pytest

from arena.domain.failure import FailureKind
from arena.domain.outcome import CostSource
from harness.providers import provider
from harness.providers.base import Exchange
from tests.contracts.case import KEY, SOURCE
from tests.contracts.cases.runflow import CASE, MODEL
from tests.contracts.clients.at_root import attempted, opened, sent_by_the_adapter, served
from tests.servers import png

pytestmark = pytest.mark.slow

SIMULATED = {"protocol": "runflow", "model": MODEL, "delivery": "url", "price_usd": "0.005", "reports_cost": True}
RUNS, EDIT_RUNS = f"/v1/models/{MODEL}/runs", f"/v1/models/{MODEL}/edit/runs"
DATA_URI = f"data:image/png;base64,{base64.b64encode(png(320, 256)).decode()}"
ADDRESS = {"type": "string", "pattern": "^https?://"}
WHEN = {"type": ["string", "null"], "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
STATUSES = ["queued", "dispatching", "running", "succeeded", "failed", "canceled", "partial_succeeded"]
RUN = {
    "type": "object",
    "required": ["id", "status_code", "input", "output", "created_at", "links"],
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"},
        "target_type": {"enum": ["model", "comfyui_workflow"]},
        "status_code": {"enum": STATUSES},
        "input": {"type": "object"},
        "output": {"type": ["object", "null"]},
        "duration_ms": {"type": ["integer", "null"]},
        "cost": {"type": ["string", "null"], "pattern": r"^\d+(\.\d+)?$"},
        "request_id": {"type": "string"},
        "created_at": {**WHEN, "type": "string"},
        "started_at": WHEN,
        "completed_at": WHEN,
        "links": {"type": "object"},
        "failure_code": {"type": ["string", "null"]},
        "failure_message": {"type": ["string", "null"]},
        "failure_stage_code": {"type": ["string", "null"]},
    },
    "additionalProperties": False,
}
OUTPUTS = {
    "type": "object",
    "required": ["outputs"],
    "properties": {
        "outputs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["url", "type"],
                "properties": {"url": ADDRESS, "type": {"enum": ["image", "video", "audio"]}},
            },
        },
        "seed": {"type": ["integer", "null"]},
    },
}
ERROR = {
    "type": "object",
    "required": ["code", "message", "errors"],
    "properties": {
        "code": {"type": "string", "pattern": "^[A-Z_]+$"},
        "message": {"type": "string"},
        "errors": {"type": ["array", "null"], "items": {"type": "object"}},
    },
    "additionalProperties": False,
}


def auth(key="rf_live_good"):
    return {"Authorization": f"Bearer {key}"}


def ended(sim, path, given):
    """A run, dispatched and asked for until it ends."""
    status, _, run = sim.call(path, {"input": given, "callback_url": None}, auth())
    assert (status, run["status_code"]) == (201, "queued")
    while run["status_code"] in STATUSES[:3]:
        jsonschema.validate(run, RUN)
        time.sleep(0.005)
        status, _, run = sim.call(f"/v1/runs/{run['id']}", headers=auth())
        assert status == 200
    jsonschema.validate(run, RUN)
    return run


# The documented calls against the simulator, and its replies against the schema


def test_a_run_brings_an_image_at_the_size_that_was_named():
    with served(**SIMULATED) as sim:
        run = ended(sim, RUNS, {"prompt": "a red square", "image_size": "landscape_4_3", "seed": 3})
        jsonschema.validate(run["output"], OUTPUTS)
        assert run["status_code"] == "succeeded"
        assert (run["output"]["seed"], run["cost"]) == (3, "0.005")
        assert run["created_at"] < run["started_at"] < run["completed_at"]
        image = opened(run["output"]["outputs"][0]["url"])
        assert (image.size, image.format) == ((1024, 768), "PNG")
        assert (sim.tally.successes, sim.accounted()) == (1, True)


def test_an_edit_keeps_the_size_of_its_input():
    with served(**SIMULATED) as sim:
        given = {"prompt": "make it blue", "image_urls": [DATA_URI], "num_images": 2, "output_format": "webp"}
        run = ended(sim, EDIT_RUNS, given)
        images = [opened(entry["url"]) for entry in run["output"]["outputs"]]
        assert [(image.size, image.format) for image in images] == [((320, 256), "WEBP")] * 2
        assert run["cost"] == "0.010"


def test_the_edit_of_4b_takes_four_inputs_and_makes_a_jpeg():
    with served(**SIMULATED, modes=["edit"]) as sim:
        given = {"prompt": "make it blue", "image_urls": [DATA_URI], "steps": 4, "image_size": "square"}
        image = opened(ended(sim, EDIT_RUNS, given)["output"]["outputs"][0]["url"])
        assert (image.size, image.format) == ((1024, 1024), "JPEG")
        assert sim.call(EDIT_RUNS, {"input": {**given, "steps": 26}}, auth())[0] == 422
        assert sim.call(RUNS, {"input": {"prompt": "x"}}, auth())[0] == 404


def test_the_errors_are_as_documented():
    with served(**SIMULATED) as sim:
        told = {}
        for name, (path, table, key) in {
            "bad key": (RUNS, {"input": {"prompt": "x"}}, "invalid"),
            "no model": ("/v1/models/no/body/runs", {"input": {"prompt": "x"}}, "good"),
            "no input": (RUNS, {"prompt": "x"}, "good"),
            "no prompt": (RUNS, {"input": {"seed": 1}}, "good"),
            "no such size": (RUNS, {"input": {"prompt": "x", "image_size": "huge"}}, "good"),
            "too many": (RUNS, {"input": {"prompt": "x", "num_images": 5}}, "good"),
            "nothing to edit": (EDIT_RUNS, {"input": {"prompt": "x"}}, "good"),
            "no image": (EDIT_RUNS, {"input": {"prompt": "x", "image_urls": ["data:image/png;base64,AA=="]}}, "good"),
            "no run": ("/v1/runs/3c90c3cc-0d44-4b50-8888-8dd25736052a", None, "good"),
        }.items():
            status, _, error = sim.call(path, table, auth(key))
            jsonschema.validate(error, ERROR)
            told[name] = status, error["code"]
        assert told == {
            "bad key": (401, "UNAUTHORIZED"),
            "no model": (404, "NOT_FOUND"),
            "no run": (404, "RUN_NOT_FOUND"),
            **dict.fromkeys(
                ("no input", "no prompt", "no such size", "too many", "nothing to edit", "no image"),
                (422, "VALIDATION_ERROR"),
            ),
        }
        assert dict(sim.tally.refusals) == {"unauthorized": 1, "invalid": 7}
        assert sim.accounted()


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("server_error", 500, "INTERNAL_ERROR"),
        ("unavailable", 503, "MODEL_UNAVAILABLE"),
        ("rate_limited", 429, "RATE_LIMITED"),
        ("payment", 402, "INSUFFICIENT_CREDIT"),
    ],
)
def test_a_call_that_a_fault_spoils(fault, status, code):
    with served(**SIMULATED, failures={fault: 1}) as sim:
        told, _, error = sim.call(RUNS, {"input": {"prompt": "x"}}, auth())
        jsonschema.validate(error, ERROR)
        assert (told, error["code"]) == (status, code)
        assert sim.accounted()


@pytest.mark.parametrize("fault", ["moderated", "moderated_output", "job_failed", "start_timeout"])
def test_a_run_that_fails_says_why(fault):
    with served(**SIMULATED, failures={fault: 1}) as sim:
        run = ended(sim, RUNS, {"prompt": "x"})
        assert (run["status_code"], run["output"], run["cost"]) == ("failed", None, None)
        assert run["failure_code"]
        assert run["failure_stage_code"]
        assert run["failure_message"]
        assert (run["started_at"] is None) == (fault == "start_timeout")
        assert sim.accounted()


def test_the_other_routes():
    with served(**SIMULATED) as sim:
        assert sim.call("/v1/health")[2]["status"] == "ok"
        listed = sim.call("/v1/runs/statuses", headers=auth())[2]["items"]
        assert [entry["code"] for entry in listed] == STATUSES
        assert Decimal(sim.call("/v1/billing/balance", headers=auth())[2]["balance"]) == 100
        for path in ("/v1/runs/statuses", "/v1/billing/balance"):
            assert sim.call(path, headers=auth("invalid"))[0] == 401


# What the SDK sends beside what the adapter sends


async def test_the_adapter_sends_what_the_sdk_sends():
    """The SDK: POST /v1/models/{owner}/{slug}/runs, Bearer, JSON; the body is the caller's."""
    ours = await sent_by_the_adapter(CASE.job("edit", size="512x512", format="jpeg"), b"{}", "/v1")
    assert (ours.method, ours.path) == ("POST", EDIT_RUNS)
    assert ours.headers["authorization"] == f"bearer {KEY}"
    assert ours.headers["content-type"] == "application/json"
    # Meant to differ: no `callback_url`, as the run is polled, and no `metadata` or `client_ref`, which only label it.
    assert ours.json == {
        "input": {
            "prompt": "a cat",
            "image_urls": [f"data:image/png;base64,{base64.b64encode(SOURCE.data).decode()}"],
            "image_size": "square",
            "seed": 7,
            "num_inference_steps": 4,
            "num_images": 1,
            "output_format": "jpeg",
        }
    }


# The adapter against the simulator


@pytest.mark.parametrize("quirk", [None, "output_images", "output_image_urls"])
async def test_the_adapter_reads_every_shape(quirk, tmp_path):
    with served(**SIMULATED, quirks=[quirk] if quirk else []) as sim:
        for mode in ("t2i", "edit"):
            came = await attempted(CASE.job(mode, safety=True), f"{sim.url}/v1", tmp_path)
            assert came.failure is None, came.failure
            [image] = came.images
            assert (image.width_px, image.height_px, image.format, came.sent_seed) == (512, 768, "png", 7)
            assert {"queue", "total", "duration"} <= set(came.server_ms)
            assert ("predict" in came.server_ms) == (quirk == "output_images")
            assert (came.cost.usd, came.cost.source) == (Decimal("0.005"), CostSource.REPORTED)
        assert sim.accounted()


@pytest.mark.parametrize("quirk", [None, "output_images"])
async def test_an_image_that_is_withheld_with_a_flag_is_moderated(quirk, tmp_path):
    quirks = ["nsfw_flag", *([quirk] if quirk else [])]
    with served(**SIMULATED, quirks=quirks, failures={"moderated_output": 1}) as sim:
        came = await attempted(CASE.job(), f"{sim.url}/v1", tmp_path)
    assert came.failure.kind is FailureKind.MODERATED_OUTPUT
    assert came.images == ()


async def test_lookup_and_probe_are_answered(tmp_path):
    adapter = provider("runflow")
    with served(**SIMULATED) as sim:
        came = await attempted(CASE.job(), f"{sim.url}/v1", tmp_path)
        endpoint = CASE.job().endpoint.model_copy(update={"base_url": f"{sim.url}/v1"})
        [lookup] = adapter.lookups(endpoint, CASE.job().key, came.request_id)
        _, _, run = sim.call(lookup.url.removeprefix(sim.url), headers=auth())
        jsonschema.validate(run, RUN)
        found = adapter.read_lookup(endpoint, Exchange(lookup, 200, {}, json.dumps(run).encode()))
        assert (found.cost_usd, found.server_ms) == (came.cost.usd, came.server_ms)
        probe = adapter.probe(endpoint, None)
        status, _, balance = sim.call(probe.url.removeprefix(sim.url), headers=auth())
        assert adapter.read_probe(endpoint, Exchange(probe, status, {}, json.dumps(balance).encode())).may_use is None
