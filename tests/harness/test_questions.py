"""A polled job over real sockets: its bracket, and what is asked again when a question goes wrong."""

from itertools import pairwise

import pytest

from arena.domain.failure import FailureKind
from harness.providers import wire
from tests.harness.attempts import PNG, Polled, answering_in_turn, attempt, by_path, says
from tests.servers import response, scripted


async def test_a_polled_job_is_followed_to_its_end_with_its_bracket():
    with scripted(
        by_path(
            jobs=says(poll="HOST/status"),
            status=answering_in_turn(says(poll="HOST/status"), says(poll="HOST/status"), says(image="HOST/i.png")),
            **{"i.png": response(PNG, content_type="image/png")},
        )
    ) as server:
        delivery = await attempt(server.url, Polled())
    t = delivery.timings
    assert delivery.payloads == (PNG,)
    assert (t.polls, t.poll_interval_ns) == (3, 20_000_000)
    assert t.accepted_ns < t.last_pending_ns < t.first_done_ns <= t.last_image_byte_ns
    assert t.result_ns > t.last_pending_ns
    assert delivery.request_id == "job-1"
    assert [c.purpose for c in delivery.calls] == ["submit", "poll", "poll", "poll", "download"]
    assert [r.headers.get("x-key") for r in server.requests] == ["canary-key"] * 4 + [None]


class Throttling(Polled):
    """The same, with refusals."""

    def parse(self, job, exchange):
        return wire.rejected_by_status(exchange) if exchange.status >= 300 else super().parse(job, exchange)


def throttled(*headers):
    return lambda _: response(b'{"detail": "slow down"}', "429 No", headers=list(headers))


async def test_a_question_that_is_refused_for_the_rate_is_asked_again_and_the_job_is_not_lost():
    wait = [("Retry-After", "0.05")]
    status = answering_in_turn(says(poll="HOST/status"), throttled(*wait), throttled(*wait), says(image="HOST/i.png"))
    with scripted(by_path(jobs=says(poll="HOST/status"), status=status, **{"i.png": response(PNG)})) as server:
        delivery = await attempt(server.url, Throttling())
    assert delivery.payloads == (PNG,)
    t, asked = delivery.timings, [c for c in delivery.calls if c.purpose == "poll"]
    assert (t.polls, [c.http_status for c in asked]) == (4, [200, 429, 429, 200])
    assert t.last_pending_ns < asked[1].started_ns, "a refusal does not say that the job was still at work"
    assert min(later.started_ns - refused.ended_ns for refused, later in pairwise(asked[1:])) >= 50_000_000
    assert delivery.done.remarks == ("refused 2× to say how the job stands, for the rate",)
    assert [r.headers.get("x-key") for r in server.requests] == ["canary-key"] * 5 + [None]


async def test_a_refusal_that_outlasts_the_deadline_ends_the_trial_and_a_submission_is_never_made_twice():
    with scripted(by_path(jobs=says(poll="HOST/s"), s=throttled(("Retry-After", "3600")))) as server:
        polled = await attempt(server.url, Throttling())
        assert len(server.requests) == 2
    with scripted(by_path(jobs=throttled(("Retry-After", "0.01")))) as server:
        submitted = await attempt(server.url, Throttling())
        assert len(server.requests) == 1
    assert polled.failure.kind is submitted.failure.kind is FailureKind.RATE_LIMITED


def cut_off(_):
    return response(b'{"image": "', headers=[("Content-Length", "500")])


async def test_a_question_that_nobody_answers_is_asked_again_and_the_job_is_not_lost():
    unavailable = lambda _: response(b"no", "503 No")  # noqa: E731
    gone = [unavailable, cut_off, unavailable]
    status = answering_in_turn(*gone, says(poll="HOST/status"), *gone, says(image="HOST/i.png"))
    with scripted(by_path(jobs=says(poll="HOST/status"), status=status, **{"i.png": response(PNG)})) as server:
        delivery = await attempt(server.url, Throttling(), timeout_s=20)
    assert delivery.payloads == (PNG,)
    assert delivery.timings.polls == 8
    asked = [c for c in delivery.calls if c.purpose == "poll"]
    assert [c.http_status for c in asked] == [503, None, 503, 200, 503, None, 503, 200]
    assert asked[3].ended_ns <= delivery.timings.last_pending_ns < asked[4].started_ns
    assert delivery.done.remarks == ("6× no answer to a question about the job",)


@pytest.mark.parametrize(
    ("answer", "asked", "kind"),
    [
        (lambda _: response(b"no", "503 No"), 4, FailureKind.CAPACITY),
        (cut_off, 4, FailureKind.PROTOCOL),
        (lambda _: response(b"no", "500 No"), 1, FailureKind.PROVIDER_ERROR),
    ],
    ids=["unavailable", "broken off", "an error"],
)
async def test_a_job_that_nobody_answers_for_is_given_up_with_what_was_seen(answer, asked, kind):
    with scripted(by_path(jobs=says(poll="HOST/status"), status=answer)) as server:
        delivery = await attempt(server.url, Throttling(), timeout_s=20)
    assert delivery.failure.kind is kind
    assert [r.method for r in server.requests] == ["POST"] + ["GET"] * asked


async def test_the_deadline_also_ends_a_job_that_is_polled_for_ever():
    with scripted(by_path(jobs=says(poll="HOST/status"), status=says(poll="HOST/status"))) as server:
        delivery = await attempt(server.url, Polled(), timeout_s=1.5)
    assert delivery.failure.kind is FailureKind.TIMEOUT
    assert delivery.timings.polls >= 3
