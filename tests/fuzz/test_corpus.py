"""Every input that is kept, and what Hypothesis makes up, through every parser: no fuzzer is needed for it."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
KEPT = sorted(CORPUS.glob("*/*"))
PIECES = {
    "addresses": [
        "https://",
        "http://",
        "api.lab.example",
        "@",
        ":",
        "/",
        "\\",
        "[::1]",
        "127.1",
        "。",
        "%2e",
        "lab.test",
        ".",
        "?",
        "#",
        "\t",
        "files.inside",
        "443",
        "x",
        "//",
        "ⓛ",
    ],
    "headers": [
        "\x00\x00",
        "retry-after: ",
        "date: ",
        "\n",
        "\n\n",
        "9",
        "Wed, 21 Oct 2026 07:28:00 GMT",
        "-",
        ".",
        "1e9",
        "x-request-id: ",
        "{",
        "resets in ~30s",
        "GMT+99:99",
    ],
    "wire_bytes": [
        "\x00\x00",
        "\x10\x00",
        "HTTP/1.1 200 OK\r\n",
        "Content-Length: ",
        "5",
        "\r\n",
        "\r\n\r\n",
        "hello",
        "Transfer-Encoding: chunked\r\n",
        "0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "x: y\r\n",
        "-1",
        ";",
    ],
    "excised": [
        "{",
        "}",
        '"data": [',
        '{"b64_json": "',
        '"',
        "~",
        "]",
        ",",
        '"images": [{"url": "data:image/png;base64,',
        "\\",
        '"status": "succeeded", "output": ',
        "[" * 10,
    ],
    "money": [
        "$",
        "1",
        ".",
        "e",
        "9",
        "-",
        "+",
        "_",
        " ",
        "NaN",
        "Infinity",
        "١",
    ],
    "sizes": [
        "1",
        "x",
        "X",
        "×",
        "64",
        "9" * 30,
        ":",
        "@",
        "1mp",
        "-",
        " ",
        "١",
        "0",
    ],
}


def strategy(name):
    """Bytes, and words that mean something to the parser in any order."""
    words = [piece.encode() for piece in PIECES.get(name, ())]
    mixed = (
        st.lists(st.sampled_from(words) | st.binary(max_size=4), max_size=30).map(b"".join) if words else st.nothing()
    )
    return mixed | st.binary(max_size=300)


def test_there_is_a_corpus_for_every_parser():
    assert {path.parent.name for path in KEPT} == set(TARGETS)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.name}"[:60])
def test_what_is_kept(path):
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_what_is_made_up(name):
    @settings(max_examples=200)
    @given(strategy(name))
    def check(data):
        TARGETS[name](data)

    check()
