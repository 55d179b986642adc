"""What is peculiar to Runflow: paths by mode, named sizes, an edit of another kind, outputs in four shapes."""

import base64
import json
from dataclasses import replace
from decimal import Decimal

import pytest
from pydantic import SecretStr

from arena.catalog import Catalog
from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose
from harness.providers import provider
from harness.providers.base import Exchange, How, ImageAddress, Job, Pending, unsupported
from tests.contracts.case import BASE_URL, IMAGE_URL, KEY, SOURCE, Reply
from tests.contracts.cases.runflow import ADDRESS, CASE, MODEL, OUTPUT, QUEUED, RUN_ID, RUNNING, SUCCEEDED, failed
from tests.factories import make_endpoint

ADAPTER = provider("runflow")
PLAIN = {"seed": None, "steps": None, "guidance": None}
DATA_URI = f"data:image/png;base64,{base64.b64encode(SOURCE.data).decode()}"
SHIPPED = Catalog(environ={}).endpoints()


def job(mode="t2i", options=None, **changes):
    return replace(CASE, options=options or {}).job(mode, **changes)


def test_a_text_to_image_run_is_this():
    call = ADAPTER.build(job(format="jpeg", safety=True, size="1024x1024"))
    assert (call.purpose, call.method, call.url) == (*(CallPurpose.SUBMIT, "POST", f"{BASE_URL}/models/{MODEL}/runs"),)
    assert (call.auth.name, call.auth.value.get_secret_value()) == ("Authorization", f"Bearer {KEY}")
    assert call.body.value == {
        "input": {
            "prompt": "a cat",
            "image_size": "square_hd",
            "seed": 7,
            "num_inference_steps": 4,
            "num_images": 1,
            "output_format": "jpeg",
            "enable_safety_checker": True,
        }
    }


def test_an_edit_has_a_path_of_its_own():
    call = ADAPTER.build(job("edit", **PLAIN, size="640x416"))
    assert call.url == f"{BASE_URL}/models/{MODEL}/edit/runs"
    assert call.body.value == {
        "input": {
            "prompt": "a cat",
            "image_size": {"width": 640, "height": 416},
            "num_images": 1,
            "output_format": "png",
            "image_urls": [DATA_URI],
        }
    }
    moved = job("edit", {"edit_path": "/models/flux-2-klein-4b/edit/runs"})
    assert ADAPTER.build(moved).url == f"{BASE_URL}/models/flux-2-klein-4b/edit/runs"
    assert ADAPTER.build(job(options={"edit_path": "elsewhere"})).url == f"{BASE_URL}/models/{MODEL}/runs"


def test_the_edit_of_4b_takes_four_inputs():
    short = SHIPPED["runflow/flux.2-klein-4b-edit"]
    asked = Job(short, job("edit", size="1024x1024", format="jpeg", safety=False, images=(SOURCE, SOURCE)).request)
    call = ADAPTER.build(asked)
    assert call.url == "https://api.runflow.io/v1/models/black-forest-labs/flux-2-klein-4b/edit/runs"
    assert call.body.value == {"input": {"prompt": "a cat", "seed": 7, "steps": 4, "image_urls": [DATA_URI, DATA_URI]}}
    assert unsupported(ADAPTER, asked) == ("size", "guidance", "format", "safety")
    sizing = ADAPTER.sizing(asked)
    assert (sizing.wire, sizing.expected) == ("not sent", None)
    assert ADAPTER.objection(asked) is None
    assert short.limits.objection(asked.request) is None
    assert "26" in short.limits.objection(asked.request.model_copy(update={"steps": 26}))


def test_shipped_endpoints():
    real = {i: e for i, e in SHIPPED.items() if e.protocol == "runflow" and not e.simulated}
    assert {i: e.modes for i, e in real.items()} == {
        "runflow/flux.2-klein-4b": ("t2i",),
        "runflow/flux.2-klein-4b-edit": ("edit",),
        "runflow/flux.2-klein-9b": ("t2i",),
        "runflow/flux.2-klein-9b-edit": ("edit",),
    }
    urls = {i: ADAPTER.build(Job(e, job(e.modes[0]).request)).url for i, e in real.items()}
    assert len(set(urls.values())) == 4
    assert urls["runflow/flux.2-klein-9b-edit"].endswith("/v1/models/black-forest-labs/flux-2-klein-9b/edit/runs")
    # In base64 an input image of the size that is allowed stays below 1 MiB.
    most = [e.limits.max_input_bytes for e in real.values() if "edit" in e.modes]
    assert all(base64_length < 2**20 - 100 for base64_length in (4 * (size + 2) // 3 for size in most))


@pytest.mark.parametrize(
    ("size", "wire", "told"),
    [
        ("1024x1024", "square_hd", "square_hd"),
        ("576x1024", "portrait_16_9", "portrait_16_9"),
        ("1008x1024", "1008x1024", {"width": 1008, "height": 1024}),
    ],
)
def test_a_size_is_told_by_name_or_in_pixels(size, wire, told):
    asked = job(size=size)
    sizing = ADAPTER.sizing(asked)
    assert (sizing.wire, str(sizing.expected), sizing.exact) == (wire, size, True)
    assert ADAPTER.build(asked).body.value["input"]["image_size"] == told
    assert ADAPTER.objection(asked) is None


def test_where_only_names_are_taken_another_size_is_not_asked_for():
    named = {"custom_sizes": False}
    assert ADAPTER.objection(job(options=named, size="768x1024")) is None
    assert ADAPTER.objection(job(options=named, size="512x768")) == (
        "makes only the sizes 1024x1024, 512x512, 768x1024, 576x1024, 1024x768, 1024x576, not 512x768"
    )


def test_constant_inputs_are_data_and_do_not_win():
    asked = job(options={"input": {"sync_mode": False, "prompt": "no"}})
    sent = ADAPTER.build(asked).body.value["input"]
    assert (sent["sync_mode"], sent["prompt"]) == (False, "a cat")


def test_the_table_says_what_is_done():
    table = ADAPTER.parameters(job().endpoint)
    assert table["size"].wire_name == "input.image_size"
    assert (table["delivery"].how, table["guidance"].how) == (How.EMULATED, How.UNSUPPORTED)
    assert (table["steps"].how, table["steps"].wire_name) == (How.RENAMED, "num_inference_steps")


@pytest.mark.parametrize("status", ["queued", "dispatching", "running"])
def test_a_run_that_has_not_ended_is_asked_for_again(status):
    pending = CASE.parse(Reply({**QUEUED, "status_code": status}, 201), 0)
    assert isinstance(pending, Pending)
    assert (pending.next.purpose, pending.next.method, pending.next.url) == (CallPurpose.POLL, "GET", ADDRESS)
    assert (pending.provider_status, pending.request_id, pending.after_s) == (status, RUN_ID, None)
    again = CASE.parse(Reply({**RUNNING, "status_code": status, "links": {"self": f"/elsewhere/{RUN_ID}"}}), 1)
    assert again.next.url == ADDRESS, "where it was asked for is where it is asked for again"


@pytest.mark.parametrize(
    ("links", "asked"),
    [
        ({"self": f"{BASE_URL}/x/runs/{RUN_ID}"}, f"{BASE_URL}/x/runs/{RUN_ID}"),
        ({"self": {"href": f"/v1/y/{RUN_ID}"}}, f"{BASE_URL}/y/{RUN_ID}"),
        ({"get": f"{ADDRESS}?v=2"}, f"{ADDRESS}?v=2"),
        ({"self": f"https://app.example/runs/{RUN_ID}"}, ADDRESS),
        ({"self": f"http://lab.example/v1/runs/{RUN_ID}"}, ADDRESS),
        ({"self": f"{BASE_URL}/runs"}, ADDRESS),
        ({"cancel": f"{BASE_URL}/cancel/{RUN_ID}"}, ADDRESS),
        ({"self": ["x"]}, ADDRESS),
        (None, ADDRESS),
    ],
)
def test_a_link_is_followed_on_the_endpoints_own_host_only(links, asked):
    assert CASE.parse(Reply({**QUEUED, "links": links}, 201), 0).next.url == asked


def test_a_run_without_a_name_is_lost_and_a_name_cannot_lead_elsewhere():
    assert CASE.parse(Reply({"status_code": "queued"}, 201), 0).failure.kind is FailureKind.BAD_RESPONSE
    assert CASE.parse(Reply({**QUEUED, "id": "../x?y"}), 0).next.url == f"{BASE_URL}/runs/..%2Fx%3Fy"


@pytest.mark.parametrize(
    "output",
    [
        OUTPUT,
        {"outputs": [{"url": "https://cdn.example/v.mp4", "type": "video"}, {"url": IMAGE_URL, "type": "image"}]},
        {"outputs": [{"url": IMAGE_URL}]},
        {"image_urls": [IMAGE_URL]},
        {"images": [{"url": IMAGE_URL, "width": 512, "height": 768, "content_type": "image/png"}], "seed": 7},
        {"image": {"url": IMAGE_URL}},
        {"outputs": [], "image_urls": [IMAGE_URL]},
        [{"type": "image", "url": IMAGE_URL}],
    ],
)
def test_the_output_is_read_in_every_shape(output):
    assert CASE.parse(Reply({**SUCCEEDED, "output": output})).images == (ImageAddress(IMAGE_URL),)


def test_outputs_may_stand_beside_the_output():
    run = {**SUCCEEDED, "output": None, "outputs": [{"type": "image", "url": IMAGE_URL}]}
    assert CASE.parse(Reply(run)).images == (ImageAddress(IMAGE_URL),)


@pytest.mark.parametrize(
    "output",
    [
        {"outputs": [{"url": IMAGE_URL}, {"url": None}]},
        {"outputs": [{"url": IMAGE_URL, "type": "video"}]},
        {"image": 5},
    ],
)
def test_an_output_with_something_else_is_a_bad_response(output):
    refused = CASE.parse(Reply({**SUCCEEDED, "output": output}))
    assert (refused.failure.kind, refused.request_id) == (FailureKind.BAD_RESPONSE, RUN_ID)
    assert refused.cost_usd == Decimal("0.005")


def test_what_a_run_tells_is_kept():
    done = CASE.parse(CASE.address)
    assert done.server_ms == {"queue": 250.0, "total": 1000.0, "duration": 640.0}
    assert (done.cost_usd, done.seed, done.request_id, done.remarks) == (Decimal("0.005"), 7, RUN_ID, ())
    fal_like = {"images": [{"url": IMAGE_URL}], "timings": {"inference": 0.41}, "has_nsfw_concepts": [False]}
    timed = CASE.parse(Reply({**SUCCEEDED, "output": fal_like, "cost": None, "duration_ms": "soon"}))
    assert timed.server_ms == {"queue": 250.0, "total": 1000.0, "predict": 410.0}
    assert timed.cost_usd is None


def test_a_run_that_succeeded_in_part_is_noted():
    done = CASE.parse(Reply({**SUCCEEDED, "status_code": "partial_succeeded"}))
    assert done.images == (ImageAddress(IMAGE_URL),)
    assert done.remarks == ("the run succeeded in part only",)


@pytest.mark.parametrize("flag", [{"nsfw_detected": True}, {"has_nsfw_concepts": [False, True]}])
def test_a_flagged_image_is_not_delivered(flag):
    refused = CASE.parse(Reply({**SUCCEEDED, "output": {**OUTPUT, **flag}}))
    assert (refused.failure.kind, refused.cost_usd) == (FailureKind.MODERATED_OUTPUT, Decimal("0.005"))


def test_a_failed_run_says_why():
    answer = CASE.parse(failed("MODEL_ERROR", "out of memory", "execute", cost="0.001"))
    assert (answer.failure.kind, answer.failure.message) == (FailureKind.PROVIDER_ERROR, "MODEL_ERROR: out of memory")
    assert (answer.request_id, answer.cost_usd) == (RUN_ID, Decimal("0.001"))
    older = Reply(
        {"id": RUN_ID, "status": "failed", "failure_stage": "preprocess", "error": {"message": "NSFW prompt"}}
    )
    assert CASE.parse(older).failure.kind is FailureKind.MODERATED_INPUT


def test_a_run_is_asked_for_once_more_afterwards():
    endpoint = job().endpoint
    [call] = ADAPTER.lookups(endpoint, SecretStr(KEY), RUN_ID)
    assert (call.method, call.url, call.purpose) == ("GET", ADDRESS, CallPurpose.RESULT)
    found = ADAPTER.read_lookup(endpoint, Exchange(call, 200, {}, json.dumps(SUCCEEDED).encode()))
    assert (found.cost_usd, found.server_ms["duration"]) == (Decimal("0.005"), 640.0)
    gone = ADAPTER.read_lookup(endpoint, Exchange(call, 404, {}, json.dumps(SUCCEEDED).encode()))
    assert (gone.cost_usd, gone.server_ms) == (None, {})


def test_a_status_that_is_not_known_is_one_of_a_run_under_way():
    assert isinstance(CASE.parse(Reply({"id": "r", "status_code": "preparing"})), Pending)


def test_a_probe_looks_at_the_balance():
    lab = make_endpoint(protocol="runflow", model=MODEL)
    call = ADAPTER.probe(lab, SecretStr(KEY))
    assert (call.method, call.url) == ("GET", f"{lab.base_url}/billing/balance")
    told = {s: ADAPTER.read_probe(lab, Exchange(call, s, {}, b"{}")).may_use for s in (200, 401, 403, 404, 500)}
    assert told == {200: None, 401: False, 403: None, 404: None, 500: None}
