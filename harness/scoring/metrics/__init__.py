"""Every quality metric: one file each, found by being here; its literal is called `METRIC`."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

from arena.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.scoring.base import QualityMetric


def every_metric() -> dict[str, QualityMetric]:
    """All metrics by name, in alphabetical order."""
    found = [import_module(f"{__name__}.{module.name}").METRIC for module in pkgutil.iter_modules(__path__)]
    return {metric.name: metric for metric in sorted(found, key=lambda m: m.name)}


def chosen_metrics(names: Sequence[str]) -> list[QualityMetric]:
    """The metrics of these names, all without any; UnknownNameError with the nearest name that there is."""
    known = every_metric()
    for name in names:
        if name not in known:
            raise UnknownNameError("metric", name, known, "--metric")
    return [known[name] for name in dict.fromkeys(names)] if names else list(known.values())
