"""Black Forest Labs' schema against the simulator and the adapter; there is no official Python client.

The schema is what matters here of the one at https://api.bfl.ai/openapi.json.
"""

import base64
import io
import json
import threading
import time
from contextlib import contextmanager
from decimal import Decimal

import anyio
import httpx
import jsonschema
import pytest
import uvicorn
from PIL import Image

from arena.domain.failure import FailureKind
from arena.store.blobs import BlobStore
from harness.clock import SystemClock
from harness.engine import Engine
from harness.providers import provider
from harness.providers.base import Exchange, Job
from harness.sim.bfl_app import bfl_app
from harness.sim.contender import SimContender
from harness.sim.server import uvicorn_config
from harness.sim.state import FileStore, Provider
from harness.transport import Transport
from harness.verify import verify
from tests.contracts.case import KEY, SOURCE
from tests.contracts.cases.bfl import ACCEPTED, CASE, RESULT, told
from tests.servers import answering, png, response, scripted

pytestmark = pytest.mark.slow

ADAPTER = provider("bfl")
MODEL = "flux-2-klein-4b"
REGIONAL = ["task_not_found_first", "cost_at_the_end", "polls_elsewhere"]
MAYBE_NUMBER, MAYBE_TEXT = {"type": ["number", "null"]}, {"type": ["string", "null"]}
SIDE = {"type": ["integer", "null"], "minimum": 64, "multipleOf": 16}
INPUTS = {
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string"},
        **dict.fromkeys(("input_image", "input_image_2", "input_image_3", "input_image_4"), MAYBE_TEXT),
        "seed": {"type": ["integer", "null"]},
        "width": SIDE,
        "height": SIDE,
        "safety_tolerance": {"type": "integer", "minimum": 0, "maximum": 5},
        "output_format": {"enum": ["jpeg", "png", "webp"]},
        "webhook_url": MAYBE_TEXT,
        "webhook_secret": MAYBE_TEXT,
    },
    "additionalProperties": False,
}
ACCEPTANCE = {
    "type": "object",
    "required": ["id", "polling_url"],
    "properties": {
        "id": {"type": "string"},
        "polling_url": {"type": "string", "pattern": "^https?://"},
        "cost": MAYBE_NUMBER,
        "input_mp": MAYBE_NUMBER,
        "output_mp": MAYBE_NUMBER,
    },
    "additionalProperties": False,
}
TASK = {
    "type": "object",
    "required": ["id", "status"],
    "properties": {
        "id": {"type": "string"},
        "status": {"enum": ["Task not found", "Pending", "Request Moderated", "Content Moderated", "Ready", "Error"]},
        "result": {},
        "progress": MAYBE_NUMBER,
        "details": {"type": ["object", "null"]},
        "preview": {"type": ["object", "null"]},
        # Not in the schema; seen at the end of a task.
        "cost": MAYBE_NUMBER,
    },
    "additionalProperties": False,
}
INVALID = {
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["loc", "msg", "type"],
                "properties": {
                    "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
                    "msg": {"type": "string"},
                    "type": {"type": "string"},
                },
            },
        }
    },
}
CREDITS = {"type": "object", "required": ["credits"], "properties": {"credits": {"type": "number"}}}


class Served:
    """A simulator at the root of a server, and a plain client for it."""

    def __init__(self, url, state, http):
        self.url, self.state, self.tally, self.http = url, state, state.tally, http

    def submit(self, model=MODEL, key="good", **fields):
        body = {"prompt": "a red square", "width": 128, "height": 64, **fields}
        return self.http.post(f"/v1/{model}", json=body, headers={"x-key": key})

    def followed(self, **fields):
        """Every answer about a task until it has ended, each as the schema has it."""
        accepted = self.submit(**fields)
        assert accepted.status_code == 200, accepted.text
        jsonschema.validate(accepted.json(), ACCEPTANCE)
        answers = [accepted.json()]
        while answers[-1].get("status") in {None, "Pending", "Task not found"}:
            answers.append(self.http.get(answers[0]["polling_url"]).json())
            jsonschema.validate(answers[-1], TASK)
            time.sleep(0.005)
        return answers

    def accounted(self):
        """Whether every request came to something that was counted."""
        tally = self.tally
        ends = tally.successes + tally.faults.total() + tally.refusals.total() + tally.abandoned
        return (tally.requests, self.state.in_flight) == (ends, 0)


@contextmanager
def served(**changes):
    fields = {
        "name": "bfl",
        "protocol": "bfl",
        "model": MODEL,
        "latency": {"kind": "fixed", "ms": 30},
        "queue_ms": 20,
        "quality": 0.5,
        "style": "flat",
        "price_usd": "0.014",
        "reports_cost": True,
        "output_format": "jpeg",
    }
    state = Provider(SimContender.model_validate(fields | changes), FileStore(), anyio.CapacityLimiter(2))
    config = uvicorn_config(bfl_app(state))
    config.port = 0
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, trust_env=False, timeout=20) as http:
            yield Served(url, state, http)
    finally:
        server.should_exit = True
        thread.join(10)


async def attempted(url, images, mode="t2i", timeout_s=10, endpoint=None, **changes):
    """One attempt by the engine, verified."""
    job = CASE.job(mode, **{"size": "512x512", **changes})
    fields = {"base_url": f"{url}/v1", "poll_interval_s": 0.01, **(endpoint or {})}
    reached = Job(job.endpoint.model_copy(update=fields), job.request, job.key)
    connection = Transport(SystemClock()).connection()
    try:
        delivery = await Engine(SystemClock()).attempt(ADAPTER, reached, connection, timeout_s=timeout_s)
    finally:
        await connection.close()
    return verify(delivery, ADAPTER, BlobStore(images), None)


def opened(data):
    return Image.open(io.BytesIO(data))


# The simulator and the schema


def test_a_task_goes_from_pending_to_ready():
    with served() as sim:
        accepted, *asked = sim.followed(seed=3)
        assert (accepted["cost"], accepted["input_mp"], accepted["output_mp"]) == (1.4, 0, 0.01)
        assert accepted["polling_url"] == f"{sim.url}/v1/get_result?id={accepted['id']}"
        assert {answer["status"] for answer in asked[:-1]} == {"Pending"}
        result = asked[-1]["result"]
        assert (result["seed"], result["prompt"]) == (3, "a red square")
        assert result["duration"] == pytest.approx(result["end_time"] - result["start_time"])
        image = opened(sim.http.get(result["sample"]).content)
        assert (image.size, image.format) == ((128, 64), "JPEG")
        again = sim.http.get(accepted["polling_url"]).json()["result"]
        assert again["sample"] != result["sample"], "asking again gives a new address"
        assert sim.http.get(again["sample"]).content == sim.http.get(result["sample"]).content
        assert sim.accounted()


def test_what_is_not_told_is_the_input_images():
    source = base64.b64encode(png(200, 100)).decode()
    with served() as sim:
        accepted, *_, ready = sim.followed(width=None, height=None, input_image=source, output_format="webp")
        image = opened(sim.http.get(ready["result"]["sample"]).content)
        assert (image.size, image.format) == ((192, 96), "WEBP")
        assert accepted["input_mp"] == 0.02
        *_, alone = sim.followed(width=None, height=None)
        assert opened(sim.http.get(alone["result"]["sample"]).content).size == (1024, 1024)


def test_a_task_of_another_region_is_found_late_and_elsewhere():
    with served(quirks=REGIONAL) as sim:
        accepted, first, second, *_, ready = sim.followed()
        assert accepted["polling_url"].startswith("http://localhost:")
        assert [first["status"], second["status"]] == ["Task not found"] * 2
        assert (accepted["cost"], ready["cost"]) == (None, 1.4)
        assert ready["result"]["sample"].startswith("http://localhost:")


@pytest.mark.parametrize(
    ("fault", "status"),
    [("moderated", "Request Moderated"), ("moderated_output", "Content Moderated"), ("job_failed", "Error")],
)
def test_a_task_that_fails_says_so(fault, status):
    with served(failures={fault: 1}) as sim:
        ended = sim.followed()[-1]
        assert (ended["status"], ended["result"]) == (status, None)
        assert bool(ended["details"]) == status.endswith("Moderated")
        assert sim.accounted()


def test_wrong_requests_are_refused():
    not_base64, not_an_image = "data:image/png;base64,AAAA", base64.b64encode(b"text").decode()
    with served() as sim:
        wrong = {
            "side": {"width": 32},
            "grid": {"width": 100},
            "area": {"width": 4096, "height": 2048},
            "level": {"safety_tolerance": 6},
            "format": {"output_format": "gif"},
            "prompt": {"prompt": None},
            "uri": {"input_image": not_base64},
            "no image": {"input_image": not_an_image},
        }
        for name, fields in wrong.items():
            refused = sim.submit(**fields)
            assert refused.status_code == 422, name
            jsonschema.validate(refused.json(), INVALID)
        broken = sim.http.post(f"/v1/{MODEL}", content=b"{")
        assert broken.status_code == 422
        assert sim.submit(model="flux-9").status_code == 404
        assert sim.submit(key="invalid").status_code == 401
        malformed = sim.submit(key="malformed")
        assert (malformed.status_code, malformed.json()) == (422, {"detail": "Invalid API key format"})
        nameless = sim.http.get("/v1/get_result")
        assert nameless.status_code == 422
        jsonschema.validate(nameless.json(), INVALID)
        unknown = sim.http.get("/v1/get_result", params={"id": "nothing"})
        assert (unknown.status_code, unknown.json()["status"]) == (404, "Task not found")
        assert dict(sim.tally.refusals) == {"invalid": len(wrong) + 3, "unauthorized": 1}
        assert sim.accounted()


def test_more_tasks_than_are_allowed_are_refused():
    with served(max_in_flight=1, latency={"kind": "fixed", "ms": 60_000}) as sim:
        assert sim.submit().status_code == 200
        assert sim.submit().status_code == 429
        assert dict(sim.tally.refusals) == {"capacity": 1}


def test_the_balance_goes_down():
    with served() as sim:
        before = sim.http.get("/v1/credits", headers={"x-key": "good"}).json()
        jsonschema.validate(before, CREDITS)
        sim.followed()
        assert sim.http.get("/v1/credits").json()["credits"] == pytest.approx(before["credits"] - 1.4)
        assert sim.http.get("/v1/credits", headers={"x-key": "invalid"}).status_code == 401


# The adapter and the schema


@pytest.mark.parametrize("mode", ["t2i", "edit"])
@pytest.mark.parametrize("safety", [True, False, None])
def test_the_adapters_requests_are_as_the_schema_has_them(mode, safety):
    images = {"images": (SOURCE,) * 4} if mode == "edit" else {}
    for image_format in ("jpeg", "png", "webp"):
        body = CASE.call(job=CASE.job(mode, safety=safety, format=image_format, **images)).body.value
        jsonschema.validate(body, INPUTS)


def test_the_recorded_answers_are_as_the_schema_has_them():
    jsonschema.validate(ACCEPTED, ACCEPTANCE)
    for reply, _ in CASE.moderated:
        jsonschema.validate(reply.body, TASK)
    jsonschema.validate(told("Ready", RESULT), TASK)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told("Lost"), TASK)


# The adapter against the simulator


@pytest.mark.parametrize("quirks", [[], REGIONAL], ids=["plain", "regional"])
@pytest.mark.parametrize("mode", ["t2i", "edit"])
async def test_the_adapter_gets_its_image_timings_and_cost(mode, quirks, tmp_path):
    with served(quirks=quirks) as sim:
        port = sim.url.rpartition(":")[2]
        came = await attempted(sim.url, tmp_path, mode, endpoint={"key_hosts": (f"localhost:{port}",)})
        assert came.failure is None, came.failure
        assert came.cost.usd == Decimal("0.014")
        assert came.timings.polls >= (3 if quirks else 1)
        assert 20 < came.server_ms["predict"] < came.timings.ended_ns / 1e6
        assert [call.purpose for call in came.calls][-1] == "download"
        assert sim.accounted()


@pytest.mark.parametrize(
    ("key", "changes", "kind"),
    [
        ("invalid", {}, FailureKind.AUTH),
        ("malformed", {}, FailureKind.AUTH),
        ("good", {"size": "520x512"}, FailureKind.INVALID_REQUEST),
    ],
)
async def test_the_adapter_reads_the_errors(key, changes, kind, tmp_path):
    with served() as sim:
        assert (await attempted(sim.url, tmp_path, key=key, **changes)).failure.kind is kind
        assert sim.accounted()


@pytest.mark.parametrize("key", ["good", "invalid"])
def test_the_adapter_asks_for_the_balance(key):
    with served() as sim:
        job = CASE.job(key=key)
        endpoint = job.endpoint.model_copy(update={"base_url": f"{sim.url}/v1"})
        call = ADAPTER.probe(endpoint, job.key)
        reply = sim.http.request(call.method, call.url, headers={call.auth.name: call.auth.value.get_secret_value()})
        found = ADAPTER.read_probe(endpoint, Exchange(call, reply.status_code, {}, reply.content))
        assert found.may_use is (None if key == "good" else False)


# What goes where


async def polled_on(tmp_path, **endpoint):
    """The requests to a host whose tasks are on another name of this machine, and the outcome."""
    with scripted(answering(b"")) as server:
        elsewhere = server.url.replace("127.0.0.1", "localhost") + "/v1/get_result?id=a%2Fb"
        ready = told("Ready", {**RESULT, "sample": f"{server.url}/i.png"})
        image = response(png(512, 512), content_type="image/png")
        replies = [{**ACCEPTED, "polling_url": elsewhere}, told("Pending"), ready]
        server.handle = answering(*(response(json.dumps(body).encode()) for body in replies), image)
        port = server.url.rpartition(":")[2]
        hosts = tuple(host.format(port=port) for host in endpoint.pop("key_hosts", ()))
        came = await attempted(server.url, tmp_path, endpoint={"key_hosts": hosts, **endpoint})
    return server.requests, came


async def test_the_key_goes_to_a_polling_host_that_belongs_to_the_endpoint(tmp_path):
    requests, came = await polled_on(tmp_path, key_hosts=("localhost:{port}",))
    assert came.failure is None, came.failure
    assert [r.path for r in requests[:3]] == ["/v1/flux-2-klein-4b", *["/v1/get_result?id=a%2Fb"] * 2]
    assert [r.headers.get("x-key") for r in requests] == [KEY, KEY, KEY, None]
    assert requests[1].headers["host"].startswith("localhost:")


async def test_the_key_goes_nowhere_else(tmp_path):
    requests, came = await polled_on(tmp_path, result_hosts=("localhost",))
    assert came.failure is None, came.failure
    assert [r.headers.get("x-key") for r in requests] == [KEY, None, None, None]


async def test_a_foreign_polling_host_is_not_asked_at_all(tmp_path):
    requests, came = await polled_on(tmp_path)
    assert came.failure.kind is FailureKind.BAD_RESPONSE
    assert len(requests) == 1
