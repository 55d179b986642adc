"""Fine detail: how much of an image is in frequencies that an enlarged smaller image does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.scoring.base import Measured, QualityMetric, image_alone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.scoring.base import Subject, Tools


def fine_detail(subjects: Sequence[Subject], _tools: Tools) -> list[Measured]:
    """The share of spectral power above half of the highest frequency, in decibels."""
    from harness.scoring.pixels import fine_detail_db

    return [Measured(fine_detail_db(s.image)) for s in subjects]


METRIC = QualityMetric(
    name="fine_detail",
    title="fine detail",
    unit="dB",
    better=None,
    definition="The share of the spectral power of the grey levels, but for their mean, above half the Nyquist "
    "frequency, as 10·log10, under a Hann window. Enlarging from half the size takes 5 to 20 dB away.",
    tool="pixels",
    against=image_alone,
    compute=fine_detail,
    negligible=2.0,
)
