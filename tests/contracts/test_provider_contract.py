"""One suite over every registered provider: what a reply means, and what never happens whatever a server sends."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from arena.catalog import Catalog
from arena.domain.failure import FailureKind
from arena.domain.request import GenerationRequest, SourceImage
from harness.providers import PROVIDERS, provider, wire
from harness.providers.base import (
    Done,
    Exchange,
    FormBody,
    ImageAddress,
    InlineImage,
    Job,
    JsonBody,
    Rejected,
    Support,
    unsupported,
)
from tests.factories import make_endpoint
from tests.servers import png

KEY = "canary-key-4711"
PNG = base64.b64encode(png()).decode()
SOURCE = SourceImage(name="in.png", media_type="image/png", data=png(16, 16))

OK = {
    "openai": {"created": 1, "data": [{"b64_json": PNG}]},
    "cog": {
        "id": "p1",
        "status": "succeeded",
        "output": [f"data:image/png;base64,{PNG}"],
        "metrics": {"predict_time": 1.5},
    },
}
ADDRESS = {
    "openai": {"data": [{"url": "https://cdn.example/i.png"}]},
    "cog": {"status": "succeeded", "output": "https://cdn.example/i.png"},
}
MODERATED = {
    "openai": (
        400,
        {"error": {"message": "no", "type": "x", "code": "moderation_blocked"}},
        FailureKind.MODERATED_INPUT,
    ),
    "cog": (
        200,
        {"status": "failed", "error": "Prediction failed: NSFW content detected"},
        FailureKind.MODERATED_OUTPUT,
    ),
}
every_provider = pytest.mark.parametrize("name", sorted(PROVIDERS))


def job(name, mode="t2i", **changes):
    request = {"prompt": "a cat", "size": "512x768", "seed": 7, "steps": 4, "guidance": 2.5, "mode": mode, **changes}
    if mode == "edit":
        request.setdefault("images", (SOURCE,))
    endpoint = make_endpoint(protocol=name, base_url="https://lab.example/v1", options=OPTIONS[name], key_env="LAB_KEY")
    return Job(endpoint, GenerationRequest.model_validate(request), SecretStr(KEY))


OPTIONS = {
    "openai": {"fields": {"seed": "seed", "steps": "num_inference_steps", "guidance": "guidance_scale"}},
    "cog": {},
}


def parse(name, body, status=200, headers=None, **changes):
    the_job = job(name, **changes)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return provider(name).parse(the_job, Exchange(provider(name).build(the_job), status, headers or {}, content))


def test_every_protocol_that_an_endpoint_names_is_registered():
    assert {e.protocol for e in Catalog(environ={}).endpoints().values()} <= set(PROVIDERS)


def test_every_registered_provider_is_in_this_suite():
    assert set(PROVIDERS) == set(OK) == set(ADDRESS) == set(MODERATED) == set(OPTIONS)


@every_provider
@pytest.mark.parametrize("mode", ["t2i", "edit"])
def test_a_call_is_the_same_every_time_and_shows_no_key(name, mode):
    first, second = provider(name).build(job(name, mode)), provider(name).build(job(name, mode))
    assert first == second
    assert first.url.startswith("https://lab.example/v1/")
    assert KEY not in repr(first)
    assert KEY not in first.url
    assert KEY in first.auth.value.get_secret_value()


@every_provider
def test_without_a_key_no_header_is_made(name):
    keyless = job(name)
    keyless = Job(keyless.endpoint, keyless.request, None)
    assert provider(name).build(keyless).auth is None


@every_provider
def test_every_requested_field_is_sent_or_reported(name):
    asked = job(name, n=2, delivery="url")
    call = provider(name).build(asked)
    sent = json.dumps(call.body.value)
    missing = unsupported(provider(name), asked)
    for field, value in {"seed": 7, "steps": 4, "guidance": 2.5, "n": 2}.items():
        support = provider(name).parameters(asked.endpoint)[field]
        assert isinstance(support, Support)
        assert (field in missing) != (f'"{support.wire_name}": {value}' in sent)
    assert "a cat" in sent


@every_provider
def test_an_edit_carries_its_images(name):
    call = provider(name).build(job(name, "edit"))
    if isinstance(call.body, FormBody):
        assert [f.data for f in call.body.files] == [SOURCE.data]
    else:
        assert base64.b64encode(SOURCE.data).decode() in json.dumps(call.body.value)


@every_provider
def test_success_inline_and_by_address(name):
    inline, address = parse(name, OK[name]), parse(name, ADDRESS[name])
    assert inline.images == (InlineImage(PNG),)
    assert address.images == (ImageAddress("https://cdn.example/i.png"),)


@every_provider
def test_moderation_is_told_apart(name):
    status, body, kind = MODERATED[name]
    assert parse(name, body, status).failure.kind is kind


@every_provider
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, FailureKind.INVALID_REQUEST),
        (401, FailureKind.AUTH),
        (402, FailureKind.PAYMENT),
        (403, FailureKind.AUTH),
        (404, FailureKind.NOT_FOUND),
        (409, FailureKind.CAPACITY),
        (422, FailureKind.INVALID_REQUEST),
        (429, FailureKind.RATE_LIMITED),
        (500, FailureKind.PROVIDER_ERROR),
        (502, FailureKind.PROVIDER_ERROR),
        (503, FailureKind.CAPACITY),
        (504, FailureKind.TIMEOUT_START),
        (302, FailureKind.BAD_RESPONSE),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "told you", "type": "t", "code": "c", "param": None}},
        {"detail": "told you"},
        {"detail": [{"loc": ["body", "n"], "msg": "told you", "type": "t"}]},
        {"error": "told you", "status": "failed"},
        b"told you",
        b"<html><head><title>told you</title></head></html>",
    ],
)
def test_every_error_status_has_a_kind_and_keeps_the_message(name, status, kind, body):
    failure = parse(name, body, status).failure
    assert failure.kind is kind
    assert "told you" in failure.message
    assert failure.http_status == status


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0),
        ({"retry-after": "31536000"}, 31536000),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "9" * 400}, None),
        ({}, None),
    ],
)
@every_provider
def test_retry_after_is_read_in_every_form(name, headers, seconds):
    assert parse(name, {"error": {"message": "slow down"}}, 429, headers).failure.retry_after_s == seconds


@every_provider
@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b"42", b'"text"', b"<html></html>", b"\xff\xfe", b"[" * 10_000, b'{"a":' * 5_000,
     b'{"data": []}', b'{"data": [{}]}', b'{"data": [null]}', b'{"data": "x"}', b'{"data": [{"url": 5}]}',
     b'{"data": [{"b64_json": ""}]}', b'{"status": "succeeded"}', b'{"status": "succeeded", "output": [null]}',
     b'{"status": "succeeded", "output": "data:image/png,plain"}', b'{"status": "processing"}', b"NaN",
     b'{"data": NaN}'],
)  # fmt: skip
def test_a_reply_without_an_image_is_a_bad_response(name, body):
    answer = parse(name, body)
    assert isinstance(answer, Rejected)
    assert answer.failure.kind is FailureKind.BAD_RESPONSE


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@every_provider
@given(
    body=st.dictionaries(
        st.sampled_from(
            ["data", "status", "output", "error", "metrics", "detail", "timings_ms", "seed", "id", "model"]
        ),
        anything,
    ),
    status=st.integers(100, 599),
)
def test_no_reply_makes_a_parser_raise(name, body, status):
    assert isinstance(parse(name, json.dumps(body).encode(), status), Done | Rejected)


@every_provider
@given(st.binary(max_size=300), st.integers(100, 599), st.dictionaries(st.sampled_from(
    ["retry-after", "retry-after-ms", "date", "x-request-id"]), st.text(max_size=40)))  # fmt: skip
def test_no_bytes_make_a_parser_raise(name, body, status, headers):
    assert isinstance(parse(name, body, status, headers), Done | Rejected)


@every_provider
def test_messages_are_cut_and_cleaned(name):
    failure = parse(name, {"error": {"message": "\x1b[2J" + "x" * 100_000}, "detail": "y"}, 500).failure
    assert len(failure.message) <= 500
    assert failure.message.isprintable()


def test_openai_sends_what_the_protocol_names():
    call = provider("openai").build(job("openai", delivery="url", format="webp"))
    assert call.body == JsonBody(
        {"model": "m-1", "prompt": "a cat", "size": "512x768", "n": 1, "response_format": "url", "output_format":
        "webp",
         "seed": 7, "num_inference_steps": 4, "guidance_scale": 2.5}
    )  # fmt: skip
    assert call.url == "https://lab.example/v1/images/generations"
    several = provider("openai").build(job("openai", "edit", images=(SOURCE, SOURCE)))
    assert several.url == "https://lab.example/v1/images/edits"
    assert [f.part for f in several.body.files] == ["image[]", "image[]"]
    assert [f.part for f in provider("openai").build(job("openai", "edit")).body.files] == ["image"]


def test_openai_sends_no_field_that_a_host_does_not_take():
    the_job = job("openai")
    bare = Job(make_endpoint(options={"fields": {"delivery": "", "format": ""}}), the_job.request, None)
    assert set(provider("openai").build(bare).body.value) == {"model", "prompt", "size", "n"}
    assert unsupported(provider("openai"), bare) == ("seed", "steps", "guidance", "format")


def test_openai_reads_a_reported_cost_from_the_endpoints_header():
    the_job = job("openai")
    options = {**OPTIONS["openai"], "cost_header": "X-Cost"}
    priced = Job(make_endpoint(options=options), the_job.request, None)
    exchange = Exchange(provider("openai").build(priced), 200, {"x-cost": "0.0123"}, json.dumps(OK["openai"]).encode())
    assert str(provider("openai").parse(priced, exchange).cost_usd) == "0.0123"
    for bad in ("free", "-1", "nan", ""):
        exchange = Exchange(exchange.call, 200, {"x-cost": bad}, exchange.body)
        assert provider("openai").parse(priced, exchange).cost_usd is None


def test_openai_takes_a_path_on_its_own_host_and_a_data_uri():
    relative = parse("openai", {"data": [{"url": "/v1/images/i.png"}]})
    assert relative.images == (ImageAddress("https://lab.example/v1/images/i.png"),)
    assert parse("openai", {"data": [{"url": f"data:image/png;base64,{PNG}"}]}).images == (InlineImage(PNG),)


def test_cog_names_inputs_as_the_container_declares_them():
    options = {"fields": {"steps": "steps", "guidance": "", "format": ""}, "input": {"go_fast": True}}
    the_job = Job(make_endpoint(protocol="cog", options=options), job("cog").request, None)
    assert provider("cog").build(the_job).body.value == {
        "input": {"go_fast": True, "prompt": "a cat", "width": 512, "height": 768, "seed": 7, "steps": 4}
    }
    assert unsupported(provider("cog"), the_job) == ("guidance", "format")


def test_cog_keeps_the_models_own_time_and_tells_a_failure_from_a_refusal():
    assert parse("cog", OK["cog"]).server_ms == {"predict": 1500.0}
    failed = parse("cog", {"status": "failed", "error": "Prediction failed: CUDA out of memory"})
    assert failed.failure.kind is FailureKind.PROVIDER_ERROR
    assert parse("cog", {"status": "canceled"}).failure.kind is FailureKind.CANCELED


def test_what_cannot_be_stored_is_not_taken_over():
    the_job = job("openai")
    options = {**OPTIONS["openai"], "cost_header": "x-cost"}
    priced = Job(make_endpoint(options=options), the_job.request, None)
    body = b'{"data": [{"b64_json": "QQ=="}], "model": "\\ud800", "timings_ms": {"\\ud800": 1, "a\\u0000b": 2, "c": 3}}'
    exchange = Exchange(provider("openai").build(priced), 200, {"x-cost": "1e30", "x-request-id": "a\x00b"}, body)
    done = provider("openai").parse(priced, exchange)
    assert (done.model, done.cost_usd, done.request_id) == (None, None, "a b")
    assert done.server_ms == {"a b": 2.0, "c": 3.0}


def test_a_complaint_about_a_field_is_no_moderation():
    for message in (
        "Unknown parameter: 'moderation'",
        "invalid value for content",
        "safety_tolerance must be an integer",
    ):
        failure = parse("openai", {"error": {"message": message, "code": "unknown_parameter"}}, 400).failure
        assert failure.kind is FailureKind.INVALID_REQUEST
    for message in (
        "Your request was rejected by our safety system.",
        "blocked by our moderation system",
        "NSFW content",
    ):
        assert parse("openai", {"error": {"message": message}}, 400).failure.kind is FailureKind.MODERATED_INPUT


def test_deep_json_is_no_json():
    assert wire.read_json(b"[" * 100_000) is None
