"""Directional similarity: does an edit move the image as the captions move? (Gal et al. 2022, StyleGAN-NADA, ACM Trans.
Graph. 41:141.)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.scoring.base import Measured, QualityMetric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.domain.prompt import Prompt
    from harness.scoring.base import Change, Subject, Tools

LEAST_LENGTH = 1e-4
"""Of a difference of unit vectors: below it there is no direction."""


def captions(prompt: Prompt, change: Change | None) -> str | None:
    """Both captions and the source images; None for what is no edit or has no captions."""
    if change is None or not prompt.source_sha256:
        return None
    return "\n".join([change.before, change.after, *prompt.source_sha256])


def edit_direction(subjects: Sequence[Subject], tools: Tools) -> list[Measured]:
    """The cosine of (image - source) and (caption after - caption before), times 100."""
    import numpy as np

    clip = tools.clip
    images = clip.images([(s.sha256, s.image) for s in subjects])
    sources = clip.images([(s.prompt.source_sha256[0], s.sources[0]) for s in subjects])
    found = []
    for subject, image, source in zip(subjects, images, sources, strict=True):
        if subject.change is None:
            raise ValueError("an image without captions was given to edit_direction")
        before, after = clip.texts([subject.change.before, subject.change.after])
        moved, asked = image - source, after - before
        lengths = float(np.linalg.norm(moved)), float(np.linalg.norm(asked))
        if min(lengths) < LEAST_LENGTH:
            found.append(Measured(None, {"reason": "the image is its source, to CLIP: there is no direction"}))
            continue
        found.append(Measured(100 * float(moved @ asked) / (lengths[0] * lengths[1])))
    return found


METRIC = QualityMetric(
    name="edit_direction",
    title="directional CLIP",
    unit="100·cos",
    better="higher",
    definition="100 times the cosine between the step from source to edited image and the step from the caption of the "
    "source to that of the result, both in CLIP's space. Captions are in prompts/scoring/captions.toml.",
    tool="clip",
    against=captions,
    compute=edit_direction,
    negligible=3.0,
)
