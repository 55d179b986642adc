"""What servers say, from the wire to the terminal, the database and every file: text, and never the key."""

import csv
import io
import json

import pytest

from tests.servers import response, scripted

KEY = "canary-key-4711-not-to-be-kept"
SAID = f"\x1b[2J\x1b]0;owned\x07 bad key {KEY} \u202egnp \x9b31m [bold]=1+1 <script>alert(1)</script>"


@pytest.fixture
def said(arena):
    """A run against a server that says so, in its error and in its headers."""

    async def hostile(_request, writer):
        body = json.dumps({"error": {"message": SAID, "code": SAID}}).encode()
        writer.write(response(body, "500 No", headers=[("X-Request-Id", f"id {KEY}")]))

    with scripted(hostile) as server:
        endpoints = arena.config / "endpoints.toml"
        endpoints.write_text(
            '[[endpoint]]\nid = "t/keyed"\nprovider = "t"\nprotocol = "openai"\nmodel = "m"\nsimulated = true\n'
            f'base_url = "{server.url}/v1"\nkey_env = "TEST_API_KEY"\n'
        )
        (arena.config / "prices.toml").unlink()
        plan = arena.plan("keyed")
        yield arena("run", plan, "--yes", TEST_API_KEY=KEY)


def printable(text):
    return all(character.isprintable() or character == "\n" for character in text)


@pytest.mark.slow
def test_neither_control_characters_nor_the_key_come_through(arena, said):
    shown = [
        said,
        arena("runs", "show", "last"),
        arena("runs", "show", "last", "--trial", "0"),
        arena("runs", "show", "last", "--json"),
        arena("runs", "show", "last", "--trial", "0", "--json"),
    ]
    for what in shown:
        assert printable(what.out), what.out
        assert printable(what.err), what.err
        assert KEY not in what.out + what.err
    assert "bad key (key)" in shown[2].out
    exported = {kind: arena("export", "last", "--format", kind, "--out", "-").out for kind in ("csv", "jsonl")}
    row = next(csv.DictReader(io.StringIO(exported["csv"])))
    assert "bad key (key)" in row["failure_message"]
    assert all(KEY not in text and "\x1b" not in text and "\x9b" not in text for text in exported.values())
    held = b"".join(path.read_bytes() for path in arena.data.rglob("*") if path.is_file())
    assert KEY.encode() not in held
    assert b"\x1b[2J" not in held


def test_what_a_file_of_ones_own_says_is_printed_as_text(arena):
    plan = arena.config / "plans" / "mine.toml"
    plan.write_text('name = "\\u001b[2Jx"\nendpoints = ["t/qu\\u001b[31mick"]\n[prompts]\nsets = ["core"]\n')
    assert "\x1b" not in arena("run", str(plan), "--yes", code=2).err
