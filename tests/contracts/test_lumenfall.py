"""What is peculiar to Lumenfall: sizes, routing, cost, and what can be asked later."""

import json
from dataclasses import replace

import pytest

from arena.catalog import Catalog
from arena.domain.failure import FailureKind
from arena.domain.request import PixelSize
from harness.providers import provider
from harness.providers.base import Exchange, Job, unsupported
from tests.contracts.case import KEY, SOURCE, Reply
from tests.contracts.cases.lumenfall import CASE

ADAPTER = provider("lumenfall")
SHIPPED = Catalog(environ={}).endpoints()
KLEIN = SHIPPED["lumenfall/flux.2-klein-4b"]


def sized(endpoint=KLEIN, **changes):
    """A job that asks for nothing but a size."""
    plain = {"seed": None, "steps": None, "guidance": None}
    return Job(endpoint, CASE.job(**{**plain, **changes}).request, None)


def told(job):
    return ADAPTER.size_fields(job), ADAPTER.sizing(job)


def test_a_generation_and_an_edit_as_they_are_sent():
    job = Job(KLEIN, CASE.job(size="1024x1024", safety=False).request, None)
    call = ADAPTER.build(job)
    assert call.url == "https://api.lumenfall.ai/openai/v1/images/generations"
    assert call.body.value == {
        "model": "fal/flux.2-klein-4b",
        "prompt": "a cat",
        "size": "1024x1024",
        "n": 1,
        "response_format": "url",
        "output_format": "png",
        "seed": 7,
        "num_inference_steps": 4,
        "enable_safety_checker": False,
    }
    assert unsupported(ADAPTER, job) == ("guidance",)
    editing = SHIPPED["lumenfall/flux.2-klein-4b-edit"]
    edit = ADAPTER.build(Job(editing, CASE.job("edit", images=(SOURCE, SOURCE), safety=False).request, None))
    assert edit.url == "https://api.lumenfall.ai/openai/v1/images/edits"
    fields = dict(edit.body.fields)
    assert (fields["model"], fields["size"]) == ("fal/flux.2-klein-4b-edit", "836x1254")
    assert (fields["seed"], fields["enable_safety_checker"]) == ("7", "false")
    assert [f.part for f in edit.body.files] == ["image[]", "image[]"]


@pytest.mark.parametrize(
    ("asked", "tier"),
    [("1024x1024", "1024x1024"), ("512x512", "1024x1024"), ("1360x768", "1365x768"), ("1280x720", "1365x768"),
     ("720x1280", "768x1365"), ("1152x864", "1183x887"), ("1024x832", "1145x916"), ("2048x512", "1563x670")],
)  # fmt: skip
def test_a_size_is_asked_for_as_the_nearest_that_the_model_makes(asked, tier):
    fields, sizing = told(sized(size=asked))
    assert fields == {"size": tier}
    assert str(sizing.expected) == sizing.wire == tier
    assert sizing.exact == (tier == "1024x1024")
    assert sizing.keeps(sized(size=asked).request.size) == (asked == tier == "1024x1024")


def test_the_pixels_of_a_tier_off_the_grid_may_differ_a_little():
    sizing = ADAPTER.sizing(sized(size="1280x720"))
    assert sizing.accepts(PixelSize(width_px=1360, height_px=768))
    assert not sizing.accepts(PixelSize(width_px=1280, height_px=1024))


def test_of_several_resolutions_the_nearest_is_taken():
    both = {"0.5K": {"1:1": "512x512"}, "1K": {"1:1": "1024x1024", "4:3": "1183x887"}}
    endpoint = KLEIN.model_copy(update={"options": {**KLEIN.options, "tiers": both}})
    assert [ADAPTER.sizing(sized(endpoint, size=s)).wire for s in ("640x640", "960x960", "640x480")] == [
        "512x512",
        "1024x1024",
        "1183x887",
    ]


def test_a_ratio_is_told_as_such_where_the_model_has_it():
    wide = sized(size="1360x768", size_from="ratio", aspect_ratio="16:9", megapixels=1)
    fields, sizing = told(wide)
    assert fields == {"aspect_ratio": "16:9", "resolution": "1K"}
    assert (sizing.wire, str(sizing.expected), sizing.exact) == ("16:9 at 1K", "1365x768", False)
    assert ADAPTER.build(wide).body.value.keys() >= {"aspect_ratio", "resolution"}
    assert "size" not in ADAPTER.build(wide).body.value
    square = sized(size="1024x1024", size_from="ratio", aspect_ratio="1:1", megapixels=1)
    assert ADAPTER.sizing(square).exact
    odd = sized(size="1568x672", size_from="ratio", aspect_ratio="7:3", megapixels=1)
    assert told(odd)[0] == {"size": "1563x670"}


def test_the_size_of_the_input_image_is_the_vendors_choice():
    job = sized(SHIPPED["lumenfall/flux.2-klein-4b-edit"], mode="edit", images=(SOURCE,), size_from="input")
    fields, sizing = told(job)
    assert (fields, sizing.expected) == ({"size": "auto"}, None)


def test_without_a_table_a_size_is_told_as_it_is_and_may_be_rounded():
    bare = KLEIN.model_copy(update={"options": {}})
    sizing = ADAPTER.sizing(sized(bare, size="640x480"))
    assert (sizing.wire, sizing.exact) == ("640x480", False)
    spoilt = KLEIN.model_copy(update={"options": {"tiers": {"1K": {"1:1": "large"}, "2K": 5}}})
    assert ADAPTER.sizing(sized(spoilt, size="640x480")).wire == "640x480"


def test_a_long_prompt_is_refused_before_anything_is_fired():
    assert ADAPTER.objection(sized(prompt="x" * 1000)) is None
    assert ADAPTER.objection(sized(prompt="x" * 1001)) == "takes prompts of at most 1000 characters, not 1001"


def test_who_answered_and_what_it_cost():
    done = CASE.parse(CASE.address)
    assert (done.model, str(done.cost_usd), done.request_id) == ("fal/flux.2-klein-4b", "0.00525", "req_2m4j")
    assert done.remarks == ()


def changed(metadata, headers=None):
    body = {**CASE.inline.body, "metadata": metadata}
    return CASE.parse(replace(CASE.inline, body=body, headers=headers or {}))


def test_another_vendor_than_the_pinned_one_is_remarked():
    rerouted = {"provider": "replicate", "executed_model": "replicate/flux.2-klein-4b", "attempts": [{}, {}]}
    done = changed(rerouted)
    assert done.model == "replicate/flux.2-klein-4b"
    assert done.remarks == ("served by replicate, although pinned to fal", "the gateway made 2 attempts")
    by_header = changed(None, {"x-lumenfall-provider": "replicate", "x-lumenfall-model": "flux.2-klein-4b"})
    assert by_header.model == "replicate/flux.2-klein-4b"
    assert by_header.remarks == ("served by replicate, although pinned to fal",)


def test_a_cost_that_is_none_is_not_taken_over():
    costs = [{}, {"cost": None}, {"cost": "free"}, {"cost": -1}, {"cost": True}, {"cost": 1, "cost_currency": "EUR"}]
    assert [changed(metadata).cost_usd for metadata in costs] == [None] * len(costs)
    assert str(changed({"cost": 4e-05}).cost_usd) == "0.00004"


def test_a_rejection_keeps_the_gateways_own_name_for_the_request():
    reply = Reply({"error": {"message": "no", "code": "INSUFFICIENT_BALANCE", "type": "billing_error"}}, 402,
                  {"x-lumenfall-request-id": "req_9"})  # fmt: skip
    rejected = CASE.parse(reply)
    assert (rejected.failure.kind, rejected.request_id) == (FailureKind.PAYMENT, "req_9")


def test_a_finished_request_can_be_asked_for():
    job = CASE.job()
    (call,) = ADAPTER.lookups(job.endpoint, job.key, "req_2/m4")
    assert call.url == "https://lab.example/v1/requests/req_2%2Fm4"
    assert call.auth.value.get_secret_value() == f"Bearer {KEY}"
    elsewhere = job.endpoint.model_copy(update={"base_url": "https://lab.example/v1"})
    assert ADAPTER.lookups(elsewhere, job.key, "req_2") == ()

    def looked_up(body, status=200):
        return ADAPTER.read_lookup(job.endpoint, Exchange(call, status, {}, json.dumps(body).encode()))

    finished = looked_up({"status": "completed", "cost": 0.00525, "currency": "usd", "duration_ms": 1234})
    assert (finished.server_ms, str(finished.cost_usd)) == ({"total": 1234}, "0.00525")
    assert looked_up({"status": "processing", "cost": 0, "duration_ms": None}).cost_usd is None
    assert looked_up({"error": {"code": "NOT_FOUND"}}, 404).server_ms == {}


def test_the_list_of_models_has_them_without_vendor():
    probe = ADAPTER.probe(KLEIN, None)
    reply = Exchange(probe, 200, {}, b'{"data": [{"id": "flux.2-klein-4b"}]}')
    may = {
        e: ADAPTER.read_probe(SHIPPED[f"lumenfall/flux.2-klein-{e}"], reply).may_use for e in ("4b", "4b-edit", "9b")
    }
    assert may == {"4b": True, "4b-edit": False, "9b": False}


def test_what_is_passed_through_without_a_mark_up_has_the_vendors_price():
    book = {card.endpoint: card for card in Catalog(environ={}).prices()}
    for size in ("4b", "9b"):
        vendor, passed = book[f"replicate/flux.2-klein-{size}"], book[f"lumenfall/flux.2-klein-{size}-replicate"]
        assert passed.per_input_mp_usd == vendor.per_input_mp_usd
        assert passed.per_mp_usd == (vendor.per_mp_usd if vendor.first_mp_usd is None else vendor.first_mp_usd)
