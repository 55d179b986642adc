"""Long strings are taken out before JSON is parsed, and what comes of it is what parsing all of it would have given."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.excise import LONG_BYTES, excise
from harness.providers import provider
from harness.providers.base import Done
from tests.contracts.test_provider_contract import OK, job, parse

LONG = base64.b64encode(bytes(range(256)) * 200).decode()


def through_the_skeleton(name, body):
    excised = excise(body)
    if excised is None:
        return None
    from harness.providers.base import Exchange

    the_job = job(name)
    exchange = Exchange(provider(name).build(the_job), 200, {}, excised.skeleton)
    return excised.restore(provider(name).parse(the_job, exchange), body)


@pytest.mark.parametrize("name", sorted(OK))
@pytest.mark.parametrize("count", [1, 3])
def test_the_images_are_those_of_the_whole_body(name, count):
    reply = json.loads(json.dumps(OK[name]).replace(json.dumps(OK[name]).split("iVBOR")[1].split('"')[0], LONG))
    key = "data" if name == "openai" else "output"
    reply[key] = reply[key] * count
    body = json.dumps(reply).encode()
    excised = excise(body)
    assert len(excised.skeleton) < 1000
    found = through_the_skeleton(name, body)
    assert found == parse(name, body)
    assert len(found.images) == count


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"data": [{"url": "https://x/" + "y" * LONG_BYTES}]}).encode(),
        json.dumps({"data": [{"b64_json": "é" * LONG_BYTES}]}, ensure_ascii=False).encode(),
        json.dumps({"data": [{"b64_json": "a/" * LONG_BYTES}]}).replace("/", "\\/").encode(),
        b'{"data": [{"b64_json": "' + b"x" * LONG_BYTES,
        b'{"numbers": [' + b"1," * LONG_BYTES + b'1], "data": "x"}',
        b'"' * 10_000,
        json.dumps({"error": "x" * LONG_BYTES}).encode(),
    ],
    ids=["address", "not ascii", "escaped", "cut off", "a long list", "quotes", "an error"],
)
def test_what_it_does_not_understand_is_left_to_the_parser(body):
    assert through_the_skeleton("openai", body) is None


@given(
    st.lists(
        st.sampled_from(['"', "\\", "{", "}", ":", ",", "x" * LONG_BYTES, "data", "b64_json", "[", "]"]), max_size=40
    )
)
def test_no_body_gives_another_answer_than_parsing_it_whole(pieces):
    body = ('{"data": [{"b64_json": "' + "".join(pieces) + '"}]}').encode()
    found = through_the_skeleton("openai", body)
    if found is not None:
        whole = parse("openai", body)
        assert isinstance(whole, Done)
        assert found.images == whole.images
