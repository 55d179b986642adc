"""Keeps Python's garbage collector from stopping what is being measured."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

YOUNG_OBJECTS = 50_000


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Sets aside what exists by now, modules and trials, so that a collection looks at what has been made since.

    With some hundred thousand objects around, a full collection stops everything for 50 to 150 ms, and whatever arrives
    meanwhile would be read that much too late.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
