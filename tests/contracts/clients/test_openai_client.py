"""OpenAI's own client against every simulator that speaks its protocol: images, edits, errors, moderation, and replies
that are as the published types have them.
"""

import base64
import io
from dataclasses import dataclass, field

import httpx
import jsonschema
import openai
import pytest
from PIL import Image

from harness.sim.contender import SimContender
from harness.sim.process import background
from tests.servers import png

pytestmark = pytest.mark.slow

SOURCE = ("in.png", png(96, 64), "image/png")


@dataclass(frozen=True)
class Host:
    """A dialect: where it is under its contender, what its client must add, and how it refuses."""

    protocol: str
    path: str = "/v1"
    model: str = "sim"
    extra: dict[str, object] = field(default_factory=lambda: {"seed": 7, "num_inference_steps": 4})
    size: tuple[int, int] = (96, 64)
    moderated_code: str | None = None
    unknown_model: type[openai.APIStatusError] = openai.NotFoundError
    unauthorized: str = "Incorrect API key provided."


HOSTS = {
    "openai": Host("openai", moderated_code="moderation_blocked"),
    "lumenfall": Host("lumenfall", "/openai/v1", "fal/sim", size=(1248, 832), moderated_code="CONTENT_POLICY_VIOLATION",
                      unauthorized="Invalid API key."),
    "vllm-omni": Host("vllm-omni", unknown_model=openai.BadRequestError, unauthorized="Unauthorized"),
    "sglang": Host("sglang", unauthorized="Unauthorized"),
    "localai": Host("localai", extra={"seed": 7, "step": 4}),
    "litellm": Host("litellm", path="", moderated_code="moderation_blocked", unknown_model=openai.BadRequestError),
}  # fmt: skip
FAULTS = ("moderated", "rate_limited", "server_error", "payment")
every_host = pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
IMAGES_RESPONSE = {
    "type": "object",
    "required": ["created", "data"],
    "properties": {
        "created": {"type": "integer"},
        "data": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "b64_json": {"type": ["string", "null"], "contentEncoding": "base64"},
                    "url": {"type": ["string", "null"]},
                    "revised_prompt": {"type": ["string", "null"]},
                },
                "anyOf": [
                    {"required": ["b64_json"], "properties": {"b64_json": {"type": "string", "minLength": 100}}},
                    {"required": ["url"], "properties": {"url": {"type": "string", "pattern": "^(https?:/)?/"}}},
                ],
            },
        },
        "size": {"type": "string", "pattern": "^\\d+x\\d+$"},
        "output_format": {"enum": ["png", "jpeg", "webp"]},
        "usage": {"type": ["object", "null"]},
    },
}
"""ImagesResponse and Image of the official client, openai/types/images_response.py, as far as it is used."""
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "code"],
            "properties": {"message": {"type": "string", "minLength": 1}, "param": {"type": ["string", "null"]}},
        }
    },
}
"""The error envelope that the client reads `code`, `param` and `type` from, openai/_exceptions.py."""


def contender(protocol, model, fault=None):
    fields = {
        "name": f"{protocol}{'' if fault is None else '-' + fault.replace('_', '-')}",
        "protocol": protocol,
        "model": model,
        "latency": {"kind": "fixed", "ms": 0},
        "quality": 0.5,
        "style": "flat",
        "price_usd": "0.004",
        "failures": {} if fault is None else {fault: 1},
    }
    return SimContender.model_validate(fields)


@pytest.fixture(scope="module")
def simulator():
    contenders = [contender(h.protocol, h.model, f) for h in HOSTS.values() for f in (None, *FAULTS)]
    keeping = contender("sglang", "sim").model_copy(update={"name": "sglang-keeping", "delivery": "url"})
    with background([*contenders, keeping]) as url:
        yield url


def client(simulator, host, fault=None, key="k"):
    name = contender(host.protocol, host.model, fault).name
    return openai.OpenAI(base_url=f"{simulator}/{name}{host.path}", api_key=key, max_retries=0)


def generate(opened, host, **changes):
    asked = {"model": host.model, "prompt": "a red square", "size": "96x64", "response_format": "b64_json",
             "extra_body": host.extra, **changes}  # fmt: skip
    return opened.images.generate(**asked)


def picture(image):
    return Image.open(io.BytesIO(base64.b64decode(image.b64_json)))


@every_host
def test_an_image_from_words(simulator, host):
    with client(simulator, host) as opened:
        reply = generate(opened, host)
        again = generate(opened, host)
    assert picture(reply.data[0]).size == host.size
    assert reply.data[0].b64_json == again.data[0].b64_json, "the seed went astray"


@every_host
def test_a_reply_is_as_the_published_types_have_it(simulator, host):
    with client(simulator, host) as opened:
        raw = opened.images.with_raw_response.generate(
            model=host.model, prompt="a red square", size="96x64", response_format="b64_json", extra_body=host.extra
        )
    jsonschema.validate(raw.http_response.json(), IMAGES_RESPONSE)


@every_host
@pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
def test_an_edit_where_there_is_one(simulator, host, several):
    asked = {"model": host.model, "prompt": "make it night", "size": "96x64", "response_format": "b64_json"}
    with client(simulator, host) as opened:
        if host.protocol == "localai":
            with pytest.raises(openai.NotFoundError):
                opened.images.edit(image=SOURCE, **asked)
            images = [base64.b64encode(SOURCE[1]).decode()] * (2 if several else 1)
            reply = generate(opened, host, prompt="make it night", extra_body={"seed": 7, "ref_images": images})
        else:
            image = [SOURCE, SOURCE] if several else SOURCE
            reply = opened.images.edit(image=image, extra_body=host.extra, **asked)
        plain = generate(opened, host, prompt="make it night")
    assert picture(reply.data[0]).size == host.size
    assert reply.data[0].b64_json != plain.data[0].b64_json, "the input image was not looked at"


@every_host
def test_a_moderated_prompt_is_a_bad_request(simulator, host):
    with client(simulator, host, "moderated") as opened, pytest.raises(openai.BadRequestError) as caught:
        generate(opened, host)
    assert "safety system" in caught.value.response.text
    if host.moderated_code:
        assert caught.value.code == host.moderated_code


@every_host
def test_errors_are_what_the_client_takes_them_for(simulator, host):
    with client(simulator, host, "rate_limited") as opened, pytest.raises(openai.RateLimitError) as limited:
        generate(opened, host)
    assert float(limited.value.response.headers["retry-after"]) > 0
    with client(simulator, host, "server_error") as opened, pytest.raises(openai.InternalServerError) as broken:
        generate(opened, host)
    with client(simulator, host, key="invalid") as opened, pytest.raises(openai.AuthenticationError) as refused:
        generate(opened, host)
    assert host.unauthorized in refused.value.response.text
    if host.protocol in {"openai", "lumenfall", "litellm", "localai"}:
        for error in (limited, broken, refused):
            jsonschema.validate(error.value.response.json(), ERROR)
    else:
        assert set(limited.value.response.json()) == {"detail"}


@every_host
def test_an_unknown_model(simulator, host):
    with client(simulator, host) as opened:
        if host.protocol == "sglang":
            assert generate(opened, host, model="another").data, "it does not look at the name"
            return
        with pytest.raises(host.unknown_model):
            generate(opened, host, model="another")


@every_host
def test_the_model_is_listed(simulator, host):
    with client(simulator, host) as opened:
        assert [m.id for m in opened.models.list()] == [host.model.rpartition("/")[2]]


@every_host
def test_a_size_that_is_none(simulator, host):
    with client(simulator, host) as opened:
        if host.protocol == "localai":
            assert picture(generate(opened, host, size="large").data[0]).size == (512, 512)
            return
        with pytest.raises((openai.BadRequestError, openai.UnprocessableEntityError)):
            generate(opened, host, size="large")


def test_addresses_where_they_are_given_and_refused(simulator):
    for name in ("openai", "lumenfall", "localai", "litellm"):
        with client(simulator, HOSTS[name]) as opened:
            reply = generate(opened, HOSTS[name], response_format="url")
        assert Image.open(io.BytesIO(httpx.get(reply.data[0].url, trust_env=False).content)).size == HOSTS[name].size
    refusals = {"vllm-omni": openai.UnprocessableEntityError, "sglang": openai.BadRequestError}
    for name, refusal in refusals.items():
        with client(simulator, HOSTS[name]) as opened, pytest.raises(refusal):
            generate(opened, HOSTS[name], response_format="url")
    with client(simulator, HOSTS["vllm-omni"]) as opened, pytest.raises(openai.BadRequestError):
        opened.images.edit(model="sim", prompt="x", image=SOURCE, response_format="url")


def test_an_sglang_server_that_keeps_its_images_gives_paths(simulator):
    base = f"{simulator}/sglang-keeping/v1"
    with openai.OpenAI(base_url=base, api_key="k", max_retries=0) as opened:
        reply = opened.images.generate(model="sim", prompt="a red square", size="96x64", n=2)
    paths = [image.url for image in reply.data]
    assert [p.rpartition("/")[2] for p in paths] == ["content?variant=0", "content?variant=1"]
    for path in paths:
        assert Image.open(io.BytesIO(httpx.get(simulator + path, trust_env=False).content)).size == (96, 64)


def test_what_the_hosts_add_reaches_the_client(simulator):
    with client(simulator, HOSTS["lumenfall"]) as opened:
        metadata = generate(opened, HOSTS["lumenfall"]).model_extra["metadata"]
    assert (metadata["provider"], metadata["cost"]) == ("fal", 0.004)
    with client(simulator, HOSTS["vllm-omni"]) as opened:
        metrics = generate(opened, HOSTS["vllm-omni"], extra_body={"return_stage_metrics": True}).model_extra["metrics"]
    assert set(metrics["stage_durations"]) == {f"Flux2KleinPipeline.{s}" for s in
                                               ("text_encoder.forward", "diffuse", "vae.decode")}  # fmt: skip
    with client(simulator, HOSTS["sglang"]) as opened:
        assert generate(opened, HOSTS["sglang"]).model_extra["inference_time_s"] >= 0
    with client(simulator, HOSTS["litellm"]) as opened:
        raw = opened.images.with_raw_response.generate(model="sim", prompt="x", size="96x64")
    assert float(raw.headers["x-litellm-response-cost"]) == 0.004
    assert float(raw.headers["x-litellm-response-duration-ms"]) >= float(raw.headers["x-litellm-overhead-duration-ms"])
