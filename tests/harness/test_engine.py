"""One attempt over real sockets: what is stamped, what is polled and downloaded, where a key goes."""

import asyncio
import base64
import json
import time
from dataclasses import replace

import pytest

from arena.domain.failure import FailureKind
from arena.domain.request import GenerationRequest
from harness.clock import SystemClock
from harness.engine import Engine
from harness.providers.base import (
    Done,
    InlineImage,
    Job,
)
from harness.providers.openai_images import OpenAIImages
from harness.transport import Transport
from tests.factories import make_endpoint
from tests.harness.attempts import PNG, Polled, attempt, by_path, says
from tests.servers import answering, openai_reply, png, response, scripted


async def test_an_inline_image_is_timed_to_its_own_first_and_last_byte():
    body = openai_reply(png(400, 400, image_format="PNG") + b"\0" * 150_000, timings_ms={"generate": 12.5}, seed=7)

    async def slowly(_request, writer):
        start = body.index(b"iVBOR")
        writer.write(response(body)[: -len(body)] + body[:start])
        await asyncio.sleep(0.08)
        writer.write(body[start:-20_000])
        await asyncio.sleep(0.08)
        writer.write(body[-20_000:])

    with scripted(slowly) as server:
        delivery = await attempt(server.url)
    t = delivery.timings
    assert delivery.failure is None
    assert t.result_ns == t.accepted_ns
    assert t.first_image_byte_ns - t.result_ns > 40_000_000, "JSON sent early is no image byte"
    assert t.last_image_byte_ns - t.first_image_byte_ns > 40_000_000
    assert t.result_end_ns == t.last_image_byte_ns
    assert delivery.done.server_ms == {"generate": 12.5}
    assert delivery.done.seed == 7
    assert server.requests[0].headers["authorization"] == "bearer canary-key"


async def test_an_address_is_downloaded_without_the_key_and_timed_to_its_last_byte():
    async def slow_image(request, writer):
        if request.method == "POST":
            writer.write(
                response(json.dumps({"data": [{"url": f"http://{request.headers['host']}/i.png?sig=abc"}]}).encode())
            )
            return
        await asyncio.sleep(0.08)
        writer.write(response(PNG, content_type="image/png"))

    with scripted(slow_image) as server:
        delivery = await attempt(server.url)
    t = delivery.timings
    assert delivery.payloads == (PNG,)
    assert t.last_image_byte_ns - t.result_end_ns > 60_000_000
    assert "authorization" not in server.requests[1].headers
    assert [c.purpose for c in delivery.calls] == ["submit", "download"]
    assert "sig=abc" not in delivery.calls[1].url


async def test_a_key_never_follows_a_poll_address_to_another_host():
    elsewhere = by_path(elsewhere=says(image="HOST/i.png"), **{"i.png": response(PNG)})
    with scripted(elsewhere) as other, scripted(by_path(jobs=says(poll=f"{other.url}/elsewhere"))) as server:
        refused = await attempt(server.url, Polled())
        followed = await attempt(server.url, Polled(), result_hosts=["127.0.0.1"])
    assert refused.failure.kind is FailureKind.BAD_RESPONSE
    assert "result_hosts" in refused.failure.message
    assert followed.failure is None
    assert all("x-key" not in request.headers for request in other.requests)


@pytest.mark.parametrize(
    "address",
    ["http://169.254.169.254/latest", "https://10.0.0.1/i.png", "https://localhost:1/i.png", "file:///etc/passwd",
     "ftp://127.0.0.1/i.png", "https://[::1]/i.png",
     "https://127.1/i", "https://2130706433/i", "https://localhost./i",
     "https://metadata.google.internal/x", "http://[bad/i.png"],
)  # fmt: skip
async def test_results_are_not_fetched_from_where_they_have_no_business(address):
    with scripted(by_path(images_generations=response(json.dumps({"data": [{"url": address}]}).encode()))) as server:
        delivery = await attempt(server.url)
    assert delivery.failure.kind is FailureKind.DOWNLOAD
    assert len(server.requests) == 1


async def test_a_download_follows_a_few_redirects_and_no_more():
    def location(path):
        return lambda host: response(status="302 Found", headers=[("Location", f"{host}{path}")])

    routes = {
        "images_generations": says(data=[{"url": "HOST/a"}]),
        "a": location("/i.png"),
        "i.png": response(PNG, content_type="image/png"),
    }
    with scripted(by_path(**routes)) as server:
        assert (await attempt(server.url)).payloads == (PNG,)
    with scripted(by_path(**{**routes, "a": location("/a")})) as server:
        looping = await attempt(server.url)
    assert looping.failure.kind is FailureKind.DOWNLOAD
    assert "redirects more than 3 times" in looping.failure.message
    assert len(server.requests) == 5


async def test_an_expired_address_is_a_download_failure():
    routes = {"images_generations": says(data=[{"url": "HOST/gone"}]), "gone": response(status="403 Forbidden")}
    with scripted(by_path(**routes)) as server:
        delivery = await attempt(server.url)
    assert (delivery.failure.kind, delivery.failure.http_status) == (FailureKind.DOWNLOAD, 403)
    assert delivery.timings.result_ns is not None


async def test_the_deadline_ends_a_silent_server_and_keeps_what_is_known():
    async def silent(_request, _writer):
        await asyncio.sleep(5)

    with scripted(silent) as server:
        delivery = await attempt(server.url, timeout_s=1)
    assert delivery.failure.kind is FailureKind.TIMEOUT
    assert delivery.failure.message == "no image within 1 s"
    assert delivery.timings.connected_ns is not None
    assert delivery.timings.ended_ns >= 1_000_000_000
    assert len(delivery.calls) == 1


async def test_a_slot_works_again_after_a_deadline():
    async def first_silent(request, writer):
        if len(server.requests) == 1:
            await asyncio.sleep(5)
        writer.write(response(openai_reply(PNG)))

    clock = SystemClock()
    with scripted(first_silent) as server:
        connection = Transport(clock).connection()
        job = Job(
            make_endpoint(base_url=server.url), GenerationRequest.model_validate({"prompt": "x", "size": "64x64"})
        )
        engine = Engine(clock)
        timed_out = await engine.attempt(OpenAIImages(), job, connection, timeout_s=1)
        came = await engine.attempt(OpenAIImages(), job, connection, timeout_s=30)
        await connection.close()
    assert timed_out.failure.kind is FailureKind.TIMEOUT
    assert came.failure is None
    assert came.timings.connected_ns is not None, "the interrupted connection was not used again"


async def test_a_simulator_is_known_by_its_header_even_when_it_fails():
    marked = response(b"{}", status="500 Oops", headers=[("X-Arena-Simulated", "tiny")])
    with scripted(answering(marked)) as server:
        assert (await attempt(server.url)).simulated
    with scripted(answering(response(b"{}", status="500 Oops"))) as server:
        assert not (await attempt(server.url)).simulated


async def test_a_bug_in_an_adapter_costs_one_trial_not_the_run(caplog):
    class Broken(Polled):
        def parse(self, job, exchange):
            raise KeyError("surprise")

    with scripted(answering(response(b"{}"))) as server:
        delivery = await attempt(server.url, Broken())
    assert delivery.failure.kind is FailureKind.HARNESS
    assert "KeyError" in delivery.failure.message
    assert "failed inside the harness" in caplog.text


async def test_base64_that_is_in_no_body_still_gets_a_time():
    class Elsewhere(Polled):
        def parse(self, job, exchange):
            return Done((InlineImage(base64.b64encode(PNG).decode()),))

    with scripted(answering(response(b"{}"))) as server:
        delivery = await attempt(server.url, Elsewhere())
    assert delivery.timings.first_image_byte_ns <= delivery.timings.last_image_byte_ns


async def test_a_key_that_a_server_quotes_is_not_kept():
    quoting = response(b'{"error": {"message": "Invalid API key: canary-key"}}', status="401 No")
    with scripted(answering(quoting)) as server:
        delivery = await attempt(server.url)
    assert delivery.failure.message == "Invalid API key: (key)"


async def test_escaped_slashes_do_not_hide_where_the_image_begins():
    body = openai_reply(png(300, 300, image_format="JPEG")).replace(b"/", b"\\/")

    async def slowly(_request, writer):
        start = body.index(b"\\/9j")
        writer.write(response(body)[: -len(body)] + body[:start])
        await asyncio.sleep(0.08)
        writer.write(body[start:])

    with scripted(slowly) as server:
        delivery = await attempt(server.url)
    assert delivery.timings.first_image_byte_ns - delivery.timings.result_ns > 40_000_000


async def test_reading_an_answer_is_not_counted_against_the_deadline():
    class Slow(OpenAIImages):
        def parse(self, job, exchange):
            time.sleep(1.6)
            return super().parse(job, exchange)

    with scripted(answering(response(openai_reply(PNG + b"\0" * 100_000)))) as server:
        delivery = await attempt(server.url, Slow(), timeout_s=1.5)
    assert delivery.failure is None


async def test_what_cannot_be_sent_costs_one_trial(caplog):
    class Unbuildable(OpenAIImages):
        def build(self, job):
            raise TypeError(f"cannot encode {job.key.get_secret_value()}")

    with scripted(answering(response(b"{}"))) as server:
        delivery = await attempt(server.url, Unbuildable())
    assert delivery.failure.kind is FailureKind.HARNESS
    assert delivery.failure.message == "TypeError: cannot encode (key)"
    assert server.requests == []


async def test_a_redirect_to_what_is_no_address_is_a_download_failure():
    routes = {
        "images_generations": says(data=[{"url": "HOST/a"}]),
        "a": response(status="302 Found", headers=[("Location", "http://[bad")]),
    }
    with scripted(by_path(**routes)) as server:
        assert (await attempt(server.url)).failure.kind is FailureKind.DOWNLOAD


async def test_an_image_that_comes_under_another_name_than_was_accepted_is_remarked_on():
    class Foreign(Polled):
        def parse(self, job, exchange):
            answer = super().parse(job, exchange)
            return replace(answer, request_id="job-2") if isinstance(answer, Done) else answer

    routes = {"jobs": says(poll="HOST/s"), "s": says(image="HOST/i.png", id="job-2"), "i.png": response(PNG)}
    with scripted(by_path(**routes)) as server:
        foreign = await attempt(server.url, Foreign())
        own = await attempt(server.url, Polled())
    assert foreign.done.remarks == ("accepted as job-1, answered as job-2",)
    assert foreign.request_id == "job-2"
    assert own.done.remarks == ()


async def test_more_addresses_than_anybody_asked_for_are_not_fetched():
    routes = {"images_generations": says(data=[{"url": "HOST/i.png"}] * 100), "i.png": response(PNG)}
    with scripted(by_path(**routes)) as server:
        delivery = await attempt(server.url)
    assert delivery.failure.kind is FailureKind.WRONG_COUNT
    assert delivery.failure.message == "100 images were named where 1 were asked for; none was fetched"
    assert len(server.requests) == 1
    assert len(delivery.done.images) == 16, "what is paid for is not multiplied by what a server claims"


async def test_the_images_of_one_answer_share_a_bound():
    large = response(b"x" * 700_000)
    routes = {"images_generations": says(data=[{"url": "HOST/i.png"}] * 3), "i.png": large}
    clock = SystemClock()
    with scripted(by_path(**routes)) as server:
        connection = Transport(clock, max_body_bytes=1_000_000).connection()
        job = Job(
            make_endpoint(base_url=server.url), GenerationRequest.model_validate({"prompt": "x", "size": "64x64"})
        )
        delivery = await Engine(clock).attempt(OpenAIImages(), job, connection, timeout_s=10)
        await connection.close()
    assert delivery.failure.kind is FailureKind.DOWNLOAD
    assert "larger than 300000 bytes" in delivery.failure.message
    assert len(server.requests) == 3


async def test_a_key_in_what_a_server_names_is_not_kept():
    routes = {
        "images_generations": says(data=[{"url": "HOST/i.png_canary-key"}], model="canary-key", id="canary-key"),
        "i.png_canary-key": response(PNG),
    }
    with scripted(by_path(**routes)) as server:
        delivery = await attempt(server.url)
    assert delivery.payloads == (PNG,)
    assert (delivery.done.model, delivery.request_id) == ("(key)", "(key)")
    assert all("canary-key" not in call.url for call in delivery.calls)
