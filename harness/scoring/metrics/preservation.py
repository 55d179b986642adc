"""Preservation: what an edit should not touch, it should not touch.

Nobody says which pixels those are. But a local edit leaves more than half of the picture alone, so the median over
patches of how alike source and result are is a statement about the part that should have stayed; edits that change the
whole picture (its style, its light, its viewpoint, or what is put together) are not scored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.scoring.base import Measured, QualityMetric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.domain.prompt import Prompt
    from harness.scoring.base import Change, Subject, Tools

LOCAL = frozenset({"edit-object", "edit-text", "edit-colour"})
"""Categories of edits that leave most of the picture as it is."""
MOST_ASPECT_CHANGE = 0.02


def local_edit(prompt: Prompt, _change: Change | None) -> str | None:
    """The source image, for local edits of one source only."""
    return prompt.source_sha256[0] if prompt.category in LOCAL and len(prompt.source_sha256) == 1 else None


def preservation(subjects: Sequence[Subject], tools: Tools) -> list[Measured]:
    """100 times the median over patches of the cosine of their features in source and result."""
    import numpy as np

    features = tools.features
    found: list[Measured] = []
    for subject in subjects:
        source = subject.sources[0]
        aspects = source.width / source.height, subject.image.width / subject.image.height
        if abs(aspects[0] / aspects[1] - 1) > MOST_ASPECT_CHANGE:
            found.append(Measured(None, {"reason": "the result has another shape than its source"}))
            continue
        one = features.patches(subject.sha256, subject.image)
        other = features.patches(subject.prompt.source_sha256[0], source)
        inside = features.inside(source.size)
        found.append(Measured(100 * float(np.median((one * other).sum(axis=1)[inside]))))
    return found


METRIC = QualityMetric(
    name="preservation",
    title="preservation",
    unit="100·cos",
    better="higher",
    definition="For local edits, 100 times the median over patches of the cosine of DINO features at the same place of "
    "source and result. The median, because a local edit touches less than half of the picture.",
    tool="features",
    against=local_edit,
    compute=preservation,
    negligible=3.0,
)
