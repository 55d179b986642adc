"""CLIP score: how well an image fits its prompt (Hessel et al. 2021, EMNLP, 7514-7528, without their factor 2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.scoring.base import Measured, QualityMetric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.domain.prompt import Prompt
    from harness.scoring.base import Change, Subject, Tools


def prompt_text(prompt: Prompt, _change: Change | None) -> str:
    """The whole prompt."""
    return prompt.text


def clip_score(subjects: Sequence[Subject], tools: Tools) -> list[Measured]:
    """100 times the cosine of image and text; a text of several chunks gets the mean over them, and says so."""
    clip = tools.clip
    images = clip.images([(s.sha256, s.image) for s in subjects])
    found = []
    for subject, image in zip(subjects, images, strict=True):
        chunks = clip.chunks(subject.prompt.text)
        value = 100 * float((clip.texts(chunks) @ image).mean())
        found.append(Measured(value, {"chunks": len(chunks)} if len(chunks) > 1 else {}))
    return found


METRIC = QualityMetric(
    name="clip_score",
    title="CLIP score",
    unit="100·cos",
    better="higher",
    definition="100 times the cosine of the CLIP embeddings of image and prompt, not cut off at 0. The image is padded "
    "to a square, never cropped; a prompt longer than the model reads is scored in chunks, and the mean is kept.",
    tool="clip",
    against=prompt_text,
    compute=clip_score,
    negligible=1.0,
)
