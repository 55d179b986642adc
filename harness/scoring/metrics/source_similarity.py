"""Image-image similarity: how much of its source an edited image still looks like, to CLIP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.scoring.base import Measured, QualityMetric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.domain.prompt import Prompt
    from harness.scoring.base import Change, Subject, Tools


def source_images(prompt: Prompt, _change: Change | None) -> str | None:
    """The source images, for edits only."""
    return "\n".join(prompt.source_sha256) or None


def source_similarity(subjects: Sequence[Subject], tools: Tools) -> list[Measured]:
    """100 times the cosine of an image and its first source."""
    clip = tools.clip
    images = clip.images([(s.sha256, s.image) for s in subjects])
    sources = clip.images([(s.prompt.source_sha256[0], s.sources[0]) for s in subjects])
    return [Measured(100 * float(image @ source)) for image, source in zip(images, sources, strict=True)]


METRIC = QualityMetric(
    name="source_similarity",
    title="similarity to source",
    unit="100·cos",
    better=None,
    definition="100 times the cosine of the CLIP embeddings of an edited image and its first source. Neither high nor "
    "low is better by itself: an edit that changed nothing has 100.",
    tool="clip",
    against=source_images,
    compute=source_similarity,
    negligible=3.0,
)
