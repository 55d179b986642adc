"""What is peculiar to Black Forest Labs' protocol."""

import base64
from decimal import Decimal

import pytest

from arena.catalog import Catalog
from arena.domain.failure import FailureKind
from arena.domain.request import GenerationRequest, SourceImage
from harness.addresses import belongs_to
from harness.providers import provider
from harness.providers.base import Exchange, ImageAddress, JsonBody, Pending, Rejected, unsupported
from tests.contracts.case import IMAGE_URL, KEY, SOURCE, Reply
from tests.contracts.cases.bfl import ACCEPTED, CASE, POLL_URL, REASONS, RESULT, TASK, told
from tests.servers import png

ADAPTER = provider("bfl")
BASE64 = base64.b64encode(SOURCE.data).decode()
BODY = {"prompt": "a cat", "width": 512, "height": 768, "seed": 7, "output_format": "png"}
REAL = {id_: e for id_, e in Catalog(environ={}).endpoints().items() if id_.startswith("bfl/")}


def test_text_to_image_is_posted_to_the_model():
    call = CASE.call()
    assert call.url == "https://lab.example/v1/flux-2-klein-4b"
    assert (call.method, call.auth.name, call.auth.value.get_secret_value()) == ("POST", "x-key", KEY)
    assert call.body == JsonBody(BODY)


def test_an_edit_goes_the_same_way_with_numbered_images_in_plain_base64():
    call = CASE.call(job=CASE.job("edit", images=(SOURCE,) * 4))
    assert call.url == "https://lab.example/v1/flux-2-klein-4b"
    names = ("input_image", "input_image_2", "input_image_3", "input_image_4")
    assert call.body == JsonBody({**BODY, **dict.fromkeys(names, BASE64)})
    assert set(CASE.call(job=CASE.job("edit")).body.value) == {*BODY, "input_image"}


def test_the_filter_is_a_level_of_tolerance():
    levels = {s: CASE.call(job=CASE.job(safety=s)).body.value.get("safety_tolerance") for s in (True, False, None)}
    assert levels == {True: 2, False: 5, None: None}
    note = ADAPTER.parameters(CASE.job().endpoint)["safety"].note
    assert "on: 2" in note
    assert "off: 5" in note


def test_steps_guidance_and_a_number_of_images_are_reported_as_not_taken():
    assert unsupported(ADAPTER, CASE.job(n=2)) == ("steps", "guidance", "n")
    job = CASE.job()
    flexible = job.endpoint.model_copy(update={"options": {"fields": {"steps": "steps", "guidance": "guidance"}}})
    with_steps = type(job)(flexible, job.request, job.key)
    assert ADAPTER.build(with_steps).body == JsonBody({**BODY, "steps": 4, "guidance": 2.5})
    assert unsupported(ADAPTER, with_steps) == ()


def test_the_size_is_kept_to_the_pixel_and_a_delivery_needs_no_telling():
    assert ADAPTER.sizing(CASE.job()).keeps(CASE.job().request.size)
    assert ADAPTER.build(CASE.job(delivery="b64_json")) == ADAPTER.build(CASE.job(delivery="url"))


def test_an_accepted_task_is_asked_for_exactly_where_it_says():
    elsewhere = "https://api.us6.bfl.ai/v1/get_result?id=a%2Fb&x=1"
    answer = CASE.parse(Reply({**ACCEPTED, "polling_url": elsewhere}), 0)
    assert (answer.next.method, answer.next.url, answer.next.auth.name) == ("GET", elsewhere, "x-key")
    assert (answer.request_id, answer.cost_usd, answer.after_s) == (TASK, Decimal("0.014"), None)
    pending = CASE.parse(Reply(told("Pending")), 1)
    assert (pending.next.url, pending.provider_status) == (POLL_URL, "Pending")


@pytest.mark.parametrize("endpoint", REAL.values(), ids=REAL)
def test_the_key_may_go_to_hosts_of_the_vendor_only(endpoint):
    assert belongs_to(endpoint, "https://api.us6.bfl.ai/v1/get_result?id=1")
    assert not belongs_to(endpoint, "https://api.bfl.ai.evil.example/v1/get_result?id=1")
    assert not belongs_to(endpoint, "http://api.us6.bfl.ai/v1/get_result?id=1")


def test_without_an_address_there_is_nothing_to_ask():
    failure = CASE.parse(Reply({"id": TASK, "status": "Pending", "webhook_url": "https://a.example"}), 0).failure
    assert failure.kind is FailureKind.BAD_RESPONSE


def unknown_for(endpoint_changes, status=404, body=None):
    """How often a task that nobody knows is asked for, and the failure in the end."""
    job = CASE.job()
    job = type(job)(job.endpoint.model_copy(update=endpoint_changes), job.request, job.key)
    call, reply = CASE.call(1, job), Reply(body or told("Task not found"), status)
    for asked in range(1, 1000):
        answer = ADAPTER.parse(job, Exchange(call, reply.status, {}, reply.content))
        if isinstance(answer, Rejected):
            return asked, answer.failure
        assert (answer.next.url, answer.next.auth) == (call.url, call.auth)
        call = answer.next
    return None


@pytest.mark.parametrize(("status", "body"), [(404, None), (200, None), (404, {"detail": "Not Found"})])
def test_a_task_that_is_not_known_yet_is_asked_for_again_for_some_seconds(status, body):
    asked, failure = unknown_for({"poll_interval_s": 0.5}, status, body)
    assert asked == 11
    assert (failure.kind, failure.http_status) == (FailureKind.PROVIDER_ERROR, status)
    assert failure.message == "the task was accepted and is not found after 5 s"
    assert unknown_for({"poll_interval_s": 0.5, "options": {"unknown_s": 1}}, status, body)[0] == 3


def test_a_task_that_was_found_has_all_the_patience_again():
    job, call = CASE.job(), CASE.call(1)
    unknown = ADAPTER.parse(job, Exchange(call, 404, {}, Reply(told("Task not found")).content))
    found = ADAPTER.parse(job, Exchange(unknown.next, 200, {}, Reply(told("Pending")).content))
    assert unknown.next.unknown_s > 0
    assert found.next.unknown_s == 0


def test_a_submission_that_is_not_found_is_a_wrong_model():
    assert CASE.parse(Reply({"detail": "Not Found"}, 404), 0).failure.kind is FailureKind.NOT_FOUND


def test_what_the_result_says_is_kept():
    done = CASE.parse(Reply(told("Ready", RESULT, cost=1.5)))
    assert (done.images, done.seed, done.request_id) == ((ImageAddress(IMAGE_URL),), 7, TASK)
    assert (done.server_ms, done.cost_usd) == ({"predict": 750.0}, Decimal("0.015"))


def test_timings_are_taken_as_far_as_they_are_there():
    def timed(**result):
        return CASE.parse(Reply(told("Ready", {"sample": IMAGE_URL, **result}))).server_ms

    assert timed() == {}
    assert timed(duration=0.5) == {"predict": 500.0}
    assert timed(start_time=10.0, end_time=10.25) == {"predict": 250.0}
    assert timed(start_time=10.0, end_time=11.0, duration=0.5) == {"predict": 500.0}
    assert timed(start_time=11.0, end_time=10.0, duration="long") == {}


def test_the_cost_may_be_told_at_either_end():
    told_as = {1.4: Decimal("0.014"), 0: 0, None: None, "1.4": None, -1: None, float("inf"): None}
    for credits_told, usd in told_as.items():
        assert CASE.parse(Reply({**ACCEPTED, "cost": credits_told}), 0).cost_usd == usd, credits_told
        assert CASE.parse(Reply(told("Ready", RESULT, cost=credits_told))).cost_usd == usd, credits_told


def test_prompt_and_image_are_moderated_apart():
    asked = CASE.parse(Reply(told("Request Moderated", details=REASONS, cost=0)))
    made = CASE.parse(Reply(told("Content Moderated", details=REASONS, cost=1.4)))
    assert (asked.failure.kind, asked.cost_usd) == (FailureKind.MODERATED_INPUT, 0)
    assert (made.failure.kind, made.cost_usd) == (FailureKind.MODERATED_OUTPUT, Decimal("0.014"))
    assert asked.failure.message == "Request Moderated: Moderation Reasons: Derivative Works Filter"
    odd = CASE.parse(Reply(told("Content Moderated", details={"a": [1, None, {}], "b": "c"})))
    assert odd.failure.message == "Content Moderated: a: ; b: c"


def test_a_wrong_value_is_named():
    wrong = {"detail": [{"loc": ["body", "width"], "msg": "Input should be at least 64", "type": "greater_than_equal"}]}
    failure = CASE.parse(Reply(wrong, 422), 0).failure
    assert failure.kind is FailureKind.INVALID_REQUEST
    assert failure.message == "body.width: Input should be at least 64 greater_than_equal"


def test_bad_keys_and_empty_accounts_have_several_forms():
    kinds = {
        (401, "Not authenticated"): FailureKind.AUTH,
        (403, "Not authenticated"): FailureKind.AUTH,
        (422, "Invalid API key format"): FailureKind.AUTH,
        (402, "Insufficient credits"): FailureKind.PAYMENT,
        (403, "insufficient_credits"): FailureKind.PAYMENT,
    }
    for (status, detail), kind in kinds.items():
        for stage in CASE.stages:
            assert CASE.parse(Reply({"detail": detail}, status), stage).failure.kind is kind, detail
    skill = {"error": "Too Many Requests", "message": "24 active tasks", "details": {}}
    failure = CASE.parse(Reply(skill, 429, {"retry-after": "2"}), 0).failure
    assert (failure.kind, failure.message, failure.retry_after_s) == (FailureKind.RATE_LIMITED, "24 active tasks", 2)


def test_a_state_that_is_not_known_is_one_of_a_task_under_way():
    assert isinstance(CASE.parse(Reply({"id": "t", "status": "Warming up"})), Pending)


@pytest.mark.parametrize("status", ["Request Moderated", "Content Moderated", "Error"])
def test_what_does_not_become_ready_is_not_charged_whatever_the_receipt_said(status):
    assert CASE.parse(Reply({"id": "t", "status": status, "cost": None})).cost_usd == 0
    assert CASE.parse(Reply({"id": "t", "status": status, "cost": 0.5})).cost_usd == Decimal("0.005")


def test_the_probe_asks_for_the_balance():
    endpoint = CASE.job().endpoint
    call = ADAPTER.probe(endpoint, CASE.job().key)
    assert (call.url, call.auth.name) == ("https://lab.example/v1/credits", "x-key")

    def probed(body, status=200):
        found = ADAPTER.read_probe(endpoint, Exchange(call, status, {}, Reply(body).content))
        return found.may_use, found.says

    said = "the key is good; {} credits are left; of the model nothing is said"
    assert probed({"credits": 12.5}) == (None, said.format(12.5))
    assert probed({"credits": 0}) == (False, said.format(0))
    assert probed({"detail": "Not authenticated"}, 403) == (False, "HTTP 403")
    assert probed({"detail": "Invalid API key format"}, 422) == (False, "HTTP 422")
    assert probed({}, 503) == (None, "HTTP 503")
    assert probed({})[0] is None


@pytest.mark.parametrize(
    ("endpoint_id", "size", "inputs", "usd"),
    [
        ("bfl/flux.2-klein-4b", "1024x1024", (), "0.014"),
        ("bfl/flux.2-klein-4b", "1024x1024", ((1024, 1024),), "0.015"),
        ("bfl/flux.2-klein-4b", "2048x2048", ((1040, 1024), (64, 64)), "0.020"),
        ("bfl/flux.2-klein-9b", "1024x1024", (), "0.015"),
        ("bfl/flux.2-klein-9b", "1024x1024", ((1024, 1024),), "0.017"),
    ],
)
def test_prices_are_those_of_the_price_list(endpoint_id, size, inputs, usd):
    (card,) = [card for card in Catalog(environ={}).prices() if card.endpoint == endpoint_id]
    images = tuple(SourceImage(name="i.png", media_type="image/png", data=png(*sides)) for sides in inputs)
    mode = "edit" if images else "t2i"
    assert card.cost_usd(GenerationRequest(prompt="a", size=size, mode=mode, images=images)) == Decimal(usd)
