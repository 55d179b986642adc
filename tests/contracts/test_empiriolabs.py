"""What is peculiar to EmpirioLabs: jobs by default, edits on the path of generations, names of its own."""

import base64
import json

import pytest
from pydantic import SecretStr

from arena.catalog import Catalog
from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose
from harness.providers import provider
from harness.providers.base import Done, Exchange, How, ImageAddress, InlineImage, Pending, unsupported
from tests.contracts.case import BASE_URL, IMAGE_URL, KEY, PNG, SOURCE, Reply
from tests.contracts.cases.empiriolabs import ADDRESS, COMPLETED, JOB_ID, QUEUED, completed, refused
from tests.contracts.cases.empiriolabs import CASE as JOBS
from tests.contracts.cases.empiriolabs_sync import CASE as HELD
from tests.contracts.cases.empiriolabs_sync import answer
from tests.factories import make_endpoint

ADAPTER = provider("empiriolabs")
DATA_URI = f"data:image/png;base64,{base64.b64encode(SOURCE.data).decode()}"
TOLD = {
    "model": "flux-2-klein-4b",
    "prompt": "a cat",
    "size": "512x768",
    "n": 1,
    "response_format": "url",
    "format": "jpeg",
    "seed": 7,
    "num_inference_steps": 4,
    "guidance_scale": 2.5,
}


def test_a_generation_and_an_edit_are_these():
    call = ADAPTER.build(JOBS.job(format="jpeg"))
    assert (call.purpose, call.method, call.url) == (CallPurpose.SUBMIT, "POST", f"{BASE_URL}/images/generations")
    assert (call.auth.name, call.auth.value.get_secret_value()) == ("Authorization", f"Bearer {KEY}")
    assert call.body.value == TOLD
    edit = ADAPTER.build(JOBS.job("edit", format="jpeg", images=(SOURCE, SOURCE)))
    assert edit.url == call.url
    assert edit.body.value == {**TOLD, "image": [DATA_URI, DATA_URI]}
    assert ADAPTER.build(HELD.job(format="jpeg")).body.value == {**TOLD, "sync": True}


@pytest.mark.parametrize("sync", [False, None, "true", 1])
def test_only_true_asks_for_a_held_answer(sync):
    job = JOBS.job()
    endpoint = job.endpoint.model_copy(update={"options": {"sync": sync}})
    assert "sync" not in ADAPTER.build(type(job)(endpoint, job.request, job.key)).body.value


def test_names_and_constants_are_data():
    options = {"fields": {"images": "images", "guidance": ""}, "extra": {"max_sequence_length": 256}}
    edit = JOBS.job("edit")
    edit = type(edit)(edit.endpoint.model_copy(update={"options": options}), edit.request, edit.key)
    sent = ADAPTER.build(edit).body.value
    assert (sent["images"], sent["max_sequence_length"]) == ([DATA_URI], 256)
    assert not {"image", "guidance_scale"} & set(sent)
    assert unsupported(ADAPTER, edit) == ("guidance",)
    assert ADAPTER.parameters(edit.endpoint)["images"].wire_name == "images"


def test_the_table_says_what_is_done():
    table = ADAPTER.parameters(JOBS.job().endpoint)
    assert (table["format"].how, table["format"].wire_name) == (How.PASSTHROUGH, "format")
    assert (table["steps"].how, table["steps"].wire_name) == (How.RENAMED, "num_inference_steps")
    assert (table["mode"].how, table["images"].how) == (How.CONVERTED, How.CONVERTED)
    assert table["safety"].how is How.UNSUPPORTED


def test_a_job_is_followed_whatever_was_asked_for():
    for case in (JOBS, HELD):
        pending = case.parse(Reply(QUEUED, 202), 0)
        assert isinstance(pending, Pending)
        assert (pending.next.purpose, pending.next.method, pending.next.url) == (CallPurpose.POLL, "GET", ADDRESS)
        assert (pending.provider_status, pending.request_id, pending.after_s) == ("queued", JOB_ID, None)
    assert JOBS.parse(JOBS.address).remarks == ()
    late = ADAPTER.parse(HELD.job(), Exchange(pending.next, 200, {}, JOBS.address.content))
    assert late.remarks == ("a held answer was asked for, and a job came",)


def test_a_job_may_have_completed_at_once():
    done = JOBS.parse(Reply(completed(url=IMAGE_URL), 200), 0)
    assert (done.images, done.request_id) == ((ImageAddress(IMAGE_URL),), JOB_ID)


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        (f"/v1/jobs/{JOB_ID}", ADDRESS),
        (f"{BASE_URL}/jobs/{JOB_ID}?x=1", f"{ADDRESS}?x=1"),
        (f"https://evil.example/v1/jobs/{JOB_ID}", ADDRESS),
        (f"//evil.example/{JOB_ID}", ADDRESS),
        (f"http://lab.example/v1/jobs/{JOB_ID}", ADDRESS),
        ("/v1/jobs/another", ADDRESS),
        ("https://[", ADDRESS),
        (5, ADDRESS),
    ],
)
def test_the_path_that_comes_with_a_job_is_taken_on_the_endpoints_own_host(told, asked):
    assert JOBS.parse(Reply({**QUEUED, "poll_url": told}), 0).next.url == asked


def test_a_name_cannot_lead_elsewhere():
    assert (
        JOBS.parse(Reply({**QUEUED, "job_id": "../../models?x"}), 0).next.url == f"{BASE_URL}/jobs/..%2F..%2Fmodels%3Fx"
    )


def test_what_has_neither_completed_nor_failed_goes_on():
    for status in ("pending", "Processing", "warming_up"):
        assert isinstance(JOBS.parse(Reply({**QUEUED, "status": status}), 1), Pending)
    assert JOBS.parse(Reply({**QUEUED, "status": None}), 1).failure.kind is FailureKind.BAD_RESPONSE


@pytest.mark.parametrize(
    "result",
    [
        {"data": [{"url": IMAGE_URL, "content_type": "image/webp"}]},
        {"images": [{"url": IMAGE_URL}]},
        {"images": [IMAGE_URL]},
        {"urls": [IMAGE_URL]},
        {"url": IMAGE_URL},
        IMAGE_URL,
    ],
)
def test_several_layouts_of_a_result_are_read(result):
    assert JOBS.parse(Reply({**COMPLETED, "result": result})).images == (ImageAddress(IMAGE_URL),)


def test_an_image_in_base64_or_beside_the_result_is_read_too():
    assert JOBS.parse(Reply({**COMPLETED, "result": {"b64_json": PNG}})).images == (InlineImage(PNG),)
    assert JOBS.parse(Reply({**COMPLETED, "data": [{"url": IMAGE_URL}]})).images == (ImageAddress(IMAGE_URL),)


def test_half_a_result_is_none():
    half = Reply({**COMPLETED, "result": {"data": [{"url": IMAGE_URL}, {}]}})
    assert JOBS.parse(half).failure.kind is FailureKind.BAD_RESPONSE
    assert JOBS.parse(half).request_id == JOB_ID


def test_what_a_job_tells_is_kept():
    done = JOBS.parse(Reply({**COMPLETED, "result": {"data": [{"b64_json": PNG}], "seed": 9, "model": "m"}}))
    assert isinstance(done, Done)
    assert (done.images, done.seed, done.model, done.request_id) == ((InlineImage(PNG),), 9, "m", JOB_ID)
    assert done.server_ms == {"total": 1250.0}
    assert done.cost_usd is None
    assert HELD.parse(answer(url=IMAGE_URL)).server_ms == {}


def test_a_probe_asks_about_the_model():
    lab = make_endpoint(protocol="empiriolabs", model="flux-2-klein-4b")
    call = ADAPTER.probe(lab, SecretStr(KEY))
    assert (call.method, call.url) == ("GET", f"{lab.base_url}/models/flux-2-klein-4b")

    def probed(body, status=200):
        told = ADAPTER.read_probe(lab, Exchange(call, status, {}, json.dumps(body).encode()))
        return told.may_use

    assert probed({"id": "flux-2-klein-4b", "supported_parameters": []}) is True
    assert probed({"hello": 1}) is None
    assert [probed({}, status) for status in (401, 403, 404, 429, 500)] == [False, False, False, None, None]


def test_shipped_endpoints_differ_in_sync_only():
    shipped = {e.id: e for e in Catalog(environ={}).endpoints().values() if e.protocol == "empiriolabs"}
    assert set(shipped) == {
        *("empiriolabs/flux.2-klein-4b", "empiriolabs/flux.2-klein-4b-jobs"),
        *("sim/empiriolabs", "sim/empiriolabs-jobs"),
    }
    assert {i: e.options for i, e in shipped.items() if e.options} == {
        "empiriolabs/flux.2-klein-4b": {"sync": True},
        "sim/empiriolabs": {"sync": True},
    }
    real = [e for e in shipped.values() if not e.simulated]
    assert {e.family for e in real} == {"flux.2-klein-4b"}
    assert {e.limits.max_pixels for e in real} == {1024 * 1024}


def test_a_job_that_is_lost_is_no_wrong_model():
    assert JOBS.parse(refused(404, "job_not_found")).failure.kind is FailureKind.PROVIDER_ERROR
    assert JOBS.parse(refused(404, "model_not_found"), 0).failure.kind is FailureKind.NOT_FOUND
