"""fal's official client against the simulator and beside the adapter, Hugging Face's too; all against the schema.

The clients are fal-client 1.0.3 and huggingface_hub 2.4.0. fal-client speaks TLS to hosts that it reads from the
environment when it is imported, so it runs in a process of its own. The schemas are what matters here of those of
https://fal.ai/models/fal-ai/flux-2/klein/4b/api and https://api.fal.ai/v1/openapi.json.
"""

import base64
import io
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import anyio
import httpx
import jsonschema
import pytest
import trustme
import uvicorn
from huggingface_hub import InferenceClient
from huggingface_hub.hf_api import InferenceProviderMapping
from huggingface_hub.inference._providers import PROVIDERS as HUB_PROVIDERS
from huggingface_hub.inference._providers import _common as hub_common
from huggingface_hub.inference._providers import fal_ai as hub_fal
from PIL import Image

from arena.domain.failure import FailureKind
from harness.providers import provider
from harness.providers.base import Exchange
from harness.sim.contender import SimContender
from harness.sim.fal_app import fal_app
from harness.sim.server import uvicorn_config
from harness.sim.state import FileStore, Provider
from tests.contracts.case import KEY, SOURCE, Reply
from tests.contracts.cases.fal import CASE as DIRECT
from tests.contracts.cases.fal import MODEL, output
from tests.contracts.cases.fal_queue import CASE as QUEUE
from tests.servers import png, response, scripted

pytestmark = pytest.mark.slow

DATA_URI = f"data:image/png;base64,{base64.b64encode(png(96, 64)).decode()}"
SIZE = {"width": 96, "height": 64}
ADDRESS = {"type": "string", "pattern": "^https?://"}
WHEN = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
IMAGE = {
    "type": "object",
    "required": ["url"],
    "properties": {
        "url": {"type": "string", "pattern": "^(https?://|data:image/)"},
        "content_type": {"type": ["string", "null"]},
        "file_name": {"type": ["string", "null"]},
        "file_size": {"type": ["integer", "null"]},
        "width": {"type": ["integer", "null"]},
        "height": {"type": ["integer", "null"]},
    },
    "additionalProperties": False,
}
OUTPUT = {
    "type": "object",
    "required": ["images", "timings", "seed", "has_nsfw_concepts", "prompt"],
    "properties": {
        "images": {"type": "array", "minItems": 1, "items": IMAGE},
        "timings": {"type": "object", "additionalProperties": {"type": "number"}},
        "seed": {"type": "integer"},
        "has_nsfw_concepts": {"type": "array", "items": {"type": "boolean"}},
        "prompt": {"type": "string"},
    },
    "additionalProperties": False,
}
STATUS = {
    "type": "object",
    "required": ["status", "request_id", "response_url", "status_url", "cancel_url", "logs"],
    "properties": {
        "status": {"enum": ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]},
        "request_id": {"type": "string", "format": "uuid"},
        "response_url": ADDRESS,
        "status_url": ADDRESS,
        "cancel_url": ADDRESS,
        "queue_position": {"type": "integer", "minimum": 0},
        "logs": {"type": ["array", "null"]},
        "metrics": {"type": "object", "properties": {"inference_time": {"type": "number"}}},
        "error": {"type": "string"},
        "error_type": {"type": ["string", "null"]},
    },
    "if": {"properties": {"status": {"const": "IN_QUEUE"}}},
    "then": {"required": ["queue_position"]},
    "additionalProperties": False,
}
MODEL_ERROR = {
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["loc", "msg", "type", "url"],
                "properties": {
                    "loc": {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1},
                    "msg": {"type": "string"},
                    "type": {"type": "string"},
                    "url": ADDRESS,
                    "ctx": {"type": "object"},
                },
            },
        }
    },
}
PLATFORM_ERROR = {
    "type": "object",
    "required": ["detail", "error_type"],
    "properties": {"detail": {"type": "string"}, "error_type": {"type": "string"}},
    "additionalProperties": False,
}


def page(name, required, properties):
    """One page of a list of the platform API."""
    entry = {"type": "object", "required": required, "properties": properties}
    return {
        "type": "object",
        "required": ["next_cursor", "has_more", name],
        "properties": {"has_more": {"type": "boolean"}, name: {"type": "array", "minItems": 1, "items": entry}},
    }


REQUESTS = page(
    "items",
    ["request_id", "endpoint_id", "started_at", "sent_at"],
    {
        "request_id": {"type": "string", "format": "uuid"},
        "started_at": WHEN,
        "sent_at": WHEN,
        "ended_at": {"anyOf": [WHEN, {"type": "null"}]},
        "status_code": {"type": ["integer", "null"]},
        "duration": {"type": ["number", "null"]},
    },
)
CHARGES = page(
    "billing_events",
    [
        "request_id", "endpoint_id", "timestamp", "output_units", "unit_price", "percent_discount", "cost_subtotal",
        "cost_discount", "cost_total", "cost_estimate_nano_usd",
    ],
    {
        "timestamp": WHEN,
        "output_units": {"type": ["number", "null"]},
        "cost_total": {"type": "number", "minimum": 0},
        "cost_estimate_nano_usd": {"type": "number", "minimum": 0},
    },
)  # fmt: skip
PRICES = page(
    "prices",
    ["endpoint_id", "unit_price", "unit", "currency"],
    {"unit_price": {"type": "number", "minimum": 0}, "currency": {"type": "string", "pattern": "^[A-Z]{3}$"}},
)


def check(value, schema):
    """`value` is what the schema says."""
    jsonschema.validate(value, schema, format_checker=jsonschema.FormatChecker())
    return value


# Serving


def contender(**changes):
    fields = {
        "name": "fal",
        "protocol": "fal",
        "model": MODEL,
        "latency": {"kind": "fixed", "ms": 30},
        "queue_ms": 120,
        "quality": 0.5,
        "style": "flat",
        "price_usd": "0.005",
        "max_in_flight": 8,
        "seed": 1,
    }
    return SimContender.model_validate(fields | changes)


class Served:
    """A simulator at the root of a server."""

    def __init__(self, url, state, certificate=None):
        self.url, self.state, self.tally, self.certificate = url, state, state.tally, certificate

    def call(self, path, body=None, method=None, key="Key a:b"):
        """Status, headers and JSON of a plain call to a path or an address."""
        address = path if path.startswith("http") else self.url + path
        method = method or ("GET" if body is None else "POST")
        headers = {"Authorization": key}
        answer = httpx.request(method, address, json=body, headers=headers, trust_env=False, timeout=20)
        return answer.status_code, answer.headers, answer.json()

    def ended(self, submitted):
        """The status of a queued request once it is COMPLETED."""
        while (told := self.call(submitted["status_url"]))[2]["status"] != "COMPLETED":
            assert told[0] == 202
            time.sleep(0.01)
        assert told[0] == 200
        return told[2]

    def accounted(self):
        """Whether every request came to something that was counted."""
        ends = self.tally.successes + self.tally.faults.total() + self.tally.refusals.total() + self.tally.abandoned
        return (self.tally.requests, self.state.in_flight) == (ends, 0)


@contextmanager
def served(certificate=None, **changes):
    state = Provider(contender(**changes), FileStore(), anyio.CapacityLimiter(2))
    config = uvicorn_config(fal_app(state))
    config.port = 0
    if certificate is not None:
        config.ssl_keyfile = config.ssl_certfile = str(certificate)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Served(f"{'https' if certificate else 'http'}://127.0.0.1:{port}", state, certificate)
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Key and certificate of 127.0.0.1 in one file, and beside it that of the authority."""
    authority, folder = trustme.CA(), tmp_path_factory.mktemp("tls")
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    issued, path = authority.issue_cert("127.0.0.1"), folder / "server.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


# The official client

CLIENT = """
import json, sys
import fal_client
from fal_client.client import FalClientHTTPError

asked, answers = json.load(sys.stdin), []
for verb, application, arguments in asked:
    seen = []
    more = {"on_queue_update": lambda s: seen.append(type(s).__name__), "interval": 0.01} if verb == "subscribe" else {}
    try:
        answers.append({"result": getattr(fal_client, verb)(application, arguments, **more), "seen": seen})
    except FalClientHTTPError as error:
        told = {"status": error.status_code, "type": error.error_type, "message": error.message}
        answers.append({"error": told, "headers": error.response_headers, "seen": seen})
print(json.dumps(answers))
"""


def client(url, certificate, *asked, key="id:secret"):
    """What the official client makes of calls `(verb, application, arguments)`, made in a process of its own."""
    host = url.partition("://")[2]
    hosts = {"FAL_RUN_HOST": host, "FAL_QUEUE_RUN_HOST": f"{host}/queue"}
    environ = {**hosts, "SSL_CERT_FILE": str(certificate.with_name("authority.pem")), "FAL_KEY": key}
    ran = subprocess.run(
        [sys.executable, "-c", CLIENT],
        input=json.dumps(asked).encode(),
        env={**os.environ, "NO_PROXY": "127.0.0.1", **environ},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    return json.loads(ran.stdout)


def picture(url, certificate=None):
    """The image of a result, from a data URI or an address."""
    if url.startswith("data:"):
        return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    trusted = ssl.create_default_context(cafile=certificate.with_name("authority.pem")) if certificate else True
    return Image.open(io.BytesIO(httpx.get(url, verify=trusted, trust_env=False).content))


def test_the_client_runs_and_subscribes_in_both_modes(certificate):
    text = {"prompt": "a red square", "image_size": SIZE, "seed": 3, "output_format": "webp"}
    edit = {"prompt": "make it blue", "image_urls": [DATA_URI], "sync_mode": True, "num_images": 2}
    calls = [
        (verb, application, arguments)
        for verb in ("run", "subscribe")
        for application, arguments in ((MODEL, text), (f"{MODEL}/edit", edit))
    ]
    with served(certificate) as sim:
        answers = client(sim.url, certificate, *calls)
        for answer, (verb, application, _) in zip(answers, calls, strict=True):
            result = check(answer["result"], OUTPUT)
            images = [picture(image["url"], certificate) for image in result["images"]]
            expected = ("WEBP", 1) if application == MODEL else ("PNG", 2)
            assert (images[0].format, len(images)) == expected
            assert {image.size for image in images} == {(96, 64)}
            assert {"Queued", "InProgress", "Completed"} >= set(answer["seen"])
            assert ("Completed" in answer["seen"]) == (verb == "subscribe")
        assert answers[0]["result"]["seed"] == answers[2]["result"]["seed"] == 3
        assert "InProgress" in answers[2]["seen"] or "Queued" in answers[2]["seen"]
        assert (sim.tally.successes, sim.accounted()) == (4, True)


def test_the_client_sees_what_the_model_refuses_directly_and_behind_completed(certificate):
    few = {"prompt": "a cat", "num_inference_steps": 2}
    with served(certificate) as sim:
        answers = client(sim.url, certificate, ("run", MODEL, few), ("subscribe", MODEL, few))
        for answer in answers:
            assert answer["error"]["status"] == 422
            [problem] = answer["error"]["message"]
            assert (problem["loc"], problem["type"]) == (["body", "num_inference_steps"], "greater_than_equal")
            assert answer["headers"]["x-fal-billable-units"] == "0"
        assert answers[1]["seen"] == ["Completed"]
        assert (sim.tally.refusals["invalid"], sim.accounted()) == (2, True)


def test_the_client_sees_what_the_platform_fails_of(certificate):
    arguments = {"prompt": "a cat", "image_size": SIZE}
    for fault, status, kind in (("start_timeout", 504, "request_timeout"), ("job_failed", 500, "runner_server_error")):
        with served(certificate, failures={fault: 1}) as sim:
            answers = client(sim.url, certificate, ("run", MODEL, arguments), ("subscribe", MODEL, arguments))
            assert [(a["error"]["status"], a["error"]["type"]) for a in answers] == [(status, kind)] * 2
            assert answers[1]["seen"][-1] == "Completed"
            assert (sim.tally.faults[fault], sim.accounted()) == (2, True)


def test_the_client_is_turned_away_without_a_good_key_or_model(certificate):
    with served(certificate) as sim:
        [bad_key] = client(sim.url, certificate, ("run", MODEL, {"prompt": "a cat"}), key="invalid")
        [unknown] = client(sim.url, certificate, ("subscribe", "fal-ai/flux-9", {"prompt": "a cat"}))
        assert (bad_key["error"]["status"], unknown["error"]["status"]) == (401, 404)
        assert dict(sim.tally.refusals) == {"unauthorized": 1, "invalid": 1}


# The client beside the adapter


def recorded(case, certificate, verb, application, arguments):
    """The requests that the client sends to a server that answers as the recorded one does."""
    submitted, *statuses = QUEUE.pending

    async def handle(request, writer):
        if "/status" in request.path:
            reply = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        else:
            reply = submitted if verb == "subscribe" and request.method == "POST" else case.address
        body = reply.content.replace(b"https://lab.example", f"{server.url}/queue".encode())
        writer.write(response(body, f"{reply.status} OK"))

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with scripted(handle, tls=tls) as server:
        [answer] = client(server.url, certificate, (verb, application, arguments), key=KEY)
        assert "error" not in answer
        return server.requests


MEANT = {"x-fal-no-retry", "x-app-fal-disable-fallback", "x-fal-disable-fallbacks", "x-fal-store-io"}
"""Headers that the adapter adds: an answer must be that of one attempt at the endpoint that was asked."""


@pytest.mark.parametrize("mode", ["t2i", "edit"])
@pytest.mark.parametrize(("case", "verb"), [(DIRECT, "run"), (QUEUE, "subscribe")], ids=["direct", "queue"])
def test_client_and_adapter_send_the_same(certificate, case, verb, mode):
    job = case.job(mode, safety=True, n=2)
    call = provider(case.protocol).build(job)
    given = {
        "prompt": "a cat",
        "image_size": {"width": 512, "height": 768},
        "seed": 7,
        "num_inference_steps": 4,
        "num_images": 2,
        "output_format": "png",
        "enable_safety_checker": True,
        "sync_mode": True,
    }
    if mode == "edit":
        given["image_urls"] = [f"data:image/png;base64,{base64.b64encode(SOURCE.data).decode()}"]
    application = MODEL if mode == "t2i" else f"{MODEL}/edit"
    sent, *followed = recorded(case, certificate, verb, application, given)
    prefix = "/queue" if verb == "subscribe" else ""
    assert (sent.method, sent.path) == (call.method, prefix + call.url.removeprefix(job.endpoint.base_url))
    assert sent.json == dict(call.body.value)
    assert sent.headers["authorization"] == call.auth.value.get_secret_value().lower()  # the recorder lowers headers
    assert {name.lower() for name, _ in call.headers} - set(sent.headers) == MEANT
    of_http = {"host", "accept", "accept-encoding", "connection", "user-agent", "content-length", "content-type"}
    assert set(sent.headers) - of_http == {"authorization"}
    assert {r.headers["authorization"] for r in followed} <= {f"key {KEY}"}
    *polls, result = [case.call(stage).url.removeprefix(case.base_url) for stage in case.stages[1:]] or [None]
    # The client always says whether it wants logs, and asks once more after COMPLETED; the adapter does neither.
    polled = [f"{prefix}{path}?logs=false" for path in [*polls, *polls[-1:]]]
    assert [r.path for r in followed] == [*polled, *([f"{prefix}{result}"] if result else [])]


# Hugging Face's client


@pytest.fixture
def hub(monkeypatch):
    """A function that points Hugging Face's client at a simulator."""

    def pointed(sim):
        for task, base_url, path in (
            ("text-to-image", sim.url, MODEL),
            ("image-to-image", f"{sim.url}/queue", f"{MODEL}/edit"),
        ):
            monkeypatch.setattr(HUB_PROVIDERS["fal-ai"][task], "base_url", base_url)
            mapping = InferenceProviderMapping(
                provider="fal-ai", hf_model_id=task, providerId=path, status="live", task=task
            )
            monkeypatch.setitem(hub_common.HARDCODED_MODEL_INFERENCE_MAPPING["fal-ai"], task, mapping)
        monkeypatch.setattr(hub_fal, "_POLLING_INTERVAL", 0.01)
        return InferenceClient(provider="fal-ai", api_key="id:secret")

    return pointed


def test_hugging_faces_client_generates_directly_and_edits_through_the_queue(hub):
    with served() as sim:
        inference = hub(sim)
        drawn = inference.text_to_image("a red square", model="text-to-image", width=96, height=64, seed=3)
        assert (drawn.size, drawn.format) == ((96, 64), "PNG")
        changed = inference.image_to_image(png(96, 64), prompt="make it blue", model="image-to-image")
        assert (changed.size, changed.format) == ((96, 64), "PNG")
        assert (sim.tally.successes, sim.accounted()) == (2, True)


# The simulator against the schemas


def test_results_and_statuses_are_as_published():
    arguments = {"prompt": "a cat", "image_size": SIZE, "num_images": 2}
    with served(queue_ms=600) as sim:
        for sync_mode in (False, True):
            status, headers, body = sim.call(f"/{MODEL}", {**arguments, "sync_mode": sync_mode})
            check(body, OUTPUT)
            assert (status, headers["x-fal-billable-units"], len(headers["x-fal-request-id"])) == (200, "2", 36)
            assert {image["url"].startswith("data:") for image in body["images"]} == {sync_mode}
        _, _, submitted = sim.call(f"/queue/{MODEL}", arguments)
        check(submitted, STATUS)
        assert submitted["status_url"] == f"{sim.url}/queue/fal-ai/flux-2/requests/{submitted['request_id']}/status"
        code, _, waiting = sim.call(submitted["status_url"])
        assert (code, check(waiting, STATUS)["status"]) == (202, "IN_QUEUE")
        assert sim.call(submitted["response_url"])[0] == 400
        ended = check(sim.ended(submitted), STATUS)
        assert ended["metrics"]["inference_time"] >= 0.02
        check(sim.call(submitted["response_url"])[2], OUTPUT)
        check(output("https://cdn.example/i.png"), OUTPUT)  # the recorded body of the contract suite, too


@pytest.mark.parametrize("quirks", [[], ["nsfw_flag"]])
def test_a_refused_image_is_told_by_a_type_or_by_a_flag(quirks):
    arguments = {"prompt": "a cat", "image_size": SIZE}
    with served(failures={"moderated_output": 1}, quirks=quirks) as sim:
        _, _, submitted = sim.call(f"/queue/{MODEL}", arguments)
        sim.ended(submitted)
        for status, headers, body in (sim.call(f"/{MODEL}", arguments), sim.call(submitted["response_url"])):
            if quirks:
                check(body, OUTPUT)
                assert (status, body["has_nsfw_concepts"], headers["x-fal-billable-units"]) == (200, [True], "1")
                assert picture(body["images"][0]["url"]).convert("RGB").getextrema() == ((0, 0),) * 3
            else:
                check(body, MODEL_ERROR)
                assert (status, body["detail"][0]["type"]) == (422, "content_policy_violation")
        assert sim.accounted()


def test_errors_have_the_published_shapes():
    bad = [
        {"prompt": ""},
        {"prompt": "a cat", "num_inference_steps": 9},
        {"prompt": "a cat", "image_size": "vast"},
        {"prompt": "a cat", "image_size": {"width": 8, "height": 8}},
        {"prompt": "a cat", "num_images": 5},
        {"prompt": "a cat", "image_urls": ["https://elsewhere.example/i.png"]},
        {"prompt": "a cat", "image_urls": ["data:image/png;base64,AAAA"]},
        {"prompt": "a cat"},
        ["a cat"],
    ]
    with served() as sim:
        for arguments in bad:
            status, headers, body = sim.call(f"/{MODEL}/edit", arguments)
            check(body, MODEL_ERROR)
            assert (status, headers["x-fal-billable-units"]) == (422, "0")
        assert (sim.tally.refusals["invalid"], sim.accounted()) == (len(bad), True)
    for fault, expected in (("server_error", 500), ("unavailable", 503), ("start_timeout", 504)):
        with served(failures={fault: 1}) as sim:
            status, headers, body = sim.call(f"/{MODEL}", {"prompt": "a cat"})
            check(body, PLATFORM_ERROR)
            assert (status, headers["x-fal-error-type"]) == (expected, body["error_type"])


def test_a_request_can_be_cancelled_once():
    with served(latency={"kind": "fixed", "ms": 30_000}) as sim:
        _, _, submitted = sim.call(f"/queue/{MODEL}", {"prompt": "a cat"})
        asked = [sim.call(submitted["cancel_url"], method="PUT")]
        ended = sim.ended(submitted)
        asked.append(sim.call(submitted["cancel_url"], method="PUT"))
        asked.append(sim.call(f"{sim.url}/queue/fal-ai/flux-2/requests/unknown/cancel", method="PUT"))
        assert [(status, body["status"]) for status, _, body in asked] == [
            (202, "CANCELLATION_REQUESTED"),
            (400, "ALREADY_COMPLETED"),
            (404, "NOT_FOUND"),
        ]
        assert ended["error_type"] == "client_cancelled"
        assert sim.call(submitted["response_url"])[0] == 499
        assert (sim.tally.abandoned, sim.accounted()) == (1, True)


def test_more_than_the_contender_takes_is_refused():
    with served(latency={"kind": "fixed", "ms": 30_000}, max_in_flight=1) as sim:
        _, _, submitted = sim.call(f"/queue/{MODEL}", {"prompt": "a cat"})
        for path in (f"/{MODEL}", f"/queue/{MODEL}"):
            assert sim.call(path, {"prompt": "a cat"})[0] == 429
        sim.call(submitted["cancel_url"], method="PUT")
        sim.ended(submitted)
        assert (sim.tally.refusals["capacity"], sim.accounted()) == (2, True)


def test_a_request_is_found_only_under_its_app_and_with_a_good_key():
    with served() as sim:
        _, _, submitted = sim.call(f"/queue/{MODEL}", {"prompt": "a cat", "image_size": SIZE})
        sim.ended(submitted)
        for url in (submitted["status_url"], submitted["response_url"]):
            assert sim.call(url.replace("flux-2", "flux-1"))[0] == 404
            assert sim.call(url, key="Key invalid")[0] == 401
            assert sim.call(url, key="Basic a:b")[0] == 401
        deep = submitted["status_url"].replace("flux-2/", "flux-2/klein/4b/")
        assert sim.call(deep)[0] == 405  # such an address takes submissions alone


def read(reader, endpoint, call, body):
    return reader(endpoint, Exchange(call, 200, {}, json.dumps(body).encode()))


def test_the_platform_tells_of_times_charges_and_prices_what_the_adapter_reads():
    arguments = {"prompt": "a cat", "image_size": SIZE, "num_images": 2}
    adapter, endpoint = provider("fal-queue"), QUEUE.job().endpoint
    with served() as sim:
        endpoint = endpoint.model_copy(
            update={"base_url": f"{sim.url}/queue", "options": {"platform_url": "../platform/v1"}}
        )
        _, _, submitted = sim.call(f"/queue/{MODEL}", arguments)
        sim.ended(submitted)
        _, headers, _ = sim.call(f"/{MODEL}", arguments)
        _, refused, _ = sim.call(f"/{MODEL}/edit", {"prompt": "a cat"})
        for request_id in (submitted["request_id"], headers["x-fal-request-id"]):
            learned = []
            for call, schema in zip(adapter.lookups(endpoint, None, request_id), (REQUESTS, CHARGES), strict=True):
                _, _, body = sim.call(call.url)
                learned.append(read(adapter.read_lookup, endpoint, call, check(body, schema)))
            times, charge = learned
            assert 115 <= times.server_ms["queue"] < times.server_ms["total"]
            assert (str(charge.cost_usd), charge.server_ms) == ("0.01", {})
        assert "x-fal-request-id" not in refused  # turned down before it became a request
        probe = adapter.probe(endpoint, None)
        _, _, body = sim.call(probe.url)
        assert read(adapter.read_probe, endpoint, probe, check(body, PRICES)).may_use
        assert sim.call(probe.url, key="Key invalid")[0] == 401
        assert sim.call(probe.url.replace("klein", "pro"))[0] == 404
        assert sim.call(probe.url.partition("?")[0])[0] == 400


def test_an_account_without_a_balance_is_locked():
    with served(failures={"payment": 1}) as sim:
        status, headers, body = sim.call(f"/{MODEL}", {"prompt": "a cat"})
        assert status == 403
        answer = DIRECT.parse(Reply(body, status, dict(headers)))
        assert answer.failure.kind is FailureKind.PAYMENT
