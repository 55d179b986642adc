"""Sharpness: the variance of the Laplacian (Pech-Pacheco et al. 2000, ICPR, 3:314-317)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.scoring.base import Measured, QualityMetric, image_alone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.scoring.base import Subject, Tools


def sharpness(subjects: Sequence[Subject], _tools: Tools) -> list[Measured]:
    """Of the grey levels at full size."""
    from scipy import ndimage

    from harness.scoring.pixels import grey_levels

    return [Measured(float(ndimage.laplace(grey_levels(s.image)).var())) for s in subjects]


METRIC = QualityMetric(
    name="sharpness",
    title="sharpness",
    unit="levels²",
    better=None,
    definition="The variance of the Laplacian of the grey levels at full size. It depends on what is shown as much as "
    "on how sharply, and noise looks sharp: compare images of one prompt only.",
    tool="pixels",
    against=image_alone,
    compute=sharpness,
)
