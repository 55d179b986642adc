"""A key that is quoted is kept nowhere, however it is written."""

import pytest
from pydantic import SecretStr

from harness.redaction import redacted, trace, without_key

KEY = SecretStr("id-4711:s3cret/with+signs==and-length")


@pytest.mark.parametrize(
    "quoted",
    [
        "id-4711:s3cret/with+signs==and-length",
        "ID-4711:S3CRET/WITH+SIGNS==AND-LENGTH",
        "id-4711%3As3cret%2Fwith%2Bsigns%3D%3Dand-length",
        "s3cret/with+signs==and-length",
    ],
)
def test_every_way_of_writing_it(quoted):
    assert redacted(f"bad key {quoted}, sorry", KEY) == "bad key (key), sorry"


def test_the_beginning_of_one_at_the_end_of_a_text_that_was_cut():
    assert without_key("bad key id-4711:s3c…", KEY) == "bad key (key)…"
    assert without_key("bad key id-4711:s3c", KEY) == "bad key (key)"
    assert "s3cret" not in redacted("x" * 480 + KEY.get_secret_value() + "y" * 99, KEY)


def test_what_is_no_key_is_left_alone():
    assert without_key("an idea", KEY) == "an idea"
    assert without_key("a text", None) == "a text"
    assert without_key("a key of one letter", SecretStr("a")) == "a key of one letter"


def test_a_traceback_holds_neither_the_key_nor_terminal_codes():
    try:
        raise ValueError(f"cannot read {KEY.get_secret_value()} \x1b[2J")
    except ValueError as error:
        told = trace(error, KEY)
    assert "cannot read (key) [2J" in told
    assert "s3cret" not in told
    assert "Traceback" in told
