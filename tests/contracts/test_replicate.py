"""What is peculiar to Replicate: held answers, sizes from lists, inputs that are ignored without a word."""

import base64
import json
from dataclasses import replace

import pytest
from pydantic import SecretStr

from arena.catalog import Catalog
from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose
from harness.providers import provider
from harness.providers.base import Done, Exchange, How, ImageAddress, InlineImage, Pending, unsupported
from tests.contracts.case import IMAGE_URL, KEY, PNG, SOURCE, Reply
from tests.contracts.cases.replicate import ADDRESS, MODEL, PROCESSING, STARTING, SUCCEEDED
from tests.contracts.cases.replicate import CASE as HELD
from tests.contracts.cases.replicate_polled import CASE as POLLED
from tests.factories import make_endpoint

ADAPTER = provider("replicate")
PLAIN = {"seed": None, "steps": None, "guidance": None}
DATA_URI = f"data:image/png;base64,{base64.b64encode(SOURCE.data).decode()}"


def job(mode="t2i", options=None, **changes):
    """A job at an endpoint with the lists that the class holds."""
    return replace(HELD, options=options or {}).job(mode, **changes)


def test_a_held_text_to_image_request_is_this():
    call = ADAPTER.build(job(size="1024x1024", format="jpeg", safety=True))
    assert (call.purpose, call.method) == (CallPurpose.SUBMIT, "POST")
    assert call.url == f"https://lab.example/v1/models/{MODEL}/predictions"
    assert call.headers == (("Prefer", "wait=60"),)
    assert (call.auth.name, call.auth.value.get_secret_value()) == ("Authorization", f"Bearer {KEY}")
    assert call.body.value == {
        "input": {
            "go_fast": False,
            "prompt": "a cat",
            "aspect_ratio": "1:1",
            "output_megapixels": "1",
            "seed": 7,
            "output_format": "jpg",
            "disable_safety_checker": False,
        }
    }


def test_an_edit_is_the_same_call_with_images():
    call = ADAPTER.build(job("edit", **PLAIN, size="512x512", images=(SOURCE, SOURCE)))
    assert call.url == f"https://lab.example/v1/models/{MODEL}/predictions"
    assert call.body.value == {
        "input": {
            "go_fast": False,
            "prompt": "a cat",
            "aspect_ratio": "1:1",
            "output_megapixels": "0.25",
            "output_format": "png",
            "images": [DATA_URI, DATA_URI],
        }
    }


@pytest.mark.parametrize(
    ("options", "headers"),
    [
        ({}, {"Prefer": "wait=60"}),
        ({"hold_s": 5}, {"Prefer": "wait=5"}),
        ({"hold_s": 90}, {"Prefer": "wait=60"}),
        ({"hold_s": 0}, {}),
        ({"hold_s": -1}, {}),
        ({"hold_s": "soon"}, {"Prefer": "wait=60"}),
        ({"hold_s": 0, "cancel_after_s": 30}, {"Cancel-After": "30s"}),
        ({"hold_s": 9, "cancel_after_s": 1}, {"Prefer": "wait=9", "Cancel-After": "5s"}),
    ],
)
def test_how_long_an_answer_is_held_is_data(options, headers):
    assert dict(ADAPTER.build(job(options=options)).headers) == headers


def test_a_pinned_version_has_an_address_of_its_own():
    call = ADAPTER.build(job(options={"version": f"{MODEL}:abc"}))
    assert call.url == "https://lab.example/v1/predictions"
    assert set(call.body.value) == {"version", "input"}
    assert call.body.value["version"] == f"{MODEL}:abc"


def test_the_models_own_names_and_constant_inputs_are_data():
    options = {"fields": {"megapixels": "megapixels", "guidance": "guidance", "safety": ""}, "input": {"go_fast": True}}
    asked = job(options=options, safety=False, size="1024x1024")
    assert ADAPTER.build(asked).body.value["input"] == {
        "go_fast": True,
        "prompt": "a cat",
        "aspect_ratio": "1:1",
        "megapixels": "1",
        "seed": 7,
        "guidance": 2.5,
        "output_format": "png",
    }
    assert unsupported(ADAPTER, asked) == ("steps", "safety")
    table = ADAPTER.parameters(asked.endpoint)
    assert table["size"].wire_name == "aspect_ratio, megapixels"
    assert (table["guidance"].how, table["delivery"].how) == (How.PASSTHROUGH, How.EMULATED)


@pytest.mark.parametrize(
    ("asked", "told", "expected", "exact"),
    [
        ({"size": "1024x1024"}, "1:1 at 1 MP", "1024x1024", True),
        ({"size": "512x512"}, "1:1 at 0.25 MP", "512x512", True),
        ({"size": "1000x1000"}, "1:1 at 1 MP", "1024x1024", True),
        ({"size": "768x768"}, "1:1 at 0.5 MP", "720x720", False),
        ({"size": "2048x2048"}, "1:1 at 4 MP", "2048x2048", False),
        ({"size": "512x768"}, "2:3 at 0.5 MP", "592x880", False),
        ({"size": "1360x768"}, "16:9 at 1 MP", "1360x768", False),
        ({"size": "688x384"}, "16:9 at 0.25 MP", "688x384", False),
        ({"size": "336x784", "size_from": "ratio", "aspect_ratio": "9:21", "megapixels": 0.25},
         "9:21 at 0.25 MP", "336x784", False),
        ({"size": "1024x1024", "size_from": "ratio", "aspect_ratio": "1:1", "megapixels": 1},
         "1:1 at 1 MP", "1024x1024", True),
    ],
)  # fmt: skip
def test_a_size_is_the_nearest_ratio_and_megapixels_on_offer(asked, told, expected, exact):
    sizing = ADAPTER.sizing(job(**asked))
    assert (sizing.wire, str(sizing.expected), sizing.exact) == (told, expected, exact)
    inputs = ADAPTER.build(job(**asked)).body.value["input"]
    assert f"{inputs['aspect_ratio']} at {inputs['output_megapixels']} MP" == told
    assert ADAPTER.objection(job(**asked)) is None


def test_a_size_is_kept_only_where_it_is_known_to_the_pixel():
    kept = {text: ADAPTER.sizing(job(size=text)).keeps(job(size=text).request.size) for text in
            ("1024x1024", "512x512", "1000x1000", "1360x768")}  # fmt: skip
    assert kept == {"1024x1024": True, "512x512": True, "1000x1000": False, "1360x768": False}


@pytest.mark.parametrize(("size", "told", "expected"), [
    ("512x512", "match_input_image at 0.25 MP", "512x512"),
    ("1024x768", "match_input_image at 1 MP", "1184x880"),
    ("1536x64", "match_input_image at 0.25 MP", "2512x112"),
])  # fmt: skip
def test_the_input_is_matched_in_shape_and_its_area_is_told(size, told, expected):
    """The documentation says that the aspect ratio is matched, and nothing of the area."""
    asked = job("edit", size=size, size_from="input")
    sizing = ADAPTER.sizing(asked)
    assert (sizing.wire, str(sizing.expected), sizing.exact) == (told, expected, False)
    assert ADAPTER.build(asked).body.value["input"]["aspect_ratio"] == "match_input_image"
    assert ADAPTER.objection(asked) is None


def test_what_nothing_on_offer_is_near_to_is_not_asked_for():
    objections = {size: ADAPTER.objection(job(size=size)) for size in ("1024x512", "256x256", "4096x4096", "448x448")}
    assert "makes the shapes 1:1, 16:9," in objections["1024x512"]
    assert objections["1024x512"].endswith("not 1024x512")
    assert objections["256x256"] == "makes 0.25 to 4 megapixels, not 256x256 (0.062)"
    assert "not 4096x4096" in objections["4096x4096"]
    assert objections["448x448"] is None
    more = {"aspect_ratios": ["2:1", "nonsense", "0:1", 3], "megapixels": ["0.5", "0", "many"]}
    wide = job(size="1024x512", options=more)
    assert ADAPTER.objection(wide) is None
    assert ADAPTER.sizing(wide).wire == "2:1 at 0.5 MP"


def test_shipped_endpoints_take_the_images_that_are_shipped():
    shipped = [e for e in Catalog(environ={}).endpoints().values() if e.protocol == "replicate"]
    assert {"replicate/flux.2-klein-4b", "replicate/flux.2-klein-9b", "sim/replicate", "sim/replicate-polled"} == {
        e.id for e in shipped
    }
    assert all(e.base_url.endswith("/v1") and e.delivery == "url" for e in shipped)
    assert all(e.limits.max_input_bytes == 256_000 and e.limits.max_n == 1 for e in shipped)


def test_output_that_comes_before_the_metrics_is_delivered():
    early = {**PROCESSING, "output": [IMAGE_URL]}
    done = HELD.parse(Reply(early, 201))
    assert isinstance(done, Done)
    assert done.images == (ImageAddress(IMAGE_URL),)
    assert done.server_ms == {"queue": 250.0}
    assert (done.model, done.request_id, done.remarks) == (MODEL, "p1", ())


def test_the_rest_is_asked_for_afterwards():
    endpoint = HELD.job().endpoint
    [call] = ADAPTER.lookups(endpoint, SecretStr(KEY), "p1/../x")
    assert (call.method, call.url) == ("GET", "https://lab.example/v1/predictions/p1%2F..%2Fx")
    found = ADAPTER.read_lookup(endpoint, Exchange(call, 200, {}, json.dumps(SUCCEEDED).encode()))
    assert found.server_ms == {"queue": 250.0, "predict": 610.0, "total": 1020.0}
    assert found.cost_usd is None
    assert not ADAPTER.read_lookup(endpoint, Exchange(call, 404, {}, json.dumps(SUCCEEDED).encode())).server_ms


def test_the_servers_own_timings():
    done = HELD.parse(HELD.address)
    assert done.server_ms == {"queue": 250.0, "predict": 610.0, "total": 1020.0}
    backwards = {**SUCCEEDED, "started_at": "2026-11-02T09:00:00Z", "metrics": {"predict_time": "fast"}}
    assert HELD.parse(Reply(backwards)).server_ms == {}


def test_a_hold_that_ends_early_is_polled_at_the_address_as_returned_and_noted():
    for early in (STARTING, PROCESSING, {**PROCESSING, "output": []}):
        elsewhere = {**early, "urls": {"get": "https://eu.lab.example/x?y=1"}}
        answer = HELD.parse(Reply(elsewhere, 202))
        assert isinstance(answer, Pending)
        assert (answer.next.method, answer.next.url, answer.after_s) == ("GET", "https://eu.lab.example/x?y=1", None)
        assert (answer.provider_status, answer.request_id) == (early["status"], "p1")
    polled = ADAPTER.parse(HELD.job(), Exchange(answer.next, 200, {}, HELD.address.content))
    assert polled.remarks == ("the hold ended before the image was there",)
    assert POLLED.parse(POLLED.address).remarks == ()


def test_a_poll_without_an_address_is_repeated_and_a_submission_without_one_is_lost():
    nowhere = Reply({**PROCESSING, "urls": {}})
    assert POLLED.parse(nowhere, 1).next.url == ADDRESS
    assert POLLED.parse(nowhere, 0).failure.kind is FailureKind.BAD_RESPONSE


def test_a_failed_prediction_with_output_is_a_failure_and_keeps_its_name():
    answer = POLLED.parse(Reply({**SUCCEEDED, "status": "failed", "error": "half done"}))
    assert (answer.failure.kind, answer.failure.message, answer.request_id) == (
        *(FailureKind.PROVIDER_ERROR, "half done", "p1"),
    )
    assert POLLED.parse(Reply({**SUCCEEDED, "status": "resting"})).failure.kind is FailureKind.BAD_RESPONSE


def test_a_seed_is_believed_from_the_logs_only():
    assert HELD.parse(Reply({**SUCCEEDED, "input": {"seed": 7}, "logs": ""})).seed is None
    logged = {"Using seed: 42\n": 42, "seed=9": 9, "Seed 5 set": 5, "no seed": None, "seed: 1" + "0" * 30: None}
    assert {text: HELD.parse(Reply({**SUCCEEDED, "logs": text})).seed for text in logged} == logged


def test_one_image_may_come_without_a_list_and_half_a_list_is_none():
    assert HELD.parse(Reply({**SUCCEEDED, "output": IMAGE_URL})).images == (ImageAddress(IMAGE_URL),)
    assert HELD.parse(HELD.inline).images == (InlineImage(PNG),)
    half = Reply({**SUCCEEDED, "output": [IMAGE_URL, None]})
    assert HELD.parse(half).failure.kind is FailureKind.BAD_RESPONSE


@pytest.mark.parametrize(
    ("status", "problem", "kind", "words"),
    [
        (422, {"title": "Input validation failed", "detail": "- input.prompt: prompt is required", "status": 422,
               "invalid_fields": [{"type": "required", "field": "input.prompt", "description": "prompt is required"}]},
         FailureKind.INVALID_REQUEST, "input.prompt: prompt is required"),
        (422, {"title": "Refused", "detail": "NSFW prompt", "status": 422}, FailureKind.MODERATED_INPUT, "NSFW"),
        (401, {"title": "Unauthenticated", "detail": "no token", "status": 401}, FailureKind.AUTH, "no token"),
        (402, {"title": "Insufficient credit", "detail": "buy some", "status": 402}, FailureKind.PAYMENT, "buy some"),
        (403, {"title": "Forbidden", "status": 403}, FailureKind.AUTH, "Forbidden"),
        (404, {"title": "Not found", "detail": "no such model"}, FailureKind.NOT_FOUND, "no such model"),
    ],
)  # fmt: skip
def test_problem_objects_are_read(status, problem, kind, words):
    failure = HELD.parse(Reply(problem, status)).failure
    assert failure.kind is kind
    assert words in failure.message


def test_throttling_says_when_in_words():
    told = {"detail": "Request was throttled. Your rate limit resets in ~30s."}
    failure = HELD.parse(Reply(told, 429)).failure
    assert (failure.kind, failure.retry_after_s) == (FailureKind.RATE_LIMITED, 30)


def schema(*names):
    properties = {name: {"type": "string"} for name in names}
    version = {"openapi_schema": {"components": {"schemas": {"Input": {"properties": properties}}}}}
    return {"owner": "o", "name": "m", "latest_version": version}


def test_a_probe_tells_whether_the_model_knows_what_it_would_be_sent():
    lab = make_endpoint(protocol="replicate", model=MODEL, options={"fields": {"megapixels": "megapixels"}})
    call = ADAPTER.probe(lab, SecretStr(KEY))
    assert (call.method, call.url) == ("GET", f"{lab.base_url}/models/{MODEL}")

    def probed(body, status=200):
        answer = ADAPTER.read_probe(lab, Exchange(call, status, {}, json.dumps(body).encode()))
        return answer.may_use, answer.says

    known = ("aspect_ratio", "megapixels", "images", "seed", "output_format", "disable_safety_checker")
    assert probed(schema(*known)) == (True, "the model is there")
    lacking = schema(*(name for name in known if name != "megapixels"), "output_megapixels")
    assert probed(lacking) == (True, "the model is there, but ignores megapixels (see options.fields)")
    assert probed({"owner": "o", "name": "m", "latest_version": None}) == (True, "the model is there")
    assert probed({"hello": 1})[0] is None
    assert [probed({}, status)[0] for status in (401, 403, 404, 429, 500)] == [False, False, False, None, None]
