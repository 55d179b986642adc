"""Noise: the residual that no picture explains, from the finest diagonal wavelet coefficients (Donoho & Johnstone 1994,
Biometrika 81:425-455)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.scoring.base import Measured, QualityMetric, image_alone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.scoring.base import Subject, Tools


def noise(subjects: Sequence[Subject], _tools: Tools) -> list[Measured]:
    """Its standard deviation, in steps of 255: the mean over the channels."""
    from harness.scoring.pixels import noise_level

    return [Measured(noise_level(s.image)) for s in subjects]


METRIC = QualityMetric(
    name="noise",
    title="noise",
    unit="levels",
    better=None,
    definition="The standard deviation of noise in steps of 255, as the median of absolute diagonal Haar coefficients "
    "over 0.6745, averaged over the channels. Texture counts as noise, too: compare images of one prompt only.",
    tool="pixels",
    against=image_alone,
    compute=noise,
    negligible=2.0,
)
