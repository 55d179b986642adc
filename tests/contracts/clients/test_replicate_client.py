"""Replicate's official Python client against the simulator and beside the adapter, and both against the schema.

The client is replicate 1.0.7; the schema is what matters here of the one at https://api.replicate.com/openapi.json.
"""

import base64
import json
from contextlib import contextmanager

import jsonschema
import pytest
import replicate
from replicate.exceptions import ModelError, ReplicateError

from arena.domain.failure import FailureKind
from harness.providers import provider
from harness.providers.base import Exchange, Job
from tests.contracts.case import KEY, SOURCE
from tests.contracts.cases.replicate import CASE, MODEL, SUCCEEDED
from tests.contracts.clients import at_root
from tests.contracts.clients.at_root import opened, sent_by_the_adapter
from tests.factories import make_endpoint
from tests.servers import answering, png, response, scripted

pytestmark = pytest.mark.slow

ADAPTER = provider("replicate")
CREATE = f"/v1/models/{MODEL}/predictions"
BODY = {"input": {"prompt": "x", "output_megapixels": "0.25"}}
NO_IMAGE = "data:image/png;base64,AAAA"
DATA_URI = f"data:image/png;base64,{base64.b64encode(png(96, 64)).decode()}"
WHEN = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
ADDRESS = {"type": "string", "pattern": "^https?://"}
PREDICTION = {
    "type": "object",
    "required": ["id", "model", "version", "input", "output", "data_removed", "error", "status", "created_at", "urls"],
    "properties": {
        "id": {"type": "string"},
        "model": {"type": "string"},
        "version": {"type": "string"},
        "input": {"type": "object"},
        "output": {"anyOf": [{"type": "null"}, {"type": "array", "minItems": 1, "items": ADDRESS}]},
        "data_removed": {"type": "boolean"},
        "error": {"type": ["string", "null"]},
        "logs": {"type": "string"},
        "source": {"enum": ["web", "api"]},
        "status": {"enum": ["starting", "processing", "succeeded", "failed", "canceled", "aborted"]},
        "created_at": WHEN,
        "started_at": WHEN,
        "completed_at": WHEN,
        "deadline": WHEN,
        "metrics": {
            "type": "object",
            "properties": {"predict_time": {"type": "number"}, "total_time": {"type": "number"}},
        },
        "urls": {
            "type": "object",
            "required": ["web", "get", "cancel"],
            "properties": {"get": ADDRESS, "cancel": ADDRESS, "web": ADDRESS, "stream": ADDRESS},
        },
    },
    "additionalProperties": False,
}
PROBLEM = {
    "type": "object",
    "required": ["title", "detail", "status"],
    "properties": {
        "title": {"type": "string"},
        "detail": {"type": "string"},
        "status": {"type": "integer"},
        "invalid_fields": {"type": "array", "items": {"type": "object", "required": ["type", "field", "description"]}},
    },
}


def served(**changes):
    return at_root.served(protocol="replicate", model=MODEL, **changes)


@contextmanager
def client_of(sim, key=KEY):
    """The official client, closed at the end, which it does not do itself."""
    client = replicate.Client(api_token=key, base_url=sim.url, trust_env=False)
    client.poll_interval = 0.01
    try:
        yield client
    finally:
        client._client.close()


def job_at(sim, mode="t2i", options=None, **asked):
    """A job for the simulator."""
    lab = make_endpoint(protocol="replicate", base_url=f"{sim.url}/v1", model=MODEL, options=options or {})
    plain = {"size": "512x512", "steps": None, "guidance": None}
    return Job(lab, CASE.job(mode, **plain | asked).request, CASE.job().key)


async def attempted(job, folder):
    return await at_root.attempted(job, job.endpoint.base_url, folder)


def answer_to(sim, call):
    """The simulator's answer to a question of the adapter's."""
    status, headers, told = sim.call(call.url.removeprefix(sim.url))
    return Exchange(call, status, dict(headers), json.dumps(told).encode())


# The client against the simulator


def test_the_client_runs_a_model_and_gets_an_image():
    with served() as sim, client_of(sim) as client:
        [address] = client.run(MODEL, input={"prompt": "a red square", "seed": 3, "output_megapixels": "0.25"})
        image = opened(address)
        assert (image.size, image.format) == ((512, 512), "JPEG")
        assert sim.accounted()
        assert sim.tally.successes == 1


def test_the_client_edits_an_image():
    with served() as sim, client_of(sim) as client:
        given = {"prompt": "make it blue", "images": [DATA_URI], "aspect_ratio": "match_input_image"}
        [address] = client.run(MODEL, input={**given, "output_megapixels": "0.25", "output_format": "png"})
        image = opened(address)
        assert (image.size, image.format) == ((624, 416), "PNG")


def test_the_client_polls_what_is_not_held():
    with served() as sim, client_of(sim) as client:
        prediction = client.models.predictions.create(model=MODEL, **BODY)
        assert (prediction.status, prediction.output, prediction.metrics) == ("starting", None, None)
        prediction.wait()
        assert prediction.status == "succeeded"
        assert prediction.metrics["total_time"] > prediction.metrics["predict_time"] > 0
        assert prediction.version == "hidden"
        again = client.predictions.get(prediction.id)
        again.reload()
        assert again.output == prediction.output


@pytest.mark.parametrize("quirk", ["output_before_metrics", "short_hold"])
def test_the_client_takes_the_odd_answers_to_a_held_call(quirk):
    with served(quirks=[quirk], queue_ms=200) as sim, client_of(sim) as client:
        [address] = client.run(MODEL, **BODY)
        assert opened(address).size == (512, 512)


def test_the_client_pins_a_version():
    with served() as sim, client_of(sim) as client:
        version = client.models.get(MODEL).latest_version.id
        for named in (version, f"{MODEL}:{version}", MODEL):
            prediction = client.predictions.create(version=named, **BODY)
            prediction.wait()
            assert (prediction.status, prediction.version) == ("succeeded", version)
        with pytest.raises(ReplicateError) as refused:
            client.predictions.create(version="0" * 64, **BODY)
        assert refused.value.status == 422


@pytest.mark.parametrize(
    ("model", "given", "expected"),
    [
        (MODEL, {"seed": 1}, (422, "Input validation failed")),
        (MODEL, {"prompt": "x", "aspect_ratio": "7:5"}, (422, "Input validation failed")),
        (MODEL, {"prompt": "x", "output_megapixels": 1}, (422, "Input validation failed")),
        (MODEL, {"prompt": "x", "images": [NO_IMAGE]}, (422, "Input validation failed")),
        ("nobody/nothing", {"prompt": "x"}, (404, "Not found")),
    ],
    ids=["no prompt", "bad ratio", "a number for a text", "no image", "no model"],
)
def test_the_client_reads_a_refusal(model, given, expected):
    with served() as sim, client_of(sim) as client:
        with pytest.raises(ReplicateError) as refused:
            client.run(model, input=given)
        assert (refused.value.status, refused.value.title) == expected
        assert dict(sim.tally.refusals) == {"invalid": 1}
        assert sim.accounted()


def test_the_client_is_refused_with_a_bad_key_and_for_an_unknown_prediction():
    with served() as sim, client_of(sim, "invalid") as client:
        for call in (lambda: client.run(MODEL, **BODY), client.accounts.current, lambda: client.models.get(MODEL)):
            with pytest.raises(ReplicateError) as refused:
                call()
            assert (refused.value.status, refused.value.title) == (401, "Unauthenticated")
        assert dict(sim.tally.refusals) == {"unauthorized": 1}
        with client_of(sim) as good, pytest.raises(ReplicateError) as refused:
            good.predictions.get("p0")
        assert refused.value.status == 404


@pytest.mark.parametrize("fault", ["moderated", "moderated_output", "job_failed"])
def test_the_client_sees_a_failed_prediction(fault):
    with served(failures={fault: 1}) as sim, client_of(sim) as client, pytest.raises(ModelError) as failed:
        client.run(MODEL, **BODY)
    assert failed.value.prediction.status == "failed"
    assert failed.value.prediction.error


def test_the_client_cancels():
    with served(latency={"kind": "fixed", "ms": 60_000}, queue_ms=0) as sim, client_of(sim) as client:
        prediction = client.models.predictions.create(model=MODEL, **BODY)
        while prediction.status == "starting":
            prediction.reload()
        prediction.cancel()
        assert prediction.status == "canceled"
        assert sim.accounted()
        assert sim.tally.abandoned == 1


def test_the_client_reads_account_and_model():
    with served() as sim, client_of(sim) as client:
        assert client.accounts.current().username == "simulator"
        model = client.models.get(MODEL)
        assert f"{model.owner}/{model.name}" == MODEL
        inputs = model.latest_version.openapi_schema["components"]["schemas"]["Input"]["properties"]
        assert "output_megapixels" in inputs


# The client beside the adapter

FINISHED = json.dumps(SUCCEEDED).encode()
INPUT = {
    "prompt": "a cat",
    "aspect_ratio": "1:1",
    "output_megapixels": "1",
    "seed": 7,
    "output_format": "jpg",
    "disable_safety_checker": True,
}
ASKED = {"size": "1024x1024", "steps": None, "guidance": None, "format": "jpeg", "safety": False}
WAYS = {
    "held": ({}, 60),
    "polled": ({"hold_s": 0}, None),
    "pinned": ({"version": f"{MODEL}:abc", "hold_s": 7}, 7),
}


def sent_by_the_client(way, images):
    """The request that the client sends, to a server that answers with a finished prediction."""
    given = INPUT | ({"images": images} if images else {})
    with scripted(answering(response(FINISHED, "201 Created"))) as server, client_of(server) as client:
        create = client.predictions.create if way == "pinned" else client.models.predictions.create
        target = {"version": f"{MODEL}:abc"} if way == "pinned" else {"model": MODEL}
        create(**target, input=given, wait=WAYS[way][1], file_encoding_strategy="base64")
    return server.requests[0]


@pytest.mark.parametrize("mode", ["t2i", "edit"])
@pytest.mark.parametrize("way", WAYS)
async def test_client_and_adapter_send_the_same(way, mode, tmp_path):
    source = tmp_path / SOURCE.name
    source.write_bytes(SOURCE.data)
    with source.open("rb") as file:
        theirs = sent_by_the_client(way, [file] if mode == "edit" else [])
    lab = make_endpoint(protocol="replicate", model=MODEL, options=WAYS[way][0])
    ours = await sent_by_the_adapter(Job(lab, CASE.job(mode, **ASKED).request, CASE.job().key), FINISHED, "/v1")
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    for header in ("authorization", "content-type", "prefer", "cancel-after"):
        assert ours.headers.get(header) == theirs.headers.get(header), header
    # Meant to differ: go_fast is told, so that it stays off whatever a model's default becomes.
    sent = ours.json
    assert sent["input"].pop("go_fast") is False
    assert sent == theirs.json
    assert {k: type(v) for k, v in sent["input"].items()} == {k: type(v) for k, v in theirs.json["input"].items()}


# The simulator against the schema


def validated(told):
    jsonschema.validate(told, PREDICTION)
    return told


def test_every_state_of_a_prediction_is_as_published():
    with served(latency={"kind": "fixed", "ms": 600}, queue_ms=100) as sim:
        status, headers, told = sim.call(CREATE, BODY)
        assert (status, validated(told)["status"]) == (201, "starting")
        assert headers["location"] == told["urls"]["get"] == f"{sim.url}/v1/predictions/{told['id']}"
        assert "started_at" not in told
        path = f"/v1/predictions/{told['id']}"
        while told["status"] == "starting":
            told = validated(sim.call(path)[2])
        assert (told["status"], told["output"]) == ("processing", None)
        assert "metrics" not in told
        while told["status"] == "processing":
            told = validated(sim.call(path)[2])
        assert told["status"] == "succeeded"
        assert set(told["metrics"]) == {"predict_time", "total_time"}
        assert told["created_at"] < told["started_at"] < told["completed_at"]
        status, _, held = sim.call(CREATE, BODY, {"Prefer": "wait=5", "Cancel-After": "5m"})
        assert (status, validated(held)["status"]) == (201, "succeeded")
        assert held["deadline"] > held["completed_at"]


def test_predictions_that_come_to_nothing_are_as_published():
    with served(failures={"start_timeout": 1}) as sim:
        told = validated(sim.call(CREATE, BODY, {"Prefer": "wait"})[2])
        assert (told["status"], "started_at" in told) == ("aborted", False)
    with served(failures={"job_failed": 1}) as sim:
        assert validated(sim.call(CREATE, BODY, {"Prefer": "wait"})[2])["error"] == "CUDA out of memory"
    with served(queue_ms=60_000) as sim:
        told = sim.call(CREATE, BODY)[2]
        stopped = validated(sim.call(f"/v1/predictions/{told['id']}/cancel", {})[2])
        assert (stopped["status"], sim.tally.abandoned, sim.accounted()) == ("aborted", 1, True)


def test_output_before_metrics_and_a_short_hold_are_as_published():
    with served(quirks=["output_before_metrics"]) as sim:
        status, _, told = sim.call(CREATE, BODY, {"Prefer": "wait"})
        assert (status, validated(told)["status"], len(told["output"])) == (201, "processing", 1)
        assert not {"metrics", "completed_at"} & set(told)
    with served(quirks=["short_hold"], latency={"kind": "fixed", "ms": 300}) as sim:
        status, _, told = sim.call(CREATE, BODY, {"Prefer": "wait"})
        assert (status, validated(told)["status"], told["output"]) == (202, "processing", None)


def test_refusals_are_problem_objects():
    with served() as sim:
        for body in ("no object", {"input": {"images": 3}}, {}):
            status, headers, told = sim.call(CREATE, body)
            jsonschema.validate(told, PROBLEM)
            assert (status, headers["content-type"]) == (422, "application/problem+json")
            assert told["invalid_fields"]
        status, _, told = sim.call(CREATE, content=b"{")
        jsonschema.validate(told, PROBLEM)
        assert (status, told["status"]) == (400, 400)
        assert [sim.call(path)[0] for path in ("/v1/nothing", CREATE)] == [404, 405]
        status, _, told = sim.call(CREATE, BODY, {"Cancel-After": "1s"})
        assert (status, told["title"]) == (422, "Invalid Cancel-After")
        assert dict(sim.tally.refusals) == {"invalid": 5}
        assert sim.accounted()


@pytest.mark.parametrize(
    ("fault", "expected"), [("payment", 402), ("server_error", 500), ("unavailable", 503), ("rate_limited", 429)]
)
def test_spoiled_submissions_are_problem_objects(fault, expected):
    with served(failures={fault: 1}) as sim:
        status, headers, told = sim.call(CREATE, BODY)
        jsonschema.validate(told, PROBLEM)
        assert (status, told["status"]) == (expected, expected)
        assert ("retry-after" in headers) == (fault == "rate_limited")
        assert sim.accounted()


def test_more_than_it_has_places_for_is_throttled():
    with served(max_in_flight=1, latency={"kind": "fixed", "ms": 60_000}, quirks=["throttled_in_words"]) as sim:
        first = sim.call(CREATE, BODY)
        status, headers, told = sim.call(CREATE, BODY)
        assert (first[0], status) == (201, 429)
        assert "retry-after" not in headers
        assert told["detail"] == "Request was throttled. Your rate limit resets in ~1s."
        assert dict(sim.tally.refusals) == {"capacity": 1}
        sim.call(f"/v1/predictions/{first[2]['id']}/cancel", {})


# The adapter against the simulator


async def test_metrics_come_after_the_output_and_are_looked_up(tmp_path):
    with served(quirks=["output_before_metrics"]) as sim:
        job = job_at(sim)
        came = await attempted(job, tmp_path)
        assert came.failure is None
        assert (came.timings.polls, set(came.server_ms), came.remarks) == (0, {"queue"}, ())
        assert came.sent_seed == 7
        [lookup] = ADAPTER.lookups(job.endpoint, None, came.request_id)
        found = ADAPTER.read_lookup(job.endpoint, answer_to(sim, lookup))
        assert found.server_ms["total"] > found.server_ms["predict"] > 0
        assert found.server_ms["queue"] == pytest.approx(came.server_ms["queue"])


async def test_a_short_hold_is_polled_on_and_noted(tmp_path):
    with served(quirks=["short_hold"], latency={"kind": "fixed", "ms": 200}) as sim:
        came = await attempted(job_at(sim), tmp_path)
        assert came.failure is None
        assert came.timings.polls > 0
        assert came.remarks == ("the hold ended before the image was there",)
        assert set(came.server_ms) == {"queue", "predict", "total"}


async def test_a_deadline_that_the_host_keeps_to_ends_a_prediction(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr("harness.sim.replicate_app.deadline_s", lambda header: given.append(header) or 1)
    with served(latency={"kind": "fixed", "ms": 30_000}, queue_ms=0) as sim:
        came = await attempted(job_at(sim, options={"cancel_after_s": 30}), tmp_path)
        assert given == ["30s"]
        assert came.failure.kind is FailureKind.CANCELED
        assert sim.accounted()


@pytest.mark.parametrize(("field", "kind"), [("output_megapixels", None), ("megapixels", FailureKind.WRONG_SIZE)])
async def test_a_wrong_field_name_is_ignored_and_shows_in_the_pixels(field, kind, tmp_path):
    with served() as sim:
        job = job_at(sim, options={"fields": {"megapixels": field}})
        came = await attempted(job, tmp_path)
        assert (came.failure and came.failure.kind) == kind
        assert came.images[0].width_px == (512 if kind is None else 1024)
        probed = ADAPTER.read_probe(job.endpoint, answer_to(sim, ADAPTER.probe(job.endpoint, None)))
        assert probed.may_use is True
        assert ("ignores megapixels" in probed.says) == (kind is not None)


@pytest.mark.parametrize("size", ["512x512", "768x768", "1024x1024", "688x384", "832x1248", "1568x672"])
async def test_what_the_simulator_makes_of_a_size_is_what_is_expected(size, tmp_path):
    with served() as sim:
        came = await attempted(job_at(sim, size=size), tmp_path)
        assert came.failure is None, came.failure


async def test_an_edit_takes_the_shape_of_its_input(tmp_path):
    with served() as sim:
        source = SOURCE.model_copy(update={"data": png(600, 400)})
        came = await attempted(job_at(sim, "edit", size="608x400", size_from="input", images=(source,)), tmp_path)
        assert came.failure is None, came.failure
        assert came.sent_size == "match_input_image at 0.25 MP"
        assert (came.images[0].width_px, came.images[0].height_px) == (624, 416)
