"""A value that is costly to make: whoever asks gets the last one at once, and a new one is made in the background."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
SHARE = 20
"""A value is made anew no sooner than after this many times as long as it took to make."""
_LOG = logging.getLogger(__name__)


class Fresh(Generic[T]):
    """`make` gets the last value (None at first) and returns the next one; it runs in one thread at a time.

    Only the first to ask waits. What fails later is logged, the last value stays, and it is tried again.
    """

    def __init__(self, make: Callable[[T | None], T], every_s: float) -> None:
        self._make, self._every_s = make, every_s
        self._lock = threading.Lock()
        self._value: T | None = None
        self._due_s = 0.0

    def get(self) -> T:
        """The value; raises what `make` raises while there is none."""
        value = self._value
        if value is None:
            with self._lock:
                return self._renewed() if self._value is None else self._value
        if time.monotonic() >= self._due_s and self._lock.acquire(blocking=False):
            threading.Thread(target=self._renew_and_release, name="fresh", daemon=True).start()
        return value

    def _renewed(self) -> T:
        began_s = time.monotonic()
        value = self._value = self._make(self._value)
        ended_s = time.monotonic()
        self._due_s = ended_s + max(self._every_s, SHARE * (ended_s - began_s))
        return value

    def _renew_and_release(self) -> None:
        try:
            self._renewed()
        except Exception:  # noqa: BLE001 - whatever it was, the last value is still there
            _LOG.exception("a value could not be made anew; the last one stays")
            self._due_s = time.monotonic() + self._every_s
        finally:
            self._lock.release()
