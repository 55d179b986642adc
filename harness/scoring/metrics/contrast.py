"""Contrast: the spread of colours, which tells a blank image, with a thumbnail by which repeated pictures are found."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from harness.scoring.base import Measured, QualityMetric, image_alone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.scoring.base import Subject, Tools


def contrast(subjects: Sequence[Subject], _tools: Tools) -> list[Measured]:
    """The largest standard deviation of a channel, in steps of 255, over 64 x 64 pixels."""
    from arena.battles.image_marks import thumbnail
    from arena.battles.renditions import spread

    return [
        Measured(spread(s.image), {"thumbnail": base64.b64encode(thumbnail(s.image)).decode("ascii")}) for s in subjects
    ]


METRIC = QualityMetric(
    name="contrast",
    title="contrast",
    unit="levels",
    better=None,
    definition="The largest standard deviation of a colour channel, in steps of 255, of the image at 64 x 64 pixels; "
    "below 2 the image shows nothing and is called blank.",
    tool="pixels",
    against=image_alone,
    compute=contrast,
)
