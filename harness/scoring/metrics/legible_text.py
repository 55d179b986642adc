"""Legible text: how much of the text that a prompt asks for can be read in the image, by a machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from harness.scoring.base import Measured, QualityMetric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.domain.prompt import Prompt
    from harness.scoring.base import Change, Subject, Tools


def asked_text(prompt: Prompt, _change: Change | None) -> str | None:
    """The texts that the image must show, if any."""
    return json.dumps(prompt.legible_text, ensure_ascii=False) if prompt.legible_text else None


def legible_text(subjects: Sequence[Subject], tools: Tools) -> list[Measured]:
    """The share of asked characters that was read; beside it what was read, and the reader's own error."""
    from harness.scoring.spelling import character_error_rate

    reader = tools.reader
    found = []
    for subject in subjects:
        read, asked = reader.read(subject.image), subject.prompt.legible_text
        error = character_error_rate(asked, read)
        found.append(Measured(1 - error, {"read": read, "reader_error": reader.own_error(asked)}))
    return found


METRIC = QualityMetric(
    name="legible_text",
    title="legible text",
    unit="ratio",
    better="higher",
    definition="1 - character error rate: edit distance of each asked text to the part of what was read that is "
    "most like it, over the asked characters; case counts, white space does not. The reader errs, too: its error on "
    "the same texts, set in plain type, stands beside it.",
    tool="reader",
    against=asked_text,
    compute=legible_text,
    negligible=0.1,
)
