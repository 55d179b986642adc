"""Long strings are taken out before JSON is parsed, and what comes of it is what parsing all of it would have given."""

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.excise import LONG_BYTES, excise
from harness.providers.base import Done
from tests.contracts.case import PNG, Reply, all_cases

LONG = base64.b64encode(bytes(range(256)) * 200).decode()


INLINE = {name: case for name, case in all_cases().items() if case.inline}


def through_the_skeleton(name, body):
    excised = excise(body)
    if excised is None:
        return None
    return excised.restore(INLINE[name].parse(Reply(excised.skeleton)), body)


def images(done):
    return [i.base64 if isinstance(i.base64, str) else bytes(i.base64).decode() for i in done.images]


def parse(name, body):
    return INLINE[name].parse(Reply(body))


@pytest.mark.parametrize("name", INLINE)
def test_the_images_are_those_of_the_whole_body(name):
    body = INLINE[name].inline.content.replace(PNG.encode(), LONG.encode())
    assert len(excise(body).skeleton) < 1000
    found = through_the_skeleton(name, body)
    whole = parse(name, body)
    assert images(found) == images(whole) == [LONG]
    assert replace(found, images=()) == replace(whole, images=())


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"data": [{"url": "https://x/" + "y" * LONG_BYTES}]}).encode(),
        json.dumps({"data": [{"b64_json": "a/" * LONG_BYTES}]}).replace("/", "\\/").encode(),
        b'{"data": [{"b64_json": "' + b"x" * LONG_BYTES,
        b'{"numbers": [' + b"1," * LONG_BYTES + b'1], "data": "x"}',
        b'"' * 10_000,
        json.dumps({"error": "x" * LONG_BYTES}).encode(),
    ],
    ids=["address", "escaped", "cut off", "a long list", "quotes", "an error"],
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
        assert images(found) == images(whole)
