"""OpenAI's official Python client against the simulator of EmpirioLabs and beside the adapter; both against the schema.

EmpirioLabs documents the use of OpenAI's client (3.52.0 here) with `sync`; jobs are asked for by plain calls, as in its
own examples. The schemas are what matters here of https://docs.empiriolabs.ai, in so far as it is documented.
"""

import base64
import io
import json
import time

import jsonschema
import openai
import pytest
from openai import OpenAI
from PIL import Image

from arena.domain.failure import FailureKind
from tests.contracts.case import KEY, SOURCE, Reply
from tests.contracts.cases.empiriolabs import CASE as JOBS
from tests.contracts.cases.empiriolabs_sync import CASE as HELD
from tests.contracts.clients.at_root import attempted, opened, sent_by_the_adapter, served
from tests.servers import answering, png, response, scripted

pytestmark = pytest.mark.slow

MODEL = "flux-2-klein-4b"
SIMULATED = {"protocol": "empiriolabs", "model": MODEL, "delivery": "url", "output_format": "webp"}
DATA_URI = f"data:image/png;base64,{base64.b64encode(png(320, 256)).decode()}"
WHEN = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
IMAGES = {
    "type": "object",
    "required": ["created", "data"],
    "properties": {
        "created": {"type": "integer"},
        "data": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {"url": {"type": "string", "pattern": "^https?://"}, "b64_json": {"type": "string"}},
                "minProperties": 1,
                "additionalProperties": False,
            },
        },
    },
}
JOB = {
    "type": "object",
    "required": ["job_id", "status", "progress", "created_at", "completed_at", "result", "error"],
    "properties": {
        "job_id": {"type": "string"},
        "status": {"type": "string"},
        "progress": {"type": "number", "minimum": 0, "maximum": 1},
        "created_at": WHEN,
        "completed_at": {"anyOf": [WHEN, {"type": "null"}]},
        "result": {"type": ["object", "null"]},
        "error": {"type": ["object", "null"]},
    },
}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "code"],
            "properties": {"message": {"type": "string"}, "code": {"type": ["string", "null"]}},
        }
    },
}


def client(url, key="good"):
    return OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


def done(sim, job_id):
    """A job that has ended, asked for as the documentation does."""
    while True:
        status, _, job = sim.call(f"/v1/jobs/{job_id}")
        assert status == 200
        jsonschema.validate(job, JOB)
        if job["status"] in {"completed", "failed"}:
            return job
        time.sleep(0.01)


# The client against the simulator


def test_the_client_gets_a_held_image_by_address_and_inline():
    with served(**SIMULATED) as sim:
        told = client(sim.url).images.generate(
            model=MODEL, prompt="a red square", size="512x256", extra_body={"sync": True}
        )
        image = opened(told.data[0].url)
        assert (image.size, image.format) == ((512, 256), "WEBP")
        inline = client(sim.url).images.generate(model=MODEL, prompt="a dog", n=2, size="256x256",
            response_format="b64_json", extra_body={"sync": True, "format": "jpg", "seed": 3})  # fmt: skip
        images = [Image.open(io.BytesIO(base64.b64decode(entry.b64_json))) for entry in inline.data]
        assert [(image.size, image.format) for image in images] == [((256, 256), "JPEG")] * 2
        assert (sim.tally.successes, sim.tally.images, sim.accounted()) == (2, 3, True)


def test_the_client_edits_and_cannot_choose_the_format_in_openais_words():
    with served(**SIMULATED) as sim:
        told = client(sim.url).images.generate(
            model=MODEL,
            prompt="make it blue",
            size="320x256",
            output_format="png",
            extra_body={"sync": True, "image": [DATA_URI]},
        )
        image = opened(told.data[0].url)
        assert (image.size, image.format) == ((320, 256), "WEBP")


def test_without_sync_the_client_gets_no_images_but_the_name_of_a_job():
    with served(**SIMULATED) as sim:
        told = client(sim.url).images.generate(model=MODEL, prompt="a red square", size="256x256")
        assert told.data is None
        job = done(sim, told.model_extra["job_id"])
        assert job["progress"] == 1
        assert opened(job["result"]["data"][0]["url"]).size == (256, 256)
        assert sim.call(told.model_extra["poll_url"])[2] == job
        assert sim.accounted()


def test_the_client_reads_the_errors():
    with served(**SIMULATED) as sim:
        for refused, key, fields in (
            (openai.AuthenticationError, "invalid", {}),
            (openai.NotFoundError, "good", {"model": "other"}),
            (openai.BadRequestError, "good", {"size": "2048x1024"}),
            (openai.BadRequestError, "good", {"extra_body": {"sync": True, "num_inference_steps": 13}}),
            (openai.BadRequestError, "good", {"extra_body": {"sync": True, "image": ["https://a.example/i.png"]}}),
        ):
            with pytest.raises(refused):
                client(sim.url, key).images.generate(**{"model": MODEL, "prompt": "x", **fields})
        assert dict(sim.tally.refusals) == {"unauthorized": 1, "invalid": 4}
        assert sim.call("/v1/jobs/job_0")[0] == 404
        assert sim.accounted()


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("server_error", 500, "internal_error"),
        ("unavailable", 503, "model_unavailable"),
        ("rate_limited", 429, "rate_limit_exceeded"),
        ("payment", 402, "insufficient_credits"),
        ("moderated", 400, "content_policy_violation"),
        ("start_timeout", 504, "timeout"),
    ],
)
def test_the_client_sees_a_fault(fault, status, code):
    with served(**SIMULATED, failures={fault: 1}) as sim:
        with pytest.raises(openai.APIStatusError) as refused:
            client(sim.url).images.generate(model=MODEL, prompt="x", extra_body={"sync": True})
        assert (refused.value.status_code, refused.value.code) == (status, code)
        assert sim.accounted()


# Against the schema


def test_replies_are_as_documented():
    with served(**SIMULATED) as sim:
        asked = {"model": MODEL, "prompt": "a cat", "aspect_ratio": "16:9", "num_images": 1}
        status, headers, held = sim.call("/v1/images/generations", {**asked, "sync": True})
        jsonschema.validate(held, IMAGES)
        assert (status, headers["content-type"]) == (200, "application/json")
        status, _, job = sim.call("/v1/images/generations", {**asked, "response_format": "b64_json"})
        jsonschema.validate(job, JOB)
        assert (status, job["status"]) == (202, "queued")
        ended = done(sim, job["job_id"])
        jsonschema.validate({"created": 0, **ended["result"]}, IMAGES)
        assert Image.open(io.BytesIO(base64.b64decode(ended["result"]["data"][0]["b64_json"]))).size == (1344, 768)
        status, _, error = sim.call("/v1/images/generations", {**asked, "aspect_ratio": "7:5"})
        jsonschema.validate(error, ERROR)
        assert (status, error["error"]["param"]) == (400, "aspect_ratio")


@pytest.mark.parametrize("fault", ["moderated", "moderated_output", "job_failed"])
def test_failed_jobs_are_as_documented(fault):
    with served(**SIMULATED, failures={fault: 1}) as sim:
        _, _, job = sim.call("/v1/images/generations", {"model": MODEL, "prompt": "x"})
        ended = done(sim, job["job_id"])
        assert (ended["status"], ended["result"]) == ("failed", None)
        assert ended["error"]["code"]
        assert sim.accounted()


# The client beside the adapter


@pytest.mark.parametrize("mode", ["t2i", "edit"])
async def test_client_and_adapter_send_the_same(mode):
    reply = Reply({"created": 1, "data": [{"b64_json": "AA=="}]}).content
    with scripted(answering(response(reply))) as server:
        told = {"sync": True, "format": "webp", "seed": 7, "num_inference_steps": 4, "guidance_scale": 2.5}
        image = {"image": [f"data:image/png;base64,{base64.b64encode(SOURCE.data).decode()}"]} if mode == "edit" else {}
        client(server.url, KEY).images.generate(
            model=MODEL, prompt="a cat", n=1, size="512x768", response_format="url", extra_body={**told, **image}
        )
    theirs = server.requests[0]
    ours = await sent_by_the_adapter(HELD.job(mode, format="webp", delivery="url"), reply, "/v1")
    assert (ours.method, ours.path) == (theirs.method, theirs.path) == ("POST", "/v1/images/generations")
    for header in ("authorization", "content-type"):
        assert ours.headers[header] == theirs.headers[header]
    assert ours.json == theirs.json


async def test_without_sync_the_adapter_sends_no_such_field():
    ours = await sent_by_the_adapter(JOBS.job(), b"{}", "/v1")
    assert "sync" not in ours.json


# The adapter against the simulator


@pytest.mark.parametrize("case", [HELD, JOBS], ids=["held", "jobs"])
async def test_the_adapter_gets_what_it_asked_for(case, tmp_path):
    with served(**SIMULATED) as sim:
        for mode in ("t2i", "edit"):
            came = await attempted(case.job(mode), f"{sim.url}/v1", tmp_path)
            assert came.failure is None, came.failure
            [image] = came.images
            assert (image.width_px, image.height_px, image.format) == (512, 768, "png")
        polled = case is JOBS
        assert (came.timings.polls > 0, "total" in came.server_ms, came.sent_seed == 7) == (polled,) * 3
        assert sim.accounted()


async def test_a_job_that_comes_although_a_held_answer_was_asked_for_is_followed_and_noted(tmp_path):
    job = HELD.job()
    late = [response(json.dumps(reply.body).encode(), "200 OK") for reply in (*JOBS.pending, JOBS.inline)]
    with scripted(answering(*late)) as server:
        came = await attempted(job, f"{server.url}/v1", tmp_path)
    assert came.remarks == ("a held answer was asked for, and a job came",)
    assert came.failure.kind is FailureKind.WRONG_SIZE  # the recorded image is tiny
    assert [request.path for request in server.requests[1:]] == ["/v1/jobs/job_1f0c"] * 2
