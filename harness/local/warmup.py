"""What a pipeline generates before the first request, so that no request pays for what only a first one does.

A first image costs more than a second: kernels are chosen, memory is taken, and where the pipeline is compiled it is
compiled anew for every shape, that is for every size and every number of images in a batch.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from arena.units import format_ms
from harness.local.pipeline import LocalJob
from harness.local.speed import GRAPH_MODES

if TYPE_CHECKING:
    from harness.local.pipeline import LocalPipeline
    from harness.local.settings import LocalSettings

logger = logging.getLogger(__name__)

_SMALL_PX = 256
_DEFAULT_PX = 1024
_GRAPH_ROUNDS = 3  # the first runs without a graph, the second records it, the third replays it


def warm_up(pipeline: LocalPipeline, settings: LocalSettings) -> None:
    """Generate every size of `settings.warm_sizes`, with a compiled pipeline in batches of every length."""
    speed = settings.speed
    batches = range(1, speed.max_batch + 1) if speed.compile != "off" else [1]
    for width_px, height_px in warm_sizes_px(settings):
        for n in batches:
            begin_s = time.perf_counter()
            for _ in range(_GRAPH_ROUNDS if speed.compile in GRAPH_MODES else 1):
                pipeline.generate(LocalJob("warm-up", width_px, height_px, 0, settings.steps, settings.guidance, n=n))
            took = format_ms((time.perf_counter() - begin_s) * 1000)
            logger.info("%s: warm at %dx%d, %d at a time, in %s", pipeline.device, width_px, height_px, n, took)
    if pipeline.compiled is not None:
        pipeline.compiled.is_serving = True


def warm_sizes_px(settings: LocalSettings) -> list[tuple[int, int]]:
    """Width and height of what is generated: what `settings` name, else one size, the default of calls if compiled."""
    if not settings.warm_sizes:
        side_px = _SMALL_PX if settings.speed.compile == "off" else _DEFAULT_PX
        side_px = min(side_px, settings.max_side_px // 16 * 16)
        return [(side_px, side_px)]
    sides = [size.split("x") for size in settings.warm_sizes]
    return [(int(width), int(height)) for width, height in sides]
