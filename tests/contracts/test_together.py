"""What is peculiar to Together AI's protocol."""

import base64

from arena.domain.failure import FailureKind
from arena.domain.request import Delivery
from harness.providers import provider
from harness.providers.base import Exchange, How, InlineImage, JsonBody, unsupported
from tests.contracts.case import KEY, PNG, SOURCE, Reply
from tests.contracts.cases.together import CASE, MODEL, NAME, refused

ADAPTER = provider("together")
DATA_URI = f"data:image/png;base64,{base64.b64encode(SOURCE.data).decode()}"
BODY = {
    "model": MODEL,
    "prompt": "a cat",
    "width": 512,
    "height": 768,
    "n": 1,
    "response_format": "base64",
    "output_format": "png",
    "seed": 7,
    "steps": 4,
    "guidance_scale": 2.5,
}


def with_options(mode="t2i", options=None, **changes):
    job = CASE.job(mode, **changes)
    return type(job)(job.endpoint.model_copy(update={"options": options or {}}), job.request, job.key)


def test_text_to_image_is_one_json_body():
    call = CASE.call()
    assert call.url == "https://lab.example/v1/images/generations"
    assert (call.method, call.auth.name, call.auth.value.get_secret_value()) == (
        "POST",
        "Authorization",
        f"Bearer {KEY}",
    )
    assert call.body == JsonBody(BODY)


def test_an_edit_goes_the_same_way_with_references():
    call = CASE.call(job=CASE.job("edit", images=(SOURCE, SOURCE)))
    assert call.url == "https://lab.example/v1/images/generations"
    assert call.body == JsonBody({**BODY, "reference_images": [DATA_URI, DATA_URI]})


def test_delivery_and_filter_are_told_in_the_hosts_words():
    assert CASE.call(job=CASE.job(delivery="url")).body.value["response_format"] == "url"
    by_address = CASE.job()
    by_address = type(by_address)(
        by_address.endpoint.model_copy(update={"delivery": Delivery.URL}), by_address.request, by_address.key
    )
    assert CASE.call(job=by_address).body.value["response_format"] == "url"
    for wanted, sent in {True: False, False: True}.items():
        assert CASE.call(job=CASE.job(safety=wanted)).body.value["disable_safety_checker"] is sent
    assert "disable_safety_checker" not in CASE.call().body.value


def test_a_model_without_steps_is_told_none_and_that_is_reported():
    job = with_options(options={"fields": {"steps": "", "guidance": ""}})
    assert not {"steps", "guidance_scale", ""} & set(ADAPTER.build(job).body.value)
    assert unsupported(ADAPTER, job) == ("steps", "guidance")
    bare = with_options(options={"fields": {"safety": "", "delivery": ""}}, safety=True)
    assert not {"response_format", "disable_safety_checker", ""} & set(ADAPTER.build(bare).body.value)
    assert {"delivery", "safety"} & set(unsupported(ADAPTER, bare)) == {"safety"}
    assert ADAPTER.parameters(bare.endpoint)["delivery"].how is How.UNSUPPORTED


def test_a_model_that_takes_one_image_gets_it_alone():
    options = {"fields": {"images": "image_url"}}
    one, two = with_options("edit", options), with_options("edit", options, images=(SOURCE, SOURCE))
    assert ADAPTER.build(one).body.value["image_url"] == DATA_URI
    assert ADAPTER.objection(one) is None
    assert ADAPTER.objection(two) == "takes one input image in image_url, not 2"
    assert ADAPTER.objection(CASE.job("edit", images=(SOURCE, SOURCE))) is None


def test_the_size_is_kept_to_the_pixel():
    assert ADAPTER.sizing(CASE.job()).keeps(CASE.job().request.size)


def test_what_the_answer_says_is_kept_and_nothing_is_made_up():
    done = CASE.parse(CASE.inline)
    assert (done.images, done.request_id, done.model) == ((InlineImage(PNG),), NAME, MODEL)
    assert (done.seed, done.cost_usd, dict(done.server_ms)) == (None, None, {})


def test_when_to_come_back_is_in_a_header_of_its_own():
    def wait_s(status=429, **headers):
        reply = refused(status, "dynamic_request_limited")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return CASE.parse(Reply(reply.body, status, named)).failure.retry_after_s

    assert wait_s(x_ratelimit_reset="3") == 3
    assert wait_s(x_ratelimit_reset="0.25s") == 0.25
    assert wait_s(x_ratelimit_reset="1761000000") is None, "a point in time is no wait"
    assert wait_s(x_ratelimit_reset="soon") is None
    assert wait_s(x_ratelimit_reset="3", retry_after="7") == 7
    assert wait_s(503, x_ratelimit_reset="3") is None


def test_ones_own_rate_and_the_platforms_room_are_told_apart():
    assert CASE.parse(refused(429, "dynamic_token_limited")).failure.kind is FailureKind.RATE_LIMITED
    assert CASE.parse(refused(503, "service_unavailable")).failure.kind is FailureKind.CAPACITY


def test_the_probe_reads_a_bare_list_of_models():
    endpoint = CASE.job().endpoint
    call = ADAPTER.probe(endpoint, CASE.job().key)
    assert call.url == "https://lab.example/v1/models"

    def probed(body, status=200):
        return ADAPTER.read_probe(endpoint, Exchange(call, status, {}, Reply(body).content))

    assert probed([{"id": MODEL, "object": "model", "created": 0, "type": "image"}]).may_use is True
    other = probed([{"id": "black-forest-labs/FLUX.1-schnell", "object": "model", "created": 0, "type": "image"}])
    assert (other.may_use, other.says) == (False, f"{MODEL} is not in its list of models")
    assert probed({"error": {"message": "no", "type": "invalid_request_error"}}, 401).may_use is False
