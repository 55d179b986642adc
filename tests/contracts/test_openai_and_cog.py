"""What is peculiar to the OpenAI-compatible protocol and to cog."""

import json

from arena.catalog import Catalog
from arena.domain.failure import FailureKind
from harness.providers import provider
from harness.providers.base import Exchange, ImageAddress, InlineImage, Job, JsonBody, unsupported
from tests.contracts.case import PNG, SOURCE, Reply
from tests.contracts.cases.cog import CASE as COG
from tests.contracts.cases.openai import CASE as OPENAI
from tests.factories import make_endpoint


def test_openai_sends_what_the_protocol_names():
    call = OPENAI.call(job=OPENAI.job(delivery="url", format="webp"))
    assert call.body == JsonBody(
        {
            "model": "m-1",
            "prompt": "a cat",
            "size": "512x768",
            "n": 1,
            "response_format": "url",
            "output_format": "webp",
            "seed": 7,
            "num_inference_steps": 4,
            "guidance_scale": 2.5,
        }
    )
    assert call.url == "https://lab.example/v1/images/generations"
    several = provider("openai").build(OPENAI.job("edit", images=(SOURCE, SOURCE)))
    assert several.url == "https://lab.example/v1/images/edits"
    assert [f.part for f in several.body.files] == ["image[]", "image[]"]
    assert [f.part for f in provider("openai").build(OPENAI.job("edit")).body.files] == ["image"]


def test_openai_sends_no_field_that_a_host_does_not_take():
    bare = Job(make_endpoint(options={"fields": {"delivery": "", "format": ""}}), OPENAI.job().request, None)
    assert set(provider("openai").build(bare).body.value) == {"model", "prompt", "size", "n"}
    assert unsupported(provider("openai"), bare) == ("seed", "steps", "guidance", "format")


def test_openai_reads_a_reported_cost_from_the_endpoints_header():
    priced = Job(make_endpoint(options={**OPENAI.options, "cost_header": "X-Cost"}), OPENAI.job().request, None)
    call = provider("openai").build(priced)
    costs = {}
    for said in ("0.0123", "free", "-1", "nan", ""):
        done = provider("openai").parse(priced, Exchange(call, 200, {"x-cost": said}, OPENAI.inline.content))
        costs[said] = done.cost_usd and str(done.cost_usd)
    assert costs == {"0.0123": "0.0123", "free": None, "-1": None, "nan": None, "": None}


def test_openai_tells_at_which_stage_it_moderated_if_it_says_so():
    def blocked(details):
        error = {"message": "no", "code": "moderation_blocked", "moderation_details": details}
        return OPENAI.parse(Reply({"error": error}, 400)).failure.kind

    assert blocked({"moderation_stage": "output", "categories": []}) is FailureKind.MODERATED_OUTPUT
    for details in ({"moderation_stage": "input"}, {"moderation_stage": "unknown"}, {}, None, "output"):
        assert blocked(details) is FailureKind.MODERATED_INPUT
    other = {"message": "bad size", "moderation_details": {"moderation_stage": "output"}}
    assert OPENAI.parse(Reply({"error": other}, 400)).failure.kind is FailureKind.INVALID_REQUEST


def test_a_form_holds_texts_as_json_has_them():
    options = {**OPENAI.options, "extra": {"stream": False, "quality": "low", "levels": [1, 2], "note": "é"}}
    job = OPENAI.job("edit", guidance=2)
    call = provider("openai").build(Job(make_endpoint(options=options), job.request, None))
    fields = dict(call.body.fields)
    assert (fields["stream"], fields["quality"], fields["levels"], fields["note"]) == ("false", "low", "[1, 2]", "é")
    assert (fields["n"], fields["guidance_scale"]) == ("1", "2.0")


def test_openais_own_models_are_told_no_delivery():
    endpoint = Catalog(environ={}).endpoints()["openai/gpt-image-2"]
    call = provider("openai").build(Job(endpoint, OPENAI.job(size="1536x864").request, None))
    assert call.body.value == {
        "model": "gpt-image-2",
        "prompt": "a cat",
        "size": "1536x864",
        "n": 1,
        "output_format": "png",
    }


def test_openai_takes_a_path_on_its_own_host_and_a_data_uri():
    relative = OPENAI.parse(Reply({"data": [{"url": "/v1/images/i.png"}]}))
    assert relative.images == (ImageAddress("https://lab.example/v1/images/i.png"),)
    inline = OPENAI.parse(Reply({"data": [{"url": f"data:image/png;base64,{PNG}"}]}))
    assert inline.images == (InlineImage(PNG),)


def test_openais_own_time_is_kept_where_it_is_told():
    body = {"data": [{"b64_json": PNG}]}
    told = {said: OPENAI.parse(Reply(body, headers={"openai-processing-ms": said})).server_ms for said in ("812", "-")}
    assert told == {"812": {"total": 812.0}, "-": {}}


def test_cog_names_inputs_as_the_container_declares_them():
    options = {"fields": {"steps": "steps", "guidance": "", "format": ""}, "input": {"go_fast": True}}
    the_job = Job(make_endpoint(protocol="cog", options=options), COG.job().request, None)
    assert provider("cog").build(the_job).body.value == {
        "input": {"go_fast": True, "prompt": "a cat", "width": 512, "height": 768, "seed": 7, "steps": 4}
    }
    assert unsupported(provider("cog"), the_job) == ("guidance", "format")


def test_a_cog_container_without_width_and_height_is_not_told_a_size():
    options = {"fields": {"width": "", "height": ""}}
    the_job = Job(make_endpoint(protocol="cog", options=options), COG.job().request, None)
    assert "size" in unsupported(provider("cog"), the_job)
    assert provider("cog").sizing(the_job).expected is None


def test_cog_keeps_the_models_own_time():
    assert COG.parse(COG.inline).server_ms == {"predict": 1500.0}


def test_what_cannot_be_stored_is_not_taken_over():
    priced = Job(make_endpoint(options={**OPENAI.options, "cost_header": "x-cost"}), OPENAI.job().request, None)
    body = b'{"data": [{"b64_json": "QQ=="}], "model": "\\ud800", "timings_ms": {"\\ud800": 1, "a\\u0000b": 2, "c": 3}}'
    headers = {"x-cost": "1e30", "x-request-id": "a\x00b"}
    done = provider("openai").parse(priced, Exchange(provider("openai").build(priced), 200, headers, body))
    assert (done.model, done.cost_usd, done.request_id) == (None, None, "a b")
    assert done.server_ms == {"a b": 2.0, "c": 3.0}


def test_a_complaint_about_a_field_is_no_moderation():
    complaints = (
        "Unknown parameter: 'moderation'",
        "invalid value for content",
        "safety_tolerance must be an integer",
    )
    refusals = ("Your request was rejected by our safety system.", "blocked by our moderation system", "NSFW content")
    for message in complaints:
        failure = OPENAI.parse(Reply({"error": {"message": message, "code": "unknown_parameter"}}, 400)).failure
        assert failure.kind is FailureKind.INVALID_REQUEST
    for message in refusals:
        failure = OPENAI.parse(Reply({"error": {"message": message}}, 400)).failure
        assert failure.kind is FailureKind.MODERATED_INPUT


def test_a_list_of_models_tells_whether_the_key_may_use_one():
    job = OPENAI.job()
    probe = provider("openai").probe(job.endpoint, job.key)
    assert probe.url == "https://lab.example/v1/models"

    def probed(body, status=200):
        exchange = Exchange(probe, status, {}, json.dumps(body).encode())
        return provider("openai").read_probe(job.endpoint, exchange).may_use

    assert probed({"data": [{"id": "other"}, {"id": "m-1"}]}) is True
    assert probed({"data": [{"id": "other"}]}) is False
    assert probed({"error": {"message": "bad key"}}, 401) is False
    assert probed("hello") is None
