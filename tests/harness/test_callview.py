"""A call that is shown holds no key, whatever the header and however the key was pasted."""

import json

import pytest
from pydantic import SecretStr

from arena.domain.outcome import CallPurpose
from harness import callview
from harness.providers.base import JsonBody, SecretHeader, WireCall


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", "Bearer sk-secret", "Bearer •••"),
        ("Authorization", "Key id:secret", "Key •••"),
        ("x-key", "sk-secret", "•••"),
        ("x-key", "sk-secret tail", "•••"),
        ("x-key", "sk-secret ", "•••"),
        ("Authorization", "Bearer sk secret", "Bearer •••"),
    ],
)
def test_only_a_known_scheme_is_left_of_a_key(name, value, shown):
    call = WireCall(CallPurpose.SUBMIT, "POST", "https://x.example/", auth=SecretHeader(name, SecretStr(value)))
    assert callview.headers(call) == [(name, shown)]
    assert "secret" not in callview.as_text(call) + json.dumps(callview.as_json(call), ensure_ascii=False)


def test_long_data_is_shortened_and_said_to_be():
    call = WireCall(CallPurpose.SUBMIT, "POST", "https://x.example/", body=JsonBody({"image": "A" * 5000, "n": 1}))
    assert "(5000 characters)" in callview.as_text(call)
    assert len(callview.as_text(call)) < 400
