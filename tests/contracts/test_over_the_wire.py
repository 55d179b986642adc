"""Every registered provider over real sockets: bodies that are empty, huge, cut off, mislabelled or not JSON at all, at
every stage of a job, and results that cannot be fetched. The right kind of failure, and no other trial disturbed.
"""

import asyncio

import pytest

from arena.domain.failure import FailureKind
from arena.store.blobs import BlobStore
from harness.clock import SystemClock
from harness.engine import Engine
from harness.providers import provider
from harness.providers.base import Job
from harness.questions import BROKEN, UNANSWERED_WAITS_S
from harness.transport import Transport
from harness.verify import verify
from tests.contracts.case import IMAGE_URL, Reply, all_cases
from tests.servers import png, response, scripted

CASES = all_cases()
HOST = "https://lab.example"
MOST_BYTES = 200_000
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
STAGES = [pytest.param(case, stage, id=f"{name}-{stage}") for name, case in CASES.items() for stage in case.stages]
every_stage = pytest.mark.parametrize(("case", "stage"), STAGES)


def written(reply, url, content_type="application/json"):
    """A recorded reply as bytes, with its addresses pointing at the scripted server."""
    body = reply.content.replace(HOST.encode(), url.encode()).replace(IMAGE_URL.encode(), f"{url}/i.png".encode())
    status = {200: "200 OK", 201: "201 Created", 202: "202 Accepted"}.get(reply.status, f"{reply.status} Said")
    return response(body, status, content_type, list(reply.headers.items()))


async def attempt(case, replies, images, image=None, content_type="application/json"):
    """One attempt against a server that gives these replies in turn; raw bytes are the last that it says there."""
    queue = list(replies)
    image = response(png(512, 768), content_type="image/png") if image is None else image

    async def handle(request, writer):
        if request.path.startswith("/i.png"):
            assert "authorization" not in request.headers, "a key went to a download"
            writer.write(image)
        else:
            reply = queue.pop(0) if len(queue) > 1 else queue[0]
            writer.write(reply if isinstance(reply, bytes) else written(reply, server.url, content_type))
            if isinstance(reply, bytes):
                writer.close()

    with scripted(handle) as server:
        job = case.job()
        changes = {
            "base_url": job.endpoint.base_url.replace(HOST, server.url),
            "result_hosts": ("127.0.0.1",),
            "key_hosts": (),
            "poll_interval_s": 0.01,
        }
        reached = Job(job.endpoint.model_copy(update=changes), job.request, job.key)
        clock, adapter = SystemClock(), provider(case.protocol)
        connection = Transport(clock, max_body_bytes=MOST_BYTES).connection()
        try:
            delivery = await Engine(clock).attempt(adapter, reached, connection, timeout_s=30)
        finally:
            await connection.close()
        return verify(delivery, adapter, BlobStore(images), None)


def success(case):
    return case.address or case.inline


@every_case
async def test_the_recorded_way_to_an_image_works_over_sockets(case, tmp_path):
    if case.address:
        outcome = await attempt(case, [*case.pending, case.address], tmp_path)
        assert outcome.failure is None, outcome.failure
        assert outcome.timings.polls == len([c for c in outcome.calls if c.purpose == "poll"])
        assert [c.purpose for c in outcome.calls][-1] == "download"
    else:
        outcome = await attempt(case, [*case.pending, case.inline], tmp_path)
        assert outcome.failure.kind is FailureKind.WRONG_SIZE  # the recorded image is tiny
    assert len(outcome.images) == 1
    assert not any(remark.startswith("accepted as") for remark in outcome.remarks)


@every_case
async def test_a_wrong_content_type_does_not_hide_a_good_answer(case, tmp_path):
    replies = [*case.pending, success(case)]
    outcome = await attempt(case, replies, tmp_path, content_type="text/html")
    assert len(outcome.images) == 1
    if case.address:
        mislabelled = response(png(512, 768), content_type="text/plain")
        assert (await attempt(case, replies, tmp_path, image=mislabelled)).failure is None


CUT_OFF = {FailureKind.NETWORK, FailureKind.PROTOCOL}
BAD_BODIES = {
    "empty": (response(b""), {FailureKind.BAD_RESPONSE}),
    "html": (response(b"<html>hello</html>", content_type="text/html"), {FailureKind.BAD_RESPONSE}),
    "huge": (response(b'{"x": "' + b"x" * MOST_BYTES + b'"}'), {FailureKind.BAD_RESPONSE}),
    "cut off": (response(b'{"half": ', length=99_999), CUT_OFF),
    "no http": (b"hello\r\n\r\n", {FailureKind.PROTOCOL}),
    "bad gzip": (
        response(b"not gzip", headers=[("Content-Encoding", "gzip")]),
        {FailureKind.BAD_RESPONSE},
    ),
}  # fmt: skip


@pytest.mark.slow
@every_stage
@pytest.mark.parametrize("body", BAD_BODIES)
async def test_a_bad_body_is_called_by_its_name_at_every_stage(case, stage, body, tmp_path):
    raw, kinds = BAD_BODIES[body]
    outcome = await attempt(case, [*case.pending[:stage], raw], tmp_path)
    assert outcome.failure.kind in kinds, outcome.failure
    # What breaks off before the job was accepted ends it; a question about it is asked again.
    again = len(UNANSWERED_WAITS_S) if stage and kinds <= BROKEN else 0
    assert len(outcome.calls) == stage + 1 + again


BAD_IMAGES = {
    "expired": (response(b"expired", "403 Forbidden", "text/plain"), FailureKind.DOWNLOAD),
    "gone": (response(b"", "410 Gone", "text/plain"), FailureKind.DOWNLOAD),
    "empty": (response(b"", content_type="image/png"), FailureKind.BAD_IMAGE),
    "html": (response(b"<html></html>", content_type="image/png"), FailureKind.BAD_IMAGE),
    "svg": (response(b"<svg xmlns='http://www.w3.org/2000/svg'/>", content_type="image/png"), FailureKind.BAD_IMAGE),
    "half an image": (response(png(512, 768)[:200], content_type="image/png"), FailureKind.BAD_IMAGE),
    "huge": (response(b"\x00" * (MOST_BYTES + 1), content_type="image/png"), FailureKind.DOWNLOAD),
}


@every_case
@pytest.mark.parametrize("image", BAD_IMAGES)
async def test_an_image_that_cannot_be_had_is_called_by_its_name(case, image, tmp_path):
    if case.address is None:
        pytest.skip("its images come inside the answer")
    raw, kind = BAD_IMAGES[image]
    outcome = await attempt(case, [*case.pending, case.address], tmp_path, image=raw)
    assert outcome.failure.kind is kind, outcome.failure


@every_case
async def test_a_wrong_size_is_noticed_where_a_size_was_told(case, tmp_path):
    job = case.job()
    if case.address is None or provider(case.protocol).sizing(job).expected is None:
        pytest.skip("it cannot be told a size, or delivers inside the answer")
    small = response(png(64, 64), content_type="image/png")
    outcome = await attempt(case, [*case.pending, case.address], tmp_path, image=small)
    assert outcome.failure.kind is FailureKind.WRONG_SIZE
    assert outcome.sent_size == provider(case.protocol).sizing(job).wire


async def test_attempts_side_by_side_do_not_disturb_each_other(tmp_path):
    """One good and one bad server for every protocol, all at once."""
    chosen = [c for c in CASES.values() if c.address]
    good = [attempt(c, [*c.pending, c.address], tmp_path) for c in chosen]
    bad = [attempt(c, [Reply(b"{")], tmp_path) for c in chosen]
    outcomes = await asyncio.gather(*good, *bad)
    assert all(o.failure is None for o in outcomes[: len(chosen)])
    assert all(o.failure.kind is FailureKind.BAD_RESPONSE for o in outcomes[len(chosen) :])
