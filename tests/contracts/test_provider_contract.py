"""One suite over every registered provider: what a reply means, and what never happens whatever a server sends."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.catalog import Catalog
from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose
from harness.providers import PROVIDERS, provider, wire
from harness.providers.base import (
    CANONICAL_FIELDS,
    Done,
    Exchange,
    FormBody,
    How,
    ImageAddress,
    InlineImage,
    Pending,
    Rejected,
    Support,
    unsupported,
)
from tests.contracts.case import IMAGE_URL, KEY, PNG, SOURCE, Case, Reply, all_cases

CASES = all_cases()
STATUSES = {
    400: FailureKind.INVALID_REQUEST,
    401: FailureKind.AUTH,
    402: FailureKind.PAYMENT,
    403: FailureKind.AUTH,
    404: FailureKind.NOT_FOUND,
    409: FailureKind.CAPACITY,
    422: FailureKind.INVALID_REQUEST,
    429: FailureKind.RATE_LIMITED,
    500: FailureKind.PROVIDER_ERROR,
    502: FailureKind.PROVIDER_ERROR,
    503: FailureKind.CAPACITY,
    504: FailureKind.TIMEOUT_START,
    302: FailureKind.BAD_RESPONSE,
}
ENVELOPES = {
    "openai": {"error": {"message": "told you", "type": "t", "code": "c", "param": None}},
    "flat": {"detail": "told you"},
    "fastapi": {"detail": [{"loc": ["body", "n"], "msg": "told you", "type": "t"}]},
    "cog": {"error": "told you", "status": "failed"},
    "problem": {"title": "told you", "status": 400},
    "coded": {"code": "C", "message": "told you", "errors": []},
    "cloudflare": {"result": None, "success": False, "errors": [{"code": 5006, "message": "told you"}], "messages": []},
    "text": b"told you",
    "html": b"<html><head><title>told you</title></head></html>",
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


STAGES = [pytest.param(case, stage, id=f"{name}-{stage}") for name, case in CASES.items() for stage in case.stages]
every_stage = pytest.mark.parametrize(("case", "stage"), STAGES)


def test_every_protocol_that_an_endpoint_names_is_registered():
    assert {e.protocol for e in Catalog(environ={}).endpoints().values()} <= set(PROVIDERS)


def test_every_registered_provider_is_in_this_suite():
    assert {case.protocol for case in CASES.values()} == set(PROVIDERS)


@every_case
def test_a_call_is_the_same_every_time_and_shows_no_key(case):
    for mode in case.modes:
        first, second = (provider(case.protocol).build(case.job(mode)) for _ in range(2))
        assert first == second
        assert first.url.startswith(case.base_url)
        assert KEY not in repr(first)
        assert KEY not in first.url
        assert KEY in first.auth.value.get_secret_value()


@every_stage
def test_without_a_key_no_header_is_made(case, stage):
    assert case.call(stage, case.job(key=None)).auth is None


@every_stage
def test_every_call_of_a_job_carries_its_key_apart_from_what_is_shown(case, stage):
    call = case.call(stage)
    assert KEY in call.auth.value.get_secret_value()
    assert KEY not in repr(call)


@every_case
def test_every_canonical_field_has_its_place_in_the_table(case):
    table = provider(case.protocol).parameters(case.job().endpoint)
    assert set(table) <= set(CANONICAL_FIELDS)
    assert all(isinstance(support, Support) for support in table.values())
    assert table["prompt"].how is not How.UNSUPPORTED


@every_case
def test_every_requested_field_is_sent_or_reported(case):
    """What is asked for changes the call; what changes nothing is reported as unsupported, or emulated."""
    plain = {"seed": None, "steps": None, "guidance": None}
    asked = {"seed": 7, "steps": 4, "guidance": 2.5, "n": 2, "safety": False, "delivery": "url", "format": "webp"}
    for mode in case.modes:
        before = repr(provider(case.protocol).build(case.job(mode, **plain)))
        table = provider(case.protocol).parameters(case.job(mode).endpoint)
        for name, value in asked.items():
            job = case.job(mode, **{**plain, name: value})
            how = table.get(name, Support(How.UNSUPPORTED)).how
            missing = unsupported(provider(case.protocol), job)
            sent = repr(provider(case.protocol).build(job)) != before
            if name == "delivery":  # may be what is asked for anyway
                other = repr(provider(case.protocol).build(case.job(mode, **{**plain, name: "b64_json"})))
                sent = sent or other != before
            assert sent == (how in {How.PASSTHROUGH, How.RENAMED, How.CONVERTED}), (name, how, sent)
            assert (name in missing) == (how is How.UNSUPPORTED), (name, how, missing)


@every_case
def test_the_prompt_and_the_images_are_in_the_call(case):
    for mode in case.modes:
        call = provider(case.protocol).build(case.job(mode))
        if isinstance(call.body, FormBody):
            assert "a cat" in dict(call.body.fields).values()
            assert [f.data for f in call.body.files] == ([SOURCE.data] if mode == "edit" else [])
        else:
            sent = json.dumps(call.body.value)
            assert "a cat" in sent
            assert (base64.b64encode(SOURCE.data).decode() in sent) == (mode == "edit")


@every_case
def test_success_inline_and_by_address(case):
    assert case.inline or case.address
    if case.inline:
        assert case.parse(case.inline).images == (InlineImage(PNG),)
    if case.address:
        assert case.parse(case.address).images == (ImageAddress(IMAGE_URL),)


@every_case
def test_what_leads_to_the_image_is_pending(case):
    for stage, reply in enumerate(case.pending):
        answer = case.parse(reply, stage)
        assert isinstance(answer, Pending)
        assert answer.next.body is None, "asking twice must not submit twice"


@every_case
def test_moderation_is_told_apart(case):
    assert case.moderated
    for reply, kind in case.moderated:
        assert case.parse(reply).failure.kind is kind


@every_case
def test_failures_are_told_apart(case):
    for reply, kind in case.failures:
        answer = case.parse(reply)
        assert answer.failure.kind is kind, reply
        assert answer.failure.message


@every_stage
@pytest.mark.parametrize("envelope", ENVELOPES)
def test_every_error_status_has_a_kind_and_keeps_the_message(case, stage, envelope):
    polled = case.call(stage).purpose is CallPurpose.POLL
    for status, usual in STATUSES.items():
        lost = FailureKind.PROVIDER_ERROR if polled and status == 404 else usual  # the job was accepted before
        kind = case.kind(stage, status, lost)
        answer = case.parse(Reply(ENVELOPES[envelope], status), stage)
        if kind is None:
            assert isinstance(answer, Pending)
            continue
        assert (answer.failure.kind, answer.failure.http_status) == (kind, status)
        assert "told you" in answer.failure.message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0),
        ({"retry-after": "31536000"}, 31536000),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "9" * 400}, None),
        ({}, None),
    ],
)
@every_case
def test_retry_after_is_read_in_every_form(case, headers, seconds):
    reply = Reply({"error": {"message": "slow down"}}, 429, headers)
    assert case.parse(reply, 0).failure.retry_after_s == seconds


@every_case
def test_a_wait_that_is_told_in_words_is_read(case):
    told = {
        "Request was throttled. Your rate limit resets in ~30s.": 30,
        "Rate limit reached. Please try again in 2.5 seconds.": 2.5,
        "Please try again in 250ms.": 0.25,
        "Slow down.": None,
        "it resets in 9999999999999 s": None,
    }
    for words, seconds in told.items():
        assert case.parse(Reply({"detail": words}, 429), 0).failure.retry_after_s == seconds, words
    both = Reply({"detail": "resets in ~30s"}, 429, {"retry-after": "7"})
    assert case.parse(both, 0).failure.retry_after_s == 7


JUNK = [b"", b"null", b"[]", b"{}", b"42", b'"text"', b"<html></html>", b"\xff\xfe", b"[" * 10_000, b'{"a":' * 5_000,
        b'{"data": []}', b'{"data": [{}]}', b'{"data": [null]}', b'{"data": "x"}', b'{"data": [{"url": 5}]}',
        b'{"data": [{"b64_json": ""}]}', b'{"status": "succeeded"}', b'{"status": "succeeded", "output": [null]}',
        b'{"status": "succeeded", "output": "data:image/png,plain"}', b'{"images": []}', b'{"images": [{}]}', b"NaN",
        b'{"data": NaN}', b'{"result": {}}', b'{"status": "Ready"}', b'{"status": "Ready", "result": {"sample": 3}}',
        b'{"status_code": "succeeded"}', b'{"status": "COMPLETED", "response_url": 5}']  # fmt: skip


@every_stage
@pytest.mark.parametrize("body", JUNK)
def test_a_reply_without_an_image_is_a_bad_response(case, stage, body):
    answer = case.parse(Reply(body), stage)
    if isinstance(answer, Pending) and stage > 0:
        return  # a state that the protocol knows, such as COMPLETED before the result is fetched
    assert isinstance(answer, Rejected), answer
    assert answer.failure.kind is FailureKind.BAD_RESPONSE


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def keys_of(value):
    """Every key in a body, however deep."""
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


def replies_of(case):
    told = [*case.pending, case.inline, case.address, *(r for r, _ in (*case.moderated, *case.failures))]
    return [r for r in told if r is not None and isinstance(r.body, dict)]


def mangled(draw, value):
    """A recorded body in which anything may have become something else."""
    if draw(st.integers(0, 4)) == 0:
        return draw(anything)
    if isinstance(value, dict):
        return {key: mangled(draw, inner) for key, inner in value.items()}
    return [mangled(draw, inner) for inner in value] if isinstance(value, list) else value


@every_stage
@given(data=st.data(), status=st.sampled_from([200, 201, 202, 404, 422, 500]) | st.integers(100, 599))
def test_no_reply_makes_a_parser_raise(case, stage, data, status):
    body = mangled(data.draw, data.draw(st.sampled_from(replies_of(case))).body)
    answer = case.parse(Reply(json.dumps(body).encode(), status), stage)
    assert isinstance(answer, Done | Pending | Rejected)


@every_stage
@given(st.binary(max_size=300), st.integers(100, 599), st.dictionaries(st.sampled_from(
    ["retry-after", "retry-after-ms", "date", "x-request-id", "x-units"]), st.text(max_size=40)))  # fmt: skip
def test_no_bytes_make_a_parser_raise(case, stage, body, status, headers):
    assert isinstance(case.parse(Reply(body, status, headers), stage), Done | Pending | Rejected)


@every_case
@given(data=st.data(), status=st.integers(100, 599))
def test_no_answer_to_a_lookup_or_a_probe_makes_it_raise(case, data, status):
    adapter, job = provider(case.protocol), case.job()
    body = json.dumps(data.draw(anything)).encode()
    calls = adapter.lookups(job.endpoint, job.key, "r-1")
    probe = adapter.probe(job.endpoint, job.key)
    for call in calls:
        assert KEY in call.auth.value.get_secret_value()
        adapter.read_lookup(job.endpoint, Exchange(call, status, {}, body))
    if probe is not None:
        assert adapter.read_probe(job.endpoint, Exchange(probe, status, {}, body)).says


@every_stage
def test_messages_are_cut_and_cleaned(case, stage):
    body = {"error": {"message": "\x1b[2J" + "x" * 100_000}, "detail": "\x1b[2J" + "y" * 100_000}
    failure = case.parse(Reply(body, 500), stage).failure
    assert 0 < len(failure.message) <= 500
    assert failure.message.isprintable()


def enlarged(value):
    """A body in which every number is beyond any time that a job can take."""
    if isinstance(value, dict):
        return {key: enlarged(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return list(map(enlarged, value))
    return 2_000_000_000.5 if isinstance(value, int | float) and not isinstance(value, bool) else value


@every_case
def test_a_server_that_took_longer_than_a_month_is_not_believed(case):
    adapter, job = provider(case.protocol), case.job()
    for reply in (r for r in (case.inline, case.address) if r is not None):
        headers = {name: "9e14" if name.endswith("-ms") else value for name, value in reply.headers.items()}
        done = case.parse(Reply(enlarged(reply.body), reply.status, headers))
        told = dict(done.server_ms)
        for call in adapter.lookups(job.endpoint, job.key, "r-1"):
            late = {**enlarged(reply.body), "request_id": "r-1", "duration_ms": 9e14}
            told |= adapter.read_lookup(job.endpoint, Exchange(call, 200, {}, json.dumps(late).encode())).server_ms
        assert all(ms <= wire.MOST_MS for ms in told.values()), told


def test_deep_json_is_no_json():
    assert wire.read_json(b"[" * 100_000) is None


def test_the_suite_notices_a_case_without_replies():
    with pytest.raises(AssertionError):
        test_success_inline_and_by_address(Case(protocol="openai"))
