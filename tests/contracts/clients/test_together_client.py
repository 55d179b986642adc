"""Together AI's official Python client against the simulator and beside the adapter, and both against the schema.

The client is together 3.1.1; the schema is what matters here of the one at https://docs.together.ai/openapi.yaml.
"""

import base64
import io
import json
import threading
import time
from contextlib import contextmanager

import anyio
import httpx
import jsonschema
import pytest
import together
import uvicorn
from PIL import Image
from together import Together

from arena.domain.failure import FailureKind
from arena.store.blobs import BlobStore
from harness.clock import SystemClock
from harness.engine import Engine
from harness.providers import provider
from harness.providers.base import Job
from harness.sim.contender import SimContender
from harness.sim.server import uvicorn_config
from harness.sim.state import FileStore, Provider
from harness.sim.together_app import together_app
from harness.transport import Transport
from harness.verify import verify
from tests.contracts.case import KEY, SOURCE
from tests.contracts.cases.together import CASE, MODEL
from tests.servers import answering, png, response, scripted

pytestmark = pytest.mark.slow

ADAPTER = provider("together")
DATA_URI = f"data:image/png;base64,{base64.b64encode(png(96, 64)).decode()}"


def entry(kind):
    return {
        "type": "object",
        "required": ["index", "type", kind],
        "properties": {"index": {"type": "integer"}, "type": {"enum": [kind]}, kind: {"type": "string"}},
        "additionalProperties": False,
    }


IMAGES = {
    "type": "object",
    "required": ["id", "model", "object", "data"],
    "properties": {
        "id": {"type": "string"},
        "model": {"type": "string"},
        "object": {"const": "list"},
        "data": {"type": "array", "minItems": 1, "items": {"oneOf": [entry("b64_json"), entry("url")]}},
    },
    "additionalProperties": False,
}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["type", "message"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
MODELS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["id", "object", "created", "type"],
        "properties": {
            "id": {"type": "string"},
            "object": {"const": "model"},
            "created": {"type": "integer"},
            "type": {"enum": ["chat", "language", "code", "image", "embedding", "moderation", "rerank"]},
        },
    },
}


def client_of(url, key):
    return Together(api_key=key, base_url=url, max_retries=0, http_client=httpx.Client(trust_env=False))


class Served:
    """A simulator at the root of a server."""

    def __init__(self, url, state):
        self.url, self.state, self.tally = url, state, state.tally

    def client(self, key="good"):
        return client_of(self.url, key)

    def post(self, **fields):
        with httpx.Client(trust_env=False, base_url=self.url) as plain:
            return plain.post("/v1/images/generations", json={"model": MODEL, "prompt": "a cat", **fields})

    def accounted(self):
        """Whether every request came to something that was counted."""
        tally = self.tally
        ends = tally.successes + tally.faults.total() + tally.refusals.total() + tally.abandoned
        return (tally.requests, self.state.in_flight) == (ends, 0)


@contextmanager
def served(**changes):
    fields = {
        "name": "together",
        "protocol": "together",
        "model": MODEL,
        "latency": {"kind": "fixed", "ms": 10},
        "quality": 0.5,
        "style": "flat",
        "delivery": "url",
        "output_format": "jpeg",
    }
    state = Provider(SimContender.model_validate(fields | changes), FileStore(), anyio.CapacityLimiter(2))
    config = uvicorn_config(together_app(state))
    config.port = 0
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    try:
        yield Served(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", state)
    finally:
        server.should_exit = True
        thread.join(10)


async def attempted(sim, images, mode="t2i", **changes):
    """One attempt by the engine, verified."""
    job = CASE.job(mode, **{"size": "512x512", **changes})
    endpoint = job.endpoint.model_copy(update={"base_url": f"{sim.url}/v1"})
    connection = Transport(SystemClock()).connection()
    try:
        delivery = await Engine(SystemClock()).attempt(
            ADAPTER, Job(endpoint, job.request, job.key), connection, timeout_s=10
        )
    finally:
        await connection.close()
    return verify(delivery, ADAPTER, BlobStore(images), None)


def opened(data):
    return Image.open(io.BytesIO(data))


# The client against the simulator


def test_the_client_gets_an_image_inside_the_answer():
    with served() as sim, sim.client() as client:
        answer = client.images.generate(
            model=MODEL,
            prompt="a red square",
            width=256,
            height=128,
            seed=3,
            response_format="base64",
            output_format="png",
        )
        image = opened(base64.b64decode(answer.data[0].b64_json))
        assert (image.size, image.format, answer.data[0].type) == ((256, 128), "PNG", "b64_json")
        assert (answer.model, answer.object) == (MODEL, "list")
        assert sim.accounted()
        assert sim.tally.successes == 1


def test_the_client_gets_addresses_and_a_jpeg_of_a_megapixel_unless_it_asks():
    with served() as sim, sim.client() as client:
        answer = client.images.generate(model=MODEL, prompt="a red square", n=2)
        assert [(found.index, found.type) for found in answer.data] == [(0, "url"), (1, "url")]
        with httpx.Client(trust_env=False) as plain:
            image = opened(plain.get(answer.data[1].url).content)
            assert (image.size, image.format) == ((1024, 1024), "JPEG")
            assert plain.get(answer.data[1].url, headers={"User-Agent": ""}).status_code == 403


def test_the_client_edits_an_image():
    with served() as sim, sim.client() as client:

        def made(**given):
            asked = {"prompt": "make it blue", "width": 192, "height": 128, "seed": 3, "response_format": "base64"}
            return client.images.generate(model=MODEL, **asked, **given).data[0].b64_json

        edited = made(reference_images=[DATA_URI])
        assert opened(base64.b64decode(edited)).size == (192, 128)
        assert edited == made(image_url=DATA_URI)
        assert edited != made(), "the references make no difference"


def test_the_client_reads_the_errors():
    with served() as sim, sim.client() as client, sim.client("invalid") as intruder:
        refused = {}
        for name, call in {
            "no such model": lambda: client.images.generate(model="nobody/nothing", prompt="x"),
            "webp": lambda: client.images.generate(model=MODEL, prompt="x", output_format="webp"),
            "b64_json": lambda: client.images.generate(model=MODEL, prompt="x", response_format="b64_json"),
            "too many steps": lambda: client.images.generate(model=MODEL, prompt="x", steps=51),
            "too many images": lambda: client.images.generate(model=MODEL, prompt="x", n=5),
            "too small": lambda: client.images.generate(model=MODEL, prompt="x", width=32),
            "no image": lambda: client.images.generate(
                model=MODEL, prompt="x", reference_images=["https://a.example/i.png"]
            ),
            "bad key": lambda: intruder.images.generate(model=MODEL, prompt="x"),
            "bad key to look": lambda: intruder.get("/v1/models", cast_to=object),
        }.items():
            with pytest.raises(together.APIStatusError) as error:
                call()
            refused[name] = error.value.status_code
            jsonschema.validate(error.value.response.json(), ERROR)
        assert refused == {
            "no such model": 404,
            "bad key": 401,
            "bad key to look": 401,
            **dict.fromkeys(("webp", "b64_json", "too many steps", "too many images", "too small", "no image"), 400),
        }
        assert dict(sim.tally.refusals) == {"invalid": 7, "unauthorized": 1}
        assert sim.accounted()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("moderated", together.UnprocessableEntityError),
        ("moderated_output", together.UnprocessableEntityError),
        ("rate_limited", together.RateLimitError),
        ("unavailable", together.InternalServerError),
        ("job_failed", together.InternalServerError),
    ],
)
def test_the_client_sees_a_fault_as_its_own_error(fault, error):
    with served(failures={fault: 1}) as sim, sim.client() as client:
        with pytest.raises(error):
            client.images.generate(model=MODEL, prompt="x")
        assert sim.accounted()


def test_the_client_lists_the_model():
    """Its own `models` are those of a project; the list of hosted ones is asked for by its path."""
    with served() as sim, sim.client() as client:
        assert [model["id"] for model in client.get("/v1/models", cast_to=object)] == [MODEL]


# The client beside the adapter

ANSWER = response(CASE.inline.content)
ASKED = {
    "model": MODEL,
    "prompt": "a cat",
    "width": 512,
    "height": 768,
    "seed": 7,
    "steps": 4,
    "guidance_scale": 2.5,
    "n": 2,
    "output_format": "jpeg",
    "response_format": "base64",
    "disable_safety_checker": True,
}


@pytest.mark.parametrize("mode", ["t2i", "edit"])
async def test_client_and_adapter_send_the_same(mode):
    given = {"reference_images": [f"data:image/png;base64,{base64.b64encode(SOURCE.data).decode()}"]}
    with scripted(answering(ANSWER)) as server:
        with client_of(server.url, KEY) as client:
            client.images.generate(**ASKED, **(given if mode == "edit" else {}))
        job = CASE.job(mode, n=2, safety=False, format="jpeg")
        endpoint = job.endpoint.model_copy(update={"base_url": f"{server.url}/v1"})
        connection = Transport(SystemClock()).connection()
        call = ADAPTER.build(Job(endpoint, job.request, job.key))
        try:
            await connection.send(connection.prepare(call, with_auth=True), origin_ns=0)
        finally:
            await connection.close()
    theirs, ours = server.requests
    assert (ours.method, ours.path) == (theirs.method, theirs.path) == ("POST", "/v1/images/generations")
    for header in ("authorization", "content-type"):
        assert ours.headers[header] == theirs.headers[header], header
    assert ours.json == theirs.json
    assert {name: type(value) for name, value in ours.json.items()} == {
        name: type(value) for name, value in theirs.json.items()
    }
    # Meant to differ: the client announces itself in x-stainless headers and asks for compressed answers.
    assert "gzip" in theirs.headers["accept-encoding"]
    assert ours.headers["accept-encoding"] == "identity"


# The simulator and the adapter


@pytest.mark.parametrize("delivery", ["url", "b64_json"])
@pytest.mark.parametrize("mode", ["t2i", "edit"])
async def test_the_adapter_gets_its_image(mode, delivery, tmp_path):
    with served() as sim:
        came = await attempted(sim, tmp_path, mode, delivery=delivery)
        assert came.failure is None, came.failure
        assert [call.purpose for call in came.calls] == ["submit"] + (["download"] if delivery == "url" else [])
        assert sim.accounted()


async def test_the_adapter_is_told_when_to_come_back(tmp_path):
    with served(failures={"rate_limited": 1}) as sim:
        failure = (await attempted(sim, tmp_path)).failure
        assert (failure.kind, failure.retry_after_s) == (FailureKind.RATE_LIMITED, 1)
        assert "retry-after" not in sim.post().headers


@pytest.mark.parametrize("response_format", ["url", "base64"])
def test_answers_are_as_the_schema_has_them(response_format):
    with served(max_in_flight=3) as sim:
        reply = sim.post(width=64, height=64, response_format=response_format, n=2)
        jsonschema.validate(reply.json(), IMAGES)
        limits = {name: reply.headers[f"x-ratelimit-{name}"] for name in ("limit", "remaining", "reset")}
        assert limits == {"limit": "3", "remaining": "2", "reset": "1"}
        with httpx.Client(trust_env=False) as plain:
            jsonschema.validate(plain.get(f"{sim.url}/v1/models").json(), MODELS)
            jsonschema.validate(plain.get(f"{sim.url}/v1/nothing").json(), ERROR)


@pytest.mark.parametrize("fault", ["server_error", "unavailable", "payment", "moderated", "start_timeout"])
def test_faults_are_as_the_schema_has_them(fault):
    with served(failures={fault: 1}) as sim:
        reply = sim.post()
        jsonschema.validate(reply.json(), ERROR)
        statuses = {"server_error": 500, "unavailable": 503, "payment": 402, "moderated": 422, "start_timeout": 504}
        assert reply.status_code == statuses[fault]


def test_the_schema_would_notice():
    wrong = json.loads(CASE.inline.content)
    wrong["data"][0]["base64"] = wrong["data"][0].pop("b64_json")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, IMAGES)
