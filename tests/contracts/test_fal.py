"""What is peculiar to fal: bodies and headers of its calls, both moderations, timings, billed units, the platform."""

import asyncio
import json
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from arena.catalog import Catalog
from arena.domain.failure import FailureKind
from arena.domain.request import Mode
from arena.store.blobs import BlobStore
from harness.addresses import belongs_to
from harness.clock import SystemClock
from harness.engine import Engine
from harness.providers import provider, wire
from harness.providers.base import Done, Exchange, How, Job, JsonBody, Lookup, Pending, Rejected, unsupported
from harness.transport import Transport
from harness.verify import verify
from tests.contracts.case import IMAGE_URL, KEY, SOURCE, Reply
from tests.contracts.cases.fal import CASE as DIRECT
from tests.contracts.cases.fal import MODEL, UNITS, output, platform_error
from tests.contracts.cases.fal_queue import CASE as QUEUE
from tests.contracts.cases.fal_queue import REQUEST_ID, REQUEST_URL
from tests.servers import png, response, scripted

both = pytest.mark.parametrize("case", [DIRECT, QUEUE], ids=lambda case: case.protocol)


def with_options(case, mode="t2i", **options):
    job = case.job(mode)
    return Job(job.endpoint.model_copy(update={"options": options}), job.request, job.key)


# Calls


@both
def test_the_body_of_a_text_to_image_call(case):
    call = case.call(job=case.job(format="webp", delivery="url", n=2, safety=False))
    assert call.url == "https://lab.example/fal-ai/flux-2/klein/4b"
    assert call.body == JsonBody(
        {
            "prompt": "a cat",
            "image_size": {"width": 512, "height": 768},
            "num_inference_steps": 4,
            "num_images": 2,
            "seed": 7,
            "output_format": "webp",
            "enable_safety_checker": False,
            "sync_mode": False,
        }
    )
    assert call.auth.name == "Authorization"
    assert call.auth.value.get_secret_value() == f"Key {KEY}"


@both
def test_the_body_of_an_edit(case):
    call = case.call(job=case.job("edit", images=(SOURCE, SOURCE), seed=None, steps=None, size="16x16"))
    assert call.url == "https://lab.example/fal-ai/flux-2/klein/4b/edit"
    assert call.body == JsonBody(
        {
            "prompt": "a cat",
            "image_urls": [wire.data_uri(SOURCE)] * 2,
            "image_size": {"width": 16, "height": 16},
            "num_images": 1,
            "output_format": "png",
            "sync_mode": True,
        }
    )


@both
def test_retries_and_fallbacks_are_off_and_nothing_is_kept(case):
    headers = dict(case.call().headers)
    assert headers == {
        "x-fal-no-retry": "1",
        "x-app-fal-disable-fallback": "true",
        "x-fal-disable-fallbacks": "true",
        "X-Fal-Store-IO": "0",
    }


def test_images_come_inside_the_answer_where_that_is_wanted():
    asked = {d: DIRECT.call(job=DIRECT.job(delivery=d)).body.value["sync_mode"] for d in (None, "url", "b64_json")}
    assert asked == {None: True, "url": False, "b64_json": True}  # the endpoint of the case wants them inside
    by_address = DIRECT.job().endpoint.model_copy(update={"delivery": "url"})
    assert DIRECT.call(job=Job(by_address, DIRECT.job().request, None)).body.value["sync_mode"] is False


def test_names_the_edit_endpoint_and_further_arguments_are_data():
    options = {
        "fields": {"guidance": "guidance_scale", "safety": "", "size": ""},
        "extra": {"acceleration": "none"},
        "edit_path": "fal-ai/flux-2/klein/4b/base/edit/lora",
    }
    job = with_options(DIRECT, "edit", **options)
    call = DIRECT.call(job=job)
    assert call.url == "https://lab.example/fal-ai/flux-2/klein/4b/base/edit/lora"
    assert (call.body.value["guidance_scale"], call.body.value["acceleration"]) == (2.5, "none")
    assert "image_size" not in call.body.value
    table = provider("fal").parameters(job.endpoint)
    assert table["guidance"].how is How.RENAMED
    assert not {"size", "ratio", "input_size"} & set(table)
    assert unsupported(provider("fal"), job) == ("size",)
    assert provider("fal").sizing(job).expected is None


def test_guidance_is_reported_as_unsupported():
    assert unsupported(provider("fal"), DIRECT.job()) == ("guidance",)


# The queue


def test_the_addresses_of_a_request_are_followed_as_returned():
    urls = [QUEUE.call(stage).url for stage in QUEUE.stages]
    assert urls == [f"https://lab.example/{MODEL}", *[f"{REQUEST_URL}/status"] * 3, REQUEST_URL]
    odd = {**QUEUE.pending[0].body, "status_url": "https://elsewhere.example/s?x=1"}
    assert QUEUE.parse(Reply(odd), 0).next.url == "https://elsewhere.example/s?x=1"


def test_a_finished_request_is_fetched_at_once_and_without_its_address_below_that_of_its_status():
    answer = QUEUE.parse(Reply({"status": "COMPLETED"}), 1)
    assert (answer.next.url, answer.next.purpose, answer.after_s) == (REQUEST_URL, "result", 0)
    assert QUEUE.parse(QUEUE.pending[1], 1).after_s is None
    assert QUEUE.parse(QUEUE.pending[2], 2).provider_status == "IN_PROGRESS"


def test_completed_is_no_success_yet():
    said = {"status": "COMPLETED", "error": "Request timed out", "error_type": "request_timeout"}
    assert isinstance(QUEUE.parse(Reply(said), 3), Pending)
    ended = QUEUE.parse(Reply(status=504, **platform_error("request_timeout")))
    assert ended.failure.kind is FailureKind.TIMEOUT_START


def test_every_stage_knows_the_name_of_the_request():
    assert [QUEUE.parse(reply, stage).request_id for stage, reply in enumerate(QUEUE.pending)] == [REQUEST_ID] * 4
    refused = QUEUE.parse(Reply({"detail": "no"}, 500, {"x-fal-request-id": REQUEST_ID, "x-request-id": "edge-1"}))
    assert refused.request_id == REQUEST_ID
    assert QUEUE.parse(Reply({"detail": "no"}, 500, {"cf-ray": "edge-1"})).request_id is None


def test_the_queues_own_time_stands_for_the_models():
    assert QUEUE.parse(QUEUE.pending[3], 3).server_ms == {"inference_time": 612, "predict": 612}


async def test_times_that_are_told_before_the_result_come_with_it_and_fetching_it_is_no_poll(tmp_path):
    """COMPLETED is the first that is known to be done; the last that was pending is the poll before it."""
    replies = [*QUEUE.pending, QUEUE.address]

    async def handle(request, writer):
        if request.path == "/i.png":
            writer.write(response(png(512, 768), content_type="image/png"))
            return
        if request.path.endswith("4711"):
            await asyncio.sleep(0.5)
        reply = replies.pop(0)
        body = reply.content.replace(b"https://lab.example", server.url.encode())
        body = body.replace(REQUEST_ID.encode(), b"4711").replace(IMAGE_URL.encode(), f"{server.url}/i.png".encode())
        writer.write(response(body, f"{reply.status} OK"))

    with scripted(handle) as server:
        job, clock = QUEUE.job(), SystemClock()
        reached = {"base_url": server.url, "result_hosts": ("127.0.0.1",), "poll_interval_s": 0.02}
        connection = Transport(clock).connection()
        try:
            job = Job(job.endpoint.model_copy(update=reached), job.request, job.key)
            delivery = await Engine(clock).attempt(provider("fal-queue"), job, connection, timeout_s=10)
        finally:
            await connection.close()
    came = verify(delivery, provider("fal-queue"), BlobStore(tmp_path), None)
    assert came.failure is None, came.failure
    assert came.server_ms == {"inference_time": pytest.approx(612), "predict": pytest.approx(421.7)}
    marks = came.timings
    assert (marks.polls, marks.poll_interval_ns) == (3, 20_000_000)
    assert marks.first_done_ns - marks.last_pending_ns < 400_000_000 < marks.result_end_ns - marks.first_done_ns


# Results


@both
def test_a_result_says_the_models_time_the_seed_and_the_request(case):
    done = case.parse(case.address)
    assert isinstance(done, Done)
    assert (dict(done.server_ms), done.seed) == ({"predict": pytest.approx(421.7)}, 7)
    assert done.request_id == UNITS["x-fal-request-id"]


def test_other_timings_keep_their_names():
    body = {**output(IMAGE_URL), "timings": {"inference": 0.5, "upload": 0.25, "note": "x", "queue": -1}}
    assert dict(DIRECT.parse(Reply(body)).server_ms) == {"predict": 500, "upload": 250}
    assert dict(DIRECT.parse(Reply({**body, "timings": None})).server_ms) == {}


@both
def test_billed_units_become_dollars_only_where_the_price_of_one_is_known(case):
    job = with_options(case, unit_usd="0.005")
    assert case.parse(case.address).cost_usd is None
    assert case.parse(case.address, job=job).cost_usd == Decimal("0.00524288")
    for told in ("many", "-1", "nan", ""):
        reply = Reply(case.address.body, 200, {"x-fal-billable-units": told})
        assert case.parse(reply, job=job).cost_usd is None
    assert case.parse(Reply(case.address.body), job=job).cost_usd is None
    free = Reply({"detail": "no"}, 422, {"x-fal-billable-units": "0"})
    assert case.parse(free, job=job).cost_usd == 0


@both
def test_one_flagged_image_of_several_is_moderation_of_the_output_and_is_billed(case):
    body = output(IMAGE_URL)
    body = {**body, "images": body["images"] * 2, "has_nsfw_concepts": [False, True]}
    answer = case.parse(Reply(body, 200, UNITS), job=with_options(case, unit_usd="0.005"))
    assert isinstance(answer, Rejected)
    assert answer.failure.kind is FailureKind.MODERATED_OUTPUT
    assert (answer.cost_usd, answer.request_id) == (Decimal("0.00524288"), UNITS["x-fal-request-id"])
    for unflagged in ([False, False], [], None, [None, 0, "true"], "true"):
        assert isinstance(case.parse(Reply({**body, "has_nsfw_concepts": unflagged})), Done)


def test_the_type_decides_and_not_the_words():
    """fal's pages: branch on `type`, never on `msg`."""
    said = {"detail": [{"loc": ["body"], "msg": "please change something", "type": "content_policy_violation"}]}
    assert DIRECT.parse(Reply(said, 422)).failure.kind is FailureKind.MODERATED_INPUT
    second = {"detail": [{"type": "value_error"}, {"type": "content_policy_violation"}]}
    assert DIRECT.parse(Reply(second, 422)).failure.kind is FailureKind.MODERATED_INPUT
    locked = {"detail": "The door was blocked"}
    assert DIRECT.parse(Reply(locked, 403)).failure.kind is FailureKind.AUTH
    exhausted = {"detail": "Exhausted every runner"}
    assert DIRECT.parse(Reply(exhausted, 503)).failure.kind is FailureKind.CAPACITY


# The platform


def asked(call):
    parts = urlsplit(call.url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}", {k: v[0] for k, v in parse_qs(parts.query).items()}


TIMES, CHARGES = provider("fal").lookups(DIRECT.job().endpoint, SecretStr(KEY), REQUEST_ID)


def looked_up(call, body, status=200):
    content = json.dumps(body).encode()
    return provider("fal").read_lookup(DIRECT.job().endpoint, Exchange(call, status, {}, content))


def item(**changes):
    fields = {
        "request_id": REQUEST_ID,
        "endpoint_id": MODEL,
        "sent_at": "2026-11-01T00:00:01Z",
        "started_at": "2026-11-01T00:00:05.250Z",
        "ended_at": "2026-11-01T00:00:08Z",
        "status_code": 200,
        "duration": 7.8,
    }
    return {"next_cursor": None, "has_more": False, "items": [{**fields, **changes}]}


def test_a_lookup_names_every_endpoint_that_the_request_may_have_gone_to():
    endpoints = f"{MODEL},{MODEL}/edit"
    assert asked(TIMES) == (
        "https://api.fal.ai/v1/models/requests/by-endpoint",
        {"endpoint_id": endpoints, "request_id": REQUEST_ID},
    )
    assert asked(CHARGES) == ("https://api.fal.ai/v1/models/billing-events", {"request_id": REQUEST_ID})
    edits_only = DIRECT.job().endpoint.model_copy(update={"modes": (Mode.EDIT,)})
    assert asked(provider("fal").lookups(edits_only, None, "r")[0])[1]["endpoint_id"] == f"{MODEL}/edit"


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("https://proxy.example/fal/v1", "https://proxy.example/fal/v1/models/pricing"),
        ("platform/v1", "https://lab.example/platform/v1/models/pricing"),
        ("/v2", "https://lab.example/v2/models/pricing"),
    ],
)
def test_the_platforms_address_is_data(option, expected):
    probe = provider("fal").probe(with_options(DIRECT, platform_url=option).endpoint, SecretStr(KEY))
    assert asked(probe)[0] == expected


def test_queue_time_and_duration_are_learned_later():
    assert looked_up(TIMES, item()) == Lookup({"queue": 4250.0, "total": 7800.0})
    assert looked_up(TIMES, item(duration=None)) == Lookup({"queue": 4250.0, "total": 7000.0})
    assert looked_up(TIMES, item(ended_at=None, duration=None, started_at="soon")) == Lookup()
    assert looked_up(TIMES, item(request_id="another")) == Lookup()
    assert looked_up(TIMES, item(), 403) == Lookup()


def test_the_charge_is_learned_later():
    event = {"request_id": REQUEST_ID, "endpoint_id": MODEL, "cost_subtotal": 0.05, "cost_total": 0.045}
    other = {**event, "request_id": "another"}
    assert looked_up(CHARGES, {"billing_events": [event, other]}) == Lookup(cost_usd=Decimal("0.045"))
    assert looked_up(CHARGES, {"billing_events": [event, event]}) == Lookup(cost_usd=Decimal("0.090"))
    assert looked_up(CHARGES, {"billing_events": [event, {**event, "cost_total": "?"}]}) == Lookup()
    assert looked_up(CHARGES, {"billing_events": []}) == Lookup()


def probed(prices, status=200):
    endpoint = DIRECT.job().endpoint
    call = provider("fal").probe(endpoint, SecretStr(KEY))
    return provider("fal").read_probe(endpoint, Exchange(call, status, {}, json.dumps({"prices": prices}).encode()))


def test_a_probe_tells_key_endpoints_and_price():
    price = {"endpoint_id": MODEL, "unit_price": 0.005, "unit": "megapixels", "currency": "USD"}
    edit = {**price, "endpoint_id": f"{MODEL}/edit", "unit_price": 0.01}
    good = probed([edit, price])
    assert good.may_use
    assert good.says == "the key is good; 0.005 USD per megapixels, 0.01 USD per megapixels"
    assert probed([price]).may_use is None
    assert f"{MODEL}/edit" in probed([price]).says
    assert [probed([], status).may_use for status in (401, 403, 404, 429, 500)] == [False, False, False, None, None]


def test_the_key_may_go_to_every_host_that_a_shipped_endpoint_is_asked_at():
    shipped = [e for e in Catalog(environ={}).endpoints().values() if e.protocol in {"fal", "fal-queue"}]
    assert shipped
    for endpoint in shipped:
        adapter = provider(endpoint.protocol)
        calls = [*adapter.lookups(endpoint, None, "r-1"), adapter.probe(endpoint, None)]
        assert all(belongs_to(endpoint, call.url) for call in calls), endpoint.id
