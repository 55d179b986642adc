"""Replicate's official Python client against the simulator and beside the adapter, and both against the schema.

The client is replicate 1.0.7; the schema is what matters here of the one at https://api.replicate.com/openapi.json.
"""

import base64
import io
import json
import threading
import time
from contextlib import contextmanager
from urllib.request import Request, urlopen

import anyio
import jsonschema
import pytest
import replicate
import uvicorn
from PIL import Image
from replicate.exceptions import ModelError, ReplicateError

from arena.domain.failure import FailureKind
from arena.store.blobs import BlobStore
from harness.clock import SystemClock
from harness.engine import Engine
from harness.providers import provider
from harness.providers.base import Exchange, Job
from harness.sim.contender import SimContender
from harness.sim.replicate_app import replicate_app
from harness.sim.server import uvicorn_config
from harness.sim.state import FileStore, Provider
from harness.transport import Transport
from harness.verify import verify
from tests.contracts.case import KEY, SOURCE
from tests.contracts.cases.replicate import CASE, MODEL, SUCCEEDED
from tests.factories import make_endpoint
from tests.servers import answering, png, response, scripted

ADAPTER = provider("replicate")
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


def contender(**changes):
    fields = {
        "name": "replicate",
        "protocol": "replicate",
        "model": MODEL,
        "latency": {"kind": "fixed", "ms": 20},
        "queue_ms": 20,
        "quality": 0.5,
        "style": "flat",
        "max_in_flight": 8,
    }
    return SimContender.model_validate(fields | changes)


class Served:
    """A simulator at the root of a server."""

    def __init__(self, url, state):
        self.url, self.tally, self.state = url, state.tally, state

    def client(self, token="good"):
        client = replicate.Client(api_token=token, base_url=self.url, trust_env=False)
        client.poll_interval = 0.01
        return client

    def call(self, path, body=None, **headers):
        """Status, headers and JSON of a plain call."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data, {"Content-Type": "application/json", **headers})
        from urllib.error import HTTPError

        try:
            with urlopen(request) as answer:
                return answer.status, dict(answer.headers.items()), json.load(answer)
        except HTTPError as refused:
            with refused:
                return refused.code, dict(refused.headers.items()), json.load(refused)

    def endpoint(self, **changes):
        fields = {"protocol": "replicate", "base_url": f"{self.url}/v1", "model": MODEL, "poll_interval_s": 0.01}
        return make_endpoint(**fields | changes)

    def accounted(self):
        """Whether every request came to something that was counted."""
        tally = self.tally
        ends = tally.successes + tally.faults.total() + tally.refusals.total() + tally.abandoned
        return (tally.requests, self.state.in_flight) == (ends, 0)


@contextmanager
def served(**changes):
    state = Provider(contender(**changes), FileStore(), anyio.CapacityLimiter(2))
    config = uvicorn_config(replicate_app(state))
    config.port = 0
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Served(f"http://127.0.0.1:{port}", state)
    finally:
        server.should_exit = True
        thread.join(10)


async def attempted(endpoint, images, mode="t2i", **changes):
    """One attempt by the engine, verified."""
    job = CASE.job(mode, **{"size": "512x512", "steps": None, "guidance": None, **changes})
    clock = SystemClock()
    connection = Transport(clock).connection()
    try:
        delivery = await Engine(clock).attempt(ADAPTER, Job(endpoint, job.request, job.key), connection, timeout_s=10)
    finally:
        await connection.close()
    return verify(delivery, ADAPTER, BlobStore(images), None)


def opened(address):
    with urlopen(address) as answer:
        return Image.open(io.BytesIO(answer.read()))


# The client against the simulator


def test_the_client_runs_a_model_and_gets_an_image():
    with served() as sim:
        [address] = sim.client().run(MODEL, input={"prompt": "a red square", "seed": 3, "output_megapixels": "0.25"})
        image = opened(address)
        assert (image.size, image.format) == ((512, 512), "JPEG")
        assert sim.accounted()
        assert sim.tally.successes == 1


def test_the_client_edits_an_image():
    with served() as sim:
        given = {"prompt": "make it blue", "images": [DATA_URI], "aspect_ratio": "match_input_image"}
        [address] = sim.client().run(MODEL, input={**given, "output_megapixels": "0.25", "output_format": "png"})
        image = opened(address)
        assert (image.size, image.format) == ((624, 416), "PNG")


def test_the_client_polls_what_is_not_held():
    with served() as sim:
        given = {"prompt": "a red square", "output_megapixels": "0.25"}
        prediction = sim.client().models.predictions.create(model=MODEL, input=given)
        assert (prediction.status, prediction.output, prediction.metrics) == ("starting", None, None)
        prediction.wait()
        assert prediction.status == "succeeded"
        assert prediction.metrics["total_time"] > prediction.metrics["predict_time"] > 0
        assert prediction.version == "hidden"
        again = sim.client().predictions.get(prediction.id)
        again.reload()
        assert again.output == prediction.output


def test_the_client_pins_a_version():
    with served() as sim:
        version = sim.call(f"/v1/models/{MODEL}")[2]["latest_version"]["id"]
        for named in (version, f"{MODEL}:{version}", MODEL):
            prediction = sim.client().predictions.create(version=named, input={"prompt": "a dog"})
            prediction.wait()
            assert (prediction.status, prediction.version) == ("succeeded", version)
        with pytest.raises(ReplicateError) as refused:
            sim.client().predictions.create(version="0" * 64, input={"prompt": "a dog"})
        assert refused.value.status == 422


def test_the_client_reads_the_errors():
    with served() as sim:
        refused = {}
        for name, call in {
            "no prompt": lambda: sim.client().run(MODEL, input={"seed": 1}),
            "bad ratio": lambda: sim.client().run(MODEL, input={"prompt": "x", "aspect_ratio": "7:5"}),
            "number": lambda: sim.client().run(MODEL, input={"prompt": "x", "output_megapixels": 1}),
            "no image": lambda: sim.client().run(
                MODEL, input={"prompt": "x", "images": ["data:image/png;base64,AAAA"]}
            ),
            "no model": lambda: sim.client().run("nobody/nothing", input={"prompt": "x"}),
            "bad key": lambda: sim.client("invalid").run(MODEL, input={"prompt": "x"}),
            "no prediction": lambda: sim.client().predictions.get("p0"),
            "bad key to ask": lambda: sim.client("invalid").accounts.current(),
        }.items():
            with pytest.raises(ReplicateError) as error:
                call()
            refused[name] = error.value.status, error.value.title
        assert refused == {
            **dict.fromkeys(("no prompt", "bad ratio", "number", "no image"), (422, "Input validation failed")),
            **dict.fromkeys(("no model", "no prediction"), (404, "Not found")),
            **dict.fromkeys(("bad key", "bad key to ask"), (401, "Unauthenticated")),
        }
        assert dict(sim.tally.refusals) == {"invalid": 5, "unauthorized": 1}
        assert sim.accounted()


@pytest.mark.parametrize("fault", ["moderated", "moderated_output", "job_failed"])
def test_the_client_sees_a_failed_prediction(fault):
    with served(failures={fault: 1}) as sim, pytest.raises(ModelError) as failed:
        sim.client().run(MODEL, input={"prompt": "x"})
    assert failed.value.prediction.status == "failed"
    assert failed.value.prediction.error


def test_the_client_cancels():
    with served(latency={"kind": "fixed", "ms": 60_000}, queue_ms=0) as sim:
        prediction = sim.client().models.predictions.create(model=MODEL, input={"prompt": "x"})
        while prediction.status == "starting":
            prediction.reload()
        prediction.cancel()
        assert prediction.status == "canceled"
        assert sim.accounted()
        assert sim.tally.abandoned == 1


def test_the_client_reads_account_and_model():
    with served() as sim:
        assert sim.client().accounts.current().username == "simulator"
        model = sim.client().models.get(MODEL)
        assert f"{model.owner}/{model.name}" == MODEL
        inputs = model.latest_version.openapi_schema["components"]["schemas"]["Input"]["properties"]
        assert "output_megapixels" in inputs


# The client beside the adapter


def captured(use):
    """The request that a client sends to a server that answers with a finished prediction."""
    with scripted(answering(response(json.dumps(SUCCEEDED).encode(), "201 Created"))) as server:
        use(server.url)
    return server.requests[0]


async def by_the_adapter(job):
    with scripted(answering(response(json.dumps(SUCCEEDED).encode(), "201 Created"))) as server:
        endpoint = job.endpoint.model_copy(update={"base_url": f"{server.url}/v1"})
        clock = SystemClock()
        connection = Transport(clock).connection()
        try:
            await connection.send(
                connection.prepare(ADAPTER.build(Job(endpoint, job.request, job.key)), with_auth=True),
                origin_ns=clock.now_ns(),
            )
        finally:
            await connection.close()
    return server.requests[0]


INPUT = {
    "prompt": "a cat",
    "aspect_ratio": "1:1",
    "output_megapixels": "1",
    "seed": 7,
    "output_format": "jpg",
    "disable_safety_checker": True,
}
ASKED = {"size": "1024x1024", "steps": None, "guidance": None, "format": "jpeg", "safety": False}


@pytest.mark.parametrize("mode", ["t2i", "edit"])
@pytest.mark.parametrize("way", ["held", "polled", "pinned"])
async def test_client_and_adapter_send_the_same(way, mode, tmp_path):
    source = tmp_path / SOURCE.name
    source.write_bytes(SOURCE.data)
    options = {"held": {}, "polled": {"hold_s": 0}, "pinned": {"version": f"{MODEL}:abc", "hold_s": 7}}[way]

    def use(url):
        client = replicate.Client(api_token=KEY, base_url=url, trust_env=False)
        with source.open("rb") as file:
            given = INPUT | ({"images": [file]} if mode == "edit" else {})
            create = client.predictions.create if way == "pinned" else client.models.predictions.create
            target = {"version": f"{MODEL}:abc"} if way == "pinned" else {"model": MODEL}
            wait = {"held": 60, "polled": None, "pinned": 7}[way]
            create(**target, input=given, wait=wait, file_encoding_strategy="base64")

    theirs = captured(use)
    ours = await by_the_adapter(Job(make_endpoint(protocol="replicate", model=MODEL, options=options),
                                    CASE.job(mode, **ASKED).request, CASE.job().key))  # fmt: skip
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    for header in ("authorization", "content-type", "prefer", "cancel-after"):
        assert ours.headers.get(header) == theirs.headers.get(header), header
    # Meant to differ: go_fast is told, so that it stays off whatever the model's default becomes.
    assert ours.json["input"].pop("go_fast") is False
    sent = {**ours.json, "input": {k: v for k, v in ours.json["input"].items() if k != "go_fast"}}
    assert sent == theirs.json
    assert {k: type(v) for k, v in sent["input"].items()} == {k: type(v) for k, v in theirs.json["input"].items()}


# The simulator against the schema


def validated(told):
    jsonschema.validate(told, PREDICTION)
    return told


def test_every_state_of_a_prediction_is_as_published():
    create = f"/v1/models/{MODEL}/predictions"
    body = {"input": {"prompt": "x", "output_megapixels": "0.25"}}
    with served(latency={"kind": "fixed", "ms": 300}, queue_ms=100) as sim:
        status, headers, told = sim.call(create, body)
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
        held = sim.call(create, body, Prefer="wait=5", **{"Cancel-After": "5m"})
        assert (held[0], validated(held[2])["status"]) == (201, "succeeded")
        assert held[2]["deadline"] > held[2]["completed_at"]
    with served(failures={"start_timeout": 1}) as sim:
        told = validated(sim.call(create, body, Prefer="wait")[2])
        assert told["status"] == "aborted"
        assert "started_at" not in told
    with served(failures={"job_failed": 1}) as sim:
        assert validated(sim.call(create, body, Prefer="wait")[2])["error"] == "CUDA out of memory"


def test_what_is_canceled_before_it_ran_was_aborted():
    with served(queue_ms=60_000) as sim:
        told = sim.call(f"/v1/models/{MODEL}/predictions", {"input": {"prompt": "x"}})[2]
        stopped = validated(sim.call(f"/v1/predictions/{told['id']}/cancel", {})[2])
        assert (stopped["status"], sim.tally.abandoned, sim.accounted()) == ("aborted", 1, True)


def test_refusals_are_problem_objects():
    create = f"/v1/models/{MODEL}/predictions"
    bodies = {400: b"{", 422: {"input": {"images": 3}}}
    with served() as sim:
        for status, body in bodies.items():
            code, headers, told = sim.call(create, body if status == 422 else "no object")
            assert (code, headers["content-type"]) == (422, "application/problem+json")
            jsonschema.validate(told, PROBLEM)
            assert told["invalid_fields"]
        assert sim.call("/v1/nothing")[0] == 404
        assert sim.call(create)[0] == 405
        short = sim.call(create, {"input": {"prompt": "x"}}, **{"Cancel-After": "1s"})
        assert (short[0], short[2]["title"]) == (422, "Invalid Cancel-After")
        assert sim.accounted()
    for fault, expected in {"payment": 402, "server_error": 500, "unavailable": 503, "rate_limited": 429}.items():
        with served(failures={fault: 1}) as sim:
            code, headers, told = sim.call(create, {"input": {"prompt": "x"}})
            jsonschema.validate(told, PROBLEM)
            assert (code, told["status"]) == (expected, expected)
            assert ("retry-after" in headers) == (fault == "rate_limited")
            assert sim.accounted()


def test_more_than_it_has_places_for_is_throttled():
    create, body = f"/v1/models/{MODEL}/predictions", {"input": {"prompt": "x"}}
    with served(max_in_flight=1, latency={"kind": "fixed", "ms": 60_000}, quirks=["throttled_in_words"]) as sim:
        first = sim.call(create, body)
        code, headers, told = sim.call(create, body)
        assert (first[0], code) == (201, 429)
        assert "retry-after" not in headers
        assert told["detail"] == "Request was throttled. Your rate limit resets in ~1s."
        assert dict(sim.tally.refusals) == {"capacity": 1}
        sim.call(f"/v1/predictions/{first[2]['id']}/cancel", {})


# The adapter against the simulator


async def test_metrics_come_after_the_output_and_are_looked_up(tmp_path):
    with served(quirks=["output_before_metrics"]) as sim:
        endpoint = sim.endpoint()
        came = await attempted(endpoint, tmp_path)
        assert came.failure is None
        assert (came.timings.polls, set(came.server_ms), came.remarks) == (0, {"queue"}, ())
        assert came.sent_seed == 7
        [lookup] = ADAPTER.lookups(endpoint, None, came.request_id)
        told = sim.call(lookup.url.removeprefix(sim.url))[2]
        found = ADAPTER.read_lookup(endpoint, Exchange(lookup, 200, {}, json.dumps(validated(told)).encode()))
        assert found.server_ms["total"] > found.server_ms["predict"] >= 19
        assert found.server_ms["queue"] == pytest.approx(came.server_ms["queue"])
        assert sim.client().run(MODEL, input={"prompt": "x", "output_megapixels": "0.25"})


async def test_a_short_hold_is_polled_on_and_noted(tmp_path):
    with served(quirks=["short_hold"], latency={"kind": "fixed", "ms": 200}) as sim:
        came = await attempted(sim.endpoint(), tmp_path)
        assert came.failure is None
        assert came.timings.polls > 0
        assert came.remarks == ("the hold ended before the image was there",)
        assert {"queue", "predict", "total"} == set(came.server_ms)
        status, _, told = sim.call(f"/v1/models/{MODEL}/predictions", {"input": {"prompt": "x"}}, Prefer="wait")
        assert (status, validated(told)["status"], told["output"]) == (202, "processing", None)


async def test_a_deadline_of_the_hosts_own_ends_a_prediction(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.sim.replicate_app.deadline_s", lambda given: 0.1 if given == "5s" else None)
    with served(latency={"kind": "fixed", "ms": 30_000}, queue_ms=0) as sim:
        came = await attempted(sim.endpoint(options={"cancel_after_s": 5}), tmp_path)
        assert came.failure.kind is FailureKind.CANCELED
        assert sim.accounted()


@pytest.mark.parametrize(("field", "kind"), [("output_megapixels", None), ("megapixels", FailureKind.WRONG_SIZE)])
async def test_a_wrong_field_name_is_ignored_and_shows_in_the_pixels(field, kind, tmp_path):
    with served() as sim:
        endpoint = sim.endpoint(options={"fields": {"megapixels": field}})
        came = await attempted(endpoint, tmp_path)
        assert (came.failure and came.failure.kind) == kind
        assert (came.images[0].width_px == 512) == (kind is None)
        probe = ADAPTER.probe(endpoint, None)
        told = sim.call(probe.url.removeprefix(sim.url))[2]
        probed = ADAPTER.read_probe(endpoint, Exchange(probe, 200, {}, json.dumps(told).encode()))
        assert ("ignores megapixels" in probed.says) == (kind is not None)


@pytest.mark.parametrize("size", ["512x512", "768x768", "1024x1024", "688x384", "832x1248", "1568x672"])
async def test_every_nominal_size_is_what_the_simulator_rounds_it_to(size, tmp_path):
    with served() as sim:
        came = await attempted(sim.endpoint(), tmp_path, size=size)
        assert came.failure is None, came.failure


async def test_an_edit_takes_the_shape_of_its_input(tmp_path):
    with served() as sim:
        came = await attempted(sim.endpoint(), tmp_path, "edit", size="608x400", size_from="input",
                               images=(SOURCE.model_copy(update={"data": png(600, 400)}),))  # fmt: skip
        assert came.failure is None, came.failure
        assert came.sent_size == "match_input_image at 0.25 MP"
        assert (came.images[0].width_px, came.images[0].height_px) == (624, 416)
