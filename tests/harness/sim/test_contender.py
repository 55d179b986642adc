"""Contenders from TOML, and the sentence that says what is wrong with one."""

from __future__ import annotations

import pytest

from arena.errors import ConfigError
from harness.sim.contender import load_contenders

GOOD = """
[[contender]]
name = "one"
protocol = "openai"
model = "m"
latency = { kind = "fixed", ms = 1 }
quality = 0.5
style = "flat"
"""


def test_the_shipped_contenders_are_usable():
    contenders = load_contenders()
    assert len(contenders) >= 6
    assert {contender.protocol for contender in contenders} >= {"openai", "cog"}
    assert not any("hang" in contender.failures for contender in contenders)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("= 1", ["not valid TOML"]),
        ("", ["[[contender]]"]),
        (GOOD + "\n[other]\n", ["other", "[[contender]]"]),
        (GOOD.replace("0.5", "2"), ["'one'", "quality"]),
        (GOOD.replace("fixed", "wobbly"), ["'one'", "latency"]),
        (GOOD + 'colour = "red"', ["'one'", "colour"]),
        (GOOD + "failures = { explode = 0.1 }", ["'one'", "failures.explode"]),
        (GOOD + "failures = { html = 0.6, reset = 0.6 }", ["'one'", "failures", "more than 1"]),
        (GOOD.replace('"one"', '"No Kebab"'), ["name"]),
        (GOOD + GOOD, ["'one'", "more than one"]),
    ],
)
def test_bad_data_gives_a_sentence_with_file_and_field(tmp_path, text, words):
    path = tmp_path / "sims.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_contenders(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_a_missing_file_gives_a_sentence(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_contenders(tmp_path / "none.toml")
